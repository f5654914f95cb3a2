//! When messages are to be sent, whatever becomes of them.

use std::str::FromStr;

use crate::random::Random;

/// A second in nanoseconds.
pub const SECOND_NS: u64 = 1_000_000_000;

/// How the arrivals of one rate lie in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pattern {
    /// All intervals are alike.
    #[default]
    Constant,
    /// The intervals are independent of each other and exponentially distributed, as of many senders that know nothing
    /// of each other: a Poisson process.
    Poisson,
}

impl Pattern {
    /// What it is called on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

/// A text that names no [`Pattern`].
#[derive(Debug, thiserror::Error)]
#[error("arrivals {0:?}: allowed is constant or poisson")]
pub struct UnknownPattern(String);

impl FromStr for Pattern {
    type Err = UnknownPattern;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Constant, Self::Poisson]
            .into_iter()
            .find(|pattern| pattern.name() == name)
            .ok_or_else(|| UnknownPattern(name.to_owned()))
    }
}

/// The times of the arrivals in nanoseconds after the first one, which is at 0, up to the end of the run.
///
/// The times depend on nothing but what it was made of: a clone gives the same ones again.
#[derive(Clone, Debug)]
pub struct Arrivals {
    gaps: Gaps,
    next_ns: u64,
    end_ns: u64,
}

#[derive(Clone, Debug)]
enum Gaps {
    /// The n-th arrival is at n seconds / rate, rounded down: whole nanoseconds, and what is left over in parts of the
    /// rate, so that nothing drifts.
    Constant { whole_ns: u64, rest: u64, left_over: u64, rate: u64 },
    /// The exact time of the next arrival, and the generator of the gap behind it.
    Poisson { at_ns: f64, mean_ns: f64, random: Random },
}

impl Arrivals {
    /// Those of `rate` messages a second, which is at least one, for `length_ns`.
    #[must_use]
    pub fn new(pattern: Pattern, rate: u64, seed: u64, length_ns: u64) -> Self {
        let gaps = match pattern {
            Pattern::Constant => {
                Gaps::Constant { whole_ns: SECOND_NS / rate, rest: SECOND_NS % rate, left_over: 0, rate }
            }
            Pattern::Poisson => {
                Gaps::Poisson { at_ns: 0.0, mean_ns: SECOND_NS as f64 / rate as f64, random: Random::new(seed) }
            }
        };
        Self { gaps, next_ns: 0, end_ns: length_ns }
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        let now_ns = self.next_ns;
        if now_ns >= self.end_ns {
            return None;
        }
        match &mut self.gaps {
            Gaps::Constant { whole_ns, rest, left_over, rate } => {
                self.next_ns += *whole_ns;
                *left_over += *rest;
                if *left_over >= *rate {
                    *left_over -= *rate;
                    self.next_ns += 1;
                }
            }
            Gaps::Poisson { at_ns, mean_ns, random } => {
                // 1 - u is never 0, so the logarithm is finite.
                *at_ns += -(1.0 - random.fraction()).ln() * *mean_ns;
                self.next_ns = *at_ns as u64;
            }
        }
        Some(now_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_arrivals_are_where_the_rate_says_and_do_not_drift() {
        for rate in [1, 3, 7, 1_000, 999_983, 3_000_000] {
            let length_ns = SECOND_NS.min(100_000 * (SECOND_NS / rate + 1));
            for (n, at_ns) in Arrivals::new(Pattern::Constant, rate, 0, length_ns).enumerate() {
                let exact = n as u128 * u128::from(SECOND_NS) / u128::from(rate);
                assert_eq!(u128::from(at_ns), exact, "arrival {n} of {rate}/s");
            }
        }
        assert_eq!(Arrivals::new(Pattern::Constant, 250, 0, 2 * SECOND_NS).count(), 500);
    }

    #[test]
    fn poisson_arrivals_come_from_the_seed_and_have_the_rate_and_the_spread_of_one() {
        let arrivals = |seed| Arrivals::new(Pattern::Poisson, 100_000, seed, SECOND_NS);
        assert!(arrivals(7).eq(arrivals(7)));
        assert!(!arrivals(7).eq(arrivals(8)));
        let times: Vec<u64> = arrivals(7).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        // In an exponential distribution the standard deviation is the mean. The seed is fixed, and so are the figures.
        assert!((mean / 10_000.0 - 1.0).abs() < 0.02, "mean {mean}");
        assert!((deviation / mean - 1.0).abs() < 0.02, "deviation {deviation}");
    }
}
