//! The stash: order, limits, and what becomes of what is in it.

mod accounts;
#[path = "accounts/order.rs"]
mod order;

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use accounts::{Entry, account_for};
use hippodrome::sim::{Faults, Sim, explore, explore_with};
use hippodrome::{Actor, ActorRef, Context, DeadLetterReason, Engine, MailboxSpec, On, Props, Reply, Restart, Stop};
use hippodrome_toolkit::stash::{Stash, StashFull, Stashing};
use order::{Act, Planned};
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// Lets work through when it is open, and stashes it while it is not.
struct Gate {
    is_open: bool,
    stash: Stash<Pass>,
    through: Through,
}

enum Through {
    Channel(Sender<u64>),
    Probe(ActorRef<u64>),
}

enum Pass {
    Work(u64),
    /// Opens the gate, and handles what is stashed.
    Open,
    Close,
    /// The same, once the gate is open.
    CloseAgain,
    Len(Reply<usize>),
    /// Takes everything out that is stashed.
    GiveUp(Reply<Vec<u64>>),
}

impl Gate {
    fn new(limit: usize, through: Through) -> Self {
        Self { is_open: false, stash: Stash::with_limit(limit), through }
    }

    fn probed(probe: ActorRef<u64>) -> impl FnMut() -> Self + Send + 'static {
        move || Self::new(8, Through::Probe(probe))
    }
}

impl Stashing for Gate {
    fn stash(&mut self) -> &mut Stash<Pass> {
        &mut self.stash
    }
}

impl Actor for Gate {
    type Msg = Pass;

    fn handle(&mut self, msg: Pass, ctx: &mut Context<'_, Pass>) {
        match msg {
            Pass::Open => {
                self.is_open = true;
                self.unstash_all(ctx);
            }
            Pass::Close => self.is_open = false,
            Pass::Len(reply) => reply.send(ctx, self.stash.len()),
            Pass::GiveUp(reply) => {
                let given_up = std::iter::from_fn(|| self.stash.pop());
                let given_up = given_up.filter_map(|msg| if let Pass::Work(n) = msg { Some(n) } else { None });
                let given_up = given_up.collect();
                assert!(self.stash.is_empty());
                reply.send(ctx, given_up);
            }
            Pass::Work(n) if self.is_open => match &self.through {
                Through::Channel(sender) => sender.send(n).unwrap(),
                Through::Probe(probe) => ctx.tell(*probe, n),
            },
            Pass::CloseAgain if self.is_open => self.is_open = false,
            early => {
                if let Err(StashFull { message, limit }) = self.stash.stash(ctx, early) {
                    assert_eq!((self.stash.len(), self.stash.limit()), (limit, limit));
                    ctx.dead_letter(ctx.me(), message, DeadLetterReason::Refused);
                }
            }
        }
    }
}

#[test]
fn what_is_stashed_is_handled_in_order_and_before_what_is_queued() {
    explore(100, |sim| {
        let probe = sim.probe();
        let props = [Props::on(On::Worker(1)), Props::on(On::Worker(1)).mailbox(MailboxSpec::bounded(mailbox()))];
        for props in props {
            let gate = sim.handle().spawn(props, Gate::probed(probe.actor())).unwrap();
            (0..4).for_each(|n| sim.handle().tell(gate, Pass::Work(n)));
            sim.handle().tell(gate, Pass::Open);
            (4..8).for_each(|n| sim.handle().tell(gate, Pass::Work(n)));
            let through: Vec<u64> = (0..8).map(|_| probe.expect(sim)).collect();
            assert_eq!(through, (0..8).collect::<Vec<_>>());
            assert_eq!(sim.ask(gate, Pass::Len), Ok(0));
        }
    });
}

fn mailbox() -> std::num::NonZeroUsize {
    64.try_into().unwrap()
}

#[test]
fn a_full_stash_gives_the_message_back() {
    let mut sim = Sim::new(1);
    let probe = sim.probe();
    let gate = sim.handle().spawn(On::Worker(0), Gate::probed(probe.actor())).unwrap();
    (0..20).for_each(|n| sim.handle().tell(gate, Pass::Work(n)));
    assert_eq!(sim.ask(gate, Pass::Len), Ok(8));
    sim.handle().tell(gate, Pass::Open);
    sim.run_until_idle().unwrap();
    assert_eq!(probe.drain(), (0..8).collect::<Vec<_>>());
    let report = sim.shutdown().unwrap();
    assert_eq!(report.dead_letters.get(DeadLetterReason::Refused), 12);
    assert_eq!(report.dead_letters.total(), 12);
}

/// Handles only what is next in turn, and stashes the rest.
struct Sorter {
    next: u64,
    stash: Stash<u64>,
    sorted: ActorRef<u64>,
}

impl Stashing for Sorter {
    fn stash(&mut self) -> &mut Stash<u64> {
        &mut self.stash
    }
}

impl Actor for Sorter {
    type Msg = u64;

