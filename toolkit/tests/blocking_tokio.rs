//! Futures on a real runtime of tokio, with real sockets: what becomes of them, whatever becomes of their actor.

#[path = "common/waiting.rs"]
mod waiting;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Context, DeadLetterReason, Engine, Handle, On, Props, Reply, Restart, Stop};
use hippodrome_toolkit::blocking::{Refused, TaskError, Tasks, Tokio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use waiting::{PATIENCE, eventually, next};

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3600);

type Work = Pin<Box<dyn Future<Output = u64> + Send>>;
type Outcome = Result<u64, TaskError>;

/// Gives futures to the runtime, and tells the test what comes of them.
struct Client {
    tokio: Tokio,
    tasks: Tasks,
    outcomes: Sender<Outcome>,
    refusals: Sender<Refused<Work>>,
}

enum Order {
    Run(Duration, Work),
    Came(Outcome),
    CancelAll,
    Panic,
}

impl Actor for Client {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Run(timeout, work) => {
                if let Err(refused) = self.tokio.spawn(&mut self.tasks, ctx, timeout, work, Order::Came) {
                    self.refusals.send(refused).unwrap();
                }
            }
            Order::Came(outcome) => self.outcomes.send(outcome).unwrap(),
            Order::CancelAll => self.tasks.cancel_all(),
            Order::Panic => panic!("as planned"),
        }
    }
}

struct Scene {
    engine: Engine,
    handle: Handle,
    runtime: Runtime,
    tokio: Tokio,
    client: ActorRef<Order>,
    outcomes: Receiver<Outcome>,
    refusals: Receiver<Refused<Work>>,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn scene(limit: usize) -> Scene {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let runtime = runtime();
    let tokio = Tokio::new(runtime.handle().clone(), limit);
    let (told, outcomes) = mpsc::channel();
    let (given_back, refusals) = mpsc::channel();
    let actor_tokio = tokio.clone();
    let props = Props::on(On::Worker(1)).restart(Restart::up_to(100, FOREVER));
    let client = handle.spawn(props, move || Client {
        tokio: actor_tokio.clone(),
        tasks: Tasks::new(),
        outcomes: told.clone(),
        refusals: given_back.clone(),
    });
    Scene { engine, handle, runtime, tokio, client: client.unwrap(), outcomes, refusals }
}

impl Scene {
    fn run(&self, work: impl Future<Output = u64> + Send + 'static) {
        self.run_within(FOREVER, work);
    }

    fn run_within(&self, timeout: Duration, work: impl Future<Output = u64> + Send + 'static) {
        self.handle.tell(self.client, Order::Run(timeout, Box::pin(work)));
    }

    fn end(self) {
        self.engine.shutdown(PATIENCE).unwrap();
        self.runtime.shutdown_timeout(PATIENCE);
    }
}

/// Counts the drops of a future.
struct Guard(Arc<AtomicU64>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that never ends, and says when it is dropped.
fn endless(dropped: &Arc<AtomicU64>) -> impl Future<Output = u64> + Send + 'static {
    let guard = Guard(dropped.clone());
    async move {
        let _guard = guard;
        std::future::pending().await
    }
}

#[test]
fn results_arrive_as_messages() {
    let scene = scene(100);
    for n in 0..50 {
        scene.run(async move {
            tokio::time::sleep(Duration::from_millis(n % 3)).await;
            n
        });
    }
    let mut results: Vec<_> = (0..50).map(|_| next(&scene.outcomes).unwrap()).collect();
    results.sort_unstable();
    assert_eq!(results, (0..50).collect::<Vec<_>>());
    eventually("none is in flight", || scene.tokio.in_flight() == 0);
    assert_eq!(scene.handle.stats().dead_letters().total(), 0);
    scene.end();
}

#[test]
fn a_panic_is_an_error_and_the_runtime_goes_on() {
    let scene = scene(100);
    scene.run(async { panic!("the line is dead") });
    assert_eq!(next(&scene.outcomes), Err(TaskError::Panicked("the line is dead".into())));
    scene.run(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        panic!("after a while")
    });
    assert_eq!(next(&scene.outcomes), Err(TaskError::Panicked("after a while".into())));
    scene.run(async { 4 });
    assert_eq!(next(&scene.outcomes), Ok(4));
    eventually("none is in flight", || scene.tokio.in_flight() == 0);
    scene.end();
}

#[test]
fn as_many_are_in_flight_as_may_be() {
    let scene = scene(2);
    let dropped = Arc::default();
    (0..2).for_each(|_| scene.run(endless(&dropped)));
    scene.run(async { 3 });
    let refused = next(&scene.refusals);
    assert!(matches!(refused, Refused::Full(_)), "{refused:?}");
    scene.handle.tell(scene.client, Order::CancelAll);
    assert_eq!([next(&scene.outcomes), next(&scene.outcomes)], [const { Err(TaskError::Cancelled) }; 2]);
    eventually("none is in flight", || scene.tokio.in_flight() == 0);
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    // What came back is the very future.
    scene.run(refused.into_work());
    assert_eq!(next(&scene.outcomes), Ok(3));
    scene.end();
}

