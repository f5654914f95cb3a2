//! What the example programs share: which cores their workers are on, what outlives an actor that panics, how figures
//! and results are shown, and random numbers that are the same everywhere.

mod cores;
mod figures;
mod lease;
mod output;
mod random;

pub use cores::{MAX_DEFAULT_WORKERS, default_workers, parse_cores, pinned_workers};
pub use figures::{Latency, duration, thousands};
pub use lease::{Home, Lease, NotAtHome};
pub use output::{Format, MAX_LISTED, places, write_disagreements};
pub use random::SplitMix64;
