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
pub(crate) const ASK: Limit = Limit { scenario: "ask", unit: "ask and reply", instructions: 731.0 };
pub(crate) const TIMERS: Limit = Limit { scenario: "timers", unit: "timer", instructions: 780.0 };
pub(crate) const BATCH: Limit = Limit { scenario: "batch", unit: "message", instructions: 43.9 };
/// As `flood`: supervision costs nothing per message, nor does another try of a message that is `Copy`.
pub(crate) const SUPERVISED: Limit = Limit { scenario: "supervised", unit: "message", instructions: 42.8 };
pub(crate) const RETRIED: Limit = Limit { scenario: "retried", unit: "message", instructions: 42.8 };

pub(crate) const DIRECT: Limit = Limit { scenario: "direct", unit: "message", instructions: 44.5 };
pub(crate) const ROUTED: Limit = Limit { scenario: "routed", unit: "message", instructions: 64.0 };
pub(crate) const IN_TURN: Limit = Limit { scenario: "in_turn", unit: "message", instructions: 71.0 };
pub(crate) const ROUND_ROBIN: Limit = Limit { scenario: "round_robin", unit: "message", instructions: 88.0 };
pub(crate) const RANDOM: Limit = Limit { scenario: "random", unit: "message", instructions: 88.0 };
pub(crate) const HASHING: Limit = Limit { scenario: "hashing", unit: "message", instructions: 105.5 };
pub(crate) const LEAST_LOAD: Limit = Limit { scenario: "least_load", unit: "message", instructions: 232.5 };

/// A router in turn or at random adds at most 30% to a tell: beside the same sinks told in turn by hand.
const _: () = assert!(ROUND_ROBIN.instructions <= 1.3 * IN_TURN.instructions / 1.03);
const _: () = assert!(RANDOM.instructions <= 1.3 * IN_TURN.instructions / 1.03);

/// Beside its limit it is held to what `flood` costs in the same run.
pub(crate) const MIDDLEWARE: Limit = Limit { scenario: "middleware", unit: "message", instructions: 45.0 };
pub(crate) const DEADLINE: Limit = Limit { scenario: "deadline", unit: "message", instructions: 68.5 };
pub(crate) const RATE_LIMIT: Limit = Limit { scenario: "rate_limit", unit: "message", instructions: 99.0 };
pub(crate) const BREAKER: Limit = Limit { scenario: "breaker", unit: "message", instructions: 72.5 };
pub(crate) const SPANS: Limit = Limit { scenario: "spans", unit: "message", instructions: 54.0 };
pub(crate) const METRICS: Limit = Limit { scenario: "metrics", unit: "message", instructions: 61.5 };
pub(crate) const BEHAVIOURS: Limit = Limit { scenario: "behaviours", unit: "message", instructions: 59.0 };
pub(crate) const MACHINE: Limit = Limit { scenario: "machine", unit: "message", instructions: 53.5 };

/// The same program by hand and through a generated client, which costs the same.
pub(crate) const BY_HAND: Limit = Limit { scenario: "by_hand", unit: "message", instructions: 60.0 };
pub(crate) const CLIENT: Limit = Limit { scenario: "client", ..BY_HAND };

pub(crate) const LATEST: Limit = Limit { scenario: "latest", unit: "value, told and taken", instructions: 405.0 };
pub(crate) const CONFLATED: Limit = Limit { scenario: "conflated", unit: "value that is replaced", instructions: 86.5 };

pub(crate) const STREAM_FUSED: Limit = Limit { scenario: "stream_fused", unit: "element", instructions: 29.5 };
pub(crate) const STREAM_ISLANDS: Limit = Limit { scenario: "stream_islands", unit: "element", instructions: 157.0 };

/// All of them, in the order in which they are counted.
pub(crate) const ALL: &[Limit] = &[
    FLOOD,
    PING_PONG,
    LANE,
    PORT,
    WORKERS,
    ASK,
    TIMERS,
    BATCH,
    SUPERVISED,
    RETRIED,
    DIRECT,
    ROUTED,
    IN_TURN,
    ROUND_ROBIN,
    RANDOM,
    HASHING,
    LEAST_LOAD,
    MIDDLEWARE,
    DEADLINE,
    RATE_LIMIT,
    BREAKER,
    SPANS,
    METRICS,
    BEHAVIOURS,
    MACHINE,
    BY_HAND,
    CLIENT,
    LATEST,
    CONFLATED,
    STREAM_FUSED,
    STREAM_ISLANDS,
];
