//! Batches: the messages that are at hand for an actor, which takes them one after the other without coming back to its
//! worker in between.

use std::fmt;

use crate::context::Context;
use crate::core::Core;

/// The messages at hand for one actor; see [`Actor::handle_batch`](crate::Actor::handle_batch).
///
/// They lie where they were sent to, in the worker's ring, the lane or the private mailbox: each is moved out when it is
/// taken. So a batch is as long as the run of messages to this actor that has come, up to the worker's slice
/// (`turn_budget`, `lane_budget`): messages of other actors in between end it, and what comes through a
/// [`Handle`](crate::Handle) comes by itself.
pub struct Batch<'a, M> {
    first: Option<M>,
    /// Whether there is nothing behind the first one, whatever is at hand.
    is_alone: bool,
    core: &'a mut Core,
}

impl<'a, M: Send + 'static> Batch<'a, M> {
    #[inline(always)]
    pub(crate) fn new(first: M, core: &'a mut Core) -> Self {
        Self { first: Some(first), is_alone: false, core }
    }

    /// Takes the next message; `None` at the end of the batch. From then on the message is handled: if the actor panics,
    /// the last one that was taken is reported as a dead letter, and those before it are not.
    #[expect(clippy::should_implement_trait, reason = "an iterator would keep the context from its user")]
    #[inline]
    pub fn next(&mut self) -> Option<M> {
        self.first.take().or_else(|| if self.is_alone { None } else { self.core.take_next() })
    }

    /// Whether the batch has no more messages: the moment to commit what it was about. Costs three compares.
    #[inline]
    #[must_use]
    pub fn is_over(&mut self) -> bool {
        self.first.is_none() && (self.is_alone || self.core.is_end_of_slice())
    }

    /// Hands the first message on alone, as a batch of one: for what stands around an actor and does something around each
    /// of its messages. The others come in batches of their own.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, Batch, Context};
    ///
    /// /// Counts what another actor handles.
    /// struct Counted<A> {
    ///     actor: A,
    ///     handled: u64,
    /// }
    ///
    /// impl<A: Actor> Actor for Counted<A> {
    ///     type Msg = A::Msg;
    ///     fn handle(&mut self, msg: A::Msg, ctx: &mut Context<'_, A::Msg>) {
    ///         self.actor.handle(msg, ctx);
    ///     }
    ///     fn handle_batch(&mut self, batch: Batch<'_, A::Msg>) {
    ///         batch.first_alone(|first| self.actor.handle_batch(first));
    ///         self.handled += 1;
    ///     }
    /// }
    /// ```
    #[inline(always)]
    pub fn first_alone(self, handle: impl FnOnce(Batch<'_, M>)) {
        handle(Batch { is_alone: true, ..self });
    }

    /// A batch of this message alone: for what stands around an actor and has the message in its hands. What is at hand
    /// besides comes in batches of its own.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, Batch, Context};
    ///
    /// /// Hands even numbers on to another actor, and forgets the odd ones.
    /// struct Even<A>(A);
    ///
    /// impl<A: Actor<Msg = u64>> Actor for Even<A> {
    ///     type Msg = u64;
    ///     fn handle(&mut self, n: u64, ctx: &mut Context<'_, u64>) {
    ///         if n % 2 == 0 {
    ///             self.0.handle_batch(Batch::of_one(n, ctx));
    ///         }
    ///     }
    /// }
    /// ```
    #[inline(always)]
    #[must_use = "the message is lost with a batch that nobody takes it from"]
    pub fn of_one(message: M, ctx: &'a mut Context<'_, M>) -> Self {
        Self { first: Some(message), is_alone: true, core: ctx.core() }
    }

    /// The worker, as in [`Actor::handle`](crate::Actor::handle).
    #[inline(always)]
    pub fn context(&mut self) -> Context<'_, M> {
        Context::new(self.core)
    }

    /// The first message and the context, for an actor that handles messages one at a time.
    #[inline(always)]
    pub(crate) fn into_first(self) -> Option<(M, Context<'a, M>)> {
        Some((self.first?, Context::new(self.core)))
    }
}

impl<M> fmt::Debug for Batch<'_, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Batch({})", self.core.me())
    }
}
