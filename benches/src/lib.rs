//! What the micro-benchmarks of Hippodrome share: the message, and a worker on the benchmark's own thread.
//!
//! Each benchmark measures one topology on one thread, so that its figures can be compared from one run to the next on
//! a machine that does other things as well. What happens between cores, and beside other engines, is measured by the
//! program in `perf`.
//!
//! ```
//! use hippodrome_benches::{Bench, Token};
//! use hippodrome::{On, from_fn};
//!
//! let mut bench = Bench::new();
//! let handle = bench.handle();
//! let actor = handle.spawn(On::Worker(0), || from_fn(|_: Token, _| ())).unwrap();
//! handle.tell(actor, Token::default());
//! assert_eq!(bench.run(), 1);
//! ```

#![forbid(unsafe_code)]

pub mod stream;

use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Engine, Handle, Host, ManualClock};

/// 32 bytes, which is the size of message that the engine's figures are stated for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// How often it is still to be passed on.
    pub hops_left: u64,
    /// What makes it a message of 32 bytes.
    pub payload: [u64; 3],
}

impl Token {
    /// The message of this number in a flood.
    #[inline(always)]
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        Self { hops_left: 0, payload: [number, number ^ 0x5DEE_CE66, number >> 8] }
    }

    /// What a player of this number passes on, which takes one hop.
    #[inline(always)]
    #[must_use]
    pub fn passed_by(self, player: u64) -> Self {
        let [sequence, value, origin] = self.payload;
        Self { hops_left: self.hops_left - 1, payload: [sequence + 1, value.rotate_left(1) ^ player, origin] }
    }

    /// The part of it that a checksum is taken of.
    #[inline(always)]
    #[must_use]
    pub fn value(&self) -> u64 {
        self.payload[1]
    }
}

/// A checksum over values that tells their order too.
#[inline(always)]
#[must_use]
pub fn digest(so_far: u64, value: u64) -> u64 {
    so_far.rotate_left(1).wrapping_add(value)
}

/// As large as the envelope of a [`Token`]: what a ring of values moves to carry the same.
pub type Value = [u64; 6];

/// Workers on the calling thread, with a clock that stands still unless it is moved.
#[derive(Debug)]
pub struct Bench {
    host: Host,
    clock: Arc<ManualClock>,
}

impl Bench {
    /// A worker with the default configuration.
    ///
    /// # Panics
    /// If the default configuration is not valid.
    #[must_use]
    pub fn new() -> Self {
        Self::with_workers(1)
    }

    /// So many workers with the default configuration, which are polled in turn.
    ///
    /// # Panics
    /// If there are none of them, or more than an engine can have.
    #[must_use]
    pub fn with_workers(workers: usize) -> Self {
        let clock = Arc::new(ManualClock::default());
        let builder = Engine::builder().unpinned_workers(workers).clock(clock.clone());
        Self { host: builder.host().expect("workers with the default configuration"), clock }
    }

    /// A handle to the engine.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.host.handle()
    }

    /// Handles messages until there are none. Returns how many there were.
    pub fn run(&mut self) -> u64 {
        self.host.poll(u64::MAX)
    }

    /// Moves the clock, and handles what is due and what comes of it. Returns how many messages that were.
    pub fn tick(&mut self, time: Duration) -> u64 {
        self.clock.advance(time);
        self.run()
    }

    /// Moves the clock, and handles messages until so many were handled, which the due timers must bring about.
    pub fn run_timers(&mut self, time: Duration, messages: u64) {
        self.clock.advance(time);
        let mut handled = 0;
        while handled < messages {
            handled += self.host.poll(u64::MAX);
        }
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}
