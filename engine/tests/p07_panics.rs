//! Promise 7: a panic stays in its actor. The message that panicked is reported, once; the rest of its messages are kept
//! for the restarted actor, in order; its neighbours on the same worker notice nothing.

mod common;

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use common::{PATIENCE, engine, eventually, host, next, settle, take};
use hippodrome::{
    Actor, ActorRef, Backoff, Context, DeadLetterReason, Engine, Handle, MailboxSpec, MissedTick, On, Overflow, Props,
    Reply, Restart, Stats, Stop, StopReason, SystemEvent, Terminated, from_fn,
};

const FOREVER: Duration = Duration::from_secs(3600);

/// Panics without a line on the test's output.
fn fail() -> ! {
    resume_unwind(Box::new("as planned"))
}

/// Counts its lives, notes every message before anything else, and panics at every tenth.
struct Faulty {
    life: u64,
    notes: Sender<(u64, u64)>,
}

const MESSAGES: u64 = 100;

impl Actor for Faulty {
    type Msg = u64;

    fn handle(&mut self, n: u64, _ctx: &mut Context<'_, u64>) {
        self.notes.send((self.life, n)).expect("the test listens");
        if n % 10 == 9 {
            fail();
        }
    }
}

/// Never panics.
struct Neighbour(Sender<u64>);

impl Actor for Neighbour {
    type Msg = u64;

    fn handle(&mut self, n: u64, _ctx: &mut Context<'_, u64>) {
        self.0.send(n).expect("the test listens");
    }
}

/// Where the messages come from.
#[derive(Clone, Copy, Debug)]
enum From {
    Handle,
    Port,
    /// An actor on this worker; the actors under test live on worker 0.
    Worker(usize),
}

fn send_all(handle: &Handle, from: From, to: [ActorRef<u64>; 2]) {
    match from {
        From::Handle => (0..MESSAGES).for_each(|n| to.iter().for_each(|to| handle.tell(*to, n))),
        From::Port => {
            let mut port = handle.port().unwrap();
            for chunk in 0..MESSAGES / 20 {
                for to in to {
                    assert_eq!(port.tell_batch(PATIENCE, to, chunk * 20..chunk * 20 + 20), 20);
                }
            }
        }
        From::Worker(worker) => {
            let sender = handle.spawn(On::Worker(worker), move || {
                from_fn(move |(), ctx: &mut Context<'_, ()>| {
                    (0..MESSAGES).for_each(|n| to.iter().for_each(|to| ctx.tell(*to, n)));
                })
            });
            handle.tell(sender.unwrap(), ());
        }
    }
}

fn handled(stats: &Stats, actor_type: &str) -> u64 {
    stats.actor_types.iter().filter(|entry| entry.actor_type.ends_with(actor_type)).map(|entry| entry.handled).sum()
}

/// Sends from `from` to an actor with these props that panics at every tenth message, and to a neighbour.
fn the_rest_is_kept(from: From, props: Props<u64>) {
    let engine = engine(2);
    let handle = engine.handle();
    let (notes, noted) = mpsc::channel();
    let lives = AtomicU64::new(0);
    let faulty =
        handle.spawn(props, move || Faulty { life: lives.fetch_add(1, Ordering::Relaxed), notes: notes.clone() });
    let (seen, seen_by_neighbour) = mpsc::channel();
    let neighbour = handle.spawn(On::Worker(0), move || Neighbour(seen.clone()));
    send_all(&handle, from, [faulty.unwrap(), neighbour.unwrap()]);
    assert_eq!(take(&noted, MESSAGES as usize), (0..MESSAGES).map(|n| (n / 10, n)).collect::<Vec<_>>(), "{from:?}");
    assert_eq!(take(&seen_by_neighbour, MESSAGES as usize), (0..MESSAGES).collect::<Vec<_>>(), "{from:?}");
    eventually("the last panic was counted", || handle.stats().workers[0].panics == MESSAGES / 10);
    let stats = handle.stats();
    assert_eq!(handled(&stats, "Faulty"), MESSAGES, "{from:?}");
    assert_eq!(handled(&stats, "Neighbour"), MESSAGES, "{from:?}");
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(report.dead_letters.get(DeadLetterReason::Panicked), MESSAGES / 10, "{from:?}");
    assert_eq!(report.dead_letters.total(), MESSAGES / 10, "{from:?}");
    assert!(noted.try_recv().is_err() && seen_by_neighbour.try_recv().is_err(), "{from:?}: handled twice");
}

