//! The engine's clock: given to it, so that a program can run on a time of its own.

use std::fmt;
use std::time::{Duration, Instant};

use crate::sync::{AtomicU64, Ordering};

/// A source of time. It never goes backwards, and does not panic: workers look at it between messages.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Nanoseconds since some fixed moment.
    fn now_ns(&self) -> u64;
}

/// The operating system's monotonic clock.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now_ns(&self) -> u64 {
        crate::supervise::nanos(self.0.elapsed())
    }
}

/// A clock that stands still until it is told to go on: for tests, replays and lockstep games.
///
/// # Examples
/// ```
/// use hippodrome::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::default();
/// clock.advance(Duration::from_millis(16));
/// assert_eq!(clock.now_ns(), 16_000_000);
/// ```
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// Lets `time` pass.
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(crate::supervise::nanos(time), Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
