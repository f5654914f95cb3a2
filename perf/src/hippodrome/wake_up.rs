//! An idle worker is woken by a handle, for each wait strategy.

use std::sync::Arc;

use hippodrome::{On, WaitStrategy};
use hippodrome_perf_kit::scenarios::threads::produce;
use hippodrome_perf_kit::scenarios::wake_up::Sleeper;
use hippodrome_perf_kit::{Case, Cores, Failure, Finish, Sample, Subject};

use super::{NAME, PATIENCE, once, pinned_workers};

/// One for each wait strategy.
pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("wake_up", NAME, parking).via(WaitStrategy::SpinThenPark.name()),
    Subject::new("wake_up", NAME, yielding).via(WaitStrategy::SpinThenYield.name()),
    Subject::new("wake_up", NAME, spinning).via(WaitStrategy::BusySpin.name()),
];

/// So few messages found the worker parked that the median is not about those.
#[derive(Debug, thiserror::Error)]
#[error("the worker parked {parks} times between {messages} messages: more than half of them must find it parked")]
struct NotParked {
    parks: u64,
    messages: u64,
}

fn parking(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (sample, parks) = wake(case, cores, WaitStrategy::SpinThenPark)?;
    let messages = case.messages;
    if parks <= messages / 2 {
        return Err(NotParked { parks, messages }.into());
    }
    Ok(sample)
}

fn yielding(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    Ok(wake(case, cores, WaitStrategy::SpinThenYield)?.0)
}

fn spinning(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    Ok(wake(case, cores, WaitStrategy::BusySpin)?.0)
}

/// Idle turns before a worker yields or parks: few, so that it has done so well before the next message.
const SPINS: u32 = 100;

/// Runs it once, and tells how often the worker parked between messages.
fn wake(case: &Case, cores: &Cores, strategy: WaitStrategy) -> Result<(Sample, u64), Failure> {
    let (first, second) = cores.pair()?;
    let engine = pinned_workers([second]).wait(strategy).configure(|config| config.defaults.spins = SPINS).start()?;
    let handle = engine.handle();
    let finish = Arc::new(Finish::default());
    let (sleeper, caller) = Sleeper::new(case, finish.clone());
    let sleeper = handle.spawn(On::Worker(0), once(sleeper))?;
    let parks = || handle.stats().workers.iter().map(|worker| worker.parks).sum::<u64>();
    let mut parked = 0;
    let send = || {
        let before = parks();
        caller.call_counted(|wake| handle.tell(sleeper, wake));
        parked = parks() - before;
        caller.call_last(|wake| handle.tell(sleeper, wake));
    };
    let sample = produce(first, &finish, vec![send])?;
    engine.shutdown(PATIENCE)?;
    Ok((caller.complete(sample), parked))
}
