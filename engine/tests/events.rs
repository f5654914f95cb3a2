//! Events: what the engine tells its subscribers and the log, and what programs tell themselves.

mod common;

use std::fmt::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, engine, eventually, host, next, settle, take};
use hippodrome::{
    Actor, ActorRef, Context, DeadLetterReason, Engine, Handle, Host, MailboxSpec, On, Pinning, Props, Reply, Restart,
    Stop, StopReason, SystemEvent, WaitCycle, from_fn,
};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

/// Subscribes to events of one type as it starts.
struct Listener<E>(Sender<E>);

impl<E: Clone + Send + Sync + 'static> Actor for Listener<E> {
    type Msg = E;

    fn started(&mut self, ctx: &mut Context<'_, E>) {
        ctx.subscribe(|event: &E| Some(event.clone()));
    }

    fn handle(&mut self, event: E, _ctx: &mut Context<'_, E>) {
        self.0.send(event).expect("the test listens");
    }
}

/// A listener that is listening by now.
fn listen<E: Clone + Send + Sync + 'static>(handle: &Handle, on: On) -> (ActorRef<E>, Receiver<E>) {
    let (sender, events) = mpsc::channel();
    let (started, is_started) = mpsc::channel();
    let listener = handle.spawn(on, move || Listener(sender.clone())).unwrap();
    // Spawned behind it, on its worker.
    let probe = move || {
        started.send(()).expect("the test listens");
        from_fn(|(), _ctx| ())
    };
    let probe = handle.spawn(On::SameAs(listener.address()), probe).unwrap();
    next(&is_started);
    handle.stop(probe, Stop::Now).unwrap();
    handle.watch(probe).unwrap().wait(PATIENCE).unwrap();
    (listener, events)
}

/// Lines of the log, as a subscriber of `tracing` sees them.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("a string takes everything");
    }
}

impl<S: tracing::Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &tracing::Event<'_>, _ctx: tracing_subscriber::layer::Context<'_, S>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

impl Capture {
    /// Whether a line has all these parts.
    fn has(&self, parts: &[&str]) -> bool {
        self.0.lock().unwrap().iter().any(|line| parts.iter().all(|part| line.contains(part)))
    }
}

/// A message that the other tests do not send, so that their lines are told apart.
struct Unique;

