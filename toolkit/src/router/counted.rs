//! How many messages of a routee are in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hippodrome::{Actor, Batch, Context};

/// A count on lines of its own: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// What was sent to a routee, and what it has handled. The orderings are relaxed: nobody concludes anything else from it.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Added to by all senders.
    sent: Line,
    /// Written by the routee alone.
    handled: Line,
}

impl Load {
    #[inline]
    pub(crate) fn count_sent(&self) {
        self.sent.0.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn count_handled(&self) {
        let handled = self.handled.0.load(Ordering::Relaxed);
        self.handled.0.store(handled.wrapping_add(1), Ordering::Relaxed);
    }

    /// Messages that were sent through routers and are not handled yet, with the one that is being handled.
    #[inline]
    pub(crate) fn in_flight(&self) -> u64 {
        let (sent, handled) = self.counts();
        // What was sent by others than routers is handled without having been counted.
        u64::try_from(sent.wrapping_sub(handled).cast_signed()).unwrap_or(0)
    }

    /// What was sent, and what was handled.
    #[inline]
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.sent.0.load(Ordering::Relaxed), self.handled.0.load(Ordering::Relaxed))
    }

    /// Forgets the difference: of these counts the routee has lost, or got from others, as many.
    pub(crate) fn settle(&self, (sent, handled): (u64, u64)) {
        self.sent.0.fetch_add(handled.wrapping_sub(sent), Ordering::Relaxed);
    }
}

/// An actor whose handled messages are counted.
pub(crate) struct Counted<A> {
    pub(crate) actor: A,
    pub(crate) load: Arc<Load>,
}

/// Counts when it is dropped: also if the handler panics.
struct Handled<'a>(&'a Load);

impl Drop for Handled<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.count_handled();
    }
}

impl<A: Actor> Actor for Counted<A> {
    type Msg = A::Msg;

    /// One message at a time, so that each is counted when it was handled.
    #[inline]
    fn handle(&mut self, msg: A::Msg, ctx: &mut Context<'_, A::Msg>) {
        let _handled = Handled(&self.load);
        self.actor.handle_batch(msg, Batch::none(ctx));
    }

    fn started(&mut self, ctx: &mut Context<'_, A::Msg>) {
        self.actor.started(ctx);
    }

    fn stopped(&mut self, ctx: &mut Context<'_, A::Msg>) {
        self.actor.stopped(ctx);
    }
}
