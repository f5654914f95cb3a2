//! Statistics: by worker and by type of actor, counted right, to be read while the engine runs.

mod common;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use common::{PATIENCE, engine, eventually, host, next, settle, take};
use hippodrome::{
    Actor, ActorRef, AskError, Context, DeadLetterReason, Engine, MailboxSpec, On, Overflow, Props, Reply, Stats, Stop,
    from_fn,
};

/// Answers asks and counts them.
struct Server;

impl Actor for Server {
    type Msg = Reply<u64>;

    fn handle(&mut self, reply: Reply<u64>, ctx: &mut Context<'_, Reply<u64>>) {
        reply.send(ctx, 1);
    }
}

enum Order {
    Ask(ActorRef<Reply<u64>>),
    Answer(Result<u64, AskError>),
}

/// Asks once for each order, and reports each answer to the collector.
struct Client(ActorRef<u64>);

impl Actor for Client {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Ask(server) => ctx.ask(server, |reply| reply, Order::Answer),
            Order::Answer(answer) => ctx.tell(self.0, answer.unwrap_or(0)),
        }
    }
}

struct Collector(mpsc::Sender<u64>);

impl Actor for Collector {
    type Msg = u64;

    fn handle(&mut self, n: u64, _ctx: &mut Context<'_, u64>) {
        self.0.send(n).expect("the test listens");
    }
}

fn of_type(stats: &Stats, worker: usize, actor_type: &str) -> (u64, u64) {
    let mut found = stats.actor_types.iter().filter(|entry| entry.worker == worker);
    let entry = found.find(|entry| entry.actor_type.ends_with(actor_type));
    entry.map_or((0, 0), |entry| (entry.handled, entry.sent))
}

const ASKS: u64 = 50;

#[test]
fn messages_are_counted_by_worker_and_by_type() {
    let engine = engine(2);
    let handle = engine.handle();
    let (sender, collected) = mpsc::channel();
    let collector = handle.spawn(On::Worker(0), move || Collector(sender.clone())).unwrap();
    // The server of the same worker and the one of the other; two clients, whose counts are one.
    let servers = [0, 1].map(|worker| handle.spawn(On::Worker(worker), || Server).unwrap());
    for server in servers {
        let client = handle.spawn(On::Worker(0), move || Client(collector)).unwrap();
        (0..ASKS).for_each(|_| handle.tell(client, Order::Ask(server)));
    }
    assert_eq!(take(&collected, 2 * ASKS as usize).iter().sum::<u64>(), 2 * ASKS);
    eventually("the last message was counted", || handle.stats().handled() == 8 * ASKS);
    let stats = handle.stats();
    assert_eq!(of_type(&stats, 0, "::Client"), (4 * ASKS, 4 * ASKS), "asked and answered; asks and reports");
    assert_eq!(of_type(&stats, 0, "::Collector"), (2 * ASKS, 0));
    assert_eq!(of_type(&stats, 0, "::Server"), (ASKS, ASKS));
    assert_eq!(of_type(&stats, 1, "::Server"), (ASKS, ASKS));
    assert_eq!(stats.actor_types.len(), 4);
    assert_eq!([stats.workers[0].handled, stats.workers[1].handled], [7 * ASKS, ASKS]);
    assert_eq!([stats.workers[0].sent, stats.workers[1].sent], [5 * ASKS, ASKS]);
    assert_eq!([stats.workers[0].actors, stats.workers[1].actors], [4, 1]);
    assert!(stats.workers.iter().all(|worker| worker.flushed > 0 && worker.turns > worker.idle_turns));
    assert_eq!((stats.dead_letters().total(), stats.rescued_wakeups(), stats.lost_events), (0, 0, 0));
    let table = stats.to_string();
    assert!(table.contains(&(7 * ASKS).to_string()) && table.contains("worker"), "{table}");
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(report.handled, 8 * ASKS);
}

