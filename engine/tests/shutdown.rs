//! How an engine ends: drained and from the leaves up, late, or at once; and that no thread is left behind.

mod common;

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use common::{PATIENCE, engine, eventually, next, take};
use hippodrome::{
    Actor, Context, DeadLetterReason, Engine, MailboxSpec, On, PortError, Props, ShutdownError, Stop, TryTellError,
    WaitStrategy, from_fn,
};

/// The threads of this process whose names begin with this.
#[cfg(target_os = "linux")]
fn threads(prefix: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with(prefix)).count()
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_left_behind() {
    let start = |name: &str| {
        let builder = Engine::builder().unpinned_workers(3).configure(|config| config.name = name.to_owned());
        let engine = builder.start().unwrap();
        let handle = engine.handle();
        let actor = handle.spawn(On::RoundRobin, || from_fn(|_: u64, _ctx| ())).unwrap();
        let mut port = handle.port().unwrap();
        (0..100).for_each(|n| port.tell(actor, n));
        eventually("its workers and its monitor run", || threads(name) == 4);
        engine
    };
    start("ends").shutdown(PATIENCE).unwrap();
    eventually("its threads have gone", || threads("ends") == 0);
    start("aborts").abort();
    eventually("its threads have gone", || threads("aborts") == 0);
    drop(start("dropped"));
    eventually("its threads have gone", || threads("dropped") == 0);
    // One that does not start leaves none either.
    let builder =
        Engine::builder().workers([4000]).unpinned_workers(2).configure(|config| config.name = "fails".into());
    builder.start().unwrap_err();
    eventually("its threads have gone", || threads("fails") == 0);
}

/// A number that goes from actor to actor, counted down.
struct Hop(u64);

#[test]
fn what_was_accepted_is_handled_with_all_that_follows_from_it() {
    let engine = engine(3);
    let handle = engine.handle();
    // Three actors in a circle, each on a worker; they learn of each other by name.
    let hops = (0..3).map(|worker| {
        let name = format!("hop {worker}");
        let next_name = format!("hop {}", (worker + 1) % 3);
        let actor = handle.spawn(Props::on(On::Worker(worker)).named(name), move || {
            let next_name = next_name.clone();
            let mut next = None;
            from_fn(move |hop: Hop, ctx: &mut Context<'_, Hop>| {
                if hop.0 > 0 {
                    let next = *next.get_or_insert_with(|| ctx.handle().lookup::<Hop>(&next_name).unwrap());
                    ctx.tell(next, Hop(hop.0 - 1));
                }
            })
        });
        actor.unwrap()
    });
    let hops: Vec<_> = hops.collect();
    let mut port = handle.port().unwrap();
    for hop in &hops {
        handle.tell(*hop, Hop(1000));
        port.tell(*hop, Hop(1000));
    }
    let report = engine.shutdown(PATIENCE).unwrap();
    assert!(report.drained && report.stopped_in_order, "{report:?}");
    assert_eq!(report.handled, 6 * 1001);
    assert_eq!((report.dead_letters.total(), report.left.len(), report.actors_left), (0, 0, 0), "{report:?}");
    assert_eq!(report.rescued_wakeups, 0);
    assert!(report.stuck_workers.is_empty());
    // Nothing is accepted any more.
    assert!(!handle.is_running());
    assert_eq!(
        handle.try_tell(hops[0], Hop(1)).map_err(|error| matches!(error, TryTellError::Stopped(Hop(1)))),
        Err(true)
    );
    // A port that has not heard of it yet accepts one more message, which is reported.
    let accepted = u64::from(port.try_tell(hops[1], Hop(1)).is_ok());
    assert_eq!(handle.port().unwrap_err(), PortError::Stopping);
    assert!(handle.stop(hops[0], Stop::Now).is_err() && handle.watch(hops[0]).is_err());
    handle.tell(hops[0], Hop(1));
    port.tell(hops[1], Hop(1));
    assert!(matches!(port.try_tell(hops[1], Hop(1)), Err(TryTellError::Stopped(Hop(1)))), "by now it has heard");
    drop(port);
    assert_eq!(handle.stats().outside_dead_letters.get(DeadLetterReason::Shutdown), 2 + accepted);
}

