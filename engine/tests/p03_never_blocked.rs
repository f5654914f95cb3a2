//! Promise 3: a core is never blocked. What does not fit is given back or becomes a dead letter; only a thread outside
//! may wait, and only until its deadline.
//!
//! A blocked core would never come back, so that these tests would hang, or run into the patience that fails them.

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use hippodrome::{
    ActorRef, Context, DeadLetterReason, Handle, MailboxSpec, On, Overflow, Props, Reply, Stop, TryTellError, from_fn,
};
use support::{Ledger, PATIENCE, Token, tiny, wait_until};

fn token_sink(handle: &Handle, props: Props<Token>) -> ActorRef<Token> {
    handle.spawn(props, || from_fn(|token: Token, _: &mut Context<'_, Token>| token.handled())).unwrap()
}

fn private(worker: usize, capacity: usize) -> Private {
    Private { worker, capacity: NonZeroUsize::new(capacity).unwrap() }
}

struct Private {
    worker: usize,
    capacity: NonZeroUsize,
}

impl Private {
    fn with<M>(&self, overflow: Overflow<M>) -> Props<M> {
        Props::on(On::Worker(self.worker)).mailbox(MailboxSpec::bounded(self.capacity).overflow(overflow))
    }
}

/// How many of `count` messages a handler can send to `to` before it is refused, and how it is refused. What comes back
/// is given back, the others are told: those are dead letters.
fn flood(host: &mut hippodrome::Host, to: ActorRef<Token>, ledger: &'static Ledger, count: usize) -> (usize, bool) {
    let (result, results) = channel();
    let flooder = move || {
        let result = result.clone();
        from_fn(move |_: (), ctx: &mut Context<'_, ()>| {
            let (mut sent, mut gave_full) = (0, false);
            for _ in 0..count {
                match ctx.try_tell(to, ledger.token()) {
                    Ok(()) => sent += 1,
                    Err(error) => {
                        gave_full = matches!(error, TryTellError::Full(_));
                        error.into_message().given_back();
                        break;
                    }
                }
            }
            // Told nevertheless, twice: the handler goes on at once.
            ctx.tell(to, ledger.token());
            ctx.tell(to, ledger.token());
            result.send((sent, gave_full)).unwrap();
        })
    };
    let flooder = host.handle().spawn(On::Worker(0), flooder).unwrap();
    host.handle().tell(flooder, ());
    host.poll(1);
    results.try_recv().unwrap()
}

#[test]
fn a_full_ring_gives_the_message_back() {
    // The core's own ring, the lane and outbox to another core, and mailboxes of the own core.
    let ways: [(Props<Token>, DeadLetterReason); 4] = [
        (Props::on(On::Worker(0)), DeadLetterReason::Full),
        (Props::on(On::Worker(1)), DeadLetterReason::Full),
        (private(0, 4).with(Overflow::Reject), DeadLetterReason::MailboxFull),
        (private(0, 4).with(Overflow::Grow(8)), DeadLetterReason::MailboxFull),
    ];
    for (way, (props, reason)) in ways.into_iter().enumerate() {
        let mut host = tiny(2).host().unwrap();
        let ledger = Ledger::leak(20_000);
        let sink = token_sink(&host.handle(), props);
        let (sent, gave_full) = flood(&mut host, sink, ledger, 19_000);
        assert!(gave_full, "way {way}: {sent} messages were accepted and none given back as `Full`");
        assert!(sent >= 4, "way {way}: only {sent} were accepted");
        assert_eq!(host.stats().dead_letters().get(reason), 2, "way {way}");
        // Later there is room again.
        host.poll(100_000);
        assert_eq!(ledger.handled(), sent as u64, "way {way}");
        let (again, _) = flood(&mut host, sink, ledger, 4);
        assert_eq!(again, 4, "way {way}");
        host.shutdown(PATIENCE).unwrap();
        ledger.settle(&format!("way {way}"));
    }
}

#[test]
fn a_stopped_actor_gives_the_message_back() {
    let mut host = tiny(1).host().unwrap();
    let (handle, ledger) = (host.handle(), Ledger::leak(100));
    for props in [Props::on(On::Worker(0)), private(0, 4).with(Overflow::Reject)] {
        let sink = token_sink(&handle, props);
        host.poll(10);
        handle.stop(sink, Stop::Now).unwrap();
        host.poll(10);
        let (sent, gave_full) = flood(&mut host, sink, ledger, 1);
        assert_eq!((sent, gave_full), (0, false));
    }
    assert_eq!(host.stats().dead_letters().get(DeadLetterReason::Stopped), 4);
    host.shutdown(PATIENCE).unwrap();
    assert!(matches!(handle.spawn(On::Worker(0), || from_fn(|(), _| ())), Err(hippodrome::SpawnError::Stopping)));
    ledger.settle(&"stopped");
}

/// Actors in a circle, each with a mailbox for one message, each telling the next one twice for each message that it
/// gets: the mailboxes are always full. An actor aside must be served all the same.
#[test]
fn a_circle_of_full_mailboxes_stalls_nobody() {
    for overflow in [Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest, Overflow::Grow(3)] {
        let engine = tiny(2).start().unwrap();
        let handle = engine.handle();
        let refused = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        struct Join(ActorRef<Join>);
        let links: Vec<_> = (0..6)
            .map(|link| {
                let (refused, stop) = (refused.clone(), stop.clone());
                let props = private(link % 2, 1).with(overflow);
                let factory = move || {
                    let (refused, stop, mut next) = (refused.clone(), stop.clone(), None);
                    from_fn(move |Join(to): Join, ctx: &mut Context<'_, Join>| {
                        let next = *next.get_or_insert(to);
                        if !stop.load(Ordering::SeqCst) {
                            for _ in 0..2 {
                                let failed = ctx.try_tell(next, Join(next)).is_err();
                                refused.fetch_add(u64::from(failed), Ordering::SeqCst);
                            }
                        }
                    })
                };
                handle.spawn(props, factory).unwrap()
            })
            .collect();
        for (link, actor) in links.iter().enumerate() {
            handle.tell_within(PATIENCE, *actor, Join(links[(link + 1) % 6])).unwrap();
        }
        struct Ping(Reply<u64>);
        let pong = || from_fn(|Ping(reply), ctx: &mut Context<'_, Ping>| reply.send(ctx, 7));
        for worker in 0..2 {
            let aside = handle.spawn(On::Worker(worker), pong).unwrap();
            for _ in 0..100 {
                assert_eq!(handle.ask(aside, Ping).wait(PATIENCE), Ok(7), "{overflow:?}");
            }
        }
        let dead = || handle.stats().dead_letters();
        wait_until("mailboxes overflow", || refused.load(Ordering::SeqCst) + dead().total() > 0);
        stop.store(true, Ordering::SeqCst);
        engine.shutdown(PATIENCE).unwrap();
    }
}

/// Answers are not subject to the policy of a mailbox: a flood drops what came before it, and not the answer.
#[test]
fn a_flood_of_a_mailbox_that_drops_the_oldest_leaves_answers_alone() {
    enum Msg {
        Ask(ActorRef<(ActorRef<Msg>, Option<Reply<u64>>)>),
        Answered(u64),
        Flood(u64),
    }
    const FLOOD: u64 = 9;
    let mut host = tiny(1).host().unwrap();
    let handle = host.handle();
    let (said, heard) = channel();
    let asker = move || {
        let said = said.clone();
        from_fn(move |msg, ctx: &mut Context<'_, Msg>| match msg {
            Msg::Ask(server) => {
                let me = ctx.me();
                ctx.ask(server, |reply| (me, Some(reply)), |answer| Msg::Answered(answer.unwrap_or(0)));
            }
            Msg::Answered(answer) => said.send(("answered", answer)).unwrap(),
            Msg::Flood(n) => said.send(("flood", n)).unwrap(),
        })
    };
    let asker = handle.spawn(private(0, 1).with(Overflow::DropOldest), asker).unwrap();
    // It answers, and floods the asker once the answer waits in the asker's mailbox.
    let server = || {
        from_fn(|(asker, reply): (_, Option<Reply<u64>>), ctx: &mut Context<'_, _>| match reply {
            Some(reply) => {
                reply.send(ctx, 7);
                ctx.tell(ctx.me(), (asker, None));
            }
            None => (0..FLOOD).for_each(|n| ctx.tell(asker, Msg::Flood(n))),
        })
    };
    let server = handle.spawn(On::Worker(0), server).unwrap();
    handle.tell(asker, Msg::Ask(server));
    while host.poll(u64::MAX) > 0 {}
    let heard: Vec<_> = heard.try_iter().collect();
    assert!(heard.contains(&("answered", 7)) && heard.contains(&("flood", FLOOD - 1)), "{heard:?}");
    let flooded = heard.iter().filter(|(what, _)| *what == "flood").count() as u64;
    assert_eq!(host.stats().dead_letters().get(DeadLetterReason::DroppedOldest), FLOOD - flooded);
    host.shutdown(PATIENCE).unwrap();
}

