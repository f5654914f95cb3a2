//! A cell that holds the latest value: several writers overwrite it, one reader gets the newest once.
//!
//! For what is out of date as soon as something newer is there: prices, positions, readings. However much faster than the
//! reader the writers are, the reader is never behind, and nothing queues.
//!
//! # Trade-offs
//!
//! Writing and reading are wait-free and take one swap each; a read that finds nothing new is one load. Nothing allocates
//! after the cell was built, and nothing is copied but the value into its slot: the reader borrows it where it lies. The
//! price is memory, a slot of whole cache lines for each writer and two more, and that the number of writers is fixed.
//!
//! Between two writers there is no order but that of their swaps: the newest value is the one that was written last,
//! whatever it says about itself. And the writer whose value replaced one that was taken is the one who tells of it: if its
//! thread is suspended just between the two, values that replace its own wait for its return. Writing goes on meanwhile.
//!
//! # How it works
//!
//! ```text
//!            writer 0's    writer 1's    shared      reader's
//!   slots:   [       ]     [       ]     [ 7 ]       [ 5 ]
//!                 \                        |
//!                  +--- write: put, then ---+--- take: if the shared one is
//!                       swap with shared         fresh, swap with it
//! ```
//!
//! It is the triple buffer of graphics, for any number of writers. Each slot belongs to one writer, to the reader, or is
//! the shared one; one word says which slot is shared, and whether its value is *fresh*, that is, the reader has not had
//! it. A side that swaps its own slot for the shared one owns what it gets: so nobody ever touches a slot that is
//! another's, and nobody waits. A writer finds in its new slot what it has replaced, and [gives it back](Replaced).
//!
//! What makes the reader look is a [`Notice`]: a value that the user sends to it, in a message say. A writer asks for it
//! after it has written, and gets one only if none is on its way; the reader hands it in when it looks. So there is one
//! notice for any number of writes, and none of them is overlooked:
//!
//! * The writer publishes, then swaps "told" into the flag. If the flag said so before, somebody holds the notice.
//! * Who hands the notice in swaps the flag back *before* the look. That swap follows the writer's in the order of the
//!   flag's changes, and acquires what the writer published. Or it precedes it: then the writer finds the flag down, and
//!   has a notice to give.
//!
//! A [board](board()) is a cell for each of many keys with one notice for all. A writer that publishes for a key which
//! had nothing fresh sets the key's bit; the reader looks at a word for 64 keys each, and then at the keys whose bits are
//! set.
//!
//! All memory orderings stand in one table, in `latest/protocol.rs`.
//!
//! # How to use it
//!
//! ```
//! use hippodrome_ringbuf::latest::{self, Replaced};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut writers, mut reader) = latest::cell(2)?;
//! assert_eq!(writers[0].write(1.25), Replaced::Nothing);
//! assert_eq!(writers[1].write(1.26), Replaced::Unread(1.25));
//! assert_eq!(reader.take(), Some(&1.26));
//! assert_eq!(reader.take(), None);
//! assert_eq!(reader.last(), Some(&1.26));
//!
//! let _ = writers[0].write(1.27);
//! let notice = writers[0].notice().expect("nobody is told yet");
//! let _ = writers[1].write(1.28);
//! assert!(writers[1].notice().is_none());
//! assert_eq!(reader.take_on(notice), Some(&1.28));
//! # Ok(())
//! # }
//! ```
//!
//! # What does not compile
//!
//! A second reader, or a writer more than there are:
//!
//! ```compile_fail,E0599
//! let (writers, reader) = hippodrome_ringbuf::latest::cell::<u8>(1).unwrap();
//! let second = reader.clone();
//! ```
//!
//! ```compile_fail,E0599
//! let (mut writers, reader) = hippodrome_ringbuf::latest::cell::<u8>(1).unwrap();
//! let second = writers.pop().unwrap().clone();
//! ```
//!
//! Writing through a shared reference, and so from two threads:
//!
//! ```compile_fail,E0596
//! let (writers, _reader) = hippodrome_ringbuf::latest::cell::<u8>(1).unwrap();
//! let shared = &writers[0];
//! let _ = shared.write(1);
//! ```
//!
//! Keeping a value while the next one is taken:
//!
//! ```compile_fail,E0499
//! let (_writers, mut reader) = hippodrome_ringbuf::latest::cell::<u8>(1).unwrap();
//! let first = reader.take();
//! let second = reader.take();
//! assert_eq!(first, second);
//! ```
//!
//! Handing a notice in twice:
//!
//! ```compile_fail,E0382
//! let (mut writers, mut reader) = hippodrome_ringbuf::latest::cell::<u8>(1).unwrap();
//! let notice = writers[0].notice().unwrap();
//! reader.take_on(notice);
//! reader.take_on(notice);
//! ```
//!
//! Sending a handle of values that may not be sent:
//!
//! ```compile_fail,E0277
//! fn is_send<T: Send>(_: T) {}
//! let (mut writers, _reader) = hippodrome_ringbuf::latest::cell::<std::rc::Rc<u8>>(1).unwrap();
//! is_send(writers.pop().unwrap());
//! ```
//!
//! Sharing a reader of values that may not be shared:
//!
//! ```compile_fail,E0277
//! fn is_sync<T: Sync>(_: T) {}
//! let (_writers, reader) = hippodrome_ringbuf::latest::cell::<std::cell::Cell<u8>>(1).unwrap();
//! is_sync(reader);
//! ```

