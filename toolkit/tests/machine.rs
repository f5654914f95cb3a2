//! State machines: transitions, hooks, timeouts in virtual time, and the stash.

mod accounts;
#[path = "accounts/order.rs"]
mod order;
#[path = "machine/timeouts.rs"]
mod timeouts;

use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::time::Duration;

use accounts::{Entry, account_for};
use hippodrome::sim::{Faults, Probe, Sim, explore, explore_with};
use hippodrome::{ActorRef, Context, DeadLetterReason, Engine, MailboxSpec, On, Props, Restart, Stop, StopReason};
use hippodrome_toolkit::machine::{Machine, StateMachine, StateTimeout, Transition};
use hippodrome_toolkit::stash::Stash;
use order::{Act, Planned};
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_secs(30);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A connection: its states carry what is only there in them.
#[derive(Clone, Debug, PartialEq)]
enum Link {
    Down,
    Connecting { attempt: u32 },
    Up { session: String },
}

#[derive(Debug)]
enum Event {
    Connect,
    Accepted(&'static str),
    Send(u64),
    Beat,
    Lost,
    Close,
    TimedOut(StateTimeout),
}

/// Tells a probe what happens to it.
struct Client {
    log: ActorRef<String>,
    stash: Stash<Event>,
}

impl Client {
    fn spawn(sim: &mut Sim, props: Props<Event>) -> (ActorRef<Event>, Probe<String>) {
        let probe = sim.probe();
        let log = probe.actor();
        let factory = move || StateMachine::new(Client { log, stash: Stash::with_limit(4) }, Link::Down);
        (sim.handle().spawn(props, factory).unwrap(), probe)
    }
}

use Transition::{Goto, Stay, StayAnew};

impl Machine for Client {
    type State = Link;
    type Msg = Event;

    fn handle(&mut self, state: &mut Link, event: Event, ctx: &mut Context<'_, Event>) -> Transition<Link> {
        match (state, event) {
            (Link::Down, Event::Connect) => Goto(Link::Connecting { attempt: 1 }),
            (Link::Connecting { .. }, Event::Accepted(session)) => Goto(Link::Up { session: session.to_owned() }),
            (Link::Connecting { attempt }, Event::TimedOut(_)) if *attempt < 3 => {
                Goto(Link::Connecting { attempt: *attempt + 1 })
            }
            (Link::Connecting { .. } | Link::Up { .. }, Event::TimedOut(_) | Event::Lost) => Goto(Link::Down),
            (Link::Up { .. }, Event::Beat) => StayAnew,
            (Link::Up { session }, Event::Send(n)) => {
                session.push('.');
                ctx.tell(self.log, format!("sent {n} in {session}"));
                Stay
            }
            (_, Event::Close) => Transition::Stop,
            (_, event @ Event::Send(_)) => {
                if let Err(full) = self.stash.stash(ctx, event) {
                    ctx.dead_letter(ctx.me(), full.message, DeadLetterReason::Refused);
                }
                Stay
            }
            (Link::Down, Event::TimedOut(_)) => panic!("this state has no timeout"),
            _ => Stay,
        }
    }

    fn timeout(&self, state: &Link, token: StateTimeout) -> Option<(Duration, Event)> {
        let time = match state {
            Link::Down => return None,
            Link::Connecting { attempt } => 10 * MILLISECOND * *attempt,
            Link::Up { .. } => 100 * MILLISECOND,
        };
        Some((time, Event::TimedOut(token)))
    }

    fn timeout_of(event: &Event) -> Option<StateTimeout> {
        if let Event::TimedOut(token) = event { Some(*token) } else { None }
    }

    fn entered(&mut self, state: &mut Link, ctx: &mut Context<'_, Event>) {
        ctx.tell(self.log, format!("entered {state:?}"));
    }

    fn left(&mut self, state: &mut Link, ctx: &mut Context<'_, Event>) {
        ctx.tell(self.log, format!("left {state:?}"));
    }

    fn changes(&mut self, from: &Link, to: &Link, ctx: &mut Context<'_, Event>) {
        ctx.tell(self.log, format!("{from:?} -> {to:?}"));
    }

