//! The only file of the engine that chooses between the standard library and a scheduler of models.
//!
//! Whatever one thread waits for another with comes from here. Built with `--cfg shuttle`, the threads of the whole engine
//! run one at a time, and who runs next is decided at each access to what they share; see `tests/shuttle.rs`. What
//! comes from other crates (queues, the event bus) never waits, so that it is one step there.

#[cfg(not(shuttle))]
pub(crate) use self::real::*;

#[cfg(shuttle)]
pub(crate) use self::scheduled::*;

#[cfg(not(shuttle))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::sync::mpsc;
    pub(crate) use std::time::Instant;
    pub(crate) use std::{thread, thread_local};

    pub(crate) use crossbeam_utils::Backoff;
    pub(crate) use parking_lot::{Mutex, RwLock};
}

#[cfg(shuttle)]
mod scheduled;
