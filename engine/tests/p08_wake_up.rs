//! Promise 8: a worker that parks never misses a wake-up.
//!
//! The workers park at once when they have nothing to do, and each test wakes them in another way, with random pauses in
//! between. A missed wake-up is not seen in the time that something takes, since a bounded park finds it; it is seen in
//! the count of rescued wake-ups, which must stay 0. That the workers have parked at all is seen in their counts too.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Context, Engine, Handle, MissedTick, On, Reply, Stop, WaitStrategy, from_fn};
use support::{PATIENCE, Random, wait_until};

fn parking(workers: usize) -> Engine {
    let builder = Engine::builder().unpinned_workers(workers).wait(WaitStrategy::SpinThenPark);
    builder.configure(|config| config.defaults.spins = 0).start().unwrap()
}

/// Ends the engine; it must have parked at least so often, and never have been rescued.
fn end(engine: Engine, parks: u64) {
    let handle = engine.handle();
    let parked: u64 = handle.stats().workers.iter().map(|worker| worker.parks).sum();
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(report.rescued_wakeups, 0);
    assert_eq!(report.dead_letters.total(), 0);
    assert!(parked >= parks, "the workers parked only {parked} times, so this has tested little");
}

/// A pause that sometimes is none, sometimes is about as long as a worker needs to fall asleep, and sometimes is longer.
fn pause(random: &mut Random) {
    match random.below(8) {
        0 => {}
        1 => std::thread::yield_now(),
        2 => std::thread::sleep(Duration::from_micros(random.below(150) as u64)),
        3 => (0..random.below(20_000)).for_each(|_| std::hint::spin_loop()),
        _ => (0..random.below(400)).for_each(|_| std::hint::spin_loop()),
    }
}

struct Counted(Arc<AtomicU64>);

impl Counted {
    fn spawn(handle: &Handle, on: On) -> (ActorRef<()>, Arc<AtomicU64>) {
        let count = Arc::<AtomicU64>::default();
        let shared = count.clone();
        (handle.spawn(on, move || Counted(shared.clone())).unwrap(), count)
    }
}

impl Actor for Counted {
    type Msg = ();

    fn handle(&mut self, _: (), _ctx: &mut Context<'_, ()>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn count(count: &AtomicU64) -> u64 {
    count.load(Ordering::SeqCst)
}

#[test]
fn by_another_worker() {
    struct Ball {
        left: u64,
        from: ActorRef<Ball>,
        done: Reply<u64>,
    }
    let engine = parking(2);
    let handle = engine.handle();
    let player = || {
        let mut returned = 0;
        from_fn(move |ball: Ball, ctx: &mut Context<'_, Ball>| {
            returned += 1;
            // Some work, so that the other worker is at any point of falling asleep.
            (0..ctx.random() % 300).for_each(|_| std::hint::spin_loop());
            match ball.left {
                0 => ball.done.send(ctx, returned),
                left => {
                    let me = ctx.me();
                    ctx.tell(ball.from, Ball { left: left - 1, from: me, done: ball.done });
                }
            }
        })
    };
    let left = handle.spawn(On::Worker(0), player).unwrap();
    let right = handle.spawn(On::Worker(1), player).unwrap();
    let mut returns = 0;
    for _ in 0..3 {
        let ask = handle.ask(left, |done| Ball { left: 3000, from: right, done });
        returns = ask.wait(PATIENCE).unwrap();
    }
    assert_eq!(returns, 3 * 1501);
    end(engine, 100);
}

#[test]
fn by_a_handle_and_a_port() {
    let engine = parking(2);
    let handle = engine.handle();
    let (left, left_count) = Counted::spawn(&handle, On::Worker(0));
    let (right, right_count) = Counted::spawn(&handle, On::Worker(1));
    let mut port = handle.port().unwrap();
    let mut random = Random::new(8);
    for round in 1..=3000 {
        pause(&mut random);
        port.tell(left, ());
        match round % 2 {
            0 => handle.tell(right, ()),
            _ => assert_eq!(port.tell_batch(PATIENCE, right, [()]), 1),
        }
        wait_until("both have it", || count(&left_count) == round && count(&right_count) == round);
    }
    // A port that goes away wakes the workers as well, and the next one begins anew.
    for round in 3001..3051 {
        drop(port);
        pause(&mut random);
        port = handle.port().unwrap();
        pause(&mut random);
        port.tell(left, ());
        wait_until("the new port's message is there", || count(&left_count) == round);
    }
    drop(port);
    end(engine, 500);
}