    fn stash(&mut self) -> Option<&mut Stash<Event>> {
        Some(&mut self.stash)
    }
}

/// What the probe has seen since the last look, without the debug forms' noise.
fn seen(sim: &mut Sim, probe: &Probe<String>) -> Vec<String> {
    sim.run_until_idle().unwrap();
    probe.drain()
}

#[test]
fn hooks_are_called_in_order_and_once() {
    explore(20, |sim| {
        let (client, probe) = Client::spawn(sim, Props::on(On::Worker(0)));
        assert_eq!(seen(sim, &probe), ["entered Down"]);
        sim.handle().tell(client, Event::Lost);
        assert_eq!(seen(sim, &probe), Vec::<String>::new());
        sim.handle().tell(client, Event::Connect);
        let connecting = "Connecting { attempt: 1 }";
        let expected = ["left Down".to_owned(), format!("Down -> {connecting}"), format!("entered {connecting}")];
        assert_eq!(seen(sim, &probe), expected);
        sim.handle().tell(client, Event::Close);
        assert_eq!(seen(sim, &probe), [format!("left {connecting}")]);
        let end = sim.handle().watch(client).unwrap();
        assert_eq!(sim.wait(end, PATIENCE).unwrap().reason, StopReason::Unknown, "it has stopped");
        assert_eq!(sim.stats().dead_letters().total(), 0);
    });
}

#[test]
fn a_state_times_out_and_its_data_changes_in_place() {
    explore(20, |sim| {
        let (client, probe) = Client::spawn(sim, Props::on(On::Worker(1)));
        sim.handle().tell(client, Event::Connect);
        seen(sim, &probe);
        sim.advance(Duration::from_millis(9)).unwrap();
        assert_eq!(probe.drain(), Vec::<String>::new());
        // 10 ms, then 20, then 30, and up to one of the timers' resolution each.
        sim.advance(Duration::from_millis(55)).unwrap();
        let entered: Vec<_> = probe.drain().into_iter().filter(|line| line.starts_with("entered")).collect();
        assert_eq!(entered, ["entered Connecting { attempt: 2 }", "entered Connecting { attempt: 3 }", "entered Down"]);
        sim.advance(Duration::from_secs(10)).unwrap();
        assert_eq!(probe.drain(), Vec::<String>::new(), "the last state has no timeout");
        [Event::Connect, Event::Accepted("s"), Event::Send(1), Event::Send(2)]
            .into_iter()
            .for_each(|event| sim.handle().tell(client, event));
        sim.run_until_idle().unwrap();
        let sent: Vec<_> = probe.drain().into_iter().filter(|line| line.starts_with("sent")).collect();
        assert_eq!(sent, ["sent 1 in s.", "sent 2 in s.."]);
    });
}

#[test]
fn a_timeout_begins_anew_only_when_it_is_told_to() {
    explore(20, |sim| {
        let (client, probe) = Client::spawn(sim, Props::on(On::Worker(1)));
        sim.handle().tell(client, Event::Connect);
        sim.handle().tell(client, Event::Accepted("s"));
        sim.run_until_idle().unwrap();
        for _ in 0..10 {
            sim.advance(90 * MILLISECOND).unwrap();
            sim.handle().tell(client, Event::Beat);
            sim.run_until_idle().unwrap();
        }
        assert!(!probe.drain().iter().any(|line| line.contains("left Up")));
        // What it handles is no reason to wait longer.
        sim.advance(60 * MILLISECOND).unwrap();
        sim.handle().tell(client, Event::Send(1));
        sim.advance(60 * MILLISECOND).unwrap();
        assert!(probe.drain().contains(&"entered Down".to_owned()));
    });
}

#[test]
fn what_is_stashed_is_handled_in_the_next_state() {
    explore(50, |sim| {
        let (client, probe) = Client::spawn(sim, Props::on(On::Worker(1)));
        (0..6).for_each(|n| sim.handle().tell(client, Event::Send(n)));
        sim.handle().tell(client, Event::Connect);
        sim.handle().tell(client, Event::Accepted("s"));
        sim.handle().tell(client, Event::Send(6));
        sim.run_until_idle().unwrap();
        let sent: Vec<_> = probe.drain().into_iter().filter(|line| line.starts_with("sent")).collect();
        // Four fit the stash, stayed there from one state to the next, and were handled before what was queued.
        let expected: Vec<_> =
            [0, 1, 2, 3, 6].iter().enumerate().map(|(i, n)| format!("sent {n} in s{}", ".".repeat(i + 1))).collect();
        assert_eq!(sent, expected);
        assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Refused), 2);
    });
}

/// A machine whose states are numbers: it wants its messages in order, and goes on with each.
struct InOrder {
    stash: Stash<u64>,
    done: ActorRef<u64>,
}

