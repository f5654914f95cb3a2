//! The atomic words of the rings of values, and the only place that names their memory orderings.
//!
//! Positions count values from 0 and never wrap: at one value per nanosecond a `u64` lasts 584 years. A position
//! becomes an index by masking it with the number of slots.
//!
//! Under the model checker each word knows where its ring made it, so that it can be weakened by itself.

use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// How far one side has come, told to the other side.
///
/// The producer's tail: all positions below it have been written. The consumer's head: all positions below it have
/// been read and may be overwritten.
pub(crate) struct Cursor(AtomicU64);

impl Cursor {
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Tells the other side that the slots below `position` are its own now.
    #[inline(always)]
    pub(crate) fn publish(&self, position: u64) {
        // Release pairs with the Acquire of `observe`: what was done to those slots comes before what will be.
        self.0.store(position, Ordering::Release);
    }

    /// How far the other side has come. May be stale: it may have gone on since.
    #[inline(always)]
    pub(crate) fn observe(&self) -> u64 {
        // Acquire pairs with the Release of `publish`.
        self.0.load(Ordering::Acquire)
    }

    /// The position, read by the only thread that still reaches the ring.
    pub(crate) fn settled(&mut self) -> u64 {
        // Relaxed: exclusive access was handed over by whatever made this reference exclusive.
        self.0.load(Ordering::Relaxed)
    }
}

/// The tail of many producers: all positions below it have been claimed, not all of them written.
pub(crate) struct Claims(AtomicU64);

impl Claims {
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The next position to claim. May be stale, in which case `try_claim` finds out.
    #[inline(always)]
    pub(crate) fn next(&self) -> u64 {
        // Relaxed: no slot is touched on the strength of this word alone. That a slot may be overwritten is known
        // from the consumer's cursor, that it was written from its stamp.
        self.0.load(Ordering::Relaxed)
    }

    /// Claims the positions `from..to`, or gives the next position to try from.
    #[inline(always)]
    pub(crate) fn try_claim(&self, from: u64, to: u64) -> Result<(), u64> {
        // Relaxed, as for `next`: that no two producers get one position needs atomicity and nothing else.
        self.0.compare_exchange_weak(from, to, Ordering::Relaxed, Ordering::Relaxed).map(|_| ())
    }
}

/// What a producer made of a slot that it had claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The slot holds a value.
    Value,
    /// The slot was claimed for a batch that ended early. It holds nothing and is to be skipped.
    Void,
}

/// Tells the consumer for which position a slot was last filled, and with what.
///
/// ```text
/// bit  63                        1   0
///      |  position + 1           | void |      0: never filled
/// ```
///
/// The position makes the stamps of two laps differ, so the consumer never has to clear one.
pub(crate) struct Stamp(AtomicU64);

impl Stamp {
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Hands the slot to the consumer.
    #[inline(always)]
    pub(crate) fn publish(&self, position: u64, mark: Mark) {
        // Release pairs with the Acquire of `observe`: the consumer sees the value that the mark speaks of, and all
        // that this producer published before.
        self.0.store(Self::word(position, mark), Ordering::Release);
    }

    /// What the slot holds for `position`, or `None` while that is not published.
    #[inline(always)]
    pub(crate) fn observe(&self, position: u64) -> Option<Mark> {
        // Acquire pairs with the Release of `publish`.
        let word = self.0.load(Ordering::Acquire);
        if word == Self::word(position, Mark::Value) {
            Some(Mark::Value)
        } else if word == Self::word(position, Mark::Void) {
            Some(Mark::Void)
        } else {
            None
        }
    }

    #[inline(always)]
    fn word(position: u64, mark: Mark) -> u64 {
        (position + 1) << 1 | (mark == Mark::Void) as u64
    }
}

/// Raised once, when a side is done, and never lowered.
pub(crate) struct Flag(AtomicBool);

impl Flag {
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub(crate) fn raise(&self) {
        // Release pairs with the Acquire of `is_raised`: who sees the flag sees all that was published before it.
        self.0.store(true, Ordering::Release);
    }

    #[inline(always)]
    pub(crate) fn is_raised(&self) -> bool {
        // Acquire pairs with the Release of `raise`.
        self.0.load(Ordering::Acquire)
    }
}

/// How many producer handles there are. Starts at one.
pub(crate) struct Handles(AtomicUsize);

impl Handles {
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(1))
    }

    pub(crate) fn join(&self) {
        // Relaxed: the caller's own handle keeps the count above 0. An overflow is not reachable, because the
        // reference count of the ring, which grows with this one, aborts the process first.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        // Release pairs with the Acquire of `all_left`, through the later decrements too, which continue this one's
        // release sequence: who sees 0 sees all that any producer published.
        self.0.fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn all_left(&self) -> bool {
        // Acquire pairs with the Release of every `leave`.
        self.0.load(Ordering::Acquire) == 0
    }
}
