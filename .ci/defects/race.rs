//! What ThreadSanitizer must report: a value handed to another thread by a store that does not release it.
//!
//! `race right` hands it over by a store that does, and must not be reported.

use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A ring of one place.
struct Place {
    value: UnsafeCell<u64>,
    is_there: AtomicBool,
}

// SAFETY: done right, the value is read only after the flag has released it. Done wrong it is a race, on purpose.
unsafe impl Sync for Place {}

static PLACE: Place = Place { value: UnsafeCell::new(0), is_there: AtomicBool::new(false) };

fn main() {
    let publication = match std::env::args().nth(1).as_deref() {
        Some("right") => Ordering::Release,
        Some("wrong") => Ordering::Relaxed,
        _ => panic!("usage: race right|wrong"),
    };
    let producer = thread::spawn(move || {
        // SAFETY: the consumer waits for the flag.
        unsafe { *PLACE.value.get() = 7 };
        PLACE.is_there.store(true, publication);
    });
    while !PLACE.is_there.load(Ordering::Acquire) {
        spin_loop();
    }
    // SAFETY: see `Place`.
    assert_eq!(unsafe { *PLACE.value.get() }, 7);
    producer.join().expect("the producer does not panic");
}
