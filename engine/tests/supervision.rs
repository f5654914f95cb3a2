//! Restart policies: stop, restart with a limit and a backoff, escalate; in one worker and across workers.

mod common;

use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use common::{PATIENCE, engine, host, next, settle, take};
use hippodrome::{
    Actor, ActorRef, Backoff, Context, DeadLetterReason, Engine, Handle, MailboxSpec, ManualClock, On, Props, Restart,
    Stop, StopReason, from_fn,
};

#[derive(Clone, Debug, PartialEq)]
enum Note {
    Started(&'static str, u32),
    Count(&'static str, u64),
    Stopped(&'static str),
}

enum Order {
    /// Adds one, and notes the sum.
    Count,
    Panic,
    Spawn(&'static str, On, Restart),
    ToChild(Box<Order>),
}

/// Counts from zero in each of its lives.
struct Node {
    name: &'static str,
    life: u32,
    count: u64,
    child: Option<ActorRef<Order>>,
    notes: Sender<Note>,
}

fn node(name: &'static str, notes: &Sender<Note>) -> impl FnMut() -> Node + Send + 'static {
    let (notes, mut lives) = (notes.clone(), 0..);
    move || Node { name, life: lives.next().expect("no end"), count: 0, child: None, notes: notes.clone() }
}

impl Actor for Node {
    type Msg = Order;

    fn started(&mut self, _ctx: &mut Context<'_, Order>) {
        self.notes.send(Note::Started(self.name, self.life)).expect("the test listens");
    }

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Count => {
                self.count += 1;
                self.notes.send(Note::Count(self.name, self.count)).expect("the test listens");
            }
            Order::Panic => panic!("told to panic"),
            Order::Spawn(name, on, restart) => {
                let props = Props::on(on).restart(restart);
                self.child = Some(ctx.spawn(props, node(name, &self.notes)).expect("the child is spawned"));
            }
            Order::ToChild(order) => ctx.tell(self.child.expect("it has a child"), *order),
        }
    }

    fn stopped(&mut self, _ctx: &mut Context<'_, Order>) {
        self.notes.send(Note::Stopped(self.name)).expect("the test listens");
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn spawn(handle: &Handle, name: &'static str, on: On, restart: Restart) -> (ActorRef<Order>, Receiver<Note>) {
    let (notes, noted) = mpsc::channel();
    (handle.spawn(Props::on(on).restart(restart), node(name, &notes)).unwrap(), noted)
}

fn noted(from: &Receiver<Note>) -> Vec<Note> {
    from.try_iter().collect()
}

#[test]
fn by_default_an_actor_stops_at_its_first_panic() {
    let (mut host, _clock) = host(1);
    let handle = host.handle();
    let (actor, notes) = spawn(&handle, "a", On::Worker(0), Restart::default());
    let told = handle.watch(actor).unwrap();
    for order in [Order::Count, Order::Panic, Order::Count] {
        handle.tell(actor, order);
    }
    settle(&mut host);
    assert_eq!(noted(&notes), [Note::Started("a", 0), Note::Count("a", 1)], "not asked to stop after a panic");
    assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::Panicked("told to panic".into()));
    assert_eq!(host.stats().dead_letters().get(DeadLetterReason::Stopped), 1);
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_restarted_actor_has_a_fresh_state_and_its_old_address() {
    let (mut host, _clock) = host(1);
    let handle = host.handle();
    let (actor, notes) = spawn(&handle, "a", On::Worker(0), Restart::up_to(2, HOUR));
    for order in [Order::Count, Order::Count, Order::Panic, Order::Count, Order::Panic, Order::Count] {
        handle.tell(actor, order);
    }
    settle(&mut host);
    let expected = [
        Note::Started("a", 0),
        Note::Count("a", 1),
        Note::Count("a", 2),
        Note::Started("a", 1),
        Note::Count("a", 1),
        Note::Started("a", 2),
        Note::Count("a", 1),
    ];
    assert_eq!(noted(&notes), expected);
    host.shutdown(PATIENCE).unwrap();
    assert_eq!(noted(&notes), [Note::Stopped("a")]);
}

#[test]
fn the_restarts_are_counted_within_their_time() {
    let (mut host, clock) = host(1);
    let handle = host.handle();
    let (actor, notes) = spawn(&handle, "a", On::Worker(0), Restart::up_to(2, Duration::from_secs(10)));
    let told = handle.watch(actor).unwrap();
    let panics_at = |host: &mut hippodrome::Host, clock: &ManualClock, wait: u64| {
        clock.advance(Duration::from_secs(wait));
        handle.tell(actor, Order::Panic);
        settle(host);
    };
    // At 0, 6, 12 and 18 seconds: never three within ten.
    for wait in [0, 6, 6, 6] {
        panics_at(&mut host, &clock, wait);
    }
    assert_eq!(noted(&notes), (0..5).map(|life| Note::Started("a", life)).collect::<Vec<_>>());
    // At 19 seconds: the third, after 12 and 18.
    panics_at(&mut host, &clock, 1);
    assert_eq!(noted(&notes), []);
    assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::RestartsExhausted("told to panic".into()));
    assert_eq!(host.stats().workers[0].panics, 5);
    host.shutdown(PATIENCE).unwrap();
}

/// Lets time pass in small steps, as a loop that polls would see it.
fn pass(host: &mut hippodrome::Host, clock: &ManualClock, time: Duration) {
    for _ in 0..time.as_millis() {
        clock.advance(Duration::from_millis(1));
        settle(host);
    }
}

#[test]
fn a_backoff_grows_and_messages_wait_for_its_end() {
    let (mut host, clock) = host(1);
    let handle = host.handle();
    let backoff = Backoff::exponential(Duration::from_millis(10), Duration::from_millis(25));
    let restart = Restart::Restart { max: 10, within: HOUR, backoff };
    let (actor, notes) = spawn(&handle, "a", On::Worker(0), restart);
    settle(&mut host);
    for (life, wait) in [(1, 10), (2, 20), (3, 25), (4, 25)] {
        noted(&notes);
        handle.tell(actor, Order::Panic);
        handle.tell(actor, Order::Count);
        settle(&mut host);
        handle.tell(actor, Order::Count);
        pass(&mut host, &clock, Duration::from_millis(wait - 1));
        assert_eq!(noted(&notes), [], "before its backoff is over");
        pass(&mut host, &clock, Duration::from_millis(2));
        assert_eq!(noted(&notes), [Note::Started("a", life), Note::Count("a", 1), Note::Count("a", 2)]);
    }
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn an_actor_can_be_stopped_while_it_backs_off() {
    for how in [Stop::Now, Stop::Kill, Stop::AfterQueued] {
        let (mut host, clock) = host(1);
        let handle = host.handle();
        let backoff = Backoff::fixed(Duration::from_millis(10));
        let (actor, notes) = spawn(&handle, "a", On::Worker(0), Restart::Restart { max: 10, within: HOUR, backoff });
        let told = handle.watch(actor).unwrap();
        for order in [Order::Panic, Order::Count] {
            handle.tell(actor, order);
        }
        settle(&mut host);
        noted(&notes);
        handle.stop(actor, how).unwrap();
        settle(&mut host);
        pass(&mut host, &clock, Duration::from_millis(12));
        let expected = match how {
            Stop::AfterQueued => vec![Note::Started("a", 1), Note::Count("a", 1), Note::Stopped("a")],
            _ => vec![],
        };
        assert_eq!(noted(&notes), expected, "{how:?}");
        told.wait(PATIENCE).unwrap();
        assert_eq!(host.stats().workers[0].actors, 0);
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn children_stop_before_their_parent_is_restarted() {
    for worker in 0..2 {
        let engine = engine(2);
        let handle = engine.handle();
        let (parent, notes) = spawn(&handle, "parent", On::Worker(0), Restart::up_to(1, HOUR));
        handle.tell(parent, Order::Spawn("child", On::Worker(worker), Restart::Stop));
        handle.tell(parent, Order::ToChild(Box::new(Order::Count)));
        assert_eq!(
            take(&notes, 3),
            [Note::Started("parent", 0), Note::Started("child", 0), Note::Count("child", 1)],
            "on worker {worker}"
        );
        handle.tell(parent, Order::Panic);
        handle.tell(parent, Order::Count);
        let expected = [Note::Stopped("child"), Note::Started("parent", 1), Note::Count("parent", 1)];
        assert_eq!(take(&notes, 3), expected);
        engine.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn a_failure_is_escalated_to_the_parent_which_is_restarted() {
    for worker in 0..2 {
        let engine = engine(2);
        let handle = engine.handle();
        let (parent, notes) = spawn(&handle, "parent", On::Worker(0), Restart::up_to(1, HOUR));
        handle.tell(parent, Order::Spawn("child", On::Worker(worker), Restart::Escalate));
        handle.tell(parent, Order::Count);
        handle.tell(parent, Order::ToChild(Box::new(Order::Panic)));
        let mut first = take(&notes, 4);
        first.sort_by_key(|note| format!("{note:?}"));
        assert_eq!(first[0], Note::Count("parent", 1));
        assert_eq!(first[3], Note::Started("parent", 1), "on worker {worker}");
        handle.tell(parent, Order::Count);
        assert_eq!(next(&notes), Note::Count("parent", 1), "its state is a fresh one");
        let stats = handle.stats();
        assert_eq!(stats.workers.iter().map(|worker| worker.panics).sum::<u64>(), 1, "the parent did not panic");
        engine.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn a_failure_is_escalated_up_to_the_root() {
    let engine = engine(3);
    let handle = engine.handle();
    let (root, notes) = spawn(&handle, "root", On::Worker(0), Restart::Escalate);
    handle.tell(root, Order::Spawn("branch", On::Worker(1), Restart::Escalate));
    handle.tell(root, Order::ToChild(Box::new(Order::Spawn("leaf", On::Worker(2), Restart::Escalate))));
    let told = handle.watch(root).unwrap();
    let to_leaf = |order| Order::ToChild(Box::new(Order::ToChild(Box::new(order))));
    handle.tell(root, to_leaf(Order::Count));
    while next(&notes) != Note::Count("leaf", 1) {}
    handle.tell(root, to_leaf(Order::Panic));
    assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::Panicked("told to panic".into()));
    let actors = |handle: &Handle| handle.stats().workers.iter().map(|worker| worker.actors).sum::<u64>();
    common::eventually("all have gone", || actors(&handle) == 0);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_parent_that_stops_at_an_escalated_failure_takes_all_its_children_along() {
    let engine = engine(2);
    let handle = engine.handle();
    let (spawned, children) = mpsc::channel();
    let parent = handle.spawn(On::Worker(0), move || {
        let spawned = spawned.clone();
        from_fn(move |(), ctx: &mut Context<'_, ()>| {
            for worker in [0, 1] {
                let quiet = ctx.spawn(On::Worker(worker), || from_fn(|_: Order, _ctx| ())).unwrap();
                let props = Props::on(On::Worker(worker)).restart(Restart::Escalate);
                let loud = ctx.spawn(props, || from_fn(|_: Order, _ctx| panic!("loud"))).unwrap();
                spawned.send((quiet, loud)).unwrap();
            }
        })
    });
    let parent = parent.unwrap();
    handle.tell(parent, ());
    let both = take(&children, 2);
    let quiet: Vec<_> = both.iter().map(|(quiet, _)| handle.watch(*quiet).unwrap()).collect();
    let told = handle.watch(parent).unwrap();
    for (quiet, _) in &both {
        handle.tell(*quiet, Order::Count);
    }
    common::eventually("the watches are set", || handle.stats().handled() >= 3);
    handle.tell(both[1].1, Order::Count);
    assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::Panicked("loud".into()));
    for quiet in quiet {
        assert_eq!(quiet.wait(PATIENCE).unwrap().reason, StopReason::ParentStopped);
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_parent_that_was_told_to_stop_does_so_after_a_childs_failure_restarted_it() {
    let builder = Engine::builder().unpinned_workers(1).configure(|config| config.lane_budget = 1);
    let mut host = builder.host().unwrap();
    let handle = host.handle();
    let (notes, noted_by_both) = mpsc::channel();
    let mailbox = MailboxSpec::bounded(NonZeroUsize::new(16).unwrap());
    let props = Props::on(On::Worker(0)).mailbox(mailbox).restart(Restart::up_to(1, HOUR));
    let parent = handle.spawn(props, node("parent", &notes)).unwrap();
    handle.tell(parent, Order::Spawn("child", On::Worker(0), Restart::Escalate));
    settle(&mut host);
    noted(&noted_by_both);
    // One message a turn is run from the mailbox: the child panics while its parent drains it.
    let teller = handle.spawn(On::Worker(0), move || {
        from_fn(move |(), ctx: &mut Context<'_, ()>| {
            ctx.tell(parent, Order::ToChild(Box::new(Order::Panic)));
            (0..3).for_each(|_| ctx.tell(parent, Order::Count));
            ctx.stop(parent, Stop::AfterQueued);
        })
    });
    handle.tell(teller.unwrap(), ());
    settle(&mut host);
    let noted = noted(&noted_by_both);
    assert!(noted.contains(&Note::Started("parent", 1)), "{noted:?}");
    assert_eq!(noted.iter().filter(|note| matches!(note, Note::Count("parent", _))).count(), 3, "{noted:?}");
    assert_eq!(noted.last(), Some(&Note::Stopped("parent")), "{noted:?}");
    host.shutdown(PATIENCE).unwrap();
}
