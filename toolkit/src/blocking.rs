//! Work that blocks: a pool of ordinary threads, and tasks of a runtime, whose results arrive as messages.
//!
//! # What
//! A handler must not wait: its worker would stand still, and every actor on it. What has to wait goes elsewhere: a call
//! that blocks to a [`BlockingPool`], a future to `Tokio` (feature `tokio`). The actor gives it the work, a
//! time and what makes a message of the outcome; the outcome is a `Result` of the work's value or a [`TaskError`].
//!
//! An actor owns what it started through its [`Tasks`], a field of its state. When that is dropped, as it is when the actor
//! stops, panics or is restarted, everything in it is cancelled: what has not begun is not run, what runs
//! sees it by its [`CancelToken`], and nobody gets the results.
//!
//! # Trade-offs
//! A queue is bounded, and work that does not fit it comes back at once, as [`Refused`]: the actor decides whether to try
//! later, to answer that it is busy, or to drop it. A thread cannot be stopped from outside, so work that runs and never
//! looks at its token runs to its end. A task costs a few allocations and maybe the waking of a thread, some microseconds
//! in all: for work that takes longer than that.
//!
//! # How to use
//! ```
//! use hippodrome::{Actor, Context, Engine, On, Reply};
//! use hippodrome_toolkit::blocking::{BlockingPool, TaskError, Tasks};
//! use std::time::Duration;
//!
//! /// Reads files, without its worker waiting for the disk.
//! struct Files {
//!     pool: BlockingPool,
//!     tasks: Tasks,
//! }
//!
//! enum File {
//!     Length(&'static str, Reply<Option<usize>>),
//!     Came(Result<Option<usize>, TaskError>, Reply<Option<usize>>),
//! }
//!
//! impl Actor for Files {
//!     type Msg = File;
//!
//!     fn handle(&mut self, msg: File, ctx: &mut Context<'_, File>) {
//!         match msg {
//!             File::Length(path, reply) => {
//!                 let read = move |_: &_| std::fs::read(path).ok().map(|bytes| bytes.len());
//!                 let came = move |outcome| File::Came(outcome, reply);
//!                 // Work that finds no room is dropped here, and with it the reply: whoever asked is told at once.
//!                 let _ = self.pool.run(&mut self.tasks, ctx, Duration::from_secs(5), read, came);
//!             }
//!             File::Came(outcome, reply) => reply.send(ctx, outcome.unwrap_or_default()),
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = BlockingPool::builder().threads(2).queue(64).start()?;
//! let engine = Engine::builder().unpinned_workers(1).start()?;
//! let handle = engine.handle();
//! let actor_pool = pool.clone();
//! let files = handle.spawn(On::Worker(0), move || Files { pool: actor_pool.clone(), tasks: Tasks::new() })?;
//! let length = handle.ask(files, |reply| File::Length("Cargo.toml", reply)).wait(Duration::from_secs(5))?;
//! assert!(length.is_some_and(|length| length > 0));
//! engine.shutdown(Duration::from_secs(5))?;
//! assert_eq!(pool.shutdown(Duration::from_secs(5)).unrun, 0);
//! # Ok(())
//! # }
//! ```

mod error;
mod pool;
mod queue;
#[cfg(feature = "tokio")]
mod runtime;
#[cfg(feature = "testing")]
mod simulated;
mod tasks;

pub use error::{PoolError, Refused, TaskError};
pub use pool::{BlockingPool, Builder, PoolReport};
#[cfg(feature = "tokio")]
pub use runtime::Tokio;
pub use tasks::{CancelToken, Tasks};