#[test]
fn a_future_that_takes_too_long_is_dropped() {
    let scene = scene(2);
    let dropped = Arc::default();
    scene.run_within(Duration::from_millis(5), endless(&dropped));
    assert_eq!(next(&scene.outcomes), Err(TaskError::TimedOut));
    eventually("it is dropped", || dropped.load(Ordering::SeqCst) == 1 && scene.tokio.in_flight() == 0);
    assert_eq!(scene.handle.stats().dead_letters().total(), 0);
    scene.end();
}

#[test]
fn futures_end_with_the_life_of_their_actor() {
    for end in ["stop", "kill", "panic"] {
        let scene = scene(100);
        let dropped = Arc::default();
        (0..10).for_each(|_| scene.run(endless(&dropped)));
        eventually("all are in flight", || scene.tokio.in_flight() == 10);
        match end {
            "stop" => scene.handle.stop(scene.client, Stop::AfterQueued).unwrap(),
            "kill" => scene.handle.stop(scene.client, Stop::Kill).unwrap(),
            _ => scene.handle.tell(scene.client, Order::Panic),
        }
        eventually("all are dropped", || dropped.load(Ordering::SeqCst) == 10 && scene.tokio.in_flight() == 0);
        if end == "panic" {
            scene.run(async { 5 });
            assert_eq!(next(&scene.outcomes), Ok(5), "the new life works");
        }
        assert!(scene.outcomes.try_recv().is_err());
        let dead = scene.handle.stats().dead_letters();
        assert_eq!(dead.total(), u64::from(end == "panic"));
        assert_eq!(dead.get(DeadLetterReason::Panicked), dead.total());
        scene.end();
    }
}

#[test]
fn a_runtime_that_ends_cancels() {
    let Scene { engine, handle, runtime, client, outcomes, .. } = scene(100);
    let dropped = Arc::default();
    handle.tell(client, Order::Run(FOREVER, Box::pin(endless(&dropped))));
    eventually("it is in flight", || Arc::strong_count(&dropped) == 2);
    runtime.shutdown_timeout(PATIENCE);
    assert_eq!(next(&outcomes), Err(TaskError::Cancelled));
    // And what comes afterwards.
    handle.tell(client, Order::Run(FOREVER, Box::pin(async { 1 })));
    assert_eq!(next(&outcomes), Err(TaskError::Cancelled));
    engine.shutdown(PATIENCE).unwrap();
}

/// Knows who has which balance.
struct Ledger([u64; 4]);

struct Balance(usize, Reply<u64>);

impl Actor for Ledger {
    type Msg = Balance;

    fn handle(&mut self, Balance(account, reply): Balance, ctx: &mut Context<'_, Balance>) {
        reply.send(ctx, self.0[account]);
    }
}

/// Fetches the balances of a [`Ledger`] that is reached through a socket.
struct Fetcher {
    tokio: Tokio,
    tasks: Tasks,
    fetched: Sender<Result<Vec<u64>, String>>,
}

enum Fetch {
    From(std::net::SocketAddr),
    Came(Result<io::Result<Vec<u64>>, TaskError>),
}

impl Actor for Fetcher {
    type Msg = Fetch;

    fn handle(&mut self, fetch: Fetch, ctx: &mut Context<'_, Fetch>) {
        match fetch {
            Fetch::From(server) => {
                let fetch = async move {
                    let mut stream = TcpStream::connect(server).await?;
                    let mut balances = Vec::new();
                    for account in 0..4 {
                        stream.write_u8(account).await?;
                        balances.push(stream.read_u64().await?);
                    }
                    Ok(balances)
                };
                self.tokio.spawn(&mut self.tasks, ctx, PATIENCE, fetch, Fetch::Came).expect("there is room");
            }
            Fetch::Came(outcome) => {
                let result = outcome.map_err(|error| error.to_string());
                self.fetched.send(result.and_then(|read| read.map_err(|error| error.to_string()))).unwrap();
            }
        }
    }
}

/// Both ways: the tasks of the server ask an actor, and an actor has a task that talks to the server.
#[test]
fn actors_and_tasks_reach_each_other_through_a_real_socket() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let runtime = runtime();
    let ledger = handle.spawn(On::Worker(0), || Ledger([10, 20, 30, 40])).unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let server = listener.local_addr().unwrap();
    let asking = handle.clone();
    runtime.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let asking = asking.clone();
            tokio::spawn(async move {
                while let Ok(account) = stream.read_u8().await {
                    let balance = asking.ask(ledger, |reply| Balance(usize::from(account), reply)).await.unwrap();
                    stream.write_u64(balance).await.unwrap();
                }
            });
        }
    });
    let tokio = Tokio::new(runtime.handle().clone(), 16);
    let (told, fetched) = mpsc::channel();
    let fetcher = handle
        .spawn(On::Worker(1), move || Fetcher { tokio: tokio.clone(), tasks: Tasks::new(), fetched: told.clone() })
        .unwrap();
    (0..8).for_each(|_| handle.tell(fetcher, Fetch::From(server)));
    for _ in 0..8 {
        assert_eq!(next(&fetched), Ok(vec![10, 20, 30, 40]));
    }
    assert_eq!(handle.stats().dead_letters().total(), 0);
    engine.shutdown(PATIENCE).unwrap();
    runtime.shutdown_timeout(PATIENCE);
}
