//! What the example programs share: which cores their workers are on, and how figures are shown.

mod cores;
mod figures;

pub use cores::{MAX_DEFAULT_WORKERS, default_workers, parse_cores, pinned_workers};
pub use figures::{Latency, duration, thousands};
