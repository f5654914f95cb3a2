//! What one run of one subject gives, and what many of them amount to.

use serde::Serialize;

use crate::raw::Bracket;

/// Why a measurement ended early.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A run that did something else than it was to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongResult {
    #[error("the run ended before the last message had come")]
    Unfinished,
    #[error("{found} messages were handled, and {expected} were sent")]
    Count { expected: u64, found: u64 },
    #[error("the checksum is {found:#x}, and has to be {expected:#x}")]
    Checksum { expected: u64, found: u64 },
}

/// One run of one subject.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// Nanoseconds for one message, round trip or actor.
    pub(crate) ns: f64,
    /// Across cores: the raw round trip before and after.
    pub(crate) raw: Option<Bracket>,
    /// Of a spawn: bytes for one actor beside its state.
    pub(crate) bytes: Option<f64>,
}

impl Sample {
    pub(crate) fn local(ns: f64) -> Self {
        Self { ns, raw: None, bytes: None }
    }

    pub(crate) fn across(ns: f64, raw: Bracket) -> Self {
        Self { ns, raw: Some(raw), bytes: None }
    }

    /// Whether it counts: across cores, only if the machine stayed the same meanwhile.
    pub(crate) fn counts(&self) -> bool {
        self.raw.is_none_or(|raw| raw.is_steady())
    }

    /// The figure as a multiple of the raw round trip.
    pub(crate) fn multiple(&self) -> Option<f64> {
        self.raw.map(|raw| self.ns / raw.mean_ns())
    }

    /// Whether both were taken while the machine was the same.
    pub(crate) fn is_comparable(&self, other: &Self) -> bool {
        let same = match (self.raw, other.raw) {
            (Some(one), Some(other)) => Bracket { before_ns: one.mean_ns(), after_ns: other.mean_ns() }.is_steady(),
            _ => true,
        };
        same && self.counts() && other.counts()
    }
}

/// The middle of some figures, and the farthest of them on both sides.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of no figures there is none.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        if figures.is_empty() {
            return None;
        }
        let median = median(&mut figures);
        Some(Self { median, min: figures[0], max: figures[figures.len() - 1] })
    }
}

/// Sorts the figures, of which there is at least one, and gives the middle one; of an even number, the mean of the two.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len().is_multiple_of(2) { (figures[middle - 1] + figures[middle]) / 2.0 } else { figures[middle] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn across(ns: f64, before_ns: f64, after_ns: f64) -> Sample {
        Sample::across(ns, Bracket { before_ns, after_ns })
    }

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        let spread = Spread::of([5.0, 9.0, 7.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (5.0, 7.0, 9.0));
        assert!(Spread::of([]).is_none());
    }

    #[test]
    fn a_sample_between_unlike_raw_round_trips_does_not_count() {
        assert!(across(10.0, 100.0, 120.0).counts());
        assert!(!across(10.0, 100.0, 120.1).counts());
        assert!(!across(10.0, 120.1, 100.0).counts());
        assert_eq!(across(220.0, 100.0, 120.0).multiple(), Some(2.0));
        assert!(Sample::local(1.0).counts());
    }

    #[test]
    fn samples_from_unlike_moments_are_not_compared() {
        assert!(across(1.0, 100.0, 100.0).is_comparable(&across(2.0, 110.0, 110.0)));
        assert!(!across(1.0, 100.0, 100.0).is_comparable(&across(2.0, 440.0, 440.0)));
        assert!(!across(1.0, 100.0, 100.0).is_comparable(&across(2.0, 100.0, 440.0)));
        assert!(Sample::local(1.0).is_comparable(&Sample::local(2.0)));
    }
}
