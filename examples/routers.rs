//! Counts primes with a pool: jobs go to the routee with the fewest in flight, the pool grows while they come, and some
//! jobs are malformed and panic their routee, which is restarted.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Context, DeadLetterReason, Engine, On, Props, Restart};
use hippodrome_toolkit::router::{LeastLoaded, Pool};

const JOBS: u64 = 2000;

/// Numbers that one job looks at.
const NUMBERS: u64 = 100;

/// Every so many jobs one is malformed.
const MALFORMED: u64 = 400;

/// Primes below 200,000.
const PRIMES: u64 = 17_984;

enum Job {
    Count { first: u64 },
    Malformed,
}

/// Counts the primes of a range, and tells the sum.
struct Counter {
    sum: ActorRef<u64>,
}

impl Actor for Counter {
    type Msg = Job;

    fn handle(&mut self, job: Job, ctx: &mut Context<'_, Job>) {
        match job {
            Job::Count { first } => {
                let primes = (first..first + NUMBERS).filter(|n| is_prime(*n)).count();
                ctx.tell(self.sum, primes as u64);
            }
            Job::Malformed => panic!("this job is malformed"),
        }
    }
}

fn is_prime(n: u64) -> bool {
    n >= 2 && (2..).take_while(|divisor| divisor * divisor <= n).all(|divisor| !n.is_multiple_of(divisor))
}

/// Adds up, and tells the total when everything was handled.
struct Sum(u64, Sender<u64>);

impl Actor for Sum {
    type Msg = u64;

    fn handle(&mut self, primes: u64, _ctx: &mut Context<'_, u64>) {
        self.0 += primes;
    }

    fn stopped(&mut self, _ctx: &mut Context<'_, u64>) {
        // Whoever started it may have given up.
        let _ = self.1.send(self.0);
    }
}

fn main() -> Result<ExitCode, hippodrome::Error> {
    // The panics that are to come are no news.
    std::panic::set_hook(Box::new(|_| ()));
    let engine = Engine::builder().unpinned_workers(2).start()?;
    let mut handle = engine.handle();
    let (total, totals) = mpsc::channel();
    let sum = handle.spawn(On::Worker(0), move || Sum(0, total.clone()))?;
    let restart = Restart::up_to(100, Duration::from_secs(60));
    let pool = Pool::of(2, LeastLoaded::default())
        .routees(move |_| Props::on(On::RoundRobin).restart(restart))
        .spawn(&handle, move || Counter { sum })?;
    pool.ready(&handle).wait(Duration::from_secs(5))?;

    let mut router = pool.router();
    for number in 0..JOBS + JOBS / MALFORMED {
        if number == JOBS / 2 {
            pool.resize(&mut handle, 8);
        }
        // The last of each row is the malformed one.
        let (row, place) = (number / (MALFORMED + 1), number % (MALFORMED + 1));
        let first = (row * MALFORMED + place) * NUMBERS;
        let mut job = if place == MALFORMED { Job::Malformed } else { Job::Count { first } };
        while let Err(error) = router.try_tell(&mut handle, job) {
            job = error.into_message();
            thread::yield_now();
        }
    }
    let report = engine.shutdown(Duration::from_secs(60))?;
    let total = totals.recv().unwrap_or(0);
    let panicked = report.dead_letters.get(DeadLetterReason::Panicked);
    println!("{JOBS} jobs: {total} primes");
    println!("{panicked} malformed jobs were reported");
    let is_right = total == PRIMES && panicked == JOBS / MALFORMED && report.dead_letters.total() == panicked;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
