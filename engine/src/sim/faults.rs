//! The faults that a simulation makes.

use std::time::Duration;

/// What else than the order of things a simulation's seed may decide: how often, each as "once in so many". 0 is never.
///
/// Everything here can happen to a running engine. Probes and actors that are
/// [spared](crate::sim::Sim::spare) are left alone.
///
/// # Examples
/// ```
/// use hippodrome::sim::Faults;
/// use std::time::Duration;
///
/// let faults = Faults::none().panics(100).timer_jitter(Duration::from_millis(5));
/// # let _ = faults;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Faults {
    pub(crate) panics: u32,
    pub(crate) panics_after: u32,
    pub(crate) start_panics: u32,
    pub(crate) refusals: u32,
    pub(crate) delays: u32,
    pub(crate) stops: u32,
    pub(crate) failures: u32,
    pub(crate) step_time: Duration,
    pub(crate) timer_jitter: Duration,
    pub(crate) small_rings: bool,
}

impl Faults {
    /// No faults: the seed decides only what may come in any order.
    pub const fn none() -> Self {
        Self {
            panics: 0,
            panics_after: 0,
            start_panics: 0,
            refusals: 0,
            delays: 0,
            stops: 0,
            failures: 0,
            step_time: Duration::ZERO,
            timer_jitter: Duration::ZERO,
            small_rings: false,
        }
    }

    /// Some of everything.
    pub const fn chaos() -> Self {
        Self {
            panics: 200,
            panics_after: 400,
            start_panics: 100,
            refusals: 20,
            delays: 8,
            stops: 500,
            failures: 500,
            step_time: Duration::from_micros(20),
            timer_jitter: Duration::from_millis(2),
            small_rings: true,
        }
    }

    /// A handler panics instead of handling its message, once in so many messages. The payload is an
    /// [`InjectedPanic`], and no panic hook runs.
    pub const fn panics(mut self, messages: u32) -> Self {
        self.panics = messages;
        self
    }

    /// A handler panics when it has handled its message, once in so many messages: what it sent is sent, and the message
    /// is reported nevertheless.
    pub const fn panics_after(mut self, messages: u32) -> Self {
        self.panics_after = messages;
        self
    }

    /// A factory or a `started` panics, once in so many calls of either.
    pub const fn start_panics(mut self, starts: u32) -> Self {
        self.start_panics = starts;
        self
    }

    /// A private mailbox that is not empty does as if it were full, once in so many messages. One that may grow, grows.
    pub const fn refusals(mut self, messages: u32) -> Self {
        self.refusals = messages;
        self
    }

    /// What a worker sent in a turn is seen by others only after a later turn, once in so many turns.
    pub const fn delays(mut self, turns: u32) -> Self {
        self.delays = turns;
        self
    }

    /// Some actor is told to stop, in one of the three [ways](crate::Stop), once in so many steps.
    pub const fn stops(mut self, steps: u32) -> Self {
        self.stops = steps;
        self
    }

    /// Some actor fails between two messages, as by a panic of which no message is the cause, and its
    /// [policy](crate::Restart) decides, once in so many steps.
    pub const fn failures(mut self, steps: u32) -> Self {
        self.failures = steps;
        self
    }

    /// Each step takes some time, up to so much. Without this, time stands still while actors run.
    pub const fn step_time(mut self, most: Duration) -> Self {
        self.step_time = most;
        self
    }

    /// When time moves on to a timer's deadline, it goes beyond, by up to so much.
    pub const fn timer_jitter(mut self, most: Duration) -> Self {
        self.timer_jitter = most;
        self
    }

    /// All rings, lanes and outboxes are of the smallest sizes, each as the seed decides, so that they fill up.
    pub const fn small_rings(mut self, on: bool) -> Self {
        self.small_rings = on;
        self
    }
}

/// How many faults a simulation has made so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// Panics before a message was handled.
    pub panics: u64,
    /// Panics after a message was handled.
    pub panics_after: u64,
    /// Panics of factories and of `started`.
    pub start_panics: u64,
    /// Mailboxes that did as if they were full.
    pub refusals: u64,
    /// Turns of which nothing was published.
    pub delays: u64,
    /// Actors told to stop.
    pub stops: u64,
    /// Actors that failed between two messages.
    pub failures: u64,
}

/// What an actor panics with if it was the simulation's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InjectedPanic;

impl InjectedPanic {
    /// What the engine says of it, as the message of the panic.
    pub const MESSAGE: &'static str = "a panic that the simulation made";
}
