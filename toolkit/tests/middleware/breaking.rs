//! Circuit breakers, around actors and by themselves.

use std::collections::VecDeque;
use std::time::Duration;

use hippodrome::sim::{Probe, Sim, explore};
use hippodrome::{Actor, ActorRef, Context, DeadLetterReason, Engine, On, Props, Reply, Restart};
use hippodrome_toolkit::middleware::{Breaker, BreakerLimits, Circuit, CircuitBreaker, CircuitOpen, Layers};
use proptest::prelude::*;

use crate::PATIENCE;

const SECOND: Duration = Duration::from_secs(1);

/// Does what it is told, in front of something that may be down.
struct Backend {
    breaker: Breaker,
    log: ActorRef<u64>,
}

enum Call {
    Good(u64),
    Panics,
    /// Reports a failure without a panic.
    Bad,
    Control(u64),
}

impl Actor for Backend {
    type Msg = Call;

    fn handle(&mut self, call: Call, ctx: &mut Context<'_, Call>) {
        match call {
            Call::Good(n) | Call::Control(n) => ctx.tell(self.log, n),
            Call::Panics => std::panic::resume_unwind(Box::new("a panic of the test's")),
            Call::Bad => self.breaker.failed(ctx.now_ns()),
        }
    }
}

fn limits() -> BreakerLimits {
    BreakerLimits { failures: 3, within: 10 * SECOND, cool_down: 5 * SECOND, trials: 2 }
}

fn backend(sim: &mut Sim) -> (ActorRef<Call>, Breaker, Probe<u64>) {
    let (breaker, probe) = (Breaker::new(limits()), sim.probe());
    let log = probe.actor();
    let (inside, around) = (breaker.clone(), breaker.clone());
    let factory = (move || Backend { breaker: inside.clone(), log })
        .layer(move || CircuitBreaker::new(&around).only(|call| !matches!(call, Call::Control(_))));
    let props = Props::on(On::Worker(1)).restart(Restart::up_to(100, SECOND));
    (sim.handle().spawn(props, factory).unwrap(), breaker, probe)
}

/// Tells an actor all of these, one after the other, and returns what came of it.
fn tell(sim: &mut Sim, to: ActorRef<Call>, calls: impl IntoIterator<Item = Call>, probe: &Probe<u64>) -> Vec<u64> {
    calls.into_iter().for_each(|call| sim.handle().tell(to, call));
    sim.run_until_idle().unwrap();
    probe.drain()
}

fn circuit(sim: &Sim, breaker: &Breaker) -> Circuit {
    breaker.circuit(sim.handle().now_ns())
}

#[test]
fn a_circuit_opens_after_failures_cools_down_and_is_tried() {
    explore(20, |sim| {
        let (actor, breaker, probe) = backend(sim);
        use Call::{Bad, Control, Good, Panics};
        // Panics and reports count together, over restarts.
        assert_eq!(tell(sim, actor, [Panics, Good(1), Bad, Good(2)], &probe), [1, 2]);
        assert_eq!(circuit(sim, &breaker), Circuit::Closed);
        assert_eq!(tell(sim, actor, [Panics, Good(3), Control(4), Good(5)], &probe), [4], "control goes through");
        assert_eq!(circuit(sim, &breaker), Circuit::Open);
        assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Refused), 2);

        sim.advance(5 * SECOND).unwrap();
        assert_eq!(circuit(sim, &breaker), Circuit::HalfOpen);
        assert_eq!(tell(sim, actor, [Control(4), Good(5), Control(6)], &probe), [4, 5, 6]);
        assert_eq!(circuit(sim, &breaker), Circuit::HalfOpen, "that was one of two trials");
        assert_eq!(tell(sim, actor, [Panics, Good(7)], &probe), Vec::<u64>::new());
        assert_eq!(circuit(sim, &breaker), Circuit::Open, "a trial has failed");

        sim.advance(5 * SECOND).unwrap();
        assert_eq!(tell(sim, actor, [Bad, Good(8)], &probe), Vec::<u64>::new());
        assert_eq!(circuit(sim, &breaker), Circuit::Open, "a trial that reports its failure has failed");

        sim.advance(5 * SECOND).unwrap();
        assert_eq!(tell(sim, actor, [Good(9), Good(10), Good(11)], &probe), [9, 10, 11]);
        assert_eq!(circuit(sim, &breaker), Circuit::Closed);
        // Failures from before do not count any more.
        assert_eq!(tell(sim, actor, [Panics, Panics, Good(12)], &probe), [12]);
        let report = sim.shutdown().unwrap();
        assert_eq!(report.dead_letters.get(DeadLetterReason::Refused), 4);
        assert_eq!(report.dead_letters.get(DeadLetterReason::Panicked), 5);
    });
}

