//! Routers: who gets a message by each strategy, in which order, and what becomes of those that nobody can get.

#[path = "common/router.rs"]
mod common;

use std::time::Duration;

use common::{Job, Ledger, PATIENCE, eventually};
use hippodrome::sim::{Sim, explore};
use hippodrome::{
    Actor, ActorRef, Address, AskError, Context, DeadLetterReason, Engine, MailboxSpec, On, Props, Reply, Stop,
    SystemEvent, from_fn,
};
use hippodrome_toolkit::router::{
    ConsistentHashing, LeastLoaded, NoRoutees, Random, RoundRobin, Router, Strategy, TryRouteError,
};
use proptest::prelude::*;

/// Sends `count` jobs of sender 0 through a router over eight routees, and returns how many each got.
fn spread(strategy: impl Strategy<Job>, count: u64) -> Vec<u64> {
    let mut sim = Sim::new(1);
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let routees = ledger.workers(&handle, 8);
    let mut router = Router::over(routees.clone(), strategy).unwrap();
    for number in 0..count {
        router.tell(&mut &handle, ledger.job(0, number));
        if number % 64 == 63 {
            sim.run_until_idle().unwrap();
        }
    }
    sim.run_until_idle().unwrap();
    assert_eq!((ledger.handled_count(), ledger.dropped()), (count, count));
    ledger.check_order();
    routees.iter().map(|routee| ledger.share(routee.address())).collect()
}

#[test]
fn round_robin_gives_each_its_turn() {
    assert_eq!(spread(RoundRobin::default(), 803), [101, 101, 101, 100, 100, 100, 100, 100]);
}

#[test]
fn senders_begin_at_different_routees() {
    let mut sim = Sim::new(2);
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let routees = ledger.workers(&handle, 4);
    let first = Router::over(routees.clone(), RoundRobin::default()).unwrap();
    let mut senders = vec![first.clone(), first.clone(), first];
    for router in &mut senders {
        router.tell(&mut &handle, ledger.job(0, 0));
        sim.run_until_idle().unwrap();
    }
    // The first clone is the second router of the list.
    assert_eq!(ledger.order(), [1, 2, 0].map(|n: usize| routees[n].address()));
}

#[test]
fn random_gives_each_about_its_share() {
    // 8,000 draws of 8: the standard deviation of a share is 29.6. The sequence is the same in each run.
    let shares = spread(Random::default(), 8000);
    assert!(shares.iter().all(|share| (860..1140).contains(share)), "{shares:?}");
    assert_eq!(shares, spread(Random::default(), 8000));
}

#[test]
fn random_senders_do_not_march_in_step() {
    let mut sim = Sim::new(3);
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let mut one = Router::over(ledger.workers(&handle, 8), Random::default()).unwrap();
    let mut other = one.clone();
    for number in 0..64 {
        one.tell(&mut &handle, ledger.job(0, number));
        other.tell(&mut &handle, ledger.job(1, number));
    }
    sim.run_until_idle().unwrap();
    let fates = ledger.fates();
    let together = (0..64).filter(|number| fates[&(0, *number)] == fates[&(1, *number)]).count();
    assert!(together < 24, "{together} of 64 times the same routee");
}

/// Who has each key.
fn owners(sim: &mut Sim, ledger: &Ledger, routees: &[ActorRef<Job>], keys: &[u64]) -> Vec<Address> {
    let key = |job: &Job| job.number;
    let mut router = Router::over(routees.iter().copied(), ConsistentHashing::by(key)).unwrap();
    ledger.forget();
    for (index, keys) in keys.chunks(64).enumerate() {
        for (place, key) in keys.iter().enumerate() {
            router.tell(&mut &sim.handle(), ledger.job((index * 64 + place) as u64, *key));
        }
        sim.run_until_idle().unwrap();
    }
    let fates = ledger.fates();
    assert_eq!(fates.len(), keys.len());
    fates.into_values().collect()
}

#[test]
fn jobs_of_one_key_go_to_one_routee() {
    let shares = spread(ConsistentHashing::by(|_: &Job| 42), 100);
    assert_eq!(shares.iter().filter(|share| **share > 0).collect::<Vec<_>>(), [&100]);
}

