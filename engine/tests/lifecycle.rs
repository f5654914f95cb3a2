//! The life of an actor: where it is spawned, whose child it is, who watches it, what it is called, how it is stopped.

mod common;

use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use common::{PATIENCE, engine, host, next, settle, take};
use hippodrome::{
    Actor, ActorRef, Address, Context, DeadLetterReason, Engine, Handle, MailboxSpec, On, Pinning, Props, SpawnError,
    Stop, StopReason, Terminated, from_fn,
};

/// What a [`Node`] tells the test.
#[derive(Clone, Debug, PartialEq)]
enum Note {
    Started(&'static str, usize),
    Handled(&'static str, u64),
    Stopped(&'static str),
    Spawned(ActorRef<Order>),
    Terminated(Terminated),
}

/// What a [`Node`] understands.
enum Order {
    Note(u64),
    Spawn(&'static str, On),
    Watch(Address),
    Unwatch(Address),
    Stop(Address, Stop),
    StopSelf,
    /// Tells itself so many numbers, then stops itself in this way.
    TellAndStop(u64, Stop),
    Seen(Terminated),
}

/// One node of a tree of actors.
struct Node {
    name: &'static str,
    notes: Sender<Note>,
}

impl Node {
    fn note(&self, note: Note) {
        self.notes.send(note).expect("the test listens");
    }
}

fn node(name: &'static str, notes: &Sender<Note>) -> impl FnMut() -> Node + Send + 'static {
    let notes = notes.clone();
    move || Node { name, notes: notes.clone() }
}

impl Actor for Node {
    type Msg = Order;

    fn started(&mut self, ctx: &mut Context<'_, Order>) {
        self.note(Note::Started(self.name, ctx.worker()));
    }

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Note(n) => self.note(Note::Handled(self.name, n)),
            Order::Spawn(name, on) => {
                let child = ctx.spawn(on, node(name, &self.notes)).expect("the child is spawned");
                self.note(Note::Spawned(child));
            }
            Order::Watch(actor) => ctx.watch(actor, Order::Seen),
            Order::Unwatch(actor) => ctx.unwatch(actor),
            Order::Stop(actor, how) => ctx.stop(actor, how),
            Order::StopSelf => ctx.stop_self(),
            Order::TellAndStop(count, how) => {
                let me = ctx.me();
                (0..count).for_each(|n| ctx.tell(me, Order::Note(n)));
                ctx.stop(me, how);
                ctx.tell(me, Order::Note(count));
            }
            Order::Seen(terminated) => self.note(Note::Terminated(terminated)),
        }
    }

    fn stopped(&mut self, _ctx: &mut Context<'_, Order>) {
        self.note(Note::Stopped(self.name));
    }
}

struct Scene {
    handle: Handle,
    notes: Sender<Note>,
    noted: Receiver<Note>,
}

impl Scene {
    fn new(handle: Handle) -> Self {
        let (notes, noted) = mpsc::channel();
        Self { handle, notes, noted }
    }

    fn spawn(&self, name: &'static str, props: impl Into<Props<Order>>) -> ActorRef<Order> {
        self.handle.spawn(props, node(name, &self.notes)).unwrap()
    }

    /// Lets `parent` spawn a child.
    fn child(&self, parent: ActorRef<Order>, name: &'static str, on: On) -> ActorRef<Order> {
        self.handle.tell(parent, Order::Spawn(name, on));
        let notes = [next(&self.noted), next(&self.noted)];
        assert!(notes.iter().any(|note| matches!(note, Note::Started(started, _) if *started == name)), "{notes:?}");
        let spawned = notes.iter().find_map(|note| match note {
            Note::Spawned(child) => Some(*child),
            _ => None,
        });
        spawned.expect("the child was noted")
    }

    fn started(&self, name: &'static str) -> usize {
        match next(&self.noted) {
            Note::Started(started, worker) if started == name => worker,
            other => panic!("{name} did not start: {other:?}"),
        }
    }
}

#[test]
fn actors_are_placed_where_they_are_told_to() {
    let engine = Engine::builder().workers([0, 0, 0]).pinning(Pinning::BestEffort).start().unwrap();
    let scene = Scene::new(engine.handle());
    let on = |on| {
        let actor = scene.spawn("actor", on);
        assert_eq!(scene.started("actor"), actor.address().worker());
        actor
    };
    assert_eq!(on(On::Worker(2)).address().worker(), 2);
    assert_eq!(on(On::Core(0)).address().worker(), 0, "the first worker on the core");
    let alone = on(On::LeastActors).address();
    assert_eq!(alone.worker(), 1);
    assert_eq!(on(On::SameAs(alone)).address().worker(), 1);
    // 1, 2 and 1 actors: the next go where there are fewest.
    let mut next_two = [on(On::LeastActors).address().worker(), on(On::Here).address().worker()];
    next_two.sort_unstable();
    assert_eq!(next_two, [0, 2]);
    let mut turns: Vec<_> = (0..6).map(|_| on(On::RoundRobin).address().worker()).collect();
    assert!(turns.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 3), "{turns:?}");
    turns.sort_unstable();
    assert_eq!(turns, [0, 0, 1, 1, 2, 2]);
    // From a handler, `Here` is the spawner's worker.
    for worker in 0..3 {
        let parent = on(On::Worker(worker));
        assert_eq!(scene.child(parent, "child", On::Here).address().worker(), worker);
        assert_eq!(scene.child(parent, "child", On::Worker((worker + 1) % 3)).address().worker(), (worker + 1) % 3);
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_place_that_does_not_exist_is_refused_with_what_there_is() {
    let (here, there) = (engine(2), engine(1));
    let handle = here.handle();
    let spawn = |on| handle.spawn(on, || from_fn(|_: u8, _ctx| ()));
    assert_eq!(spawn(On::Worker(2)), Err(SpawnError::NoSuchWorker { worker: 2, workers: 2 }));
    let no_core = SpawnError::NoSuchCore { core: 1, cores: "no core".to_owned() };
    assert_eq!(spawn(On::Core(1)), Err(no_core.clone()));
    assert_eq!(no_core.to_string(), "no worker is on core 1; workers are on no core");
    let stranger = there.handle().spawn(On::Here, || from_fn(|_: u8, _ctx| ())).unwrap().address();
    assert_eq!(spawn(On::SameAs(stranger)), Err(SpawnError::ForeignActor(stranger)));
    let large = handle.spawn(On::Worker(1), || from_fn(|_: [u8; 1 << 20], _ctx| ()));
    assert!(matches!(large, Err(SpawnError::MessageTooLarge { worker: 1, .. })), "{large:?}");
    there.shutdown(PATIENCE).unwrap();
    here.shutdown(PATIENCE).unwrap();
    assert_eq!(spawn(On::Here), Err(SpawnError::Stopping));
}

#[test]
fn a_worker_has_as_many_actors_as_it_may() {
    let engine = Engine::builder().unpinned_workers(1).configure(|config| config.max_actors = 2).start().unwrap();
    let handle = engine.handle();
    let spawn = || handle.spawn(On::Worker(0), || from_fn(|_: u8, _ctx| ()));
    let first = spawn().unwrap();
    spawn().unwrap();
    assert_eq!(spawn(), Err(SpawnError::TableFull { worker: 0, limit: 2 }));
    handle.stop(first, Stop::Now).unwrap();
    handle.watch(first).unwrap().wait(PATIENCE).unwrap();
    let third = spawn().unwrap();
    assert_eq!(third.address().slot(), first.address().slot());
    assert_ne!(third, first, "the slot has a new tenant");
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_tree_across_workers_stops_from_its_leaves_up() {
    for how in [Stop::Now, Stop::AfterQueued] {
        let engine = engine(3);
        let scene = Scene::new(engine.handle());
        let root = scene.spawn("root", On::Worker(0));
        scene.started("root");
        let branch = scene.child(root, "branch", On::Worker(1));
        scene.child(branch, "leaf on the same worker", On::Here);
        scene.child(branch, "leaf on another", On::Worker(2));
        scene.child(branch, "leaf with the root", On::Worker(0));
        scene.child(root, "leaf of the root", On::Worker(2));
        let told = scene.handle.watch(root).unwrap();
        scene.handle.stop(root, how).unwrap();
        assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::Stopped);
        let order = take(&scene.noted, 6);
        let place = |name: &'static str| order.iter().position(|note| *note == Note::Stopped(name)).unwrap();
        assert_eq!(place("root"), 5, "{order:?}");
        for leaf in ["leaf on the same worker", "leaf on another", "leaf with the root"] {
            assert!(place(leaf) < place("branch"), "{order:?}");
        }
        assert!(place("leaf of the root") < 5);
        engine.shutdown(PATIENCE).unwrap();
        assert!(scene.noted.try_recv().is_err());
    }
}

#[test]
fn a_parent_takes_its_children_with_it_in_every_mode() {
    for how in [Stop::Now, Stop::AfterQueued, Stop::Kill] {
        for worker in 0..2 {
            let engine = engine(2);
            let scene = Scene::new(engine.handle());
            let parent = scene.spawn("parent", On::Worker(0));
            scene.started("parent");
            let child = scene.child(parent, "child", On::Worker(worker));
            let told = scene.handle.watch(child).unwrap();
            scene.handle.tell(child, Order::Note(0));
            assert_eq!(next(&scene.noted), Note::Handled("child", 0), "it is watched by now");
            scene.handle.stop(parent, how).unwrap();
            assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::ParentStopped, "{how:?}");
            engine.shutdown(PATIENCE).unwrap();
            let stopped: Vec<_> = scene.noted.try_iter().collect();
            match how {
                Stop::Kill => assert_eq!(stopped, [], "the killed are not asked"),
                _ => assert_eq!(stopped, [Note::Stopped("child"), Note::Stopped("parent")]),
            }
        }
    }
}

#[test]
fn a_child_stops_alone_and_its_parent_goes_on() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle());
    let parent = scene.spawn("parent", On::Worker(0));
    scene.started("parent");
    for worker in [0, 1, 0, 1] {
        let child = scene.child(parent, "child", On::Worker(worker));
        scene.handle.tell(parent, Order::Stop(child.address(), Stop::Now));
        assert_eq!(next(&scene.noted), Note::Stopped("child"));
    }
    scene.handle.tell(parent, Order::Note(1));
    assert_eq!(next(&scene.noted), Note::Handled("parent", 1));
    scene.handle.tell(parent, Order::StopSelf);
    assert_eq!(next(&scene.noted), Note::Stopped("parent"));
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn watchers_are_told_when_and_why() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle());
    for (how, reason) in
        [(Stop::Now, StopReason::Stopped), (Stop::AfterQueued, StopReason::Stopped), (Stop::Kill, StopReason::Killed)]
    {
        for worker in 0..2 {
            let watcher = scene.spawn("watcher", On::Worker(0));
            scene.started("watcher");
            let watched = scene.spawn("watched", On::Worker(worker));
            scene.started("watched");
            let from_outside = scene.handle.watch(watched).unwrap();
            scene.handle.tell(watched, Order::Note(0));
            assert_eq!(next(&scene.noted), Note::Handled("watched", 0), "it is watched from outside by now");
            scene.handle.tell(watcher, Order::Watch(watched.address()));
            scene.handle.tell(watcher, Order::Stop(watched.address(), how));
            let told = Terminated { actor: watched.address(), reason: reason.clone() };
            assert_eq!(from_outside.wait(PATIENCE), Ok(told.clone()));
            let mut notes = take(&scene.noted, if how == Stop::Kill { 1 } else { 2 });
            assert_eq!(notes.pop(), Some(Note::Terminated(told)));
            // It has gone: the answer comes at once.
            let gone = Terminated { actor: watched.address(), reason: StopReason::Unknown };
            assert_eq!(scene.handle.watch(watched).unwrap().wait(PATIENCE), Ok(gone.clone()));
            scene.handle.tell(watcher, Order::Watch(watched.address()));
            assert_eq!(next(&scene.noted), Note::Terminated(gone));
        }
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_watch_is_taken_back() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle());
    for worker in 0..2 {
        let watcher = scene.spawn("watcher", On::Worker(0));
        scene.started("watcher");
        let watched = scene.spawn("watched", On::Worker(worker));
        scene.started("watched");
        let watched = watched.address();
        scene.handle.tell(watcher, Order::Watch(watched));
        scene.handle.tell(watcher, Order::Unwatch(watched));
        scene.handle.tell(watcher, Order::Stop(watched, Stop::Now));
        assert_eq!(next(&scene.noted), Note::Stopped("watched"));
        // A second notice would come before this one.
        scene.handle.watch(watched).unwrap().wait(PATIENCE).unwrap();
        scene.handle.tell(watcher, Order::Watch(watched));
        assert!(matches!(next(&scene.noted), Note::Terminated(Terminated { reason: StopReason::Unknown, .. })));
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_watcher_that_has_gone_is_nobodys_trouble() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle());
    for worker in 0..2 {
        let watcher = scene.spawn("watcher", On::Worker(0));
        let watched = scene.spawn("watched", On::Worker(worker));
        scene.handle.tell(watcher, Order::Watch(watched.address()));
        scene.handle.tell(watcher, Order::StopSelf);
        scene.handle.watch(watcher).unwrap().wait(PATIENCE).unwrap();
        scene.handle.stop(watched, Stop::Now).unwrap();
        scene.handle.watch(watched).unwrap().wait(PATIENCE).unwrap();
    }
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(report.dead_letters.total(), 0, "nobody sent the notice, so it is nobody's dead letter");
}

