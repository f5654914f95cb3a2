//! The processor time of a thread.

use std::time::Duration;

/// How long the calling thread has run so far, if the system tells.
#[cfg(unix)]
pub(super) fn of_this_thread() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec` to where it is told, which is a live one of ours.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    (failed == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Not known here.
#[cfg(not(unix))]
pub(super) fn of_this_thread() -> Option<Duration> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_and_sleep_takes_next_to_none() {
        let before = of_this_thread().unwrap();
        let mut value = 1_u64;
        while of_this_thread().unwrap() < before + Duration::from_millis(5) {
            value = std::hint::black_box(value.wrapping_mul(3));
        }
        let worked = of_this_thread().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(of_this_thread().unwrap() - worked < Duration::from_millis(50));
    }
}
