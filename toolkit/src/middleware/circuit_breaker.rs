//! A layer that stops an actor's work when it fails again and again.

use std::any::type_name;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use hippodrome::Context;

use super::breaker::Breaker;
use super::{Middleware, refuse};

/// Lets no message through while its [`Breaker`] is open, and tells it of the actor's panics, in a handler or as it
/// starts.
///
/// The actor can hold the same breaker, and report by [`Breaker::failed`] what went wrong without a panic. As the factory
/// holds the breaker, it outlives restarts.
///
/// What does not go through is a dead letter with the reason [`Refused`](hippodrome::DeadLetterReason::Refused), or goes
/// to [`otherwise`](Self::otherwise).
///
/// # Cost
/// While the circuit is closed, a load and some instructions to catch a panic per message; the clock is not looked at.
///
/// # Examples
/// ```
/// use hippodrome::{On, Reply, from_fn};
/// use hippodrome_toolkit::middleware::{Breaker, BreakerLimits, CircuitBreaker, Layers};
/// use std::time::Duration;
///
/// struct Query(Reply<Result<u64, &'static str>>);
///
/// let limits = BreakerLimits { failures: 5, cool_down: Duration::from_secs(30), ..BreakerLimits::default() };
/// let breaker = Breaker::new(limits);
/// let database = (|| from_fn(|Query(reply), ctx| reply.send(ctx, Ok(1)))).layer(move || {
///     CircuitBreaker::new(&breaker).otherwise(|Query(reply), ctx| reply.send(ctx, Err("the database is down")))
/// });
/// # let _ = database;
/// ```
pub struct CircuitBreaker<M> {
    breaker: Breaker,
    only: Option<fn(&M) -> bool>,
    otherwise: fn(M, &mut Context<'_, M>),
}

impl<M: Send + 'static> CircuitBreaker<M> {
    /// A layer with this breaker. Several actors may have one together.
    #[must_use]
    pub fn new(breaker: &Breaker) -> Self {
        Self { breaker: breaker.clone(), only: None, otherwise: refuse }
    }

    /// Stops only these messages, and lets only these be trials; all others go through. The panics of all count.
    #[must_use]
    pub fn only(self, these: fn(&M) -> bool) -> Self {
        Self { only: Some(these), ..self }
    }

    /// Instead of reporting a message that does not go through, calls `then` with it.
    #[must_use]
    pub fn otherwise(self, then: fn(M, &mut Context<'_, M>)) -> Self {
        Self { otherwise: then, ..self }
    }
}

impl<M: Send + 'static> Middleware<M> for CircuitBreaker<M> {
    #[inline]
    fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>)) {
        let is_meant = self.only.is_none_or(|these| these(&msg));
        let pass = if is_meant { self.breaker.admit(|| ctx.now_ns()) } else { Ok(self.breaker.bystander()) };
        let Ok(pass) = pass else { return (self.otherwise)(msg, ctx) };
        match catch_unwind(AssertUnwindSafe(|| next(msg, ctx))) {
            Ok(()) if is_meant && pass.is_trial() => self.breaker.succeeds(pass, ctx.now_ns()),
            Ok(()) => {}
            Err(panic) => {
                self.breaker.fails(pass, ctx.now_ns());
                resume_unwind(panic);
            }
        }
    }

    fn started(&mut self, ctx: &mut Context<'_, M>, next: impl FnOnce(&mut Context<'_, M>)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| next(ctx))) {
            self.breaker.failed(ctx.now_ns());
            resume_unwind(panic);
        }
    }
}

impl<M> fmt::Debug for CircuitBreaker<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CircuitBreaker<{}>({:?})", type_name::<M>(), self.breaker)
    }
}
