//! Groups: who is a member, what members get, and in which order, while they join, leave, stop and panic.

#[path = "common/router.rs"]
mod common;

use std::time::Duration;

use common::{Job, Ledger, PATIENCE, eventually};
use hippodrome::sim::{Builder, Faults, Probe, Sim, explore, explore_with};
use hippodrome::{ActorRef, AskError, Context, DeadLetterReason, Engine, On, Props, Restart, Stop, from_fn};
use hippodrome_toolkit::group::{Group, GroupMessage};
use hippodrome_toolkit::router::{ConsistentHashing, RoundRobin};

/// A group of probes, by a simulation.
fn group(sim: &mut Sim, members: usize) -> (Group<u64>, Vec<Probe<u64>>) {
    let handle = sim.handle();
    let group = Group::spawn(&handle, On::Worker(0)).unwrap();
    let probes: Vec<_> = (0..members).map(|_| sim.probe()).collect();
    for probe in &probes {
        assert!(group.join(&mut &handle, probe.actor()));
        assert!(!group.join(&mut &handle, probe.actor()), "a member cannot join again");
    }
    (group, probes)
}

#[test]
fn every_member_gets_what_is_published_once_and_in_order() {
    explore(20, |sim| {
        let (group, probes) = group(sim, 3);
        let (handle, mut publisher) = (sim.handle(), group.publisher());
        (0..20).for_each(|n| assert_eq!(publisher.publish(&mut &handle, n), 3));
        assert!(group.leave(&mut &handle, probes[1].actor()));
        assert!(!group.leave(&mut &handle, probes[1].actor()));
        (20..30).for_each(|n| assert_eq!(publisher.publish(&mut &handle, n), 2));
        sim.run_until_idle().unwrap();
        for (probe, end) in probes.iter().zip([30, 20, 30]) {
            assert_eq!(probe.drain(), (0..end).collect::<Vec<_>>());
        }
        assert_eq!((group.len(), group.contains(probes[1].actor())), (2, false));
        assert_eq!(sim.stats().dead_letters().total(), 0);
    });
}

#[test]
fn to_publish_to_nobody_is_no_failure() {
    let mut sim = Sim::new(1);
    let (group, _) = group(&mut sim, 0);
    assert_eq!(group.publisher().publish(&mut &sim.handle(), 1), 0);
    assert!(group.is_empty());
    // A router has to give its message to somebody.
    group.router(RoundRobin::default()).tell(&mut &sim.handle(), 1);
    sim.run_until_idle().unwrap();
    assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Refused), 1);
}

#[test]
fn a_member_that_stops_leaves_by_itself_and_one_that_had_stopped_before_too() {
    explore(20, |sim| {
        let (group, probes) = group(sim, 2);
        let handle = sim.handle();
        let [stops, had_stopped] = [0, 1].map(|on| handle.spawn(On::Worker(on), || from_fn(|_: u64, _| ())).unwrap());
        handle.stop(had_stopped, Stop::Now).unwrap();
        sim.run_until_idle().unwrap();
        assert!(group.join(&mut &handle, had_stopped));
        assert!(group.join(&mut &handle, stops));
        sim.run_until_idle().unwrap();
        assert_eq!(group.len(), 3);
        handle.stop(stops, Stop::Now).unwrap();
        sim.run_until_idle().unwrap();
        assert_eq!(group.members(), probes.iter().map(Probe::actor).collect::<Vec<_>>());
    });
}

#[test]
fn who_joins_while_the_groups_actor_cannot_be_told_is_no_member_for_ever() {
    explore_with(
        20,
        |builder| builder.faults(Faults::none().small_rings(true)),
        |sim| {
            let (group, _) = group(sim, 0);
            let handle = sim.handle();
            let member = handle.spawn(On::Worker(1), || from_fn(|_: u64, _| ())).unwrap();
            let other = handle.spawn(On::Worker(0), || from_fn(|_: u64, _| ())).unwrap();
            sim.run_until_idle().unwrap();
            while handle.try_tell(other, 1).is_ok() {}
            assert!(!group.join(&mut &handle, member), "nobody would watch it");
            assert!(!group.contains(member));
            sim.run_until_idle().unwrap();
            assert!(group.join(&mut &handle, member));
            sim.run_until_idle().unwrap();
            handle.stop(member, Stop::Now).unwrap();
            sim.run_until_idle().unwrap();
            assert!(group.is_empty());
        },
    );
}

