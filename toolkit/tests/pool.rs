//! Pools: spawned, replaced, resized and stopped while messages come, on real workers and in simulations with faults.

#[path = "common/router.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Job, Ledger, PATIENCE, eventually};
use hippodrome::sim::{Builder, Faults, Sim, explore, explore_with};
use hippodrome::{
    Actor, Backoff, Batch, Context, DeadLetterReason, Engine, MailboxSpec, On, Overflow, Props, Restart, Stop,
    SystemEvent, from_fn,
};
use hippodrome_toolkit::router::{
    ConsistentHashing, LeastLoaded, Pool, PoolMessage, PoolRef, Random, RoundRobin, Router, Strategy,
};

const PATIENT: Restart = Restart::up_to(1_000_000, Duration::from_secs(1));

/// A pool of workers of the ledger, on the engine's workers in turn, that has started.
fn pool<S: Strategy<Job>>(sim: &mut Sim, ledger: &Ledger, size: usize, strategy: S) -> PoolRef<Job, S> {
    let (handle, ledger) = (sim.handle(), ledger.clone());
    let workers = handle.workers();
    let pool = Pool::of(size, strategy)
        .routees(move |index| Props::on(On::Worker(index % workers)).restart(PATIENT))
        .spawn(&handle, move || ledger.worker())
        .unwrap();
    assert_eq!(sim.wait(pool.ready(&handle), PATIENCE), Ok(size));
    assert_eq!(pool.size(), size);
    pool
}

fn routees<M: Send + 'static, S: Strategy<M>>(pool: &PoolRef<M, S>) -> Vec<hippodrome::ActorRef<M>> {
    pool.router().routees().iter().map(|routee| routee.actor()).collect()
}

#[test]
fn a_pool_is_spread_over_the_workers_and_is_refused_before_it_starts() {
    let mut sim = Sim::builder(1).workers(3).build().unwrap();
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let worker = ledger.clone();
    let pool = Pool::of(6, RoundRobin::default()).spawn(&handle, move || worker.worker()).unwrap();
    let mut router = pool.router();
    router.tell(&mut &handle, ledger.job(0, 0));
    assert_eq!(sim.wait(pool.ready(&handle), PATIENCE), Ok(6));
    (1..61).for_each(|number| router.tell(&mut &handle, ledger.job(0, number)));
    sim.run_until_idle().unwrap();
    let routees = routees(&pool);
    let mut on: Vec<_> = routees.iter().map(|routee| routee.address().worker()).collect();
    on.sort_unstable();
    assert_eq!(on, [0, 0, 1, 1, 2, 2]);
    routees.iter().for_each(|routee| assert_eq!(ledger.share(routee.address()), 10));
    assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Refused), 1);
}

#[test]
fn senders_that_had_their_routers_before_the_pool_started_begin_at_different_routees() {
    let mut sim = Sim::new(2);
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let worker = ledger.clone();
    let pool = Pool::of(4, RoundRobin::default()).spawn(&handle, move || worker.worker()).unwrap();
    let routers: Vec<_> = (0..4).map(|_| pool.router()).collect();
    sim.run_until_idle().unwrap();
    for (sender, mut router) in (0..).zip(routers) {
        router.tell(&mut &handle, ledger.job(sender, 0));
    }
    sim.run_until_idle().unwrap();
    routees(&pool).iter().for_each(|routee| assert_eq!(ledger.share(routee.address()), 1));
}

/// On one worker nothing can overtake what was sent before.
#[test]
fn a_pool_that_shrinks_handles_what_was_queued_and_one_that_grows_shares_the_work() {
    explore_with(
        30,
        |builder| builder.workers(1),
        |sim| {
            let ledger = Ledger::default();
            let pool = pool(sim, &ledger, 4, RoundRobin::default());
            let (handle, mut router) = (sim.handle(), pool.router());
            let mut number = 0;
            for (size, stays) in [(1, 1), (5, 1), (0, 0)] {
                let before = routees(&pool);
                for _ in 0..40 {
                    router.tell(&mut &handle, ledger.job(0, number));
                    number += 1;
                }
                pool.resize(&mut &handle, size);
                sim.run_until_idle().unwrap();
                assert_eq!(pool.size(), size);
                assert_eq!(routees(&pool)[..stays], before[..stays]);
            }
            assert_eq!((ledger.handled_count(), sim.stats().dead_letters().total()), (120, 0));
            router.tell(&mut &handle, ledger.job(0, number));
            assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Refused), 1);
            pool.resize(&mut &handle, 3);
            sim.run_until_idle().unwrap();
            router.tell(&mut &handle, ledger.job(0, number + 1));
            sim.run_until_idle().unwrap();
            assert_eq!((ledger.handled_count(), ledger.dropped()), (121, 122));
            ledger.check_order();
        },
    );
}

