//! Durations as the engine's clock counts them.

use std::time::Duration;

/// A duration in nanoseconds, at most `u64::MAX` of them.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
