//! Children that come and go while the supervisor runs.

use std::time::Duration;

use hippodrome::sim::{Sim, explore};
use hippodrome::{ActorRef, AskError, Backoff, On, SpawnError};
use hippodrome_toolkit::supervision::{Jitter, StartChildError, Strategy, Supervise, Supervisor};

use crate::house::{Job, Log, NAMES, PATIENCE, Three, real, spec, starts, stops};

type Root = ActorRef<Supervise>;

fn root(sim: &mut Sim, strategy: Strategy) -> Root {
    sim.handle().spawn(On::Worker(0), move || Supervisor::new(strategy).intensity(100, PATIENCE)).unwrap()
}

fn start(sim: &mut Sim, root: Root, name: &'static str, log: &Log) -> Result<ActorRef<Job>, StartChildError> {
    let spec = spec(name, On::Worker(1), log);
    sim.ask(root, |reply| Supervise::start_child(spec, reply)).expect("it answers")
}

#[test]
fn children_come_and_go() {
    explore(20, |sim| {
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            let (log, root) = (Log::default(), root(sim, strategy));
            let a = start(sim, root, "a", &log).unwrap();
            let b = start(sim, root, "b", &log).unwrap();
            let taken = start(sim, root, "a", &log).unwrap_err();
            assert_eq!(taken, StartChildError::NameTaken { name: "a".into(), child: a.address() });
            sim.run_until_idle().unwrap();
            assert_eq!(log.take(), starts(&["a", "b"]));
            assert_eq!(sim.ask(root, |reply| Supervise::find("b", reply)), Ok(Some(b)));
            assert_eq!(sim.ask(root, |reply| Supervise::find::<Job>("c", reply)), Ok(None));
            assert_eq!(sim.ask(root, |reply| Supervise::find::<u8>("b", reply)), Ok(None), "it takes something else");
            assert_eq!(sim.ask(root, |reply| Supervise::stop_child("a", reply)), Ok(true));
            assert_eq!(log.take(), stops(&["a"]));
            assert_eq!(sim.ask(root, |reply| Supervise::stop_child("a", reply)), Ok(false));
            let again = start(sim, root, "a", &log).unwrap();
            assert_ne!(again, a);
            sim.run_until_idle().unwrap();
            assert_eq!(log.take(), starts(&["a"]));
            // It is the youngest now.
            sim.handle().tell(b, Job::Panic);
            sim.run_until_idle().unwrap();
            let expected = match strategy {
                Strategy::OneForOne => starts(&["b"]),
                _ => [stops(&["a"]), starts(&["b", "a"])].concat(),
            };
            assert_eq!(log.take(), expected);
            sim.handle().tell(root, Supervise::shutdown());
            sim.run_until_idle().unwrap();
            assert_eq!(log.take(), stops(&["a", "b"]));
            assert_eq!(
                sim.ask(root, |reply| Supervise::find::<Job>("a", reply)),
                Err(AskError::Unanswered),
                "the supervisor has gone"
            );
        }
        sim.shutdown().unwrap();
    });
}

#[test]
fn a_child_that_cannot_be_spawned_is_nobodys_end_but_its_own() {
    let mut sim = Sim::builder(1).build().unwrap();
    let (log, root) = (Log::default(), root(&mut sim, Strategy::OneForAll));
    start(&mut sim, root, "a", &log).unwrap();
    let nowhere = spec("b", On::Worker(99), &log);
    let error = sim.ask(root, |reply| Supervise::start_child(nowhere, reply)).unwrap().unwrap_err();
    assert!(matches!(error, StartChildError::Spawn(SpawnError::NoSuchWorker { worker: 99, .. })), "{error}");
    start(&mut sim, root, "b", &log).unwrap();
    sim.run_until_idle().unwrap();
    assert_eq!(log.take(), starts(&["a", "b"]));
    sim.shutdown().unwrap();
}

#[test]
fn who_comes_while_a_group_backs_off_waits_for_it() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let mut sim = Sim::builder(2).build().unwrap();
        let backoff = Backoff::fixed(Duration::from_secs(1));
        let three = Three::spawn(
            &sim.handle(),
            move || Supervisor::new(strategy).backoff(backoff, Jitter::None),
            |_, spec| spec,
        );
        three.expect(&mut &mut sim, &starts(&NAMES));
        sim.handle().tell(three.actor(2), Job::Panic);
        sim.run_until_idle().unwrap();
        three.log.take();
        let late = spec("d", On::Worker(0), &three.log);
        let came = sim.handle().ask(three.root, |reply| Supervise::start_child(late, reply));
        sim.run_until_idle().unwrap();
        let is_there = three.log.read() == starts(&["d"]);
        assert_eq!(is_there, strategy == Strategy::OneForOne, "{strategy}");
        sim.wait(came, Duration::from_secs(3)).unwrap().unwrap();
        sim.advance(Duration::from_secs(2)).unwrap();
        assert!(three.log.take().contains(&"+d".to_owned()));
        sim.shutdown().unwrap();
    }
}

