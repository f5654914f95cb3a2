//! A layer of tracing spans.

use std::any::type_name;
use std::borrow::Cow;

use hippodrome::Context;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::Middleware;

/// Opens a span of the [`tracing`] crate around each message and around the actor's start and stop, so that what the actor
/// logs meanwhile is known to be its.
///
/// The spans of messages are `handle`, at the level `TRACE`; those of its life `started` and `stopped`, at `DEBUG`. Their
/// target is `hippodrome_toolkit::middleware`; their fields are `actor`, the name given here, `address`, and `message`, the
/// type.
///
/// # Cost
/// A compare per message while no subscriber of the program wants that level; else what the subscriber costs.
///
/// # Examples
/// ```
/// use hippodrome::from_fn;
/// use hippodrome_toolkit::middleware::{Layers, Tracing};
///
/// let orders = (|| from_fn(|order: u64, _ctx| ())).layer(|| Tracing::named("orders"));
/// # let _ = orders;
/// ```
#[derive(Clone, Debug)]
pub struct Tracing {
    name: Cow<'static, str>,
}

/// The target of the spans.
const TARGET: &str = "hippodrome_toolkit::middleware";

impl Tracing {
    /// Spans of an actor of this name.
    #[must_use]
    pub fn named(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into() }
    }
}

impl Tracing {
    /// Out of line, so that a message of which nobody wants a span pays a compare alone.
    #[cold]
    fn traced<M>(&self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>))
    where
        M: Send + 'static,
    {
        let (actor, address, message) = (&*self.name, ctx.me().address(), type_name::<M>());
        let _span = tracing::trace_span!(target: TARGET, "handle", actor, %address, message).entered();
        next(msg, ctx);
    }
}

impl<M: Send + 'static> Middleware<M> for Tracing {
    #[inline]
    fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>)) {
        if LevelFilter::current() < Level::TRACE {
            return next(msg, ctx);
        }
        self.traced(msg, ctx, next);
    }

    fn started(&mut self, ctx: &mut Context<'_, M>, next: impl FnOnce(&mut Context<'_, M>)) {
        let (actor, address) = (&*self.name, ctx.me().address());
        let _span = tracing::debug_span!(target: TARGET, "started", actor, %address).entered();
        next(ctx);
    }

    fn stopped(&mut self, ctx: &mut Context<'_, M>, next: impl FnOnce(&mut Context<'_, M>)) {
        let (actor, address) = (&*self.name, ctx.me().address());
        let _span = tracing::debug_span!(target: TARGET, "stopped", actor, %address).entered();
        next(ctx);
    }
}
