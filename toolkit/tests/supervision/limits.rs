//! How often and after which waits, in virtual time; the order of starts and stops, and those who are late.

use std::time::Duration;

use hippodrome::sim::{Sim, explore};
use hippodrome::{Backoff, On, Props, Restart, Stop, StopReason};
use hippodrome_toolkit::supervision::{ChildRef, ChildSpec, Jitter, NodeState, Strategy, Supervise, Supervisor};

use crate::house::{Job, Log, NAMES, PATIENCE, Place, Three, real, spec, starts, stops};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

#[test]
fn restarts_are_counted_within_their_time() {
    explore(10, |sim| {
        let three = Three::spawn(
            &sim.handle(),
            || Supervisor::new(Strategy::OneForOne).named("shop").intensity(3, 10 * SECOND),
            |_, spec| spec,
        );
        let told = sim.handle().watch(three.root).unwrap();
        three.expect(&mut &mut *sim, &starts(&NAMES));
        // At 0, 4, 8 and 12 seconds, of whichever child: never four within ten.
        for n in [0, 1, 2, 1] {
            sim.handle().tell(three.actor(n), Job::Panic);
            three.expect(&mut &mut *sim, &starts(&[NAMES[n]]));
            sim.advance(4 * SECOND).unwrap();
        }
        // At 16 seconds: the third, after 8 and 12. And one too many.
        sim.handle().tell(three.actor(0), Job::Panic);
        three.expect(&mut &mut *sim, &starts(&["a"]));
        sim.handle().tell(three.actor(1), Job::Panic);
        three.expect(&mut &mut *sim, &stops(&["c", "a"]));
        let reason = sim.wait(told, SECOND).unwrap().reason;
        let text = "supervisor \"shop\" gave up after 3 restarts within 10s: child \"b\" panicked: a job";
        assert_eq!(reason, StopReason::Panicked(text.into()));
        sim.shutdown().unwrap();
    });
}

#[test]
fn a_group_is_one_restart() {
    let mut sim = Sim::builder(1).build().unwrap();
    let supervisor = || Supervisor::new(Strategy::OneForAll).intensity(2, SECOND);
    let three = Three::spawn(&sim.handle(), supervisor, |_, spec| spec);
    three.expect(&mut &mut sim, &starts(&NAMES));
    for _ in 0..2 {
        sim.handle().tell(three.actor(1), Job::Panic);
        three.expect(&mut &mut sim, &[stops(&["c", "a"]), starts(&NAMES)].concat());
    }
    sim.handle().tell(three.actor(1), Job::Panic);
    three.expect(&mut &mut sim, &stops(&["c", "a"]));
    assert_eq!(sim.stats().workers.iter().map(|worker| worker.actors).sum::<u64>(), 0);
    sim.shutdown().unwrap();
}

/// How long the child is away after each of some failures in a row.
fn waits(seed: u64, strategy: Strategy, jitter: Jitter, failures: usize) -> Vec<Duration> {
    let mut sim = Sim::builder(seed).build().unwrap();
    let backoff = Backoff::exponential(100 * MILLI, 800 * MILLI);
    let supervisor = move || Supervisor::new(strategy).intensity(100, 10 * SECOND).backoff(backoff, jitter);
    let three = Three::spawn(&sim.handle(), supervisor, |_, spec| spec);
    three.expect(&mut &mut sim, &starts(&NAMES));
    let away = |sim: &mut Sim| {
        sim.handle().tell(three.actor(1), Job::Panic);
        sim.run_until_idle().unwrap();
        let (failed, is_back) = (sim.now(), || three.log.read().contains(&"+b".to_owned()));
        three.log.take();
        while !is_back() {
            assert!(sim.now() - failed < 2 * SECOND, "it never comes back");
            sim.advance(MILLI).unwrap();
        }
        three.log.take();
        sim.now() - failed
    };
    let mut waits: Vec<_> = (0..failures).map(|_| away(&mut sim)).collect();
    // Once it has lived for as long as the window, it is as new.
    sim.advance(11 * SECOND).unwrap();
    waits.push(away(&mut sim));
    sim.shutdown().unwrap();
    waits
}

#[test]
fn waits_grow_and_begin_anew() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let waits: Vec<_> = waits(1, strategy, Jitter::None, 5).iter().map(Duration::as_millis).collect();
        let expected = [100, 200, 400, 800, 800, 100];
        // The timer's resolution, and the steps of the test.
        let is_near = |(wait, expected): (&u128, u128)| (expected..=expected + 3).contains(wait);
        assert!(waits.iter().zip(expected).all(is_near), "{waits:?}");
    }
}