mod board;
#[cfg(all(loom, test))]
mod models;
mod notice;
mod places;
mod protocol;

use std::fmt;
use std::marker::PhantomData;

pub use self::board::{BoardReader, BoardWriter, board};
pub use self::notice::Notice;
use self::notice::Telling;
use self::places::Places;
use self::protocol::Own;
use crate::error::LatestError;
use crate::sync::Arc;

/// Builds a cell without a value, for so many writers and one reader.
///
/// Allocates `writers + 2` slots, each a value in cache lines of its own.
///
/// # Errors
///
/// [`LatestError`] if there is no writer, or more than 256, or the memory is not to be had.
///
/// ```
/// use hippodrome_ringbuf::{LatestError, latest};
///
/// let (writers, _reader) = latest::cell::<u64>(3)?;
/// assert_eq!(writers.len(), 3);
/// assert_eq!(latest::cell::<u64>(0).err(), Some(LatestError::Writers { writers: 0, limit: 256 }));
/// # Ok::<(), LatestError>(())
/// ```
pub fn cell<T>(writers: usize) -> Result<(Vec<Writer<T>>, Reader<T>), LatestError> {
    let (places, telling) = (Arc::new(Places::new(1, writers)?), Telling::new());
    // SAFETY: each side is made once: the reader is side 0, the writers are the others.
    let reader = Reader { own: unsafe { Own::new(0) }, places: places.clone(), value: PhantomData };
    let writer = |side| {
        let (places, telling) = (places.clone(), telling.clone());
        // SAFETY: as above.
        Writer { own: unsafe { Own::new(side) }, places, telling, owes: false, conflated: 0 }
    };
    Ok(((1..=writers as u32).map(writer).collect(), reader))
}

/// What was there when a value was written. It is the writer's again, to be dropped or to be used for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced<T> {
    /// Nothing.
    Nothing,
    /// A value that the reader had taken.
    Taken(T),
    /// A value that the reader never had: it was conflated.
    Unread(T),
}

impl<T> Replaced<T> {
    /// Whether it was a value that the reader never had.
    #[must_use]
    pub const fn is_unread(&self) -> bool {
        matches!(self, Self::Unread(_))
    }

    /// The value that was replaced.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        match self {
            Self::Nothing => None,
            Self::Taken(value) | Self::Unread(value) => Some(value),
        }
    }
}

/// A side that writes; one thread's. Its slot goes with it when it is dropped: there is none for another writer.
pub struct Writer<T> {
    own: Own,
    places: Arc<Places<T>>,
    telling: Telling,
    /// Whether it has published a value that nobody was told of, as far as it knows.
    owes: bool,
    conflated: u64,
}

impl<T> Writer<T> {
    /// Overwrites the value, and gives what it replaced. Wait-free: one swap.
    ///
    /// Unless it is [`Unread`](Replaced::Unread), the reader does not know that there is something to take; a
    /// [`notice`](Self::notice) tells it.
    #[inline]
    #[must_use = "it says whether the reader knows of it already"]
    pub fn write(&mut self, value: T) -> Replaced<T> {
        // SAFETY: the right is that of one of this cell's writers.
        let replaced = unsafe { self.places.write(0, &mut self.own, value) };
        self.owes |= !replaced.is_unread();
        self.conflated += u64::from(replaced.is_unread());
        replaced
    }

    /// The notice for what was written, unless one is on its way to the reader already. Wait-free: a load if the last
    /// value replaced an unread one, or else a swap.
    #[inline]
    pub fn notice(&mut self) -> Option<Notice> {
        self.telling.notice(std::mem::take(&mut self.owes))
    }

    /// How many values this writer has replaced that the reader never had.
    pub fn conflated(&self) -> u64 {
        self.conflated
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("writers", &self.places.writers()).field("conflated", &self.conflated).finish()
    }
}

/// The side that reads. Its value stays where it is until it takes the next one, or the cell goes.
pub struct Reader<T> {
    own: Own,
    places: Arc<Places<T>>,
    /// It lends its value.
    value: PhantomData<T>,
}

impl<T> Reader<T> {
    /// The newest value, if it was not taken before. Wait-free: one load, and a swap if there is something.
    ///
    /// For a reader that looks by itself. One that holds a notice hands it in, by [`take_on`](Self::take_on): a value that
    /// is written after this look, and before the notice is dropped, would have nobody who tells.
    #[inline]
    pub fn take(&mut self) -> Option<&T> {
        // SAFETY: the right is that of this cell's reader.
        if !unsafe { self.places.refresh(0, &mut self.own) } {
            return None;
        }
        self.last()
    }

    /// Hands a notice in, and takes the newest value. Writers give a new notice from now on.
    ///
    /// Nothing is there if it was taken before, without a notice.
    #[inline]
    pub fn take_on(&mut self, notice: Notice) -> Option<&T> {
        drop(notice);
        self.take()
    }

    /// The value that was taken last.
    #[inline]
    pub fn last(&self) -> Option<&T> {
        // SAFETY: the right is that of this cell's reader, and `self` is borrowed while the value is.
        unsafe { self.places.last(0, &self.own) }
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("writers", &self.places.writers()).finish_non_exhaustive()
    }
}
