//! The most instructions that a unit of each scenario may cost.
//!
//! Those of `flood` and `ping_pong` are what the engine promises. The others are what was counted when they were last
//! changed, and up to 3% more, which leaves room for another compiler's choices: whoever makes a path shorter lowers
//! its limit with it, and whoever makes one longer says why.

use crate::scenario::UNITS;

/// A scenario's limit.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) scenario: &'static str,
    /// What is counted for one of.
    pub(crate) unit: &'static str,
    pub(crate) instructions: f64,
}

impl Limit {
    /// For a whole run.
    pub(crate) fn total(self) -> u64 {
        (self.instructions * UNITS as f64) as u64
    }
}

pub(crate) const FLOOD: Limit = Limit { scenario: "flood", unit: "message", instructions: 45.0 };
pub(crate) const PING_PONG: Limit = Limit { scenario: "ping_pong", unit: "message", instructions: 75.0 };
pub(crate) const LANE: Limit = Limit { scenario: "lane", unit: "message", instructions: 42.5 };
pub(crate) const PORT: Limit = Limit { scenario: "port", unit: "message", instructions: 56.5 };
pub(crate) const WORKERS: Limit = Limit { scenario: "workers", unit: "message", instructions: 70.0 };
pub(crate) const ASK: Limit = Limit { scenario: "ask", unit: "ask and reply", instructions: 745.0 };
pub(crate) const TIMERS: Limit = Limit { scenario: "timers", unit: "timer", instructions: 780.0 };
pub(crate) const BATCH: Limit = Limit { scenario: "batch", unit: "message", instructions: 43.9 };

/// All of them, in the order in which they are counted.
pub(crate) const ALL: &[Limit] = &[FLOOD, PING_PONG, LANE, PORT, WORKERS, ASK, TIMERS, BATCH];
