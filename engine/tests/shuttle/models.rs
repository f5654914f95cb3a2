//! The models: each a small engine, a few threads, a few messages, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hippodrome::{
    ActorRef, AskError, Context, Engine, Handle, ManualClock, On, PortError, Reply, Stop, WaitStrategy, from_fn,
};
use shuttle::thread::{self, JoinHandle};

use crate::explore;
use crate::ledger::{Item, Ledger};

/// All models, by the name of their test.
pub(crate) const ALL: [(&str, fn()); 7] = [
    ("ports", ports_come_and_go),
    ("asks", asks_are_answered_or_not),
    ("shutdown", shutdown_meets_senders),
    ("abort", abort_meets_senders),
    ("spawns", actors_come_and_go),
    ("bursts", bursts_cross),
    ("rooms", senders_wait_for_room),
];

/// Never over: there is no time under the scheduler.
const PATIENCE: Duration = Duration::from_secs(1);

/// An engine as small as can be, whose workers park as soon as they have nothing to do.
fn engine(workers: usize) -> Engine {
    let builder = Engine::builder().unpinned_workers(workers).clock(Arc::new(ManualClock::default()));
    let builder = builder.configure(|config| {
        config.max_actors = 8;
        config.max_timers = 8;
        config.max_asks = 8;
        config.max_ports = 2;
        config.event_capacity = 64;
        config.turn_budget = 4;
        config.lane_budget = 2;
        config.defaults.wait = WaitStrategy::SpinThenPark;
        config.defaults.spins = 0;
        config.defaults.local_ring_kib = 16;
        config.defaults.local_ring_limit_kib = 64;
        config.defaults.lane_kib = 4;
        config.defaults.outbox_limit_kib = 16;
        config.defaults.ingress_kib = 4;
    });
    builder.start().unwrap()
}