/// Asks in a circle, all at once, with full mailboxes: answers have reserved room, so every ask ends.
#[test]
fn asks_in_a_circle_all_end() {
    enum Msg {
        Go(ActorRef<Msg>, Reply<u64>),
        Question(Reply<u64>),
        Answered,
    }
    const ASKS: u64 = 20;
    let engine = tiny(2).configure(|config| config.ask_timeout_ms = 60_000).start().unwrap();
    let handle = engine.handle();
    let links: Vec<_> = (0..4)
        .map(|link| {
            let factory = || {
                let (mut waits, mut done) = (0, None);
                from_fn(move |msg, ctx: &mut Context<'_, Msg>| match msg {
                    Msg::Go(next, reply) => {
                        done = Some(reply);
                        waits = ASKS;
                        (0..ASKS).for_each(|_| ctx.ask(next, Msg::Question, |_| Msg::Answered));
                    }
                    Msg::Question(reply) => reply.send(ctx, 1),
                    Msg::Answered => {
                        waits -= 1;
                        if waits == 0
                            && let Some(done) = done.take()
                        {
                            done.send(ctx, ASKS);
                        }
                    }
                })
            };
            handle.spawn(private(link % 2, 2).with(Overflow::Reject), factory).unwrap()
        })
        .collect();
    for _ in 0..20 {
        let asks: Vec<_> =
            (0..4).map(|link| handle.ask(links[link], |reply| Msg::Go(links[(link + 1) % 4], reply))).collect();
        for ask in asks {
            // One whose `Go` did not fit the mailbox was not answered, and ended all the same.
            match ask.wait(PATIENCE) {
                Ok(asks) => assert_eq!(asks, ASKS),
                Err(error) => assert_eq!(error, hippodrome::AskError::Unanswered),
            }
        }
    }
    engine.shutdown(PATIENCE).unwrap();
}

