//! Why there is no answer.

use std::error::Error;
use std::fmt;

/// The sender was dropped without an answer, or the answer was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the one-shot channel was closed without an answer")
    }
}

impl Error for Closed {}

/// Why [`Receiver::wait`](super::Receiver::wait) returned without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
#[non_exhaustive]
pub enum WaitError {
    /// The sender was dropped without an answer, or the answer was taken before.
    Closed,
    /// The time was up. The sender gets an answer that comes later back.
    TimedOut,
}

impl fmt::Display for WaitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => Closed.fmt(formatter),
            Self::TimedOut => formatter.write_str("no answer came through the one-shot channel in time"),
        }
    }
}

impl Error for WaitError {}

impl From<Closed> for WaitError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}
