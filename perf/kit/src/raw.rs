//! The raw cache-line round trip: what two cores need at least to hand a word to and fro.
//!
//! ```text
//!   leader          line          follower
//!      | -- store n -> | -- load n -> |
//!      | <- load n+1 - | <- store n+1 |
//! ```
//!
//! On a virtual machine this figure moves while programs run, so every cross-core sample is taken between two of these,
//! on the same two cores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;
use hippodrome_affinity::{CoreId, pin_current_thread};
use serde::Serialize;

use crate::sample::{Failure, median};

/// Round trips that are timed together, here and where messages make them: a clock's reading costs as much as a round
/// trip.
pub const ROUND_TRIPS_PER_TIMING: u64 = 32;

/// Timings of one measurement, after a quarter as many that are not counted.
const TIMINGS: u64 = 512;

/// A word on a cache line of its own, for one measurement.
#[derive(Debug, Default)]
pub struct Line(CachePadded<AtomicU64>);

impl Line {
    const WARM_UP: u64 = TIMINGS / 4;
    const LAST: u64 = 2 * (Self::WARM_UP + TIMINGS) * ROUND_TRIPS_PER_TIMING;

    /// The leader's part. Returns the median round trip in nanoseconds.
    pub fn lead(&self) -> f64 {
        let mut next = 0;
        let mut timings = Vec::with_capacity(TIMINGS as usize);
        for timing in 0..Self::WARM_UP + TIMINGS {
            let started = Instant::now();
            for _ in 0..ROUND_TRIPS_PER_TIMING {
                self.0.store(next + 1, Ordering::Release);
                next += 2;
                self.wait_for(next);
            }
            if timing >= Self::WARM_UP {
                timings.push(started.elapsed().as_nanos() as f64 / ROUND_TRIPS_PER_TIMING as f64);
            }
        }
        median(&mut timings)
    }

    /// The follower's part, on another core. Returns when the leader's is done.
    pub fn follow(&self) {
        for next in (2..=Self::LAST).step_by(2) {
            self.wait_for(next - 1);
            self.0.store(next, Ordering::Release);
        }
    }

    #[inline(always)]
    fn wait_for(&self, value: u64) {
        // No pause in between: it would be part of the figure.
        while self.0.load(Ordering::Acquire) != value {}
    }
}

/// The raw round trip right before a sample and right after it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bracket {
    /// Nanoseconds before.
    pub before_ns: f64,
    /// Nanoseconds after.
    pub after_ns: f64,
}

impl Bracket {
    /// Whether the two differ by at most 20% of the smaller one.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        (self.before_ns - self.after_ns).abs() <= 0.2 * self.before_ns.min(self.after_ns)
    }

    /// The mean of the two.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        (self.before_ns + self.after_ns) / 2.0
    }
}

/// The raw round trip between two cores in nanoseconds, by two threads that are pinned to them for about a millisecond.
///
/// Nothing else may keep the cores busy meanwhile.
///
/// # Errors
/// A thread cannot be pinned.
pub fn round_trip_ns(first: CoreId, second: CoreId) -> Result<f64, Failure> {
    let (line, ready) = (Line::default(), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        let following = scope.spawn(|| {
            let pinned = pin_current_thread(second);
            ready.wait();
            line.follow();
            pinned
        });
        let leading = scope.spawn(|| {
            let pinned = pin_current_thread(first);
            ready.wait();
            let ns = line.lead();
            pinned.map(|_| ns)
        });
        let ns = leading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        following.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(ns?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlike_raw_round_trips_are_not_steady() {
        let steady = |before_ns, after_ns| Bracket { before_ns, after_ns }.is_steady();
        assert!(steady(100.0, 120.0));
        assert!(!steady(100.0, 120.1));
        assert!(!steady(120.1, 100.0));
        assert_eq!(Bracket { before_ns: 100.0, after_ns: 120.0 }.mean_ns(), 110.0);
    }
}
