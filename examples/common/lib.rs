//! What the example programs share: which cores their workers are on, how figures are shown, and random
//! numbers that are the same everywhere.

mod cores;
mod figures;
mod random;

pub use cores::{MAX_DEFAULT_WORKERS, default_workers, parse_cores, pinned_workers};
pub use figures::{Latency, duration, thousands};
pub use random::SplitMix64;