#[test]
fn by_several_threads_at_once() {
    let engine = parking(2);
    let handle = engine.handle();
    let targets = [Counted::spawn(&handle, On::Worker(0)), Counted::spawn(&handle, On::Worker(1))];
    const EACH: u64 = 1500;
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (targets, handle) = (&targets, engine.handle());
            scope.spawn(move || {
                let mut random = Random::new(thread);
                let mut port = handle.port().unwrap();
                for round in 0..EACH {
                    let to = targets[round as usize % 2].0;
                    let sent = match thread {
                        0 => port.tell_within(PATIENCE, to, ()),
                        _ => handle.tell_within(PATIENCE, to, ()),
                    };
                    sent.unwrap();
                    pause(&mut random);
                }
            });
        }
    });
    wait_until("all came", || count(&targets[0].1) + count(&targets[1].1) == 3 * EACH);
    end(engine, 100);
}

#[test]
fn by_timers() {
    struct Sleeper {
        fired: Arc<AtomicU64>,
        ticks: Arc<AtomicU64>,
    }
    enum Msg {
        Sleep(Duration),
        Fired,
        Tick,
    }
    impl Actor for Sleeper {
        type Msg = Msg;
        fn started(&mut self, ctx: &mut Context<'_, Msg>) {
            ctx.send_every(Duration::from_micros(500), MissedTick::Skip, || Msg::Tick).unwrap();
        }
        fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Msg>) {
            match msg {
                Msg::Sleep(time) => ctx.send_after(time, Msg::Fired).map(drop).map_err(drop).unwrap(),
                Msg::Fired => drop(self.fired.fetch_add(1, Ordering::SeqCst)),
                Msg::Tick => drop(self.ticks.fetch_add(1, Ordering::SeqCst)),
            }
        }
    }
    let builder = Engine::builder().unpinned_workers(2).wait(WaitStrategy::SpinThenPark);
    let builder = builder.configure(|config| (config.defaults.spins, config.timer_resolution_us) = (0, 50));
    let engine = builder.start().unwrap();
    let handle = engine.handle();
    let (fired, ticks) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
    let shared = (fired.clone(), ticks.clone());
    let factory = move || Sleeper { fired: shared.0.clone(), ticks: shared.1.clone() };
    let sleeper = handle.spawn(On::Worker(1), factory).unwrap();
    let mut random = Random::new(3);
    for round in 1..=500 {
        handle.tell(sleeper, Msg::Sleep(Duration::from_micros(random.below(300) as u64)));
        pause(&mut random);
        if random.once_in(10) {
            wait_until("the timers fired", || count(&fired) == round);
        }
    }
    wait_until("the timers fired", || count(&fired) == 500);
    let before = count(&ticks);
    wait_until("the periodic timer goes on", || count(&ticks) > before + 20);
    end(engine, 100);
}

