//! The only file that chooses between the standard library and the model checkers.
//!
//! Everything that takes part in a lock-free protocol comes from here: built with `--cfg loom` the same names are
//! loom's, and every interleaving of a model is explored. There each atomic operation can be weakened, one at a time, to
//! show that a model fails. Built with `--cfg shuttle` they are those of `scheduled`, for models of the whole engine.

#[cfg(not(any(loom, shuttle)))]
pub(crate) use self::real::*;

#[cfg(loom)]
pub(crate) use self::checked::*;

#[cfg(all(shuttle, not(loom)))]
pub(crate) use self::scheduled::*;

#[cfg(not(any(loom, shuttle)))]
mod real {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use std::{thread, thread_local};

    pub(crate) use super::plain::*;
}

#[cfg(all(shuttle, not(loom)))]
mod scheduled {
    pub(crate) use shuttle::thread_local;

    pub(crate) use super::plain::*;
    pub(crate) use crate::scheduled::{
        AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence, spin_loop, thread,
    };
}

/// What is the same with threads of the operating system and with shuttle's.
#[cfg(not(loom))]
mod plain {
    pub(crate) use std::alloc::{alloc, dealloc};
    pub(crate) use std::sync::{Arc, OnceLock};

    /// [`std::cell::UnsafeCell`] behind the interface of loom's, which is told when an access begins and ends.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Runs `read` with a pointer for shared reading.
        #[inline(always)]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        /// Runs `write` with a pointer for exclusive access.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

#[cfg(loom)]
mod checked;
