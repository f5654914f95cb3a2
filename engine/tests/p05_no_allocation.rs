//! Promise 5: no allocation per message in the steady state. A global allocator counts what all threads of the process
//! allocate while a test measures; each way of a message is warmed up first and must then do without.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::PATIENCE;
use hippodrome::{
    Actor, ActorRef, AskError, Context, DeadLetterReason, Engine, Handle, MailboxSpec, MissedTick, On, Overflow, Props,
    Reply, Stop, SystemEvent, from_fn,
};

/// Counts allocations of all threads while it is switched on.
struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn note() {
    if COUNTS.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, since the count is of the whole process: the harness allocates when a test ends.
#[test]
fn no_message_allocates_in_the_steady_state() {
    telling_from_a_handler();
    telling_from_outside();
    asking_from_a_handler();
    asking_from_outside();
    a_timer_that_is_armed_again_by_its_own_message();
    a_periodic_timer();
    events_of_the_program_and_of_the_system();
    private_mailboxes_of_every_policy();
}

/// Runs `round` some times to warm up, in which rings and pools grow to what the load needs, and then until some rounds
/// in a row have done without an allocation. What a message costs, it costs in every round; what a thread needs once,
/// because it gets its first time slice late or is overtaken as never before, is no part of the steady state.
fn steady(what: &str, mut round: impl FnMut()) {
    const WARM_UP: usize = 5;
    const MEASURED: usize = 3;
    const ATTEMPTS: usize = 10;
    for _ in 0..WARM_UP {
        round();
    }
    let mut counted = Vec::with_capacity(ATTEMPTS);
    while counted.last() != Some(&0) {
        assert!(counted.len() < ATTEMPTS, "{what} allocates, in {MEASURED} rounds each time: {counted:?}");
        ALLOCATIONS.store(0, Ordering::SeqCst);
        COUNTS.store(true, Ordering::SeqCst);
        for _ in 0..MEASURED {
            round();
        }
        COUNTS.store(false, Ordering::SeqCst);
        counted.push(ALLOCATIONS.load(Ordering::SeqCst));
    }
}

/// What the actors have handled, by all tests in turn.
static HANDLED: AtomicU64 = AtomicU64::new(0);

/// Waits until so many more messages were handled than `before`, without allocating.
#[track_caller]
fn wait_for(before: u64, messages: u64) {
    let deadline = Instant::now() + PATIENCE;
    while HANDLED.load(Ordering::SeqCst) < before + messages {
        assert!(Instant::now() < deadline, "handled {} of {messages}", HANDLED.load(Ordering::SeqCst) - before);
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn handled() -> u64 {
    HANDLED.load(Ordering::SeqCst)
}

fn count() {
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

const MESSAGES: u64 = 200;

type Payload = [u64; 4];

fn counter(handle: &Handle, props: impl Into<Props<Payload>>) -> ActorRef<Payload> {
    handle.spawn(props, || from_fn(|_: Payload, _ctx| count())).unwrap()
}

/// An engine of two workers, a part of whose settings the test chooses.
fn engine() -> Engine {
    Engine::builder().unpinned_workers(2).configure(|config| config.timer_resolution_us = 100).start().unwrap()
}

/// Measures rounds in which an actor on worker 0 gets one message and makes `messages` others be handled.
fn steady_from_an_actor<A, F>(what: &str, engine: &Engine, messages: u64, factory: F)
where
    A: Actor<Msg = ()>,
    F: FnMut() -> A + Send + 'static,
{
    let handle = engine.handle();
    let starter = handle.spawn(On::Worker(0), factory).unwrap();
    steady(what, || {
        let before = handled();
        handle.tell(starter, ());
        wait_for(before, messages);
    });
}

fn telling_from_a_handler() {
    let engine = engine();
    for worker in 0..2 {
        let to = counter(&engine.handle(), On::Worker(worker));
        steady_from_an_actor(&format!("tell to worker {worker}"), &engine, 3 * MESSAGES, move || {
            from_fn(move |(), ctx: &mut Context<'_, ()>| {
                for n in 0..MESSAGES {
                    ctx.tell(to, [n; 4]);
                    ctx.try_tell(to, [n; 4]).unwrap();
                }
                assert_eq!(ctx.tell_batch(to, (0..MESSAGES).map(|n| [n; 4])), MESSAGES as usize);
            })
        });
    }
    engine.shutdown(PATIENCE).unwrap();
}

fn telling_from_outside() {
    let engine = engine();
    let handle = engine.handle();
    let to = counter(&handle, On::Worker(1));
    steady("a handle's tell", || {
        let before = handled();
        for n in 0..MESSAGES {
            handle.tell(to, [n; 4]);
            handle.try_tell(to, [n; 4]).unwrap();
        }
        assert_eq!(handle.tell_batch(PATIENCE, to, (0..MESSAGES).map(|n| [n; 4])), MESSAGES as usize);
        wait_for(before, 3 * MESSAGES);
    });
    let mut port = handle.port().unwrap();
    steady("a port's tell", || {
        let before = handled();
        for n in 0..MESSAGES {
            port.tell(to, [n; 4]);
            port.try_tell(to, [n; 4]).unwrap();
        }
        assert_eq!(port.tell_batch(PATIENCE, to, (0..MESSAGES).map(|n| [n; 4])), MESSAGES as usize);
        wait_for(before, 3 * MESSAGES);
    });
    engine.shutdown(PATIENCE).unwrap();
}

enum Question {
    Answer(Reply<u64>),
    Drop(Reply<u64>),
    Keep(Reply<u64>),
}

/// Answers, drops, or keeps the last question.
fn oracle(handle: &Handle, worker: usize) -> ActorRef<Question> {
    let oracle = handle.spawn(On::Worker(worker), || {
        let mut kept = None;
        from_fn(move |question: Question, ctx: &mut Context<'_, Question>| match question {
            Question::Answer(reply) => reply.send(ctx, 1),
            Question::Drop(reply) => drop(reply),
            Question::Keep(reply) => drop(kept.replace(reply)),
        })
    });
    oracle.unwrap()
}

enum Asking {
    Start,
    Answer(#[expect(dead_code, reason = "only its arrival matters")] Result<u64, AskError>),
}

fn asking_from_a_handler() {
    let engine = engine();
    let handle = engine.handle();
    for worker in 0..2 {
        let oracle = oracle(&handle, worker);
        let asker = handle.spawn(On::Worker(0), move || {
            from_fn(move |message: Asking, ctx: &mut Context<'_, Asking>| match message {
                Asking::Start => {
                    for _ in 0..MESSAGES {
                        ctx.ask(oracle, Question::Answer, Asking::Answer);
                        ctx.ask(oracle, Question::Drop, Asking::Answer);
                        ctx.ping(oracle, PATIENCE, |answer| Asking::Answer(answer.map(|()| 1)));
                        ctx.ask_first(PATIENCE, [oracle, oracle], Question::Answer, Asking::Answer);
                        ctx.ask_first(PATIENCE, [oracle, oracle], Question::Drop, Asking::Answer);
                    }
                    // Each is dropped when the next one comes, or when its time is over.
                    for _ in 0..10 {
                        ctx.ask_within(Duration::from_millis(2), oracle, Question::Keep, Asking::Answer);
                    }
                }
                Asking::Answer(_) => count(),
            })
        });
        let asker = asker.unwrap();
        steady(&format!("an ask and a ping to worker {worker}"), || {
            let before = handled();
            handle.tell(asker, Asking::Start);
            wait_for(before, 5 * MESSAGES + 10);
        });
    }
    engine.shutdown(PATIENCE).unwrap();
}

fn asking_from_outside() {
    let engine = engine();
    let handle = engine.handle();
    let oracle = oracle(&handle, 1);
    // The peak comes first, whatever the scheduler does later: many asks at once, and one that makes this thread park.
    let many: Vec<_> = (0..64).map(|_| handle.ask(oracle, Question::Answer)).collect();
    assert!(many.into_iter().all(|ask| ask.wait(PATIENCE) == Ok(1)));
    assert_eq!(handle.ask(oracle, Question::Keep).wait(Duration::from_millis(20)), Err(AskError::TimedOut));
    steady("a handle's ask", || {
        for _ in 0..20 {
            assert_eq!(handle.ask(oracle, Question::Answer).wait(PATIENCE), Ok(1));
            assert_eq!(handle.ask(oracle, Question::Drop).wait(PATIENCE), Err(AskError::Unanswered));
            let late = handle.ask(oracle, Question::Keep).wait(Duration::from_micros(10));
            assert_eq!(late, Err(AskError::TimedOut));
        }
    });
    let mut port = handle.port().unwrap();
    steady("a port's ask", || {
        for _ in 0..20 {
            assert_eq!(port.ask(oracle, Question::Answer).wait(PATIENCE), Ok(1));
            assert_eq!(port.ask(oracle, Question::Drop).wait(PATIENCE), Err(AskError::Unanswered));
        }
    });
    engine.shutdown(PATIENCE).unwrap();
}

fn a_timer_that_is_armed_again_by_its_own_message() {
    let engine = engine();
    let handle = engine.handle();
    let ticker = handle.spawn(On::Worker(0), || {
        from_fn(|message: Payload, ctx: &mut Context<'_, Payload>| {
            count();
            ctx.send_after(Duration::from_micros(100), message).unwrap();
            // One that never fires.
            let idle = ctx.send_after(Duration::from_secs(3600), message).unwrap();
            assert!(ctx.cancel(idle));
        })
    });
    let ticker = ticker.unwrap();
    (0..10).for_each(|n| handle.tell(ticker, [n; 4]));
    steady("a timer that is armed again", || wait_for(handled(), 200));
    engine.shutdown(PATIENCE).unwrap();
}

fn a_periodic_timer() {
    let engine = engine();
    let handle = engine.handle();
    for missed in [MissedTick::Skip, MissedTick::Burst, MissedTick::Delay] {
        let ticker = handle.spawn(On::Worker(0), move || {
            from_fn(move |start: bool, ctx: &mut Context<'_, bool>| {
                if start {
                    ctx.send_every(Duration::from_micros(200), missed, || false).unwrap();
                } else {
                    count();
                }
            })
        });
        handle.tell(ticker.unwrap(), true);
    }
    steady("a periodic timer", || wait_for(handled(), 100));
    engine.shutdown(PATIENCE).unwrap();
}