#[test]
fn what_types_handled_adds_up_to_what_their_worker_did() {
    let engine = engine(1);
    let handle = engine.handle();
    let runner = || from_fn(|(), ctx: &mut Context<'_, ()>| ctx.tell(ctx.me(), ()));
    handle.tell(handle.spawn(On::Worker(0), runner).unwrap(), ());
    // The worker shows its counts by itself too, between the moment it was asked and the one when they are read.
    for _ in 0..2000 {
        let stats = handle.stats();
        let by_type: (u64, u64) = stats
            .actor_types
            .iter()
            .fold((0, 0), |(handled, sent), entry| (handled + entry.handled, sent + entry.sent));
        assert_eq!(by_type, (stats.workers[0].handled, stats.workers[0].sent));
    }
    engine.abort();
}

/// Asks for commands until the statistics have been looked at: whoever knows an address of nobody makes the worker look
/// whether somebody is just being installed.
struct Curious {
    nobody: ActorRef<()>,
    was_looked_at: Arc<AtomicBool>,
}

impl Actor for Curious {
    type Msg = ();

    fn started(&mut self, ctx: &mut Context<'_, ()>) {
        while !self.was_looked_at.swap(false, Ordering::AcqRel) {
            assert!(ctx.try_tell(self.nobody, ()).is_err());
        }
        ctx.stop_self();
    }

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {}
}

#[test]
fn whoever_looks_does_not_move_the_reader() {
    // Three segments of the local ring: two of the messages are the last before a jump.
    const MESSAGES: u64 = 1500;
    let engine = engine(1);
    let handle = engine.handle();
    let nobody = handle.spawn(On::Worker(0), || from_fn(|(), _ctx| ())).unwrap();
    handle.stop(nobody, Stop::Now).unwrap();
    let was_looked_at = Arc::new(AtomicBool::new(false));
    let (done, is_done) = mpsc::channel();
    let looked_at = was_looked_at.clone();
    let spawner = move |n: u64, ctx: &mut Context<'_, u64>| {
        if n == MESSAGES {
            ctx.tell_batch(ctx.me(), 0..MESSAGES);
            return;
        }
        // It starts behind this message, before the reader goes on.
        let was_looked_at = looked_at.clone();
        ctx.spawn(On::Here, move || Curious { nobody, was_looked_at: was_looked_at.clone() }).expect("there is room");
        done.send(n).expect("the test listens");
    };
    let spawner = std::sync::Mutex::new(Some(spawner));
    let spawner = handle.spawn(On::Worker(0), move || from_fn(spawner.lock().unwrap().take().unwrap())).unwrap();
    handle.tell(spawner, MESSAGES);
    for n in 0..MESSAGES {
        assert_eq!(next(&is_done), n);
        let _ = handle.stats();
        was_looked_at.store(true, Ordering::Release);
    }
    assert_eq!(engine.shutdown(PATIENCE).unwrap().handled, MESSAGES + 1);
}

#[test]
fn dead_letters_are_counted_by_reason() {
    let (mut host, _clock) = host(1);
    let handle = host.handle();
    let foreign = Engine::builder().unpinned_workers(1).host().unwrap();
    let stranger = foreign.handle().spawn(On::Here, || from_fn(|_: u64, _ctx| ())).unwrap();
    let gone = handle.spawn(On::Worker(0), || from_fn(|_: u64, _ctx| ())).unwrap();
    handle.stop(gone, Stop::Now).unwrap();
    let capacity = NonZeroUsize::new(2).unwrap();
    let with = |overflow| Props::on(On::Worker(0)).mailbox(MailboxSpec::bounded(capacity).overflow(overflow));
    let ignore = || from_fn(|_: u64, _ctx| ());
    let rejects = handle.spawn(with(Overflow::Reject), ignore).unwrap();
    let newest = handle.spawn(with(Overflow::DropNewest), ignore).unwrap();
    let oldest = handle.spawn(with(Overflow::DropOldest), ignore).unwrap();
    let latest = handle.spawn(with(Overflow::Conflate(|n| n % 2)), ignore).unwrap();
    let grows = handle.spawn(with(Overflow::Grow(4)), ignore).unwrap();
    let sender = handle.spawn(On::Worker(0), move || {
        from_fn(move |(), ctx: &mut Context<'_, ()>| {
            ctx.tell(gone, 0);
            ctx.tell(stranger, 0);
            for n in 0..7 {
                [rejects, newest, oldest, latest, grows].into_iter().for_each(|to| ctx.tell(to, n));
            }
        })
    });
    handle.tell(sender.unwrap(), ());
    settle(&mut host);
    handle.tell(stranger, 0);
    let stats = host.stats();
    let counts = [
        (DeadLetterReason::Stopped, 1),
        (DeadLetterReason::Unreachable, 2),
        (DeadLetterReason::MailboxFull, 5 + 3),
        (DeadLetterReason::DroppedNewest, 5),
        (DeadLetterReason::DroppedOldest, 5),
        (DeadLetterReason::Conflated, 5),
        (DeadLetterReason::Full, 0),
        (DeadLetterReason::Panicked, 0),
        (DeadLetterReason::LateReply, 0),
        (DeadLetterReason::Shutdown, 0),
    ];
    for (reason, count) in counts {
        assert_eq!(stats.dead_letters().get(reason), count, "{reason}");
    }
    assert_eq!(stats.dead_letters().total(), 21, "the conflated are not lost");
    assert_eq!(stats.outside_dead_letters.total(), 1);
    assert_eq!(stats.handled(), 1 + 2 + 2 + 2 + 2 + 4);
    let shown = stats.to_string();
    assert!(shown.contains("dead letters, mailbox full: 8"), "{shown}");
    let report = host.shutdown(PATIENCE).unwrap();
    assert_eq!(report.dead_letters.total(), 21);
}

