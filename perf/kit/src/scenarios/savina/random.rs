//! The same random numbers for every platform, and the work that is made of them.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014).

/// A generator with a seed of its own.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[inline]
    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below the limit.
    #[inline]
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(limit)) >> 64) as u64
    }

    /// At least 0 and below 1.
    #[inline]
    pub(super) fn fraction(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Scatters a value, so that a sum over several of them tells which values they were.
#[inline]
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The suite's busy wait: draws between 10 and 1,009 numbers, how many depending on the seed, and adds them up.
pub(super) fn busy_work(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let draws = random.below(1_000) + 10;
    (0..draws).fold(0, |sum, _| sum.wrapping_add(random.draw()))
}

/// The suite's computation of the fork-join programs, the square of a sine, for the message of this number.
///
/// The published one is of 37.2 alone. Here every message brings its own angle, which the receiver has to read.
#[inline]
pub(super) fn angle(number: u64) -> f64 {
    37.2 + (number % 1_024) as f64 / 1_024.0
}

/// The computation itself, as bits: sums over them do not depend on an order, as sums of floating-point numbers do.
#[inline]
pub(super) fn squared_sine(angle: f64) -> u64 {
    let sine = angle.sin();
    (sine * sine).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut random = Random::new(1_234_567);
        let drawn = [random.draw(), random.draw(), random.draw()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn limits_hold_and_everything_below_them_comes() {
        let mut random = Random::new(7);
        let mut seen = [false; 10];
        for _ in 0..1_000 {
            seen[random.below(10) as usize] = true;
            assert!((0.0..1.0).contains(&random.fraction()));
        }
        assert_eq!(seen, [true; 10]);
    }
}
