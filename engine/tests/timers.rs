//! Timers: once and periodic, cancelled and not, one and a million.

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use common::{PATIENCE, engine, host, settle, take};
use hippodrome::{
    Actor, ActorRef, Context, Engine, Handle, Host, MailboxSpec, ManualClock, MissedTick, On, Props, Restart, Stop,
    TimerKey, TimerLimit, WaitStrategy, from_fn,
};

const MS: Duration = Duration::from_millis(1);

/// What is done in a handler.
type Act = Box<dyn FnOnce(&mut Context<'_, Message>) + Send>;

#[expect(clippy::large_enum_variant, reason = "a message that a timer has to box is what is tested")]
enum Message {
    Act(Act),
    Tick(u64),
    /// Larger than what a timer stores by itself.
    Large([u64; 40]),
}

/// Does what it is told, and notes each tick and when it came, in nanoseconds.
struct Clocked(Sender<(u64, u64)>);

impl Actor for Clocked {
    type Msg = Message;

    fn handle(&mut self, message: Message, ctx: &mut Context<'_, Message>) {
        match message {
            Message::Act(act) => act(ctx),
            Message::Tick(n) => self.0.send((n, ctx.now_ns())).expect("the test listens"),
            Message::Large(words) => self.0.send((words[39], ctx.now_ns())).expect("the test listens"),
        }
    }
}

fn clocked(handle: &Handle, props: impl Into<Props<Message>>) -> (ActorRef<Message>, Receiver<(u64, u64)>) {
    let (notes, noted) = mpsc::channel();
    (handle.spawn(props, move || Clocked(notes.clone())).unwrap(), noted)
}

fn act(handle: &Handle, actor: ActorRef<Message>, act: impl FnOnce(&mut Context<'_, Message>) + Send + 'static) {
    handle.tell(actor, Message::Act(Box::new(act)));
}

/// Lets time pass in one step.
fn pass(host: &mut Host, clock: &ManualClock, time: Duration) {
    clock.advance(time);
    settle(host);
}

fn ticks(noted: &Receiver<(u64, u64)>) -> Vec<u64> {
    noted.try_iter().map(|(n, _)| n).collect()
}

#[test]
fn a_timer_fires_once_never_early_and_less_than_a_tick_late() {
    let (mut host, clock) = host(1);
    let handle = host.handle();
    let (actor, noted) = clocked(&handle, On::Worker(0));
    let delays_us: Vec<u64> = (0..200).map(|n| n * n * 7 % 60_000).collect();
    let armed = delays_us.clone();
    act(&handle, actor, move |ctx| {
        for delay in armed {
            ctx.send_after(Duration::from_micros(delay), Message::Tick(delay)).ok().unwrap();
        }
    });
    for _ in 0..7_000 {
        pass(&mut host, &clock, Duration::from_micros(10));
    }
    let noted: Vec<_> = noted.try_iter().collect();
    assert_eq!(noted.len(), 200);
    for (delay_us, at_ns) in &noted {
        // Half a tick or less: the clock goes on in steps of 10 us.
        assert!((delay_us * 1000..=delay_us * 1000 + 1_010_000).contains(at_ns), "{delay_us} us came at {at_ns} ns");
    }
    assert!(noted.windows(2).all(|pair| pair[0].0 / 1000 <= pair[1].0 / 1000 || pair[1].1 >= pair[0].1));
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_message_of_any_size_is_sent_later() {
    let (mut host, clock) = host(1);
    let handle = host.handle();
    let (actor, noted) = clocked(&handle, On::Worker(0));
    act(&handle, actor, |ctx| {
        ctx.send_after(2 * MS, Message::Large([9; 40])).ok().unwrap();
        ctx.send_after(MS, Message::Tick(1)).ok().unwrap();
        ctx.send_after(Duration::ZERO, Message::Tick(0)).ok().unwrap();
    });
    settle(&mut host);
    pass(&mut host, &clock, 3 * MS);
    assert_eq!(ticks(&noted), [0, 1, 9]);
    host.shutdown(PATIENCE).unwrap();
}

/// Lets a periodic timer of 10 ms see time pass in these steps; gives the times of its ticks in milliseconds.
fn periodic(missed: MissedTick, steps_ms: &[u64]) -> Vec<u64> {
    let (mut host, clock) = host(1);
    let handle = host.handle();
    let (actor, noted) = clocked(&handle, On::Worker(0));
    act(&handle, actor, move |ctx| {
        let mut n = 0;
        let tick = move || {
            n += 1;
            Message::Tick(n)
        };
        ctx.send_every(10 * MS, missed, tick).unwrap();
    });
    settle(&mut host);
    for step in steps_ms {
        clock.advance(Duration::from_millis(*step));
        settle(&mut host);
    }
    let noted: Vec<_> = noted.try_iter().collect();
    assert!(noted.iter().zip(1..).all(|((n, _), expected)| *n == expected), "each was made once, in order: {noted:?}");
    host.shutdown(PATIENCE).unwrap();
    noted.into_iter().map(|(_, at_ns)| at_ns / 1_000_000).collect()
}

#[test]
fn a_periodic_timer_does_not_drift() {
    // Each tick is handled up to 6 ms late, and the next one comes on the grid nevertheless.
    let steps: Vec<u64> = (0..3000).map(|n| 1 + n % 7).collect();
    let total: u64 = steps.iter().sum();
    for missed in [MissedTick::Skip, MissedTick::Burst] {
        let at = periodic(missed, &steps);
        assert_eq!(at.len() as u64, total / 10, "{missed:?}");
        for (at, grid) in at.iter().zip((10..).step_by(10)) {
            assert!((grid..grid + 7).contains(at), "{missed:?}: the tick for {grid} came at {at}");
        }
    }
}

#[test]
fn what_becomes_of_missed_ticks_is_the_policys_choice() {
    // In time at 10; then busy until 47, when those of 20, 30 and 40 are due; then in time again.
    let steps = [10, 37, 3, 7, 3, 10];
    assert_eq!(periodic(MissedTick::Skip, &steps), [10, 47, 50, 60, 70]);
    assert_eq!(periodic(MissedTick::Burst, &steps), [10, 47, 47, 47, 50, 60, 70]);
    assert_eq!(periodic(MissedTick::Delay, &steps), [10, 47, 57, 70]);
}

#[test]
fn a_timer_is_cancelled_by_its_key() {
    let (mut host, clock) = host(1);
    let handle = host.handle();
    let (actor, noted) = clocked(&handle, On::Worker(0));
    let (other, _others) = clocked(&handle, On::Worker(0));
    let (keys, sent) = mpsc::channel::<[TimerKey; 3]>();
    act(&handle, actor, move |ctx| {
        let once = ctx.send_after(10 * MS, Message::Tick(1)).ok().unwrap();
        let every = ctx.send_every(10 * MS, MissedTick::Skip, || Message::Tick(2)).unwrap();
        let spent = ctx.send_after(MS, Message::Tick(3)).ok().unwrap();
        keys.send([once, every, spent]).unwrap();
    });
    pass(&mut host, &clock, Duration::ZERO);
    pass(&mut host, &clock, 2 * MS);
    let [once, every, spent] = sent.try_recv().unwrap();
    act(&handle, other, move |ctx| {
        assert!(![once, every, spent].into_iter().any(|key| ctx.cancel(key)), "not its own")
    });
    act(&handle, actor, move |ctx| {
        assert!(!ctx.cancel(spent), "it has fired");
        assert!(ctx.cancel(once));
        assert!(!ctx.cancel(once), "it is cancelled");
    });
    settle(&mut host);
    pass(&mut host, &clock, 27 * MS);
    assert_eq!(ticks(&noted), [3, 2], "the others missed no tick but those of the policy");
    act(&handle, actor, move |ctx| assert!(ctx.cancel(every)));
    settle(&mut host);
    pass(&mut host, &clock, 100 * MS);
    assert!(ticks(&noted).is_empty());
    assert_eq!(host.stats().workers[0].panics, 0, "nothing asserted in vain");
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_periodic_timer_may_cancel_itself() {
    let (mut host, clock) = host(1);
    let (sender, ticks) = mpsc::channel();
    let actor = host.handle().spawn(On::Worker(0), move || {
        let (mut key, mut left, sender) = (None, 3, sender.clone());
        from_fn(move |start: bool, ctx: &mut Context<'_, bool>| {
            if start {
                key = Some(ctx.send_every(MS, MissedTick::Burst, || false).unwrap());
                return;
            }
            sender.send(()).unwrap();
            left -= 1;
            if left == 0 {
                assert!(ctx.cancel(key.take().unwrap()));
            }
        })
    });
    host.handle().tell(actor.unwrap(), true);
    settle(&mut host);
    pass(&mut host, &clock, 50 * MS);
    assert_eq!(ticks.try_iter().count(), 3, "not even those that were due already");
    host.shutdown(PATIENCE).unwrap();
}

/// A message of a timer that counts its end.
struct Counted(Arc<AtomicU64>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_timers_of_an_actor_end_with_it_or_with_its_life() {
    for stop in [Some(Stop::Now), Some(Stop::Kill), Some(Stop::AfterQueued), None] {
        let (mut host, clock) = host(1);
        let handle = host.handle();
        let (handled, dropped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let seen = handled.clone();
        let actor = handle.spawn(Props::on(On::Worker(0)).restart(Restart::up_to(1, PATIENCE)), move || {
            let seen = seen.clone();
            from_fn(move |order: Option<Counted>, ctx: &mut Context<'_, Option<Counted>>| match order {
                Some(counted) if seen.fetch_add(1, Ordering::Relaxed) == 0 => {
                    let dropped = counted.0.clone();
                    for n in 0..5 {
                        ctx.send_after(MS * (n + 1), Some(Counted(dropped.clone()))).ok().unwrap();
                    }
                    ctx.send_every(MS, MissedTick::Burst, move || Some(Counted(dropped.clone()))).unwrap();
                }
                Some(_) => {}
                None => panic!("told to panic"),
            })
        });
        let actor = actor.unwrap();
        handle.tell(actor, Some(Counted(dropped.clone())));
        settle(&mut host);
        match stop {
            Some(how) => handle.stop(actor, how).unwrap(),
            None => handle.tell(actor, None),
        }
        settle(&mut host);
        assert_eq!(dropped.load(Ordering::Relaxed), 6, "{stop:?}: the timers' messages were dropped at once");
        pass(&mut host, &clock, 100 * MS);
        assert_eq!(handled.load(Ordering::Relaxed), 1, "{stop:?}");
        assert_eq!(Arc::strong_count(&dropped), 1, "{stop:?}: and so was the closure");
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn a_million_timers_are_armed_and_all_fire() {
    const TIMERS: u64 = 1_000_000;
    let (mut host, clock) = host(1);
    let sum = Arc::new(AtomicU64::new(0));
    let total = sum.clone();
    let actor = host.handle().spawn(On::Worker(0), move || {
        let total = total.clone();
        from_fn(move |n: u64, ctx: &mut Context<'_, u64>| {
            if n == 0 {
                for n in 1..=TIMERS {
                    // Spread over about 17 minutes, in no order.
                    let delay = Duration::from_millis(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44);
                    ctx.send_after(delay, n).ok().unwrap();
                }
            }
            total.fetch_add(n, Ordering::Relaxed);
        })
    });
    host.handle().tell(actor.unwrap(), 0);
    settle(&mut host);
    assert_eq!(host.stats().workers[0].timers_high_water, TIMERS);
    for _ in 0..1100 {
        pass(&mut host, &clock, Duration::from_secs(1));
    }
    assert_eq!(sum.load(Ordering::Relaxed), TIMERS * (TIMERS + 1) / 2);
    assert_eq!(host.stats().handled(), TIMERS + 1);
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn beyond_the_limit_the_message_comes_back() {
    let builder = Engine::builder().unpinned_workers(1).configure(|config| config.max_timers = 3);
    let mut host = builder.host().unwrap();
    let handle = host.handle();
    let (actor, _noted) = clocked(&handle, On::Worker(0));
    let done = Arc::new(AtomicU64::new(0));
    let is_done = done.clone();
    act(&handle, actor, move |ctx| {
        let keys = [1, 2, 3].map(|n| ctx.send_after(PATIENCE, Message::Tick(n)).ok().unwrap());
        assert!(matches!(ctx.send_after(MS, Message::Tick(4)), Err(Message::Tick(4))));
        assert!(matches!(ctx.send_after(MS, Message::Large([5; 40])), Err(Message::Large(words)) if words == [5; 40]));
        let every = ctx.send_every(MS, MissedTick::Skip, || Message::Tick(6));
        assert_eq!(every, Err(TimerLimit { limit: 3 }));
        assert!(ctx.cancel(keys[1]));
        ctx.send_after(PATIENCE, Message::Tick(7)).ok().unwrap();
        is_done.store(1, Ordering::Relaxed);
    });
    settle(&mut host);
    assert_eq!(done.load(Ordering::Relaxed), 1);
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_full_mailbox_has_room_for_a_timers_message() {
    let (mut host, clock) = host(1);
    let handle = host.handle();
    let mailbox = MailboxSpec::bounded(NonZeroUsize::MIN);
    let (actor, noted) = clocked(&handle, Props::on(On::Worker(0)).mailbox(mailbox));
    act(&handle, actor, |ctx| _ = ctx.send_after(MS, Message::Tick(1)));
    settle(&mut host);
    // Time passes in the very turn in which the mailbox is filled.
    let advance = clock.clone();
    let filler = handle.spawn(On::Worker(0), move || {
        let advance = advance.clone();
        from_fn(move |(), ctx: &mut Context<'_, ()>| {
            (10..13).for_each(|n| ctx.tell(actor, Message::Tick(n)));
            advance.advance(5 * MS);
        })
    });
    handle.tell(filler.unwrap(), ());
    settle(&mut host);
    let mut ticks = ticks(&noted);
    ticks.sort_unstable();
    assert_eq!(ticks, [1, 10]);
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn timers_fire_however_the_worker_waits() {
    for wait in [WaitStrategy::BusySpin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark] {
        let engine = Engine::builder().unpinned_workers(2).wait(wait).start().unwrap();
        let handle = engine.handle();
        let (actor, noted) = clocked(&handle, On::Worker(1));
        act(&handle, actor, |ctx| {
            ctx.send_every(2 * MS, MissedTick::Skip, || Message::Tick(0)).unwrap();
            ctx.send_after(MS, Message::Tick(1)).ok().unwrap();
        });
        assert!(take(&noted, 6).iter().any(|(n, _)| *n == 1), "{wait}");
        engine.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn no_timer_fires_while_the_engine_shuts_down() {
    let engine = engine(1);
    let handle = engine.handle();
    let (actor, noted) = clocked(&handle, On::Worker(0));
    act(&handle, actor, |ctx| {
        ctx.send_every(MS, MissedTick::Burst, || Message::Tick(1)).unwrap();
        ctx.send_after(PATIENCE * 100, Message::Tick(2)).ok().unwrap();
    });
    take(&noted, 2);
    let report = engine.shutdown(PATIENCE).unwrap();
    assert!(report.drained && report.stopped_in_order, "{report:?}");
    assert!(!ticks(&noted).contains(&2));
}
