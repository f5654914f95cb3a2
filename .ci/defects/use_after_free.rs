//! What AddressSanitizer and memcheck must report: a message that is read after its memory was given back.
//!
//! `use_after_free right` reads it before, and must not be reported.

use std::hint::black_box;

fn main() {
    let message = Box::into_raw(Box::new(7_u64));
    let free = || {
        // SAFETY: the pointer is from a box, and is given back once.
        drop(unsafe { Box::from_raw(black_box(message)) });
    };
    // SAFETY: done right, the message is still there. Done wrong it is not, on purpose.
    let read = || unsafe { black_box(message).read_volatile() };
    match std::env::args().nth(1).as_deref() {
        Some("right") => {
            black_box(read());
            free();
        }
        Some("wrong") => {
            free();
            black_box(read());
        }
        _ => panic!("usage: use_after_free right|wrong"),
    }
}
