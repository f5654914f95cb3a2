//! Checksums of files: an actor that never touches the disk itself. It has the files read by a pool of threads, as many at
//! a time as the pool takes, and keeps the other requests until there is room.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use hippodrome::{Actor, Context, Engine, Handle, On, Reply};
use hippodrome_toolkit::blocking::{BlockingPool, CancelToken, TaskError, Tasks};

const FILES: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(30);

/// The sum of a file's bytes, or why there is none.
type Sum = Result<u64, String>;

struct Checksums {
    pool: BlockingPool,
    tasks: Tasks,
    waiting: VecDeque<(PathBuf, Reply<Sum>)>,
}

enum Request {
    Sum(PathBuf, Reply<Sum>),
    Read(Result<io::Result<u64>, TaskError>, Reply<Sum>),
}

impl Actor for Checksums {
    type Msg = Request;

    fn handle(&mut self, request: Request, ctx: &mut Context<'_, Request>) {
        match request {
            Request::Sum(path, reply) => self.waiting.push_back((path, reply)),
            Request::Read(outcome, reply) => {
                let sum = outcome.map_err(|error| error.to_string());
                reply.send(ctx, sum.and_then(|read| read.map_err(|error| error.kind().to_string())));
            }
        }
        self.begin(ctx);
    }
}

impl Checksums {
    /// Gives the pool what it takes. No one else does, so what was room before is room still.
    fn begin(&mut self, ctx: &mut Context<'_, Request>) {
        while self.pool.queued() < QUEUE
            && let Some((path, reply)) = self.waiting.pop_front()
        {
            let read = move |_: &CancelToken| sum_of(&path);
            let came = move |outcome| Request::Read(outcome, reply);
            // What is refused all the same, because the pool was shut down, drops its reply: whoever asked is told.
            let _ = self.pool.run(&mut self.tasks, ctx, PATIENCE, read, came);
        }
    }
}

/// How much waits in the pool.
const QUEUE: usize = 8;

fn sum_of(path: &Path) -> io::Result<u64> {
    Ok(fs::read(path)?.iter().map(|byte| u64::from(*byte)).sum())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("hippodrome-blocking-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let summed = sum_files(&folder);
    fs::remove_dir_all(&folder)?;
    summed
}

fn sum_files(folder: &Path) -> Result<(), Box<dyn Error>> {
    let path = |number: u64| folder.join(number.to_string());
    for number in 0..FILES {
        fs::write(path(number), vec![number as u8; 1000])?;
    }
    let pool = BlockingPool::builder().threads(3).queue(QUEUE).start()?;
    let engine = Engine::builder().unpinned_workers(1).start()?;
    let handle = engine.handle();
    let actors_pool = pool.clone();
    let sums = move || Checksums { pool: actors_pool.clone(), tasks: Tasks::new(), waiting: VecDeque::new() };
    let sums = handle.spawn(On::Worker(0), sums)?;
    let ask = |handle: &Handle, number| handle.ask(sums, |reply| Request::Sum(path(number), reply));

    // One more than there are.
    let asks: Vec<_> = (0..=FILES).map(|number| ask(&handle, number)).collect();
    let (mut total, mut missing) = (0, Vec::new());
    for (number, ask) in asks.into_iter().enumerate() {
        match ask.wait(PATIENCE)? {
            Ok(sum) => total += sum,
            Err(error) => missing.push(format!("file {number}: {error}")),
        }
    }
    let report = engine.shutdown(PATIENCE)?;
    let rest = pool.shutdown(PATIENCE);
    println!("{FILES} files add up to {total}");
    println!("{}", missing.join("\n"));
    println!("dead letters {}, left in the pool {}", report.dead_letters.total(), rest.unrun + rest.running);
    let expected = (0..FILES).sum::<u64>() * 1000;
    if total != expected || missing.len() != 1 {
        return Err(format!("they should add up to {expected}, and one is missing").into());
    }
    Ok(())
}
