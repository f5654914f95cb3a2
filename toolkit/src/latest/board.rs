//! A cell for each of many keys, with one message for all of them.

use std::fmt;

use hippodrome::{ActorRef, Tell};
use hippodrome_ringbuf::latest;
use parking_lot::Mutex;

use super::{BoardWriter, Home, LatestError, Lent, NotTold, Notice, Replaced, Target};

/// Makes a board of so many keys, from 0 on, for so many writers and one reader.
///
/// Allocates a slot for each key and writer and two more for each key, each a value in cache lines of its own.
///
/// # Errors
/// [`LatestError`] if there is no writer or no key, more than 256 writers or 2²⁰ keys, or the memory is not to be had.
///
/// # Examples
/// ```
/// use hippodrome::{Engine, On, from_fn};
/// use hippodrome_toolkit::latest::{self, BoardRef, Notice};
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().unpinned_workers(1).start()?;
/// let mut handle = engine.handle();
/// let (mut writers, board) = latest::board(3, 1)?;
/// let (prices, seen) = mpsc::channel();
/// let strategy = handle.spawn(On::Worker(0), move || {
///     let (prices, mut board) = (prices.clone(), board.reader().expect("an actor gives it back when it is dropped"));
///     from_fn(move |notice: Notice, _| {
///         board.take(notice, |symbol, price| prices.send((symbol, *price)).expect("somebody looks"));
///     })
/// })?;
/// let mut feed = BoardRef::new(writers.remove(0), strategy, |notice| notice);
/// feed.write(&mut handle, 2, 101.5)?;
/// feed.write(&mut handle, 0, 7.25)?;
/// engine.shutdown(Duration::from_secs(5))?;
/// let mut seen: Vec<_> = seen.iter().collect();
/// seen.sort_by_key(|(symbol, _)| *symbol);
/// assert_eq!(seen, [(0, 7.25), (2, 101.5)]);
/// # Ok(())
/// # }
/// ```
pub fn board<T: Send + 'static>(keys: usize, writers: usize) -> Result<(Vec<BoardWriter<T>>, Board<T>), LatestError> {
    let (writers, reader) = latest::board(keys, writers)?;
    Ok((writers, Board(Home::new(Mutex::new(reader)))))
}

/// The reader's end of a board, for as long as no actor has it. The factory of the actor that reads owns it.
pub struct Board<T>(Home<latest::BoardReader<T>>);

impl<T> Board<T> {
    /// Lends the reader's end: to one at a time, who gives it back when it is dropped. `None` if it is lent.
    #[must_use]
    pub fn reader(&self) -> Option<BoardReader<T>> {
        self.0.try_lock_arc().map(BoardReader)
    }
}

impl<T> fmt::Debug for Board<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_locked() { "Board(lent)" } else { "Board" })
    }
}

/// The reader's end of a board, in the actor that reads. It stays on the thread on which it was lent.
pub struct BoardReader<T>(Lent<latest::BoardReader<T>>);

impl<T> BoardReader<T> {
    /// Hands a notice in, and calls `seen` with the newest value of each key that has one which was not taken before, in
    /// the order of the keys. Returns how many there were. Costs a load for 64 keys, and two swaps for each value.
    ///
    /// If `seen` panics, the keys behind are taken the next time.
    #[inline]
    pub fn take(&mut self, notice: Notice, seen: impl FnMut(usize, &T)) -> usize {
        self.0.take_on(notice, seen)
    }

    /// Calls `seen` with the newest value of each key that has one, whether it was taken before or not: for an actor that
    /// has just started. Returns how many there were. Looks at every key.
    ///
    /// Who holds a notice hands it to [`take`](Self::take) instead: while it lives, nobody else tells of a write.
    pub fn newest(&mut self, mut seen: impl FnMut(usize, &T)) -> usize {
        self.0.take(|_, _| ());
        let values = (0..self.0.keys()).filter_map(|key| Some((key, self.0.last(key)?)));
        values.map(|(key, value)| seen(key, value)).count()
    }

    /// The value of a key that was taken last.
    #[inline]
    #[must_use]
    pub fn last(&self, key: usize) -> Option<&T> {
        self.0.last(key)
    }
}

impl<T> fmt::Debug for BoardReader<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", *self.0)
    }
}

/// Why a write to a board went wrong.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BoardWriteError<T> {
    /// The board has no such key; nothing was written.
    #[error("key {key}: the board has {keys} keys, from 0 on")]
    NoSuchKey {
        /// The key.
        key: usize,
        /// How many there are.
        keys: usize,
        /// What was to be written.
        value: T,
    },
    /// The value is written, and the actor could not be told of it.
    #[error(transparent)]
    NotTold(#[from] NotTold),
}

impl<T> fmt::Debug for BoardWriteError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchKey { key, keys, .. } => write!(formatter, "NoSuchKey {{ key: {key}, keys: {keys}, .. }}"),
            Self::NotTold(why) => write!(formatter, "NotTold({why:?})"),
        }
    }
}

/// A writer of a board, with the actor that reads it.
pub struct BoardRef<T, M> {
    writer: BoardWriter<T>,
    target: Target<M>,
}

impl<T: Send + 'static, M: Send + 'static> BoardRef<T, M> {
    /// From now on, `to` is told of the writer's values by the message that `make` makes. All writers of a board name the
    /// same actor.
    pub fn new(writer: BoardWriter<T>, to: ActorRef<M>, make: fn(Notice) -> M) -> Self {
        Self { writer, target: Target { to, make } }
    }

    /// Overwrites the value of a key, and tells the actor if it does not know yet that there is something to take. Gives
    /// what the value replaced. Never waits.
    ///
    /// # Errors
    /// [`NoSuchKey`](BoardWriteError::NoSuchKey) with the value. [`NotTold`](BoardWriteError::NotTold) if the actor could
    /// not be told; the value is written all the same, and what it replaced is dropped.
    #[inline]
    pub fn write(&mut self, by: &mut impl Tell, key: usize, value: T) -> Result<Replaced<T>, BoardWriteError<T>> {
        let replaced = self.writer.write(key, value);
        let replaced = replaced.map_err(|hippodrome_ringbuf::KeyError { key, keys, value }| {
            BoardWriteError::NoSuchKey { key, keys, value }
        })?;
        self.remind(by)?;
        Ok(replaced)
    }

    /// Tells the actor, unless a notice is on its way: after a write that returned an error, if no other follows.
    ///
    /// # Errors
    /// [`NotTold`] if the actor could not be told again.
    #[inline]
    pub fn remind(&mut self, by: &mut impl Tell) -> Result<(), NotTold> {
        self.target.tell(by, self.writer.notice())
    }

    /// How many values this writer has replaced that the reader never had.
    #[must_use]
    pub fn conflated(&self) -> u64 {
        self.writer.conflated()
    }
}

impl<T, M> fmt::Debug for BoardRef<T, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BoardRef(to {:?}, {:?})", self.target.to, self.writer)
    }
}
