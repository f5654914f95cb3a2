//! A cell for each of many keys, with one notice for all of them.

use std::fmt;
use std::marker::PhantomData;

use crossbeam_utils::CachePadded;

use super::Replaced;
use super::notice::{Notice, Telling};
use super::places::Places;
use super::protocol::{Dirty, Own};
use crate::error::{KeyError, LatestError};
use crate::sync::Arc;

/// Builds a board of so many keys, from 0 on, for so many writers and one reader.
///
/// Allocates `writers + 2` slots for each key, each a value in cache lines of its own, and one line more.
///
/// # Errors
///
/// [`LatestError`] if there is no writer or no key, more than 256 writers or 2²⁰ keys, or the memory is not to be had.
///
/// ```
/// use hippodrome_ringbuf::latest::{self, Replaced};
///
/// let (mut writers, mut reader) = latest::board(500, 1)?;
/// let _ = writers[0].write(7, "seven")?;
/// let notice = writers[0].notice().expect("nobody is told yet");
/// let _ = writers[0].write(300, "three")?;
/// assert_eq!(writers[0].write(300, "three hundred")?, Replaced::Unread("three"));
/// assert!(writers[0].notice().is_none());
///
/// let mut seen = Vec::new();
/// reader.take_on(notice, |key, name| seen.push((key, *name)));
/// assert_eq!(seen, [(7, "seven"), (300, "three hundred")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn board<T>(keys: usize, writers: usize) -> Result<(Vec<BoardWriter<T>>, BoardReader<T>), LatestError> {
    let shared = Arc::new(Shared { places: Places::new(keys, writers)?, marks: Marks::new(keys) });
    let telling = Telling::new();
    // SAFETY: each side is made once: the reader is side 0, the writers are the others.
    let own = |side| (0..keys).map(|_| unsafe { Own::new(side) }).collect();
    let reader = BoardReader { own: own(0), shared: shared.clone(), value: PhantomData };
    let writer = |side| {
        let (shared, telling) = (shared.clone(), telling.clone());
        BoardWriter { own: own(side), shared, telling, owes: false, conflated: 0 }
    };
    Ok(((1..=writers as u32).map(writer).collect(), reader))
}

struct Shared<T> {
    places: Places<T>,
    marks: Marks,
}

/// How many words of marks lie on a pair of cache lines. One in models, which look at each.
const WORDS_A_LINE: usize = if cfg!(loom) { 1 } else { 16 };

/// Which keys have something fresh.
struct Marks(Box<[CachePadded<[Dirty; WORDS_A_LINE]>]>);

impl Marks {
    fn new(keys: usize) -> Self {
        let lines = keys.div_ceil(Dirty::KEYS * WORDS_A_LINE);
        Self((0..lines).map(|_| CachePadded::new(std::array::from_fn(|_| Dirty::new()))).collect())
    }

    #[inline(always)]
    fn of(&self, key: usize) -> &Dirty {
        let word = key / Dirty::KEYS;
        &self.0[word / WORDS_A_LINE][word % WORDS_A_LINE]
    }

    /// Each word, with the first of its keys.
    fn words(&self) -> impl Iterator<Item = (usize, &Dirty)> {
        self.0.iter().flat_map(|line| line.iter()).enumerate().map(|(word, dirty)| (word * Dirty::KEYS, dirty))
    }
}

/// Keys of a word that were taken; those that were not looked at when it is dropped, by a panic, are put back.
struct Taken<'a> {
    keys: u64,
    dirty: &'a Dirty,
}

impl Iterator for Taken<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let key = (self.keys != 0).then(|| self.keys.trailing_zeros())?;
        self.keys &= self.keys - 1;
        Some(key as usize)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.keys != 0 {
            self.dirty.put_back(self.keys);
        }
    }
}

/// A side that writes to a board; one thread's.
pub struct BoardWriter<T> {
    own: Box<[Own]>,
    shared: Arc<Shared<T>>,
    telling: Telling,
    /// Whether it has published a value that nobody was told of, as far as it knows.
    owes: bool,
    conflated: u64,
}

impl<T> BoardWriter<T> {
    /// Overwrites the value of a key, and gives what it replaced. Wait-free: one swap, and one more word if the earlier
    /// value was taken.
    ///
    /// # Errors
    ///
    /// [`KeyError`] with the value, if the board has no such key.
    #[inline]
    pub fn write(&mut self, key: usize, value: T) -> Result<Replaced<T>, KeyError<T>> {
        let keys = self.own.len();
        let Some(own) = self.own.get_mut(key) else {
            return Err(KeyError { key, keys, value });
        };
        // SAFETY: the right is that of one of this board's writers, to this key.
        let replaced = unsafe { self.shared.places.write(key, own, value) };
        if replaced.is_unread() {
            // Whoever wrote the unread one has marked the key, or is about to.
            self.conflated += 1;
        } else {
            self.shared.marks.of(key).mark(key);
            self.owes = true;
        }
        Ok(replaced)
    }

    /// The notice for what was written, unless one is on its way to the reader already; see
    /// [`Writer::notice`](super::Writer::notice).
    #[inline]
    pub fn notice(&mut self) -> Option<Notice> {
        self.telling.notice(std::mem::take(&mut self.owes))
    }

    /// How many values this writer has replaced that the reader never had.
    pub fn conflated(&self) -> u64 {
        self.conflated
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.own.len()
    }
}

impl<T> fmt::Debug for BoardWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoardWriter").field("keys", &self.keys()).field("conflated", &self.conflated).finish()
    }
}

/// The side that reads a board.
pub struct BoardReader<T> {
    own: Box<[Own]>,
    shared: Arc<Shared<T>>,
    /// It lends its values.
    value: PhantomData<T>,
}

impl<T> BoardReader<T> {
    /// Calls `seen` with the newest value of each key that has one which was not taken before, in the order of the keys.
    /// Costs a load for 64 keys, and a swap or two for each value. Returns how many there were.
    ///
    /// If `seen` panics, the keys behind are taken the next time. One that holds a notice hands it in, by
    /// [`take_on`](Self::take_on), as it does to [`Reader::take`](super::Reader::take).
    #[inline]
    pub fn take(&mut self, mut seen: impl FnMut(usize, &T)) -> usize {
        let Shared { places, marks } = &*self.shared;
        let mut count = 0;
        for (first, dirty) in marks.words() {
            for key in (Taken { keys: dirty.take(), dirty }) {
                let key = first + key;
                let own = &mut self.own[key];
                // SAFETY: the right is that of this board's reader, to this key.
                if unsafe { places.refresh(key, own) }
                    // SAFETY: as above; it stays as it is while the value is shown.
                    && let Some(value) = unsafe { places.last(key, own) }
                {
                    count += 1;
                    seen(key, value);
                }
            }
        }
        count
    }

    /// Hands a notice in, and [takes](Self::take) what is there. Writers give a new notice from now on.
    #[inline]
    pub fn take_on(&mut self, notice: Notice, seen: impl FnMut(usize, &T)) -> usize {
        drop(notice);
        self.take(seen)
    }

    /// The value of a key that was taken last.
    #[inline]
    pub fn last(&self, key: usize) -> Option<&T> {
        let own = self.own.get(key)?;
        // SAFETY: the right is that of this board's reader, to this key, and `self` is borrowed while the value is.
        unsafe { self.shared.places.last(key, own) }
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.own.len()
    }
}

impl<T> fmt::Debug for BoardReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoardReader").field("keys", &self.keys()).finish_non_exhaustive()
    }
}