/// Makes the n-th key.
type Pattern = fn(u64) -> u64;

/// Keys as programs have them: in sequence, in steps, in the upper half of the word, and any.
#[test]
fn whatever_the_keys_look_like_no_routee_has_much_more_than_its_share() {
    let patterns: [(&str, Pattern); 5] = [
        ("in sequence", |n| n),
        ("steps of 1024", |n| n << 10),
        ("in the upper half", |n| n << 32),
        ("pointers", |n| 0x7F3A_0000_1000 + n * 64),
        ("any", |n| (n + 1).wrapping_mul(0xD134_2543_DE82_EF95).rotate_left(17)),
    ];
    let mut sim = Sim::new(5);
    let ledger = Ledger::default();
    for count in [2, 8, 32] {
        let routees = ledger.workers(&sim.handle(), count);
        for (pattern, key) in patterns {
            let keys: Vec<_> = (0..8192).map(key).collect();
            let owners = owners(&mut sim, &ledger, &routees, &keys);
            let share = |routee: &ActorRef<Job>| owners.iter().filter(|owner| **owner == routee.address()).count();
            let most = routees.iter().map(share).max().unwrap() as f64 / (8192.0 / count as f64);
            println!("{count} routees, keys {pattern}: the largest share is {most:.3} of the even one");
            assert!(most < 1.4, "{pattern}: one of {count} routees has {most:.2} of its share");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A routee that leaves moves its own keys, and no others; so one that comes takes keys only to itself.
    #[test]
    fn a_change_of_the_routees_moves_no_other_keys(
        count in 2_usize..20,
        leaves in any::<prop::sample::Index>(),
        keys in prop::collection::vec(any::<u64>(), 1..300),
    ) {
        let mut sim = Sim::new(6);
        let ledger = Ledger::default();
        let routees = ledger.workers(&sim.handle(), count);
        let before = owners(&mut sim, &ledger, &routees, &keys);
        let gone = routees[leaves.index(count)];
        let rest: Vec<_> = routees.iter().copied().filter(|routee| *routee != gone).collect();
        let after = owners(&mut sim, &ledger, &rest, &keys);
        for (before, after) in before.into_iter().zip(after) {
            prop_assert!(before == after || before == gone.address());
            prop_assert_ne!(after, gone.address());
        }
    }
}

#[test]
fn a_broadcast_reaches_everyone_once() {
    explore(20, |sim| {
        let probes: Vec<_> = (0..4).map(|_| sim.probe::<String>()).collect();
        let handle = sim.handle();
        let routees = probes.iter().map(|probe| probe.actor());
        let mut router = Router::over(routees, RoundRobin::default()).unwrap();
        for text in ["one", "two"] {
            assert_eq!(router.broadcast(&mut &handle, text.to_owned()), 4);
        }
        sim.run_until_idle().unwrap();
        probes.iter().for_each(|probe| assert_eq!(probe.drain(), ["one", "two"]));
    });
}

#[test]
fn a_router_of_nobody_is_not_made() {
    let none: [ActorRef<Job>; 0] = [];
    assert_eq!(Router::over(none, RoundRobin::default()).map(|_| ()), Err(NoRoutees));
}

/// An actor that routes, and tells how its tries ended.
struct Trier {
    router: Router<Job, RoundRobin>,
    ends: ActorRef<&'static str>,
}

impl Actor for Trier {
    type Msg = Job;

    fn handle(&mut self, job: Job, ctx: &mut Context<'_, Job>) {
        let end = match self.router.try_tell(ctx, job) {
            Ok(()) => "sent",
            Err(TryRouteError::NoRoutees(_)) => "no routees",
            Err(TryRouteError::Full(_)) => "full",
            Err(_) => "stopped",
        };
        ctx.tell(self.ends, end);
    }
}

#[test]
fn a_try_goes_on_to_the_next_routee_if_one_has_stopped() {
    let mut sim = Sim::builder(7).workers(1).build().unwrap();
    let (ledger, handle, probe) = (Ledger::default(), sim.handle(), sim.probe());
    let (routees, ends) = (ledger.workers(&handle, 3), probe.actor());
    let router = Router::over(routees.clone(), RoundRobin::default()).unwrap();
    let mut shared = router.clone();
    let trier = handle.spawn(On::Worker(0), move || Trier { router: router.clone(), ends }).unwrap();
    let try_jobs = |sim: &mut Sim, jobs: u64| {
        (0..jobs).for_each(|number| handle.tell(trier, ledger.job(0, ledger.made() + number)));
        sim.run_until_idle().unwrap();
    };
    handle.stop(routees[1], Stop::Now).unwrap();
    try_jobs(&mut sim, 6);
    assert_eq!(probe.drain(), ["sent"; 6]);
    assert_eq!([0, 1, 2].map(|n: usize| ledger.share(routees[n].address())), [3, 0, 3]);
    assert_eq!(shared.routees().len(), 2, "the others were not told");

    handle.stop(routees[0], Stop::Now).unwrap();
    handle.stop(routees[2], Stop::Now).unwrap();
    try_jobs(&mut sim, 1);
    assert_eq!(probe.drain(), ["no routees"]);
    assert_eq!(sim.stats().dead_letters().total(), 0);
    // Without anybody to send to, a tell is a dead letter that is reported.
    shared.tell(&mut &handle, ledger.job(1, 0));
    assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Refused), 1);
    assert_eq!(ledger.made(), ledger.dropped());
}

