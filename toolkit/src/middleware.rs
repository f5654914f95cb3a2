//! Middleware: what is put around an actor when it is spawned.
//!
//! # What
//! A [`Middleware`] is called with each message of an actor, and with its start and its stop, and calls what is inside of
//! it: the next layer, and at last the actor. It can look at a message, measure, or not let it through. Those that most
//! programs need are here: `Metrics` (feature `metrics`), [`Tracing`], [`Deadline`], [`RateLimit`] and
//! [`CircuitBreaker`].
//!
//! # How it works
//! [`Layers::layer`] makes of an actor's factory one of a [`Layered`] actor. All layers of an actor and the actor itself
//! are one value of one type, and the compiler sees through it: a layer costs the instructions that it does something
//! with, and one that does nothing costs none.
//!
//! The last layer that is added is the outermost, as with axum's `layer` and unlike in a builder of tower's, whose service
//! comes last:
//!
//! ```text
//!   Orders::new.layer(B).layer(A)          A ( B ( Orders ) )
//! ```
//!
//! # Trade-offs
//! The layers are made with the actor, and again when it is restarted. What has to outlive a restart, as a circuit
//! breaker's count of failures, lives in something shared that their factory holds.
//!
//! Everything that arrives goes through the layers: timers and answers that the actor itself waits for, too. A layer that
//! refuses messages can be told [which](RateLimit::only) it is for.
//!
//! Layers see message by message. So an actor that overrides [`handle_batch`](hippodrome::Actor::handle_batch) gets batches
//! of one inside of them.
//!
//! # How to use
//! ```
//! use hippodrome::{DeadLetterReason, Engine, On, from_fn};
//! use hippodrome_toolkit::middleware::{Layers, RateLimit, Tracing};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), hippodrome::Error> {
//! let engine = Engine::builder().unpinned_workers(1).start()?;
//! let handle = engine.handle();
//! let orders = (|| from_fn(|order: u64, _ctx| println!("order {order}")))
//!     .layer(|| RateLimit::per_second(10))
//!     .layer(|| Tracing::named("orders"));
//! let orders = handle.spawn(On::Worker(0), orders)?;
//! (0..100).for_each(|order| handle.tell(orders, order));
//! let report = engine.shutdown(Duration::from_secs(5))?;
//! // Ten at once, and ten a second.
//! assert!(report.dead_letters.get(DeadLetterReason::Refused) > 0);
//! # Ok(())
//! # }
//! ```

mod breaker;
mod circuit_breaker;
mod deadline;
#[cfg(feature = "metrics")]
mod metrics;
mod rate_limit;
mod spans;

#[cfg(feature = "metrics")]
pub use self::metrics::Metrics;
pub use breaker::{Breaker, BreakerLimits, Circuit, CircuitOpen, Permit};
pub use circuit_breaker::CircuitBreaker;
pub use deadline::Deadline;
pub use rate_limit::RateLimit;
pub use spans::Tracing;

use hippodrome::{Actor, Batch, Context, DeadLetterReason};

/// What is called around an actor that takes `M`.
///
/// Each method calls `next`, which is what is inside; a `handle` that does not has to answer for the message: to report it
/// by [`Context::dead_letter`], or to answer what it asks.
///
/// # Panics
/// A panic in any of these methods is one of the actor's; one of the actor's unwinds through them.
///
/// # Examples
/// ```
/// use hippodrome::Context;
/// use hippodrome_toolkit::middleware::Middleware;
///
/// /// Says what took more than a millisecond.
/// struct Slow;
///
/// impl<M: Send + 'static> Middleware<M> for Slow {
///     #[inline]
///     fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>)) {
///         let begun_ns = ctx.now_ns();
///         next(msg, ctx);
///         let took_ns = ctx.now_ns() - begun_ns;
///         if took_ns > 1_000_000 {
///             println!("{} took {took_ns} ns", ctx.me().address());
///         }
///     }
/// }
/// ```
pub trait Middleware<M: Send + 'static>: 'static {
    /// Called for each message.
    #[inline(always)]
    fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>)) {
        next(msg, ctx);
    }

    /// Called when the actor starts, and again after each restart.
    #[inline(always)]
    fn started(&mut self, ctx: &mut Context<'_, M>, next: impl FnOnce(&mut Context<'_, M>)) {
        next(ctx);
    }

    /// Called when the actor stops, as [`Actor::stopped`] is.
    #[inline(always)]
    fn stopped(&mut self, ctx: &mut Context<'_, M>, next: impl FnOnce(&mut Context<'_, M>)) {
        next(ctx);
    }
}

/// An actor with a layer around it; from [`Layers::layer`].
#[derive(Debug)]
pub struct Layered<L, A> {
    layer: L,
    inner: A,
}

impl<A: Actor, L: Middleware<A::Msg>> Actor for Layered<L, A> {
    type Msg = A::Msg;

    #[inline(always)]
    fn handle(&mut self, msg: A::Msg, ctx: &mut Context<'_, A::Msg>) {
        let Self { layer, inner } = self;
        layer.handle(msg, ctx, |msg, ctx| inner.handle_batch(msg, Batch::none(ctx)));
    }

    #[inline(always)]
    fn started(&mut self, ctx: &mut Context<'_, A::Msg>) {
        let Self { layer, inner } = self;
        layer.started(ctx, |ctx| inner.started(ctx));
    }

    #[inline(always)]
    fn stopped(&mut self, ctx: &mut Context<'_, A::Msg>) {
        let Self { layer, inner } = self;
        layer.stopped(ctx, |ctx| inner.stopped(ctx));
    }
}

/// Puts layers around actors: around whatever they are made by.
pub trait Layers: Sized {
    /// What is made now.
    type Actor: Actor;

    /// Puts a layer around everything so far. It is made with each actor, so again for each restart.
    fn layer<L, G>(self, make: G) -> impl FnMut() -> Layered<L, Self::Actor> + Send + 'static
    where
        L: Middleware<<Self::Actor as Actor>::Msg>,
        G: FnMut() -> L + Send + 'static;
}

impl<A, F> Layers for F
where
    A: Actor,
    F: FnMut() -> A + Send + 'static,
{
    type Actor = A;

    fn layer<L, G>(mut self, mut make: G) -> impl FnMut() -> Layered<L, A> + Send + 'static
    where
        L: Middleware<A::Msg>,
        G: FnMut() -> L + Send + 'static,
    {
        move || Layered { layer: make(), inner: self() }
    }
}

/// What becomes of a message that a layer does not let through, if nothing else was said.
#[cold]
fn refuse<M: Send + 'static>(msg: M, ctx: &mut Context<'_, M>) {
    ctx.dead_letter(ctx.me(), msg, DeadLetterReason::Refused);
}