    fn handle(&mut self, n: u64, ctx: &mut Context<'_, u64>) {
        if n == self.next {
            self.next += 1;
            ctx.tell(self.sorted, n);
            // The stash is being handled again in most cases: then it begins once more.
            self.unstash_all(ctx);
        } else {
            self.stash.stash(ctx, n).unwrap();
        }
    }
}

#[test]
fn unstashing_meanwhile_begins_again_with_the_oldest() {
    explore(50, |sim| {
        let probe = sim.probe();
        let sorted = probe.actor();
        let factory = move || Sorter { next: 0, stash: Stash::with_limit(64), sorted };
        let sorter = sim.handle().spawn(On::Worker(0), factory).unwrap();
        // A shuffle that the seed decides.
        let mut numbers: Vec<u64> = (0..40).collect();
        let seed = sim.seed();
        numbers.sort_by_key(|n| (n + 1).wrapping_mul(seed.wrapping_mul(2) + 0x9E37_79B9_7F4A_7C15));
        numbers.into_iter().for_each(|n| sim.handle().tell(sorter, n));
        sim.run_until_idle().unwrap();
        assert_eq!(probe.drain(), (0..40).collect::<Vec<_>>());
        assert_eq!(sim.shutdown().unwrap().dead_letters.total(), 0);
    });
}

#[test]
fn what_is_stashed_again_keeps_its_order() {
    let mut sim = Sim::new(3);
    let probe = sim.probe();
    let gate = sim.handle().spawn(On::Worker(0), Gate::probed(probe.actor())).unwrap();
    let handle = sim.handle();
    // 1 goes through, the gate closes, and 2 and 3 are stashed again, in front of 4.
    [Pass::Work(1), Pass::CloseAgain, Pass::Work(2), Pass::Work(3), Pass::Open, Pass::Work(4)]
        .into_iter()
        .for_each(|msg| handle.tell(gate, msg));
    sim.run_until_idle().unwrap();
    assert_eq!(probe.drain(), [1]);
    assert_eq!(sim.ask(gate, Pass::Len), Ok(3));
    handle.tell(gate, Pass::Open);
    sim.run_until_idle().unwrap();
    assert_eq!(probe.drain(), [2, 3, 4]);
}

#[test]
fn what_is_stashed_can_be_taken_out() {
    let mut sim = Sim::new(2);
    let probe = sim.probe();
    let gate = sim.handle().spawn(On::Worker(0), Gate::probed(probe.actor())).unwrap();
    (0..3).for_each(|n| sim.handle().tell(gate, Pass::Work(n)));
    assert_eq!(sim.ask(gate, Pass::GiveUp), Ok(vec![0, 1, 2]));
    // There is room again, and what comes then is handled.
    (3..11).for_each(|n| sim.handle().tell(gate, Pass::Work(n)));
    sim.handle().tell(gate, Pass::Open);
    sim.run_until_idle().unwrap();
    assert_eq!(probe.drain(), (3..11).collect::<Vec<_>>());
    assert_eq!(sim.shutdown().unwrap().dead_letters.total(), 0);
}

/// Does with each message what that says.
struct Planner {
    stash: Stash<Planned>,
    handled: ActorRef<usize>,
    /// Handlers that have not returned.
    depth: u32,
}

impl Stashing for Planner {
    fn stash(&mut self) -> &mut Stash<Planned> {
        &mut self.stash
    }
}

impl Actor for Planner {
    type Msg = Planned;

    fn handle(&mut self, mut msg: Planned, ctx: &mut Context<'_, Planned>) {
        ctx.tell(self.handled, msg.number);
        self.depth += 1;
        assert!(self.depth <= 2, "an unstash within another one leaves the rest to that");
        let act = msg.next_act();
        if matches!(act, Act::Keep | Act::KeepAndUnstash) {
            self.stash.stash(ctx, msg).unwrap();
        }
        if matches!(act, Act::Unstash | Act::KeepAndUnstash) {
            self.unstash_all(ctx);
        }
        self.depth -= 1;
    }
}

proptest! {
    #[test]
    fn a_stash_is_handled_in_the_order_of_its_model(plan in order::plan()) {
        let mut sim = Sim::new(1);
        let probe = sim.probe();
        let handled = probe.actor();
        let planner = sim.handle().spawn(On::Worker(0), move || Planner { stash: Stash::with_limit(30), handled, depth: 0 }).unwrap();
        plan.iter().for_each(|message| sim.handle().tell(planner, message.clone()));
        sim.run_until_idle().unwrap();
        prop_assert_eq!(probe.drain(), order::expected(&plan));
    }
}