#[test]
fn a_routee_that_stops_is_left_out_and_its_messages_are_reported() {
    explore(30, |sim| {
        let ledger = Ledger::default();
        let pool = pool(sim, &ledger, 4, Random::default());
        let (handle, mut router) = (sim.handle(), pool.router());
        let gone = routees(&pool)[2];
        (0..40).for_each(|number| router.tell(&mut &handle, ledger.job(0, number)));
        handle.stop(gone, Stop::Now).unwrap();
        sim.run_until_idle().unwrap();
        assert_eq!(pool.size(), 3);
        let dead = sim.stats().dead_letters().total();
        assert_eq!(ledger.handled_count() + dead, 40);
        (40..80).for_each(|number| router.tell(&mut &handle, ledger.job(0, number)));
        sim.run_until_idle().unwrap();
        assert_eq!(sim.stats().dead_letters().total(), dead, "one was sent to a routee that has stopped");
        // It is not filled again by a resize that comes later for another reason.
        pool.resize(&mut &handle, 3);
        sim.run_until_idle().unwrap();
        assert_eq!(pool.size(), 3);
    });
}

#[test]
fn a_routee_is_replaced_after_the_wait_and_gets_its_keys_back() {
    let mut sim = Sim::new(3);
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let worker = ledger.clone();
    let pool = Pool::of(4, ConsistentHashing::by(|job: &Job| job.number))
        .replacing(Duration::from_millis(50))
        .spawn(&handle, move || worker.worker())
        .unwrap();
    sim.run_until_idle().unwrap();
    let mut router = pool.router();
    let mut owners = |sim: &mut Sim, sender| {
        (0..200).for_each(|key| router.tell(&mut &handle, ledger.job(sender, key)));
        sim.run_until_idle().unwrap();
        let fates = ledger.fates();
        (0..200).map(|key| fates.get(&(sender, key)).copied()).collect::<Vec<_>>()
    };
    let all = owners(&mut sim, 0);
    let before = routees(&pool);
    handle.stop(before[1], Stop::Now).unwrap();
    sim.run_until_idle().unwrap();
    assert_eq!(pool.size(), 3, "it is too early to replace it");
    let without = owners(&mut sim, 1);
    sim.advance(Duration::from_millis(60)).unwrap();
    assert_eq!(pool.size(), 4);
    let again = owners(&mut sim, 2);
    let new = routees(&pool).into_iter().find(|routee| !before.contains(routee)).unwrap();
    for key in 0..200 {
        if all[key] == Some(before[1].address()) {
            assert_ne!(without[key], all[key]);
            assert_eq!(again[key], Some(new.address()), "key {key} did not come back");
        } else {
            assert_eq!((without[key], again[key]), (all[key], all[key]), "key {key} has moved");
        }
    }
}

/// Panics at once, forever.
struct Doomed;

impl Actor for Doomed {
    type Msg = ();

    fn started(&mut self, _ctx: &mut Context<'_, ()>) {
        panic!("this one cannot live");
    }

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {}
}

#[test]
fn routees_that_cannot_live_do_not_keep_the_engine_busy() {
    let mut sim = Sim::new(4);
    let handle = sim.handle();
    let pool =
        Pool::of(2, RoundRobin::default()).replacing(Duration::from_millis(10)).spawn(&handle, || Doomed).unwrap();
    sim.advance(Duration::from_millis(105)).unwrap();
    assert_eq!(pool.size(), 0);
    let spawned: u64 = sim.stats().workers.iter().map(|worker| worker.panics).sum();
    assert!((10..=24).contains(&spawned), "{spawned} routees were spawned in 10 waits");
}

#[test]
fn a_pool_ends_with_its_actor_and_its_routees_with_it() {
    for how in [Stop::Now, Stop::AfterQueued, Stop::Kill] {
        let mut sim = Sim::new(5);
        let ledger = Ledger::default();
        let pool = pool(&mut sim, &ledger, 4, RoundRobin::default());
        let (handle, mut router) = (sim.handle(), pool.router());
        let before = routees(&pool);
        handle.stop(pool.actor(), how).unwrap();
        sim.run_until_idle().unwrap();
        assert_eq!(pool.size(), 0);
        router.tell(&mut &handle, ledger.job(0, 0));
        assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Refused), 1);
        before.iter().for_each(|routee| handle.tell(*routee, ledger.job(0, 1)));
        sim.run_until_idle().unwrap();
        assert_eq!(ledger.handled_count(), 0, "a routee has outlived its pool");
    }
}

