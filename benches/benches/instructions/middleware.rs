//! The flood once more, into sinks with layers around them: what each kind of middleware costs.
//!
//! ```text
//!   +--- core ------------------------------------------+
//!   |  Flooder -- 256 x Token --> [[[ Sink ]]]          |
//!   |    ^  |                                           |
//!   |    +--+ Send                                      |
//!   +---------------------------------------------------+
//! ```
//!
//! The clock is one that stands still, which costs less than a real one. Nobody listens to spans or metrics.

use std::time::Duration;

use hippodrome::{Actor, ActorRef, Context, Handle, On};
use hippodrome_benches::Token;
use hippodrome_toolkit::middleware::{
    Breaker, BreakerLimits, CircuitBreaker, Deadline, Layers, Metrics, Middleware, RateLimit, Tracing,
};

use crate::flood::{Sink, Target};
use crate::scenario::Found;

fn spawn<A: Actor<Msg = Token>>(handle: &Handle, factory: impl FnMut() -> A + Send + 'static) -> ActorRef<Token> {
    handle.spawn(On::Worker(0), factory).expect("there is room for an actor")
}

fn sink(found: Found) -> impl FnMut() -> Sink + Send + 'static {
    move || Sink::new(found.clone())
}

/// A layer as it is if none of its methods is written.
struct Unwritten;

impl Middleware<Token> for Unwritten {}

/// A layer that calls what is inside, and has a state that it does not look at.
struct Written([u64; 8]);

impl Middleware<Token> for Written {
    #[inline]
    fn handle(&mut self, msg: Token, ctx: &mut Context<'_, Token>, next: impl FnOnce(Token, &mut Context<'_, Token>)) {
        next(msg, ctx);
    }

    fn started(&mut self, ctx: &mut Context<'_, Token>, next: impl FnOnce(&mut Context<'_, Token>)) {
        assert_eq!(self.0.len(), 8);
        next(ctx);
    }
}

/// Three layers that do nothing.
pub(crate) struct Nothing;

impl Target for Nothing {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        spawn(handle, sink(found).layer(|| Unwritten).layer(|| Written([0; 8])).layer(|| Unwritten))
    }
}

/// A layer that looks whether a message has come in time.
pub(crate) struct InTime;

impl Target for InTime {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        let hour = Duration::from_secs(3600);
        spawn(handle, sink(found).layer(move || Deadline::within(hour, |token: &Token| token.payload[0])))
    }
}

/// A layer whose rate is above that of the flood.
pub(crate) struct Limited;

impl Target for Limited {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        spawn(handle, sink(found).layer(|| RateLimit::per_second(u32::MAX)))
    }
}

/// A layer with a circuit that is closed.
pub(crate) struct Broken;

impl Target for Broken {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        let breaker = Breaker::new(BreakerLimits::default());
        spawn(handle, sink(found).layer(move || CircuitBreaker::new(&breaker)))
    }
}

/// A layer of spans to which nobody listens.
pub(crate) struct Traced;

impl Target for Traced {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        spawn(handle, sink(found).layer(|| Tracing::named("sink")))
    }
}

/// A layer of metrics that nobody keeps.
pub(crate) struct Measured;

impl Target for Measured {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        spawn(handle, sink(found).layer(|| Metrics::named("sink")))
    }
}