/// A thread outside waits for room no longer than it says, on a handle and on a port; and gets in when there is room.
#[test]
fn a_thread_outside_waits_until_its_deadline() {
    let engine = tiny(1).start().unwrap();
    let handle = engine.handle();
    let ledger = Ledger::leak(10_000);
    let (gate, is_in) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let shared = (gate.clone(), is_in.clone());
    // Holds its core as no actor should, so that nothing is read.
    let hold = handle
        .spawn(On::Worker(0), move || {
            let (gate, is_in) = shared.clone();
            from_fn(move |_: (), _: &mut Context<'_, ()>| {
                is_in.store(true, Ordering::SeqCst);
                while !gate.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            })
        })
        .unwrap();
    let sink = token_sink(&handle, Props::on(On::Worker(0)));
    let mut port = handle.port().unwrap();
    handle.tell(hold, ());
    wait_until("the core is held", || is_in.load(Ordering::SeqCst));
    while let Some(token) = ledger.try_token() {
        match handle.try_tell(sink, token) {
            Ok(()) => {}
            Err(error) => {
                assert!(matches!(error, TryTellError::Full(_)));
                error.into_message().given_back();
                break;
            }
        }
    }
    while let Some(token) = ledger.try_token() {
        match port.try_tell(sink, token) {
            Ok(()) => {}
            Err(error) => {
                assert!(matches!(error, TryTellError::Full(_)));
                error.into_message().given_back();
                break;
            }
        }
    }
    let patience = Duration::from_millis(20);
    let waited = |result: Result<(), TryTellError<Token>>, start: Instant| {
        let error = result.expect_err("there is no room");
        assert!(matches!(error, TryTellError::Full(_)));
        error.into_message().given_back();
        assert!(start.elapsed() >= patience, "it gave up before its deadline");
    };
    let start = Instant::now();
    waited(handle.tell_within(patience, sink, ledger.token()), start);
    let start = Instant::now();
    waited(port.tell_within(patience, sink, ledger.token()), start);
    let start = Instant::now();
    let tokens: Vec<_> = (0..3).map(|_| ledger.token()).collect();
    let mut tokens = tokens.into_iter();
    assert_eq!(port.tell_batch(patience, sink, tokens.by_ref()), 0);
    assert!(start.elapsed() >= patience, "it gave up before its deadline");
    assert_eq!(tokens.len(), 2, "the first one is a dead letter, the others were not taken");
    tokens.for_each(Token::given_back);
    // Without a deadline nothing waits.
    handle.tell(sink, ledger.token());
    port.tell(sink, ledger.token());
    assert_eq!(handle.ask(probed(&handle), Probe).wait(Duration::ZERO), Err(hippodrome::AskError::Unanswered));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sent = handle.tell_within(PATIENCE, sink, ledger.token());
            assert!(sent.is_ok(), "there was room before the deadline");
        });
        std::thread::sleep(Duration::from_millis(5));
        gate.store(true, Ordering::SeqCst);
    });
    drop(port);
    let report = engine.shutdown(PATIENCE).unwrap();
    let summary = ledger.settle(&"outside");
    assert_eq!(summary.dead, 3, "{summary:?}");
    // The probe did not fit either.
    assert_eq!(report.dead_letters.get(DeadLetterReason::Full), 4, "{:?}", report.dead_letters);
}

