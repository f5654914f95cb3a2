//! Writing a batch in place.

use std::fmt;

use super::Producer;

/// Slots claimed by the producer, to be written in order and [published](Self::publish) at once.
///
/// Dropped without being published, it drops what was written, and the ring is as if nothing had been claimed: also
/// when a panic in [`fill`](Self::fill) is the reason. Forgotten, it leaks what was written.
#[must_use = "what was written to a claim is dropped unless it is published"]
pub struct Claim<'a, T> {
    producer: &'a mut Producer<T>,
    /// The next position to write. Those from the producer's tail to here hold values.
    next: u64,
    /// The position after the last claimed one.
    end: u64,
}

impl<'a, T> Claim<'a, T> {
    /// Claims the next `count` slots, all of which must be known to be free.
    #[inline(always)]
    pub(super) fn new(producer: &'a mut Producer<T>, count: usize) -> Self {
        let next = producer.tail;
        let end = next + count as u64;
        debug_assert!(end <= producer.limit);
        Self { producer, next, end }
    }

    /// How many values have been written.
    #[inline]
    pub fn len(&self) -> usize {
        (self.next - self.producer.tail) as usize
    }

    /// Whether no value has been written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many more values can be written.
    #[inline]
    pub fn remaining(&self) -> usize {
        (self.end - self.next) as usize
    }

    /// Writes a value to the next slot.
    ///
    /// # Errors
    ///
    /// Gives the value back if every claimed slot has been written.
    #[inline]
    pub fn write(&mut self, value: T) -> Result<(), T> {
        if self.next == self.end {
            return Err(value);
        }
        // SAFETY: the slot is claimed, which makes it free, and free slots are the producer's, which is borrowed.
        unsafe { self.producer.shared.slots.write(self.next, value) };
        self.next += 1;
        Ok(())
    }

    /// Writes values until the claim is full or they run out, and says how many.
    ///
    /// No value is taken that does not fit, so the rest of an iterator given by reference can be used later. If the
    /// iterator panics, the claim still has what was written before.
    ///
    /// ```
    /// let (mut producer, _consumer) = hippodrome_ringbuf::spsc::ring(2)?;
    /// let mut values = 1..=3;
    /// let mut claim = producer.claim(3)?;
    /// assert_eq!(claim.fill(&mut values), 2);
    /// claim.publish();
    /// assert_eq!(values.next(), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn fill(&mut self, values: impl IntoIterator<Item = T>) -> usize {
        let before = self.next;
        for value in values.into_iter().take(self.remaining()) {
            // SAFETY: as for `write`; `take` gives no more values than there are claimed slots left.
            unsafe { self.producer.shared.slots.write(self.next, value) };
            self.next += 1;
        }
        (self.next - before) as usize
    }

    /// Hands what was written to the consumer, which sees all of it or nothing, and says how many values that were.
    ///
    /// Claimed slots that were not written stay free. One store, whatever the number of values.
    #[inline]
    pub fn publish(self) -> usize {
        let count = self.len();
        // From here on there is nothing between the tail and `next`, so that dropping the claim drops nothing.
        self.producer.advance_to(self.next);
        count
    }
}

impl<T> Drop for Claim<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the slots from the tail to `next` were written and not published, so they are the producer's. The
        // tail stays below them, so they are free from here on.
        unsafe {
            self.producer.shared.slots.drop_values(self.producer.tail, self.next);
        }
    }
}

impl<T> fmt::Debug for Claim<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("len", &self.len()).field("remaining", &self.remaining()).finish()
    }
}