/// News of joining and leaving reach the group's actor by different ways, and in any order.
#[test]
fn however_members_come_and_go_the_group_watches_those_that_are_there() {
    explore(50, |sim| {
        let (group, _probes) = group(sim, 0);
        let handle = sim.handle();
        let member = handle.spawn(On::Worker(1), || from_fn(|_: u64, _| ())).unwrap();
        let toggles = |on| {
            let group = group.clone();
            let toggle = move |joins: bool, ctx: &mut Context<'_, bool>| {
                if joins {
                    group.join(ctx, member)
                } else {
                    group.leave(ctx, member)
                };
            };
            handle.spawn(On::Worker(on), move || from_fn(toggle.clone())).unwrap()
        };
        let togglers = [toggles(0), toggles(1)];
        for round in 0..20 {
            handle.tell(togglers[round % 2], round % 3 != 0);
            sim.run_for_steps(2);
        }
        sim.run_until_idle().unwrap();
        group.join(&mut &handle, member);
        sim.run_until_idle().unwrap();
        handle.stop(member, Stop::Now).unwrap();
        sim.run_until_idle().unwrap();
        assert!(group.is_empty(), "it was not watched any more");
    });
}

#[test]
fn a_group_that_ends_is_empty_for_good() {
    for how in [Stop::Now, Stop::Kill] {
        let mut sim = Sim::new(2);
        let (group, probes) = group(&mut sim, 2);
        let handle = sim.handle();
        handle.stop(group.actor(), how).unwrap();
        sim.run_until_idle().unwrap();
        assert_eq!(group.publisher().publish(&mut &handle, 1), 0);
        assert!(!group.join(&mut &handle, probes[0].actor()));
        assert!(group.is_empty());
    }
}

#[test]
fn a_group_is_found_by_its_name_and_its_type() {
    let mut sim = Sim::new(3);
    let handle = sim.handle();
    let made: Group<u64> = Group::spawn(&handle, Props::on(On::Worker(1)).named("prices")).unwrap();
    let asked = Group::<u64>::find(&handle, "prices").unwrap();
    let found = sim.wait(asked, PATIENCE).unwrap();
    let probe = sim.probe();
    assert!(found.join(&mut &handle, probe.actor()));
    assert!(made.contains(probe.actor()));
    assert!(Group::<String>::find(&handle, "prices").is_none());
    assert!(Group::<u64>::find(&handle, "price").is_none());

    // Actors ask for it.
    let groups = sim.probe::<Result<Group<u64>, AskError>>();
    let tells = groups.actor();
    let asks = move |found: Option<Result<Group<u64>, AskError>>, ctx: &mut Context<'_, _>| match found {
        Some(found) => ctx.tell(tells, found),
        None => {
            let actor: ActorRef<GroupMessage<u64>> = ctx.handle().lookup("prices").unwrap();
            ctx.ask(actor, GroupMessage::group, Some);
        }
    };
    let asker = handle.spawn(On::Worker(0), move || from_fn(asks)).unwrap();
    handle.tell(asker, None);
    assert!(groups.expect(&mut sim).unwrap().contains(probe.actor()));
}

#[test]
fn a_router_over_a_group_follows_its_members() {
    let mut sim = Sim::new(4);
    let (ledger, handle) = (Ledger::default(), sim.handle());
    let group = Group::spawn(&handle, On::Worker(0)).unwrap();
    let workers = ledger.workers(&handle, 3);
    workers.iter().for_each(|worker| assert!(group.join(&mut &handle, *worker)));
    let mut router = group.router(ConsistentHashing::by(|job: &Job| job.number));
    let mut owners = |sim: &mut Sim, sender| {
        (0..90).for_each(|number| router.tell(&mut &handle, ledger.job(sender, number)));
        sim.run_until_idle().unwrap();
        let fates = ledger.fates();
        (0..90).map(|number| fates[&(sender, number)]).collect::<Vec<_>>()
    };
    let all = owners(&mut sim, 0);
    handle.stop(workers[1], Stop::Now).unwrap();
    sim.run_until_idle().unwrap();
    let rest = owners(&mut sim, 1);
    for (before, after) in all.iter().zip(&rest) {
        assert!(before == after || *before == workers[1].address());
        assert_ne!(*after, workers[1].address());
    }
    assert_eq!(sim.stats().dead_letters().total(), 0);
}

