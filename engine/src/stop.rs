//! How actors end: why, and how one is told to.

use std::fmt;
use std::sync::Arc;

/// Why an actor stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// It was told to, or told itself to.
    Stopped,
    /// It was killed.
    Killed,
    /// It panicked, with this message, and its policy is to stop or to escalate. Or somebody has
    /// [failed](crate::Context::fail) it, for this reason.
    Panicked(Arc<str>),
    /// It panicked more often than its policy allows; the last message.
    RestartsExhausted(Arc<str>),
    /// Its parent stopped or was restarted.
    ParentStopped,
    /// The engine shut down.
    Shutdown,
    /// It had already stopped when somebody began to watch it.
    Unknown,
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => formatter.write_str("told to stop"),
            Self::Killed => formatter.write_str("killed"),
            Self::Panicked(message) => write!(formatter, "panicked: {message}"),
            Self::RestartsExhausted(message) => write!(formatter, "restarted too often; it last panicked: {message}"),
            Self::ParentStopped => formatter.write_str("its parent stopped"),
            Self::Shutdown => formatter.write_str("the engine shut down"),
            Self::Unknown => formatter.write_str("stopped before it was watched"),
        }
    }
}

/// How an actor is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// After the message that it is handling; what is queued becomes dead letters.
    Now,
    /// After what was queued when the order arrived; what comes when it has stopped becomes dead letters.
    AfterQueued,
    /// As [`Now`](Self::Now), and without calling [`stopped`](crate::Actor::stopped); its children are killed too.
    Kill,
}
