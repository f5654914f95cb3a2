//! What can go wrong with routers.

use std::fmt;

/// A router was to be made of no actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a router needs at least one actor")]
pub struct NoRoutees;

/// A message that a router did not send.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryRouteError<M> {
    /// A ring on the way to the routee that was chosen, or its mailbox, is full.
    #[error("there is no room for the message now")]
    Full(M),
    /// The engine has stopped, or the routees are of another one.
    #[error("the engine of the routees has stopped")]
    Stopped(M),
    /// There are no routees.
    #[error("there are no routees")]
    NoRoutees(M),
}

impl<M> TryRouteError<M> {
    /// The message.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Stopped(message) | Self::NoRoutees(message) => message,
        }
    }
}

impl<M> fmt::Debug for TryRouteError<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Stopped(_) => "Stopped(..)",
            Self::NoRoutees(_) => "NoRoutees(..)",
        })
    }
}
