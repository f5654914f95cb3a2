//! A pool of ordinary threads for calls that block.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use hippodrome::{ActorRef, Context};

use super::error::{PoolError, Refused, TaskError};
use super::queue::{NoPlace, Order, Queue, Work};
use super::tasks::{CancelToken, Tasks};

/// The most threads of a pool.
const THREADS_MOST: usize = 4096;

/// The most work that may wait.
const QUEUE_MOST: usize = 1 << 20;

/// Threads that do what blocks. Cloned freely; see the [module's documentation](super).
///
/// When the last clone is dropped the pool takes no more work; its threads do what waits, and end. [`shutdown`](Self::shutdown)
/// waits for that.
#[derive(Clone)]
pub struct BlockingPool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Arc<Queue>,
    crew: Crew,
}

/// Who does the work.
pub(super) enum Crew {
    /// Threads: the channel is closed when all of them have ended.
    Threads(Receiver<Infallible>),
    /// Actors of a simulation, who are told that there is something to look for.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only tests simulate"))]
    Simulated(Box<[ActorRef<Look>]>),
}

/// To a simulated thread: it may have something to do.
pub(super) enum Look {
    /// There is work in the queue.
    Queue,
    /// The work at hand has taken its time.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only tests simulate"))]
    Done,
}

/// What a pool is to be like.
#[derive(Clone, Debug)]
#[must_use = "a pool is started by `start`"]
pub struct Builder {
    pub(super) threads: usize,
    pub(super) queue: usize,
    name: String,
}

impl Builder {
    /// How many threads: 1 to 4096. Default 4.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// How much work may wait for a thread: 1 to 1,048,576. Its places are allocated at the start. Default 256.
    pub fn queue(mut self, capacity: usize) -> Self {
        self.queue = capacity;
        self
    }

    /// The threads' name, to which a number is added. Default `blocking`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// See [`PoolError`]; threads that were started already end then.
    pub fn start(self) -> Result<BlockingPool, PoolError> {
        let queue = self.make_queue()?;
        let (lives, gone) = crossbeam_channel::bounded::<Infallible>(0);
        let pool = BlockingPool::new(queue.clone(), Crew::Threads(gone));
        for number in 0..self.threads {
            let (queue, lives) = (queue.clone(), lives.clone());
            thread::Builder::new().name(format!("{}-{number}", self.name)).spawn(move || {
                while let Order::Run(job) = queue.next() {
                    if let Some(job) = queue.begin(job) {
                        queue.finish(job);
                    }
                }
                drop(lives);
            })?;
        }
        Ok(pool)
    }

    pub(super) fn make_queue(&self) -> Result<Arc<Queue>, PoolError> {
        if !(1..=THREADS_MOST).contains(&self.threads) {
            return Err(PoolError::Threads { threads: self.threads, most: THREADS_MOST });
        }
        if !(1..=QUEUE_MOST).contains(&self.queue) {
            return Err(PoolError::Queue { capacity: self.queue, most: QUEUE_MOST });
        }
        Ok(Arc::new(Queue::new(self.queue, self.threads)))
    }
}

/// What a pool left undone when it was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolReport {
    /// Work that had not begun: whoever waits for it was told [`TaskError::ShutDown`].
    pub unrun: usize,
    /// Work that was running still. Its thread ends behind it, if it ends.
    pub running: usize,
}

impl BlockingPool {
    /// A pool that is to be set up first.
    pub fn builder() -> Builder {
        Builder { threads: 4, queue: 256, name: "blocking".to_owned() }
    }

    pub(super) fn new(queue: Arc<Queue>, crew: Crew) -> Self {
        Self { shared: Arc::new(Shared { queue, crew }) }
    }

    /// Has `work` done by a thread of the pool. Its outcome, or why there is none, arrives at the actor as the message
    /// that `map` makes of it: one message, unless the actor's life ends before.
    ///
    /// `timeout` covers the wait in the queue and the work. What was cancelled by it, or with its `tasks`, is skipped
    /// if it has not begun; otherwise it can see that by its token. A cancelled task keeps its place in the queue until a
    /// thread comes to it. `map` may capture up to 24 bytes.
    ///
    /// Allocates the task, and wakes a thread if one sleeps. Never waits.
    ///
    /// # Errors
    /// The work, if the queue is full or the pool was shut down; `map` is dropped then.
    pub fn run<M, T, W>(
        &self,
        tasks: &mut Tasks,
        ctx: &mut Context<'_, M>,
        timeout: Duration,
        work: W,
        map: impl FnOnce(Result<T, TaskError>) -> M + 'static,
    ) -> Result<(), Refused<W>>
    where
        M: Send + 'static,
        T: Send + 'static,
        W: FnOnce(&CancelToken) -> T + Send + 'static,
    {
        match self.shared.queue.take_place() {
            Ok(()) => {}
            Err(NoPlace::Full) => return Err(Refused::Full(work)),
            Err(NoPlace::Closed) => return Err(Refused::ShutDown(work)),
        }
        let ticket = tasks.start(ctx, timeout, map);
        self.shared.queue.put(Box::new(Work { work, ticket }));
        if let Crew::Simulated(threads) = &self.shared.crew {
            threads.iter().for_each(|thread| ctx.tell(*thread, Look::Queue));
        }
        Ok(())
    }

    /// How much work waits for a thread, what was cancelled included.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queue.queued()
    }

    /// How many threads are busy.
    #[must_use]
    pub fn running(&self) -> usize {
        self.shared.queue.running()
    }

    /// Takes no more work, and waits up to `deadline` until what waits is done and the threads have ended. What has not
    /// begun by then is refused. Not to be called from a handler, as it blocks the thread.
    ///
    /// A simulated pool does not wait: what has not begun is refused at once.
    pub fn shutdown(&self, deadline: Duration) -> PoolReport {
        let end = Instant::now().checked_add(deadline);
        let queue = &self.shared.queue;
        queue.close();
        let mut running = 0;
        match &self.shared.crew {
            Crew::Threads(gone) => {
                let ended = end.map_or_else(
                    || gone.recv().err().map(|_| RecvTimeoutError::Disconnected),
                    |end| gone.recv_deadline(end).err(),
                );
                if ended == Some(RecvTimeoutError::Timeout) {
                    running = queue.running();
                }
            }
            Crew::Simulated(_) => running = queue.running(),
        }
        PoolReport { unrun: queue.refuse_rest(), running }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BlockingPool({} queued, {} running)", self.queued(), self.running())
    }
}
