//! What can go wrong with work that is done elsewhere.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hippodrome::AskError;

use crate::panic_text::panic_text;

/// Why there is no value of the work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The work panicked, with this message.
    #[error("the work panicked: {0}")]
    Panicked(Box<str>),
    /// It was not done in time, the wait in the queue counted in. It was cancelled with that.
    #[error("the work was not done in time")]
    TimedOut,
    /// It was cancelled, or the runtime that ran it has ended.
    #[error("the work was cancelled")]
    Cancelled,
    /// As many asks and promises are waiting on the worker as `max_asks` or `max_timers` allow. The work was cancelled; it
    /// may have begun.
    #[error("too many answers are being waited for on the worker")]
    TooMany,
    /// The pool was shut down before the work began.
    #[error("the pool was shut down before the work began")]
    ShutDown,
}

impl From<AskError> for TaskError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::TimedOut => Self::TimedOut,
            AskError::TooMany => Self::TooMany,
            _ => Self::Cancelled,
        }
    }
}

/// Work that was not taken.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused<W> {
    /// As much work waits, or is in flight, as may. There may be room later.
    #[error("there is no room for more work now")]
    Full(W),
    /// The pool was shut down.
    #[error("the pool was shut down")]
    ShutDown(W),
}

impl<W> Refused<W> {
    /// The work.
    pub fn into_work(self) -> W {
        match self {
            Self::Full(work) | Self::ShutDown(work) => work,
        }
    }
}

impl<W> fmt::Debug for Refused<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::ShutDown(_) => "ShutDown(..)",
        })
    }
}

/// Why a pool was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// So many threads may not be.
    #[error("a pool of {threads} threads: allowed are 1 to {most}")]
    Threads {
        /// The number that was given.
        threads: usize,
        /// The most that is allowed.
        most: usize,
    },
    /// So much may not wait.
    #[error("a queue of {capacity}: allowed are 1 to {most}")]
    Queue {
        /// The capacity that was given.
        capacity: usize,
        /// The most that is allowed.
        most: usize,
    },
    /// The operating system refused a thread.
    #[error("a thread of the pool cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// A simulated thread, which is an actor, could not be spawned.
    #[error("a simulated thread cannot be spawned: {0}")]
    Spawn(#[from] hippodrome::SpawnError),
}

/// The error of work that panicked.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> TaskError {
    let error = TaskError::Panicked(panic_text(&*panic).into());
    discard(panic);
    error
}

/// Runs foreign code, such as a drop, whose panic is nobody's.
pub(super) fn contained(run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        discard(panic);
    }
}

/// Drops what a panic carried. Where that panics too, what it carried is let go of undropped.
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(next);
    }
}
