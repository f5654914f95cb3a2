//! A simulated pool: what holds of tasks in every order, and through panics, restarts and stops of their actors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hippodrome::sim::{Faults, Sim, explore};
use hippodrome::{Actor, Context, DeadLetterReason, On, Props, Restart};
use hippodrome_toolkit::blocking::{BlockingPool, TaskError, Tasks};

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3600);

/// What became of each piece of work, by its number.
#[derive(Default)]
struct Ledger {
    accepted: AtomicU64,
    refused: AtomicU64,
    /// By number: how often it was run, and how often its outcome came.
    runs: Mutex<Vec<(u32, u32)>>,
    ok: AtomicU64,
    timed_out: AtomicU64,
    cancelled: AtomicU64,
    lives: AtomicU64,
}

impl Ledger {
    fn next(&self) -> usize {
        let mut runs = self.runs.lock().unwrap();
        runs.push((0, 0));
        runs.len() - 1
    }

    fn run(&self, number: usize) {
        self.runs.lock().unwrap()[number].0 += 1;
    }

    fn came(&self, number: usize) {
        self.runs.lock().unwrap()[number].1 += 1;
    }
}

struct Client {
    pool: BlockingPool,
    tasks: Tasks,
    ledger: Arc<Ledger>,
    /// The numbers that were accepted in this life.
    waiting: Vec<usize>,
}

enum Order {
    Run,
    Came(usize, Result<usize, TaskError>),
}

