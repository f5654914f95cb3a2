//! The memory of cells: for each key a word, and a slot for each writer, for the reader and to be shared.

use crossbeam_utils::CachePadded;

use super::Replaced;
use super::protocol::{Own, Word};
use crate::error::LatestError;
use crate::sync::UnsafeCell;

/// The most writers of a cell. Each has a slot of its own for each key.
pub(super) const MAX_WRITERS: usize = 1 << 8;

/// The most keys of a board.
pub(super) const MAX_KEYS: usize = 1 << 20;

/// A value, or nothing yet. Only the one with its [`Own`] touches it.
type Slot<T> = CachePadded<UnsafeCell<Option<T>>>;

/// All cells of a board; a single cell is a board of one key.
pub(super) struct Places<T> {
    words: Box<[CachePadded<Word>]>,
    /// Those of a key lie side by side.
    slots: Box<[Slot<T>]>,
    slots_a_key: usize,
}

// SAFETY: sharing the places lets another thread put values in and take them out, which `T: Send` allows. Only unsafe
// methods reach a slot, and their callers have the right to it, which one thread has at a time. A reference to a value is
// given to the reader alone, which is not shared between threads unless `T` may be.
unsafe impl<T: Send> Sync for Places<T> {}

/// A vector of so many, or the error.
fn preallocate<S>(count: usize) -> Result<Vec<S>, LatestError> {
    let mut vector = Vec::new();
    vector
        .try_reserve_exact(count)
        .map_err(|_| LatestError::OutOfMemory { bytes: count.saturating_mul(size_of::<S>()) })?;
    Ok(vector)
}

impl<T> Places<T> {
    /// Places for so many keys, without a value. For each key the slots belong, in this order, to the reader, to the
    /// writers, and to nobody.
    pub(super) fn new(keys: usize, writers: usize) -> Result<Self, LatestError> {
        if !(1..=MAX_WRITERS).contains(&writers) {
            return Err(LatestError::Writers { writers, limit: MAX_WRITERS });
        }
        if !(1..=MAX_KEYS).contains(&keys) {
            return Err(LatestError::Keys { keys, limit: MAX_KEYS });
        }
        let slots_a_key = writers + 2;
        let mut words = preallocate(keys)?;
        for _ in 0..keys {
            // SAFETY: whoever makes the handles gives them the slots below.
            words.push(CachePadded::new(Word::new(unsafe { Own::new(writers as u32 + 1) })));
        }
        let mut slots: Vec<Slot<T>> = preallocate(keys * slots_a_key)?;
        slots.resize_with(keys * slots_a_key, || CachePadded::new(UnsafeCell::new(None)));
        Ok(Self { words: words.into_boxed_slice(), slots: slots.into_boxed_slice(), slots_a_key })
    }

    /// How many writers there may be.
    pub(super) fn writers(&self) -> usize {
        self.slots_a_key - 2
    }

    /// # Safety
    ///
    /// `own` is somebody's, of this key of these places.
    #[inline(always)]
    unsafe fn slot(&self, key: usize, own: &Own) -> &Slot<T> {
        debug_assert!(own.slot() < self.slots_a_key);
        // SAFETY: there are so many slots for each key, and the number of a right is below that.
        unsafe { self.slots.get_unchecked(key * self.slots_a_key + own.slot()) }
    }

    /// # Safety
    ///
    /// There is such a key.
    #[inline(always)]
    unsafe fn word(&self, key: usize) -> &Word {
        // SAFETY: the caller's promise.
        unsafe { self.words.get_unchecked(key) }
    }

    /// Publishes a value by one swap, and takes out what it replaced.
    ///
    /// # Safety
    ///
    /// `own` is a writer's, of this key of these places.
    #[inline(always)]
    pub(super) unsafe fn write(&self, key: usize, own: &mut Own, value: T) -> Replaced<T> {
        // SAFETY: the right is of this key of these places.
        let slot = unsafe { self.slot(key, own) };
        // SAFETY: the slot is the caller's. It is empty: a writer empties the one that it gets, below.
        slot.with_mut(|slot| unsafe { slot.write(Some(value)) });
        // SAFETY: the right is of this key.
        let was_fresh = unsafe { self.word(key) }.hand_over(own);
        // SAFETY: as above, for the right that it has become.
        let slot = unsafe { self.slot(key, own) };
        // SAFETY: the slot is the caller's now, and initialised from the start.
        match slot.with_mut(|slot| unsafe { (*slot).take() }) {
            Some(value) if was_fresh => Replaced::Unread(value),
            Some(value) => Replaced::Taken(value),
            None => Replaced::Nothing,
        }
    }

    /// Gets the value that is shared if it is fresh. Whether it was.
    ///
    /// # Safety
    ///
    /// `own` is the reader's, of this key of these places.
    #[inline(always)]
    pub(super) unsafe fn refresh(&self, key: usize, own: &mut Own) -> bool {
        // SAFETY: the right is of this key.
        unsafe { self.word(key) }.exchange(own)
    }

    /// The value that the reader got last.
    ///
    /// # Safety
    ///
    /// `own` is the reader's, of this key of these places, and stays as it is while the value is borrowed.
    #[inline(always)]
    pub(super) unsafe fn last(&self, key: usize, own: &Own) -> Option<&T> {
        // SAFETY: the right is of this key of these places.
        let slot = unsafe { self.slot(key, own) };
        // SAFETY: the slot is the caller's, who leaves it as it is meanwhile.
        slot.with(|slot| unsafe { (*slot).as_ref() })
    }
}
