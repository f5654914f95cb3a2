//! The only file of the toolkit that chooses between the standard library and a scheduler of models.
//!
//! What decides by more than one atomic takes them from here. Built with `--cfg shuttle`, the models beside it run its
//! threads one at a time, and who runs next is decided at each access.

#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

#[cfg(shuttle)]
pub(crate) use hippodrome_ringbuf::scheduled::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
