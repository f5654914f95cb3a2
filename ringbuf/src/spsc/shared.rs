//! What the producer and the consumer share.

use crossbeam_utils::CachePadded;

use crate::error::CapacityError;
use crate::protocol::{Cursor, Flag};
use crate::slots::Slots;

/// What both sides see. The slots from `head` to `tail` hold values and belong to the consumer, the others belong to
/// the producer.
pub(super) struct Shared<T> {
    /// Written by the producer only.
    pub(super) tail: CachePadded<Cursor>,
    /// Written by the consumer only.
    pub(super) head: CachePadded<Cursor>,
    pub(super) slots: Slots<T>,
    pub(super) capacity: usize,
    pub(super) producer_gone: Flag,
    pub(super) consumer_closed: Flag,
}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize) -> Result<Self, CapacityError> {
        Ok(Self {
            tail: CachePadded::new(Cursor::new()),
            head: CachePadded::new(Cursor::new()),
            slots: Slots::new(capacity)?,
            capacity,
            producer_gone: Flag::new(),
            consumer_closed: Flag::new(),
        })
    }

    /// How many values there are between the published positions.
    pub(super) fn len(&self) -> usize {
        // The head first: a tail read later is not below it. It may have run ahead meanwhile, hence the bound.
        let head = self.head.observe();
        let count = (self.tail.observe() - head) as usize;
        count.min(self.capacity)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let (head, tail) = (self.head.settled(), self.tail.settled());
        // SAFETY: both handles are gone, and the slots from the head to the tail hold the values left behind.
        unsafe { self.slots.drop_values(head, tail) };
    }
}
