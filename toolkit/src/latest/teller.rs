//! Whoever can send a message.

use hippodrome::{ActorRef, Context, Handle, Port, TryTellError};

/// What sends: the [`Context`] of the actor that writes, or a thread's [`Handle`] or [`Port`].
pub trait Teller {
    /// Sends a message, or gives it back. Never waits.
    ///
    /// # Errors
    /// As for the `try_tell` of what sends.
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>>;
}

impl<N: Send + 'static> Teller for Context<'_, N> {
    #[inline]
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Context::try_tell(self, to, message)
    }
}

impl Teller for Handle {
    #[inline]
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Handle::try_tell(self, to, message)
    }
}

impl Teller for Port {
    #[inline]
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Port::try_tell(self, to, message)
    }
}
