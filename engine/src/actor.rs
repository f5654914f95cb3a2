//! Actors: what a user writes.

use std::marker::PhantomData;

use crate::batch::Batch;
use crate::context::Context;

/// A piece of state with one type of message, handled one at a time.
///
/// An actor is made by its factory on the worker that it lives on, and never leaves that thread: it need not be
/// `Send`, and it may hold `Rc`, `Cell` or a raw handle of a library.
///
/// # Panics
/// A panic in any of these methods stays in the actor: its [`Restart`](crate::Restart) policy decides what becomes of
/// it. With `panic = "abort"` in the profile the process ends instead.
///
/// # Examples
/// ```
/// use hippodrome::{Actor, Context, Reply};
///
/// struct Counter(u64);
///
/// enum Count {
///     Add(u64),
///     Total(Reply<u64>),
/// }
///
/// impl Actor for Counter {
///     type Msg = Count;
///     fn handle(&mut self, msg: Count, ctx: &mut Context<'_, Count>) {
///         match msg {
///             Count::Add(n) => self.0 += n,
///             Count::Total(reply) => reply.send(ctx, self.0),
///         }
///     }
/// }
/// ```
pub trait Actor: 'static {
    /// What the actor understands; usually an enum.
    type Msg: Send + 'static;

    /// Handles one message. It runs on the actor's worker and must not wait for anything.
    fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self::Msg>);

    /// Handles a message, and those of the run behind it that it takes. An actor that writes to a file or a socket takes all
    /// of them, and flushes at the end of the batch.
    ///
    /// What is not taken stays where it is and comes in the next batch. As it is provided, it calls
    /// [`handle`](Self::handle) and takes nothing: to have the choice costs a message nothing.
    ///
    /// [`Batch::for_each_behind`] has an example.
    #[inline(always)]
    fn handle_batch(&mut self, first: Self::Msg, mut rest: Batch<'_, Self::Msg>) {
        self.handle(first, &mut rest.context());
    }

    /// Called once before the first message, and again after each restart.
    fn started(&mut self, ctx: &mut Context<'_, Self::Msg>) {
        let _ = ctx;
    }

    /// Called once after the last message and after all children have stopped; not after a panic and not when killed. For an
    /// actor that is [supervised](Context::supervise), at the end of each life that ends in order.
    fn stopped(&mut self, ctx: &mut Context<'_, Self::Msg>) {
        let _ = ctx;
    }
}

/// An actor made from a closure; see [`from_fn`].
pub struct FnActor<M, F> {
    handle: F,
    message: PhantomData<fn(M)>,
}

impl<M, F> std::fmt::Debug for FnActor<M, F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FnActor<{}>", std::any::type_name::<M>())
    }
}

/// Makes an actor of a closure, for small ones.
///
/// # Examples
/// ```
/// use hippodrome::{Engine, On, from_fn};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), hippodrome::Error> {
/// let engine = Engine::builder().unpinned_workers(1).start()?;
/// let handle = engine.handle();
/// let (sum, sums) = std::sync::mpsc::channel();
/// let adder = handle.spawn(On::Worker(0), move || {
///     let (mut total, sum) = (0, sum.clone());
///     from_fn(move |n: u64, _ctx| {
///         total += n;
///         sum.send(total).ok();
///     })
/// })?;
/// handle.tell(adder, 2);
/// handle.tell(adder, 3);
/// engine.shutdown(Duration::from_secs(5))?;
/// assert_eq!(sums.iter().collect::<Vec<_>>(), [2, 5]);
/// # Ok(())
/// # }
/// ```
pub fn from_fn<M, F>(handle: F) -> FnActor<M, F>
where
    M: Send + 'static,
    F: FnMut(M, &mut Context<'_, M>) + 'static,
{
    FnActor { handle, message: PhantomData }
}

impl<M, F> Actor for FnActor<M, F>
where
    M: Send + 'static,
    F: FnMut(M, &mut Context<'_, M>) + 'static,
{
    type Msg = M;

    #[inline]
    fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>) {
        (self.handle)(msg, ctx);
    }
}
