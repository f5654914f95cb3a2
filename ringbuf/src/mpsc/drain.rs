//! Taking a batch.

use std::fmt;
use std::iter::FusedIterator;

use super::Consumer;
use crate::protocol::Mark;

/// Takes values out of a ring, and hands their slots to the producers when dropped. See [`Consumer::drain`].
///
/// If it is forgotten, the next pop or drain makes up for it.
#[must_use = "a drain takes nothing unless it is iterated over"]
pub struct Drain<'a, T> {
    consumer: &'a mut Consumer<T>,
    /// How many more values may be taken. 0 once there was nothing to take.
    remaining: usize,
}

impl<'a, T> Drain<'a, T> {
    #[inline(always)]
    pub(super) fn new(consumer: &'a mut Consumer<T>, max: usize) -> Self {
        Self { consumer, remaining: max }
    }
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        while self.remaining > 0 {
            match self.consumer.shared.observe(self.consumer.head) {
                Some(Mark::Value) => {
                    self.remaining -= 1;
                    // SAFETY: there is a value at the head.
                    return Some(unsafe { self.consumer.take() });
                }
                Some(Mark::Void) => self.consumer.head += 1,
                None => self.remaining = 0,
            }
        }
        None
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.remaining))
    }
}

impl<T> FusedIterator for Drain<'_, T> {}

impl<T> Drop for Drain<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.consumer.release();
    }
}

impl<T> fmt::Debug for Drain<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("remaining", &self.remaining).finish_non_exhaustive()
    }
}
