//! A layer that counts and measures for the `metrics` facade.

use std::fmt;

use hippodrome::Context;
use metrics::{Counter, Histogram, SharedString, Unit, counter, describe_counter, describe_histogram, histogram};

use super::Middleware;

const HANDLED: &str = "hippodrome_middleware_handled_total";
const PANICS: &str = "hippodrome_middleware_panics_total";
const SECONDS: &str = "hippodrome_middleware_handling_seconds";

/// Counts an actor's messages and panics, and measures how long it handles them, for the recorder of the [`metrics`]
/// facade.
///
/// By the label `actor`, the name given here:
/// * `hippodrome_middleware_handled_total`, a counter: messages that went through and came back.
/// * `hippodrome_middleware_panics_total`, a counter: those that ended in a panic, and starts that did.
/// * `hippodrome_middleware_handling_seconds`, a histogram: how long each took of the former, on the engine's clock.
///
/// What a layer inside refuses is handled, as far as this one knows: the order of layers says what is counted.
///
/// # Cost
/// Two looks at the clock, and a counter and a histogram of the recorder's, per message. The recorder is looked for once,
/// when this is made: install it before.
///
/// # Examples
/// ```
/// use hippodrome::from_fn;
/// use hippodrome_toolkit::middleware::{Layers, Metrics};
///
/// let orders = (|| from_fn(|order: u64, _ctx| ())).layer(|| Metrics::named("orders"));
/// # let _ = orders;
/// ```
#[derive(Clone)]
pub struct Metrics {
    handled: Counter,
    panics: Counter,
    seconds: Histogram,
}

impl Metrics {
    /// The metrics of an actor of this name. Actors of one name have them together.
    #[must_use]
    pub fn named(actor: impl Into<SharedString>) -> Self {
        describe_counter!(HANDLED, Unit::Count, "Messages that an actor's layers let through and that were handled");
        describe_counter!(PANICS, Unit::Count, "Messages and starts that ended in a panic");
        describe_histogram!(SECONDS, Unit::Seconds, "How long messages were handled");
        let actor = actor.into();
        Self {
            handled: counter!(HANDLED, "actor" => actor.clone()),
            panics: counter!(PANICS, "actor" => actor.clone()),
            seconds: histogram!(SECONDS, "actor" => actor),
        }
    }
}

/// Counts a panic if it is dropped by one.
struct OnPanic<'a>(&'a Counter);

impl Drop for OnPanic<'_> {
    #[cold]
    fn drop(&mut self) {
        self.0.increment(1);
    }
}

impl<M: Send + 'static> Middleware<M> for Metrics {
    #[inline]
    fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>)) {
        let begun_ns = ctx.now_ns();
        let on_panic = OnPanic(&self.panics);
        next(msg, ctx);
        std::mem::forget(on_panic);
        self.handled.increment(1);
        self.seconds.record(ctx.now_ns().saturating_sub(begun_ns) as f64 / 1e9);
    }

    fn started(&mut self, ctx: &mut Context<'_, M>, next: impl FnOnce(&mut Context<'_, M>)) {
        let on_panic = OnPanic(&self.panics);
        next(ctx);
        std::mem::forget(on_panic);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}