#[test]
fn jitter_spreads_the_waits_and_a_seed_repeats_them() {
    let most = [100, 200, 400, 800, 800, 100].map(Duration::from_millis);
    let mut all = Vec::new();
    for seed in 0..20 {
        for (jitter, least) in [(Jitter::Full, 0), (Jitter::Equal, 1)] {
            let waits = waits(seed, Strategy::OneForOne, jitter, 5);
            let is_within =
                |(wait, most): (&Duration, Duration)| least * most / 2 <= *wait && *wait <= most + 3 * MILLI;
            assert!(waits.iter().zip(most).all(is_within), "{jitter:?} {waits:?}");
            all.push(waits);
        }
    }
    assert_eq!(all[1], waits(0, Strategy::OneForOne, Jitter::Equal, 5));
    all.sort();
    all.dedup();
    assert!(all.len() > 30, "different seeds, different waits");
}

#[test]
fn what_is_sent_meanwhile_is_handled_first_and_in_order() {
    explore(20, |sim| {
        let backoff = Backoff::fixed(SECOND);
        let supervisor = move || Supervisor::new(Strategy::RestForOne).backoff(backoff, Jitter::None);
        let three = Three::spawn(&sim.handle(), supervisor, |_, spec| spec);
        three.expect(&mut &mut *sim, &starts(&NAMES));
        sim.handle().tell(three.actor(1), Job::Panic);
        (1..=3).for_each(|n| sim.handle().tell(three.actor(1), Job::Number(n)));
        three.expect(&mut &mut *sim, &stops(&["c"]));
        (4..=6).for_each(|n| sim.handle().tell(three.actor(1), Job::Number(n)));
        sim.run_until_idle().unwrap();
        let tree = sim.ask(three.root, Supervise::tree).unwrap();
        let states: Vec<_> = tree.children.iter().map(|child| child.state).collect();
        assert!(matches!(states[..], [NodeState::Running, NodeState::BackingOff { .. }, NodeState::Down]), "{tree}");
        sim.advance(2 * SECOND).unwrap();
        let mut log = three.log.take();
        assert_eq!(
            log.iter().position(|line| line == "+b").map(|at| log[at + 1..].contains(&"+c".to_owned())),
            Some(true)
        );
        log.retain(|line| line.starts_with("b "));
        assert_eq!(log, (1..=6).map(|n| format!("b {n}")).collect::<Vec<_>>());
        assert_eq!(sim.shutdown().unwrap().dead_letters.total(), 1);
    });
}

/// Starts on another worker take as long as they take.
fn starts_in_order(mut place: impl Place) {
    let three = Three::spawn(&place.handle(), || Supervisor::new(Strategy::OneForOne), |_, spec| spec);
    // `(b` never before `+a`.
    three.expect(&mut place, &starts(&NAMES));
    place.handle().tell(three.root, Supervise::shutdown());
    three.expect(&mut place, &stops(&["c", "b", "a"]));
    place.end();
}

#[test]
fn children_start_in_order_and_stop_in_reverse() {
    starts_in_order(real());
    explore(100, |sim| starts_in_order(sim));
}

fn ends_in_reverse(mut place: impl Place, end: impl FnOnce(&Three, &mut dyn FnMut(Stop))) {
    let three = Three::spawn(&place.handle(), || Supervisor::new(Strategy::OneForOne), |_, spec| spec);
    three.expect(&mut place, &starts(&NAMES));
    let handle = place.handle();
    end(&three, &mut |how| handle.stop(three.root, how).unwrap());
    three.expect(&mut place, &stops(&["c", "b", "a"]));
    place.end();
}

#[test]
fn they_stop_in_reverse_when_the_supervisor_is_told_to_stop() {
    ends_in_reverse(real(), |_, stop| stop(Stop::Now));
    explore(50, |sim| ends_in_reverse(sim, |_, stop| stop(Stop::AfterQueued)));
}