/// Spawns one child after the other on all workers, down to some depth, and notes its end.
struct Branch {
    path: Vec<usize>,
    depth: usize,
    ends: Sender<Vec<usize>>,
}

impl Actor for Branch {
    type Msg = u64;

    fn started(&mut self, ctx: &mut Context<'_, u64>) {
        if self.depth == 0 {
            return;
        }
        for worker in 0..3 {
            let (path, depth, ends) = ([&self.path[..], &[worker]].concat(), self.depth - 1, self.ends.clone());
            let factory = move || Branch { path: path.clone(), depth, ends: ends.clone() };
            ctx.spawn(On::Worker(worker), factory).expect("the child is spawned");
        }
    }

    fn handle(&mut self, _: u64, _ctx: &mut Context<'_, u64>) {}

    fn stopped(&mut self, _ctx: &mut Context<'_, u64>) {
        self.ends.send(self.path.clone()).expect("the test listens");
    }
}

#[test]
fn actors_stop_from_the_leaves_up_across_workers() {
    let engine = engine(3);
    let (ends, ended) = mpsc::channel();
    let handle = engine.handle();
    handle.spawn(On::Worker(1), move || Branch { path: Vec::new(), depth: 3, ends: ends.clone() }).unwrap();
    let actors = || handle.stats().workers.iter().map(|worker| worker.actors).sum::<u64>();
    eventually("the tree has grown", || actors() == 1 + 3 + 9 + 27);
    engine.shutdown(PATIENCE).unwrap();
    let order: Vec<_> = ended.try_iter().collect();
    assert_eq!(order.len(), 40, "each was asked to stop once");
    for (at, path) in order.iter().enumerate() {
        let parents_later = order[..at].iter().all(|earlier| !path.starts_with(earlier));
        assert!(parents_later, "a parent stopped before {path:?}: {order:?}");
    }
}

/// An actor that holds its worker until it is released.
fn stuck(engine: &Engine, worker: usize) -> Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (entered, is_stuck) = mpsc::channel();
    let released = Mutex::new(Some(released));
    let actor = engine.handle().spawn(On::Worker(worker), move || {
        let (released, entered) = (released.lock().unwrap().take().unwrap(), entered.clone());
        from_fn(move |(), _ctx: &mut Context<'_, ()>| {
            entered.send(()).unwrap();
            // Released when the test lets go of the other end, too.
            let _ = released.recv();
        })
    });
    engine.handle().tell(actor.unwrap(), ());
    next(&is_stuck);
    release
}

/// Messages of two types that a test leaves behind.
struct Apple;
struct Pear;

#[test]
fn an_abort_tells_what_was_left() {
    let engine = engine(2);
    let handle = engine.handle();
    let apples = handle.spawn(On::Worker(1), || from_fn(|_: Apple, _ctx| ())).unwrap();
    let mailbox = MailboxSpec::bounded(NonZeroUsize::new(100).unwrap());
    let pears = handle.spawn(Props::on(On::Worker(1)).mailbox(mailbox), || from_fn(|_: Pear, _ctx| ())).unwrap();
    let mut port = handle.port().unwrap();
    let release = stuck(&engine, 1);
    let (sent, is_sent) = mpsc::channel();
    let sender = handle.spawn(On::Worker(0), move || {
        let sent = sent.clone();
        from_fn(move |(), ctx: &mut Context<'_, ()>| {
            (0..3).for_each(|_| ctx.tell(apples, Apple));
            (0..2).for_each(|_| ctx.tell(pears, Pear));
            sent.send(()).unwrap();
        })
    });
    handle.tell(sender.unwrap(), ());
    next(&is_sent);
    (0..5).for_each(|_| handle.tell(apples, Apple));
    (0..4).for_each(|_| handle.tell(pears, Pear));
    (0..7).for_each(|_| port.tell(apples, Apple));
    // The worker is released when the engine is ending: it finishes its turn, and begins no other.
    let aborting = std::thread::spawn(move || engine.abort());
    eventually("the engine is ending", || !handle.is_running());
    release.send(()).unwrap();
    let report = aborting.join().unwrap();
    let left: u64 = report.left.iter().map(|left| left.count).sum();
    let sent = 3 + 2 + 5 + 4 + 7;
    // What the last turn found is handled, or was moved to a mailbox and is left there.
    assert_eq!(report.handled - 2 + report.dead_letters.total(), sent, "{report:?}");
    assert_eq!(left, report.dead_letters.get(DeadLetterReason::Shutdown), "{report:?}");
    for left in &report.left {
        assert!(left.message.ends_with("Apple") || left.message.ends_with("Pear"), "{report:?}");
    }
    assert!(!report.drained && !report.stopped_in_order);
}