/// The group's own actor is hit as well: it is made anew, and watches again.
#[test]
fn in_chaos_only_members_that_stopped_are_missing() {
    let configure =
        |builder: Builder| builder.faults(Faults::none().panics(20).panics_after(40).failures(100).start_panics(10));
    explore_with(60, configure, |sim| {
        let (ledger, handle) = (Ledger::default(), sim.handle());
        let group = Group::spawn(&handle, On::Worker(0)).unwrap();
        // Some of them stop at their first panic, the others are restarted.
        let spawn = |index: usize| {
            let restart = if index < 4 { Restart::Stop } else { Restart::up_to(1_000_000, Duration::from_secs(1)) };
            let ledger = ledger.clone();
            handle.spawn(Props::on(On::Worker(index % 2)).restart(restart), move || ledger.worker()).unwrap()
        };
        let members: Vec<_> = (0..8).map(spawn).collect();
        members.iter().for_each(|member| assert!(group.join(&mut &handle, *member)));
        let mut router = group.router(RoundRobin::default());
        for number in 0..100 {
            router.tell(&mut &handle, ledger.job(0, number));
            sim.run_for_steps(3);
        }
        // From here on nothing more happens to anybody.
        members.iter().for_each(|member| sim.spare(*member));
        sim.spare(group.actor());
        sim.advance(Duration::from_secs(1)).unwrap();
        ledger.check_order();
        assert_eq!(ledger.dropped(), 100);
        if group.is_empty() {
            // Its own actor has failed too often: then nobody is a member.
            return assert!(sim.wait(handle.watch(group.actor()).unwrap(), PATIENCE).is_ok());
        }
        for member in &members {
            // Who is there lives, and who has stopped is not there: it is known at once when somebody begins to watch.
            let ended = sim.wait(handle.watch(*member).unwrap(), Duration::ZERO);
            assert_eq!(ended.is_err(), group.contains(*member), "{ended:?}");
        }
    });
}

#[test]
fn on_real_workers_members_come_and_go_while_all_are_told() {
    const ROUNDS: u64 = 2000;
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let (ledger, mut handle) = (Ledger::default(), engine.handle());
    let group = Group::spawn(&handle, On::RoundRobin).unwrap();
    let stays = ledger.workers(&handle, 3);
    stays.iter().for_each(|worker| assert!(group.join(&mut handle, *worker)));
    let spreader = |worker| {
        let (sends, router) = (ledger.clone(), group.router(RoundRobin::default()));
        let spreader = handle.spawn(On::Worker(worker), move || {
            let (sends, mut router) = (sends.clone(), router.clone());
            from_fn(move |number: u64, ctx: &mut Context<'_, u64>| {
                router.tell(ctx, sends.job(worker as u64, number));
                if number + 1 < ROUNDS {
                    ctx.tell(ctx.me(), number + 1);
                }
            })
        });
        spreader.unwrap()
    };
    [spreader(0), spreader(1)].iter().for_each(|spreader| handle.tell(*spreader, 0));
    for _ in 0..50 {
        let [comes, ..] = ledger.workers(&handle, 1)[..] else { unreachable!("one was spawned") };
        assert!(group.join(&mut &engine.handle(), comes));
        handle.stop(comes, Stop::AfterQueued).unwrap();
        eventually("who has stopped has left", || !group.contains(comes));
    }
    eventually("all jobs are dropped", || ledger.made() == 2 * ROUNDS && ledger.dropped() == 2 * ROUNDS);
    ledger.check_order();
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(ledger.handled_count() + report.dead_letters.total(), 2 * ROUNDS);
}
