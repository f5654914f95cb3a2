//! Promise 4: every ring has a hard limit. Local rings, outboxes and mailboxes grow up to theirs and are used again;
//! beyond it the sender is told. Tables have limits too, and their errors name them.
//!
//! An allocator that counts, thread by thread, tells how much memory a hosted engine holds while it is flooded.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use hippodrome::{
    ActorRef, AskError, Backoff, Context, DeadLetterReason, Engine, Host, MailboxSpec, ManualClock, MissedTick, On,
    Overflow, PortError, Props, Reply, Restart, SpawnError, Stop, from_fn,
};
use support::{PATIENCE, panic_quietly};

/// Counts the bytes that each thread has allocated and not freed.
struct Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // A thread that is just ending has no counters any more; nothing is measured there.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: all is passed on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's contract.
        unsafe { System.alloc_zeroed(layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> i64 {
    LIVE.get()
}

/// The most bytes that were live since `run` began, over those before it.
fn peak_of(run: impl FnOnce()) -> i64 {
    let before = live();
    PEAK.set(before);
    run();
    PEAK.get() - before
}

/// A message of 256 bytes.
type Load = [u64; 32];

const KIB: u64 = 1024;

/// Sends so many loads to somebody, and tells how many were accepted.
struct Flood(ActorRef<Load>, usize);

fn flooder(host: &Host, worker: usize, accepted: &Sender<usize>) -> ActorRef<Flood> {
    let accepted = accepted.clone();
    let factory = move || {
        let accepted = accepted.clone();
        from_fn(move |Flood(to, count), ctx: &mut Context<'_, Flood>| {
            let count = (0..count).filter(|_| ctx.try_tell(to, [1; 32]).is_ok()).count();
            accepted.send(count).unwrap();
        })
    };
    host.handle().spawn(On::Worker(worker), factory).unwrap()
}

fn sink(host: &Host, props: Props<Load>) -> ActorRef<Load> {
    host.handle().spawn(props, || from_fn(|_: Load, _: &mut Context<'_, Load>| {})).unwrap()
}

fn host(workers: usize) -> Host {
    let builder = Engine::builder().unpinned_workers(workers).configure(|config| {
        config.max_actors = 100;
        config.max_timers = 100;
        config.max_asks = 100;
        config.defaults.local_ring_kib = 32;
        config.defaults.local_ring_limit_kib = 256;
        config.defaults.outbox_limit_kib = 128;
        config.defaults.lane_kib = 16;
        config.defaults.ingress_kib = 16;
    });
    builder.host().unwrap()
}

#[test]
fn a_local_ring_grows_to_its_limit_and_is_used_again() {
    let mut host = host(1);
    let (accepted, counts) = channel();
    let (flooder, sink) = (flooder(&host, 0, &accepted), sink(&host, Props::on(On::Worker(0))));
    let (mut held, mut total) = (Vec::new(), 0);
    for round in 0..5 {
        host.handle().tell(flooder, Flood(sink, 10_000));
        host.poll(100_000);
        let accepted = counts.try_recv().unwrap() as u64;
        let stats = host.stats();
        assert_eq!(stats.workers[0].local_ring_high_water_bytes, 256 * KIB, "round {round}");
        assert!(accepted * 256 <= 256 * KIB, "round {round}: {accepted} loads are more than the limit");
        assert!(accepted * 256 > 200 * KIB, "round {round}: only {accepted} loads were accepted");
        total += accepted;
        assert_eq!(stats.handled(), total + round + 1, "and the flooder's own message a round");
        drop(stats);
        held.push(live());
    }
    assert!(held[1..].iter().all(|live| *live == held[1]), "segments are used again: {held:?} bytes are live");
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn an_outbox_grows_to_its_limit_and_is_used_again() {
    let mut host = host(2);
    let (accepted, counts) = channel();
    let (flooder, sink) = (flooder(&host, 0, &accepted), sink(&host, Props::on(On::Worker(1))));
    let (mut held, mut total) = (Vec::new(), 0);
    for round in 0..5 {
        host.handle().tell(flooder, Flood(sink, 10_000));
        host.poll(100_000);
        let accepted = counts.try_recv().unwrap() as u64;
        let stats = host.stats();
        assert_eq!(stats.workers[0].outbox_high_water_bytes, 128 * KIB, "round {round}");
        assert!(accepted * 256 <= (128 + 16) * KIB, "round {round}: {accepted} loads are more than both limits");
        assert!(accepted * 256 > 100 * KIB, "round {round}: only {accepted} loads were accepted");
        total += accepted;
        assert_eq!(stats.workers[1].handled, total);
        drop(stats);
        held.push(live());
    }
    assert!(held[1..].iter().all(|live| *live == held[1]), "segments are used again: {held:?} bytes are live");
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_private_mailbox_grows_to_its_limit() {
    for (capacity, limit) in [(1, 1), (2, 7), (4, 100), (100, 100)] {
        let mut host = host(1);
        let (accepted, counts) = channel();
        let mailbox = MailboxSpec::bounded(NonZeroUsize::new(capacity).unwrap()).overflow(Overflow::Grow(limit));
        let (flooder, sink) = (flooder(&host, 0, &accepted), sink(&host, Props::on(On::Worker(0)).mailbox(mailbox)));
        host.handle().tell(flooder, Flood(sink, 1000));
        host.poll(100_000);
        assert_eq!(counts.try_recv(), Ok(limit));
        host.handle().stop(sink, Stop::Now).unwrap();
        host.poll(100);
        assert_eq!(host.stats().workers[0].mailbox_high_water, limit as u64);
        host.shutdown(PATIENCE).unwrap();
    }
}

/// What comes while an actor is being restarted is kept up to the limit of a local ring.
#[test]
fn what_is_held_for_a_restart_has_a_limit() {
    let clock = Arc::new(ManualClock::default());
    let builder = Engine::builder().unpinned_workers(1).clock(clock.clone()).configure(|config| {
        config.defaults.local_ring_kib = 32;
        config.defaults.local_ring_limit_kib = 64;
    });
    let mut host = builder.host().unwrap();
    let handle = host.handle();
    let backoff = Backoff::fixed(Duration::from_secs(1));
    let restart = Restart::Restart { max: 10, within: Duration::from_secs(60), backoff };
    let (seen, numbers) = channel();
    let factory = move || {
        let seen = seen.clone();
        from_fn(move |load: Load, _: &mut Context<'_, Load>| {
            if load[0] == 0 {
                panic_quietly();
            }
            seen.send(load[0]).unwrap();
        })
    };
    let fragile = handle.spawn(Props::on(On::Worker(0)).restart(restart), factory).unwrap();
    handle.tell(fragile, [0; 32]);
    host.poll(1);
    let peak = peak_of(|| {
        for number in 1..=2000 {
            handle.tell(fragile, [number; 32]);
            host.poll(1);
        }
    });
    let full = host.stats().dead_letters().get(DeadLetterReason::Full);
    assert!(full > 1500, "only {full} were refused");
    assert!(peak < 100 * KIB as i64, "{peak} bytes were held for an actor");
    clock.advance(Duration::from_secs(2));
    for _ in 0..100 {
        host.poll(10_000);
    }
    let seen: Vec<_> = numbers.try_iter().collect();
    assert_eq!(seen.len() as u64, 2000 - full);
    assert!(seen.iter().copied().eq(1..=seen.len() as u64), "the first ones were held, in order");
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn tables_have_limits_and_their_errors_name_them() {
    enum Msg {
        Fill,
        Fired,
        Answered(Result<u64, AskError>),
        Question(Reply<u64>),
    }
    let clock = Arc::new(ManualClock::default());
    let builder = Engine::builder().unpinned_workers(1).clock(clock.clone()).configure(|config| {
        config.max_actors = 5;
        config.max_timers = 30;
        config.max_asks = 20;
        config.max_ports = 2;
    });
    let mut host = builder.host().unwrap();
    let handle = host.handle();
    let (result, results) = channel();
    let factory = move || {
        let (result, mut kept) = (result.clone(), Vec::new());
        from_fn(move |msg, ctx: &mut Context<'_, Msg>| match msg {
            Msg::Fill => {
                let me = ctx.me();
                (0..25).for_each(|_| ctx.ask(me, Msg::Question, Msg::Answered));
                // Twenty asks have taken twenty of the timers.
                let day = Duration::from_secs(86_400);
                let armed = (0..40).filter(|_| ctx.send_after(day, Msg::Fired).is_ok()).count();
                result.send(format!("{armed} timers")).unwrap();
                let refused = ctx.send_every(day, MissedTick::Skip, || Msg::Fired).unwrap_err();
                result.send(refused.to_string()).unwrap();
                let spawned = ctx.spawn(On::Here, || from_fn(|(): (), _| {})).map(drop);
                result.send(format!("{spawned:?}")).unwrap();
            }
            Msg::Question(reply) => kept.push(reply),
            Msg::Answered(Err(error)) => result.send(error.to_string()).unwrap(),
            Msg::Answered(Ok(_)) | Msg::Fired => {}
        })
    };
    let first = handle.spawn(On::Worker(0), factory).unwrap();
    for _ in 1..5 {
        handle.spawn(On::Worker(0), || from_fn(|(): (), _| {})).unwrap();
    }
    let refused = handle.spawn(On::Worker(0), || from_fn(|(): (), _| {})).unwrap_err();
    assert_eq!(refused, SpawnError::TableFull { worker: 0, limit: 5 });
    assert_eq!(refused.to_string(), "worker 0 has 5 actors, as many as `max_actors` allows");
    handle.tell(first, Msg::Fill);
    host.poll(1000);
    let said: Vec<_> = results.try_iter().collect();
    assert_eq!(said[0], "10 timers");
    assert_eq!(said[1], "the worker has 30 timers armed, as many as `max_timers` allows");
    assert_eq!(said[2], format!("{:?}", Err::<(), _>(SpawnError::TableFull { worker: 0, limit: 5 })));
    assert_eq!(said[3..], ["too many asks are waiting for an answer"; 5]);
    assert_eq!(host.stats().workers[0].timers_high_water, 30);

    let ports = (handle.port().unwrap(), handle.port().unwrap());
    let refused = handle.port().map(drop).unwrap_err();
    assert_eq!(refused, PortError::TooMany { limit: 2 });
    assert_eq!(refused.to_string(), "2 ports are open, as many as `max_ports` allows");
    drop(ports);
    host.abort();
}

/// Floods an engine on all ways at once with fifty times what its rings hold, and never lets it catch up.
#[test]
fn a_mailbox_beyond_all_bounds_is_refused_and_takes_nothing() {
    const LIMIT: usize = 16_777_216;
    let mut host = Engine::builder().unpinned_workers(1).configure(|config| config.max_actors = 1).host().unwrap();
    let handle = host.handle();
    let spawn = |capacity: usize, overflow| {
        let mailbox = MailboxSpec::bounded(NonZeroUsize::new(capacity).unwrap()).overflow(overflow);
        handle.spawn(Props::on(On::Worker(0)).named("one").mailbox(mailbox), || from_fn(|_: u64, _| ()))
    };
    for (capacity, overflow, messages) in [
        (usize::MAX, Overflow::Reject, usize::MAX),
        (usize::MAX - 10, Overflow::Conflate(|n| *n), usize::MAX - 10),
        (LIMIT + 1, Overflow::DropOldest, LIMIT + 1),
        (1, Overflow::Grow(usize::MAX), usize::MAX),
    ] {
        let error = spawn(capacity, overflow).unwrap_err();
        assert_eq!(error, SpawnError::MailboxTooLarge { messages, limit: LIMIT });
        let text = format!("a private mailbox for {messages} messages: allowed is up to {LIMIT}");
        assert_eq!(error.to_string(), text);
    }
    // The only slot and the name are still to be had.
    let one = spawn(2, Overflow::Grow(LIMIT)).unwrap();
    assert_eq!(handle.lookup::<u64>("one"), Some(one));
    while host.poll(u64::MAX) > 0 {}
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_flood_keeps_memory_under_the_sum_of_the_limits() {
    const WORKERS: u64 = 2;
    let mut host = host(WORKERS as usize);
    let handle = host.handle();
    let (accepted, counts) = channel();
    let flooders: Vec<_> = (0..2).map(|worker| flooder(&host, worker, &accepted)).collect();
    let sinks: Vec<_> = (0..2).map(|worker| sink(&host, Props::on(On::Worker(worker)))).collect();
    let mut ports = (handle.port().unwrap(), handle.port().unwrap());
    // What is made once, at the first use of a way.
    for flooder in &flooders {
        sinks.iter().for_each(|sink| handle.tell(*flooder, Flood(*sink, 1)));
    }
    host.poll(1000);
    counts.try_iter().for_each(drop);
    let mut offered: u64 = 0;
    let peak = peak_of(|| {
        for _ in 0..400 {
            for sink in &sinks {
                for flooder in &flooders {
                    handle.tell(*flooder, Flood(*sink, 1500));
                    offered += 1500;
                }
                for _ in 0..100 {
                    handle.tell(*sink, [2; 32]);
                    ports.0.tell(*sink, [3; 32]);
                    ports.1.tell(*sink, [4; 32]);
                    offered += 3;
                }
            }
            host.poll(50);
            counts.try_iter().for_each(drop);
        }
    }) as u64;
    // Both workers' local rings, and the outbox from each to the other. Everything else was there from the start.
    let growth = WORKERS * (256 + 128) * KIB;
    let slack = 64 * KIB;
    assert!(offered * 256 > 50 * growth, "the flood was too small");
    assert!(peak <= growth + slack, "{peak} bytes were live over those from the start; the limits allow {growth}");
    let stats = host.stats();
    assert!(stats.workers.iter().all(|worker| worker.local_ring_high_water_bytes <= 256 * KIB));
    assert!(stats.workers.iter().all(|worker| worker.outbox_high_water_bytes <= 128 * KIB));
    assert!(stats.dead_letters().get(DeadLetterReason::Full) > 1000);
    drop(ports);
    host.shutdown(PATIENCE).unwrap();
}