#[test]
fn a_name_is_unique_while_its_holder_lives() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle());
    let named = |worker| Props::on(On::Worker(worker)).named("the one");
    let holder = scene.spawn("first", named(0));
    let taken = scene.handle.spawn(named(1), node("second", &scene.notes)).unwrap_err();
    assert_eq!(taken, SpawnError::NameTaken { name: "the one".to_owned(), holder: holder.address() });
    assert_eq!(taken.to_string(), format!("the name \"the one\" is taken by {}", holder.address()));
    assert_eq!(scene.handle.lookup::<Order>("the one"), Some(holder));
    assert_eq!(scene.handle.lookup::<u64>("the one"), None, "it takes other messages");
    assert_eq!(scene.handle.lookup::<Order>("nobody"), None);
    scene.handle.stop(holder, Stop::Now).unwrap();
    scene.handle.watch(holder).unwrap().wait(PATIENCE).unwrap();
    assert_eq!(scene.handle.lookup::<Order>("the one"), None);
    let heir = scene.spawn("third", named(1));
    assert_eq!(scene.handle.lookup::<Order>("the one"), Some(heir));
    // One that is killed gives its name back too, and the refused spawns took no slots.
    scene.handle.stop(heir, Stop::Kill).unwrap();
    scene.handle.watch(heir).unwrap().wait(PATIENCE).unwrap();
    assert_eq!(scene.handle.lookup::<Order>("the one"), None);
    assert_eq!(scene.handle.stats().workers.iter().map(|worker| worker.actors).sum::<u64>(), 0);
    engine.shutdown(PATIENCE).unwrap();
}