fn for_all_senders(props: impl Fn() -> Props<u64>) {
    for from in [From::Handle, From::Port, From::Worker(0), From::Worker(1)] {
        the_rest_is_kept(from, props());
    }
}

const MANY: Restart = Restart::up_to(u32::MAX, FOREVER);

const LATER: Restart =
    Restart::Restart { max: u32::MAX, within: FOREVER, backoff: Backoff::fixed(Duration::from_millis(2)) };

fn roomy() -> MailboxSpec<u64> {
    MailboxSpec::bounded(NonZeroUsize::new(MESSAGES as usize).unwrap())
}

#[test]
fn an_actor_in_the_shared_ring_goes_on_where_it_panicked() {
    for_all_senders(|| Props::on(On::Worker(0)).restart(MANY));
}

#[test]
fn an_actor_in_the_shared_ring_goes_on_after_its_backoff() {
    for_all_senders(|| Props::on(On::Worker(0)).restart(LATER));
}

#[test]
fn an_actor_with_a_private_mailbox_goes_on_where_it_panicked() {
    for_all_senders(|| Props::on(On::Worker(0)).mailbox(roomy()).restart(MANY));
}

#[test]
fn an_actor_with_a_private_mailbox_goes_on_after_its_backoff() {
    for_all_senders(|| Props::on(On::Worker(0)).mailbox(roomy()).restart(LATER));
}

