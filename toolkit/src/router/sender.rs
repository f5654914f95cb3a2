//! Who can send: an actor, a thread with a handle, a thread with a port.

use hippodrome::{ActorRef, Address, Context, DeadLetterReason, Handle, Port, TryTellError};

mod sealed {
    pub trait Sealed {}
    impl<M> Sealed for hippodrome::Context<'_, M> {}
    impl Sealed for hippodrome::Handle {}
    impl Sealed for &hippodrome::Handle {}
    impl Sealed for hippodrome::Port {}
}

/// Whoever can send a message: an actor by its [`Context`], any thread by a [`Handle`], or a thread by its [`Port`].
pub trait Sender: sealed::Sealed {
    /// Sends a message; one that cannot be accepted becomes a dead letter.
    fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M);

    /// Sends a message, or gives it back.
    ///
    /// # Errors
    /// As for [`Context::try_tell`], [`Handle::try_tell`] or [`Port::try_tell`].
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>>;

    /// Counts and reports a message that cannot be handled, and drops it.
    fn dead_letter<M>(&mut self, to: Address, message: M, reason: DeadLetterReason);

    /// Whether the actor lives, or lived, on the sender's own worker, so that the sender is told when it has stopped.
    fn is_next_to(&self, actor: Address) -> bool;
}

impl<N: Send + 'static> Sender for Context<'_, N> {
    #[inline(always)]
    fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) {
        Context::tell(self, to, message);
    }

    #[inline]
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Context::try_tell(self, to, message)
    }

    fn dead_letter<M>(&mut self, to: Address, message: M, reason: DeadLetterReason) {
        Context::dead_letter(self, to, message, reason);
    }

    fn is_next_to(&self, actor: Address) -> bool {
        let me = self.me().address();
        (me.node(), me.worker()) == (actor.node(), actor.worker())
    }
}

impl Sender for Handle {
    #[inline]
    fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) {
        Handle::tell(self, to, message);
    }

    #[inline]
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Handle::try_tell(self, to, message)
    }

    fn dead_letter<M>(&mut self, to: Address, message: M, reason: DeadLetterReason) {
        Handle::dead_letter(self, to, message, reason);
    }

    fn is_next_to(&self, _actor: Address) -> bool {
        false
    }
}

impl Sender for &Handle {
    #[inline]
    fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) {
        Handle::tell(self, to, message);
    }

    #[inline]
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Handle::try_tell(self, to, message)
    }

    fn dead_letter<M>(&mut self, to: Address, message: M, reason: DeadLetterReason) {
        Handle::dead_letter(self, to, message, reason);
    }

    fn is_next_to(&self, _actor: Address) -> bool {
        false
    }
}

impl Sender for Port {
    #[inline]
    fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) {
        Port::tell(self, to, message);
    }

    #[inline]
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Port::try_tell(self, to, message)
    }

    fn dead_letter<M>(&mut self, to: Address, message: M, reason: DeadLetterReason) {
        Port::dead_letter(self, to, message, reason);
    }

    fn is_next_to(&self, _actor: Address) -> bool {
        false
    }
}
