//! Orders at random, with all kinds of children: whatever is ordered when, each order is answered, each message has one
//! fate, and in the end all who are there run.

use std::num::NonZeroUsize;
use std::time::Duration;

use hippodrome::sim::{Sim, explore};
use hippodrome::{ActorRef, Ask, Backoff, MailboxSpec, On, Props, Restart, Stop};
use hippodrome_toolkit::supervision::{
    ChildRef, ChildSpec, Jitter, Lifetime, NodeState, StartChildError, Strategy, Supervise, Supervisor,
};

use crate::house::{Job, Log, PATIENCE, spec};

const MILLI: Duration = Duration::from_millis(1);
const CHILDREN: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.throw(things.len() as u64) as usize]
    }
}

struct World {
    dice: Dice,
    log: Log,
    root: ActorRef<Supervise>,
    /// All who were ever asked for.
    refs: Vec<ChildRef<Job>>,
    /// Numbers and panics.
    sent: u64,
    starts: Vec<Ask<Result<ActorRef<Job>, StartChildError>>>,
    removals: Vec<Ask<bool>>,
}

impl World {
    fn any_spec(&mut self) -> ChildSpec<Job> {
        let noted = ChildRef::new();
        let mut props = Props::on(On::Worker(self.dice.throw(2) as usize));
        if self.dice.throw(2) == 0 {
            props = props.mailbox(MailboxSpec::bounded(NonZeroUsize::new(64).unwrap()));
        }
        if self.dice.throw(4) == 0 {
            props = props.restart(Restart::up_to(2, 10 * MILLI));
        }
        let spec = spec(self.dice.one_of(&CHILDREN), props, &self.log)
            .lifetime(self.dice.one_of(&[Lifetime::Permanent, Lifetime::Transient, Lifetime::Temporary]))
            .stop(self.dice.one_of(&[Stop::Now, Stop::AfterQueued, Stop::Kill]), 5 * MILLI)
            .note(&noted);
        self.refs.push(noted);
        spec
    }

    fn do_something(&mut self, sim: &mut Sim) {
        let handle = sim.handle();
        // One of the latest: most of those before have gone.
        let age = self.dice.throw(8) as usize;
        let child = self.refs.iter().rev().nth(age).and_then(ChildRef::get);
        match (self.dice.throw(16), child) {
            (0, _) => {
                let spec = self.any_spec();
                self.starts.push(handle.ask(self.root, |reply| Supervise::start_child(spec, reply)));
            }
            (1, _) => {
                let name = self.dice.one_of(&CHILDREN);
                self.removals.push(handle.ask(self.root, |reply| Supervise::stop_child(name, reply)));
            }
            (2, Some(child)) => {
                handle.stop(child, self.dice.one_of(&[Stop::Now, Stop::AfterQueued, Stop::Kill])).unwrap();
            }
            (3, Some(child)) => handle.fail(child, "at random").unwrap(),
            (4, Some(child)) => {
                handle.tell(child, Job::Panic);
                self.sent += 1;
            }
            (5, _) => sim.advance(self.dice.throw(3) as u32 * MILLI).unwrap(),
            (_, Some(child)) => {
                handle.tell(child, Job::Number(self.sent));
                self.sent += 1;
            }
            (_, None) => {}
        }
        sim.run_for_steps(self.dice.throw(8));
    }

    /// Returns how many restarts and how many removals there were.
    fn settle(mut self, sim: &mut Sim) -> (u32, usize) {
        sim.advance(1000 * MILLI).unwrap();
        for start in std::mem::take(&mut self.starts) {
            let answer = sim.wait(start, Duration::ZERO).expect("each start is answered");
            let refused = answer
                .err()
                .is_none_or(|error| matches!(error, StartChildError::NameTaken { .. } | StartChildError::Withdrawn));
            assert!(refused);
        }
        let mut removed = 0;
        for removal in std::mem::take(&mut self.removals) {
            removed += usize::from(sim.wait(removal, Duration::ZERO).expect("each removal is answered"));
        }
        let tree = sim.ask(self.root, Supervise::tree).unwrap();
        assert!(tree.nodes().all(|node| node.state == NodeState::Running), "{tree}");
        let actors = sim.stats().workers.iter().map(|worker| worker.actors).sum::<u64>();
        assert_eq!(actors, tree.nodes().count() as u64, "nobody is left whom the supervisor does not know");
        let handled = self.log.take().iter().filter(|line| line.contains(' ')).count() as u64;
        assert_eq!(handled + sim.shutdown().unwrap().dead_letters.total(), self.sent);
        (tree.nodes().map(|node| node.restarts).sum(), removed)
    }
}

fn at_random(strategy: Strategy) {
    const SEEDS: u64 = 150;
    let (mut restarts, mut removals) = (0, 0);
    explore(SEEDS, |sim| {
        let (backoff, intensity) = (Backoff::exponential(MILLI, 8 * MILLI), 1_000_000);
        let supervisor =
            move || Supervisor::new(strategy).intensity(intensity, PATIENCE).backoff(backoff, Jitter::Full);
        let root = sim.handle().spawn(On::Worker(0), supervisor).unwrap();
        let (dice, log) = (Dice(sim.seed()), Log::default());
        let mut world = World { dice, log, root, refs: vec![], sent: 0, starts: vec![], removals: vec![] };
        (0..300).for_each(|_| world.do_something(sim));
        let (restarted, removed) = world.settle(sim);
        restarts += restarted;
        removals += removed;
    });
    assert!(u64::from(restarts) > SEEDS && removals as u64 > 2 * SEEDS, "{restarts} {removals}");
}

#[test]
fn one_for_one_at_random() {
    at_random(Strategy::OneForOne);
}

#[test]
fn one_for_all_at_random() {
    at_random(Strategy::OneForAll);
}

#[test]
fn rest_for_one_at_random() {
    at_random(Strategy::RestForOne);
}
