//! What the micro-benchmarks of Hippodrome share: the message, and a worker on the benchmark's own thread.
//!
//! Each benchmark measures one topology on one thread, so that its figures can be compared from one run to the next on
//! a machine that does other things as well. What happens between cores, and beside other engines, is measured by the
//! package in `perf/peers`.
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

/// As large as the envelope of a [`Token`]: what a ring of values moves to carry the same.
pub type Value = [u64; 6];

/// A worker on the calling thread, with a clock that stands still unless it is moved.
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
        let clock = Arc::new(ManualClock::default());
        let builder = Engine::builder().unpinned_workers(1).clock(clock.clone());
        Self { host: builder.host().expect("one worker with the default configuration"), clock }
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
