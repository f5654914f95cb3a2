//! A running checksum over the best prices, so that two books can be compared after every event for eight bytes.
//!
//! Each word is folded in by an exclusive-or, a multiplication by an odd number and a shift: FNV-1a (Fowler, Noll, Vo)
//! taken a word at a time, with the shift of MurmurHash3's finalizer so that high bits reach low ones. All three steps
//! are one-to-one, so two books that differ in a single word never have the same digest right after it. It guards
//! against faults, not against an adversary.

use crate::event::Best;

/// The start of 64-bit FNV-1a.
const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// The second multiplier of MurmurHash3's finalizer: odd, with its bits well spread.
const MULTIPLIER: u64 = 0xc4ce_b9fe_1a85_ec53;

/// A checksum over a sequence of best prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest(u64);

impl Digest {
    /// The digest of no results.
    pub(crate) const fn new() -> Self {
        Self(OFFSET_BASIS)
    }

    /// Takes in the best prices after the event with this `sequence` number within its symbol.
    pub(crate) fn update(&mut self, sequence: u64, best: Best) {
        self.fold(sequence);
        self.fold(best.bid.price as u64);
        self.fold(best.bid.size);
        self.fold(best.ask.price as u64);
        self.fold(best.ask.size);
    }

    /// Takes in one word.
    pub(crate) fn fold(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(MULTIPLIER);
        self.0 = mixed ^ (mixed >> 32);
    }

    /// The checksum so far.
    pub(crate) const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;

    fn digest_of(results: &[(u64, Best)]) -> u64 {
        let mut digest = Digest::new();
        for &(sequence, best) in results {
            digest.update(sequence, best);
        }
        digest.value()
    }

    #[test]
    fn every_word_and_their_order_matter() {
        let level = |price, size| Level { price, size };
        let best = Best { bid: level(100, 5), ask: level(200, 6) };
        let base = digest_of(&[(1, best), (2, best)]);
        assert_eq!(base, digest_of(&[(1, best), (2, best)]));
        let others = [
            digest_of(&[(2, best), (1, best)]),
            digest_of(&[(1, best)]),
            digest_of(&[(1, best), (2, Best { bid: level(101, 5), ..best })]),
            digest_of(&[(1, best), (2, Best { bid: level(100, 6), ..best })]),
            digest_of(&[(1, best), (2, Best { ask: level(200, 5), ..best })]),
            digest_of(&[(1, best), (2, Best { bid: best.ask, ask: best.bid })]),
        ];
        for (index, other) in others.iter().enumerate() {
            assert_ne!(*other, base, "variant {index}");
            assert!(!others[..index].contains(other), "variant {index} repeats another");
        }
    }
}
