//! The waker that unparks a thread, made once for each thread.

use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::sync::thread::{self, Thread};
use crate::sync::thread_local;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

fn new_waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

thread_local! {
    static WAKER: Waker = new_waker();
}

/// Runs `use_waker` with the waker of the calling thread.
///
/// Cost: an allocation at the first call of a thread. Where the thread is ending, and its waker is gone, each call
/// makes one.
pub(super) fn with_thread_waker<R>(use_waker: impl FnOnce(&Waker) -> R) -> R {
    match WAKER.try_with(Waker::clone) {
        Ok(waker) => use_waker(&waker),
        Err(_) => use_waker(&new_waker()),
    }
}