#[test]
fn failures_that_are_far_apart_do_not_open_a_circuit() {
    let mut sim = Sim::new(1);
    let (actor, breaker, probe) = backend(&mut sim);
    for _ in 0..20 {
        tell(&mut sim, actor, [Call::Panics], &probe);
        sim.advance(Duration::from_millis(5001)).unwrap();
        assert_eq!(circuit(&sim, &breaker), Circuit::Closed);
    }
    tell(&mut sim, actor, [Call::Panics, Call::Panics], &probe);
    assert_eq!(circuit(&sim, &breaker), Circuit::Open);
}

/// Panics as it starts, so often.
struct Stubborn;

static STARTS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

impl Actor for Stubborn {
    type Msg = Reply<u64>;

    fn started(&mut self, _: &mut Context<'_, Reply<u64>>) {
        if STARTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 3 {
            std::panic::resume_unwind(Box::new("a panic of the test's"));
        }
    }

    fn handle(&mut self, reply: Reply<u64>, ctx: &mut Context<'_, Reply<u64>>) {
        reply.send(ctx, 1);
    }
}

#[test]
fn a_start_that_panics_is_a_failure_and_a_refusal_can_be_an_answer_on_real_workers() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let breaker = Breaker::new(BreakerLimits { failures: 3, cool_down: 3600 * SECOND, ..limits() });
    let around = breaker.clone();
    let factory = (|| Stubborn)
        .layer(move || CircuitBreaker::new(&around).otherwise(|reply: Reply<u64>, ctx| reply.send(ctx, 0)));
    let props = Props::on(On::Worker(1)).restart(Restart::up_to(10, PATIENCE));
    let actor = handle.spawn(props, factory).unwrap();
    assert_eq!(handle.ask(actor, |reply| reply).wait(PATIENCE), Ok(0));
    assert_eq!(breaker.circuit(handle.now_ns()), Circuit::Open);
    assert_eq!(engine.shutdown(PATIENCE).unwrap().dead_letters.get(DeadLetterReason::Refused), 0);
}

#[test]
fn results_of_an_earlier_phase_count_for_nothing() {
    let breaker = Breaker::new(BreakerLimits { failures: 1, trials: 1, ..limits() });
    let second = 1_000_000_000;
    let (early, other) = (breaker.permit(0).unwrap(), breaker.permit(0).unwrap());
    breaker.permit(0).unwrap().failed(0);
    let open = breaker.permit(second).unwrap_err();
    assert_eq!(open, CircuitOpen { until_ns: 5 * second });
    assert_eq!(open.to_string(), "the circuit is open until 5000000000 ns on the engine's clock");
    let trial = breaker.permit(5 * second).unwrap();
    assert!(breaker.permit(5 * second).is_err(), "one trial");
    early.succeeded(6 * second);
    assert_eq!(breaker.circuit(6 * second), Circuit::HalfOpen);
    trial.succeeded(6 * second);
    assert_eq!(breaker.circuit(6 * second), Circuit::Closed);
    other.failed(7 * second);
    assert_eq!(breaker.circuit(7 * second), Circuit::Closed);
    // A trial of which nothing is heard is given up.
    breaker.failed(8 * second);
    drop(breaker.permit(13 * second).unwrap());
    assert!(breaker.permit(17 * second).is_err());
    breaker.permit(18 * second).unwrap().succeeded(18 * second);
    assert_eq!(breaker.circuit(18 * second), Circuit::Closed);
}

#[test]
fn results_of_an_earlier_phase_are_not_counted_in_a_later_one() {
    let breaker = Breaker::new(BreakerLimits { failures: 2, trials: 2, ..limits() });
    let second = 1_000_000_000;
    let early = breaker.permit(0).unwrap();
    (0..2).for_each(|_| breaker.failed(0));
    // Of the first two trials nothing is heard until there are others.
    let lost = [breaker.permit(5 * second).unwrap(), breaker.permit(5 * second).unwrap()];
    let trials = [breaker.permit(10 * second).unwrap(), breaker.permit(10 * second).unwrap()];
    lost.into_iter().for_each(|permit| permit.succeeded(10 * second));
    let [first, second_trial] = trials;
    first.succeeded(10 * second);
    assert_eq!(breaker.circuit(10 * second), Circuit::HalfOpen);
    second_trial.succeeded(10 * second);
    assert_eq!(breaker.circuit(10 * second), Circuit::Closed);
    early.failed(11 * second);
    breaker.failed(12 * second);
    assert_eq!(breaker.circuit(12 * second), Circuit::Closed, "one failure since it was closed");
}

