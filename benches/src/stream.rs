//! A stream of five stages on the first worker: in one actor, and each stage in an actor of its own.

use hippodrome::On;
use hippodrome_toolkit::stream::{Runnable, Source};

use crate::digest;

fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn is_kept(number: &u64) -> bool {
    !number.is_multiple_of(64)
}

fn summed(sum: &mut u64, number: u64) -> u64 {
    *sum = sum.wrapping_add(number);
    *sum
}

fn digested(so_far: &mut u64, number: u64) {
    *so_far = digest(*so_far, number);
}

/// So many numbers through the five stages in one actor.
pub fn fused(elements: u64) -> Runnable<u64> {
    let source = Source::iter(0..elements).on(On::Worker(0));
    source.map(mixed).filter(is_kept).scan(0, summed).fold(0, digested)
}

/// The same through five actors, with four boundaries between them.
pub fn islands(elements: u64) -> Runnable<u64> {
    let here = On::Worker(0);
    let source = Source::iter(0..elements).on(here).boundary(here).map(mixed).boundary(here);
    source.filter(is_kept).boundary(here).scan(0, summed).boundary(here).fold(0, digested)
}

/// What must come out of either.
#[must_use]
pub fn expected(elements: u64) -> u64 {
    let mut sum = 0;
    let numbers = (0..elements).map(mixed).filter(is_kept).map(|number| summed(&mut sum, number));
    numbers.fold(0, digest)
}