impl Machine for InOrder {
    type State = u64;
    type Msg = u64;

    fn handle(&mut self, next: &mut u64, n: u64, ctx: &mut Context<'_, u64>) -> Transition<u64> {
        if n == u64::MAX {
            return Transition::Stop;
        }
        if n != *next {
            self.stash.stash(ctx, n).unwrap();
            return Stay;
        }
        ctx.tell(self.done, n);
        Goto(n + 1)
    }

    fn stash(&mut self) -> Option<&mut Stash<u64>> {
        Some(&mut self.stash)
    }
}

#[test]
fn a_change_of_state_meanwhile_begins_again_with_the_oldest() {
    explore(50, |sim| {
        let probe = sim.probe();
        let done = probe.actor();
        let factory = move || StateMachine::new(InOrder { stash: Stash::with_limit(64), done }, 0);
        let machine = sim.handle().spawn(On::Worker(0), factory).unwrap();
        let mut numbers: Vec<u64> = (0..40).collect();
        let seed = sim.seed();
        numbers.sort_by_key(|n| (n + 1).wrapping_mul(seed.wrapping_mul(2) + 0x9E37_79B9_7F4A_7C15));
        numbers.into_iter().for_each(|n| sim.handle().tell(machine, n));
        sim.run_until_idle().unwrap();
        assert_eq!(probe.drain(), (0..40).collect::<Vec<_>>());
        // What is in the stash when the machine stops itself from there is reported.
        [42, u64::MAX, 43].into_iter().for_each(|n| sim.handle().tell(machine, n));
        sim.run_until_idle().unwrap();
        assert_eq!(sim.stats().dead_letters().get(DeadLetterReason::Stopped), 2);
    });
}

/// Does with each message what that says: a change of its state is what has the stash handled again.
struct Planner {
    stash: Stash<Planned>,
    handled: ActorRef<usize>,
}

impl Machine for Planner {
    type State = u64;
    type Msg = Planned;

    fn handle(&mut self, state: &mut u64, mut msg: Planned, ctx: &mut Context<'_, Planned>) -> Transition<u64> {
        ctx.tell(self.handled, msg.number);
        let act = msg.next_act();
        if matches!(act, Act::Keep | Act::KeepAndUnstash) {
            self.stash.stash(ctx, msg).unwrap();
        }
        if matches!(act, Act::Unstash | Act::KeepAndUnstash) { Goto(*state + 1) } else { Stay }
    }

    fn stash(&mut self) -> Option<&mut Stash<Planned>> {
        Some(&mut self.stash)
    }
}

proptest! {
    #[test]
    fn a_machine_handles_its_stash_in_the_order_of_its_model(plan in order::plan()) {
        let mut sim = Sim::new(1);
        let probe = sim.probe();
        let handled = probe.actor();
        let factory = move || StateMachine::new(Planner { stash: Stash::with_limit(30), handled }, 0);
        let planner = sim.handle().spawn(On::Worker(0), factory).unwrap();
        plan.iter().for_each(|message| sim.handle().tell(planner, message.clone()));
        sim.run_until_idle().unwrap();
        prop_assert_eq!(probe.drain(), order::expected(&plan));
    }
}

#[test]
fn a_state_without_room_for_its_timer_times_out_at_once() {
    let mut sim = Sim::builder(9).configure(|config| config.max_timers = 1).build().unwrap();
    let (first, _) = Client::spawn(&mut sim, Props::on(On::Worker(0)));
    let (second, probe) = Client::spawn(&mut sim, Props::on(On::Worker(0)));
    sim.handle().tell(first, Event::Connect);
    sim.handle().tell(second, Event::Connect);
    sim.run_until_idle().unwrap();
    assert!(probe.drain().ends_with(&["entered Down".to_owned()]), "after three attempts");
}

/// A machine whose timeout is not found again.
struct Forgetful;

impl Machine for Forgetful {
    type State = ();
    type Msg = u64;

    fn handle(&mut self, (): &mut (), _: u64, _: &mut Context<'_, u64>) -> Transition<()> {
        Stay
    }

    fn timeout(&self, (): &(), _: StateTimeout) -> Option<(Duration, u64)> {
        Some((MILLISECOND, 0))
    }
}