#[test]
fn by_events() {
    struct Beat;
    struct Listener(Arc<AtomicU64>);
    impl Actor for Listener {
        type Msg = ();
        fn started(&mut self, ctx: &mut Context<'_, ()>) {
            ctx.subscribe(|_: &Beat| Some(()));
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        fn handle(&mut self, _: (), _: &mut Context<'_, ()>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let engine = parking(2);
    let handle = engine.handle();
    let heard: [Arc<AtomicU64>; 2] = Default::default();
    for (worker, heard) in heard.iter().enumerate() {
        let heard = heard.clone();
        handle.spawn(On::Worker(worker), move || Listener(heard.clone())).unwrap();
    }
    // It publishes from within a worker; each worker must hear it.
    let publisher = handle
        .spawn(On::Worker(0), || {
            from_fn(|_: (), ctx: &mut Context<'_, ()>| assert!(ctx.publish(Beat), "the event ring has room"))
        })
        .unwrap();
    wait_until("both listen", || heard.iter().all(|heard| count(heard) == 1));
    let mut random = Random::new(4);
    for round in 1..=1000 {
        pause(&mut random);
        match random.once_in(2) {
            true => assert!(handle.publish(Beat), "the event ring has room"),
            false => handle.tell(publisher, ()),
        }
        wait_until("both have heard it", || heard.iter().all(|heard| count(heard) == 1 + round));
    }
    end(engine, 200);
}

#[test]
fn by_spawns_and_stops() {
    let engine = parking(2);
    let handle = engine.handle();
    let mut random = Random::new(5);
    for round in 0..600 {
        pause(&mut random);
        let (actor, count_of) = Counted::spawn(&handle, On::RoundRobin);
        if round % 2 == 0 {
            handle.tell(actor, ());
            wait_until("it has its message", || count(&count_of) == 1);
        }
        pause(&mut random);
        let ended = handle.watch(actor).unwrap();
        pause(&mut random);
        handle.stop(actor, random.pick(&[Stop::Now, Stop::AfterQueued, Stop::Kill])).unwrap();
        assert_eq!(ended.wait(PATIENCE).unwrap().actor, actor.address());
    }
    end(engine, 200);
}

#[test]
fn by_asks_of_actors_and_of_threads() {
    struct Question(Reply<u64>);
    let engine = parking(2);
    let handle = engine.handle();
    let answerer = handle
        .spawn(On::Worker(0), || from_fn(|Question(reply), ctx: &mut Context<'_, Question>| reply.send(ctx, 1)))
        .unwrap();
    enum Msg {
        Ask(Reply<u64>),
        Answered(Reply<u64>, u64),
    }
    let asker = handle
        .spawn(On::Worker(1), move || {
            from_fn(move |msg, ctx: &mut Context<'_, Msg>| match msg {
                Msg::Ask(reply) => ctx.ask(answerer, Question, move |answer| Msg::Answered(reply, answer.unwrap())),
                Msg::Answered(reply, answer) => reply.send(ctx, answer + 1),
            })
        })
        .unwrap();
    let mut random = Random::new(6);
    for _ in 0..1500 {
        pause(&mut random);
        assert_eq!(handle.ask(asker, Msg::Ask).wait(PATIENCE), Ok(2));
    }
    end(engine, 200);
}

/// With many lanes a worker stops watching the idle ones also while it is busy.
#[test]
fn through_one_of_many_lanes() {
    let builder = Engine::builder().unpinned_workers(8).wait(WaitStrategy::SpinThenPark);
    let engine = builder.configure(|config| config.defaults.spins = 0).start().unwrap();
    let handle = engine.handle();
    let (target, seen) = Counted::spawn(&handle, On::Worker(0));
    // Keeps worker 0 turning, so that it counts the idle turns of the lanes.
    let spinner = handle
        .spawn(On::Worker(0), || {
            from_fn(|left: u64, ctx: &mut Context<'_, u64>| {
                if left > 0 {
                    let me = ctx.me();
                    ctx.tell(me, left - 1);
                }
            })
        })
        .unwrap();
    let senders: Vec<_> = (1..8)
        .map(|worker| {
            let factory = move || from_fn(move |_: (), ctx: &mut Context<'_, ()>| ctx.tell(target, ()));
            handle.spawn(On::Worker(worker), factory).unwrap()
        })
        .collect();
    let mut random = Random::new(7);
    for round in 1..=600 {
        if round % 10 == 0 {
            handle.tell(spinner, 5000 * 1024 / 8);
        }
        pause(&mut random);
        handle.tell(random.pick(&senders), ());
        wait_until("it came through its lane", || count(&seen) == round);
    }
    end(engine, 200);
}
