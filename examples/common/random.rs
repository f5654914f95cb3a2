//! Random numbers that are the same on every machine.
//!
//! SplitMix64, from Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators* (OOPSLA 2014): a counter
//! with a good mixer behind it. It passes the usual batteries, any seed is a good one, and it needs nothing but whole
//! numbers. Not for secrets.

/// The counter's step: 2^64 over the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A SplitMix64 generator.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator whose numbers follow from `seed` alone.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    #[expect(clippy::should_implement_trait, reason = "an endless row of numbers is no iterator that anybody needs")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; 0 if `bound` is 0.
    ///
    /// The high half of a product (Lemire, *Fast Random Integer Generation in an Interval*, 2019) without the step
    /// that rejects: the bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True once in `times`, on average.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// An approximately exponential number with this `mean`, at most about 43 times as large.
    ///
    /// Minus the binary logarithm of a uniform number, with a straight line between the powers of two: its integer
    /// part is the count of leading zeros. The mean of that is 3/2, which the last step divides out.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        let bits = self.next() | 1;
        let zeros = bits.leading_zeros();
        // The 16 bits behind the leading one. None are left to take where it is the last bit of all.
        let fraction = bits.checked_shl(zeros + 1).unwrap_or(0) >> 48;
        let logarithm = (u64::from(zeros) << 16) + (0xffff - fraction);
        ((u128::from(mean) * u128::from(logarithm) * 2 / 3) >> 16) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        // From the reference C program by Vigna, with the seed 1234567.
        let mut random = SplitMix64::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!([(); 5].map(|()| random.next()), expected);
    }

    #[test]
    fn below_stays_below_and_reaches_every_number() {
        let mut random = SplitMix64::new(7);
        let mut seen = [0; 10];
        for _ in 0..10_000 {
            seen[random.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (800..1200).contains(&count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn exponential_numbers_have_their_mean_and_a_long_tail() {
        let mut random = SplitMix64::new(7);
        let draws: Vec<u64> = (0..100_000).map(|_| random.exponential(1_000)).collect();
        let mean = draws.iter().sum::<u64>() / 100_000;
        assert!((980..1_020).contains(&mean), "mean {mean}");
        let share = |least| draws.iter().filter(|&&draw| draw >= least).count();
        // e^-1 and e^-5 of an exact exponential are 36.8% and 0.67%.
        assert!((35_000..39_000).contains(&share(1_000)), "{}", share(1_000));
        assert!((550..800).contains(&share(5_000)), "{}", share(5_000));
        assert!(draws.iter().all(|&draw| draw < 43_000));
    }
}
