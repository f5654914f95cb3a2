//! A pool of threads: what becomes of work, whatever becomes of the work, of its actor and of the pool.

#[path = "common/waiting.rs"]
mod waiting;

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Context, DeadLetterReason, Engine, Handle, On, Props, Restart, Stop};
use hippodrome_toolkit::blocking::{BlockingPool, CancelToken, PoolError, Refused, TaskError, Tasks};
use waiting::{PATIENCE, eventually, next};

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3600);

fn dead_letters(handle: &Handle) -> u64 {
    handle.stats().dead_letters().total()
}

type Work = Box<dyn FnOnce(&CancelToken) -> u64 + Send>;
type Outcome = Result<u64, TaskError>;

/// Gives work to a pool, and tells the test what comes of it.
struct Client {
    pool: BlockingPool,
    tasks: Tasks,
    outcomes: Sender<Outcome>,
    refusals: Sender<Refused<Work>>,
}

enum Order {
    Run(Duration, Work),
    Came(Outcome),
    InFlight(Sender<usize>),
    CancelAll,
    Panic,
}

impl Actor for Client {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Run(timeout, work) => {
                if let Err(refused) = self.pool.run(&mut self.tasks, ctx, timeout, work, Order::Came) {
                    self.refusals.send(refused).unwrap();
                }
            }
            Order::Came(outcome) => self.outcomes.send(outcome).unwrap(),
            Order::InFlight(answer) => answer.send(self.tasks.in_flight()).unwrap(),
            Order::CancelAll => self.tasks.cancel_all(),
            Order::Panic => panic!("as planned"),
        }
    }
}

struct Scene {
    engine: Engine,
    handle: Handle,
    pool: BlockingPool,
    client: ActorRef<Order>,
    outcomes: Receiver<Outcome>,
    refusals: Receiver<Refused<Work>>,
}

fn scene(threads: usize, queue: usize) -> Scene {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let pool = BlockingPool::builder().threads(threads).queue(queue).name("test-pool").start().unwrap();
    let (told, outcomes) = mpsc::channel();
    let (given_back, refusals) = mpsc::channel();
    let actor_pool = pool.clone();
    let props = Props::on(On::Worker(1)).restart(Restart::up_to(100, FOREVER));
    let client = handle.spawn(props, move || Client {
        pool: actor_pool.clone(),
        tasks: Tasks::new(),
        outcomes: told.clone(),
        refusals: given_back.clone(),
    });
    Scene { engine, handle, pool, client: client.unwrap(), outcomes, refusals }
}

impl Scene {
    fn run(&self, work: impl FnOnce(&CancelToken) -> u64 + Send + 'static) {
        self.run_within(FOREVER, work);
    }

    fn run_within(&self, timeout: Duration, work: impl FnOnce(&CancelToken) -> u64 + Send + 'static) {
        self.handle.tell(self.client, Order::Run(timeout, Box::new(work)));
    }

    /// How much the client has in flight, when it has come to what it was told before.
    fn in_flight(&self) -> usize {
        let (sender, in_flight) = mpsc::channel();
        self.handle.tell(self.client, Order::InFlight(sender));
        next(&in_flight)
    }

    fn end(self) {
        self.engine.shutdown(PATIENCE).unwrap();
        assert_eq!(self.pool.shutdown(PATIENCE).unrun, 0);
    }
}

/// Work that says when it begins, and then waits until the test lets it go on.
struct Gate {
    open: Sender<()>,
    begins: Receiver<()>,
}

fn gated(result: u64) -> (Gate, impl FnOnce(&CancelToken) -> u64 + Send + 'static) {
    let (open, opened) = mpsc::channel();
    let (began, begins) = mpsc::channel();
    let work = move |_: &CancelToken| {
        began.send(()).unwrap();
        opened.recv_timeout(PATIENCE).expect("the gate is opened");
        result
    };
    (Gate { open, begins }, work)
}

/// Work that goes on until it is cancelled, and says then that it has seen it.
fn endless() -> (Receiver<()>, Receiver<()>, impl FnOnce(&CancelToken) -> u64 + Send + 'static) {
    let (began, begins) = mpsc::channel();
    let (saw, sees) = mpsc::channel();
    let work = move |token: &CancelToken| {
        began.send(()).unwrap();
        while !token.is_cancelled() {
            thread::sleep(Duration::from_millis(1));
        }
        saw.send(()).unwrap();
        1
    };
    (begins, sees, work)
}

#[test]
fn results_arrive_as_messages_and_the_work_is_done_by_the_pools_threads() {
    let scene = scene(3, 64);
    let names = Arc::new(Mutex::new(Vec::new()));
    for n in 0..50 {
        let names = names.clone();
        scene.run(move |_| {
            names.lock().unwrap().push(thread::current().name().unwrap().to_owned());
            n
        });
    }
    let mut results: Vec<_> = (0..50).map(|_| next(&scene.outcomes).unwrap()).collect();
    results.sort_unstable();
    assert_eq!(results, (0..50).collect::<Vec<_>>());
    assert!(names.lock().unwrap().iter().all(|name| name.starts_with("test-pool-")));
    assert_eq!(dead_letters(&scene.handle), 0);
    scene.end();
}

