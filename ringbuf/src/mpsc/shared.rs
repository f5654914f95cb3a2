//! What the producers and the consumer share, and how slots are claimed.

use std::mem::MaybeUninit;
use std::ops::Range;

use crossbeam_utils::{Backoff, CachePadded};

use crate::error::CapacityError;
use crate::protocol::{Claims, Cursor, Flag, Handles, Mark, Stamp};
use crate::slots::preallocate;
use crate::sync::UnsafeCell;

/// The slots below `head` and from `tail` on are free. A slot between the two belongs to the producer that claimed it
/// until its stamp is that of its position, and to the consumer from then on.
pub(super) struct Shared<T> {
    claims: CachePadded<ProducersSide>,
    /// Written by the consumer only.
    pub(super) head: CachePadded<Cursor>,
    slots: Box<[Slot<T>]>,
    capacity: u64,
    pub(super) producers: Handles,
    pub(super) consumer_closed: Flag,
}

/// The words that producers write: on one line, because who writes the one needs the other.
struct ProducersSide {
    tail: Claims,
    /// The consumer's head when some producer last looked at it. May be stale, that is, too low, and may even go back
    /// when a slow producer stores what it saw long ago.
    head_seen: Cursor,
}

/// A value and the stamp that says whether it is there, side by side: one cache line to fetch for a small value.
struct Slot<T> {
    stamp: Stamp,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: sharing a slot lets another thread put a value in or take it out, which `T: Send` allows. Only the unsafe
// methods of `Shared` reach the value, and their callers see to it that a slot belongs to one thread at a time.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize) -> Result<Self, CapacityError> {
        let (mut slots, count) = preallocate(capacity)?;
        slots.extend((0..count).map(|_| Slot { stamp: Stamp::new(), value: UnsafeCell::new(MaybeUninit::uninit()) }));
        Ok(Self {
            claims: CachePadded::new(ProducersSide { tail: Claims::new(), head_seen: Cursor::new() }),
            head: CachePadded::new(Cursor::new()),
            slots: slots.into_boxed_slice(),
            capacity: capacity as u64,
            producers: Handles::new(),
            consumer_closed: Flag::new(),
        })
    }

    /// Claims up to `wanted` free slots, at least one, by one compare-and-swap; `None` if none is free.
    #[inline]
    pub(super) fn claim(&self, wanted: usize) -> Option<Range<u64>> {
        let backoff = Backoff::new();
        let mut start = self.claims.tail.next();
        loop {
            // If the head has overtaken a stale `start`, more seems to be free than there is. The tail has moved
            // then, so the swap fails.
            let count = self.free_from(start, wanted).min(wanted as u64);
            if count == 0 {
                return None;
            }
            let end = start + count;
            match self.claims.tail.try_claim(start, end) {
                Ok(()) => return Some(start..end),
                Err(next) => start = next,
            }
            backoff.spin();
        }
    }

    /// How many slots from `start` on are free, as far as known. Looks at the head if fewer than `wanted` are known.
    #[inline]
    fn free_from(&self, start: u64, wanted: usize) -> u64 {
        let free = |head: u64| (head + self.capacity).saturating_sub(start);
        // The producer that stored `head_seen` has observed the head, and the cursor hands that on: the consumer is
        // done with the slots below.
        let known = free(self.claims.head_seen.observe());
        if known >= wanted as u64 {
            return known;
        }
        let head = self.head.observe();
        self.claims.head_seen.publish(head);
        free(head)
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> &Slot<T> {
        let index = position as usize & (self.slots.len() - 1);
        // SAFETY: the number of slots is a power of two, so masking by it less one stays below it.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// Puts a value into a slot. One that was there is forgotten.
    ///
    /// # Safety
    ///
    /// The caller has claimed the position and not published it.
    #[inline(always)]
    pub(super) unsafe fn write(&self, position: u64, value: T) {
        self.slot(position).value.with_mut(|slot| {
            // SAFETY: a claimed slot belongs to the caller, and the pointer is valid.
            unsafe { (*slot).write(value) };
        });
    }

    /// Hands a slot to the consumer. Each claimed position has to be, or the consumer never gets past it.
    ///
    /// # Safety
    ///
    /// The caller has claimed the position and not published it. If the mark says so, it has written a value.
    #[inline(always)]
    pub(super) unsafe fn publish(&self, position: u64, mark: Mark) {
        self.slot(position).stamp.publish(position, mark);
    }

    /// What was published at a position.
    #[inline(always)]
    pub(super) fn observe(&self, position: u64) -> Option<Mark> {
        self.slot(position).stamp.observe(position)
    }

    /// Takes the value out of a slot.
    ///
    /// # Safety
    ///
    /// The caller is the consumer, has observed a value at the position, has not taken it yet and has not published a
    /// head beyond it.
    #[inline(always)]
    pub(super) unsafe fn take(&self, position: u64) -> T {
        // SAFETY: the slot holds a value and belongs to the caller, and the pointer is valid.
        self.slot(position).value.with_mut(|slot| unsafe { (*slot).assume_init_read() })
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// How many slots are claimed and not yet handed back.
    pub(super) fn len(&self) -> usize {
        // The head first: a tail read later is not below it. It may have run ahead meanwhile, hence the bound.
        let head = self.head.observe();
        let count = self.claims.tail.next() - head;
        count.min(self.capacity) as usize
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let head = self.head.settled();
        let left = (head..self.claims.tail.next()).filter(|&position| self.observe(position) == Some(Mark::Value));
        // SAFETY: all handles are gone, the slots hold values, and each position comes up once.
        drop_each(&mut left.map(|position| unsafe { self.take(position) }));
    }
}

/// Drops all that is left in an iterator. If an item panics, the others are dropped all the same.
pub(super) fn drop_each(items: &mut impl Iterator) {
    /// Goes on with the rest on the way out, which is all that there is unless an item panicked.
    struct Rest<'a, I: Iterator>(&'a mut I);

    impl<I: Iterator> Drop for Rest<'_, I> {
        fn drop(&mut self) {
            self.0.for_each(drop);
        }
    }

    let rest = Rest(items);
    rest.0.for_each(drop);
}
