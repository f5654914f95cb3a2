//! What is sent: its own intended send time, and as much beside it as the payload is to have.

use hippodrome::TryTellError;
use hippodrome_perf_kit::open_loop::Taken;

/// A message of `WORDS` times 8 bytes. The first word is the time at which it was to be sent; the others follow from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<const WORDS: usize>([u64; WORDS]);

/// The payloads that there are, in bytes.
pub(crate) const PAYLOADS: [u32; 5] = [8, 32, 64, 256, 1024];

/// The due time of the message behind the last one. No clock that counts nanoseconds from its start gets there.
const END: u64 = u64::MAX;

impl<const WORDS: usize> Message<WORDS> {
    /// The message that is to be sent at this time.
    #[inline(always)]
    pub(crate) fn due_at(due_ns: u64) -> Self {
        Self(std::array::from_fn(|word| due_ns.wrapping_add((word as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))))
    }

    /// The one that follows the last one: everything before it has been handled when it is.
    pub(crate) fn end() -> Self {
        Self([END; WORDS])
    }

    /// The message that is to be sent at this time; the end for `None`.
    #[inline(always)]
    pub(crate) fn at(due_ns: Option<u64>) -> Self {
        due_ns.map_or_else(Self::end, Self::due_at)
    }

    /// When it was to be sent; `None` for the end.
    #[inline(always)]
    pub(crate) fn due_ns(&self) -> Option<u64> {
        (self.0[0] != END).then_some(self.0[0])
    }

    /// The sum of all its words: its receiver reads the whole of it.
    #[inline(always)]
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
    }
}

/// What a [sender](hippodrome_perf_kit::open_loop::Sender) is to know of a tell.
#[inline(always)]
pub(crate) fn taken<M>(told: Result<(), TryTellError<M>>) -> Taken {
    match told {
        Ok(()) => Taken::Yes,
        Err(TryTellError::Full(_)) => Taken::NoRoom,
        Err(_) => Taken::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_size_of_its_payload_and_every_word_counts() {
        assert_eq!(size_of::<Message<4>>(), 32);
        let message = Message::<4>::due_at(1_000);
        assert_eq!(message.due_ns(), Some(1_000));
        for word in 0..4 {
            let mut changed = message;
            changed.0[word] ^= 1;
            assert_ne!(changed.sum(), message.sum());
        }
        assert_eq!(Message::<1>::end().due_ns(), None);
    }
}