/// An actor that handles what comes.
fn sink(handle: &Handle, worker: usize) -> ActorRef<Item> {
    handle.spawn(On::Worker(worker), || from_fn(|item: Item, _ctx: &mut Context<'_, Item>| item.handle())).unwrap()
}

/// An actor that passes what comes on to another worker's.
fn relay(handle: &Handle, worker: usize, to: ActorRef<Item>) -> ActorRef<Item> {
    let relay = move || from_fn(move |item: Item, ctx: &mut Context<'_, Item>| ctx.tell(to, item));
    handle.spawn(On::Worker(worker), relay).unwrap()
}

/// Two relays, each on the worker that the other's messages end on.
fn relays(handle: &Handle) -> [ActorRef<Item>; 2] {
    [relay(handle, 0, sink(handle, 1)), relay(handle, 1, sink(handle, 0))]
}

/// Ends the engine in order. No wake-up may have been missed.
fn end(engine: Engine) {
    let report = engine.shutdown(PATIENCE).unwrap();
    assert!(report.drained && report.stopped_in_order);
    assert_eq!((report.actors_left, report.left), (0, Vec::new()));
    assert_eq!(report.rescued_wakeups, 0);
}

fn join(threads: Vec<JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Dead letters at the very end, when all senders have gone.
fn dead_letters(handle: &Handle) -> u64 {
    handle.stats().dead_letters().total()
}

/// A port, as soon as one is free.
fn port(handle: &Handle) -> hippodrome::Port {
    loop {
        match handle.port() {
            Ok(port) => return port,
            Err(PortError::TooMany { .. }) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Ports are opened, used and dropped while the workers park and wake; then the engine ends. All is handled.
fn ports_come_and_go() {
    let engine = engine(2);
    let handle = engine.handle();
    let ledger = Arc::new(Ledger::default());
    let sinks = [sink(&handle, 0), sink(&handle, 1)];
    let threads = (0..2).map(|source| {
        let (handle, ledger) = (handle.clone(), ledger.clone());
        thread::spawn(move || {
            for round in 0..2 {
                let mut port = port(&handle);
                for number in 0..2 {
                    port.tell(sinks[number as usize % 2], ledger.item(source * 2 + number % 2, round * 2 + number));
                }
            }
        })
    });
    join(threads.collect());
    end(engine);
    assert_eq!(ledger.handled(), 8);
    ledger.check(dead_letters(&handle));
}

#[test]
fn ports() {
    explore("ports", ports_come_and_go);
}

/// What a server is asked: to double a number, or to keep silent.
struct Question(u64, Reply<u64>);

/// Threads ask while another stops the actor: every wait ends, with the right answer or with none.
fn asks_are_answered_or_not() {
    let engine = engine(1);
    let handle = engine.handle();
    let server = handle
        .spawn(On::Worker(0), || {
            from_fn(|Question(number, reply), ctx: &mut Context<'_, Question>| {
                if number != 1 {
                    reply.send(ctx, number * 2);
                }
            })
        })
        .unwrap();
    let first = handle.ask(server, |reply| Question(21, reply)).wait(PATIENCE);
    assert_eq!(first, Ok(42));
    let threads = (0..2).map(|_| {
        let handle = handle.clone();
        thread::spawn(move || {
            for number in 0..3 {
                match handle.ask(server, |reply| Question(number, reply)).wait(PATIENCE) {
                    Ok(answer) => assert!(number != 1 && answer == number * 2, "{answer} to {number}"),
                    Err(error) => assert_eq!(error, AskError::Unanswered),
                }
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    handle.stop(server, Stop::AfterQueued).unwrap();
    join(threads);
    end(engine);
}

#[test]
fn asks() {
    explore("asks", asks_are_answered_or_not);
}

/// Senders of both kinds that go on while the engine ends.
fn senders(handle: &Handle, ledger: &Arc<Ledger>, sinks: [ActorRef<Item>; 2]) -> Vec<JoinHandle<()>> {
    let mut port = handle.port().unwrap();
    let (by_port, by_handle, own) = (ledger.clone(), ledger.clone(), handle.clone());
    let ported = thread::spawn(move || {
        for number in 0..4 {
            port.tell(sinks[number as usize % 2], by_port.item(number % 2, number));
        }
    });
    let handled = thread::spawn(move || {
        for number in 0..4 {
            own.tell(sinks[number as usize % 2], by_handle.item(2 + number % 2, number));
        }
    });
    vec![ported, handled]
}

/// The engine ends in order while ports and handles still send: what was accepted is handled, so that only those who send
/// have dead letters.
fn shutdown_meets_senders() {
    let engine = engine(2);
    let handle = engine.handle();
    let ledger = Arc::new(Ledger::default());
    let threads = senders(&handle, &ledger, relays(&handle));
    end(engine);
    join(threads);
    assert_eq!(ledger.made(), 8);
    ledger.check(handle.stats().outside_dead_letters.total());
    ledger.check(dead_letters(&handle));
}

#[test]
fn shutdown() {
    explore("shutdown", shutdown_meets_senders);
}

/// The engine ends at once while ports and handles still send.
fn abort_meets_senders() {
    let engine = engine(2);
    let handle = engine.handle();
    let ledger = Arc::new(Ledger::default());
    let threads = senders(&handle, &ledger, relays(&handle));
    let report = engine.abort();
    assert_eq!((report.stuck_workers.len(), report.rescued_wakeups), (0, 0));
    join(threads);
    assert_eq!(ledger.made(), 8);
    ledger.check(dead_letters(&handle));
}

#[test]
fn abort() {
    explore("abort", abort_meets_senders);
}

/// What a guard gets: somebody to watch, and the notice that he has gone.
enum Guarded {
    Watch(ActorRef<Item>),
    Gone,
}

/// Actors come and go on one worker, are watched from the other and from outside, and are told what may come too late.
fn actors_come_and_go() {
    let engine = engine(2);
    let handle = engine.handle();
    let ledger = Arc::new(Ledger::default());
    let gone = Arc::new(AtomicU64::new(0));
    let seen = gone.clone();
    let guard = handle
        .spawn(On::Worker(0), move || {
            let seen = seen.clone();
            from_fn(move |message, ctx: &mut Context<'_, Guarded>| match message {
                Guarded::Watch(actor) => ctx.watch(actor, |_| Guarded::Gone),
                Guarded::Gone => {
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .unwrap();
    let threads = (0..2).map(|source| {
        let (handle, ledger) = (handle.clone(), ledger.clone());
        thread::spawn(move || {
            for round in 0..2 {
                let actor = sink(&handle, 1);
                handle.tell(guard, Guarded::Watch(actor));
                let end = handle.watch(actor).unwrap();
                handle.tell(actor, ledger.item(source, round));
                let how = if round == 0 { Stop::Now } else { Stop::AfterQueued };
                handle.stop(actor, how).unwrap();
                assert_eq!(end.wait(PATIENCE).unwrap().actor, actor.address());
            }
        })
    });
    join(threads.collect());
    end(engine);
    assert_eq!(gone.load(Ordering::Relaxed), 4, "notices");
    ledger.check(dead_letters(&handle));
}

#[test]
fn spawns() {
    explore("spawns", actors_come_and_go);
}

/// A message so large that a lane of 4 KiB holds few of them.
struct Large(Item, #[expect(dead_code, reason = "it only takes room")] [u64; 96]);

/// Two actors on two workers send each other more than their lanes hold; what does not fit waits in the outbox.
fn bursts_cross() {
    const BURST: u64 = 8;
    let engine = engine(2);
    let handle = engine.handle();
    let ledger = Arc::new(Ledger::default());
    let sinks = [0, 1].map(|worker| {
        let sink = || from_fn(|Large(item, _), _ctx: &mut Context<'_, Large>| item.handle());
        handle.spawn(On::Worker(worker), sink).unwrap()
    });
    let sources = [0_usize, 1].map(|worker| {
        let ledger = ledger.clone();
        let source = move || {
            let ledger = ledger.clone();
            from_fn(move |first: u64, ctx: &mut Context<'_, u64>| {
                for number in first..first + BURST {
                    ctx.tell(sinks[1 - worker], Large(ledger.item(worker as u64, number), [0; 96]));
                }
            })
        };
        handle.spawn(On::Worker(worker), source).unwrap()
    });
    sources.iter().for_each(|source| handle.tell(*source, 0));
    end(engine);
    assert_eq!(ledger.made(), 2 * BURST);
    ledger.check(dead_letters(&handle));
    assert_eq!(ledger.handled(), 2 * BURST, "the outbox has room for all");
}

#[test]
fn bursts() {
    explore("bursts", bursts_cross);
}

/// A port and a handle that send more than a lane and an ingress hold: they wait for room, and all is handled.
fn senders_wait_for_room() {
    const COUNT: u64 = 8;
    let engine = engine(1);
    let handle = engine.handle();
    let ledger = Arc::new(Ledger::default());
    let sink = || from_fn(|Large(item, _), _ctx: &mut Context<'_, Large>| item.handle());
    let sink = handle.spawn(On::Worker(0), sink).unwrap();
    let mut port = handle.port().unwrap();
    let (by_port, by_handle, own) = (ledger.clone(), ledger.clone(), handle.clone());
    let ported = thread::spawn(move || {
        for number in 0..COUNT {
            assert!(port.tell_within(PATIENCE, sink, Large(by_port.item(0, number), [0; 96])).is_ok());
        }
    });
    let handled = thread::spawn(move || {
        for number in 0..COUNT {
            assert!(own.tell_within(PATIENCE, sink, Large(by_handle.item(1, number), [0; 96])).is_ok());
        }
    });
    join(vec![ported, handled]);
    end(engine);
    assert_eq!(ledger.handled(), 2 * COUNT);
    ledger.check(dead_letters(&handle));
}

#[test]
fn rooms() {
    explore("rooms", senders_wait_for_room);
}
