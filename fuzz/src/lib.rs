//! What reads other people's bytes, attacked with any bytes: the configuration, sets of cores, trees of `sysfs`, lines of
//! LOBSTER files, requests to the statistics' socket, and answers of one.
//!
//! Each target is a function of bytes that panics when a promise is broken: no panic of the code it attacks, no memory
//! without bound, a clear error for what is refused. `tests/targets.rs` runs them on the seeds and on mutations of these;
//! the programs in `libfuzzer` run them guided by coverage.

#![forbid(unsafe_code)]
#![cfg(unix)]

// The modules of the example that read its files, and the book that is kept from them, as they are there.
#[path = "../../examples/order_book"]
#[expect(dead_code, reason = "a part of the program is attacked")]
mod order_book {
    pub(crate) mod book;
    pub(crate) mod event;
    pub(crate) mod lobster;
}
mod targets;
#[expect(dead_code, reason = "a part of the program is attacked")]
mod top;

// In the example they stand at the top.
use order_book::event;

pub use targets::{configuration, core_set, order_flow, requests, snapshots, topology};
