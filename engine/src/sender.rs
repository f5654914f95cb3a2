//! Who sends: code that is generic over it serves handlers and threads outside alike.

use crate::address::ActorRef;
use crate::context::Context;
use crate::error::TryTellError;
use crate::handle::{Ask, Handle};
use crate::port::Port;
use crate::reply::Reply;

/// Whoever can tell an actor something: `&mut Context` in a handler, `&Handle` or `&mut Port` on a thread outside.
///
/// It is for functions that serve all three, such as those of a generated client, and costs nothing: each call is the
/// sender's own. What is passed as `ctx` is gone after the call; who needs it again passes `&mut *ctx`.
///
/// # Examples
/// ```
/// use hippodrome::{ActorRef, Context, Handle, Tell};
///
/// struct Order {
///     quantity: u64,
/// }
///
/// fn place(sender: impl Tell, desk: ActorRef<Order>, quantity: u64) {
///     sender.tell(desk, Order { quantity });
/// }
///
/// fn from_a_handler(ctx: &mut Context<'_, ()>, desk: ActorRef<Order>) {
///     place(&mut *ctx, desk, 1);
///     place(ctx, desk, 2);
/// }
///
/// fn from_a_thread(handle: &Handle, desk: ActorRef<Order>) {
///     place(handle, desk, 3);
/// }
/// ```
pub trait Tell: Sized {
    /// Sends a message. One that cannot be accepted becomes a dead letter.
    fn tell<M: Send + 'static>(self, to: ActorRef<M>, message: M);

    /// Sends a message, or gives it back.
    ///
    /// # Errors
    /// Those of the sender's own `try_tell`: [`Context::try_tell`], [`Handle::try_tell`], [`Port::try_tell`].
    fn try_tell<M: Send + 'static>(self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>>;
}

/// Who can wait for an answer: `&Handle` or `&mut Port`, on a thread outside the engine. A handler cannot wait; it asks by
/// [`Context::ask`].
///
/// # Examples
/// ```
/// use hippodrome::{ActorRef, Ask, Outside, Reply};
///
/// struct Price(Reply<u64>);
///
/// fn price(asker: impl Outside, desk: ActorRef<Price>) -> Ask<u64> {
///     asker.ask(desk, Price)
/// }
/// ```
pub trait Outside: Tell {
    /// Asks an actor for a `T`.
    fn ask<M, T>(self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Ask<T>
    where
        M: Send + 'static,
        T: Send + 'static;
}

impl<N: Send + 'static> Tell for &mut Context<'_, N> {
    #[inline(always)]
    fn tell<M: Send + 'static>(self, to: ActorRef<M>, message: M) {
        Context::tell(self, to, message);
    }

    #[inline]
    fn try_tell<M: Send + 'static>(self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Context::try_tell(self, to, message)
    }
}

impl Tell for &Handle {
    #[inline]
    fn tell<M: Send + 'static>(self, to: ActorRef<M>, message: M) {
        Handle::tell(self, to, message);
    }

    #[inline]
    fn try_tell<M: Send + 'static>(self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Handle::try_tell(self, to, message)
    }
}

impl Tell for &mut Port {
    #[inline]
    fn tell<M: Send + 'static>(self, to: ActorRef<M>, message: M) {
        Port::tell(self, to, message);
    }

    #[inline]
    fn try_tell<M: Send + 'static>(self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Port::try_tell(self, to, message)
    }
}

impl Outside for &Handle {
    #[inline]
    fn ask<M, T>(self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Ask<T>
    where
        M: Send + 'static,
        T: Send + 'static,
    {
        Handle::ask(self, to, make)
    }
}

impl Outside for &mut Port {
    #[inline]
    fn ask<M, T>(self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Ask<T>
    where
        M: Send + 'static,
        T: Send + 'static,
    {
        Port::ask(self, to, make)
    }
}
