//! Faults: that each happens, is counted, is what it is said to be, and leaves the engine's counts right.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hippodrome::sim::{Faults, Injected, InjectedPanic, Sim, Step, explore_with};
use hippodrome::{
    Actor, ActorRef, Context, DeadLetterReason, MailboxSpec, On, Overflow, Props, Restart, StopReason, TryTellError,
    from_fn,
};

use crate::program;

/// Counts what it handles beyond its own life.
struct Counting {
    handled: Arc<AtomicU64>,
}

impl Actor for Counting {
    type Msg = u64;

    fn handle(&mut self, _: u64, _: &mut Context<'_, u64>) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends a thousand messages to an actor that is restarted. Returns how many it handled.
fn flood(sim: &mut Sim, restart: Restart) -> u64 {
    let handled = Arc::new(AtomicU64::new(0));
    let counter = handled.clone();
    let props = Props::on(On::Worker(1)).restart(restart);
    let actor = sim.handle().spawn(props, move || Counting { handled: counter.clone() }).unwrap();
    for n in 0..1000 {
        sim.handle().tell(actor, n);
        sim.step();
    }
    sim.run_until_idle().unwrap();
    handled.load(Ordering::Relaxed)
}

const PATIENT: Restart = Restart::up_to(u32::MAX, Duration::from_secs(1));

#[test]
fn there_are_none_unless_they_are_asked_for() {
    let mut sim = Sim::new(5);
    assert_eq!(flood(&mut sim, PATIENT), 1000);
    assert_eq!(sim.injected(), Injected::default());
    assert_eq!(sim.stats().dead_letters().total(), 0);
}

#[test]
fn handlers_panic_instead_of_handling() {
    let mut sim = Sim::builder(5).faults(Faults::none().panics(10)).build().unwrap();
    let handled = flood(&mut sim, PATIENT);
    let panics = sim.injected().panics;
    assert!((50..200).contains(&panics), "{panics}");
    assert_eq!(handled + panics, 1000, "each message is handled or reported");
    assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Panicked), panics);
    assert_eq!(sim.stats().workers[1].panics, panics);
    assert_eq!(sim.stats().workers[1].contained_panics, 0);
}

#[test]
fn handlers_panic_when_they_have_handled() {
    let mut sim = Sim::builder(5).faults(Faults::none().panics_after(10)).build().unwrap();
    assert_eq!(flood(&mut sim, PATIENT), 1000, "each was handled");
    let panics = sim.injected().panics_after;
    assert!((50..200).contains(&panics), "{panics}");
    assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Panicked), panics);
}

#[test]
fn an_injected_panic_is_known_by_what_it_says() {
    let mut sim = Sim::builder(5).faults(Faults::none().panics(1)).build().unwrap();
    let actor = sim.handle().spawn(On::Worker(0), || from_fn(|(): (), _ctx| ())).unwrap();
    let end = sim.handle().watch(actor).unwrap();
    sim.handle().tell(actor, ());
    let reason = sim.wait(end, Duration::ZERO).unwrap().reason;
    assert_eq!(reason, StopReason::Panicked(InjectedPanic::MESSAGE.into()));
}

#[test]
fn factories_and_starts_panic() {
    let faults = Faults::none().start_panics(3).failures(10);
    let mut sim = Sim::builder(6).faults(faults).build().unwrap();
    let handled = flood(&mut sim, PATIENT);
    let injected = sim.injected();
    assert!(injected.start_panics > 20 && injected.failures > 20, "{injected:?}");
    assert_eq!(handled, 1000, "no message is the cause, so none is lost");
    assert_eq!(sim.stats().workers[1].panics, injected.start_panics + injected.failures);
    assert_eq!(sim.stats().dead_letters().total(), 0);
}

#[test]
fn actors_are_stopped() {
    let mut sim = Sim::builder(7).faults(Faults::none().stops(4)).build().unwrap();
    let probe = sim.probe_on::<u64>(On::Worker(0)).unwrap();
    let mut stopped = Vec::new();
    for n in 0..200 {
        let actor = sim.handle().spawn(On::Worker(1), || from_fn(|_: u64, _ctx| ())).unwrap();
        sim.handle().tell(actor, n);
        sim.handle().tell(probe.actor(), n);
        for _ in 0..10 {
            if let Step::Stopped { actor, .. } = sim.step() {
                stopped.push(actor);
            }
        }
    }
    sim.run_until_idle().unwrap();
    assert_eq!(sim.injected().stops, stopped.len() as u64);
    assert!(stopped.len() > 20, "{stopped:?}");
    stopped.sort_by_key(|actor| (actor.slot(), actor.generation()));
    stopped.dedup();
    assert_eq!(sim.stats().workers[1].actors, 200 - stopped.len() as u64);
    assert_eq!(probe.drain(), (0..200).collect::<Vec<_>>(), "a probe is spared");
}

/// Sends to a mailbox that has room for all of it, from its own worker.
fn squeeze(overflow: Overflow<u64>) -> (u64, Sim) {
    let mut sim = Sim::builder(8).faults(Faults::none().refusals(5)).build().unwrap();
    let capacity = NonZeroUsize::new(10_000).unwrap();
    let mailbox = MailboxSpec::bounded(capacity).overflow(overflow);
    let to = sim.handle().spawn(Props::on(On::Worker(0)).mailbox(mailbox), || from_fn(|_: u64, _ctx| ())).unwrap();
    let refused = sim.probe_on::<u64>(On::Worker(0)).unwrap();
    let tell: ActorRef<u64> = refused.actor();
    let sender = move |n: u64, ctx: &mut Context<'_, u64>| match ctx.try_tell(to, n) {
        Err(TryTellError::Full(n)) => ctx.tell(tell, n),
        other => other.unwrap(),
    };
    let sender = sim.handle().spawn(On::Worker(0), move || from_fn(sender)).unwrap();
    (0..500).for_each(|n| sim.handle().tell(sender, n));
    sim.run_until_idle().unwrap();
    (refused.drain().len() as u64, sim)
}

