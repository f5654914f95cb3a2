//! Pings of actors, and actors that are failed by order.

mod common;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{PATIENCE, dead, engine, eventually, host, next, take};
use hippodrome::{
    Actor, ActorRef, Address, AskError, Backoff, Context, DeadLetterReason, Engine, Handle, Host, MailboxSpec, On,
    Props, Restart, Stop, StopReason, from_fn,
};

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3600);

/// Pings whoever it is told to, and says what came of it.
struct Pinger(Sender<Result<(), AskError>>);

enum Order {
    Ping(Address, Duration),
    Answered(Result<(), AskError>),
    Fail(Address, &'static str),
}

impl Actor for Pinger {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Ping(actor, timeout) => ctx.ping(actor, timeout, Order::Answered),
            Order::Answered(answer) => self.0.send(answer).expect("the test listens"),
            Order::Fail(actor, why) => ctx.fail(actor, why),
        }
    }
}

fn pinger(handle: &Handle, on: On) -> (ActorRef<Order>, Receiver<Result<(), AskError>>) {
    let (sender, answers) = mpsc::channel();
    (handle.spawn(on, move || Pinger(sender.clone())).unwrap(), answers)
}

/// Counts what it handles, and how often it was made.
struct Counter(Arc<AtomicU64>);

impl Actor for Counter {
    type Msg = ();

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counter(handle: &Handle, props: impl Into<Props<()>>) -> (ActorRef<()>, Arc<AtomicU64>, Arc<AtomicU64>) {
    let (handled, made) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let shared = (handled.clone(), made.clone());
    let make = move || {
        shared.1.fetch_add(1, Ordering::Relaxed);
        Counter(shared.0.clone())
    };
    (handle.spawn(props, make).unwrap(), handled, made)
}

/// Polls a host until nothing is left, of messages and of orders that make orders.
fn settle(host: &mut Host) {
    (0..10).for_each(|_| common::settle(host));
}

#[test]
fn a_ping_is_answered_where_the_actor_lives() {
    let engine = engine(2);
    let handle = engine.handle();
    let (pinger, answers) = pinger(&handle, On::Worker(0));
    for worker in 0..2 {
        let (actor, handled, _) = counter(&handle, On::Worker(worker));
        handle.tell(pinger, Order::Ping(actor.address(), FOREVER));
        assert_eq!(next(&answers), Ok(()));
        assert_eq!(handle.ping(actor).unwrap().wait(PATIENCE), Ok(()));
        // What this thread sent before was handled before.
        (0..1000).for_each(|_| handle.tell(actor, ()));
        assert_eq!(handle.ping(actor).unwrap().wait(PATIENCE), Ok(()));
        assert_eq!(handled.load(Ordering::Relaxed), 1000, "and the pings are no messages of the actor's");

        handle.stop(actor, Stop::Now).unwrap();
        assert_eq!(handle.ping(actor).unwrap().wait(PATIENCE), Err(AskError::Unanswered));
        handle.tell(pinger, Order::Ping(actor.address(), FOREVER));
        assert_eq!(next(&answers), Err(AskError::Unanswered));
    }
    // Nothing of it is a dead letter.
    assert_eq!(DeadLetterReason::ALL.map(|reason| dead(&handle, reason)).iter().sum::<u64>(), 0);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn an_actor_of_another_engine_is_not_there() {
    let (one, other) = (engine(1), engine(1));
    let (foreign, _, made) = counter(&other.handle(), On::Worker(0));
    let (pinger, answers) = pinger(&one.handle(), On::Worker(0));
    one.handle().tell(pinger, Order::Fail(foreign.address(), "of another engine"));
    one.handle().tell(pinger, Order::Ping(foreign.address(), FOREVER));
    assert_eq!(next(&answers), Err(AskError::Unanswered));
    assert!(one.handle().ping(foreign).is_err() && one.handle().fail(foreign, "of another engine").is_err());
    assert_eq!(other.handle().ping(foreign).unwrap().wait(PATIENCE), Ok(()));
    assert_eq!(made.load(Ordering::Relaxed), 1);
    one.shutdown(PATIENCE).unwrap();
    other.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_ping_finds_an_actor_that_has_not_been_started_yet() {
    let (mut host, _clock) = host(2);
    let handle = host.handle();
    let (actor, _, made) = counter(&handle, On::Worker(1));
    let ask = handle.ping(actor).unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 0);
    settle(&mut host);
    assert_eq!(ask.wait(Duration::ZERO), Ok(()));
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[test]
fn a_ping_does_not_wait_for_a_private_mailbox() {
    let builder = Engine::builder().unpinned_workers(1).configure(|config| config.lane_budget = 1);
    let mut host = builder.host().unwrap();
    let handle = host.handle();
    let props = Props::on(On::Worker(0)).mailbox(MailboxSpec::bounded(NonZeroUsize::new(64).unwrap()));
    let (actor, handled, _) = counter(&handle, props);
    let (sender, answers) = mpsc::channel();
    let flooding = handle.spawn(On::Worker(0), move || {
        let sender = sender.clone();
        from_fn(move |order: Order, ctx: &mut Context<'_, Order>| match order {
            Order::Answered(answer) => sender.send(answer).unwrap(),
            _ => {
                (0..64).for_each(|_| ctx.tell(actor, ()));
                ctx.ping(actor, FOREVER, Order::Answered);
            }
        })
    });
    settle(&mut host);
    handle.tell(flooding.unwrap(), Order::Ping(actor.address(), FOREVER));
    while answers.try_recv().is_err() {
        host.poll(1);
    }
    assert!(handled.load(Ordering::Relaxed) < 64);
    settle(&mut host);
    assert_eq!(handled.load(Ordering::Relaxed), 64);
}

#[test]
fn a_worker_that_hangs_answers_no_ping_until_it_goes_on() {
    let engine = engine(2);
    let handle = engine.handle();
    let (pinger, answers) = pinger(&handle, On::Worker(0));
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(Some(gate));
    let (hangs, is_hanging) = mpsc::channel();
    let hanging = handle.spawn(On::Worker(1), move || {
        let gate = gate.lock().unwrap().take().unwrap();
        let hangs = hangs.clone();
        from_fn(move |(), _ctx| {
            hangs.send(()).unwrap();
            gate.recv().unwrap();
        })
    });
    let hanging = hanging.unwrap();
    let (neighbour, _, _) = counter(&handle, On::Worker(1));
    handle.tell(hanging, ());
    next(&is_hanging);
    for actor in [hanging.address(), neighbour.address()] {
        handle.tell(pinger, Order::Ping(actor, Duration::from_millis(20)));
    }
    assert_eq!(take(&answers, 2), [Err(AskError::TimedOut); 2]);
    open.send(()).unwrap();
    handle.tell(pinger, Order::Ping(neighbour.address(), FOREVER));
    assert_eq!(next(&answers), Ok(()));
    // The two that came too late were answered all the same.
    eventually("both were late", || dead(&handle, DeadLetterReason::LateReply) == 2);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn an_actor_that_is_failed_follows_its_policy() {
    let engine = engine(2);
    let handle = engine.handle();
    let (pinger, answers) = pinger(&handle, On::Worker(0));
    let settled = |actor: ActorRef<()>| {
        handle.tell(pinger, Order::Ping(actor.address(), FOREVER));
        next(&answers)
    };
    for worker in 0..2 {
        let on = On::Worker(worker);
        // Made anew, twice, then no more.
        let (actor, handled, made) = counter(&handle, Props::on(on).restart(Restart::up_to(2, FOREVER)));
        let end = handle.watch(actor).unwrap();
        handle.tell(actor, ());
        assert_eq!(settled(actor), Ok(()));
        handle.fail(actor, "of no use").unwrap();
        assert_eq!(handle.ping(actor).unwrap().wait(PATIENCE), Ok(()));
        assert_eq!(made.load(Ordering::Relaxed), 2);
        handle.tell(pinger, Order::Fail(actor.address(), "still of no use"));
        assert_eq!(settled(actor), Ok(()));
        assert_eq!(made.load(Ordering::Relaxed), 3);
        handle.tell(actor, ());
        handle.fail(actor, "given up").unwrap();
        assert_eq!(end.wait(PATIENCE).unwrap().reason, StopReason::RestartsExhausted("given up".into()));
        assert_eq!(handled.load(Ordering::Relaxed), 2, "what was sent before was handled before");

        // Stopped at once, as its policy is.
        let (actor, _, _) = counter(&handle, on);
        let end = handle.watch(actor).unwrap();
        assert_eq!(handle.ping(actor).unwrap().wait(PATIENCE), Ok(()), "it is watched by now");
        handle.tell(pinger, Order::Fail(actor.address(), "of no use"));
        assert_eq!(end.wait(PATIENCE).unwrap().reason, StopReason::Panicked("of no use".into()));
        // Again, when it is gone.
        handle.fail(actor, "of no use").unwrap();
        handle.tell(pinger, Order::Fail(actor.address(), "of no use"));
    }
    assert_eq!(handle.stats().workers.iter().map(|worker| worker.panics).sum::<u64>(), 0, "nobody has panicked");
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_failure_by_order_escalates_and_is_not_counted_while_the_actor_waits_for_its_restart() {
    let (mut host, clock) = host(2);
    let handle = host.handle();
    // A child that escalates takes its parent along.
    let parent = handle.spawn(Props::on(On::Worker(0)).restart(Restart::Stop), || {
        from_fn(|reply: hippodrome::Reply<Address>, ctx: &mut Context<'_, _>| {
            let child = ctx.spawn(Props::on(On::Worker(1)).restart(Restart::Escalate), || from_fn(|(), _ctx| ()));
            reply.send(ctx, child.unwrap().address());
        })
    });
    let parent = parent.unwrap();
    let child = handle.ask(parent, |reply| reply);
    settle(&mut host);
    let child = child.wait(Duration::ZERO).unwrap();
    let end = handle.watch(parent).unwrap();
    handle.fail(child, "of no use").unwrap();
    settle(&mut host);
    assert_eq!(end.wait(Duration::ZERO).unwrap().reason, StopReason::Panicked("of no use".into()));

    // Three orders while it waits for its restart are one failure.
    let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(1));
    let restart = Restart::Restart { max: 1, within: FOREVER, backoff };
    let (actor, handled, made) = counter(&handle, Props::on(On::Worker(1)).restart(restart));
    settle(&mut host);
    (0..3).for_each(|_| handle.fail(actor, "of no use").unwrap());
    handle.tell(actor, ());
    settle(&mut host);
    let ask = handle.ping(actor).unwrap();
    settle(&mut host);
    assert_eq!(ask.wait(Duration::ZERO), Err(AskError::Unanswered), "it has no state now");
    assert_eq!((made.load(Ordering::Relaxed), handled.load(Ordering::Relaxed)), (1, 0));
    clock.advance(Duration::from_secs(2));
    settle(&mut host);
    assert_eq!((made.load(Ordering::Relaxed), handled.load(Ordering::Relaxed)), (2, 1), "what it held is not lost");
    assert_eq!(handle.stats().dead_letters().total(), 0);
}

#[test]
fn pings_leave_the_reserved_room_to_orders() {
    const PINGS: u64 = 5000;
    let builder = Engine::builder().unpinned_workers(2).configure(|config| {
        (config.defaults.lane_kib, config.defaults.outbox_limit_kib) = (4, 16);
    });
    let mut host = builder.host().unwrap();
    let handle = host.handle();
    let (actor, _, _) = counter(&handle, On::Worker(1));
    let (sender, answers) = mpsc::channel();
    let pinging = handle.spawn(On::Worker(0), move || {
        let sender = sender.clone();
        from_fn(move |order: Order, ctx: &mut Context<'_, Order>| match order {
            Order::Answered(answer) => sender.send(answer).unwrap(),
            // All in one turn, so that nothing is read meanwhile; and the order behind them.
            _ => {
                (0..PINGS).for_each(|_| ctx.ping(actor, FOREVER, Order::Answered));
                ctx.stop(actor, Stop::Now);
            }
        })
    });
    settle(&mut host);
    let end = handle.watch(actor).unwrap();
    settle(&mut host);
    handle.tell(pinging.unwrap(), Order::Ping(actor.address(), FOREVER));
    settle(&mut host);
    assert_eq!(end.wait(Duration::ZERO).unwrap().reason, StopReason::Stopped);
    let answers: Vec<_> = answers.try_iter().collect();
    let there = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    assert_eq!(answers.len() as u64, PINGS);
    assert!(
        (1..PINGS).contains(&there)
            && answers.iter().all(|answer| matches!(answer, Ok(()) | Err(AskError::Unanswered)))
    );
    assert!(handle.stats().workers.iter().all(|worker| worker.lost_orders == 0));
}