#[test]
fn while_a_group_backs_off_names_mean_whom_they_mean_otherwise() {
    let mut sim = Sim::builder(4).build().unwrap();
    let backoff = Backoff::fixed(Duration::from_secs(1));
    let supervisor = move || Supervisor::new(Strategy::RestForOne).backoff(backoff, Jitter::None);
    let three = Three::spawn(&sim.handle(), supervisor, |_, spec| spec);
    three.expect(&mut &mut sim, &starts(&NAMES));
    sim.handle().tell(three.actor(2), Job::Panic);
    sim.run_until_idle().unwrap();
    let handle = sim.handle();
    let [other, late] = ["a", "d"].map(|name| spec(name, On::Worker(0), &three.log));
    let taken = handle.ask(three.root, |reply| Supervise::start_child(other, reply));
    let withdrawn = handle.ask(three.root, |reply| Supervise::start_child(late, reply));
    let gone = ["a", "d", "d"].map(|name| handle.ask(three.root, |reply| Supervise::stop_child(name, reply)));
    sim.run_until_idle().unwrap();
    assert_eq!(three.log.take(), stops(&["a"]), "it is the child that is stopped, and not who would have its name");
    let (name, child) = ("a".into(), three.actor(0).address());
    assert_eq!(sim.wait(taken, Duration::ZERO).unwrap(), Err(StartChildError::NameTaken { name, child }));
    assert_eq!(sim.wait(withdrawn, Duration::ZERO).unwrap(), Err(StartChildError::Withdrawn));
    assert_eq!(gone.map(|gone| sim.wait(gone, Duration::ZERO).unwrap()), [true, true, false]);
    sim.advance(Duration::from_secs(2)).unwrap();
    assert_eq!(three.log.take(), starts(&["c"]));
    sim.shutdown().unwrap();
}

#[test]
fn a_stopped_supervisor_says_so_to_those_who_wait() {
    let mut sim = Sim::builder(3).build().unwrap();
    let backoff = Backoff::fixed(Duration::from_secs(100));
    let supervisor = move || Supervisor::new(Strategy::OneForAll).backoff(backoff, Jitter::None);
    let three = Three::spawn(&sim.handle(), supervisor, |_, spec| spec);
    three.expect(&mut &mut sim, &starts(&NAMES));
    sim.handle().tell(three.actor(2), Job::Panic);
    sim.run_until_idle().unwrap();
    let late = spec("d", On::Worker(0), &three.log);
    let came = sim.handle().ask(three.root, |reply| Supervise::start_child(late, reply));
    sim.run_until_idle().unwrap();
    sim.handle().tell(three.root, Supervise::shutdown());
    assert_eq!(sim.wait(came, PATIENCE).unwrap(), Err(StartChildError::Stopping));
    sim.run_until_idle().unwrap();
    assert_eq!(sim.stats().workers.iter().map(|worker| worker.actors).sum::<u64>(), 0);
    sim.shutdown().unwrap();
}

#[test]
fn thousands_come_and_go_on_real_workers() {
    let engine = real();
    let handle = engine.handle();
    let root = handle.spawn(On::Worker(0), || Supervisor::new(Strategy::OneForOne).intensity(5000, PATIENCE)).unwrap();
    let log = Log::default();
    let name = |n: usize| -> &'static str { Box::leak(n.to_string().into_boxed_str()) };
    let mut children = Vec::new();
    for n in 0..2000 {
        let mut child = spec(name(n), On::Worker(n % 2), &log);
        if n % 2 == 0 {
            child = child.temporary();
        }
        let started = handle.ask(root, |reply| Supervise::start_child(child, reply)).wait(PATIENCE).unwrap();
        children.push(started.unwrap());
    }
    children.iter().for_each(|child| handle.tell(*child, Job::Panic));
    children.iter().for_each(|child| handle.tell(*child, Job::Number(1)));
    let report = engine.shutdown(PATIENCE).unwrap();
    let log = log.take();
    let count = |what: &dyn Fn(&str) -> bool| log.iter().filter(|line| what(line)).count();
    assert_eq!(count(&|line| line.starts_with('+')), 3000, "one life for half of them, two for the others");
    assert_eq!(count(&|line| line.ends_with(" 1")), 1000);
    assert_eq!(count(&|line| line.starts_with('-')), 1000);
    assert_eq!(report.dead_letters.total(), 2000 + 1000);
    let stopped: Vec<usize> = log.iter().filter_map(|line| line.strip_prefix('-')?.parse().ok()).collect();
    assert!(stopped.is_sorted_by(|one, other| one > other), "in reverse order");
}