#[test]
fn a_pool_of_an_actor_is_its_child() {
    let mut sim = Sim::new(6);
    let (ledger, handle, probe) = (Ledger::default(), sim.handle(), sim.probe());
    let (worker, sizes) = (ledger.clone(), probe.actor());
    let parent = handle.spawn(On::Worker(0), move || {
        let worker = worker.clone();
        from_fn(move |asked: Option<usize>, ctx: &mut Context<'_, Option<usize>>| match asked {
            Some(size) => ctx.tell(sizes, size),
            None => {
                let worker = worker.clone();
                let pool = Pool::of(3, RoundRobin::default()).on(On::Worker(1));
                let pool = pool.spawn_child(ctx, move || worker.worker()).unwrap();
                ctx.ask(pool.actor(), PoolMessage::size, |size| size.ok());
            }
        })
    });
    let parent = parent.unwrap();
    handle.tell(parent, None);
    assert_eq!(probe.expect(&mut sim), 3);
    handle.stop(parent, Stop::Now).unwrap();
    sim.run_until_idle().unwrap();
    let left: u64 = sim.stats().workers.iter().map(|worker| worker.actors).sum();
    assert_eq!(left, 1, "only the probe is left");
}

#[test]
fn the_idle_routees_get_the_work() {
    explore(30, |sim| {
        let ledger = Ledger::default();
        let pool = pool(sim, &ledger, 4, LeastLoaded::default());
        let (handle, mut one, mut other) = (sim.handle(), pool.router(), pool.router());
        // Nothing runs meanwhile, so that all of them are in flight.
        for number in 0..40 {
            one.tell(&mut &handle, ledger.job(0, number));
            other.tell(&mut &handle, ledger.job(1, number));
        }
        let loads: Vec<_> = one.routees().iter().map(|routee| routee.in_flight()).collect();
        assert_eq!(loads, [20; 4]);
        sim.run_until_idle().unwrap();
        assert!(one.routees().iter().all(|routee| routee.in_flight() == 0));
        routees(&pool).iter().for_each(|routee| assert_eq!(ledger.share(routee.address()), 20));
    });
}

/// Of many routees two are drawn: the longest queue stays near the shortest.
#[test]
fn of_many_routees_none_gets_far_behind() {
    let mut sim = Sim::new(7);
    let ledger = Ledger::default();
    let pool = pool(&mut sim, &ledger, 40, LeastLoaded::default());
    let (handle, mut router) = (sim.handle(), pool.router());
    (0..800).for_each(|number| router.tell(&mut &handle, ledger.job(0, number)));
    let loads: Vec<_> = router.routees().iter().map(|routee| routee.in_flight()).collect();
    assert_eq!(loads.iter().sum::<u64>(), 800);
    // Thrown at random, 800 into 40 would have a largest of about 31.
    assert!(loads.iter().all(|load| (15..=24).contains(load)), "{loads:?}");
    sim.run_until_idle().unwrap();
}

/// What a mailbox drops is never handled. The pool notices that such a routee is idle.
#[test]
fn what_was_lost_does_not_keep_a_routee_out_of_work() {
    let mut sim = Sim::builder(8).workers(1).build().unwrap();
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let worker = ledger.clone();
    let pool = Pool::of(2, LeastLoaded::default())
        .routees(|index| {
            let props = Props::on(On::Worker(0));
            let mailbox = MailboxSpec::bounded(4.try_into().unwrap()).overflow(Overflow::DropNewest);
            if index == 0 { props.mailbox(mailbox) } else { props }
        })
        .spawn(&handle, move || worker.worker())
        .unwrap();
    sim.run_until_idle().unwrap();
    let mut router = pool.router();
    (0..40).for_each(|number| router.tell(&mut &handle, ledger.job(0, number)));
    sim.run_until_idle().unwrap();
    let lost = sim.stats().dead_letters().get(DeadLetterReason::DroppedNewest);
    assert!(lost > 0, "the mailbox was to be full");
    let loads = |router: &mut Router<Job, LeastLoaded>| -> Vec<u64> {
        router.routees().iter().map(|routee| routee.in_flight()).collect()
    };
    assert_eq!(loads(&mut router), [lost, 0]);
    sim.advance(Duration::from_secs(3)).unwrap();
    assert_eq!(loads(&mut router), [0, 0]);
    // One that was told by others than routers handles more than was counted, and is idle nevertheless.
    let direct = routees(&pool)[1];
    (40..50).for_each(|number| handle.tell(direct, ledger.job(0, number)));
    sim.advance(Duration::from_secs(3)).unwrap();
    router.tell(&mut &handle, ledger.job(0, 50));
    router.tell(&mut &handle, ledger.job(0, 51));
    assert_eq!(loads(&mut router), [1, 1]);
}

