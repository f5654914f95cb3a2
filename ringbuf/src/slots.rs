//! Preallocated slots of values, reached by position.
//!
//! The number of slots is rounded up to a power of two, so that a position becomes an index by a mask; the exact limit
//! is kept by the rings. Values lie side by side, so that a run of them can be lent out as a slice.

use std::cell::UnsafeCell;
use std::mem::{self, MaybeUninit};
use std::ptr;

use crate::error::CapacityError;
use crate::sync;

/// The largest capacity of a ring, in values. Far above any use, and far below where arithmetic would overflow.
const MAX_CAPACITY: usize = 1 << 30;

/// The distance at which freshly allocated memory is touched. The smallest page of the supported targets, in bytes.
const PAGE_BYTES: usize = 4096;

/// Room for the slots of a ring of `capacity` values: an empty vector, and how many slots it has room for.
///
/// Every page is touched here, so that the memory lies on the node of the thread that builds the ring, and no push
/// pays for a page fault.
pub(crate) fn preallocate<S>(capacity: usize) -> Result<(Vec<S>, usize), CapacityError> {
    if capacity == 0 {
        return Err(CapacityError::Zero);
    }
    if capacity > MAX_CAPACITY {
        return Err(CapacityError::TooLarge { capacity, limit: MAX_CAPACITY });
    }
    let slot_bytes = size_of::<S>();
    let count = capacity.next_power_of_two();
    let mut slots: Vec<S> = Vec::new();
    slots.try_reserve_exact(count).map_err(|_| CapacityError::OutOfMemory { capacity, slot_bytes })?;
    let base = slots.as_mut_ptr().cast::<u8>();
    for offset in (0..count * slot_bytes).step_by(PAGE_BYTES) {
        // SAFETY: `offset` lies within the `count * slot_bytes` bytes just reserved, which nothing else refers to.
        // Volatile, because the compiler may otherwise ask for zeroed pages instead of touching them.
        unsafe { base.add(offset).write_volatile(0) };
    }
    Ok((slots, count))
}

/// Values side by side. Which of them are there, and who may touch them, is the ring's business.
pub(crate) struct Slots<T> {
    values: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// One per value, accessed with it: here the model checker sees who touches what, because its own cells cannot lie
    /// side by side. Without the model checker these take no memory and do nothing.
    watched: Box<[sync::UnsafeCell<()>]>,
}

// SAFETY: sharing the slots lets another thread take values out or put them in, which `T: Send` allows. Only unsafe
// methods reach a value, and their callers see to it that a slot belongs to one thread at a time.
unsafe impl<T: Send> Sync for Slots<T> {}

impl<T> Slots<T> {
    /// At least `capacity` slots, all of them without a value.
    pub(crate) fn new(capacity: usize) -> Result<Self, CapacityError> {
        let (mut values, count) = preallocate(capacity)?;
        // SAFETY: there is room for `count` slots, and a slot without a value needs no initialization.
        unsafe { values.set_len(count) };
        Ok(Self { values: values.into_boxed_slice(), watched: (0..count).map(|_| sync::UnsafeCell::new(())).collect() })
    }

    #[inline(always)]
    fn index(&self, position: u64) -> usize {
        position as usize & (self.values.len() - 1)
    }

    #[inline(always)]
    fn watched(&self, position: u64) -> &sync::UnsafeCell<()> {
        // SAFETY: the number of slots is a power of two, so masking by it less one stays below it.
        unsafe { self.watched.get_unchecked(self.index(position)) }
    }

    #[inline(always)]
    fn value(&self, position: u64) -> *mut MaybeUninit<T> {
        // SAFETY: as for `watched`.
        unsafe { self.values.get_unchecked(self.index(position)) }.get()
    }

    /// Puts a value into a slot. One that was there is forgotten.
    ///
    /// # Safety
    ///
    /// Nothing else touches the slot meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, position: u64, value: T) {
        self.watched(position).with_mut(|_| {
            // SAFETY: the pointer is to a slot, which the caller has to itself.
            unsafe { (*self.value(position)).write(value) };
        });
    }

    /// Takes the value out of a slot.
    ///
    /// # Safety
    ///
    /// The slot holds a value, which is not used afterwards, and nothing else touches the slot meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn take(&self, position: u64) -> T {
        // SAFETY: the pointer is to a slot, which the caller has to itself and which holds a value.
        self.watched(position).with_mut(|_| unsafe { (*self.value(position)).assume_init_read() })
    }

    /// The values at `from..to` in place: those up to the last slot, then those from the first slot on.
    ///
    /// # Safety
    ///
    /// The slots hold values, and are not written to while the slices live. `to - from` is at most the capacity.
    #[inline]
    pub(crate) unsafe fn slices(&self, from: u64, to: u64) -> (&[T], &[T]) {
        (from..to).for_each(|position| self.watched(position).with(|_| ()));
        let (first, second) = self.runs(from, to);
        // SAFETY: the runs lie within the slots, and the caller vouches for their values.
        unsafe { (&*first, &*second) }
    }

    /// Drops the values at `from..to` in place. If one of them panics, the others are dropped all the same.
    ///
    /// # Safety
    ///
    /// The slots hold values, which are not used afterwards, and nothing else touches the slots meanwhile. `to - from`
    /// is at most the capacity.
    #[inline]
    pub(crate) unsafe fn drop_values(&self, from: u64, to: u64) {
        /// Drops its values on the way out, also when the other run's values panicked.
        struct Run<T>(*mut [T]);

        impl<T> Drop for Run<T> {
            fn drop(&mut self) {
                // SAFETY: `drop_values` owns the run. Dropping a slice goes on past a value that panics.
                unsafe { ptr::drop_in_place(self.0) };
            }
        }

        (from..to).for_each(|position| self.watched(position).with_mut(|_| ()));
        if mem::needs_drop::<T>() {
            let (first, second) = self.runs(from, to);
            let _second = Run(second);
            let _first = Run(first);
        }
    }

    /// The slots at `from..to` as at most two runs.
    #[inline]
    fn runs(&self, from: u64, to: u64) -> (*mut [T], *mut [T]) {
        let start = self.index(from);
        let count = (to - from) as usize;
        debug_assert!(count <= self.values.len());
        let first = count.min(self.values.len() - start);
        // A slot is as long as a value, and writable behind a shared reference.
        let base = self.values.as_ptr().cast_mut().cast::<T>();
        (
            ptr::slice_from_raw_parts_mut(base.wrapping_add(start), first),
            ptr::slice_from_raw_parts_mut(base, count - first),
        )
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use super::*;

    /// Asked of the slots and not of a ring: no value of this size may lie on a stack, not even in code that never runs.
    /// The address sanitizer's compiler would keep account of each byte of it.
    #[test]
    fn slots_beyond_all_memory_are_an_error() {
        let error = preallocate::<[u64; 1 << 40]>(1 << 30).unwrap_err();
        assert_eq!(error, CapacityError::OutOfMemory { capacity: 1 << 30, slot_bytes: 1 << 43 });
    }
}
