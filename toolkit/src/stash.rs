//! The stash: messages that an actor keeps for later, up to a limit.