/// Whoever has handled more than was counted has not got room for as much more.
#[test]
fn a_routee_that_others_tell_all_the_time_does_not_look_idle_for_it() {
    let mut sim = Sim::builder(9).workers(1).build().unwrap();
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let pool = pool(&mut sim, &ledger, 2, LeastLoaded::default());
    let mut router = pool.router();
    let direct = routees(&pool)[0];
    for number in 0..50 {
        handle.tell(direct, ledger.job(0, number));
        sim.advance(Duration::from_millis(100)).unwrap();
    }
    for number in 50..90 {
        router.tell(&mut &handle, ledger.job(0, number));
    }
    sim.run_until_idle().unwrap();
    let share = ledger.share(routees(&pool)[1].address());
    // What the first was told in the last two seconds, up to 20, is not known yet; of the other 20 each gets half.
    assert!((8..=20).contains(&share), "the one that nobody else tells got {share} of 40");
}

#[test]
fn a_message_that_panics_its_routee_is_no_longer_in_flight() {
    let mut sim = Sim::new(9);
    let handle = sim.handle();
    let pool = Pool::of(2, LeastLoaded::default())
        .routees(|_| Props::on(On::Worker(0)).restart(Restart::up_to(9, Duration::from_secs(60))))
        .spawn(&handle, || from_fn(|fails: bool, _ctx| assert!(!fails, "told to panic")))
        .unwrap();
    sim.run_until_idle().unwrap();
    let mut router = pool.router();
    [true, false, true, false].into_iter().for_each(|fails| router.tell(&mut &handle, fails));
    sim.run_until_idle().unwrap();
    assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Panicked), 2);
    assert!(router.routees().iter().all(|routee| routee.in_flight() == 0), "{:?}", router.routees());
}

/// Handles its messages by batches alone.
struct Batcher(Ledger);

impl Actor for Batcher {
    type Msg = Job;

    fn handle(&mut self, _job: Job, _ctx: &mut Context<'_, Job>) {
        panic!("it takes batches");
    }

    fn handle_batch(&mut self, first: Job, rest: Batch<'_, Job>) {
        rest.for_each_behind(first, |job, ctx| self.0.handled(ctx.me().address(), &job));
    }
}

#[test]
fn a_routee_that_is_counted_gets_its_batches_and_none_stays_in_flight() {
    let mut sim = Sim::new(10);
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let worker = ledger.clone();
    let pool = Pool::of(3, LeastLoaded::default()).spawn(&handle, move || Batcher(worker.clone())).unwrap();
    sim.run_until_idle().unwrap();
    let mut router = pool.router();
    (0..30).for_each(|number| router.tell(&mut &handle, ledger.job(0, number)));
    sim.run_until_idle().unwrap();
    assert_eq!((ledger.handled_count(), ledger.dropped()), (30, 30));
    assert!(router.routees().iter().all(|routee| routee.in_flight() == 0), "{:?}", router.routees());
}

