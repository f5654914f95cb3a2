//! The word on which sender and receiver agree, and every memory ordering of the protocol.
//!
//! ```text
//!    bit 3       bit 2    bit 1      bit 0
//! +-----------+--------+----------+------------+
//! | ABANDONED | CLOSED | ANSWERED | REGISTERED |
//! +-----------+--------+----------+------------+
//!   the receiver  the sender        a waker is in its slot, and
//!   has left      has finished      the sender has to take it
//! ```
//!
//! | word                      | the waker's slot belongs to | the value belongs to |
//! |---------------------------|-----------------------------|----------------------|
//! | (nothing)                 | the receiver                | the sender           |
//! | `REGISTERED`              | nobody                      | the sender           |
//! | finished and `REGISTERED` | the sender, who takes it    | the receiver         |
//! | finished                  | the receiver                | the receiver         |
//! | `ABANDONED`               | the sender                  | the sender           |
//!
//! The sender's last step clears `REGISTERED` where it was set. So "finished" alone means that the sender has left,
//! and a receiver that sees it owns the whole cell. Where both leave at the same time, the one whose step comes second
//! in the order of changes of the word owns the cell and recycles it:
//!
//! - the receiver's [`State::abandon`] against the sender's [`State::finish`] where no waker was registered;
//! - the receiver's [`State::abandon`] against [`State::sender_leaves`] where one was.
//!
//! A bit is only ever added where it is clear and subtracted where it is set, hence additions for what is logically
//! "or": one instruction (`xadd`) instead of a loop on x86-64.

use crate::sync::{AtomicU32, Ordering};

const EMPTY: u32 = 0;
const REGISTERED: u32 = 1 << 0;
const ANSWERED: u32 = 1 << 1;
const CLOSED: u32 = 1 << 2;
const ABANDONED: u32 = 1 << 3;

/// How a sender finishes.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum Outcome {
    /// The value is in the cell.
    Answered = ANSWERED,
    /// There is no value and none will come.
    Closed = CLOSED,
}

/// One reading of the word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word(u32);

impl Word {
    pub(super) fn is_registered(self) -> bool {
        self.0 & REGISTERED != 0
    }

    pub(super) fn is_answered(self) -> bool {
        self.0 & ANSWERED != 0
    }

    /// Answered or closed.
    pub(super) fn is_finished(self) -> bool {
        self.0 & (ANSWERED | CLOSED) != 0
    }

    pub(super) fn is_abandoned(self) -> bool {
        self.0 & ABANDONED != 0
    }
}

/// The atomic word.
///
/// The last step of a side lets the other free the memory at once. The methods are sound even then: they touch the word
/// by one atomic operation and nothing after it.
#[derive(Debug)]
pub(super) struct State(AtomicU32);

impl State {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(EMPTY))
    }

    /// Either side looks. Acquire: pairs with the release in [`finish`](Self::finish), so that the value is there once
    /// it is announced, and in [`sender_leaves`](Self::sender_leaves), so that the cell may be recycled after it.
    pub(super) fn look(&self) -> Word {
        Word(self.0.load(Ordering::Acquire))
    }

    /// The receiver hands over the slot, with a waker in it. The error is the word of a sender that has finished: the
    /// slot is still the receiver's.
    ///
    /// Release: pairs with the acquire in [`finish`](Self::finish), so that the sender sees the waker. Acquire on
    /// failure: as in [`look`](Self::look).
    pub(super) fn register(&self) -> Result<(), Word> {
        let exchanged = self.0.compare_exchange(EMPTY, REGISTERED, Ordering::Release, Ordering::Acquire);
        exchanged.map(|_| ()).map_err(Word)
    }

    /// The receiver takes the slot back. The error is the word of a sender that has finished: the slot is the sender's.
    ///
    /// Relaxed: the receiver itself wrote the slot, and nobody else has touched it since. Acquire on failure: as in
    /// [`look`](Self::look).
    pub(super) fn reclaim(&self) -> Result<(), Word> {
        let exchanged = self.0.compare_exchange(REGISTERED, EMPTY, Ordering::Relaxed, Ordering::Acquire);
        exchanged.map(|_| ()).map_err(Word)
    }

    /// The sender finishes, and returns what it found.
    ///
    /// Release: pairs with [`look`](Self::look) and [`abandon`](Self::abandon), so that the value is there. Acquire:
    /// pairs with [`register`](Self::register), so that the waker is there, and with [`abandon`](Self::abandon), so
    /// that the cell may be recycled.
    pub(super) fn finish(&self, outcome: Outcome) -> Word {
        Word(self.0.fetch_add(outcome as u32, Ordering::AcqRel))
    }

    /// The sender, which found a waker when it finished, has taken it and leaves. Returns what it found.
    ///
    /// Release: pairs with [`look`](Self::look) and [`abandon`](Self::abandon), so that the slot has been read before
    /// the cell is recycled. Acquire: pairs with [`abandon`](Self::abandon), so that the value has been moved out
    /// before the cell is recycled here.
    pub(super) fn sender_leaves(&self) -> Word {
        Word(self.0.fetch_sub(REGISTERED, Ordering::AcqRel))
    }

    /// The receiver leaves, and returns what it found.
    ///
    /// Both pair with [`finish`](Self::finish) and [`sender_leaves`](Self::sender_leaves). Release: so that the
    /// receiver's last access comes before the cell is recycled there. Acquire: so that the value is there and the cell
    /// may be recycled here.
    pub(super) fn abandon(&self) -> Word {
        Word(self.0.fetch_add(ABANDONED, Ordering::AcqRel))
    }
}