#[test]
fn high_water_marks_tell_how_full_it_was() {
    let (mut host, _clock) = host(2);
    let handle = host.handle();
    let near = handle.spawn(On::Worker(0), || from_fn(|_: [u64; 8], _ctx| ())).unwrap();
    let far = handle.spawn(On::Worker(1), || from_fn(|_: [u64; 8], _ctx| ())).unwrap();
    let flooder = handle.spawn(On::Worker(0), move || {
        from_fn(move |n: u64, ctx: &mut Context<'_, u64>| {
            (0..n).for_each(|_| {
                ctx.tell(near, [0; 8]);
                ctx.tell(far, [0; 8]);
            });
        })
    });
    let flooder = flooder.unwrap();
    handle.tell(flooder, 10);
    settle(&mut host);
    let quiet = host.stats().workers[0].clone();
    assert_eq!(quiet.outbox_high_water_bytes, 0, "ten fit the lane");
    handle.tell(flooder, 10_000);
    settle(&mut host);
    let busy = host.stats().workers[0].clone();
    assert!(busy.local_ring_high_water_bytes >= 640_000, "{busy:?}");
    assert!(busy.outbox_high_water_bytes >= 500_000, "{busy:?}");
    assert_eq!(host.stats().handled(), 2 + 2 * 10_010);
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn histograms_hold_every_message_when_they_are_on() {
    for on in [false, true] {
        let engine = Engine::builder().unpinned_workers(2).histograms(on).start().unwrap();
        let handle = engine.handle();
        let (sender, collected) = mpsc::channel();
        let collector = handle.spawn(On::Worker(1), move || Collector(sender.clone())).unwrap();
        let forward = move || from_fn(move |n: u64, ctx: &mut Context<'_, u64>| ctx.tell(collector, n));
        let forward = handle.spawn(On::Worker(0), forward).unwrap();
        (0..100).for_each(|n| handle.tell(forward, n));
        take(&collected, 100);
        eventually("the last message was counted", || handle.stats().handled() == 200);
        let stats = handle.stats();
        let entry = stats.actor_types.iter().find(|entry| entry.actor_type.ends_with("::Collector")).unwrap();
        assert_eq!(entry.handling_ns.is_some(), on);
        assert_eq!(entry.waiting_ns.is_some(), on);
        if let (Some(handling), Some(waiting)) = (&entry.handling_ns, &entry.waiting_ns) {
            assert_eq!((handling.len(), waiting.len()), (100, 100));
        }
        engine.shutdown(PATIENCE).unwrap();
    }
}

/// Whoever looks after the engine has ended still sees how far its rings were filled.
#[test]
fn high_water_marks_are_shown_to_the_end() {
    let builder = Engine::builder().unpinned_workers(2).configure(|config| config.defaults.lane_kib = 4);
    let mut host = builder.host().unwrap();
    let handle = host.handle();
    let sink = |worker| handle.spawn(On::Worker(worker), || from_fn(|_: [u64; 16], _ctx| ())).unwrap();
    let (near, far) = (sink(0), sink(1));
    let flooder = handle.spawn(On::Worker(0), move || {
        from_fn(move |(), ctx: &mut Context<'_, ()>| {
            for _ in 0..1000 {
                ctx.tell(near, [1; 16]);
                ctx.tell(far, [2; 16]);
            }
        })
    });
    handle.tell(flooder.unwrap(), ());
    settle(&mut host);
    let marks = |stats: Stats| {
        let worker = &stats.workers[0];
        (worker.local_ring_high_water_bytes, worker.outbox_high_water_bytes, worker.lanes_bytes)
    };
    let before = marks(host.stats());
    assert!(before.0 > 128_000 && before.1 > 128_000, "{before:?}");
    host.shutdown(PATIENCE).unwrap();
    assert_eq!(marks(handle.stats()), before);
}