/// Everything at once, in every order: panics, stops, failures, full rings, late timers, resizes, replacements.
fn chaos<S: Strategy<Job> + Send + 'static>(strategy: S) {
    let configure = |builder: Builder| builder.workers(3).faults(Faults::chaos());
    let (mut handled, mut dead) = (0, 0);
    explore_with(40, configure, |sim| {
        let (ledger, handle, dead_jobs) = (Ledger::default(), sim.handle(), DeadJobs::listen(sim));
        let worker = ledger.clone();
        let restart = Restart::Restart {
            max: 3,
            within: Duration::from_secs(1),
            backoff: Backoff::fixed(Duration::from_millis(1)),
        };
        let pool = Pool::of(5, strategy.clone())
            .routees(move |index| Props::on(On::Worker(index % 3)).restart(restart))
            .replacing(Duration::from_millis(2))
            .spawn(&handle, move || worker.worker())
            .unwrap();
        // A sender that is an actor, and may fail too, and one that is a thread.
        let (sends, by_actor) = (ledger.clone(), pool.router());
        let sender = handle.spawn(Props::on(On::Worker(1)).restart(PATIENT), move || {
            let (sends, mut router) = (sends.clone(), by_actor.clone());
            from_fn(move |number: u64, ctx: &mut Context<'_, u64>| {
                router.tell(ctx, sends.job(0, number));
                if let Err(error) = router.try_tell(ctx, sends.job(1, number)) {
                    ctx.dead_letter(ctx.me(), error.into_message(), DeadLetterReason::Refused);
                }
            })
        });
        let (sender, mut router) = (sender.unwrap(), pool.router());
        for number in 0..120 {
            handle.tell(sender, number);
            router.tell(&mut &handle, ledger.job(2, number));
            if number % 30 == 29 {
                pool.resize(&mut &handle, [2, 7, 3, 5][number as usize / 30]);
            }
            sim.run_for_steps(5);
        }
        sim.advance(Duration::from_secs(1)).unwrap();
        assert_eq!(ledger.dropped(), ledger.made(), "jobs are kept by somebody");
        ledger.check_order();
        // A job whose handler panicked when it had handled it is reported as well.
        let (made, buried, both) = (ledger.made(), dead_jobs.get(), sim.injected().panics_after);
        let accounted = ledger.handled_count() + buried;
        assert!(accounted >= made, "{} of {made} jobs were lost in silence", made - accounted.min(made));
        assert!(accounted <= made + both, "{} of {made} jobs were counted twice", accounted - made);
        assert_eq!(sim.stats().lost_events, 0);
        handled += ledger.handled_count();
        dead += buried;
    });
    assert!(handled > 4000 && dead > 40, "{handled} were handled, {dead} were not");
}

/// Counts the jobs that are reported as dead letters.
#[derive(Clone, Default)]
struct DeadJobs(Arc<AtomicU64>);

impl DeadJobs {
    /// Begins to listen, by an actor that is spared.
    fn listen(sim: &mut Sim) -> Self {
        let counts = Self::default();
        let listener = sim.handle().spawn(On::Worker(0), {
            let counts = counts.clone();
            move || counts.clone()
        });
        sim.spare(listener.unwrap());
        sim.run_until_idle().unwrap();
        counts
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Actor for DeadJobs {
    type Msg = ();

    fn started(&mut self, ctx: &mut Context<'_, ()>) {
        let counts = self.clone();
        ctx.subscribe(move |event: &SystemEvent| {
            if let SystemEvent::DeadLetter { message, .. } | SystemEvent::MailboxOverflow { message, .. } = event
                && *message == std::any::type_name::<Job>()
            {
                counts.0.fetch_add(1, Ordering::Relaxed);
            }
            None
        });
    }

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {}
}

#[test]
fn in_chaos_every_message_in_turn_is_accounted_for() {
    chaos(RoundRobin::default());
}

#[test]
fn in_chaos_every_message_by_load_is_accounted_for() {
    chaos(LeastLoaded::default());
}

#[test]
fn in_chaos_every_message_by_key_is_accounted_for() {
    chaos(ConsistentHashing::by(|job: &Job| job.number));
}

#[test]
fn a_pool_is_resized_under_load_on_real_workers() {
    const JOBS: u64 = 3000;
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let (ledger, handle) = (Ledger::default(), engine.handle());
    let worker = ledger.clone();
    let pool = Pool::of(4, LeastLoaded::default())
        .replacing(Duration::from_millis(1))
        .spawn(&handle, move || worker.worker())
        .unwrap();
    assert_eq!(pool.ready(&handle).wait(PATIENCE), Ok(4));
    for sender in 0..2 {
        let (ledger, router) = (ledger.clone(), pool.router());
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
    for size in [1, 6, 2, 8, 3] {
        pool.resize(&mut &handle, size);
        eventually("the pool has its size", || pool.size() == size);
        let stops = routees(&pool)[0];
        handle.stop(stops, Stop::Now).unwrap();
        eventually("it is replaced", || pool.size() == size && !routees(&pool).contains(&stops));
    }
    eventually("all jobs are dropped", || ledger.made() == 2 * JOBS && ledger.dropped() == 2 * JOBS);
    ledger.check_order();
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(ledger.handled_count() + report.dead_letters.total(), 2 * JOBS);
}
