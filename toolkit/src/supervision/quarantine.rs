//! Where messages go at which actors panic each time.

use std::collections::VecDeque;
use std::fmt;

use hippodrome::{Actor, Address, Context, DeadLetterReason, Handle, Reply};

/// A message at which its actor panicked as often as it was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined<M> {
    /// The message.
    pub message: M,
    /// For whom it was.
    pub actor: Address,
    /// How often it was tried.
    pub panics: u32,
    /// What the last panic said.
    pub reason: String,
}

/// An actor that holds messages in quarantine until somebody takes them to look at them.
///
/// Beyond its limit the oldest is a dead letter, as are those that it holds when it ends.
///
/// See [`Retry`](crate::supervision::Retry) for an example.
pub struct Quarantine<M> {
    held: VecDeque<Quarantined<M>>,
    limit: usize,
    /// To report what is left, however it ends.
    handle: Option<Handle>,
}

/// What a [`Quarantine`] understands.
#[derive(Debug)]
pub enum QuarantineOrder<M: Send + 'static> {
    /// Hold this.
    Hold(Quarantined<M>),
    /// Give away what is held, the oldest first.
    Take(Reply<Vec<Quarantined<M>>>),
}

impl<M: Send + 'static> From<Quarantined<M>> for QuarantineOrder<M> {
    fn from(quarantined: Quarantined<M>) -> Self {
        Self::Hold(quarantined)
    }
}

impl<M> Quarantine<M> {
    /// An empty one, with room for so many messages, of at least one.
    #[must_use]
    pub fn holding(limit: usize) -> Self {
        Self { held: VecDeque::new(), limit: limit.max(1), handle: None }
    }
}

impl<M: Send + 'static> Actor for Quarantine<M> {
    type Msg = QuarantineOrder<M>;

    fn started(&mut self, ctx: &mut Context<'_, QuarantineOrder<M>>) {
        self.handle = Some(ctx.handle());
    }

    fn handle(&mut self, order: QuarantineOrder<M>, ctx: &mut Context<'_, QuarantineOrder<M>>) {
        match order {
            QuarantineOrder::Hold(quarantined) => {
                if self.held.len() == self.limit
                    && let Some(oldest) = self.held.pop_front()
                {
                    ctx.dead_letter(oldest.actor, oldest.message, DeadLetterReason::DroppedOldest);
                }
                self.held.push_back(quarantined);
            }
            QuarantineOrder::Take(reply) => reply.send(ctx, std::mem::take(&mut self.held).into()),
        }
    }
}

impl<M> Drop for Quarantine<M> {
    fn drop(&mut self) {
        let Some(handle) = &self.handle else { return };
        for quarantined in std::mem::take(&mut self.held) {
            handle.dead_letter(quarantined.actor, quarantined.message, DeadLetterReason::Panicked);
        }
    }
}

impl<M> fmt::Debug for Quarantine<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Quarantine({} of {})", self.held.len(), self.limit)
    }
}