impl Actor for Client {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Run => {
                let number = self.ledger.next();
                let ledger = self.ledger.clone();
                let work = move |_: &_| {
                    ledger.run(number);
                    number
                };
                let came = move |outcome| Order::Came(number, outcome);
                match self.pool.run(&mut self.tasks, ctx, Duration::from_millis(40), work, came) {
                    Ok(()) => {
                        self.waiting.push(number);
                        self.ledger.accepted.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(_) => _ = self.ledger.refused.fetch_add(1, Ordering::Relaxed),
                }
            }
            Order::Came(number, outcome) => {
                let at = self.waiting.iter().position(|waiting| *waiting == number);
                self.waiting.swap_remove(at.expect("it is of this life, and comes once"));
                self.ledger.came(number);
                let count = match outcome {
                    Ok(result) => {
                        assert_eq!(result, number);
                        &self.ledger.ok
                    }
                    Err(TaskError::TimedOut) => &self.ledger.timed_out,
                    Err(TaskError::Cancelled) => &self.ledger.cancelled,
                    Err(error) => panic!("{error}"),
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A run of several clients and one pool. Gives the ledger, and what the pool still has.
fn run(sim: &mut Sim, faults: Option<Faults>) -> (Arc<Ledger>, BlockingPool) {
    let takes = Duration::ZERO..=Duration::from_millis(15);
    let pool = BlockingPool::builder().threads(2).queue(8).simulated(sim, takes).unwrap();
    let ledger = Arc::new(Ledger::default());
    let mut clients = Vec::new();
    for worker in 0..2 {
        let (pool, ledger) = (pool.clone(), ledger.clone());
        let props = Props::on(On::Worker(worker)).restart(Restart::up_to(1000, FOREVER));
        let client = sim.handle().spawn(props, move || {
            ledger.lives.fetch_add(1, Ordering::Relaxed);
            Client { pool: pool.clone(), tasks: Tasks::new(), ledger: ledger.clone(), waiting: Vec::new() }
        });
        clients.push(client.unwrap());
    }
    if let Some(faults) = faults {
        sim.set_faults(faults);
    }
    for round in 0..12 {
        for client in &clients {
            (0..round % 5).for_each(|_| sim.handle().tell(*client, Order::Run));
        }
        sim.advance(Duration::from_millis(7)).unwrap();
    }
    sim.set_faults(Faults::none());
    sim.advance(Duration::from_secs(1)).unwrap();
    (ledger, pool)
}

#[test]
fn every_task_of_a_living_actor_has_one_outcome() {
    let (mut ok, mut late, mut refused) = (0, 0, 0);
    explore(200, |sim| {
        let (ledger, pool) = run(sim, None);
        let counts = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!(counts(&ledger.accepted), counts(&ledger.ok) + counts(&ledger.timed_out));
        assert_eq!((counts(&ledger.cancelled), counts(&ledger.lives)), (0, 2));
        assert_eq!((pool.queued(), pool.running()), (0, 0));
        let runs = ledger.runs.lock().unwrap();
        assert!(runs.iter().all(|(runs, outcomes)| *runs <= 1 && *outcomes <= 1), "{runs:?}");
        // A result may be on its way as its time ends.
        let dead = sim.stats().dead_letters();
        assert_eq!(dead.total(), dead.get(DeadLetterReason::LateReply));
        assert!(dead.total() <= counts(&ledger.timed_out));
        ok += counts(&ledger.ok);
        late += counts(&ledger.timed_out);
        refused += counts(&ledger.refused);
    });
    assert!(ok > 0 && late > 0 && refused > 0, "{ok} ok, {late} late, {refused} refused: all of it is to happen");
}

#[test]
fn tasks_are_accounted_for_through_every_fault() {
    let (mut restarts, mut lost) = (0, 0);
    explore(300, |sim| {
        let (ledger, pool) = run(sim, Some(Faults::chaos()));
        let counts = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let runs = ledger.runs.lock().unwrap();
        assert!(runs.iter().all(|(runs, outcomes)| *runs <= 1 && *outcomes <= 1), "{runs:?}");
        let came: u32 = runs.iter().map(|(_, outcomes)| *outcomes).sum();
        assert_eq!(u64::from(came), counts(&ledger.ok) + counts(&ledger.timed_out) + counts(&ledger.cancelled));
        assert!(counts(&ledger.accepted) >= u64::from(came));
        assert_eq!((pool.queued(), pool.running()), (0, 0), "nothing is left behind");
        // Nothing but the deaths of actors made dead letters.
        let dead = sim.stats().dead_letters();
        for reason in [DeadLetterReason::Full, DeadLetterReason::MailboxFull, DeadLetterReason::Unreachable] {
            assert_eq!(dead.get(reason), 0, "{reason}");
        }
        restarts += counts(&ledger.lives) - 2;
        lost += counts(&ledger.accepted) - u64::from(came);
    });
    assert!(
        restarts > 0 && lost > 0,
        "{restarts} restarts, {lost} tasks that ended with their actor: both are to happen"
    );
}

#[test]
fn a_seed_gives_the_same_run() {
    let hash = |seed| {
        let mut sim = Sim::new(seed);
        let (ledger, _) = run(&mut sim, Some(Faults::chaos()));
        (sim.trace_hash(), ledger.ok.load(Ordering::Relaxed))
    };
    for seed in 0..20 {
        assert_eq!(hash(seed), hash(seed));
    }
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_simulated_pool_that_is_shut_down_refuses() {
    let mut sim = Sim::new(5);
    let takes = Duration::from_millis(10)..=Duration::from_millis(10);
    let pool = BlockingPool::builder().threads(1).queue(8).simulated(&mut sim, takes).unwrap();
    let probe = sim.probe();
    let told = probe.actor();
    let actor_pool = pool.clone();
    let client = sim.handle().spawn(On::Worker(0), move || {
        let (pool, mut tasks) = (actor_pool.clone(), Tasks::new());
        hippodrome::from_fn(move |outcome: Option<Result<u64, TaskError>>, ctx: &mut Context<'_, _>| match outcome {
            None => {
                let run = pool.run(&mut tasks, ctx, FOREVER, |_| 7_u64, Some);
                ctx.tell(told, run.map(|()| 0).map_err(|_| TaskError::Cancelled));
            }
            Some(outcome) => ctx.tell(told, outcome),
        })
    });
    let client = client.unwrap();
    (0..3).for_each(|_| sim.handle().tell(client, None));
    sim.advance(Duration::from_millis(5)).unwrap();
    assert_eq!(probe.drain(), [Ok(0), Ok(0), Ok(0)]);
    let report = pool.shutdown(Duration::ZERO);
    assert_eq!((report.unrun, report.running), (2, 1));
    sim.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(probe.drain(), [Err(TaskError::ShutDown), Err(TaskError::ShutDown), Ok(7)]);
    sim.handle().tell(client, None);
    sim.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(probe.drain(), [Err(TaskError::Cancelled)], "it is refused");
}

#[test]
fn work_whose_outcome_cannot_be_waited_for_is_not_done() {
    let mut sim = Sim::builder(8).configure(|config| config.max_asks = 1).build().unwrap();
    let takes = Duration::from_millis(10)..=Duration::from_millis(10);
    let pool = BlockingPool::builder().threads(1).queue(8).simulated(&mut sim, takes).unwrap();
    let probe = sim.probe();
    let told = probe.actor();
    let ran = Arc::new(AtomicU64::new(0));
    let runs = ran.clone();
    let client = sim.handle().spawn(On::Worker(0), move || {
        let (pool, mut tasks, runs) = (pool.clone(), Tasks::new(), runs.clone());
        hippodrome::from_fn(move |outcome: Option<Result<u64, TaskError>>, ctx: &mut Context<'_, _>| match outcome {
            None => {
                for _ in 0..2 {
                    let runs = runs.clone();
                    let work = move |_: &_| runs.fetch_add(1, Ordering::Relaxed);
                    pool.run(&mut tasks, ctx, FOREVER, work, Some).unwrap();
                }
            }
            Some(outcome) => ctx.tell(told, outcome),
        })
    });
    sim.handle().tell(client.unwrap(), None);
    sim.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(probe.drain(), [Err(TaskError::TooMany), Ok(0)]);
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    assert_eq!(sim.stats().dead_letters().total(), 0);
}
