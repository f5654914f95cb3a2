//! Engines that the program runs itself: by a loop of its own, and on threads of its own.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, host, settle};
use hippodrome::{Context, Engine, ManualClock, MissedTick, On, Reply, from_fn};

#[test]
fn nothing_happens_unless_the_host_polls() {
    let (mut host, _clock) = host(2);
    let handle = host.handle();
    let (sender, seen) = mpsc::channel();
    let actor = handle.spawn(On::Worker(1), move || {
        let sender = sender.clone();
        from_fn(move |n: u64, _ctx| sender.send((n, thread::current().id())).unwrap())
    });
    let actor = actor.unwrap();
    (0..10).for_each(|n| handle.tell(actor, n));
    thread::sleep(Duration::from_millis(5));
    assert!(seen.try_recv().is_err());
    assert_eq!(host.poll(u64::MAX), 10);
    let me = thread::current().id();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), (0..10).map(|n| (n, me)).collect::<Vec<_>>());
    assert_eq!(host.poll(u64::MAX), 0, "there is nothing to do, and it does not wait for more");
    let report = host.shutdown(PATIENCE).unwrap();
    assert_eq!((report.handled, report.drained, report.stopped_in_order), (10, true, true));
}

#[test]
fn a_handle_tells_the_time_of_the_engine() {
    let (host, clock) = host(1);
    let handle = host.handle();
    assert_eq!(handle.now_ns(), 0);
    clock.advance(Duration::from_millis(16));
    assert_eq!(handle.now_ns(), 16_000_000);
}

#[test]
fn a_budget_bounds_a_poll() {
    let builder =
        Engine::builder().unpinned_workers(2).configure(|config| (config.turn_budget, config.lane_budget) = (4, 4));
    let mut host = builder.host().unwrap();
    let handle = host.handle();
    // Two that keep each other busy for ever, across the workers.
    let ping = |name: &'static str, other: &'static str, worker| {
        let factory = move || {
            from_fn(move |n: u64, ctx: &mut Context<'_, u64>| {
                let other = ctx.handle().lookup::<u64>(other).unwrap();
                ctx.tell(other, n + 1);
            })
        };
        handle.spawn(hippodrome::Props::on(On::Worker(worker)).named(name), factory).unwrap()
    };
    let (first, _) = (ping("ping", "pong", 0), ping("pong", "ping", 1));
    (0..20).for_each(|_| handle.tell(first, 0));
    for budget in [1, 10, 100, 1000] {
        let handled = host.poll(budget);
        assert!((budget..budget + 64).contains(&handled), "{handled} for {budget}");
    }
    let left = host.abort();
    assert_eq!(left.left.iter().map(|left| left.count).sum::<u64>(), 20, "{left:?}");
}

#[test]
fn a_game_loop_steps_in_lockstep_with_its_clock() {
    let (mut host, clock) = host(1);
    let (sender, frames) = mpsc::channel();
    let game = host.handle().spawn(On::Worker(0), move || {
        let sender = sender.clone();
        from_fn(move |start: bool, ctx: &mut Context<'_, bool>| {
            if start {
                ctx.send_every(Duration::from_millis(16), MissedTick::Burst, || false).unwrap();
            } else {
                sender.send(ctx.now_ns() / 1_000_000).unwrap();
            }
        })
    });
    host.handle().tell(game.unwrap(), true);
    settle(&mut host);
    for _ in 0..5 {
        clock.advance(Duration::from_millis(16));
        host.poll(1000);
    }
    assert_eq!(frames.try_iter().collect::<Vec<_>>(), [16, 32, 48, 64, 80], "one frame for each poll");
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_host_cannot_be_polled_from_a_handler() {
    let (mut outer, _clock) = host(1);
    let (mut inner, _clock) = host(1);
    let handle = outer.handle();
    let (sender, refused) = mpsc::channel();
    let (give, given) = mpsc::channel();
    let given = std::sync::Mutex::new(given);
    let actor = handle.spawn(On::Worker(0), move || {
        let (sender, polled) = (sender.clone(), given.lock().unwrap().recv().unwrap());
        let _: &Arc<AtomicBool> = &polled;
        from_fn(move |(), _ctx: &mut Context<'_, ()>| {
            // A host cannot be sent into a factory, so one is made where it is polled.
            let mut nested = Engine::builder().unpinned_workers(1).host().unwrap();
            let result = catch_unwind(AssertUnwindSafe(|| nested.poll(1)));
            polled.store(true, Ordering::Relaxed);
            sender.send(result.is_err()).unwrap();
        })
    });
    let polled = Arc::new(AtomicBool::new(false));
    give.send(polled.clone()).unwrap();
    handle.tell(actor.unwrap(), ());
    settle(&mut outer);
    assert!(polled.load(Ordering::Relaxed));
    assert_eq!(refused.try_recv(), Ok(true));
    // Two hosts on one thread, polled one after the other, are none of each other's affair.
    settle(&mut inner);
    settle(&mut outer);
    inner.shutdown(PATIENCE).unwrap();
    outer.shutdown(PATIENCE).unwrap();
}

#[test]
fn seats_are_taken_by_threads_of_the_program() {
    let (engine, seats) = Engine::builder().unpinned_workers(2).seats().unwrap();
    let handle = engine.handle();
    let threads: Vec<_> = seats
        .into_iter()
        .map(|seat| {
            thread::spawn(move || {
                let mut worker = seat.take();
                let index = worker.index();
                while !worker.is_finished() {
                    if worker.poll(1000) == 0 {
                        thread::yield_now();
                    }
                }
                index
            })
        })
        .collect();
    let doubles = handle.spawn(On::Worker(1), || from_fn(|(n, reply): (u64, Reply<u64>), ctx| reply.send(ctx, 2 * n)));
    let doubles = doubles.unwrap();
    for n in 0..100 {
        assert_eq!(handle.ask(doubles, |reply| (n, reply)).wait(PATIENCE), Ok(2 * n));
    }
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!((report.handled, report.drained), (100, true));
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn the_clock_is_the_programs() {
    let clock = Arc::new(ManualClock::default());
    clock.advance(Duration::from_secs(5));
    let engine = Engine::builder().unpinned_workers(1).clock(clock.clone()).start().unwrap();
    let handle = engine.handle();
    let time = handle.spawn(On::Worker(0), || from_fn(|reply: Reply<u64>, ctx| reply.send(ctx, ctx.now_ns()))).unwrap();
    assert_eq!(handle.ask(time, |reply| reply).wait(PATIENCE), Ok(5_000_000_000));
    clock.advance(Duration::from_nanos(7));
    assert_eq!(handle.ask(time, |reply| reply).wait(PATIENCE), Ok(5_000_000_007));
    engine.shutdown(PATIENCE).unwrap();
}
