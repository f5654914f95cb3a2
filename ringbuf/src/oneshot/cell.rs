//! The memory that a sender and a receiver share.

use super::pool::{Pool, Slab};
use super::state::State;
use crate::sync::UnsafeCell;
use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

/// The state, and what it guards.
struct Cell<T> {
    state: State,
    waker: UnsafeCell<Option<Waker>>,
    value: UnsafeCell<MaybeUninit<T>>,
    pool: Arc<Pool>,
}

impl<T> Cell<T> {
    const SLAB: Slab = Slab::of(Layout::new::<Self>());
}

/// A pointer to a cell, of which the sender has one and the receiver has one.
///
/// It is a pointer and not a reference, since the other side may free the cell as soon as this one has left; for the
/// same reason a borrow never covers more than one field. Invariant in `T`, as the cell is.
#[repr(transparent)]
pub(super) struct Link<T>(NonNull<Cell<T>>);

impl<T> Clone for Link<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Link<T> {}

impl<T> Link<T> {
    /// A new cell, in a block of this pool.
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let cell = pool.take(Cell::<T>::SLAB).cast::<Cell<T>>();
        let content = Cell {
            state: State::new(),
            waker: UnsafeCell::new(None),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            pool,
        };
        // SAFETY: the block is as large and as aligned as `SLAB` asks for, and is ours alone.
        unsafe { cell.write(content) };
        Self(cell)
    }

    pub(super) fn into_raw(self) -> NonNull<()> {
        self.0.cast()
    }

    /// Undoes [`Link::into_raw`] of the same `T`; with any other pointer, whatever uses the link is unsound.
    pub(super) fn from_raw(raw: NonNull<()>) -> Self {
        Self(raw.cast())
    }

    /// # Safety
    ///
    /// The side to which this link belongs has not left the cell. After its last step the reference is not used.
    pub(super) unsafe fn state<'a>(self) -> &'a State {
        // SAFETY: a side that has not left keeps the cell from being released.
        unsafe { &(*self.0.as_ptr()).state }
    }

    /// Writes the value without reading or dropping what is there.
    ///
    /// # Safety
    ///
    /// The value's place belongs to the caller.
    pub(super) unsafe fn put_value(self, value: T) {
        // SAFETY: the place belongs to the caller, who has not left; so the cell lives and nobody else is at it.
        unsafe { (*self.0.as_ptr()).value.with_mut(|place| (*place).write(value)) };
    }

    /// Moves the value out.
    ///
    /// # Safety
    ///
    /// The value's place belongs to the caller and has been written; it is not taken again.
    pub(super) unsafe fn take_value(self) -> T {
        // SAFETY: as in `put_value`; and it is written and taken once.
        unsafe { (*self.0.as_ptr()).value.with_mut(|place| (*place).assume_init_read()) }
    }

    /// Puts a waker in the slot, which is empty.
    ///
    /// # Safety
    ///
    /// The slot belongs to the caller.
    pub(super) unsafe fn put_waker(self, waker: Waker) {
        // SAFETY: the slot belongs to the caller, who has not left; so the cell lives and nobody else is at it. The
        // slot is empty, so the assignment drops no waker.
        unsafe { (*self.0.as_ptr()).waker.with_mut(|slot| *slot = Some(waker)) };
    }

    /// Empties the slot.
    ///
    /// # Safety
    ///
    /// The slot belongs to the caller.
    pub(super) unsafe fn take_waker(self) -> Option<Waker> {
        // SAFETY: the slot belongs to the caller, who has not left; so the cell lives and nobody else is at it.
        unsafe { (*self.0.as_ptr()).waker.with_mut(|slot| (*slot).take()) }
    }

    /// Gives the cell back to its pool. Runs no code of the user: the slot is empty, and a value, which has been taken
    /// or was never written, is not dropped.
    ///
    /// # Safety
    ///
    /// The other side has left, the whole cell belongs to the caller, and no link to it is used again.
    pub(super) unsafe fn release(self) {
        // SAFETY: nobody else is at the cell, so its content can be moved out of it.
        let Cell { pool, waker, value, state: _ } = unsafe { self.0.read() };
        // This tells the model checker that both were free to be taken.
        waker.with_mut(|_| ());
        value.with_mut(|_| ());
        // SAFETY: `new` took the block from this pool with the same slab; its content has been moved out. The pool
        // outlives the call, since the last reference to it, if this is it, was moved out first.
        unsafe { pool.put(self.0.cast(), Cell::<T>::SLAB) };
    }
}
