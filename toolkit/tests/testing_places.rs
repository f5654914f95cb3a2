//! An expectation that is not met panics at its place in the test, not in the kit. A hook notes the places, so this test has
//! its program to itself.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use hippodrome::sim::Sim;
use hippodrome::{Engine, On, Reply, from_fn};
use hippodrome_toolkit::testing::{Letter, Probe, Runtime, dead_letters, expect_answer, watch};

thread_local! {
    /// Whether the last panic of this thread was in this file.
    static WAS_HERE: Cell<bool> = const { Cell::new(false) };
}

const SHORT: Duration = Duration::from_millis(10);

fn assert_fails_here(runtime: &mut dyn Runtime, expectation: impl FnOnce(&mut dyn Runtime)) {
    WAS_HERE.set(false);
    catch_unwind(AssertUnwindSafe(|| expectation(runtime))).expect_err("the expectation is met");
    assert!(WAS_HERE.get(), "it panicked elsewhere");
}

fn fail_all(runtime: &mut dyn Runtime) {
    let probe = Probe::<u64>::new(runtime).within(SHORT);
    let letters = dead_letters(runtime).within(SHORT);
    let handle = runtime.handle();
    let silent = handle.spawn(On::Worker(0), || from_fn(|_: Reply<u64>, _ctx| ())).unwrap();
    assert_fails_here(runtime, |runtime| _ = probe.expect(runtime));
    assert_fails_here(runtime, |runtime| probe.expect_eq(runtime, 1));
    assert_fails_here(runtime, |runtime| _ = probe.expect_that(runtime, "one", |n| *n == 1));
    assert_fails_here(runtime, |runtime| _ = probe.fish(runtime, "one", |n| *n == 1));
    assert_fails_here(runtime, |runtime| probe.expect_all(runtime, [1]));
    assert_fails_here(runtime, |runtime| {
        runtime.handle().tell(probe.actor(), 1);
        probe.expect_none_for(runtime, Duration::from_secs(5));
    });
    assert_fails_here(runtime, |runtime| _ = watch(runtime, probe.actor()).within(SHORT).expect_stopped(runtime));
    assert_fails_here(runtime, |runtime| _ = expect_answer(runtime, handle.ask(silent, |reply| reply)));
    assert_fails_here(runtime, |runtime| {
        let letter = Letter::of::<u64>(probe.actor(), hippodrome::DeadLetterReason::Full);
        letters.expect_eq(runtime, letter);
    });
    assert_fails_here(runtime, |runtime| runtime.fail("on purpose"));
}

#[test]
fn failures_are_at_their_place_in_the_test() {
    panic::set_hook(Box::new(|info| {
        WAS_HERE.set(info.location().is_some_and(|place| place.file().ends_with("testing_places.rs")));
    }));
    fail_all(&mut Sim::new(1));
    let mut engine = Engine::builder().unpinned_workers(1).start().unwrap();
    fail_all(&mut engine);
    engine.shutdown(Duration::from_secs(20)).unwrap();
}
