//! What an engine costs that has nothing to do.

use std::time::{Duration, Instant};

use hippodrome::Engine;
use hippodrome::config::Config;

/// How long workers get to become tired of spinning.
const SETTLING: Duration = Duration::from_millis(50);

/// How long the idle engine is watched.
const WATCHED: Duration = Duration::from_millis(100);

/// How many cores an engine of this configuration keeps busy while it has nothing to do; `None` if the system does not
/// tell.
///
/// # Errors
/// The engine does not start, or does not shut down in order.
pub(super) fn idle_cores(config: &Config) -> Result<Option<f64>, hippodrome::Error> {
    Engine::run(config.clone(), Duration::from_secs(5), |_| {
        std::thread::sleep(SETTLING);
        let (started, before) = (Instant::now(), processor_time()?);
        std::thread::sleep(WATCHED);
        let used = processor_time()?.saturating_sub(before);
        Some(used.as_secs_f64() / started.elapsed().as_secs_f64())
    })
}

/// The processor time that all threads of this process have used.
fn processor_time() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of this function's own, which the call writes.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    (result == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

#[cfg(test)]
mod tests {
    use hippodrome::config::{WaitStrategy, WorkerConfig};

    use super::*;

    #[test]
    fn processor_time_never_goes_back() {
        let before = processor_time().unwrap();
        assert!(processor_time().unwrap() >= before);
    }

    #[test]
    fn what_an_idle_engine_costs_is_measured_whatever_it_waits_by() {
        let mut config = Config::default();
        config.workers = vec![WorkerConfig::default()];
        config.defaults.wait = WaitStrategy::BusySpin;
        let spinning = idle_cores(&config).unwrap().unwrap();
        assert!(spinning > 0.0);
        config.defaults.wait = WaitStrategy::SpinThenPark;
        assert!(idle_cores(&config).unwrap().is_some());
    }
}