fn mailbox() -> MailboxSpec<Order> {
    MailboxSpec::bounded(NonZeroUsize::new(64).unwrap())
}

#[test]
fn stopped_now_or_killed_the_queued_are_dead_letters() {
    for how in [Stop::Now, Stop::Kill] {
        for props in [Props::on(On::Worker(0)), Props::on(On::Worker(0)).mailbox(mailbox())] {
            let (mut host, _clock) = host(1);
            let scene = Scene::new(host.handle());
            let actor = scene.spawn("actor", props);
            scene.handle.tell(actor, Order::TellAndStop(5, how));
            settle(&mut host);
            let mut expected = vec![Note::Started("actor", 0)];
            expected.extend((how == Stop::Now).then_some(Note::Stopped("actor")));
            assert_eq!(scene.noted.try_iter().collect::<Vec<_>>(), expected);
            assert_eq!(host.stats().dead_letters().get(DeadLetterReason::Stopped), 6);
            host.shutdown(PATIENCE).unwrap();
        }
    }
}

#[test]
fn stopped_after_the_queued_they_are_handled_first() {
    for props in [Props::on(On::Worker(0)), Props::on(On::Worker(0)).mailbox(mailbox())] {
        let (mut host, _clock) = host(1);
        let scene = Scene::new(host.handle());
        let actor = scene.spawn("actor", props);
        scene.handle.tell(actor, Order::TellAndStop(5, Stop::AfterQueued));
        settle(&mut host);
        let mut expected = vec![Note::Started("actor", 0)];
        expected.extend((0..5).map(|n| Note::Handled("actor", n)));
        let noted: Vec<_> = scene.noted.try_iter().filter(|note| *note != Note::Handled("actor", 5)).collect();
        expected.push(Note::Stopped("actor"));
        assert_eq!(noted, expected);
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn an_order_from_elsewhere_comes_after_what_is_queued_here() {
    // One message a turn: the order is looked at long before the queue in the worker's ring has been handled.
    for sender in 0..3 {
        let builder = Engine::builder().unpinned_workers(2).configure(|config| config.turn_budget = 1);
        let mut host = builder.host().unwrap();
        let scene = Scene::new(host.handle());
        let actor = scene.spawn("actor", On::Worker(0));
        let flooder = scene.handle.spawn(On::Worker(0), move || {
            from_fn(move |(), ctx: &mut Context<'_, ()>| (0..50).for_each(|n| ctx.tell(actor, Order::Note(n))))
        });
        scene.handle.tell(flooder.unwrap(), ());
        for _ in 0..5 {
            host.poll(1);
        }
        match sender {
            2 => scene.handle.stop(actor, Stop::AfterQueued).unwrap(),
            worker => {
                let stopper = scene.spawn("stopper", On::Worker(worker));
                scene.handle.tell(stopper, Order::Stop(actor.address(), Stop::AfterQueued));
            }
        }
        while host.poll(1) > 0 {}
        let handled = scene.noted.try_iter().filter(|note| matches!(note, Note::Handled("actor", _))).count();
        assert_eq!(handled, 50, "sender {sender}");
        assert_eq!(host.stats().workers[0].actors, if sender == 0 { 2 } else { 1 });
        assert_eq!(host.stats().dead_letters().total(), 0);
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn from_one_thread_a_stop_comes_after_what_it_sent() {
    let engine = engine(1);
    let scene = Scene::new(engine.handle());
    for props in [Props::on(On::Worker(0)), Props::on(On::Worker(0)).mailbox(mailbox())] {
        let actor = scene.spawn("actor", props);
        (0..50).for_each(|n| scene.handle.tell(actor, Order::Note(n)));
        scene.handle.stop(actor, Stop::AfterQueued).unwrap();
        scene.handle.tell(actor, Order::Note(99));
        let mut expected = vec![Note::Started("actor", 0)];
        expected.extend((0..50).map(|n| Note::Handled("actor", n)));
        expected.push(Note::Stopped("actor"));
        assert_eq!(take(&scene.noted, 52), expected);
    }
    engine.shutdown(PATIENCE).unwrap();
    assert!(scene.noted.try_recv().is_err(), "what was sent after the order was not handled");
}

#[test]
fn an_actor_that_stops_itself_handles_nothing_more() {
    let (mut host, _clock) = host(1);
    let scene = Scene::new(host.handle());
    let actor = scene.spawn("actor", On::Worker(0));
    scene.handle.tell(actor, Order::StopSelf);
    scene.handle.tell(actor, Order::Note(1));
    settle(&mut host);
    let noted: Vec<_> = scene.noted.try_iter().collect();
    assert_eq!(noted, [Note::Started("actor", 0), Note::Stopped("actor")]);
    // Once more is none too many.
    scene.handle.stop(actor, Stop::Now).unwrap();
    settle(&mut host);
    assert!(scene.noted.try_recv().is_err());
    assert_eq!(host.stats().dead_letters().get(DeadLetterReason::Stopped), 1);
    host.shutdown(Duration::from_secs(30)).unwrap();
}
