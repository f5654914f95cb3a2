//! Models of the breaker: its threads run one at a time, in orders that chance decides.
//!
//! Run by
//!
//! ```sh
//! RUSTFLAGS='--cfg shuttle' CARGO_TARGET_DIR=target/shuttle cargo test -p hippodrome-toolkit --lib --release breaker
//! ```

use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::{self, JoinHandle};

use super::{Breaker, BreakerLimits, Circuit, Permit};

/// Schedules of each kind for each model.
const EXECUTIONS: usize = 3000;

const COOL_DOWN_NS: u64 = 1000;

/// When a breaker that has opened at the start may be tried.
const LATER_NS: u64 = 5000;

fn explore(model: fn()) {
    shuttle::check_random(model, EXECUTIONS);
    shuttle::check_pct(model, EXECUTIONS, 3);
}

fn breaker(failures: u32, trials: u32) -> Breaker {
    let cool_down = Duration::from_nanos(COOL_DOWN_NS);
    Breaker::new(BreakerLimits { failures, within: 10 * cool_down, cool_down, trials })
}

/// One that has opened at its first failure.
fn opened(trials: u32) -> Breaker {
    let breaker = breaker(1, trials);
    breaker.failed(0);
    assert_eq!(breaker.circuit(1), Circuit::Open);
    breaker
}

fn spawn<T: Send + 'static>(breaker: &Breaker, run: impl FnOnce(Breaker) -> T + Send + 'static) -> JoinHandle<T> {
    let breaker = breaker.clone();
    thread::spawn(move || run(breaker))
}

fn together<T: Send + 'static>(threads: Vec<JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// Tries until nobody is let through at this time, and returns how often somebody was.
fn rest(breaker: &Breaker, now_ns: u64) -> usize {
    std::iter::from_fn(|| breaker.permit(now_ns).ok()).count()
}

#[test]
fn so_many_failures_of_any_threads_open_it() {
    explore(|| {
        let breaker = breaker(3, 1);
        together((0..3).map(|n| spawn(&breaker, move |breaker| breaker.failed(10 + n))).collect());
        assert_eq!(breaker.circuit(20), Circuit::Open);
        assert!(breaker.permit(20).is_err());
    });
}

#[test]
fn fewer_failures_do_not() {
    explore(|| {
        let breaker = breaker(3, 1);
        together((0..2).map(|n| spawn(&breaker, move |breaker| breaker.failed(10 + n))).collect());
        assert_eq!(breaker.circuit(20), Circuit::Closed);
    });
}

#[test]
fn as_many_are_let_through_to_try_as_it_says() {
    explore(|| {
        let breaker = opened(2);
        let permits = together((0..3).map(|_| spawn(&breaker, |breaker| breaker.permit(LATER_NS))).collect());
        let admitted = permits.iter().flatten().count();
        assert!((1..=2).contains(&admitted), "{admitted}");
        assert_eq!(admitted + rest(&breaker, LATER_NS), 2);
    });
}

#[test]
fn trials_that_go_well_close_it_and_no_fewer() {
    explore(|| {
        let breaker = opened(2);
        let goes_well = |breaker: Breaker| breaker.permit(LATER_NS).map(|permit| permit.succeeded(LATER_NS)).is_ok();
        let went_well = together((0..2).map(|_| spawn(&breaker, goes_well)).collect());
        for went_well in went_well.into_iter().filter(|went_well| *went_well).count()..2 {
            assert_eq!(breaker.circuit(LATER_NS), Circuit::HalfOpen, "{went_well} trials went well");
            breaker.permit(LATER_NS).unwrap().succeeded(LATER_NS);
        }
        assert_eq!(breaker.circuit(LATER_NS), Circuit::Closed);
    });
}

#[test]
fn a_trial_that_fails_opens_it_and_the_next_ones_are_counted_anew() {
    explore(|| {
        let breaker = opened(3);
        let well = spawn(&breaker, |breaker| breaker.permit(LATER_NS).map(|permit| permit.succeeded(LATER_NS)).is_ok());
        let bad = spawn(&breaker, |breaker| breaker.permit(LATER_NS).map(|permit| permit.failed(LATER_NS)).is_ok());
        let (_, has_failed) = (well.join().unwrap(), bad.join().unwrap());
        if !has_failed {
            return;
        }
        assert_eq!(breaker.circuit(LATER_NS), Circuit::Open);
        let again_ns = LATER_NS + 2 * COOL_DOWN_NS;
        let permits = together((0..4).map(|_| spawn(&breaker, move |breaker| breaker.permit(again_ns))).collect());
        let mut permits: Vec<Permit> = permits.into_iter().flatten().collect();
        permits.extend(std::iter::from_fn(|| breaker.permit(again_ns).ok()));
        assert_eq!(permits.len(), 3);
        for permit in permits {
            assert_eq!(breaker.circuit(again_ns), Circuit::HalfOpen);
            permit.succeeded(again_ns);
        }
        assert_eq!(breaker.circuit(again_ns), Circuit::Closed);
    });
}

/// Threads that are held up for longer than any phase lasts: whatever they leave behind, trials that go well close the
/// circuit, and it counts from there.
#[test]
fn no_state_is_ever_stuck() {
    const TRIALS: u32 = 2;
    explore(|| {
        let breaker = breaker(2, TRIALS);
        let any = |breaker: Breaker| {
            let mut now_ns = 0;
            for _ in 0..3 {
                now_ns += thread_rng().gen_range(0..2 * COOL_DOWN_NS);
                match (breaker.permit(now_ns), thread_rng().gen_range(0..4)) {
                    (Ok(permit), 0) => permit.succeeded(now_ns + COOL_DOWN_NS),
                    (Ok(permit), 1..3) => permit.failed(now_ns),
                    _ => breaker.failed(now_ns),
                }
            }
        };
        together((0..3).map(|_| spawn(&breaker, any)).collect());
        let later_ns = 100 * COOL_DOWN_NS;
        // Of the phase in which the threads have left it some trials may be left.
        for _ in 0..2 * TRIALS {
            breaker.permit(later_ns).unwrap().succeeded(later_ns);
        }
        assert_eq!(breaker.circuit(later_ns), Circuit::Closed);
        breaker.failed(later_ns + COOL_DOWN_NS);
        assert_eq!(breaker.circuit(later_ns + COOL_DOWN_NS), Circuit::Closed);
        breaker.failed(later_ns + COOL_DOWN_NS);
        assert_eq!(breaker.circuit(later_ns + COOL_DOWN_NS), Circuit::Open);
    });
}
