//! What a seed decides: that it reaches what can happen, and nothing that cannot.

use std::collections::BTreeSet;

use hippodrome::sim::{Faults, Sim, explore_with};
use hippodrome::{ActorRef, Context, On, from_fn};

/// A sender on each of three workers, and what a receiver on the first sees of them.
fn race(seed: u64, messages: u64) -> Vec<(usize, u64)> {
    let faults = Faults::none().delays(3);
    let mut sim = Sim::builder(seed).workers(3).faults(faults).build().unwrap();
    let probe = sim.probe_on::<(usize, u64)>(On::Worker(0)).unwrap();
    let to = probe.actor();
    let senders: Vec<ActorRef<u64>> = (0..3)
        .map(|worker| {
            let send = move |n, ctx: &mut Context<'_, u64>| ctx.tell(to, (worker, n));
            sim.handle().spawn(On::Worker(worker), move || from_fn(send)).unwrap()
        })
        .collect();
    for n in 0..messages {
        senders.iter().for_each(|sender| sim.handle().tell(*sender, n));
    }
    sim.run_until_idle().unwrap();
    probe.drain()
}

#[test]
fn senders_overtake_each_other_in_every_way() {
    let orders: BTreeSet<Vec<usize>> =
        (0..200).map(|seed| race(seed, 1).into_iter().map(|(sender, _)| sender).collect()).collect();
    assert_eq!(orders.len(), 6, "three senders can come in six orders: {orders:?}");
}

#[test]
fn messages_of_one_sender_never_overtake_each_other() {
    for seed in 0..200 {
        let seen = race(seed, 20);
        assert_eq!(seen.len(), 60, "seed {seed}");
        for sender in 0..3 {
            let numbers: Vec<_> = seen.iter().filter(|(from, _)| *from == sender).map(|(_, n)| *n).collect();
            assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "seed {seed}, sender {sender}");
        }
    }
}

/// A lane is seen in part: while a worker has handled some of what another sent, the rest waits.
#[test]
fn a_lane_shows_only_a_part() {
    let mut parts = BTreeSet::new();
    for seed in 0..100 {
        let mut sim = Sim::new(seed);
        let probe = sim.probe_on::<u64>(On::Worker(1)).unwrap();
        let to = probe.actor();
        let burst = move |n, ctx: &mut Context<'_, u64>| (0..n).for_each(|n| ctx.tell(to, n));
        let burst = sim.handle().spawn(On::Worker(0), move || from_fn(burst)).unwrap();
        sim.handle().tell(burst, 8);
        while !sim.is_idle() {
            sim.step();
            parts.insert(probe.drain().len());
        }
    }
    assert!(parts.is_superset(&BTreeSet::from([0, 1, 2, 5, 8])), "{parts:?}");
}

/// What is never seen cannot be waited for: whatever is delayed comes in the end, in every simulation.
#[test]
fn everything_happens_in_the_end() {
    let faults = Faults::none().delays(1).small_rings(true);
    explore_with(
        100,
        |builder| builder.workers(4).faults(faults).step_limit(20_000),
        |sim| {
            let probe = sim.probe::<u64>();
            let to = probe.actor();
            let mut next = to;
            for n in 0..8 {
                let target = next;
                let hop = move |n: u64, ctx: &mut Context<'_, u64>| ctx.tell(target, n + 1);
                next = sim.handle().spawn(On::Worker(n % 4), move || from_fn(hop)).unwrap();
            }
            (0..50).for_each(|n| sim.handle().tell(next, n));
            let seen: Vec<_> = (0..50).map(|_| probe.expect(sim)).collect();
            assert_eq!(seen, (8..58).collect::<Vec<_>>());
            probe.expect_none(sim);
            assert_eq!(sim.stats().dead_letters().total(), 0);
            assert_eq!(sim.stats().rescued_wakeups(), 0);
        },
    );
}
