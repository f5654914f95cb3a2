//! Dead letters: messages that were accepted and cannot be handled.

use std::fmt;

/// Why a message could not be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeadLetterReason {
    /// The actor had stopped, or is stopping.
    Stopped,
    /// A ring on the way to the actor was at its limit.
    Full,
    /// The actor's private mailbox was full.
    MailboxFull,
    /// The private mailbox dropped it because it was the newest.
    DroppedNewest,
    /// The private mailbox dropped it because it was the oldest.
    DroppedOldest,
    /// A newer message with the same key took its place. Counted, and reported by no event.
    Conflated,
    /// The actor panicked while it handled it, or while it made a message of it: of an answer. Or the key function of its
    /// mailbox did.
    Panicked,
    /// An answer came after its ask had ended.
    LateReply,
    /// The address is of another engine.
    Unreachable,
    /// The engine shut down or was aborted.
    Shutdown,
}

impl DeadLetterReason {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::Stopped,
        Self::Full,
        Self::MailboxFull,
        Self::DroppedNewest,
        Self::DroppedOldest,
        Self::Conflated,
        Self::Panicked,
        Self::LateReply,
        Self::Unreachable,
        Self::Shutdown,
    ];

    /// Whether a private mailbox dropped the message.
    #[must_use]
    pub const fn is_overflow(self) -> bool {
        matches!(self, Self::MailboxFull | Self::DroppedNewest | Self::DroppedOldest)
    }
}

impl fmt::Display for DeadLetterReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Stopped => "stopped",
            Self::Full => "full",
            Self::MailboxFull => "mailbox full",
            Self::DroppedNewest => "dropped newest",
            Self::DroppedOldest => "dropped oldest",
            Self::Conflated => "conflated",
            Self::Panicked => "panicked",
            Self::LateReply => "late reply",
            Self::Unreachable => "unreachable",
            Self::Shutdown => "shutdown",
        })
    }
}

/// A number of messages for each reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterCounts([u64; DeadLetterReason::ALL.len()]);

impl DeadLetterCounts {
    /// Those with this reason.
    #[must_use]
    pub fn get(&self, reason: DeadLetterReason) -> u64 {
        self.0[reason as usize]
    }

    /// All but the conflated ones, which were replaced by a newer message and not lost.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum::<u64>() - self.get(DeadLetterReason::Conflated)
    }

    pub(crate) fn count(&mut self, reason: DeadLetterReason) {
        self.0[reason as usize] += 1;
    }

    pub(crate) fn set(&mut self, reason: DeadLetterReason, count: u64) {
        self.0[reason as usize] = count;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}
