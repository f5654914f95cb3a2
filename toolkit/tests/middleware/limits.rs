//! Deadlines and rates.

use std::sync::mpsc;
use std::time::Duration;

use hippodrome::sim::{Sim, explore};
use hippodrome::{ActorRef, DeadLetterReason, Engine, On, Reply, from_fn};
use hippodrome_toolkit::middleware::{Deadline, Layers, RateLimit};

use crate::PATIENCE;

struct Timed {
    number: u64,
    at_ns: u64,
}

fn reported(sim: &mut Sim, reason: DeadLetterReason) -> u64 {
    sim.stats().dead_letters().get(reason)
}

#[test]
fn what_comes_after_its_deadline_is_reported_and_not_handled() {
    explore(20, |sim| {
        let probe = sim.probe();
        let to = probe.actor();
        let factory = (move || from_fn(move |timed: Timed, ctx| ctx.tell(to, timed.number)))
            .layer(|| Deadline::by(|timed: &Timed| timed.at_ns));
        let actor = sim.handle().spawn(On::Worker(1), factory).unwrap();
        sim.advance(Duration::from_millis(10)).unwrap();
        for (number, at_ns) in [(0, 9_999_999), (1, 10_000_000), (2, u64::MAX), (3, 0)] {
            sim.handle().tell(actor, Timed { number, at_ns });
        }
        sim.run_until_idle().unwrap();
        assert_eq!(probe.drain(), [1, 2]);
        assert_eq!(reported(sim, DeadLetterReason::Expired), 2);
        assert_eq!(sim.stats().dead_letters().total(), 2);
    });
}

#[test]
fn a_message_has_so_long_from_when_it_was_sent() {
    let mut sim = Sim::new(2);
    let probe = sim.probe();
    let to = probe.actor();
    let factory = (move || from_fn(move |timed: Timed, ctx| ctx.tell(to, timed.number)))
        .layer(|| Deadline::within(Duration::from_millis(5), |timed: &Timed| timed.at_ns));
    let actor = sim.handle().spawn(On::Worker(0), factory).unwrap();
    for number in 0..10 {
        // Each waits two milliseconds longer than the one before, and is of the same age as the simulation.
        sim.handle().tell(actor, Timed { number, at_ns: 0 });
        sim.run_until_idle().unwrap();
        sim.advance(Duration::from_millis(2)).unwrap();
    }
    assert_eq!(probe.drain(), [0, 1, 2]);
    assert_eq!(reported(&mut sim, DeadLetterReason::Expired), 7);
}

#[test]
fn what_is_too_late_or_too_much_can_be_answered() {
    type Question = (u64, Reply<&'static str>);
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let factory = (|| from_fn(|(_, reply): Question, ctx| reply.send(ctx, "yes")))
        .layer(|| {
            RateLimit::new(2, Duration::from_secs(3600))
                .otherwise(|(_, reply): Question, ctx| reply.send(ctx, "too much"))
        })
        .layer(|| Deadline::by(|(at, _): &Question| *at).otherwise(|(_, reply), ctx| reply.send(ctx, "too late")));
    let oracle: ActorRef<Question> = handle.spawn(On::Worker(1), factory).unwrap();
    let ask = |at_ns| handle.ask(oracle, |reply| (at_ns, reply)).wait(PATIENCE).unwrap();
    let soon = handle.now_ns() + 3_600_000_000_000;
    assert_eq!(
        [ask(soon), ask(0), ask(u64::MAX), ask(soon), ask(0)],
        ["yes", "too late", "yes", "too much", "too late"]
    );
    assert_eq!(engine.shutdown(PATIENCE).unwrap().dead_letters.total(), 0);
}

#[test]
fn a_rate_holds_in_virtual_time() {
    explore(20, |sim| {
        let probe = sim.probe();
        let to = probe.actor();
        let factory =
            (move || from_fn(move |n: u64, ctx| ctx.tell(to, n))).layer(|| RateLimit::per_second(100).burst(5));
        let actor = sim.handle().spawn(On::Worker(1), factory).unwrap();
        let through = |sim: &mut Sim, offered: u64| {
            (0..offered).for_each(|n| sim.handle().tell(actor, n));
            sim.run_until_idle().unwrap();
            probe.drain().len()
        };
        assert_eq!(through(sim, 20), 5, "the burst");
        for _ in 0..10 {
            sim.advance(Duration::from_millis(20)).unwrap();
            assert_eq!(through(sim, 20), 2, "two in 20 ms");
        }
        sim.advance(Duration::from_millis(9)).unwrap();
        assert_eq!(through(sim, 1), 0);
        sim.advance(Duration::from_millis(1)).unwrap();
        assert_eq!(through(sim, 1), 1, "nothing is lost in between");
        sim.advance(Duration::from_secs(60)).unwrap();
        assert_eq!(through(sim, 20), 5, "it is full again, and no more than that");
        assert_eq!(reported(sim, DeadLetterReason::Refused), 15 + 180 + 1 + 15);
    });
}

#[test]
fn a_rate_is_only_for_what_it_is_meant_for() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let (sender, seen) = mpsc::channel();
    let factory = (move || {
        let sender = sender.clone();
        from_fn(move |n: u64, _ctx| sender.send(n).unwrap())
    })
    .layer(|| RateLimit::per_second(0).only(|n| n % 2 == 1));
    let actor = engine.handle().spawn(On::Worker(0), factory).unwrap();
    (0..10).for_each(|n| engine.handle().tell(actor, n));
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(seen.iter().collect::<Vec<_>>(), [0, 2, 4, 6, 8]);
    assert_eq!(report.dead_letters.get(DeadLetterReason::Refused), 5);
}
