//! Batches: the messages that are at hand for an actor, which takes them one after the other without coming back to its
//! worker in between.

use std::fmt;
use std::marker::PhantomData;

use crate::context::Context;
use crate::core::Core;

/// What is at hand for one actor behind the message that it is given; see
/// [`Actor::handle_batch`](crate::Actor::handle_batch).
///
/// The messages lie where they were sent to, in the worker's ring, the lane or the private mailbox: each is moved out when
/// it is taken. So a batch is as long as the run of messages to this actor that has come, up to the worker's slice
/// (`turn_budget`, `lane_budget`): messages of other actors in between end it, and what comes through a
/// [`Handle`](crate::Handle) comes by itself.
pub struct Batch<'a, M> {
    core: &'a mut Core,
    /// Whether there is nothing in it, whatever is at hand.
    is_none: bool,
    message: PhantomData<fn(M)>,
}

impl<'a, M: Send + 'static> Batch<'a, M> {
    #[inline(always)]
    pub(crate) fn new(core: &'a mut Core) -> Self {
        Self { core, is_none: false, message: PhantomData }
    }

    /// Takes the next message; `None` at the end of the batch. From then on the message is handled: if the actor panics,
    /// the last one that was taken is reported as a dead letter, and those before it are not.
    #[expect(clippy::should_implement_trait, reason = "an iterator would keep the context from its user")]
    #[inline]
    pub fn next(&mut self) -> Option<M> {
        if self.is_none { None } else { self.core.take_next() }
    }

    /// Takes all that is left, and hands it out one by one behind `first`.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, Batch, Context};
    ///
    /// struct Journal {
    ///     rows: Vec<u64>,
    ///     commits: u64,
    /// }
    ///
    /// impl Actor for Journal {
    ///     type Msg = u64;
    ///     fn handle(&mut self, row: u64, _ctx: &mut Context<'_, u64>) {
    ///         self.rows.push(row);
    ///     }
    ///     fn handle_batch(&mut self, first: u64, rest: Batch<'_, u64>) {
    ///         rest.for_each_behind(first, |row, ctx| self.handle(row, ctx));
    ///         self.commits += 1;
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn for_each_behind(mut self, first: M, mut handle: impl FnMut(M, &mut Context<'_, M>)) {
        handle(first, &mut self.context());
        while let Some(next) = self.next() {
            handle(next, &mut self.context());
        }
    }

    /// Whether the batch has no more messages: the moment to commit what it was about. Costs three compares.
    #[inline]
    #[must_use]
    pub fn is_over(&mut self) -> bool {
        self.is_none || self.core.is_end_of_slice()
    }

    /// A batch of nothing: for what stands around an actor, has a message in its hands, and does something around each. What
    /// is at hand besides comes to it by itself.
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
    ///             self.0.handle_batch(n, Batch::none(ctx));
    ///         }
    ///     }
    /// }
    /// ```
    #[inline(always)]
    #[must_use]
    pub fn none(ctx: &'a mut Context<'_, M>) -> Self {
        Self { core: ctx.core(), is_none: true, message: PhantomData }
    }

    /// The worker, as in [`Actor::handle`](crate::Actor::handle).
    #[inline(always)]
    pub fn context(&mut self) -> Context<'_, M> {
        Context::new(self.core)
    }
}

impl<M> fmt::Debug for Batch<'_, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Batch({})", self.core.me())
    }
}
