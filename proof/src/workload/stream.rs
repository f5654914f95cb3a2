//! A stream: the messages of one kind from one sender to one receiver, numbered from 0.

use std::collections::BTreeSet;

/// What a message is, and so what holds of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Told, or the question of an ask: in the order sent.
    Tell = 0,
    /// An answer from actor to actor: in the order sent.
    Answer = 1,
    /// An answer to a thread, which looks at its asks in an order of its own.
    OutsideAnswer = 2,
    /// What an ask becomes for the actor that made it, whatever its outcome.
    Ask = 3,
    /// A timer that fires once.
    Timer = 4,
    /// A timer that fires again and again.
    Tick = 5,
    /// The end of a watched actor.
    Notice = 6,
    /// An event of the program's own.
    Beat = 7,
    /// What an actor gets at its birth to send when it is started.
    Birth = 8,
    /// What an actor that stops itself leaves to be sent by its `stopped`.
    Testament = 9,
    /// What stands for the ticks that are still to come.
    Ticking = 10,
}

impl Kind {
    /// Whether messages of this kind must be handled in the order sent.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        matches!(self, Self::Tell | Self::Answer | Self::Tick)
    }
}

/// Which stream of a pair. A receiver that conflates keeps the order only for each key, so that each key is a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// What its messages are.
    pub kind: Kind,
    /// The key by which the receiver conflates them; 0 if it does not.
    pub key: u8,
}

impl StreamId {
    /// The stream of this kind, without a key.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        Self { kind, key: 0 }
    }
}

/// What is wrong with a message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It had come to an end before.
    Again,
    /// A later one was handled before it.
    Late,
}

/// The receiver's side of a stream: which messages have ended, each once.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// All below have ended.
    ended_below: u64,
    /// Others that have ended: as many as overtook one that is still on its way.
    ended_beyond: BTreeSet<u64>,
    /// The latest that came to its receiver.
    latest: Option<u64>,
}

impl Stream {
    /// A message came to its receiver.
    pub(crate) fn arrive(&mut self, sequence: u64, is_ordered: bool) -> Result<(), Wrong> {
        if self.has_ended(sequence) {
            return Err(Wrong::Again);
        }
        let is_late = self.latest.is_some_and(|latest| latest >= sequence);
        self.latest = self.latest.max(Some(sequence));
        if is_late && is_ordered { Err(Wrong::Late) } else { Ok(()) }
    }

    /// A message came to its end.
    pub(crate) fn end(&mut self, sequence: u64) -> Result<(), Wrong> {
        if self.has_ended(sequence) {
            return Err(Wrong::Again);
        }
        if sequence == self.ended_below {
            self.ended_below += 1;
            while self.ended_beyond.remove(&self.ended_below) {
                self.ended_below += 1;
            }
        } else {
            self.ended_beyond.insert(sequence);
        }
        Ok(())
    }

    fn has_ended(&self, sequence: u64) -> bool {
        sequence < self.ended_below || self.ended_beyond.contains(&sequence)
    }

    /// Of so many that were sent, how many have not ended, and the first of them.
    pub(crate) fn missing(&self, sent: u64) -> Option<(u64, u64)> {
        let missing = sent.saturating_sub(self.ended_below + self.ended_beyond.len() as u64);
        (missing > 0).then_some((missing, self.ended_below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ends_once_in_any_order() {
        let mut stream = Stream::default();
        for sequence in [2, 0, 1, 5] {
            assert_eq!(stream.end(sequence), Ok(()));
        }
        assert_eq!(stream.missing(6), Some((2, 3)));
        for sequence in [0, 1, 2, 5] {
            assert_eq!(stream.end(sequence), Err(Wrong::Again));
        }
        assert_eq!((stream.end(4), stream.end(3)), (Ok(()), Ok(())));
        assert_eq!(stream.missing(6), None);
        assert!(stream.ended_beyond.is_empty());
    }

    #[test]
    fn order_is_of_those_that_come() {
        let mut stream = Stream::default();
        assert_eq!(stream.arrive(3, true), Ok(()));
        assert_eq!(stream.arrive(2, false), Ok(()));
        assert_eq!(stream.arrive(2, true), Err(Wrong::Late));
        assert_eq!(stream.arrive(4, true), Ok(()));
        assert_eq!(stream.end(4), Ok(()));
        assert_eq!(stream.arrive(4, true), Err(Wrong::Again));
    }
}
