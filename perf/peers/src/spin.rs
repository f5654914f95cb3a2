//! Trying again and again: how threads that have a core to themselves wait for room and for messages.

use std::hint::spin_loop;
use std::thread::yield_now;

/// Asks until there is something.
#[inline(always)]
pub(crate) fn until_some<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        spin_loop();
    }
}

/// The same without a pause in between, which takes as long as a cache line needs from core to core.
#[inline(always)]
pub(crate) fn at_once<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = attempt() {
            return value;
        }
    }
}

/// Offers a value until it is taken. `attempt` gives it back if there is no room.
#[inline(always)]
pub(crate) fn until_taken<T>(mut value: T, mut attempt: impl FnMut(T) -> Result<(), T>) {
    while let Err(back) = attempt(value) {
        value = back;
        spin_loop();
    }
}

/// The same for producers that share a core: what keeps the ring full may be that another one does not run.
#[inline(always)]
pub(crate) fn until_taken_sharing<T>(mut value: T, mut attempt: impl FnMut(T) -> Result<(), T>) {
    while let Err(back) = attempt(value) {
        value = back;
        yield_now();
    }
}