#[test]
fn a_machine_whose_timeout_would_not_be_known_fails_when_it_starts() {
    let mut sim = Sim::new(1);
    let machine = sim.handle().spawn(On::Worker(0), || StateMachine::new(Forgetful, ())).unwrap();
    let end = sim.handle().watch(machine).unwrap();
    sim.handle().tell(machine, 1);
    let StopReason::Panicked(why) = sim.wait(end, PATIENCE).unwrap().reason else { panic!("it does not fail") };
    assert!(why.contains("Forgetful::timeout_of does not find"), "{why}");
}

/// Counts, and is polite: for real workers.
struct Parity {
    changes: mpsc::Sender<(u64, u64)>,
}

impl Machine for Parity {
    type State = u64;
    type Msg = u64;

    fn handle(&mut self, state: &mut u64, n: u64, _: &mut Context<'_, u64>) -> Transition<u64> {
        if n % 2 == *state % 2 { Stay } else { Goto(n) }
    }

    fn changes(&mut self, from: &u64, to: &u64, _: &mut Context<'_, u64>) {
        self.changes.send((*from, *to)).unwrap();
    }
}

#[test]
fn a_machine_runs_on_real_workers() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let (sender, changes) = mpsc::channel();
    let factory = move || StateMachine::new(Parity { changes: sender.clone() }, 0);
    let machine = engine.handle().spawn(On::Worker(1), factory).unwrap();
    (0..1000).for_each(|n| engine.handle().tell(machine, n / 2));
    engine.shutdown(PATIENCE).unwrap();
    assert_eq!(changes.iter().collect::<Vec<_>>(), (1..500).map(|n| (n - 1, n)).collect::<Vec<_>>());
}

#[test]
fn a_machine_times_out_on_real_workers() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let (sender, seen) = mpsc::channel();
    let log = engine
        .handle()
        .spawn(On::Worker(0), move || {
            let sender = sender.clone();
            hippodrome::from_fn(move |line: String, _ctx| drop(sender.send(line)))
        })
        .unwrap();
    let factory = move || StateMachine::new(Client { log, stash: Stash::with_limit(4) }, Link::Down);
    let client = engine.handle().spawn(On::Worker(1), factory).unwrap();
    engine.handle().tell(client, Event::Connect);
    let downs = seen.iter().filter(|line| line == "entered Down").take(2).count();
    assert_eq!(downs, 2, "at its start, and after its attempts");
    engine.handle().stop(client, Stop::Now).unwrap();
    engine.shutdown(PATIENCE).unwrap();
}

/// Opens and closes, stashes and panics, as its messages say.
struct Accountable(Stash<Item>);

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
    /// Stashed, and a change of state, at once.
    Again,
}

impl Machine for Accountable {
    type State = bool;
    type Msg = Item;

    fn handle(&mut self, is_open: &mut bool, item: Item, ctx: &mut Context<'_, Item>) -> Transition<bool> {
        match item.what {
            What::Open | What::Close => {
                item.entry.handle();
                return Goto(item.what == What::Open);
            }
            What::Panic if *is_open => std::panic::resume_unwind(Box::new("a panic of the test's")),
            What::Work | What::Again if *is_open => {
                item.entry.handle();
                return Stay;
            }
            _ => {}
        }
        let opens = item.what == What::Again;
        match self.0.stash(ctx, item) {
            Ok(()) if opens => Goto(true),
            Ok(()) => Stay,
            Err(full) => {
                ctx.dead_letter(ctx.me(), full.message, DeadLetterReason::Refused);
                Stay
            }
        }
    }

    fn stash(&mut self) -> Option<&mut Stash<Item>> {
        Some(&mut self.0)
    }
}

fn run_accounts(sim: &mut Sim) {
    let mailbox = MailboxSpec::bounded(NonZeroUsize::new(16).unwrap());
    let props = [Props::on(On::Worker(0)), Props::on(On::Worker(1)).mailbox(mailbox)];
    let machines = props.map(|props| {
        let props = props.restart(Restart::up_to(5, Duration::from_secs(1)));
        sim.handle().spawn(props, || StateMachine::new(Accountable(Stash::with_limit(6)), false)).unwrap()
    });
    account_for(sim, machines, |choice, entry| {
        let what = match choice {
            0..6 => What::Open,
            6..14 => What::Close,
            14..16 => What::Panic,
            16..18 => What::Again,
            _ => What::Work,
        };
        Item { entry, what }
    });
}

#[test]
fn each_message_is_handled_or_reported_when_machines_panic() {
    explore(50, run_accounts);
}

#[test]
fn each_message_is_handled_or_reported_in_chaos() {
    explore_with(100, |builder| builder.faults(Faults::chaos()), run_accounts);
}
