//! Work for a handler: a chain of multiplications that takes about as long as it was asked to, and cannot be skipped.
//!
//! Each step is one of a linear congruential generator, and needs the result of the step before. What many steps come to
//! can be had by squaring in a few, so whoever checks the result need not do the work again.

use std::hint::black_box;
use std::time::Instant;

const FACTOR: u64 = 6_364_136_223_846_793_005;
const SUMMAND: u64 = 1_442_695_040_888_963_407;

/// So many steps for each message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    steps: u64,
}

impl Work {
    /// About so many nanoseconds of it, on the core that calls. Takes some milliseconds itself.
    pub(crate) fn lasting(ns: u64) -> Self {
        const STEPS: u64 = 1 << 16;
        const TRIES: usize = 16;
        if ns == 0 {
            return Self::default();
        }
        let probe = Self { steps: STEPS };
        let tries = (0..TRIES).map(|_| {
            let started = Instant::now();
            black_box(probe.run(black_box(1)));
            started.elapsed().as_nanos() as u64
        });
        // The fastest try is the one that nothing came in between of.
        let took_ns = tries.min().unwrap_or(1).max(1);
        Self { steps: (u128::from(ns) * u128::from(STEPS) / u128::from(took_ns)).max(1) as u64 }
    }

    /// Does it.
    // Not inlined, so that it is the same code that was timed.
    #[inline(never)]
    pub(crate) fn run(self, seed: u64) -> u64 {
        (0..self.steps).fold(seed, |value, _| value.wrapping_mul(FACTOR).wrapping_add(SUMMAND))
    }

    /// What it comes to for any seed.
    pub(crate) fn result(self) -> Affine {
        let mut all = Affine { factor: 1, summand: 0 };
        let mut power = Affine { factor: FACTOR, summand: SUMMAND };
        let mut steps = self.steps;
        while steps > 0 {
            if steps & 1 == 1 {
                all = all.then(power);
            }
            power = power.then(power);
            steps >>= 1;
        }
        all
    }
}

/// `x` to `factor * x + summand`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    factor: u64,
    summand: u64,
}

impl Affine {
    pub(crate) fn of(self, value: u64) -> u64 {
        value.wrapping_mul(self.factor).wrapping_add(self.summand)
    }

    fn then(self, next: Self) -> Self {
        Self { factor: self.factor.wrapping_mul(next.factor), summand: next.of(self.summand) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_work_comes_to_is_known_without_doing_it() {
        for steps in [0, 1, 2, 3, 31, 32, 1_000, 65_537] {
            let work = Work { steps };
            for seed in [0, 1, u64::MAX, 0xDEAD_BEEF] {
                assert_eq!(work.result().of(seed), work.run(seed), "{steps} steps from {seed}");
            }
        }
    }

    #[test]
    fn no_time_is_no_work_and_any_time_is_some() {
        assert_eq!(Work::lasting(0), Work { steps: 0 });
        assert!(Work::lasting(1).steps >= 1);
        assert!(Work::lasting(1_000_000).steps > Work::lasting(1_000).steps);
    }
}