#[test]
fn a_try_gives_back_what_has_no_room() {
    let mut sim = Sim::builder(8).workers(1).build().unwrap();
    let (ledger, handle, probe) = (Ledger::default(), sim.handle(), sim.probe());
    let ends = probe.actor();
    let worker = ledger.clone();
    let props = Props::on(On::Worker(0)).mailbox(MailboxSpec::bounded(2.try_into().unwrap()));
    let routee = handle.spawn(props, move || worker.worker()).unwrap();
    let made = ledger.clone();
    let sender = handle.spawn(On::Worker(0), move || {
        let mut router = Router::over([routee], RoundRobin::default()).unwrap();
        let made = made.clone();
        from_fn(move |(): (), ctx: &mut Context<'_, ()>| {
            for number in 0..3 {
                let is_sent = router.try_tell(ctx, made.job(0, number)).is_ok();
                ctx.tell(ends, is_sent);
            }
        })
    });
    handle.tell(sender.unwrap(), ());
    sim.run_until_idle().unwrap();
    assert_eq!(probe.drain(), [true, true, false]);
    assert_eq!((ledger.handled_count(), ledger.dropped()), (2, 3));
}

#[test]
fn a_handle_tries_in_vain_when_the_engine_has_stopped() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let (ledger, handle) = (Ledger::default(), engine.handle());
    let mut router = Router::over(ledger.workers(&handle, 2), RoundRobin::default()).unwrap();
    engine.shutdown(PATIENCE).unwrap();
    let refused = router.try_tell(&mut &handle, ledger.job(0, 0));
    assert!(matches!(refused, Err(TryRouteError::Stopped(_))), "{refused:?}");
    assert_eq!(router.routees().len(), 2, "a router of a handle knows nothing of its routees");
}

#[test]
fn all_routees_are_asked_and_the_first_answer_counts() {
    enum Reading {
        Start,
        Came(Result<u64, AskError>),
    }
    explore(20, |sim| {
        let (handle, probe) = (sim.handle(), sim.probe());
        let ends = probe.actor();
        let oracle = |n: u64| {
            let on = On::Worker(n as usize % 2);
            let answer = move |reply: Reply<u64>, ctx: &mut Context<'_, _>| {
                if n > 0 {
                    reply.send(ctx, n);
                }
            };
            handle.spawn(on, move || from_fn(answer)).unwrap()
        };
        let router = Router::over((0..4).map(oracle), RoundRobin::default()).unwrap();
        let reader = handle.spawn(On::Worker(0), move || {
            let mut router = router.clone();
            from_fn(move |reading: Reading, ctx: &mut Context<'_, Reading>| match reading {
                Reading::Start => router.ask_first(ctx, PATIENCE, |reply| reply, Reading::Came),
                Reading::Came(answer) => ctx.tell(ends, answer),
            })
        });
        handle.tell(reader.unwrap(), Reading::Start);
        sim.run_until_idle().unwrap();
        let ends = probe.drain();
        assert!(matches!(ends[..], [Ok(1..=3)]), "{ends:?}");
        assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Outrun), 2);
    });
}

