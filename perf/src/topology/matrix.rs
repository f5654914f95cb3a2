//! The raw round trip between each two cores.

use std::fmt;
use std::time::{Duration, Instant};

use hippodrome_affinity::CoreId;
use hippodrome_perf_kit::{Failure, Spread, raw};

/// The greatest figure of a pair over its least, above which the pair is unstable: the machine changed meanwhile.
const UNSTABLE_ABOVE: f64 = 1.2;

/// The round trips between some cores; the same in both directions.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    cores: Vec<CoreId>,
    /// What was measured of each pair (a, b) of indices with a < b, in the order of [`pairs`].
    figures: Vec<Vec<f64>>,
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    round: u32,
    rounds: u32,
    pair: usize,
    pairs: usize,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, rounds, pair, pairs } = self;
        write!(f, "round {round} of {rounds}: pair {pair} of {pairs}")
    }
}

impl Matrix {
    /// Measures every pair once a round, for so many rounds, and begins nothing after `limit` any more. Each
    /// measurement keeps its two cores busy for some milliseconds.
    ///
    /// # Errors
    /// A thread cannot be pinned to one of the cores.
    pub(crate) fn measure(
        cores: &[CoreId],
        rounds: u32,
        limit: Duration,
        show: impl FnMut(Step),
    ) -> Result<Self, Failure> {
        let started = Instant::now();
        Self::measure_by(cores, rounds, raw::round_trip_ns, || started.elapsed() < limit, show)
    }

    fn measure_by(
        cores: &[CoreId],
        rounds: u32,
        mut round_trip_ns: impl FnMut(CoreId, CoreId) -> Result<f64, Failure>,
        has_time: impl Fn() -> bool,
        mut show: impl FnMut(Step),
    ) -> Result<Self, Failure> {
        let pairs: Vec<_> = pairs(cores.len()).collect();
        let mut figures = vec![Vec::new(); pairs.len()];
        'all: for round in 1..=rounds {
            for (number, (a, b)) in pairs.iter().enumerate() {
                if !has_time() {
                    break 'all;
                }
                show(Step { round, rounds, pair: number + 1, pairs: pairs.len() });
                figures[number].push(round_trip_ns(cores[*a], cores[*b])?);
            }
        }
        Ok(Self { cores: cores.to_vec(), figures })
    }

    /// The cores, in the order of their indices.
    pub(crate) fn cores(&self) -> &[CoreId] {
        &self.cores
    }

    /// The round trip in nanoseconds between the cores with these indices, whichever comes first; `None` of a core with
    /// itself, and of a pair for which there was no time.
    pub(crate) fn round_trip_ns(&self, a: usize, b: usize) -> Option<Spread> {
        let (low, high) = (a.min(b), a.max(b));
        if low == high {
            return None;
        }
        // The rows before `low` have one pair less each.
        let row = low * self.cores.len() - low * (low + 1) / 2;
        Spread::of(self.figures.get(row + high - low - 1)?.iter().copied())
    }

    /// The pairs of indices with what was measured of them.
    pub(crate) fn measured(&self) -> impl Iterator<Item = ((usize, usize), Spread)> + '_ {
        pairs(self.cores.len()).filter_map(|(a, b)| Some(((a, b), self.round_trip_ns(a, b)?)))
    }

    /// How many pairs there are, measured or not.
    pub(crate) fn pairs(&self) -> usize {
        self.figures.len()
    }

    /// The most times that a pair was measured.
    pub(crate) fn rounds(&self) -> usize {
        self.figures.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The medians of all pairs: the least, the middle one and the greatest.
    pub(crate) fn overall_ns(&self) -> Option<Spread> {
        Spread::of(self.measured().map(|(_, ns)| ns.median))
    }
}

/// Whether the figures of a pair differ by more than 20%.
pub(crate) fn is_unstable(ns: &Spread) -> bool {
    ns.max > UNSTABLE_ABOVE * ns.min
}

/// The pairs (a, b) with a < b, row by row.
fn pairs(cores: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..cores).flat_map(move |a| (a + 1..cores).map(move |b| (a, b)))
}

#[cfg(test)]
impl Matrix {
    /// What is measured between these cores where each round trip takes what `ns` says, for so many rounds.
    pub(crate) fn made_up(cores: &[u32], rounds: u32, mut ns: impl FnMut(u32, u32) -> f64) -> Self {
        let cores: Vec<CoreId> = cores.iter().map(|core| CoreId::new(*core).unwrap()).collect();
        Self::measure_by(&cores, rounds, |a, b| Ok(ns(a.get(), b.get())), || true, |_| {}).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn each_pair_is_found_from_both_sides() {
        let matrix = Matrix::made_up(&[0, 1, 4, 9, 12], 2, |a, b| f64::from(100 * a + b));
        for (a, low) in [0, 1, 4, 9, 12].into_iter().enumerate() {
            for (b, high) in [0, 1, 4, 9, 12].into_iter().enumerate().skip(a + 1) {
                let expected = f64::from(100 * low + high);
                assert_eq!(matrix.round_trip_ns(a, b).unwrap().median, expected);
                assert_eq!(matrix.round_trip_ns(b, a).unwrap().median, expected);
            }
            assert!(matrix.round_trip_ns(a, a).is_none());
        }
        assert_eq!((matrix.pairs(), matrix.rounds()), (10, 2));
        let overall = matrix.overall_ns().unwrap();
        assert_eq!((overall.min, overall.max), (1.0, 912.0));
    }

    #[test]
    fn a_core_alone_has_no_pair() {
        let matrix = Matrix::made_up(&[3], 5, |_, _| panic!("there is nothing to measure"));
        assert_eq!((matrix.pairs(), matrix.rounds()), (0, 0));
        assert!(matrix.overall_ns().is_none());
    }

    #[test]
    fn when_the_time_is_over_every_pair_was_measured_as_often_as_the_others_or_once_less() {
        let cores: Vec<CoreId> = (0..4).map(|core| CoreId::new(core).unwrap()).collect();
        let left = Cell::new(8);
        let has_time = || left.replace(left.get() - 1) > 0;
        let mut steps = Vec::new();
        let matrix = Matrix::measure_by(&cores, 3, |_, _| Ok(1.0), has_time, |step| steps.push(step)).unwrap();
        assert_eq!(steps.len(), 8);
        assert_eq!(steps[7].to_string(), "round 2 of 3: pair 2 of 6");
        let counts: Vec<usize> = matrix.figures.iter().map(Vec::len).collect();
        assert_eq!(counts, [2, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn a_pair_whose_figures_differ_by_more_than_a_fifth_is_unstable() {
        let spread = |figures: [f64; 3]| Spread::of(figures).unwrap();
        assert!(!is_unstable(&spread([100.0, 110.0, 120.0])));
        assert!(is_unstable(&spread([100.0, 110.0, 121.0])));
    }
}
