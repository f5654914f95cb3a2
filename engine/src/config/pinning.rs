//! How much it matters that a worker runs on its core.

use serde::{Deserialize, Serialize};

/// What happens when a worker cannot be pinned to the core it names.
///
/// In a file it is written `strict`, `best-effort` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Pinning {
    /// The engine does not start.
    #[default]
    Strict,
    /// The worker runs unpinned and the failure is reported.
    BestEffort,
    /// No worker is pinned, whatever core it names.
    Off,
}

impl From<Pinning> for hippodrome_affinity::Pinning {
    fn from(pinning: Pinning) -> Self {
        match pinning {
            Pinning::Strict => Self::Strict,
            Pinning::BestEffort => Self::BestEffort,
            Pinning::Off => Self::Off,
        }
    }
}