struct Probe(Reply<u64>);

fn probed(handle: &Handle) -> ActorRef<Probe> {
    handle.spawn(On::Worker(0), || from_fn(|Probe(reply), ctx: &mut Context<'_, Probe>| reply.send(ctx, 1))).unwrap()
}

/// A worker whose lane and outbox to another one are full goes on with everything else.
#[test]
fn a_held_worker_holds_nobody_else() {
    let engine = tiny(2).start().unwrap();
    let handle = engine.handle();
    let (gate, is_in) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let shared = (gate.clone(), is_in.clone());
    let held = handle
        .spawn(On::Worker(1), move || {
            let (gate, is_in) = shared.clone();
            from_fn(move |_: [u64; 8], _: &mut Context<'_, [u64; 8]>| {
                is_in.store(true, Ordering::SeqCst);
                while !gate.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            })
        })
        .unwrap();
    struct Flood(Reply<u64>);
    let flooder = handle
        .spawn(On::Worker(0), move || {
            from_fn(move |Flood(reply), ctx: &mut Context<'_, Flood>| {
                let accepted = (0..1000).filter(|_| ctx.try_tell(held, [0; 8]).is_ok()).count();
                reply.send(ctx, accepted as u64);
            })
        })
        .unwrap();
    let mut refused = false;
    for _ in 0..20 {
        refused |= handle.ask(flooder, Flood).wait(PATIENCE).unwrap() < 1000;
    }
    assert!(refused, "lane and outbox never filled up");
    wait_until("the other core is held", || is_in.load(Ordering::SeqCst));
    gate.store(true, Ordering::SeqCst);
    engine.shutdown(PATIENCE).unwrap();
}
