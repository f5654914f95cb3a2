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
    /// What stands in front of the actor refused it: a limit of rate, an open circuit, a router without routees.
    Refused,
    /// It came after its deadline.
    Expired,
    /// An answer to a question that was put to several actors, and that another had answered first, or whose time was over.
    /// Counted, and reported by no event.
    Outrun,
}

impl DeadLetterReason {
    /// All reasons.
    pub const ALL: [Self; 13] = [
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
        Self::Refused,
        Self::Expired,
        Self::Outrun,
    ];

    /// Whether a private mailbox dropped the message.
    #[must_use]
    pub const fn is_overflow(self) -> bool {
        matches!(self, Self::MailboxFull | Self::DroppedNewest | Self::DroppedOldest)
    }

    /// Whether another message took the place of this one, so that nothing is missing without it.
    #[must_use]
    pub const fn is_replaced(self) -> bool {
        matches!(self, Self::Conflated | Self::Outrun)
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
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Outrun => "outrun",
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

    /// All but those that were [replaced](DeadLetterReason::is_replaced) and not lost. Counts that somebody else wrote may
    /// be beyond any number together: then it is the largest.
    #[must_use]
    pub fn total(&self) -> u64 {
        let lost = DeadLetterReason::ALL.into_iter().filter(|reason| !reason.is_replaced());
        lost.fold(0, |total, reason| total.saturating_add(self.get(reason)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_counts_from_elsewhere_does_not_overflow() {
        let text = r#"{"stopped":18446744073709551615,"full":1,"conflated":7}"#;
        let counts: DeadLetterCounts = serde_json::from_str(text).unwrap();
        assert_eq!(counts.total(), u64::MAX);
        let counts: DeadLetterCounts = serde_json::from_str(r#"{"stopped":3,"full":1,"conflated":7}"#).unwrap();
        assert_eq!(counts.total(), 4);
    }
}