/// Actors of both workers and threads with handles and ports, each with a router of its own, over routees that handle,
/// stop, and are told by all.
#[test]
fn on_real_workers_each_sender_is_in_order_and_every_message_is_accounted_for() {
    const JOBS: u64 = 3000;
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let (ledger, handle) = (Ledger::default(), engine.handle());
    let routees = ledger.workers(&handle, 6);
    let router = Router::over(routees.clone(), RoundRobin::default()).unwrap();
    for sender in 0..2 {
        let (ledger, router) = (ledger.clone(), router.clone());
        let spreader = handle.spawn(On::Worker(sender as usize), move || {
            let (ledger, mut router) = (ledger.clone(), router.clone());
            from_fn(move |number: u64, ctx: &mut Context<'_, u64>| {
                router.tell(ctx, ledger.job(sender, number));
                if number + 1 < JOBS {
                    ctx.tell(ctx.me(), number + 1);
                }
            })
        });
        handle.tell(spreader.unwrap(), 0);
    }
    std::thread::scope(|scope| {
        let (by_handle, by_port) = (router.clone(), router.clone());
        scope.spawn(|| send_all(by_handle, &mut engine.handle(), &ledger, 2, JOBS));
        scope.spawn(|| send_all(by_port, &mut engine.handle().port().unwrap(), &ledger, 3, JOBS));
        std::thread::sleep(Duration::from_millis(5));
        handle.stop(routees[0], Stop::Now).unwrap();
        handle.stop(routees[3], Stop::Kill).unwrap();
    });
    eventually("all jobs are dropped", || ledger.made() == 4 * JOBS && ledger.dropped() == 4 * JOBS);
    ledger.check_order();
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(ledger.handled_count() + report.dead_letters.total(), 4 * JOBS);
}

/// Sends jobs as fast as they are taken.
fn send_all(
    mut router: Router<Job, RoundRobin>,
    sender: &mut impl hippodrome::Tell,
    ledger: &Ledger,
    number: u64,
    jobs: u64,
) {
    for job in 0..jobs {
        let mut job = ledger.job(number, job);
        while let Err(error) = router.try_tell(sender, job) {
            job = error.into_message();
            std::thread::yield_now();
        }
    }
}

/// What is told to a routee that has gone is reported for that routee.
#[test]
fn what_a_stopped_routee_held_is_reported() {
    let mut sim = Sim::new(9);
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let probe = sim.probe();
    let ends = probe.actor();
    let listen = move || {
        from_fn(move |dead: Option<Address>, ctx: &mut Context<'_, _>| match dead {
            Some(to) => ctx.tell(ends, to),
            None => ctx.subscribe(|event: &SystemEvent| match event {
                SystemEvent::DeadLetter { to, .. } => Some(Some(*to)),
                _ => None,
            }),
        })
    };
    let listener = handle.spawn(On::Worker(1), listen).unwrap();
    handle.tell(listener, None);
    sim.run_until_idle().unwrap();
    let routees = ledger.workers(&handle, 2);
    let mut router = Router::over(routees.clone(), RoundRobin::default()).unwrap();
    handle.stop(routees[1], Stop::Now).unwrap();
    (0..6).for_each(|number| router.tell(&mut &handle, ledger.job(0, number)));
    sim.run_until_idle().unwrap();
    assert_eq!(probe.drain(), [routees[1].address(); 3]);
    assert_eq!(ledger.handled_count(), 3);
}

/// Without a pool that counts, all look idle.
#[test]
fn least_loaded_over_a_fixed_list_goes_round() {
    assert_eq!(spread(LeastLoaded::default(), 80), [10; 8]);
}
