//! The work that is made of random numbers, the same for every platform.

pub(super) use crate::random::{Random, mix};

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
