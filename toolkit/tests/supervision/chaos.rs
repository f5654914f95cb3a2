//! A tree at work while its actors panic, stop, are killed and fail: each message has one fate, and the tree is whole
//! again.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::sim::{Faults, Sim, explore_with};
use hippodrome::{Actor, ActorRef, Backoff, Context, MailboxSpec, On, Props, SystemEvent};
use hippodrome_toolkit::supervision::{ChildRef, ChildSpec, Jitter, NodeState, Strategy, Supervise, Supervisor, Tree};
use parking_lot::Mutex;

/// A numbered piece of work.
struct Job(u64);

/// What was handled, by whichever life of whichever worker, and how many pieces were reported as dead letters.
#[derive(Clone, Default)]
struct Fates {
    handled: Arc<Mutex<Vec<u64>>>,
    dead: Arc<Mutex<u64>>,
}

struct Worker(Fates);

impl Actor for Worker {
    type Msg = Job;

    fn handle(&mut self, Job(number): Job, _ctx: &mut Context<'_, Job>) {
        self.0.handled.lock().push(number);
    }
}

/// Counts the dead letters that are jobs.
struct Witness(Fates);

impl Actor for Witness {
    type Msg = ();

    fn started(&mut self, ctx: &mut Context<'_, ()>) {
        ctx.subscribe(|event: &SystemEvent| {
            let (SystemEvent::DeadLetter { message, .. } | SystemEvent::MailboxOverflow { message, .. }) = event else {
                return None;
            };
            (*message == std::any::type_name::<Job>()).then_some(())
        });
    }

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {
        *self.0.dead.lock() += 1;
    }
}

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
const WORKERS: usize = 3;

/// A supervisor of workers, here and elsewhere, with mailboxes and without.
fn team(
    strategy: Strategy,
    refs: &[ChildRef<Job>; WORKERS],
    fates: &Fates,
) -> impl FnMut() -> Supervisor + Send + 'static {
    let (refs, fates) = (refs.clone(), fates.clone());
    let backoff = Backoff::exponential(Duration::from_micros(100), Duration::from_millis(10));
    move || {
        let team = Supervisor::new(strategy).intensity(5, Duration::from_millis(20)).backoff(backoff, Jitter::Full);
        ["a", "b", "c"].iter().zip(&refs).enumerate().fold(team, |team, (n, (name, noted))| {
            let (fates, props) = (fates.clone(), Props::on(On::Worker(n % 2)));
            let props =
                if n == 2 { props.mailbox(MailboxSpec::bounded(NonZeroUsize::new(64).unwrap())) } else { props };
            team.child(ChildSpec::new(*name, props, move || Worker(fates.clone())).note(noted))
        })
    }
}

fn is_whole(tree: &Tree) -> bool {
    tree.children.len() == STRATEGIES.len()
        && tree.children.iter().all(|team| team.children.len() == WORKERS)
        && tree.nodes().all(|node| node.state == NodeState::Running)
}

fn heals(sim: &mut Sim, root: ActorRef<Supervise>) {
    for _ in 0..200 {
        if sim.ask(root, Supervise::tree).is_ok_and(|tree| is_whole(&tree)) {
            return;
        }
        sim.advance(Duration::from_millis(5)).unwrap();
    }
    panic!("the tree is not whole: {}", sim.ask(root, Supervise::tree).unwrap());
}

#[test]
fn each_message_has_one_fate_and_the_tree_is_whole_again() {
    // A handler that panics when it has handled its message is reported although nothing is lost: not here.
    let faults = Faults::chaos().panics_after(0).stops(120).failures(120);
    let restarts = Cell::new((0, 0));
    let check = |sim: &mut Sim| {
        let (handle, fates) = (sim.handle(), Fates::default());
        let witnessed = fates.clone();
        let witness = handle.spawn(On::Worker(0), move || Witness(witnessed.clone())).unwrap();
        sim.spare(witness);
        let teams = STRATEGIES.map(|strategy| (strategy, [(); WORKERS].map(|()| ChildRef::<Job>::new())));
        let (refs, built) = (teams.clone(), fates.clone());
        let root = handle.spawn(On::Worker(0), move || {
            let root = Supervisor::new(Strategy::OneForOne).intensity(100_000, Duration::from_secs(1));
            refs.iter().enumerate().fold(root, |root, (n, (strategy, refs))| {
                let team = team(*strategy, refs, &built);
                root.child(ChildSpec::new(strategy.to_string(), On::Worker(n % 2), team))
            })
        });
        let root = root.unwrap();
        sim.spare(root);
        heals(sim, root);
        let jobs = 600;
        for number in 0..jobs {
            let (_, refs) = &teams[number as usize % teams.len()];
            handle.tell(refs[number as usize / 3 % WORKERS].get().unwrap(), Job(number));
            sim.run_for_steps(number % 5);
            if number % 100 == 0 {
                sim.advance(Duration::from_millis(1)).unwrap();
            }
        }
        heals(sim, root);
        let tree = sim.ask(root, Supervise::tree).unwrap();
        let teams: u32 = tree.children.iter().map(|team| team.restarts).sum();
        let all: u32 = tree.nodes().map(|node| node.restarts).sum();
        restarts.set((restarts.get().0 + teams, restarts.get().1 + all));
        sim.advance(Duration::from_millis(100)).unwrap();
        let report = sim.shutdown().unwrap();
        assert_eq!(report.lost_events, 0, "the witness saw all");
        let mut handled = fates.handled.lock().clone();
        handled.sort_unstable();
        assert!(handled.windows(2).all(|pair| pair[0] != pair[1]), "nothing twice");
        assert_eq!(handled.len() as u64 + *fates.dead.lock(), jobs);
    };
    explore_with(200, |builder| builder.faults(faults), check);
    let (teams, all) = restarts.get();
    assert!(teams > 400 && all > 2000, "{teams} restarts of teams, {all} of all");
}
