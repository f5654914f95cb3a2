//! A parent that does what a test wants, and a child that tells of its life.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use hippodrome::{
    Actor, ActorRef, ChildEvent, Context, DeadLetterReason, Handle, Host, MailboxSpec, ManualClock, On, Props, Report,
    Restart, Stop, StopReason,
};

use crate::common::{PATIENCE, host, next};

/// A parent that tells the test what it is told, and does what the test wants.
pub(crate) struct Parent(Sender<ChildEvent>);

pub(crate) enum Order {
    Told(ChildEvent),
    Do(Deed),
    Panic,
}

impl Actor for Parent {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Told(event) => _ = self.0.send(event),
            Order::Do(what) => what(ctx),
            Order::Panic => panic!("the parent"),
        }
    }
}

/// What a test makes a parent do.
pub(crate) type Deed = Box<dyn FnOnce(&mut Context<'_, Order>) + Send>;

/// A child that tells the test of its life.
pub(crate) struct Child {
    name: &'static str,
    life: u32,
    count: u64,
    pub(crate) notes: Sender<Note>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Note {
    Started(&'static str, u32),
    Got(u64),
    Stopped(&'static str),
}

pub(crate) enum Job {
    Number(u64),
    Panic,
    StopSelf,
    Spawn(&'static str),
    Fail,
}

impl Actor for Child {
    type Msg = Job;

    fn started(&mut self, _ctx: &mut Context<'_, Job>) {
        _ = self.notes.send(Note::Started(self.name, self.life));
    }

    fn handle(&mut self, job: Job, ctx: &mut Context<'_, Job>) {
        match job {
            Job::Number(n) => {
                self.count += 1;
                _ = self.notes.send(Note::Got(n));
            }
            Job::Panic => panic!("the child"),
            Job::StopSelf => ctx.stop_self(),
            Job::Spawn(name) => _ = ctx.spawn(On::Here, child(name, &self.notes)).expect("there is room"),
            Job::Fail => ctx.fail_self("it says so"),
        }
    }

    fn stopped(&mut self, _ctx: &mut Context<'_, Job>) {
        _ = self.notes.send(Note::Stopped(self.name));
    }
}

pub(crate) fn child(name: &'static str, notes: &Sender<Note>) -> impl FnMut() -> Child + Send + 'static {
    let (notes, mut lives) = (notes.clone(), 0..);
    move || Child { name, life: lives.next().expect("no end"), count: 0, notes: notes.clone() }
}

/// Polls a host until it has nothing to do. A poll counts only messages, and orders between workers are none: how a
/// family stops takes a few polls in which nothing is handled.
pub(crate) fn settle(host: &mut Host) {
    let mut idle = 0;
    while idle < 16 {
        idle = if host.poll(u64::MAX) > 0 { 0 } else { idle + 1 };
    }
}

/// A parent on worker 0 with one supervised child, in a host of two workers on a clock that stands still.
pub(crate) struct Family {
    pub(crate) host: Host,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) handle: Handle,
    pub(crate) parent: ActorRef<Order>,
    pub(crate) events: Receiver<ChildEvent>,
    pub(crate) child: ActorRef<Job>,
    pub(crate) notes: Receiver<Note>,
    pub(crate) noting: Sender<Note>,
}

impl Family {
    pub(crate) fn found(props: Props<Job>, policy: Restart) -> Self {
        let (mut host, clock) = host(2);
        let handle = host.handle();
        let (telling, events) = mpsc::channel();
        let parent = handle.spawn(Props::on(On::Worker(0)).restart(policy), move || Parent(telling.clone())).unwrap();
        let (noting, notes) = mpsc::channel();
        let child = supervise(&mut host, parent, props, child("a", &noting));
        assert_eq!(next(&events), ChildEvent::Started { child: child.address() });
        assert_eq!(next(&notes), Note::Started("a", 0));
        Self { host, clock, handle, parent, events, child, notes, noting }
    }

    pub(crate) fn tell(&mut self, jobs: impl IntoIterator<Item = Job>) {
        jobs.into_iter().for_each(|job| self.handle.tell(self.child, job));
        settle(&mut self.host);
    }

    /// Makes the parent do something.
    pub(crate) fn parent(&mut self, what: impl FnOnce(&mut Context<'_, Order>) + Send + 'static) {
        self.handle.tell(self.parent, Order::Do(Box::new(what)));
        settle(&mut self.host);
    }

    pub(crate) fn restart(&mut self) {
        let child = self.child;
        self.parent(move |ctx| ctx.restart_child(child, Duration::ZERO));
    }

    pub(crate) fn release(&mut self) {
        let child = self.child;
        self.parent(move |ctx| ctx.release_child(child));
    }

    pub(crate) fn stop(&mut self, how: Stop) {
        self.handle.stop(self.child, how).unwrap();
        settle(&mut self.host);
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            self.clock.advance(Duration::from_millis(1));
            settle(&mut self.host);
        }
    }

    /// What the parent was told and what the child noted since the last look.
    #[track_caller]
    pub(crate) fn saw(&self, events: &[ChildEvent], notes: &[Note]) {
        assert_eq!(self.events.try_iter().collect::<Vec<_>>(), events);
        assert_eq!(self.notes.try_iter().collect::<Vec<_>>(), notes);
    }

    pub(crate) fn ended(&self, reason: StopReason) -> ChildEvent {
        ChildEvent::Ended { child: self.child.address(), reason }
    }

    pub(crate) fn started(&self) -> ChildEvent {
        ChildEvent::Started { child: self.child.address() }
    }

    pub(crate) fn dead(&mut self, reason: DeadLetterReason) -> u64 {
        self.host.stats().dead_letters().get(reason)
    }

    /// Ends the host, which is to be in order.
    pub(crate) fn end(self) -> Report {
        self.host.shutdown(PATIENCE).expect("in order")
    }
}

pub(crate) fn supervise<A: Actor>(
    host: &mut Host,
    parent: ActorRef<Order>,
    props: Props<A::Msg>,
    factory: impl FnMut() -> A + Send + 'static,
) -> ActorRef<A::Msg> {
    let (spawned, spawns) = mpsc::channel();
    let order = move |ctx: &mut Context<'_, Order>| {
        spawned.send(ctx.supervise(props, factory, Order::Told).expect("there is room")).expect("the test listens");
    };
    host.handle().tell(parent, Order::Do(Box::new(order)));
    settle(host);
    next(&spawns)
}

/// A child here and elsewhere, in the shared ring and with a mailbox of its own.
pub(crate) fn everywhere() -> impl Iterator<Item = Props<Job>> {
    let mailbox = || MailboxSpec::bounded(NonZeroUsize::new(64).unwrap());
    [0, 1]
        .into_iter()
        .flat_map(move |worker| [Props::on(On::Worker(worker)), Props::on(On::Worker(worker)).mailbox(mailbox())])
}
