//! Who sends: code that is generic over it serves handlers and threads outside alike.

use crate::address::{ActorRef, Address};
use crate::context::Context;
use crate::dead_letter::DeadLetterReason;
use crate::error::TryTellError;
use crate::handle::{Ask, Handle};
use crate::port::Port;
use crate::reply::Reply;

/// Whoever can tell an actor something: a [`Context`] in a handler, a [`Handle`] or a [`Port`] on a thread outside, or a
/// reference to one.
///
/// It is for functions that serve all of them, and costs nothing: each call is the sender's own. A function that takes
/// `&mut impl Tell` is called with `ctx` again and again, with `&mut port`, and with `&mut &handle`. One that takes
/// `impl Tell` is called with `&handle`; what is passed as `ctx` is gone then, so who needs it again passes `&mut *ctx`.
///
/// # Examples
/// ```
/// use hippodrome::{ActorRef, Context, Handle, Tell};
///
/// struct Order {
///     quantity: u64,
/// }
///
/// fn place(sender: &mut impl Tell, desk: ActorRef<Order>, quantity: u64) {
///     sender.tell(desk, Order { quantity });
/// }
///
/// fn from_a_handler(ctx: &mut Context<'_, ()>, desk: ActorRef<Order>) {
///     place(ctx, desk, 1);
///     place(ctx, desk, 2);
/// }
///
/// fn from_a_thread(handle: &Handle, desk: ActorRef<Order>) {
///     place(&mut &*handle, desk, 3);
/// }
/// ```
pub trait Tell {
    /// Sends a message. One that cannot be accepted becomes a dead letter.
    fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M);

    /// Sends a message, or gives it back.
    ///
    /// # Errors
    /// Those of the sender's own `try_tell`: [`Context::try_tell`], [`Handle::try_tell`], [`Port::try_tell`].
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>>;

    /// Counts and reports a message that cannot be handled, and drops it; see [`Context::dead_letter`].
    fn dead_letter<M>(&mut self, to: impl Into<Address>, message: M, reason: DeadLetterReason);

    /// Whether the actor lives, or lived, on the sender's own worker: then its [`try_tell`](Self::try_tell) knows of an
    /// actor that has stopped. Never on a thread outside.
    fn is_next_to(&self, actor: impl Into<Address>) -> bool;
}

/// Who can wait for an answer: a [`Handle`] or a [`Port`], on a thread outside the engine. A handler cannot wait; it asks
/// by [`Context::ask`].
///
/// # Examples
/// ```
/// use hippodrome::{ActorRef, Ask, Handle, Outside, Reply};
///
/// struct Price(Reply<u64>);
///
/// fn price(mut asker: impl Outside, desk: ActorRef<Price>) -> Ask<u64> {
///     asker.ask(desk, Price)
/// }
///
/// fn from_a_thread(handle: &Handle, desk: ActorRef<Price>) -> Ask<u64> {
///     price(handle, desk)
/// }
/// ```
pub trait Outside: Tell {
    /// Asks an actor for a `T`.
    fn ask<M, T>(&mut self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Ask<T>
    where
        M: Send + 'static,
        T: Send + 'static;
}

impl<N: Send + 'static> Tell for Context<'_, N> {
    #[inline(always)]
    fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) {
        Context::tell(self, to, message);
    }

    #[inline]
    fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Context::try_tell(self, to, message)
    }

    fn dead_letter<M>(&mut self, to: impl Into<Address>, message: M, reason: DeadLetterReason) {
        Context::dead_letter(self, to, message, reason);
    }

    fn is_next_to(&self, actor: impl Into<Address>) -> bool {
        let (me, actor) = (self.me().address(), actor.into());
        (me.node(), me.worker()) == (actor.node(), actor.worker())
    }
}

/// A sender that is a reference, or behind one.
macro_rules! behind {
    ($sender:ty $(, $generic:ident)?) => {
        impl$(<$generic: Tell>)? Tell for $sender {
            #[inline(always)]
            fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) {
                (**self).tell(to, message);
            }

            #[inline(always)]
            fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
                (**self).try_tell(to, message)
            }

            fn dead_letter<M>(&mut self, to: impl Into<Address>, message: M, reason: DeadLetterReason) {
                (**self).dead_letter(to, message, reason);
            }

            fn is_next_to(&self, actor: impl Into<Address>) -> bool {
                (**self).is_next_to(actor)
            }
        }

        impl$(<$generic: Outside>)? Outside for $sender {
            #[inline]
            fn ask<M, T>(&mut self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Ask<T>
            where
                M: Send + 'static,
                T: Send + 'static,
            {
                (**self).ask(to, make)
            }
        }
    };
}

behind!(&Handle);
behind!(&mut S, S);

/// A sender on a thread outside.
macro_rules! outside {
    ($sender:ident) => {
        impl Tell for $sender {
            #[inline]
            fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) {
                $sender::tell(self, to, message);
            }

            #[inline]
            fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
                $sender::try_tell(self, to, message)
            }

            fn dead_letter<M>(&mut self, to: impl Into<Address>, message: M, reason: DeadLetterReason) {
                $sender::dead_letter(self, to, message, reason);
            }

            fn is_next_to(&self, _actor: impl Into<Address>) -> bool {
                false
            }
        }

        impl Outside for $sender {
            #[inline]
            fn ask<M, T>(&mut self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Ask<T>
            where
                M: Send + 'static,
                T: Send + 'static,
            {
                $sender::ask(self, to, make)
            }
        }
    };
}

outside!(Handle);
outside!(Port);
