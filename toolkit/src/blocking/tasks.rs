//! What an actor has started elsewhere, and its cancellation.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hippodrome::{AskError, Context, Reply};

use super::error::TaskError;

/// What becomes of a piece of work.
pub(super) type Outcome<T> = Result<T, TaskError>;

/// The tasks that an actor has started elsewhere: a field of its state. Dropping it cancels all of them, so they end with
/// the life of the actor that started them, however that ends.
///
/// Tasks that are done are forgotten as others are started.
#[derive(Debug, Default)]
pub struct Tasks {
    tasks: Vec<Arc<Task>>,
    /// When there are so many, those that are done are taken out.
    crowd: usize,
}

/// The least number of tasks among which those that are done are looked for.
const CROWD_LEAST: usize = 16;

impl Tasks {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are queued or run. Takes time in proportion to how many there were of late.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.tasks.iter().filter(|task| !task.is_done()).count()
    }

    /// Cancels all: what has not begun is not run, what runs can see it, futures are dropped. Of each whose outcome was
    /// not on its way the actor is told [`TaskError::Cancelled`].
    pub fn cancel_all(&mut self) {
        self.tasks.drain(..).for_each(|task| task.cancel());
    }

    /// One more task of the actor whose context this is: the outcome arrives as `map` makes it.
    pub(super) fn start<M, T>(
        &mut self,
        ctx: &mut Context<'_, M>,
        timeout: Duration,
        map: impl FnOnce(Outcome<T>) -> M + 'static,
    ) -> Ticket<T>
    where
        M: Send + 'static,
        T: Send + 'static,
    {
        let task = Arc::new(Task::default());
        let waited_for = task.clone();
        let reply = ctx.promise(timeout, move |answer: Result<Outcome<T>, AskError>| {
            map(answer.unwrap_or_else(|error| {
                // Nobody waits for it any more.
                waited_for.cancel();
                Err(error.into())
            }))
        });
        if self.tasks.len() >= self.crowd.max(CROWD_LEAST) {
            self.tasks.retain(|task| !task.is_done());
            self.crowd = 2 * self.tasks.len();
        }
        self.tasks.push(task.clone());
        Ticket { reply: Some(reply), task }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.cancel_all();
    }
}

/// By which work sees that nobody wants its result any more, because its time is over or its actor's life is.
#[derive(Clone, Debug)]
pub struct CancelToken(Arc<Task>);

impl CancelToken {
    /// Whether the work may as well end. Costs a load.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// What the two ends of a task share. The flags say something of the task alone and publish nothing else, so that relaxed
/// orderings do.
#[derive(Default)]
pub(super) struct Task {
    is_cancelled: AtomicBool,
    is_done: AtomicBool,
    /// What ends it, where something can.
    abort: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Task {
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }

    fn cancel(&self) {
        if !self.is_cancelled.swap(true, Ordering::Relaxed)
            && let Some(abort) = self.abort.get()
        {
            abort();
        }
    }

    /// Says how to end it. To be called where it was started, before that actor can cancel it.
    #[cfg(feature = "tokio")]
    pub(super) fn abort_by(&self, abort: impl Fn() + Send + Sync + 'static) {
        // It is set once.
        let _ = self.abort.set(Box::new(abort));
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Task(cancelled: {}, done: {})", self.is_cancelled(), self.is_done())
    }
}

/// The duty to say what has become of a task. Dropping it says that it was cancelled.
pub(super) struct Ticket<T: Send + 'static> {
    reply: Option<Reply<Outcome<T>>>,
    task: Arc<Task>,
}

impl<T: Send + 'static> Ticket<T> {
    pub(super) fn is_cancelled(&self) -> bool {
        self.task.is_cancelled()
    }

    pub(super) fn token(&self) -> CancelToken {
        CancelToken(self.task.clone())
    }

    #[cfg(feature = "tokio")]
    pub(super) fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Sends the outcome, unless nobody waits for it any more.
    pub(super) fn answer(mut self, outcome: Outcome<T>) {
        if let Some(reply) = self.reply.take_if(|_| !self.task.is_cancelled()) {
            // It comes back if the engine has ended: then nobody waits.
            let _ = reply.send_from_outside(outcome);
        }
    }
}

impl<T: Send + 'static> Drop for Ticket<T> {
    fn drop(&mut self) {
        self.task.is_done.store(true, Ordering::Relaxed);
    }
}
