//! How a worker waits for work.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a worker waits when a turn found nothing to do.
///
/// The first two keep the core busy and are for cores that nobody else needs.
///
/// # Examples
///
/// ```
/// use hippodrome::config::WaitStrategy;
///
/// let wait: WaitStrategy = "spin-then-yield".parse()?;
/// assert_eq!(wait, WaitStrategy::SpinThenYield);
/// assert_eq!(wait.to_string(), "spin-then-yield");
/// # Ok::<(), hippodrome::config::UnknownWaitStrategy>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WaitStrategy {
    /// It looks again at once, forever: the shortest delay.
    BusySpin,
    /// After so many idle turns it offers its core to other threads between two turns.
    SpinThenYield,
    /// After so many idle turns it sleeps until it is woken or a timer is due.
    #[default]
    SpinThenPark,
}

impl WaitStrategy {
    /// Every strategy, in the order of rising delay.
    const ALL: [Self; 3] = [Self::BusySpin, Self::SpinThenYield, Self::SpinThenPark];

    /// Its name in a configuration file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BusySpin => "busy-spin",
            Self::SpinThenYield => "spin-then-yield",
            Self::SpinThenPark => "spin-then-park",
        }
    }
}

impl fmt::Display for WaitStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for WaitStrategy {
    type Err = UnknownWaitStrategy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|wait| wait.name() == name).ok_or_else(|| UnknownWaitStrategy(name.to_owned()))
    }
}

/// A text that names no [`WaitStrategy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("wait strategy {0:?}: allowed is busy-spin, spin-then-yield or spin-then-park")]
pub struct UnknownWaitStrategy(pub String);