#[test]
fn one_thread_does_work_in_the_order_given() {
    let scene = scene(1, 64);
    (0..50).for_each(|n| scene.run(move |_| n));
    let results: Vec<_> = (0..50).map(|_| next(&scene.outcomes).unwrap()).collect();
    assert_eq!(results, (0..50).collect::<Vec<_>>());
    scene.end();
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

#[test]
fn a_panic_is_an_error_and_the_thread_goes_on() {
    let scene = scene(1, 64);
    let panics = |work: fn(&CancelToken) -> u64, text: &str| {
        scene.run(work);
        assert_eq!(next(&scene.outcomes), Err(TaskError::Panicked(text.into())));
    };
    panics(|_| panic!("the disk is gone"), "the disk is gone");
    panics(|_| panic!("{} disks are gone", 2), "2 disks are gone");
    panics(|_| std::panic::panic_any(7_u32), "a panic without a message");
    panics(|_| std::panic::panic_any(Bomb), "a panic without a message");
    // The work itself panics as it is dropped, unrun and cancelled.
    let (gate, work) = gated(1);
    scene.run(work);
    next(&gate.begins);
    let bomb = Bomb;
    scene.run(move |_| {
        let _bomb = &bomb;
        2
    });
    scene.handle.tell(scene.client, Order::CancelAll);
    scene.run(|_| 3);
    assert_eq!(scene.in_flight(), 1);
    gate.open.send(()).unwrap();
    let mut rest: Vec<_> = (0..3).map(|_| next(&scene.outcomes)).collect();
    rest.sort_by_key(Result::is_ok);
    assert_eq!(rest, [Err(TaskError::Cancelled), Err(TaskError::Cancelled), Ok(3)]);
    scene.end();
}

#[test]
fn what_does_not_fit_the_queue_comes_back() {
    let scene = scene(1, 2);
    let (gate, work) = gated(0);
    scene.run(work);
    next(&gate.begins);
    (1..5).for_each(|n| scene.run(move |_| n));
    let refused = [next(&scene.refusals), next(&scene.refusals)];
    assert!(refused.iter().all(|refused| matches!(refused, Refused::Full(_))), "{refused:?}");
    assert_eq!((scene.pool.queued(), scene.pool.running(), scene.in_flight()), (2, 1, 3));
    gate.open.send(()).unwrap();
    assert_eq!((0..3).map(|_| next(&scene.outcomes).unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    // There is room again, and what came back is the very work.
    for (refused, n) in refused.into_iter().zip(3..) {
        scene.run(refused.into_work());
        assert_eq!(next(&scene.outcomes), Ok(n));
    }
    scene.end();
}

#[test]
fn work_that_takes_too_long_is_cancelled_and_its_result_dropped() {
    let scene = scene(1, 8);
    let has_seen_it = |timeout| {
        let (_begins, sees, work) = endless();
        scene.run_within(timeout, work);
        assert_eq!(next(&scene.outcomes), Err(TaskError::TimedOut));
        // On a busy machine its time may be over before it begins: then it is dropped.
        sees.recv_timeout(PATIENCE).is_ok()
    };
    assert!((0..12).any(|n| has_seen_it(Duration::from_millis(10 << n))));
    // What waits too long is not begun.
    let (gate, work) = gated(2);
    scene.run(work);
    next(&gate.begins);
    scene.run_within(Duration::from_millis(1), |_| unreachable!("its time is over"));
    assert_eq!(next(&scene.outcomes), Err(TaskError::TimedOut));
    gate.open.send(()).unwrap();
    assert_eq!(next(&scene.outcomes), Ok(2));
    scene.run(|_| 3);
    assert_eq!(next(&scene.outcomes), Ok(3));
    assert_eq!(dead_letters(&scene.handle), 0, "what came too late is not even sent");
    scene.end();
}

/// How the life of the client ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Stop,
    Kill,
    Panic,
    Fail,
}

#[test]
fn tasks_end_with_the_life_of_their_actor() {
    for end in [End::Stop, End::Kill, End::Panic, End::Fail] {
        let scene = scene(1, 8);
        let (begins, sees, work) = endless();
        scene.run(work);
        next(&begins);
        let ran = Arc::new(AtomicU64::new(0));
        for _ in 0..3 {
            let ran = ran.clone();
            scene.run(move |_| ran.fetch_add(1, Ordering::Relaxed));
        }
        assert_eq!(scene.in_flight(), 4);
        match end {
            End::Stop => scene.handle.stop(scene.client, Stop::Now).unwrap(),
            End::Kill => scene.handle.stop(scene.client, Stop::Kill).unwrap(),
            End::Panic => scene.handle.tell(scene.client, Order::Panic),
            End::Fail => scene.handle.fail(scene.client, "of no use").unwrap(),
        }
        next(&sees);
        eventually("the queue is empty", || scene.pool.queued() + scene.pool.running() == 0);
        assert_eq!(ran.load(Ordering::Relaxed), 0, "{end:?}");
        if matches!(end, End::Panic | End::Fail) {
            // The new life hears nothing of it, and works.
            scene.run(|_| 5);
            assert_eq!(next(&scene.outcomes), Ok(5));
        }
        assert!(scene.outcomes.try_recv().is_err());
        let panicked = scene.handle.stats().dead_letters().get(DeadLetterReason::Panicked);
        assert_eq!((panicked, dead_letters(&scene.handle)), (u64::from(end == End::Panic), panicked), "{end:?}");
        scene.end();
    }
}

#[test]
fn tasks_that_are_cancelled_by_their_actor_are_reported_to_it() {
    let scene = scene(1, 8);
    let (gate, work) = gated(1);
    scene.run(work);
    next(&gate.begins);
    (0..3).for_each(|_| scene.run(|_| unreachable!("it is cancelled")));
    scene.handle.tell(scene.client, Order::CancelAll);
    scene.run(|_| 2);
    assert_eq!(scene.in_flight(), 1);
    gate.open.send(()).unwrap();
    let mut outcomes: Vec<_> = (0..5).map(|_| next(&scene.outcomes)).collect();
    outcomes.sort_by_key(Result::is_ok);
    assert_eq!(outcomes[..4], [const { Err(TaskError::Cancelled) }; 4]);
    assert_eq!(outcomes[4], Ok(2));
    scene.end();
}

#[test]
fn tasks_that_are_done_are_not_in_flight() {
    let scene = scene(2, 1000);
    for _ in 0..10 {
        (0..100).for_each(|n| scene.run(move |_| n));
        (0..100).for_each(|_| assert!(next(&scene.outcomes).is_ok()));
        eventually("none is in flight", || scene.in_flight() == 0);
    }
    scene.end();
}

#[test]
fn a_shutdown_does_what_waits_until_its_deadline() {
    let scene = scene(2, 64);
    (0..20).for_each(|n| scene.run(move |_| n));
    scene.in_flight();
    let report = scene.pool.shutdown(PATIENCE);
    assert_eq!((report.unrun, report.running), (0, 0));
    (0..20).for_each(|_| assert!(next(&scene.outcomes).is_ok()));
    scene.run(|_| 1);
    assert!(matches!(next(&scene.refusals), Refused::ShutDown(_)));
    // Once more is as good.
    assert_eq!(scene.pool.shutdown(PATIENCE), report);
    scene.end();
}

#[test]
fn a_shutdown_refuses_what_its_deadline_does_not_cover() {
    let scene = scene(1, 64);
    let (gate, work) = gated(7);
    scene.run(work);
    next(&gate.begins);
    (0..5).for_each(|_| scene.run(|_| unreachable!("it is refused")));
    assert_eq!((scene.in_flight(), scene.pool.queued()), (6, 5));
    let report = scene.pool.shutdown(Duration::from_millis(5));
    assert_eq!((report.unrun, report.running), (5, 1));
    (0..5).for_each(|_| assert_eq!(next(&scene.outcomes), Err(TaskError::ShutDown)));
    gate.open.send(()).unwrap();
    assert_eq!(next(&scene.outcomes), Ok(7), "what runs is not lost");
    let report = scene.pool.shutdown(PATIENCE);
    assert_eq!((report.unrun, report.running), (0, 0), "its thread has ended");
    scene.end();
}

thread_local! {
    /// Dropped as the thread ends.
    static UNTIL_THE_END: RefCell<Option<Arc<()>>> = const { RefCell::new(None) };
}

#[test]
fn a_pool_that_nobody_holds_does_what_waits_and_ends() {
    let Scene { engine, handle, pool, client, outcomes, .. } = scene(1, 64);
    let run = |work: Work| handle.tell(client, Order::Run(FOREVER, work));
    let (gate, work) = gated(0);
    run(Box::new(work));
    next(&gate.begins);
    let held = Arc::new(());
    let hold = held.clone();
    run(Box::new(move |_| {
        UNTIL_THE_END.set(Some(hold));
        1
    }));
    drop(pool);
    gate.open.send(()).unwrap();
    assert_eq!((next(&outcomes), next(&outcomes)), (Ok(0), Ok(1)));
    assert_eq!(Arc::strong_count(&held), 2, "the client still holds the pool");
    engine.shutdown(PATIENCE).unwrap();
    eventually("the thread has ended", || Arc::strong_count(&held) == 1);
}

#[test]
fn a_pool_is_not_started_with_numbers_that_are_not_allowed() {
    let error = BlockingPool::builder().threads(0).start().unwrap_err();
    assert!(matches!(error, PoolError::Threads { threads: 0, .. }));
    assert_eq!(error.to_string(), "a pool of 0 threads: allowed are 1 to 4096");
    let error = BlockingPool::builder().queue(0).start().unwrap_err();
    assert!(matches!(error, PoolError::Queue { capacity: 0, .. }));
    assert_eq!(error.to_string(), "a queue of 0: allowed are 1 to 1048576");
    assert!(BlockingPool::builder().queue(usize::MAX).start().is_err());
}
