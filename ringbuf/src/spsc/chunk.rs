//! Reading a batch in place.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;

use super::Consumer;

/// The oldest values of a ring, read in place.
///
/// Looking consumes nothing, and so does dropping the chunk; the values are consumed by [`commit`](Self::commit),
/// [`commit_all`](Self::commit_all) or by iterating over them by value.
#[must_use = "a chunk that is dropped consumes nothing"]
pub struct Chunk<'a, T> {
    consumer: &'a mut Consumer<T>,
    /// The position after the last value. The first one is at the consumer's head.
    end: u64,
    /// A chunk lends out values, which a consumer does not: to share a chunk is to share values.
    lends: PhantomData<&'a mut [T]>,
}

impl<'a, T> Chunk<'a, T> {
    /// The next `count` values, all of which must be known to be there.
    #[inline(always)]
    pub(super) fn new(consumer: &'a mut Consumer<T>, count: usize) -> Self {
        debug_assert!(count <= consumer.known());
        let end = consumer.head + count as u64;
        Self { consumer, end, lends: PhantomData }
    }

    /// How many values there are.
    #[inline]
    pub fn len(&self) -> usize {
        (self.end - self.consumer.head) as usize
    }

    /// Whether there are no values, which is so only if none were asked for.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, oldest first, in two slices. The second is empty unless the chunk goes past the end of the storage.
    #[inline]
    pub fn as_slices(&self) -> (&[T], &[T]) {
        // SAFETY: the positions from the head to `end` are below the producer's tail, so they hold values, and nobody
        // writes to them until the head moves past them, for which the borrows of the slices must have ended.
        unsafe { self.consumer.shared.slots.slices(self.consumer.head, self.end) }
    }

    /// Drops the `count` oldest values in place and hands their slots to the producer, by one store. At most the whole
    /// chunk is consumed, however high the count.
    ///
    /// If a value's `Drop` panics, the others are dropped all the same, the slots are handed over, and the panic goes
    /// on.
    #[inline]
    pub fn commit(self, count: usize) {
        let from = self.consumer.head;
        let to = from + count.min(self.len()) as u64;
        // The head moves first: whatever the values' `Drop` does, they are not reached again.
        self.consumer.head = to;
        let released = Release(self.consumer);
        // SAFETY: the slots hold values, as for `as_slices`, and the consumer has forgotten about them. The producer
        // gets them only when `released` is dropped.
        unsafe { released.0.shared.slots.drop_values(from, to) };
    }

    /// Drops all values in place, as by [`commit`](Self::commit).
    #[inline]
    pub fn commit_all(self) {
        self.commit(usize::MAX);
    }
}

impl<T> fmt::Debug for Chunk<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("len", &self.len()).finish()
    }
}

impl<'a, T> IntoIterator for Chunk<'a, T> {
    type Item = T;
    type IntoIter = IntoIter<'a, T>;

    /// Takes the values out of the ring, oldest first.
    #[inline]
    fn into_iter(self) -> IntoIter<'a, T> {
        IntoIter { end: self.end, release: Release(self.consumer) }
    }
}

/// Tells the producer, when dropped, how far its consumer has come.
struct Release<'a, T>(&'a mut Consumer<T>);

impl<T> Drop for Release<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Takes values out of the ring. What it has not given out when it is dropped stays in the ring, also when a panic is
/// the reason.
///
/// The slots are handed to the producer by one store, when the iterator is dropped. If it is forgotten, the next pop or
/// chunk makes up for it.
pub struct IntoIter<'a, T> {
    end: u64,
    release: Release<'a, T>,
}

impl<T> Iterator for IntoIter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        let consumer = &mut *self.release.0;
        if consumer.head == self.end {
            return None;
        }
        // SAFETY: the slot is below the producer's tail, so it holds a value and is the consumer's. It is not read
        // again, since the head moves past it.
        let value = unsafe { consumer.shared.slots.take(consumer.head) };
        consumer.head += 1;
        Some(value)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = (self.end - self.release.0.head) as usize;
        (count, Some(count))
    }
}

impl<T> ExactSizeIterator for IntoIter<'_, T> {}

impl<T> FusedIterator for IntoIter<'_, T> {}

impl<T> fmt::Debug for IntoIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter").field("len", &self.len()).finish()
    }
}