#[test]
fn a_child_that_cannot_be_spawned_ends_those_before_it() {
    let (log, written) = (Log::default(), Log::default());
    let noted = log.clone();
    let mut sim = Sim::builder(3).build().unwrap();
    for wrong in ["b", "a"] {
        let noted = noted.clone();
        let root = sim.handle().spawn(On::Worker(0), move || {
            let supervisor = Supervisor::new(Strategy::OneForOne).child(spec("a", On::Worker(1), &noted));
            // Either there is no such worker, or no such name left.
            let place = if wrong == "b" { On::Worker(99) } else { On::Worker(1) };
            supervisor.child(spec(wrong, place, &noted)).child(spec("c", On::Worker(1), &noted))
        });
        let told = sim.handle().watch(root.unwrap()).unwrap();
        let reason = sim.wait(told, SECOND).unwrap().reason.to_string();
        assert!(reason.contains("could not start its child") && reason.contains(wrong), "{reason}");
        assert_eq!(log.take(), [starts(&["a"]), stops(&["a"])].concat());
    }
    assert!(written.take().is_empty());
    sim.shutdown().unwrap();
}

#[test]
fn a_child_that_does_not_stop_in_time_is_killed() {
    let mut sim = Sim::builder(4).build().unwrap();
    let (log, child) = (Log::default(), ChildRef::new());
    let (written, noted) = (log.clone(), child.clone());
    // It backs off by a policy of its own and has something to handle: that takes an hour.
    let backoff = Restart::Restart { max: 9, within: SECOND, backoff: Backoff::fixed(3600 * SECOND) };
    let root = sim.handle().spawn(On::Worker(0), move || {
        let late = spec("late", Props::on(On::Worker(1)).restart(backoff), &written);
        Supervisor::new(Strategy::OneForOne)
            .child(spec("a", On::Worker(0), &written))
            .child(late.stop(Stop::AfterQueued, 2 * SECOND).note(&noted))
    });
    let root = root.unwrap();
    sim.run_until_idle().unwrap();
    for job in [Job::Panic, Job::Number(1)] {
        sim.handle().tell(child.get().unwrap(), job);
    }
    sim.run_until_idle().unwrap();
    log.take();
    sim.handle().tell(root, Supervise::shutdown());
    sim.advance(SECOND).unwrap();
    assert_eq!(log.take(), stops(&[]));
    sim.advance(2 * SECOND).unwrap();
    assert_eq!(log.take(), stops(&["a"]));
    assert_eq!(sim.shutdown().unwrap().dead_letters.total(), 2);
}

#[test]
fn a_supervisor_that_is_made_anew_has_new_children() {
    let mut sim = Sim::builder(5).build().unwrap();
    let (log, leaf) = (Log::default(), ChildRef::new());
    let (written, noted) = (log.clone(), leaf.clone());
    let root = sim.handle().spawn(On::Worker(0), move || {
        let (written, noted) = (written.clone(), noted.clone());
        let branch = move || {
            Supervisor::new(Strategy::OneForOne)
                .intensity(0, SECOND)
                .child(spec("leaf", On::Worker(1), &written).note(&noted))
        };
        Supervisor::new(Strategy::OneForOne).child(ChildSpec::new("branch", On::Worker(1), branch))
    });
    sim.run_until_idle().unwrap();
    let before = leaf.get().unwrap();
    sim.handle().tell(before, Job::Panic);
    sim.run_until_idle().unwrap();
    let after = leaf.get().unwrap();
    assert_ne!(before, after);
    assert_eq!(log.take(), starts(&["leaf", "leaf"]));
    let tree = sim.ask(root.unwrap(), Supervise::tree).unwrap();
    assert_eq!((tree.find(&["branch"]).unwrap().restarts, tree.find(&["branch", "leaf"]).unwrap().restarts), (1, 0));
    sim.handle().tell(before, Job::Number(1));
    sim.handle().tell(after, Job::Number(2));
    sim.run_until_idle().unwrap();
    assert_eq!(log.take(), ["leaf 2"]);
    sim.shutdown().unwrap();
}

#[test]
fn a_real_engine_waits_too() {
    let engine = real();
    let backoff = Backoff::fixed(20 * MILLI);
    let supervisor = move || Supervisor::new(Strategy::OneForAll).backoff(backoff, Jitter::Full);
    let three = Three::spawn(&engine.handle(), supervisor, |_, spec| spec);
    let mut place = engine;
    three.expect(&mut place, &starts(&NAMES));
    place.handle().tell(three.actor(2), Job::Panic);
    three.expect(&mut place, &[stops(&["b", "a"]), starts(&NAMES)].concat());
    let report = place.shutdown(PATIENCE).unwrap();
    assert!(report.drained && report.stopped_in_order, "{report:?}");
}
