//! The messages of the workload's actors.

use hippodrome::{AskError, ChildEvent, Reply};

use super::party::Party;
use super::token::Letter;

/// The words in the body of an answer.
pub(crate) const ANSWER: usize = 1;

/// What an answer is.
pub(crate) type Answer = Letter<ANSWER>;

/// A message to an actor of the workload.
#[derive(Debug)]
pub(crate) struct Msg<const N: usize>(pub(crate) Content<N>);

/// What a message is about.
#[derive(Debug)]
pub(crate) enum Content<const N: usize> {
    /// Work to do; also what comes of timers, watches and events.
    Work(Letter<N>),
    /// The question of an ask, and who is to get the answer.
    Question { letter: Letter<N>, asker: &'static Party, reply: Reply<Answer> },
    /// What an ask has become.
    Outcome { letter: Letter<N>, outcome: Result<(), AskError> },
    /// What has become of a child that is supervised.
    Child { letter: Letter<N>, event: ChildEvent },
}

impl<const N: usize> Msg<N> {
    pub(crate) fn work(letter: Letter<N>) -> Self {
        Self(Content::Work(letter))
    }

    pub(crate) fn letter(&self) -> &Letter<N> {
        match &self.0 {
            Content::Work(letter)
            | Content::Question { letter, .. }
            | Content::Outcome { letter, .. }
            | Content::Child { letter, .. } => letter,
        }
    }

    pub(crate) fn into_letter(self) -> Letter<N> {
        match self.0 {
            Content::Work(letter)
            | Content::Question { letter, .. }
            | Content::Outcome { letter, .. }
            | Content::Child { letter, .. } => letter,
        }
    }

    /// By what a mailbox that conflates does so: the key alone, whoever sent the message.
    pub(crate) fn key(&self) -> u64 {
        self.letter().stream().key.into()
    }
}
