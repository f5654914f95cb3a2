//! Futures of a tokio runtime whose outcomes arrive as messages.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use hippodrome::Context;
use tokio::runtime::Handle;

use super::error::{Refused, TaskError, panicked};
use super::tasks::{Outcome, Tasks};

/// Runs an actor's futures on a runtime of [`tokio`]. Cloned freely; all clones count together.
///
/// The runtime is the program's own: it is to be started before the actors need it, and shut down after them. A task of it
/// asks an actor by [`hippodrome::Handle::ask`], whose answer is a future.
///
/// # Examples
/// ```
/// use hippodrome::{Actor, Context};
/// use hippodrome_toolkit::blocking::{TaskError, Tasks, Tokio};
/// use std::time::Duration;
///
/// struct Client {
///     runtime: Tokio,
///     tasks: Tasks,
/// }
///
/// enum Call {
///     Connect(&'static str),
///     Connected(Result<std::io::Result<tokio::net::TcpStream>, TaskError>),
/// }
///
/// impl Actor for Client {
///     type Msg = Call;
///
///     fn handle(&mut self, call: Call, ctx: &mut Context<'_, Call>) {
///         match call {
///             Call::Connect(address) => {
///                 let connect = tokio::net::TcpStream::connect(address);
///                 if self.runtime.spawn(&mut self.tasks, ctx, Duration::from_secs(3), connect, Call::Connected).is_err() {
///                     println!("too many are being connected to");
///                 }
///             }
///             Call::Connected(Ok(Ok(stream))) => println!("connected to {:?}", stream.peer_addr()),
///             Call::Connected(Ok(Err(error))) => println!("refused: {error}"),
///             Call::Connected(Err(error)) => println!("given up: {error}"),
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Tokio {
    runtime: Handle,
    in_flight: Arc<AtomicUsize>,
    limit: usize,
}

impl Tokio {
    /// Tasks on this runtime, up to `limit` at a time.
    #[must_use]
    pub fn new(runtime: Handle, limit: usize) -> Self {
        Self { runtime, in_flight: Arc::default(), limit }
    }

    /// Runs a future. Its outcome, or why there is none, arrives at the actor as the message that `map` makes of it: one
    /// message, unless the actor's life ends before.
    ///
    /// After `timeout`, or when `tasks` is dropped, the future is dropped, at the next point where it waits. A panic in it is
    /// [`TaskError::Panicked`]. If the runtime is shut down it is [`TaskError::Cancelled`]. `map` may capture up to 24 bytes.
    ///
    /// Allocates the task. Never waits.
    ///
    /// # Errors
    /// The future, if as many are in flight as may be; `map` is dropped then.
    pub fn spawn<M, F>(
        &self,
        tasks: &mut Tasks,
        ctx: &mut Context<'_, M>,
        timeout: Duration,
        future: F,
        map: impl FnOnce(Result<F::Output, TaskError>) -> M + 'static,
    ) -> Result<(), Refused<F>>
    where
        M: Send + 'static,
        F: Future<Output: Send> + Send + 'static,
    {
        let Some(permit) = Permit::take(&self.in_flight, self.limit) else { return Err(Refused::Full(future)) };
        let ticket = tasks.start(ctx, timeout, map);
        let task = ticket.task().clone();
        let running = self.runtime.spawn(async move {
            let _permit = permit;
            ticket.answer(Caught(Box::pin(future)).await);
        });
        let running = running.abort_handle();
        task.abort_by(move || running.abort());
        Ok(())
    }

    /// How many futures are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Tokio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tokio({} of {} in flight)", self.in_flight(), self.limit)
    }
}

/// The right to be in flight.
struct Permit(Arc<AtomicUsize>);

impl Permit {
    fn take(in_flight: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let one_more = |in_flight: usize| (in_flight < limit).then(|| in_flight + 1);
        in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(in_flight.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A future whose panic is an outcome.
struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Future for Caught<F> {
    type Output = Outcome<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panicked(panic))),
        }
    }
}
