//! Attacks Hippodrome's promises: a workload that knows what must come out, simulations of it, a soak and an overload on real threads.
//!
//! See [`workload`] for how the promises are checked; the program's commands have `--help`.

#![forbid(unsafe_code)]

pub mod memory;
pub mod overload;
pub mod sim;
pub mod soak;
pub mod workload;
