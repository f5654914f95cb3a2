//! The atomic words of a latest-value cell, and the only place that names their memory orderings.
//!
//! | operation | order | pairs with | so that |
//! |---|---|---|---|
//! | [`Word::hand_over`], a writer's swap | Release | Acquire of the next swap, by whoever gets the slot | the value is there when its slot is |
//! | | Acquire | Release of the swap that gave the slot away | a value that is replaced is there, and one that the reader had is not read any more |
//! | [`Word::exchange`], the reader's swap | Acquire | Release of `hand_over` | the value is there |
//! | | Release | Acquire of `hand_over` | the reader has done with its old slot before a writer has it |
//! | [`Word::exchange`], the reader's look before | Relaxed | | nothing is touched on its strength: the swap decides |
//! | [`Told::tell`] | Release | Acquire of `clear` | who hands a notice back sees what was written before it was asked for, also by those who got none |
//! | [`Told::clear`] | Acquire | Release of `tell` | as above: each later look at a word or at the dirty keys finds that writing |
//! | [`Told::is_told`] | Relaxed | | a writer whose value replaced an unread one owes nothing: the writer of that one told, or will |
//! | [`Dirty::mark`] | Release | Acquire of `take` | who finds a key finds its value |
//! | [`Dirty::take`] | Acquire | Release of `mark` | as above |
//! | [`Dirty::take`], the look before | Relaxed | | that it sees the marks is `tell`'s and `clear`'s business |
//! | [`Dirty::put_back`] | Relaxed | | the reader has acquired what the marks stand for already |
//!
//! Every write to these words is a read-modify-write, so each goes on with the release sequences of those before.

use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// The right to one slot: not copied, not cloned, and made for each slot once. Who has it has the slot.
#[derive(Debug)]
pub(super) struct Own(u32);

impl Own {
    /// # Safety
    ///
    /// It is made once for each slot of a word.
    pub(super) unsafe fn new(slot: u32) -> Self {
        Self(slot)
    }

    pub(super) fn slot(&self) -> usize {
        self.0 as usize
    }
}

/// The slot that is shared, and whether the reader has not had it.
///
/// ```text
/// bit  63          1   0
///      |   slot    | fresh |
/// ```
///
/// A slot goes from one side to another only by a swap of this word, which gives one slot for another. So no comparison is
/// made that an old word could pass.
pub(super) struct Word(AtomicU64);

const FRESH: u64 = 1;

impl Word {
    #[cfg_attr(loom, track_caller)]
    pub(super) fn new(shared: Own) -> Self {
        Self(AtomicU64::new(u64::from(shared.0) << 1))
    }

    /// A writer shares its slot, with a value, and gets the one that was shared. Whether that one was fresh.
    #[inline(always)]
    pub(super) fn hand_over(&self, own: &mut Own) -> bool {
        let word = self.0.swap(u64::from(own.0) << 1 | FRESH, Ordering::AcqRel);
        own.0 = (word >> 1) as u32;
        word & FRESH != 0
    }

    /// The reader gives its slot for the one that is shared, if that one is fresh. Whether it was.
    #[inline(always)]
    pub(super) fn exchange(&self, own: &mut Own) -> bool {
        // Once fresh, it stays so until this reader's own swap.
        if self.0.load(Ordering::Relaxed) & FRESH == 0 {
            return false;
        }
        let word = self.0.swap(u64::from(own.0) << 1, Ordering::AcqRel);
        own.0 = (word >> 1) as u32;
        true
    }
}

/// Whether a notice is on its way to the reader.
pub(super) struct Told(AtomicBool);

impl Told {
    #[cfg_attr(loom, track_caller)]
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Asks for the notice, after a publication. Whether the caller is the one to give it.
    #[inline(always)]
    pub(super) fn tell(&self) -> bool {
        !self.0.swap(true, Ordering::Release)
    }

    /// Whether one is on its way. May be stale.
    #[inline(always)]
    pub(super) fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The notice has come, or was lost.
    #[inline(always)]
    pub(super) fn clear(&self) {
        self.0.swap(false, Ordering::Acquire);
    }
}

/// The keys of one bit each whose values came since they were last taken.
pub(super) struct Dirty(AtomicU64);

impl Dirty {
    /// How many keys a word has.
    pub(super) const KEYS: usize = 64;

    #[cfg_attr(loom, track_caller)]
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline(always)]
    pub(super) fn mark(&self, key: usize) {
        self.0.fetch_or(1 << (key % Self::KEYS), Ordering::Release);
    }

    /// Takes all of them.
    #[inline(always)]
    pub(super) fn take(&self) -> u64 {
        if self.0.load(Ordering::Relaxed) == 0 { 0 } else { self.0.swap(0, Ordering::Acquire) }
    }

    /// Puts those back that were taken and not looked at.
    pub(super) fn put_back(&self, keys: u64) {
        self.0.fetch_or(keys, Ordering::Relaxed);
    }
}