#[test]
fn without_restarts_the_rest_are_dead_letters() {
    for props in [Props::on(On::Worker(0)), Props::on(On::Worker(0)).mailbox(roomy())] {
        let (mut host, _clock) = host(1);
        let handle = host.handle();
        let (notes, noted) = mpsc::channel();
        let faulty = handle.spawn(props, move || Faulty { life: 0, notes: notes.clone() }).unwrap();
        let told = handle.watch(faulty).unwrap();
        (0..MESSAGES).for_each(|n| handle.tell(faulty, n));
        settle(&mut host);
        assert_eq!(noted.try_iter().count(), 10);
        assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::Panicked("as planned".into()));
        let dead = host.stats().dead_letters();
        assert_eq!(dead.get(DeadLetterReason::Panicked), 1);
        assert_eq!(dead.get(DeadLetterReason::Stopped), MESSAGES - 10);
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn the_message_that_panicked_is_reported_once() {
    let (mut host, _clock) = host(1);
    let handle = host.handle();
    let (reports, reported) = mpsc::channel();
    struct Listener(Sender<SystemEvent>);
    impl Actor for Listener {
        type Msg = SystemEvent;
        fn started(&mut self, ctx: &mut Context<'_, SystemEvent>) {
            ctx.subscribe(|event: &SystemEvent| Some(event.clone()));
        }
        fn handle(&mut self, event: SystemEvent, _ctx: &mut Context<'_, SystemEvent>) {
            self.0.send(event).expect("the test listens");
        }
    }
    handle.spawn(On::Worker(0), move || Listener(reports.clone())).unwrap();
    settle(&mut host);
    let faulty = handle.spawn(Props::on(On::Worker(0)).restart(MANY), || from_fn(|_: [u8; 3], _ctx| fail())).unwrap();
    handle.tell(faulty, [0; 3]);
    settle_with_events(&mut host);
    let reported: Vec<_> = reported.try_iter().collect();
    let of_faulty = reported.iter().filter(|event| match event {
        SystemEvent::DeadLetter { to, message, reason } => {
            assert_eq!((*message, *reason), (std::any::type_name::<[u8; 3]>(), DeadLetterReason::Panicked));
            *to == faulty.address()
        }
        _ => false,
    });
    assert_eq!(of_faulty.count(), 1, "{reported:?}");
    let restarts = reported.iter().filter(|event| matches!(event, SystemEvent::Restarted { restart: 1, .. }));
    assert_eq!(restarts.count(), 1, "{reported:?}");
    host.shutdown(PATIENCE).unwrap();
}

/// Polls a host until what events made it do is done too.
fn settle_with_events(host: &mut hippodrome::Host) {
    for _ in 0..3 {
        settle(host);
    }
}

/// Panics where it is told to, in one of the first lives.
#[derive(Clone)]
struct Fragile {
    fails_in: Place,
    /// How many more times.
    left: Arc<AtomicU64>,
    notes: Sender<u64>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Place {
    Factory,
    Started,
    Stopped,
    Drop,
}

impl Fragile {
    fn at(&self, place: Place) {
        let once_less = |left: u64| left.checked_sub(1);
        if self.fails_in == place && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, once_less).is_ok() {
            fail();
        }
    }
}

struct FragileActor(Fragile);

impl Actor for FragileActor {
    type Msg = u64;

    fn started(&mut self, _ctx: &mut Context<'_, u64>) {
        self.0.at(Place::Started);
    }

    fn handle(&mut self, n: u64, _ctx: &mut Context<'_, u64>) {
        self.0.notes.send(n).expect("the test listens");
    }

    fn stopped(&mut self, _ctx: &mut Context<'_, u64>) {
        self.0.at(Place::Stopped);
    }
}

impl Drop for FragileActor {
    fn drop(&mut self) {
        self.0.at(Place::Drop);
    }
}

fn fragile(handle: &Handle, fails_in: Place, times: u64, props: Props<u64>) -> (ActorRef<u64>, Receiver<u64>) {
    let (notes, noted) = mpsc::channel();
    let seed = Fragile { fails_in, left: Arc::new(AtomicU64::new(times)), notes };
    let actor = handle.spawn(props, move || {
        seed.at(Place::Factory);
        FragileActor(seed.clone())
    });
    (actor.unwrap(), noted)
}

#[test]
fn a_factory_or_a_start_that_panics_is_tried_again_and_no_message_is_lost() {
    for place in [Place::Factory, Place::Started] {
        for restart in [MANY, LATER] {
            for mailbox in [None, Some(roomy())] {
                let engine = engine(1);
                let handle = engine.handle();
                let props = Props::on(On::Worker(0)).restart(restart);
                let props = if let Some(mailbox) = mailbox { props.mailbox(mailbox) } else { props };
                let (actor, noted) = fragile(&handle, place, 3, props);
                (0..MESSAGES).for_each(|n| handle.tell(actor, n));
                assert_eq!(take(&noted, MESSAGES as usize), (0..MESSAGES).collect::<Vec<_>>(), "{place:?}");
                let report = engine.shutdown(PATIENCE).unwrap();
                assert_eq!(report.dead_letters.total(), 0, "{place:?}: no message panicked");
            }
        }
    }
}

#[test]
fn thousands_of_restarts_in_a_row_need_no_stack() {
    for place in [Place::Factory, Place::Started] {
        let (mut host, _clock) = host(1);
        let handle = host.handle();
        let (actor, noted) = fragile(&handle, place, 5_000, Props::on(On::Worker(0)).restart(MANY));
        handle.tell(actor, 7);
        settle(&mut host);
        assert_eq!(noted.try_recv(), Ok(7));
        assert_eq!(host.stats().workers[0].panics, 5_000);
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn a_factory_or_a_start_that_always_panics_ends_the_actor() {
    for place in [Place::Factory, Place::Started] {
        let (mut host, _clock) = host(1);
        let handle = host.handle();
        let props = Props::on(On::Worker(0)).restart(Restart::up_to(3, FOREVER));
        let (actor, noted) = fragile(&handle, place, u64::MAX, props);
        let told = handle.watch(actor).unwrap();
        (0..MESSAGES).for_each(|n| handle.tell(actor, n));
        settle(&mut host);
        assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::RestartsExhausted("as planned".into()));
        assert!(noted.try_recv().is_err());
        let stats = host.stats();
        assert_eq!(stats.workers[0].panics, 4);
        assert_eq!(stats.workers[0].actors, 0);
        assert_eq!(stats.dead_letters().get(DeadLetterReason::Stopped), MESSAGES);
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn a_panic_while_an_actor_ends_does_not_keep_it_from_ending() {
    for place in [Place::Stopped, Place::Drop] {
        let (mut host, _clock) = host(1);
        let handle = host.handle();
        let (actor, noted) = fragile(&handle, place, u64::MAX, Props::on(On::Worker(0)).named("fragile"));
        handle.tell(actor, 1);
        let told = handle.watch(actor).unwrap();
        handle.stop(actor, Stop::Now).unwrap();
        settle(&mut host);
        assert_eq!(noted.try_iter().collect::<Vec<_>>(), [1]);
        assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::Stopped);
        assert_eq!(handle.lookup::<u64>("fragile"), None);
        let stats = host.stats();
        assert_eq!((stats.workers[0].contained_panics, stats.workers[0].panics), (1, 0), "{place:?}");
        assert_eq!(stats.workers[0].actors, 0);
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn a_state_that_panics_when_it_is_dropped_is_restarted_nevertheless() {
    let (mut host, _clock) = host(1);
    let handle = host.handle();
    struct Twice(Arc<AtomicU64>);
    impl Drop for Twice {
        fn drop(&mut self) {
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
                fail();
            }
        }
    }
    let (drops, (sum, sums)) = (Arc::new(AtomicU64::new(0)), mpsc::channel());
    let dropped = drops.clone();
    let actor = handle.spawn(Props::on(On::Worker(0)).restart(MANY), move || {
        let (twice, sum) = (Twice(drops.clone()), sum.clone());
        from_fn(move |n: u64, _ctx| {
            let _state = &twice;
            if n == 0 {
                // The panic itself panics when it is dropped.
                resume_unwind(Box::new(Twice(Arc::new(AtomicU64::new(0)))));
            }
            sum.send(n).expect("the test listens");
        })
    });
    let actor = actor.unwrap();
    [1, 0, 2].into_iter().for_each(|n| handle.tell(actor, n));
    settle(&mut host);
    assert_eq!(sums.try_iter().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(dropped.load(Ordering::Relaxed), 1, "the first state was dropped once");
    assert_eq!(host.stats().workers[0].contained_panics, 2);
    host.shutdown(PATIENCE).unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}

/// A message that panics when it is dropped, and counts it.
struct Grenade(Option<Arc<AtomicU64>>);

impl Grenade {
    /// From here on its drop does nothing.
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        if let Some(drops) = self.0.take() {
            drops.fetch_add(1, Ordering::Relaxed);
            drop(drops);
            fail();
        }
    }
}

#[test]
fn a_message_whose_drop_panics_harms_only_its_handler() {
    let (mut host, _clock) = host(2);
    let handle = host.handle();
    let drops = Arc::new(AtomicU64::new(0));
    let holder = handle.spawn(Props::on(On::Worker(0)).restart(MANY), || from_fn(|_: Grenade, _ctx| ())).unwrap();
    (0..3).for_each(|_| handle.tell(holder, Grenade(Some(drops.clone()))));
    settle(&mut host);
    let stats = host.stats();
    assert_eq!((drops.load(Ordering::Relaxed), stats.workers[0].panics), (3, 3));
    assert_eq!(stats.dead_letters().get(DeadLetterReason::Panicked), 3);
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_dead_letter_whose_drop_panics_harms_nobody() {
    for (overflow, dropped_by_policy) in
        [(Overflow::Reject, 0), (Overflow::DropNewest, 1), (Overflow::DropOldest, 1), (Overflow::Conflate(|_| 1), 1)]
    {
        let (mut host, _clock) = host(2);
        let handle = host.handle();
        let drops = Arc::new(AtomicU64::new(0));
        let ignore = || from_fn(|message: Grenade, _ctx| message.disarm());
        let gone = handle.spawn(On::Worker(0), ignore).unwrap();
        let mailbox = MailboxSpec::bounded(NonZeroUsize::MIN).overflow(overflow);
        let full = handle.spawn(Props::on(On::Worker(0)).mailbox(mailbox), ignore).unwrap();
        handle.stop(gone, Stop::Now).unwrap();
        settle(&mut host);
        // To one that has gone, to one whose mailbox overflows, and to one that is stopped meanwhile; from both workers.
        let (count, counted) = mpsc::channel();
        for worker in 0..2 {
            let (drops, count) = (drops.clone(), count.clone());
            let sender = handle.spawn(On::Worker(worker), move || {
                let (drops, count) = (drops.clone(), count.clone());
                from_fn(move |(), ctx: &mut Context<'_, ()>| {
                    ctx.tell(gone, Grenade(Some(drops.clone())));
                    (0..2).for_each(|_| ctx.tell(full, Grenade(Some(drops.clone()))));
                    ctx.stop(full, Stop::Now);
                    ctx.tell(full, Grenade(Some(drops.clone())));
                    count.send(()).expect("the test listens");
                })
            });
            handle.tell(sender.unwrap(), ());
        }
        handle.tell(gone, Grenade(Some(drops.clone())));
        settle(&mut host);
        assert_eq!(counted.try_iter().count(), 2, "both senders came to their end");
        let stats = host.stats();
        assert_eq!(stats.workers.iter().map(|worker| worker.panics).sum::<u64>(), 0, "{overflow:?}");
        let contained: u64 = stats.workers.iter().map(|worker| worker.contained_panics).sum();
        let dropped = drops.load(Ordering::Relaxed);
        assert_eq!(contained, dropped, "{overflow:?}: each was dropped once, and none harmed anybody");
        let conflated = stats.dead_letters().get(DeadLetterReason::Conflated);
        assert_eq!(stats.dead_letters().total() + conflated, dropped, "{overflow:?}");
        assert!(dropped >= 5 + dropped_by_policy, "{overflow:?}: {dropped}");
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn what_is_left_at_an_abort_may_panic_when_it_is_dropped() {
    let builder = Engine::builder().unpinned_workers(2);
    let host = builder.configure(|config| (config.lane_budget, config.turn_budget) = (1, 1)).host().unwrap();
    let handle = host.handle();
    let drops = Arc::new(AtomicU64::new(0));
    for worker in 0..2 {
        let ignore = || from_fn(|message: Grenade, _ctx| message.disarm());
        let actor = handle.spawn(On::Worker(worker), ignore).unwrap();
        (0..10).for_each(|_| handle.tell(actor, Grenade(Some(drops.clone()))));
        let mut port = handle.port().unwrap();
        assert_eq!(port.tell_batch(PATIENCE, actor, (0..10).map(|_| Grenade(Some(drops.clone())))), 10);
    }
    let report = host.abort();
    let left = report.left.iter().map(|left| left.count).sum::<u64>();
    assert_eq!(left + report.handled, 40, "{report:?}, {drops:?}");
    assert!(left >= 32, "each worker finished its turn and began no other: {report:?}");
    assert_eq!(drops.load(Ordering::Relaxed), left);
}

/// What an actor does when it starts, and then notes what comes.
struct Does<F> {
    life: u64,
    in_started: F,
    notes: Sender<(u64, u64)>,
}

impl<F: Fn(u64, &mut Context<'_, u64>) + 'static> Actor for Does<F> {
    type Msg = u64;

    fn started(&mut self, ctx: &mut Context<'_, u64>) {
        (self.in_started)(self.life, ctx);
    }

    fn handle(&mut self, n: u64, _ctx: &mut Context<'_, u64>) {
        self.notes.send((self.life, n)).expect("the test listens");
    }
}

fn does<F>(handle: &Handle, props: Props<u64>, in_started: F) -> (ActorRef<u64>, Receiver<(u64, u64)>)
where
    F: Fn(u64, &mut Context<'_, u64>) + Clone + Send + 'static,
{
    let (notes, noted) = mpsc::channel();
    let mut lives = 0..;
    let actor = handle.spawn(props, move || Does {
        life: lives.next().unwrap(),
        in_started: in_started.clone(),
        notes: notes.clone(),
    });
    (actor.unwrap(), noted)
}

#[test]
fn a_timer_that_cannot_make_its_message_fails_its_actor() {
    let engine = engine(1);
    let handle = engine.handle();
    let moment = Duration::from_millis(1);
    let (_neighbour, ticks) = does(&handle, On::Worker(0).into(), move |_, ctx| {
        ctx.send_every(moment, MissedTick::Burst, || 1).unwrap();
    });
    next(&ticks);
    let (_actor, noted) = does(&handle, Props::on(On::Worker(0)).restart(MANY), move |life, ctx| {
        let mut n = 0;
        ctx.send_every(moment, MissedTick::Burst, move || {
            n += 1;
            if life < 3 && n > life { fail() } else { n }
        })
        .unwrap();
    });
    // Life 0 fails at its first tick, life 1 at its second; life 3 never.
    let expected = [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (3, 4)];
    assert_eq!(take(&noted, expected.len()), expected);
    take(&ticks, 3);
    assert_eq!(handle.stats().workers[0].panics, 3);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn an_ask_whose_answer_cannot_be_made_a_message_fails_its_asker() {
    let engine = engine(2);
    let handle = engine.handle();
    for worker in 0..2 {
        let answers = || from_fn(|reply: Reply<u64>, ctx: &mut Context<'_, _>| reply.send(ctx, 5));
        let ignores = || from_fn(|reply: Reply<u64>, _ctx: &mut Context<'_, _>| drop(reply));
        let keeps = || {
            let mut kept = Vec::new();
            from_fn(move |reply: Reply<u64>, _ctx: &mut Context<'_, _>| kept.push(reply))
        };
        let answering = handle.spawn(On::Worker(worker), answers).unwrap();
        let ignoring = handle.spawn(On::Worker(worker), ignores).unwrap();
        let keeping = handle.spawn(On::Worker(worker), keeps).unwrap();
        let before = handle.stats().workers[0].panics;
        let (actor, noted) = does(&handle, Props::on(On::Worker(0)).restart(MANY), move |life, ctx| match life {
            0 => ctx.ask(answering, |reply| reply, |_: Result<u64, _>| fail()),
            1 => ctx.ask(ignoring, |reply| reply, |_: Result<u64, _>| fail()),
            2 => ctx.ask_within(Duration::from_millis(1), keeping, |reply| reply, |_: Result<u64, _>| fail()),
            _ => ctx.ask(answering, |reply| reply, |answer: Result<u64, _>| answer.unwrap()),
        });
        assert_eq!(next(&noted), (3, 5));
        handle.tell(actor, 6);
        assert_eq!(next(&noted), (3, 6));
        assert_eq!(handle.stats().workers[0].panics, before + 3);
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_subscriber_that_cannot_make_a_message_of_an_event_fails_alone() {
    struct Price(u64);
    let engine = engine(1);
    let handle = engine.handle();
    let subscribe = |life, ctx: &mut Context<'_, u64>| {
        ctx.subscribe(move |price: &Price| if price.0 % 2 == 1 && life < 5 { fail() } else { Some(price.0) });
    };
    let (_first, first) = does(&handle, On::Worker(0).into(), |_, ctx| ctx.subscribe(|price: &Price| Some(price.0)));
    let (actor, noted) = does(&handle, Props::on(On::Worker(0)).restart(MANY), subscribe);
    let (_last, last) = does(&handle, On::Worker(0).into(), |_, ctx| ctx.subscribe(|price: &Price| Some(price.0)));
    // There is traffic in the worker's ring in between: all of it arrives.
    let busy = handle.spawn(On::Worker(0), move || {
        from_fn(move |n: u64, ctx: &mut Context<'_, u64>| {
            if n >= 1000 {
                ctx.tell(actor, n);
            } else {
                ctx.tell(ctx.me(), n + 100);
            }
        })
    });
    let busy = busy.unwrap();
    handle
        .ask(handle.spawn(On::Worker(0), || from_fn(|r: Reply<()>, ctx| r.send(ctx, ()))).unwrap(), |reply| reply)
        .wait(PATIENCE)
        .unwrap();
    for n in 0..20 {
        handle.tell(busy, n);
        assert!(handle.publish(Price(n)));
        assert_eq!(next(&first).1, n);
        assert_eq!(next(&last).1, n);
    }
    let mut noted = take(&noted, 20 + 15);
    noted.sort_by_key(|(life, n)| (*n, *life));
    let events: Vec<_> = noted.iter().copied().filter(|(_, n)| *n < 1000).collect();
    let expected = (0..20_u64).filter(|n| n % 2 == 0 || *n > 9).map(|n| (n.div_ceil(2).min(5), n));
    assert_eq!(events, expected.collect::<Vec<_>>());
    assert_eq!(noted.iter().filter(|(_, n)| *n >= 1000).count(), 20);
    assert_eq!(handle.stats().workers[0].panics, 5);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_watcher_that_cannot_make_a_message_of_a_notice_keeps_nobody_from_ending() {
    let engine = engine(2);
    let handle = engine.handle();
    for worker in 0..2 {
        let (spawned, child_spawned) = mpsc::channel();
        let parent = handle.spawn(On::Worker(0), move || {
            let spawned = spawned.clone();
            from_fn(move |(), ctx: &mut Context<'_, ()>| {
                let child = ctx.spawn(On::Worker(0), || from_fn(|(), _ctx| ())).unwrap();
                spawned.send(child).expect("the test listens");
            })
        });
        let parent = parent.unwrap();
        handle.tell(parent, ());
        let child = next(&child_spawned);
        let (actor, noted) = does(&handle, On::Worker(worker).into(), move |_, ctx| {
            ctx.watch(child, |_: Terminated| fail());
            ctx.watch(child, |_: Terminated| 1);
        });
        handle.tell(actor, 0);
        assert_eq!(next(&noted), (0, 0));
        // Behind the orders to watch, which came first on their way.
        let ended = handle.watch(parent).unwrap();
        handle.tell(parent, ());
        next(&child_spawned);
        let order = handle.spawn(On::Worker(worker), move || {
            from_fn(move |(), ctx: &mut Context<'_, ()>| ctx.stop(parent, Stop::Now))
        });
        handle.tell(order.unwrap(), ());
        assert_eq!(ended.wait(PATIENCE).unwrap().reason, StopReason::Stopped);
        assert_eq!(next(&noted), (0, 1), "the other notice arrives");
    }
    engine.shutdown(PATIENCE).unwrap();
}