#[test]
fn every_event_of_the_system_reaches_the_log_and_the_subscribers() {
    let log = Capture::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone())).unwrap();
    let builder = Engine::builder().unpinned_workers(2);
    let builder = builder.configure(|config| (config.stall_threshold_ms, config.wait_cycle_threshold_ms) = (5, 5));
    let engine = builder.start().unwrap();
    let handle = engine.handle();
    let (_, events) = listen::<SystemEvent>(&handle, On::Worker(0));
    let mut seen = Vec::new();
    let mut see = |what: &str, is_it: &dyn Fn(&SystemEvent) -> bool| {
        while !seen.iter().any(is_it) {
            let event = events.recv_timeout(PATIENCE);
            seen.push(event.unwrap_or_else(|_| panic!("no event: {what}")));
        }
    };
    let logged = |parts: &[&str]| eventually(&format!("the log has {parts:?}"), || log.has(parts));

    // Started, restarted, restarted too often, stopped; and the two messages that panicked.
    let props = Props::on(On::Worker(1)).restart(Restart::up_to(1, PATIENCE));
    let actor = handle.spawn(props, || from_fn(|_: Unique, _ctx| panic!("as planned"))).unwrap();
    let me = actor.address();
    (0..2).for_each(|_| handle.tell(actor, Unique));
    let shown = format!("actor={me} ");
    see("started", &|event| matches!(event, SystemEvent::Started { actor, .. } if *actor == me));
    logged(&["DEBUG", "actor started", &shown]);
    see("restarted", &|event| matches!(event, SystemEvent::Restarted { actor, restart: 1, .. } if *actor == me));
    logged(&["WARN", "actor restarted", &shown, "restart=1"]);
    see("exhausted", &|event| matches!(event, SystemEvent::RestartsExhausted { actor, max: 1, .. } if *actor == me));
    logged(&["ERROR", "actor restarted too often", &shown, "max=1"]);
    let exhausted = StopReason::RestartsExhausted("as planned".into());
    see(
        "stopped",
        &|event| matches!(event, SystemEvent::Stopped { actor, reason, .. } if *actor == me && *reason == exhausted),
    );
    logged(&["actor stopped", &shown, "restarted too often; it last panicked: as planned"]);
    let panicked = DeadLetterReason::Panicked;
    see(
        "panicked",
        &|event| matches!(event, SystemEvent::DeadLetter { to, reason, .. } if *to == me && *reason == panicked),
    );
    logged(&["INFO", "dead letter", "Unique", "reason=panicked"]);

    // A dead letter.
    handle.tell(actor, Unique);
    let stopped = DeadLetterReason::Stopped;
    see(
        "dead letter",
        &|event| matches!(event, SystemEvent::DeadLetter { to, reason, .. } if *to == me && *reason == stopped),
    );
    logged(&["INFO", "dead letter", "Unique", "reason=stopped", &format!("to={me}")]);

    // A mailbox that overflows.
    let mailbox = MailboxSpec::bounded(NonZeroUsize::MIN);
    let small = handle.spawn(Props::on(On::Worker(1)).mailbox(mailbox), || from_fn(|_: Unique, _ctx| ())).unwrap();
    let filler = handle.spawn(On::Worker(1), move || {
        from_fn(move |(), ctx: &mut Context<'_, ()>| (0..2).for_each(|_| ctx.tell(small, Unique)))
    });
    handle.tell(filler.unwrap(), ());
    see("overflow", &|event| matches!(event, SystemEvent::MailboxOverflow { actor, .. } if *actor == small.address()));
    logged(&["WARN", "mailbox overflow", "Unique", "reason=mailbox full"]);

    // An actor that waits on itself.
    enum Echo {
        Ask,
        Question { _kept: Reply<()> },
        Answered,
    }
    let narcissus = || {
        let mut kept = Vec::new();
        from_fn(move |echo: Echo, ctx: &mut Context<'_, Echo>| match echo {
            Echo::Ask => ctx.ask(ctx.me(), |reply| Echo::Question { _kept: reply }, |_| Echo::Answered),
            Echo::Question { .. } => kept.push(echo),
            Echo::Answered => {}
        })
    };
    let narcissus = handle.spawn(On::Worker(1), narcissus).unwrap();
    handle.tell(narcissus, Echo::Ask);
    let me = narcissus.address();
    let waits = |cycle: &WaitCycle| cycle.actors().iter().map(|waiter| waiter.actor).eq([me]);
    see("wait cycle", &|event| matches!(event, SystemEvent::WaitCycle { cycle, .. } if waits(cycle)));
    logged(&["ERROR", "actors wait on each other", &format!("cycle={me} ("), &format!(") -> {me}")]);
    handle.stop(narcissus, Stop::Now).unwrap();

    // A worker that stalls, until the log says so.
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let stuck = handle.spawn(On::Worker(1), move || {
        let released = std::mem::replace(&mut *released.lock().unwrap(), mpsc::channel().1);
        from_fn(move |(), _ctx: &mut Context<'_, ()>| released.recv().expect("it is released"))
    });
    handle.tell(stuck.unwrap(), ());
    let is_stuck = |actor_type: &str| actor_type.contains("every_event_of_the_system");
    see(
        "stalled",
        &|event| matches!(event, SystemEvent::WorkerStalled { worker: 1, actor_type: Some(name), .. } if is_stuck(name)),
    );
    logged(&["ERROR", "worker stalled", "worker=1", "actor_type=", "every_event_of_the_system"]);
    release.send(()).unwrap();
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(report.lost_events, 0);

    // A worker that could not be pinned, and the cores that it could have had.
    let engine = Engine::builder().workers([4000]).pinning(Pinning::BestEffort).start().unwrap();
    let allowed = hippodrome_affinity::allowed_cores().unwrap().to_string();
    logged(&["WARN", "the worker is not pinned", "core=4000", &allowed]);
    logged(&["WARN", "worker not pinned", "worker=0 core=4000"]);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_worker_that_stalls_in_its_very_first_turns_is_reported() {
    let builder = Engine::builder().unpinned_workers(2).configure(|config| config.stall_threshold_ms = 5);
    let (engine, mut seats) = builder.seats().unwrap();
    let (stalling, watching) = (seats.pop().unwrap(), seats.pop().unwrap());
    let handle = engine.handle();
    let mut watching = watching.take();
    let (seen, events) = mpsc::channel();
    handle.spawn(On::Worker(0), move || Listener::<SystemEvent>(seen.clone())).unwrap();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(Some(released));
    let stuck = handle.spawn(On::Worker(1), move || {
        let released = released.lock().unwrap().take().expect("it is made once");
        from_fn(move |(), _ctx: &mut Context<'_, ()>| released.recv().expect("it is released"))
    });
    handle.tell(stuck.unwrap(), ());
    let stalled = |event: &SystemEvent| matches!(event, SystemEvent::WorkerStalled { worker: 1, .. });
    thread::scope(|scope| {
        watching.poll(1);
        scope.spawn(move || stalling.take().poll(1));
        eventually("the stall is reported", || {
            watching.poll(1);
            events.try_iter().any(|event| stalled(&event))
        });
        release.send(()).unwrap();
    });
    drop(watching);
    engine.abort();
}

#[derive(Clone, Debug, PartialEq)]
struct Price(u64);

#[derive(Clone, Debug, PartialEq)]
struct News(&'static str);

#[test]
fn events_of_the_program_reach_all_subscribers_of_their_type() {
    let engine = engine(3);
    let handle = engine.handle();
    let prices: Vec<_> = (0..3).map(|worker| listen::<Price>(&handle, On::Worker(worker)).1).collect();
    let (_, news) = listen::<News>(&handle, On::Worker(1));
    let publisher = handle.spawn(On::Worker(2), || {
        from_fn(|n: u64, ctx: &mut Context<'_, u64>| {
            assert!(ctx.publish(Price(n)));
        })
    });
    let publisher = publisher.unwrap();
    for n in 0..100 {
        handle.tell(publisher, n);
    }
    let expected: Vec<_> = (0..100).map(Price).collect();
    for prices in &prices {
        assert_eq!(take(prices, 100), expected, "in the order published");
    }
    assert!(handle.publish(News("closed")));
    assert_eq!(next(&news), News("closed"));
    assert!(handle.publish(Price(100)));
    for prices in &prices {
        assert_eq!(next(prices), Price(100));
    }
    engine.shutdown(PATIENCE).unwrap();
    assert!(news.try_recv().is_err() && prices.iter().all(|prices| prices.try_recv().is_err()), "nothing came twice");
}

/// Whoever stands between senders and actors reports by itself what it did not pass on, from wherever it runs.
#[test]
fn dead_letters_of_others_are_counted_and_reported_unless_another_took_their_place() {
    let engine = engine(1);
    let handle = engine.handle();
    let (listener, events) = listen::<SystemEvent>(&handle, On::Worker(0));
    let port = handle.port().unwrap();
    let bury = move |(): (), ctx: &mut Context<'_, ()>| {
        ctx.dead_letter(listener, 1_u8, DeadLetterReason::Outrun);
        ctx.dead_letter(listener, 1_u8, DeadLetterReason::Refused);
    };
    let inside = handle.spawn(On::Worker(0), move || from_fn(bury)).unwrap();
    handle.tell(inside, ());
    handle.dead_letter(listener, 1_u16, DeadLetterReason::Outrun);
    handle.dead_letter(listener, 1_u16, DeadLetterReason::Expired);
    port.dead_letter(listener, 1_u32, DeadLetterReason::Outrun);
    port.dead_letter(listener, 1_u32, DeadLetterReason::Refused);
    let mut reported = Vec::new();
    while reported.len() < 3 {
        if let SystemEvent::DeadLetter { to, message, reason } = next(&events) {
            assert_eq!(to, listener.address());
            reported.push((message, reason));
        }
    }
    reported.sort_unstable_by_key(|(message, _)| *message);
    let expected =
        [("u16", DeadLetterReason::Expired), ("u32", DeadLetterReason::Refused), ("u8", DeadLetterReason::Refused)];
    assert_eq!(reported, expected);
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(report.dead_letters.get(DeadLetterReason::Outrun), 3);
    assert_eq!(report.dead_letters.total(), 3);
}

#[test]
fn a_subscriber_chooses_and_its_subscription_ends_with_it() {
    let (mut host, _clock) = host(2);
    let handle = host.handle();
    let (sender, seen) = mpsc::channel();
    let props = Props::on(On::Worker(1)).restart(Restart::up_to(9, PATIENCE));
    let actor = handle.spawn(props, move || {
        let sender = sender.clone();
        from_fn(move |n: u64, ctx: &mut Context<'_, u64>| match n {
            0 => ctx.subscribe(|price: &Price| (price.0 % 2 == 1).then_some(price.0)),
            1000 => panic!("told to panic"),
            n => sender.send(n).unwrap(),
        })
    });
    let actor = actor.unwrap();
    // A worker that has nothing else to do reads the event ring in some of its turns.
    let rest = |host: &mut Host| (0..64).for_each(|_| _ = host.poll(1));
    let publish = |host: &mut Host| {
        settle(host);
        (1..6).for_each(|n| assert!(host.handle().publish(Price(n))));
        rest(host);
        seen.try_iter().collect::<Vec<_>>()
    };
    assert!(publish(&mut host).is_empty(), "before it subscribes");
    handle.tell(actor, 0);
    assert_eq!(publish(&mut host), [1, 3, 5]);
    handle.tell(actor, 1000);
    assert!(publish(&mut host).is_empty(), "in its next life it has not subscribed");
    handle.tell(actor, 0);
    assert_eq!(publish(&mut host), [1, 3, 5]);
    handle.stop(actor, Stop::Now).unwrap();
    assert!(publish(&mut host).is_empty());
    assert_eq!(host.stats().dead_letters().total(), 1, "the message that panicked");
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_storm_of_events_slows_no_message_and_what_did_not_fit_is_counted() {
    let builder = Engine::builder().unpinned_workers(2);
    let builder = builder.configure(|config| (config.event_capacity, config.stall_threshold_ms) = (64, 86_400_000));
    let engine = builder.start().unwrap();
    let handle = engine.handle();
    let (_, prices) = listen::<Price>(&handle, On::Worker(1));
    let (_, here) = listen::<Price>(&handle, On::Worker(0));
    // A subscriber's worker is stuck: the ring fills up and stays full.
    let (release, released) = mpsc::channel::<()>();
    let (entered, is_stuck) = mpsc::channel();
    let released = Mutex::new(Some(released));
    let stuck = handle.spawn(On::Worker(1), move || {
        let (released, entered) = (released.lock().unwrap().take().unwrap(), entered.clone());
        from_fn(move |(), _ctx: &mut Context<'_, ()>| {
            entered.send(()).unwrap();
            released.recv().expect("it is released");
        })
    });
    handle.tell(stuck.unwrap(), ());
    next(&is_stuck);
    let lost_before = handle.stats().lost_events;
    // A message and an event in turn: all messages get through, and most events do not.
    let (sender, echoes) = mpsc::channel();
    let stormy = handle.spawn(On::Worker(0), move || {
        let sender = sender.clone();
        from_fn(move |n: u64, ctx: &mut Context<'_, u64>| {
            sender.send((n, ctx.publish(Price(n)))).unwrap();
        })
    });
    let stormy = stormy.unwrap();
    (0..1000).for_each(|n| handle.tell(stormy, n));
    let echoes = take(&echoes, 1000);
    assert!(echoes.iter().map(|(n, _)| *n).eq(0..1000));
    let fitted: Vec<_> = echoes.iter().filter(|(_, fitted)| *fitted).map(|(n, _)| Price(*n)).collect();
    assert!(!fitted.is_empty() && fitted.len() <= 64, "{} events fitted", fitted.len());
    let lost = 1000 - fitted.len() as u64;
    assert_eq!(handle.stats().lost_events - lost_before, lost);
    release.send(()).unwrap();
    assert_eq!(take(&prices, fitted.len()), fitted, "what fitted arrives");
    assert_eq!(take(&here, fitted.len()), fitted);
    // And the ring takes events again.
    eventually("there is room", || handle.publish(Price(5000)));
    assert_eq!(next(&prices), Price(5000));
    let report = engine.shutdown(PATIENCE).unwrap();
    assert!(report.lost_events >= lost_before + lost);
    assert_eq!(report.dead_letters.total(), 0);
}

#[test]
fn an_event_is_dropped_once_seen_or_not() {
    struct Token(#[expect(dead_code, reason = "its count is looked at")] Arc<()>);
    let token = Arc::new(());
    let builder = Engine::builder().unpinned_workers(1).configure(|config| config.event_capacity = 64);
    let engine = builder.start().unwrap();
    let handle = engine.handle();
    let published = (0..1000).filter(|_| handle.publish(Token(token.clone()))).count();
    assert!(published >= 64);
    engine.shutdown(Duration::from_secs(30)).unwrap();
    drop(handle);
    eventually("all are dropped", || Arc::strong_count(&token) == 1);
}
