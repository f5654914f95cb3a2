//! What a monitor understands.

use hippodrome::{Address, AskError, Reply};

use super::check::Check;
use super::table::HealthTable;

/// A message to a [`HealthMonitor`](super::HealthMonitor).
#[derive(Debug)]
pub struct HealthMessage(pub(super) Inner);

/// Which check of a monitor: an index, and which of its uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) index: u32,
    pub(super) generation: u32,
}

#[derive(Debug)]
pub(super) enum Inner {
    Table(Reply<HealthTable>),
    // Boxed, so that the messages of every check are small.
    Add(Box<Check>),
    Remove(Address),
    /// It is time for a check.
    Due(Key),
    /// The actor has answered, or not.
    Answered(Key, Result<(), AskError>),
    /// The engine has answered for an actor that has failed.
    Verified(Key, Result<(), AskError>),
    /// The actor has stopped.
    Stopped(Address),
}

impl HealthMessage {
    /// Asks how everybody is: `handle.ask(monitor, HealthMessage::table)`.
    #[must_use]
    pub fn table(reply: Reply<HealthTable>) -> Self {
        Self(Inner::Table(reply))
    }

    /// From now on checks one more actor, until the monitor is restarted: what it is to check in each life is given to it
    /// when it is made. One that has stopped stays in the table until it is [removed](Self::remove). Allocates.
    #[must_use]
    pub fn add(check: Check) -> Self {
        Self(Inner::Add(Box::new(check)))
    }

    /// Checks this actor no more.
    #[must_use]
    pub fn remove(actor: impl Into<Address>) -> Self {
        Self(Inner::Remove(actor.into()))
    }

    pub(super) fn answered(key: Key, answer: Result<(), AskError>) -> Self {
        Self(Inner::Answered(key, answer))
    }
}
