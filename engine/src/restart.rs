//! What becomes of an actor that panicked.

use std::time::Duration;

/// An actor's policy after a panic in one of its methods.
///
/// # Examples
/// ```
/// use hippodrome::{Backoff, Restart};
/// use std::time::Duration;
///
/// let patient = Restart::Restart {
///     max: 3,
///     within: Duration::from_secs(60),
///     backoff: Backoff::exponential(Duration::from_millis(10), Duration::from_secs(1)),
/// };
/// assert_ne!(patient, Restart::Stop);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// It stops, and its children with it.
    #[default]
    Stop,
    /// Its children stop, its state is dropped, and after the backoff its factory makes a fresh one. Messages that came
    /// meanwhile are kept, up to the limit of a local ring. At the panic after `max` restarts `within` the time, it
    /// stops.
    Restart {
        /// How many restarts are granted.
        max: u32,
        /// In what time; older restarts are forgotten.
        within: Duration,
        /// How long to wait before each.
        backoff: Backoff,
    },
    /// It stops, and its parent is treated as if it had panicked itself. For an actor without a parent this is `Stop`.
    Escalate,
}

impl Restart {
    /// Up to `max` restarts within the time, without waiting.
    #[must_use]
    pub const fn up_to(max: u32, within: Duration) -> Self {
        Self::Restart { max, within, backoff: Backoff::NONE }
    }
}

/// How long a restart waits: doubled each time, from a least to a most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    least: Duration,
    most: Duration,
}

impl Backoff {
    /// No wait.
    pub const NONE: Self = Self { least: Duration::ZERO, most: Duration::ZERO };

    /// The same wait each time.
    #[must_use]
    pub const fn fixed(wait: Duration) -> Self {
        Self { least: wait, most: wait }
    }

    /// `least` before the first restart, twice as long before each further one in the window, never over `most`.
    #[must_use]
    pub const fn exponential(least: Duration, most: Duration) -> Self {
        Self { least, most }
    }

    /// The wait before the restart that follows `earlier` others in the window.
    #[must_use]
    pub fn wait(self, earlier: u32) -> Duration {
        let factor = 1_u32.checked_shl(earlier).unwrap_or(u32::MAX);
        self.least.saturating_mul(factor).min(self.most.max(self.least))
    }
}
