//! Whether a change is a gain, or the machine's noise.
//!
//! Two configurations are never compared by figures from different minutes: on a shared machine cores slow down, and on
//! a virtual one they move between sharing a cache and not. They are run in turn, and what counts is each pair of
//! neighbours in time: the ratio of its two figures. A change is a gain if the middle ratio is over the threshold and
//! three quarters of all pairs agree. The threshold is what the same configuration against itself shows, and 3% at
//! least.

use hippodrome_perf_kit::{Spread, median};

/// A gain under this is not worth a line in a configuration.
const GAIN_MIN: f64 = 0.03;

/// The least pairs that a decision is taken on.
pub(super) const DECISIVE_PAIRS: usize = 5;

/// The figures of two configurations, taken right after one another. Less is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    /// Without the change.
    pub(super) before: f64,
    /// With it.
    pub(super) after: f64,
}

impl Pair {
    /// So many times better is the figure with the change.
    fn times(self) -> f64 {
        self.before / self.after
    }
}

/// What some pairs amount to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Comparison {
    /// How many there are.
    pub(super) pairs: usize,
    /// Those in which the change was better.
    pub(super) won: usize,
    /// The median without the change.
    pub(super) before: f64,
    /// The median with it.
    pub(super) after: f64,
    /// So many times better, pair by pair.
    pub(super) times: Spread,
}

impl Comparison {
    /// Of no pairs there is none.
    pub(super) fn of(pairs: &[Pair]) -> Option<Self> {
        let times = Spread::of(pairs.iter().map(|pair| pair.times()))?;
        Some(Self {
            pairs: pairs.len(),
            won: pairs.iter().filter(|pair| pair.times() > 1.0).count(),
            before: median(&mut pairs.iter().map(|pair| pair.before).collect::<Vec<_>>()),
            after: median(&mut pairs.iter().map(|pair| pair.after).collect::<Vec<_>>()),
            times,
        })
    }

    /// Whether the change is to be kept: there are enough pairs, the middle one gains more than `noise` and 3%, and
    /// three quarters of all gain.
    pub(super) fn is_gain(&self, noise: f64) -> bool {
        self.pairs >= DECISIVE_PAIRS && self.times.median > 1.0 + threshold(noise) && 4 * self.won >= 3 * self.pairs
    }

    /// Whether a closer look is worth its time, after a few pairs.
    pub(super) fn is_promising(&self) -> bool {
        self.times.median > 1.0 + GAIN_MIN && 2 * self.won > self.pairs
    }
}

/// What a gain has to exceed.
pub(super) fn threshold(noise: f64) -> f64 {
    noise.max(GAIN_MIN)
}

/// The noise: how far apart the two runs of a pair are if nothing is changed, by the median. 0 without a pair.
pub(super) fn noise(unchanged: &[Pair]) -> f64 {
    let mut differences: Vec<f64> = unchanged.iter().map(|pair| pair.times().ln().abs().exp() - 1.0).collect();
    if differences.is_empty() { 0.0 } else { median(&mut differences) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(ratios: &[f64]) -> Comparison {
        let pairs: Vec<Pair> = ratios.iter().map(|times| Pair { before: 100.0 * times, after: 100.0 }).collect();
        Comparison::of(&pairs).unwrap()
    }

    #[test]
    fn a_real_gain_is_kept() {
        let gain = compared(&[1.22, 1.18, 1.25, 1.20, 1.19, 1.21, 0.99, 1.20]);
        assert!(gain.is_gain(0.05));
        assert_eq!((gain.pairs, gain.won), (8, 7));
        assert_eq!((gain.times.median, gain.times.min, gain.times.max), (1.20, 0.99, 1.25));
    }

    #[test]
    fn a_machine_that_becomes_slower_meanwhile_changes_nothing() {
        // The figures double from pair to pair; within each pair the change gains a tenth.
        let pairs: Vec<Pair> = (0..6)
            .map(|pair| f64::from(1 << pair))
            .map(|slow| Pair { before: 11.0 * slow, after: 10.0 * slow })
            .collect();
        assert!(Comparison::of(&pairs).unwrap().is_gain(0.03));
    }

    #[test]
    fn noise_is_not_kept() {
        // The middle one gains, but too few agree.
        assert!(!compared(&[1.30, 0.80, 1.20, 0.85, 1.25, 1.10, 0.90, 1.15]).is_gain(0.03));
        // All agree, on next to nothing.
        assert!(!compared(&[1.02; 8]).is_gain(0.0));
        // All agree, on less than the same configuration against itself.
        assert!(!compared(&[1.08; 8]).is_gain(0.10));
        // One lucky run.
        assert!(!compared(&[3.0, 1.0, 1.0, 0.99, 1.01, 1.0]).is_gain(0.0));
        assert!(!compared(&[0.8; 8]).is_gain(0.0));
    }

    #[test]
    fn few_pairs_decide_nothing() {
        assert!(!compared(&[1.5; DECISIVE_PAIRS - 1]).is_gain(0.0));
        assert!(compared(&[1.5; DECISIVE_PAIRS]).is_gain(0.0));
        assert!(compared(&[1.5, 1.4, 0.9]).is_promising());
        assert!(!compared(&[1.5, 0.8, 0.9]).is_promising());
        assert!(Comparison::of(&[]).is_none());
    }

    #[test]
    fn noise_is_the_same_in_both_directions() {
        let pairs = [Pair { before: 100.0, after: 110.0 }, Pair { before: 110.0, after: 100.0 }];
        assert!((noise(&pairs) - 0.10).abs() < 1e-9);
        assert_eq!(noise(&[]), 0.0);
        assert_eq!((threshold(0.0), threshold(0.5)), (0.03, 0.5));
    }
}