/// An event of the program's own.
struct Price(#[expect(dead_code, reason = "an event has a payload")] u64);

enum Heard {
    Price,
    System,
}

fn events_of_the_program_and_of_the_system() {
    let engine = engine();
    let handle = engine.handle();
    for worker in 0..2 {
        let subscriber = handle.spawn(On::Worker(worker), || {
            let mut is_new = true;
            from_fn(move |_: Heard, ctx: &mut Context<'_, Heard>| {
                if std::mem::take(&mut is_new) {
                    ctx.subscribe(|_: &Price| Some(Heard::Price));
                    ctx.subscribe(|event: &SystemEvent| {
                        matches!(event, SystemEvent::DeadLetter { .. }).then_some(Heard::System)
                    });
                }
                count();
            })
        });
        let before = handled();
        handle.tell(subscriber.unwrap(), Heard::Price);
        wait_for(before, 1);
    }
    let gone = counter(&handle, On::Worker(1));
    handle.stop(gone, Stop::Now).unwrap();
    handle.watch(gone).unwrap().wait(PATIENCE).unwrap();
    let publish = move || {
        from_fn(move |(), ctx: &mut Context<'_, ()>| {
            for n in 0..MESSAGES {
                assert!(ctx.publish(Price(n)));
                // A dead letter on the other worker is a system event.
                ctx.tell(gone, [n; 4]);
            }
        })
    };
    steady_from_an_actor("an event", &engine, 4 * MESSAGES, publish);
    steady("an event from outside", || {
        let before = handled();
        for n in 0..MESSAGES {
            assert!(handle.publish(Price(n)));
        }
        wait_for(before, 2 * MESSAGES);
    });
    assert_eq!(handle.stats().lost_events, 0);
    engine.shutdown(PATIENCE).unwrap();
}