#[test]
fn what_is_left_in_a_stash_is_reported() {
    for how in [Stop::Now, Stop::AfterQueued, Stop::Kill] {
        let engine = Engine::builder().unpinned_workers(2).start().unwrap();
        let handle = engine.handle();
        let (sender, through) = mpsc::channel();
        let gate = handle.spawn(On::Worker(1), move || Gate::new(100, Through::Channel(sender.clone()))).unwrap();
        (0..50).for_each(|n| handle.tell(gate, Pass::Work(n)));
        assert_eq!(handle.ask(gate, Pass::Len).wait(PATIENCE), Ok(50));
        let ask = handle.ask(gate, |reply| {
            handle.tell(gate, Pass::Work(50));
            Pass::Len(reply)
        });
        assert_eq!(ask.wait(PATIENCE), Ok(51));
        handle.stop(gate, how).unwrap();
        handle.watch(gate).unwrap().wait(PATIENCE).unwrap();
        let report = engine.shutdown(PATIENCE).unwrap();
        assert_eq!(report.dead_letters.get(DeadLetterReason::Stopped), 51);
        assert_eq!(report.dead_letters.total(), 51);
        assert_eq!(through.iter().count(), 0);
    }
}

#[test]
fn a_stash_is_handled_on_real_workers() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let (sender, through) = mpsc::channel();
    let gate = handle.spawn(On::Worker(1), move || Gate::new(100, Through::Channel(sender.clone()))).unwrap();
    for round in 0..10 {
        (0..100).for_each(|n| handle.tell(gate, Pass::Work(100 * round + n)));
        handle.tell(gate, Pass::Open);
        handle.tell(gate, Pass::Close);
    }
    let seen: Vec<u64> = (0..1000).map(|_| through.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    assert_eq!(engine.shutdown(PATIENCE).unwrap().dead_letters.total(), 0);
}

/// A message that panics as it is dropped, once.
struct Mine(Option<Arc<()>>);

impl Drop for Mine {
    fn drop(&mut self) {
        if self.0.take().is_some_and(|shared| Arc::strong_count(&shared) == 3) {
            panic!("a message panics as it is dropped");
        }
    }
}

struct Keeper(Stash<Mine>);

impl Actor for Keeper {
    type Msg = Mine;

    fn handle(&mut self, msg: Mine, ctx: &mut Context<'_, Mine>) {
        self.0.stash(ctx, msg).unwrap();
    }
}

#[test]
fn a_message_that_panics_as_it_is_dropped_keeps_no_other_from_being_reported() {
    let mut sim = Sim::new(5);
    let keeper = sim.handle().spawn(On::Worker(0), || Keeper(Stash::with_limit(8))).unwrap();
    let shared = Arc::new(());
    (0..5).for_each(|_| sim.handle().tell(keeper, Mine(Some(shared.clone()))));
    sim.run_until_idle().unwrap();
    sim.handle().stop(keeper, Stop::Now).unwrap();
    sim.run_until_idle().unwrap();
    assert_eq!(Arc::strong_count(&shared), 1);
    let stats = sim.stats();
    assert_eq!(stats.dead_letters().get(DeadLetterReason::Stopped), 5);
    assert_eq!(stats.workers.iter().map(|worker| worker.contained_panics).sum::<u64>(), 1);
}

/// Opens and closes, stashes and panics, as its messages say.
struct Accountable {
    is_open: bool,
    stash: Stash<Item>,
}

struct Item {
    entry: Entry,
    what: What,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Open,
    Close,
    Work,
    Panic,
}

impl Stashing for Accountable {
    fn stash(&mut self) -> &mut Stash<Item> {
        &mut self.stash
    }
}

impl Actor for Accountable {
    type Msg = Item;

    fn handle(&mut self, item: Item, ctx: &mut Context<'_, Item>) {
        match item.what {
            What::Open => {
                item.entry.handle();
                self.is_open = true;
                self.unstash_all(ctx);
            }
            What::Close => {
                item.entry.handle();
                self.is_open = false;
            }
            What::Panic if self.is_open => std::panic::resume_unwind(Box::new("a panic of the test's")),
            What::Work if self.is_open => item.entry.handle(),
            _ => {
                if let Err(full) = self.stash.stash(ctx, item) {
                    ctx.dead_letter(ctx.me(), full.message, DeadLetterReason::Refused);
                }
            }
        }
    }
}

fn run_accounts(sim: &mut Sim) {
    let restart = Restart::up_to(5, Duration::from_secs(1));
    let props = [Props::on(On::Worker(0)), Props::on(On::Worker(1)).mailbox(MailboxSpec::bounded(mailbox()))];
    let gates = props.map(|props| {
        let factory = || Accountable { is_open: false, stash: Stash::with_limit(6) };
        sim.handle().spawn(props.restart(restart), factory).unwrap()
    });
    account_for(sim, gates, |choice, entry| {
        let what = match choice {
            0..6 => What::Open,
            6..12 => What::Close,
            12..14 => What::Panic,
            _ => What::Work,
        };
        Item { entry, what }
    });
}

#[test]
fn each_message_is_handled_or_reported_when_handlers_panic() {
    explore(50, run_accounts);
}

#[test]
fn each_message_is_handled_or_reported_in_chaos() {
    explore_with(100, |builder| builder.faults(Faults::chaos()), run_accounts);
}
