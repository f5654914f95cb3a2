//! What the ledger found wrong.

use std::fmt;

use super::stream::StreamId;

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Messages neither came nor were dropped.
    #[error("lost: {count} of {sent} messages from {sender} to {receiver} ({stream:?}), the first is number {first}")]
    Lost {
        /// Who sent them.
        sender: u32,
        /// Who was to get them.
        receiver: u32,
        /// Of which stream they are.
        stream: StreamId,
        /// How many.
        count: u64,
        /// The number of the first.
        first: u64,
        /// How many were sent.
        sent: u64,
    },
    /// A message was handled or dropped again, after its end.
    #[error("doubled: message {sequence} from {sender} to {receiver} ({stream:?}) had ended before")]
    Doubled {
        /// Who sent it.
        sender: u32,
        /// Who was to get it.
        receiver: u32,
        /// Of which stream it is.
        stream: StreamId,
        /// Its number.
        sequence: u32,
    },
    /// A message came after one that was sent later.
    #[error("reordered: message {sequence} from {sender} to {receiver} ({stream:?}) came after a later one")]
    Reordered {
        /// Who sent it.
        sender: u32,
        /// Who got it.
        receiver: u32,
        /// Of which stream it is.
        stream: StreamId,
        /// Its number.
        sequence: u32,
    },
    /// A message came with other bytes than it was sent with.
    #[error("corrupted: message {sequence} from {sender} to {receiver} ({stream:?}) came with other bytes")]
    Corrupted {
        /// Who sent it.
        sender: u32,
        /// Who got it.
        receiver: u32,
        /// Of which stream it is.
        stream: StreamId,
        /// Its number.
        sequence: u32,
    },
    /// A message came to another actor.
    #[error("misrouted: message {sequence} from {sender} to {receiver} came to {found}")]
    Misrouted {
        /// Who sent it.
        sender: u32,
        /// Who was to get it.
        receiver: u32,
        /// Who got it.
        found: u32,
        /// Its number.
        sequence: u32,
    },
    /// The engine counted other than the ledger.
    #[error("{what}: the engine says {engine}, the ledger {ledger}")]
    Miscounted {
        /// What was counted.
        what: &'static str,
        /// The engine's count.
        engine: u64,
        /// The ledger's; two numbers if some may go without a report.
        ledger: Bounds,
    },
    /// A high-water mark is over its limit.
    #[error("{what} of worker {worker}: {mark}, over the limit of {limit}")]
    OverLimit {
        /// What has the limit.
        what: &'static str,
        /// The worker's index.
        worker: usize,
        /// The high-water mark.
        mark: u64,
        /// The limit.
        limit: u64,
    },
    /// Something happened that must not, ever.
    #[error("{what}: {count}, and there may be none")]
    MustNotBe {
        /// What.
        what: &'static str,
        /// How often.
        count: u64,
    },
}

/// What a count may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At least.
    pub least: u64,
    /// At most.
    pub most: u64,
}

impl Bounds {
    /// Exactly this.
    #[must_use]
    pub const fn exactly(count: u64) -> Self {
        Self { least: count, most: count }
    }

    /// Whether a count is within.
    #[must_use]
    pub const fn contains(self, count: u64) -> bool {
        self.least <= count && count <= self.most
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most {
            write!(formatter, "{}", self.least)
        } else {
            write!(formatter, "{} to {}", self.least, self.most)
        }
    }
}

/// All that was found wrong; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

/// How many are shown.
const SHOWN: usize = 20;

impl Violations {
    /// Nothing, or what is wrong.
    ///
    /// # Errors
    /// If there are any.
    pub(crate) fn check(found: Vec<Violation>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} violations", self.0.len())?;
        for violation in self.0.iter().take(SHOWN) {
            write!(formatter, "\n  {violation}")?;
        }
        if self.0.len() > SHOWN {
            write!(formatter, "\n  and {} more", self.0.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