fn private_mailboxes_of_every_policy() {
    const CAPACITY: NonZeroUsize = NonZeroUsize::new(32).unwrap();
    let engine = engine();
    let handle = engine.handle();
    let policies = [
        Overflow::Reject,
        Overflow::DropNewest,
        Overflow::DropOldest,
        Overflow::Conflate(|payload: &Payload| payload[0] % 16),
        Overflow::Grow(4 * CAPACITY.get()),
    ];
    for overflow in policies {
        for worker in 0..2 {
            let mailbox = MailboxSpec::bounded(CAPACITY).overflow(overflow);
            let to = counter(&handle, Props::on(On::Worker(worker)).mailbox(mailbox));
            let starter = handle.spawn(On::Worker(0), move || {
                from_fn(move |(), ctx: &mut Context<'_, ()>| (0..MESSAGES).for_each(|n| ctx.tell(to, [n; 4])))
            });
            let starter = starter.unwrap();
            let what = format!("a mailbox with {overflow:?} on worker {worker}");
            let mut keys = 0;
            steady(&what, || {
                // Until the actor has handled what was kept, and all others were counted.
                handle.tell(starter, ());
                let before = handled();
                (0..MESSAGES).for_each(|_| {
                    keys += 1;
                    handle.tell(to, [keys; 4]);
                });
                wait_for(before, 1);
                settle();
            });
        }
    }
    let dead = engine.shutdown(PATIENCE).unwrap().dead_letters;
    for reason in [
        DeadLetterReason::MailboxFull,
        DeadLetterReason::DroppedNewest,
        DeadLetterReason::DroppedOldest,
        DeadLetterReason::Conflated,
    ] {
        assert!(dead.get(reason) > 0, "nothing overflowed with {reason}");
    }
}

/// Waits until nothing was handled for a while; what comes later belongs to the next round all the same.
fn settle() {
    loop {
        let before = handled();
        std::thread::sleep(Duration::from_millis(2));
        if handled() == before {
            return;
        }
    }
}
