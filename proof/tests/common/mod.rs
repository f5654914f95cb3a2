//! What the tests share: a host on a clock of its own, driven until nothing is on its way.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hippodrome::{Clock, Engine, Host};
use proof::workload::{Plan, Summary, Violations, Workload, configuration};

/// A clock that goes on by 20 µs whenever somebody looks at it: time passes as work is done, the same in each run.
#[derive(Debug, Default)]
pub(crate) struct StepClock(AtomicU64);

impl Clock for StepClock {
    fn now_ns(&self) -> u64 {
        self.0.fetch_add(20_000, Ordering::Relaxed)
    }
}

/// A host with a workload that is ready.
pub(crate) fn hosted(seed: u64, change: impl FnOnce(&mut Plan)) -> (Host, Workload) {
    let config = configuration(seed, 1 + seed as usize % 4);
    let mut plan = Plan::new(seed, &config);
    change(&mut plan);
    let mut host = Engine::from_config(config).clock(Arc::new(StepClock::default())).host().expect("the host is made");
    let workload = Workload::start(&host.handle(), plan).expect("the auditor is spawned");
    while !workload.is_ready() {
        host.poll(1);
    }
    (host, workload)
}

/// How many idle polls it takes at most until nothing more comes: the longest time that anything waits for, in steps of
/// the clock, and much more.
const POLLS: usize = 20_000;

/// Polls, with all checks between the polls, until nothing is on its way; then checks that.
pub(crate) fn settle(host: &mut Host, workload: &mut Workload, budget: u64) -> Result<Summary, Violations> {
    for _ in 0..POLLS {
        host.poll(budget);
        workload.check_always(&host.stats())?;
        if workload.is_idle() {
            break;
        }
    }
    // Restarts that wait, events that were not heard yet.
    (0..1000).for_each(|_| _ = host.poll(1000));
    let stats = host.stats();
    workload.check_quiet(&stats)
}