#[test]
fn mailboxes_are_full_before_they_are() {
    let (refused, sim) = squeeze(Overflow::Reject);
    assert!(refused > 20, "{refused}");
    assert_eq!(sim.injected().refusals, refused, "the sender gets back what was refused");

    let (refused, mut sim) = squeeze(Overflow::DropOldest);
    assert_eq!(refused, 0);
    assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::DroppedOldest), sim.injected().refusals);

    let (refused, mut sim) = squeeze(Overflow::DropNewest);
    assert_eq!(refused, 0);
    assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::DroppedNewest), sim.injected().refusals);

    let (refused, mut sim) = squeeze(Overflow::Conflate(|n| *n));
    assert_eq!((refused, sim.stats().dead_letters().total()), (sim.injected().refusals, 0));

    let (refused, mut sim) = squeeze(Overflow::Grow(20_000));
    assert_eq!(sim.stats().dead_letters().total(), 0);
    assert_eq!(refused + 1, sim.injected().refusals, "it grows to its limit at once, and then is full");
}

#[test]
fn small_rings_are_full() {
    let mut full = 0;
    for seed in 0..20 {
        let mut sim = Sim::builder(seed).faults(Faults::none().small_rings(true)).build().unwrap();
        let probe = sim.probe_on::<[u64; 16]>(On::Worker(1)).unwrap();
        let to = probe.actor();
        let burst =
            move |n: usize, ctx: &mut Context<'_, usize>| _ = ctx.tell_batch(to, (0..n).map(|n| [n as u64; 16]));
        let burst = sim.handle().spawn(On::Worker(0), move || from_fn(burst)).unwrap();
        sim.handle().tell(burst, 2000);
        sim.run_until_idle().unwrap();
        let lost = sim.stats().dead_letters().get(DeadLetterReason::Full);
        assert_eq!(probe.drain().len() as u64 + lost, 2000);
        full += u64::from(lost > 0);
    }
    assert!(full > 10, "{full}");
}

#[test]
fn a_spared_actor_is_left_alone() {
    let faults = Faults::none().panics(1).panics_after(1).stops(3).failures(3);
    let mut sim = Sim::builder(9).faults(faults).build().unwrap();
    let (sender, seen) = std::sync::mpsc::channel();
    let actor = sim.handle().spawn(On::Worker(0), move || {
        let sender = sender.clone();
        from_fn(move |n: u64, _ctx| sender.send(n).unwrap())
    });
    let actor = actor.unwrap();
    sim.spare(actor);
    (0..100).for_each(|n| sim.handle().tell(actor, n));
    sim.run_until_idle().unwrap();
    assert_eq!(seen.try_iter().count(), 100);
    assert_eq!(sim.injected(), Injected::default());
}

#[test]
fn faults_can_be_switched_off() {
    let mut sim = Sim::builder(9).faults(Faults::none().panics(1)).build().unwrap();
    sim.set_faults(Faults::none());
    assert_eq!(flood(&mut sim, Restart::Stop), 1000);
}

#[test]
fn steps_take_time() {
    let mut sim = Sim::builder(9).faults(Faults::none().step_time(Duration::from_micros(10))).build().unwrap();
    flood(&mut sim, Restart::Stop);
    let (steps, now) = (sim.steps(), sim.now());
    assert!(now > Duration::from_micros(steps) && now < Duration::from_micros(10 * steps), "{steps}, {now:?}");
}

/// Whatever happens, an engine ends in order, and no wake-up is missed on the way.
#[test]
fn chaos_ends_in_order() {
    for seed in 0..60 {
        let builder = Sim::builder(seed).workers(1 + seed as usize % 4).faults(Faults::chaos());
        let mut sim = program::run(builder, 60);
        sim.set_faults(Faults::none());
        let report = sim.shutdown().unwrap();
        assert!(report.drained && report.stopped_in_order, "seed {seed}: {report:?}");
        assert_eq!((report.actors_left, report.rescued_wakeups), (0, 0), "seed {seed}");
    }
}

#[test]
fn every_message_is_handled_or_reported_under_chaos() {
    explore_with(
        50,
        |builder| builder.workers(3).faults(Faults::chaos()),
        |sim| {
            let handled = Arc::new(AtomicU64::new(0));
            let actors: Vec<_> = (0..6)
                .map(|n| {
                    let counter = handled.clone();
                    let props = Props::on(On::Worker(n % 3)).restart(PATIENT);
                    sim.handle().spawn(props, move || Counting { handled: counter.clone() }).unwrap()
                })
                .collect();
            for n in 0..600 {
                sim.handle().tell(actors[n as usize % 6], n);
                sim.step();
            }
            sim.run_until_idle().unwrap();
            let handled = handled.load(Ordering::Relaxed);
            let dead = sim.stats().dead_letters().total() - sim.injected().panics_after;
            assert_eq!(handled + dead, 600);
        },
    );
}
