//! A failure goes up, level by level, and at the root everybody can see it.

use std::sync::Arc;
use std::time::Duration;

use hippodrome::sim::explore;
use hippodrome::{Actor, ActorRef, Context, On, Props, StopReason};
use hippodrome_toolkit::supervision::{ChildRef, ChildSpec, GaveUp, Strategy, Supervise, Supervisor};
use parking_lot::Mutex;

use crate::house::{Job, Log, Place, real, spec, starts, stops};

/// A root, a branch and a twig, each of which grants one restart, and a leaf; each level on another worker.
fn tree(log: &Log, leaf: &ChildRef<Job>) -> impl FnMut() -> Supervisor + Send + 'static {
    let (log, leaf) = (log.clone(), leaf.clone());
    let level = |name: &'static str| Supervisor::new(Strategy::OneForAll).named(name).intensity(1, HOUR);
    move || {
        let (log, leaf) = (log.clone(), leaf.clone());
        let (left, right) = (spec("left", On::Worker(0), &log), spec("right", On::Worker(1), &log));
        let branch = move || {
            let (log, leaf) = (log.clone(), leaf.clone());
            let twig = move || level("twig").child(spec("leaf", On::Worker(1), &log).note(&leaf));
            level("branch").child(ChildSpec::new("twig", On::Worker(0), twig))
        };
        level("root").child(left).child(ChildSpec::new("branch", On::Worker(1), branch)).child(right)
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<GaveUp>>>);

/// Writes down who gave up.
struct Witness(Seen);

impl Actor for Witness {
    type Msg = GaveUp;

    fn started(&mut self, ctx: &mut Context<'_, GaveUp>) {
        ctx.subscribe(|gave_up: &GaveUp| Some(gave_up.clone()));
    }

    fn handle(&mut self, gave_up: GaveUp, _ctx: &mut Context<'_, GaveUp>) {
        self.0.0.lock().push(gave_up);
    }
}

fn a_leaf_that_always_fails_ends_the_tree(mut place: impl Place) {
    let (log, leaf, seen) = (Log::default(), ChildRef::new(), Seen::default());
    let handle = place.handle();
    let witnessed = seen.clone();
    handle.spawn(On::Worker(0), move || Witness(witnessed.clone())).unwrap();
    let root: ActorRef<Supervise> = handle.spawn(Props::on(On::Worker(0)).named("root"), tree(&log, &leaf)).unwrap();
    let all = starts(&["left", "leaf", "right"]);
    place.until("all started", || log.read() == all);
    // One level higher at each second failure: the leaf alone, the twig, the leaf, the branch, and so on.
    let again = |log: &Log| log.read().iter().filter(|line| *line == "+leaf").count();
    for lives in 2..9 {
        handle.tell(leaf.get().unwrap(), Job::Panic);
        place.until("the leaf lives again", || again(&log) == lives);
        // With the whole root anew, `right` comes behind the leaf.
        place.until("all are up", || {
            let log = log.read();
            log.iter().filter(|line| *line == "+right").count() == log.iter().filter(|line| *line == "+left").count()
        });
    }
    log.take();
    handle.tell(leaf.get().unwrap(), Job::Panic);
    place.until("the others have stopped", || log.read() == stops(&["right", "left"]));
    place.until("the root has gone", || handle.lookup::<Supervise>("root").is_none());
    place.until("all was witnessed", || seen.0.lock().last().is_some_and(|last| last.supervisor == root.address()));
    // Twig: at 2, 4, 6, 8; branch: at 4 and 8; root: at 8.
    assert_eq!(seen.0.lock().len(), 7);
    let last = seen.0.lock().last().cloned().unwrap();
    assert!(matches!(&last.reason, StopReason::Panicked(text) if text.contains("\"branch\" gave up")), "{last:?}");
    assert_eq!(place.end(), 8, "each job that panicked");
}

#[test]
fn a_failure_goes_up_to_the_root_on_real_workers() {
    a_leaf_that_always_fails_ends_the_tree(real());
}

#[test]
fn a_failure_goes_up_to_the_root_in_simulation() {
    explore(30, |sim| a_leaf_that_always_fails_ends_the_tree(sim));
}
