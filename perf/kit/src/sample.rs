//! What one run of one subject gives, and what many of them amount to.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::finish::Found;

/// Why a measurement ended early.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One run of one subject.
#[derive(Clone, Debug)]
pub struct Sample {
    /// How long the whole run took.
    pub took: Duration,
    /// What it did.
    pub found: Found,
    /// Nanoseconds of each round trip or wake-up, where the scenario is about them.
    pub latency_ns: Option<Histogram<u64>>,
    /// Of a spawn: bytes for one actor beside its state.
    pub bytes: Option<f64>,
    /// Of waiting: the share of a core that an idle worker takes.
    pub idle_share: Option<f64>,
}

impl Sample {
    /// A run from `started` to when it was finished.
    #[must_use]
    pub fn new(started: Instant, (ended, found): (Instant, Found)) -> Self {
        let took = ended.saturating_duration_since(started);
        Self { took, found, latency_ns: None, bytes: None, idle_share: None }
    }

    /// The same with latencies.
    #[must_use]
    pub fn with_latency(self, latency_ns: Histogram<u64>) -> Self {
        Self { latency_ns: Some(latency_ns), ..self }
    }

    /// Nanoseconds for one unit.
    #[must_use]
    pub fn ns_per_unit(&self) -> f64 {
        self.took.as_nanos() as f64 / self.found.units.max(1) as f64
    }
}

/// The middle of some figures, and the farthest of them on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle one; of an even number, the mean of the two.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of no figures there is none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        if figures.is_empty() {
            return None;
        }
        let median = median(&mut figures);
        Some(Self { median, min: figures[0], max: figures[figures.len() - 1] })
    }
}

/// Sorts the figures and gives the middle one; of an even number, the mean of the two.
///
/// # Panics
/// There is no figure.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len().is_multiple_of(2) { (figures[middle - 1] + figures[middle]) / 2.0 } else { figures[middle] }
}

/// An empty histogram of nanoseconds up to a minute, exact to three digits.
#[must_use]
pub fn latencies() -> Histogram<u64> {
    const LONGEST_NS: u64 = 60_000_000_000;
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are constants that are allowed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        let spread = Spread::of([5.0, 9.0, 7.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (5.0, 7.0, 9.0));
        assert!(Spread::of([]).is_none());
    }

    #[test]
    fn a_sample_is_stated_for_one_unit() {
        let started = Instant::now();
        let found = Found { units: 10, checksum: 7 };
        let sample = Sample::new(started, (started + Duration::from_nanos(250), found));
        assert_eq!(sample.ns_per_unit(), 25.0);
    }
}
