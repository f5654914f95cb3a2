//! The simulation's randomness: the same numbers on any machine.

use std::time::Duration;

use crate::supervise::nanos;

/// SplitMix64 (Steele, Lea, Flood 2014): every seed is a good one, and its numbers depend on nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, and 0 if that is 0. The bias of so short a range does no harm here.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        let number = self.next();
        if end == 0 { 0 } else { number % end }
    }

    /// True once in `times`, and never if that is 0: then no number is drawn, so that a fault that is off changes
    /// nothing.
    pub(crate) const fn once_in(&mut self, times: u32) -> bool {
        times != 0 && self.below(times as u64) == 0
    }

    /// A time up to and including `most`, in nanoseconds; nothing is drawn if that is 0.
    pub(crate) fn time_ns(&mut self, most: Duration) -> u64 {
        match nanos(most) {
            0 => 0,
            most_ns => self.below(most_ns.saturating_add(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        // The first numbers of SplitMix64 from 1234567, as its reference implementation gives them.
        let mut random = Random::new(1_234_567);
        let first: Vec<_> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn what_is_off_draws_nothing() {
        let (mut random, mut same) = (Random::new(3), Random::new(3));
        assert!(!random.once_in(0));
        assert_eq!(random.time_ns(Duration::ZERO), 0);
        assert_eq!(random.next(), same.next());
    }
}