#[test]
fn a_host_that_is_dropped_drops_its_actors() {
    let mut host = Engine::builder().unpinned_workers(2).host().unwrap();
    let handle = host.handle();
    let mailbox = MailboxSpec::bounded(NonZeroUsize::new(100).unwrap());
    let apples = handle.spawn(Props::on(On::Worker(1)), || from_fn(|_: Apple, _ctx| ())).unwrap();
    let pears = Props::on(On::Worker(0)).mailbox(mailbox);
    let pears = handle.spawn(pears, || from_fn(|_: Pear, _ctx| ())).unwrap();
    host.poll(1);
    let token = std::sync::Arc::new(());
    let kept = token.clone();
    let holder = handle.spawn(On::Worker(0), move || {
        let _kept = kept.clone();
        from_fn(move |(), _ctx| _ = &_kept)
    });
    holder.unwrap();
    drop(host);
    handle.tell(apples, Apple);
    handle.tell(pears, Pear);
    assert_eq!(handle.stats().outside_dead_letters.get(DeadLetterReason::Shutdown), 2);
    drop(handle);
    assert_eq!(std::sync::Arc::strong_count(&token), 1);
}

#[test]
fn a_deadline_that_is_over_ends_the_engine_nevertheless() {
    let engine = engine(2);
    let handle = engine.handle();
    // Two actors that never come to rest.
    let restless = |worker| {
        handle.spawn(On::Worker(worker), || from_fn(|n: u64, ctx: &mut Context<'_, u64>| ctx.tell(ctx.me(), n + 1)))
    };
    let both = [restless(0).unwrap(), restless(1).unwrap()];
    both.iter().for_each(|actor| handle.tell(*actor, 0));
    let error = engine.shutdown(Duration::from_millis(20)).unwrap_err();
    let ShutdownError::DeadlineExceeded(report) = &error else { panic!("{error:?}") };
    assert!(!report.drained, "{report:?}");
    assert_eq!(report.dead_letters.total(), 2, "each actor's last message: {report:?}");
    assert!(error.to_string().starts_with("the deadline was over before the engine had ended: "), "{error}");
    assert!(!handle.is_running());
}

#[test]
fn a_worker_that_never_comes_back_is_named_and_the_others_end() {
    let engine = engine(2);
    let release = stuck(&engine, 1);
    let error = engine.shutdown(Duration::from_millis(10)).unwrap_err();
    let ShutdownError::Stuck(report) = &error else { panic!("{error:?}") };
    assert_eq!(report.stuck_workers, [1]);
    assert_eq!(error.to_string(), "workers [1] are in handlers that do not return");
    drop(release);
}

#[test]
fn an_engine_may_end_itself_and_its_handles_live_on() {
    let engine = engine(1);
    let handle = engine.handle();
    let clone = handle.clone();
    engine.shutdown(PATIENCE).unwrap();
    drop(handle);
    assert!(!clone.is_running());
    assert_eq!(clone.workers(), 1);
    assert_eq!(clone.stats().handled(), 0);
}

#[test]
fn engines_that_wait_in_every_way_shut_down_drained() {
    for wait in [WaitStrategy::BusySpin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark] {
        let engine = Engine::builder().unpinned_workers(4).wait(wait).start().unwrap();
        let handle = engine.handle();
        let (seen, all) = mpsc::channel();
        let actors = (0..4).map(|worker| {
            let seen = seen.clone();
            let actor = handle.spawn(On::Worker(worker), move || {
                let seen = seen.clone();
                from_fn(move |n: u64, _ctx| seen.send(n).unwrap())
            });
            actor.unwrap()
        });
        for actor in actors.collect::<Vec<_>>() {
            (0..100).for_each(|n| handle.tell(actor, n));
        }
        let report = engine.shutdown(PATIENCE).unwrap();
        assert_eq!(report.handled, 400, "{wait}");
        take(&all, 400);
    }
}
