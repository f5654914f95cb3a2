//! A layer that does not let through what comes too late.

use std::any::type_name;
use std::fmt;
use std::time::Duration;

use hippodrome::{Context, DeadLetterReason};

use super::Middleware;
use crate::duration::nanos;

/// Does not let a message through whose time is over when its turn has come: so that an actor that lags behind does no
/// work that nobody waits for any more.
///
/// What came too late is a dead letter with the reason [`Expired`](DeadLetterReason::Expired), or goes to
/// [`otherwise`](Self::otherwise).
///
/// # Cost
/// The call of the function that it was made with, and a look at the clock, per message.
///
/// # Examples
/// ```
/// use hippodrome::{Actor, Context, Engine, On, Reply};
/// use hippodrome_toolkit::middleware::{Deadline, Layers};
/// use std::time::Duration;
///
/// struct Quote {
///     until_ns: u64,
///     reply: Reply<Option<f64>>,
/// }
///
/// struct Desk;
///
/// impl Actor for Desk {
///     type Msg = Quote;
///     fn handle(&mut self, quote: Quote, ctx: &mut Context<'_, Quote>) {
///         quote.reply.send(ctx, Some(99.5));
///     }
/// }
///
/// # fn main() -> Result<(), hippodrome::Error> {
/// let engine = Engine::builder().unpinned_workers(1).start()?;
/// let handle = engine.handle();
/// let desk = (|| Desk).layer(|| {
///     Deadline::by(|quote: &Quote| quote.until_ns).otherwise(|quote, ctx| quote.reply.send(ctx, None))
/// });
/// let desk = handle.spawn(On::Worker(0), desk)?;
/// let patience = Duration::from_secs(5);
/// let until_ns = handle.now_ns() + 60_000_000_000;
/// assert_eq!(handle.ask(desk, |reply| Quote { until_ns, reply }).wait(patience)?, Some(99.5));
/// assert_eq!(handle.ask(desk, |reply| Quote { until_ns: 0, reply }).wait(patience)?, None);
/// engine.shutdown(patience)?;
/// # Ok(())
/// # }
/// ```
pub struct Deadline<M, D> {
    deadline_ns: D,
    otherwise: fn(M, &mut Context<'_, M>),
}

impl<M: Send + 'static, D: FnMut(&M) -> u64 + 'static> Deadline<M, D> {
    /// Lets a message through up to the moment that `deadline_ns` says, in nanoseconds of the engine's clock:
    /// [`Context::now_ns`], [`Handle::now_ns`](hippodrome::Handle::now_ns). One that has no deadline says `u64::MAX`.
    #[must_use]
    pub fn by(deadline_ns: D) -> Self {
        Self { deadline_ns, otherwise: expire }
    }

    /// Instead of reporting a message that comes too late, calls `then` with it.
    #[must_use]
    pub fn otherwise(self, then: fn(M, &mut Context<'_, M>)) -> Self {
        Self { otherwise: then, ..self }
    }
}

impl<M: Send + 'static> Deadline<M, ()> {
    /// Lets a message through up to `time` after the moment that `sent_ns` says it was sent at, in nanoseconds of the
    /// engine's clock.
    #[must_use]
    pub fn within(
        time: Duration,
        mut sent_ns: impl FnMut(&M) -> u64 + 'static,
    ) -> Deadline<M, impl FnMut(&M) -> u64 + 'static> {
        let time_ns = nanos(time);
        Deadline::by(move |msg: &M| sent_ns(msg).saturating_add(time_ns))
    }
}

impl<M: Send + 'static, D: FnMut(&M) -> u64 + 'static> Middleware<M> for Deadline<M, D> {
    #[inline]
    fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>)) {
        if ctx.now_ns() > (self.deadline_ns)(&msg) {
            return (self.otherwise)(msg, ctx);
        }
        next(msg, ctx);
    }
}

fn expire<M: Send + 'static>(msg: M, ctx: &mut Context<'_, M>) {
    ctx.dead_letter(ctx.me(), msg, DeadLetterReason::Expired);
}

impl<M, D> fmt::Debug for Deadline<M, D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Deadline<{}>", type_name::<M>())
    }
}
