//! A monitor allocates nothing for a check, in the steady state.

#[path = "common/allocations.rs"]
mod allocations;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use allocations::allocations_of_all;
use hippodrome::{Actor, Context, Engine, On, Reply};
use hippodrome_toolkit::health::{Check, HealthMonitor};

const PATIENCE: Duration = Duration::from_secs(30);

/// How often the patients were asked.
static ASKED: AtomicU64 = AtomicU64::new(0);

struct Patient;

impl Actor for Patient {
    type Msg = Reply<()>;

    fn handle(&mut self, reply: Reply<()>, ctx: &mut Context<'_, Reply<()>>) {
        ASKED.fetch_add(1, Ordering::SeqCst);
        reply.send(ctx, ());
    }
}

/// Waits for so many more questions, without allocating.
fn wait_for(questions: u64) {
    let (before, deadline) = (ASKED.load(Ordering::SeqCst), Instant::now() + PATIENCE);
    while ASKED.load(Ordering::SeqCst) < before + questions {
        assert!(Instant::now() < deadline, "nobody is asked");
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn a_check_allocates_nothing() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let mut monitor = HealthMonitor::new();
    for worker in [0, 1, 0, 1] {
        let patient = handle.spawn(On::Worker(worker), || Patient).unwrap();
        let often = |check: Check| check.every(Duration::from_millis(1)).deadline(PATIENCE);
        monitor = monitor.check(often(Check::asking(patient, |reply| reply))).check(often(Check::ping(patient)));
    }
    handle.spawn(On::Worker(1), move || monitor.clone()).unwrap();
    wait_for(1000);
    // What a thread needs once, because it gets its time late as never before, is no part of the steady state.
    let mut counted = Vec::new();
    while counted.last() != Some(&0) {
        assert!(counted.len() < 10, "checks allocate: {counted:?}");
        counted.push(allocations_of_all(|| wait_for(400)));
    }
    engine.shutdown(PATIENCE).unwrap();
}
