//! The tree as data and as text, across workers, with branches that do not answer.

use std::sync::mpsc;
use std::time::Duration;

use hippodrome::sim::explore;
use hippodrome::{On, from_fn};
use hippodrome_toolkit::supervision::{ChildSpec, Lifetime, NodeState, Strategy, Supervise, Supervisor, Tree};

use parking_lot::Mutex;

use crate::house::{Job, Log, PATIENCE, Place, real, spec, starts};

/// So many levels of supervisors, each with a leaf.
fn deep(levels: u32, log: &Log) -> Supervisor {
    let supervisor = Supervisor::new(Strategy::OneForAll).child(spec("leaf", On::RoundRobin, log).transient());
    if levels == 0 {
        return supervisor;
    }
    let log = log.clone();
    supervisor.child(ChildSpec::new("below", On::RoundRobin, move || deep(levels - 1, &log)))
}

#[test]
fn a_tree_of_many_levels_is_gathered_across_workers() {
    let engine = real();
    let handle = engine.handle();
    let (log, mut place) = (Log::default(), engine);
    let written = log.clone();
    let root = handle.spawn(On::Worker(0), move || deep(20, &written).named("top")).unwrap();
    place.until("all started", || log.read().len() == 42);
    let mut tree = None;
    place.until("all are up", || {
        let gathered = handle.ask(root, Supervise::tree).wait(PATIENCE).unwrap();
        let is_up = gathered.nodes().all(|node| node.state == NodeState::Running);
        tree = Some(gathered);
        is_up
    });
    let tree = tree.unwrap();
    assert_eq!(tree.nodes().count(), 41 + 1);
    assert_eq!((&*tree.name, tree.address.clone(), tree.lifetime), ("top", root.address().to_string(), None));
    let lowest = tree.find(&["below"; 20]).unwrap();
    assert_eq!((lowest.strategy, lowest.children.len()), (Some(Strategy::OneForAll), 1));
    assert_eq!(lowest.children[0].lifetime, Some(Lifetime::Transient));
    let text = tree.to_string();
    assert_eq!(text.lines().count(), 42);
    assert!(text.lines().last().unwrap().contains("└─ leaf (Worker)"), "{text}");
    let json = serde_json::to_string(&tree).unwrap();
    assert_eq!(serde_json::from_str::<Tree>(&json).unwrap(), tree);
    place.end();
}

#[test]
fn a_branch_that_does_not_answer_is_shown_as_such() {
    let mut engine = real();
    let handle = engine.handle();
    let log = Log::default();
    let written = log.clone();
    let root = handle.spawn(On::Worker(0), move || {
        let log = written.clone();
        let far = move || Supervisor::new(Strategy::RestForOne).child(spec("leaf", On::Worker(0), &log));
        let branch =
            move || Supervisor::new(Strategy::OneForAll).child(ChildSpec::new("far", On::Worker(1), far.clone()));
        Supervisor::new(Strategy::OneForOne).child(ChildSpec::new("branch", On::Worker(0), branch)).child(spec(
            "last",
            On::Worker(0),
            &written,
        ))
    });
    let root = root.unwrap();
    engine.until("all started", || log.read() == starts(&["leaf", "last"]));
    // Nothing on that worker answers until this test says so.
    let (go, held) = mpsc::channel();
    let (blocked, blocks) = mpsc::channel();
    let held = Mutex::new(Some(held));
    let blocker = handle.spawn(On::Worker(1), move || {
        let (held, blocked) = (held.lock().take(), blocked.clone());
        from_fn(move |(), _ctx| {
            blocked.send(()).expect("the test listens");
            _ = held.as_ref().map(|held: &mpsc::Receiver<()>| held.recv());
        })
    });
    handle.tell(blocker.unwrap(), ());
    blocks.recv_timeout(PATIENCE).unwrap();
    let ask = |reply| Supervise::tree_within(Duration::from_secs(2), reply);
    let tree = handle.ask(root, ask).wait(PATIENCE).unwrap();
    go.send(()).unwrap();
    assert_eq!(tree.find(&["branch", "far"]).unwrap().state, NodeState::NoAnswer);
    assert_eq!(tree.find(&["branch"]).unwrap().state, NodeState::Running);
    assert_eq!(tree.nodes().count(), 4, "what is below it is not known");
    assert!(tree.to_string().contains("does not answer"), "{tree}");
    let tree = handle.ask(root, Supervise::tree).wait(PATIENCE).unwrap();
    assert!(tree.nodes().all(|node| node.state == NodeState::Running) && tree.nodes().count() == 5, "{tree}");
    engine.end();
}

#[test]
fn restarts_are_counted_in_the_tree() {
    explore(10, |sim| {
        let (log, probe) = (Log::default(), sim.probe::<()>());
        let written = log.clone();
        let root = sim.handle().spawn(On::Worker(0), move || {
            Supervisor::new(Strategy::RestForOne).child(spec("a", On::Worker(1), &written)).child(spec(
                "b",
                On::Worker(0),
                &written,
            ))
        });
        let root = root.unwrap();
        sim.run_until_idle().unwrap();
        for name in ["a", "b"] {
            let child = sim.ask(root, |reply| Supervise::find::<Job>(name, reply)).unwrap().unwrap();
            sim.handle().tell(child, Job::Panic);
            sim.run_until_idle().unwrap();
        }
        let tree = sim.ask(root, Supervise::tree).unwrap();
        assert_eq!(tree.children.iter().map(|child| child.restarts).collect::<Vec<_>>(), [1, 2], "{tree}");
        probe.expect_none(sim);
        sim.shutdown().unwrap();
    });
}