#[test]
fn failures_count_as_long_as_they_are_within_the_time() {
    let breaker = Breaker::new(BreakerLimits { failures: 2, within: Duration::from_nanos(100), ..limits() });
    breaker.failed(1000);
    breaker.failed(1101);
    assert_eq!(breaker.circuit(1101), Circuit::Closed);
    breaker.failed(1201);
    assert_eq!(breaker.circuit(1201), Circuit::Open);
}

#[test]
fn a_breaker_is_shared_by_threads() {
    let breaker = Breaker::new(BreakerLimits { failures: 10, trials: 4, ..limits() });
    let second = 1_000_000_000;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| breaker.failed(second)));
        }
    });
    assert_eq!(breaker.circuit(second), Circuit::Open);
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..100).filter(|_| breaker.permit(10 * second).is_ok()).count())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!((1..=4).contains(&admitted), "{admitted} trials");
    // Whatever was dropped meanwhile, it comes to an end.
    let trials: Vec<_> = (0..4).map(|_| breaker.permit(100 * second).unwrap()).collect();
    std::thread::scope(|scope| {
        for trial in trials {
            scope.spawn(move || trial.succeeded(100 * second));
        }
    });
    assert_eq!(breaker.circuit(100 * second), Circuit::Closed);
}

/// A breaker as one would write it for one thread, with a list of failures.
struct Model {
    limits: BreakerLimits,
    failures: VecDeque<u64>,
    /// Until when it is open, or when more are let through.
    until: Option<u64>,
    trials_left: u32,
    is_tried: bool,
    successes: u32,
    /// Counts the phases.
    phase: u64,
}

impl Model {
    fn permit(&mut self, now: u64) -> Option<u64> {
        let Some(until) = self.until else { return Some(self.phase) };
        if self.trials_left == 0 {
            if now < until {
                return None;
            }
            self.until = Some(now + 100);
            (self.is_tried, self.successes, self.trials_left) = (true, 0, self.limits.trials);
            self.phase += 1;
        }
        self.trials_left -= 1;
        Some(self.phase)
    }

    fn succeeded(&mut self, phase: u64) {
        if phase == self.phase && self.is_tried {
            self.successes += 1;
            if self.successes == self.limits.trials {
                (self.until, self.is_tried, self.trials_left) = (None, false, 0);
                self.failures.clear();
                self.phase += 1;
            }
        }
    }

    fn failed(&mut self, phase: u64, now: u64) {
        if phase != self.phase || self.until.is_some() && !self.is_tried {
            return;
        }
        self.failures.push_back(now);
        self.failures.retain(|at| now - at <= 50);
        if self.is_tried || self.failures.len() >= self.limits.failures as usize {
            (self.until, self.is_tried, self.trials_left) = (Some(now + 100), false, 0);
            self.phase += 1;
        }
    }
}

proptest! {
    /// Times of the model are in units of 40 ns, so that the cool-down of 100 is 4 µs, and nothing is rounded.
    #[test]
    fn a_breaker_does_what_its_model_does(
        failures in 1_u32..5,
        trials in 1_u32..4,
        steps in prop::collection::vec((0_u8..8, 0_u64..40), 1..200),
    ) {
        let time = |units: u64| Duration::from_nanos(40 * units);
        let limits = BreakerLimits { failures, within: time(50), cool_down: time(100), trials };
        let breaker = Breaker::new(limits);
        let mut model = Model {
            limits, failures: VecDeque::new(), until: None, trials_left: 0, is_tried: false, successes: 0, phase: 0,
        };
        let mut held = Vec::new();
        let mut now = 0;
        for (what, pause) in steps {
            let now_ns = 40 * now;
            match what {
                0..3 => {
                    let (permit, expected) = (breaker.permit(now_ns), model.permit(now));
                    prop_assert_eq!(permit.is_ok(), expected.is_some(), "at {}", now);
                    held.extend(permit.ok().zip(expected));
                }
                3..5 => {
                    if let Some((permit, phase)) = (!held.is_empty()).then(|| held.remove(pause as usize % held.len())) {
                        permit.succeeded(now_ns);
                        model.succeeded(phase);
                    }
                }
                5 => {
                    if let Some((permit, phase)) = held.pop() {
                        permit.failed(now_ns);
                        model.failed(phase, now);
                    }
                }
                6 => {
                    breaker.failed(now_ns);
                    model.failed(model.phase, now);
                }
                _ => now += pause,
            }
        }
    }
}
