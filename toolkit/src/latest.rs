//! The latest value: writers overwrite it, and its reader gets the newest once.
//!
//! For market data, positions and readings, of which the reader wants the newest and never a backlog. Writers, on any
//! threads and workers, overwrite a value in a [cell](cell()); the actor that reads it is told by one message, however
//! many writes there were before its turn. A [board](board()) is a cell for each of many keys, such as symbols, with one
//! message for all of them.
//!
//! # How it works
//! The message carries a [`Notice`]. There is one notice at a time; the actor hands it in when it takes the value, and the
//! next write gives another. A notice that is dropped in any other way is taken back: with a message that is refused, that
//! is a dead letter, or that its actor panicked at. So nothing that happens to a message leaves the reader deaf: the next
//! write tells it again.
//!
//! The reader's end lies in a [`Latest`] (or a [`Board`]), which the factory of the actor owns, and from which each of its
//! incarnations has it [lent](Latest::reader). So the cell survives a restart, and the value that was taken last with it:
//! in [`started`](hippodrome::Actor::started) the actor asks for the [newest](LatestReader::newest), which it gets whether
//! it was taken before or not. A cell that the actor makes itself goes with it.
//!
//! # What it costs
//! A write is one swap; the first one after the reader has taken is two, and a tell. A take is a load and two swaps.
//! Nothing allocates, locks, hashes, or waits for another. See [`hippodrome_ringbuf::latest`] for the protocol.
//!
//! # Examples
//! ```
//! use hippodrome::{Actor, Context, Engine, On, Reply, Restart};
//! use hippodrome_toolkit::latest::{self, LatestReader, LatestRef, Notice};
//! use std::time::Duration;
//!
//! struct Strategy {
//!     quotes: LatestReader<f64>,
//!     price: f64,
//! }
//!
//! enum Trade {
//!     Quote(Notice),
//!     Price(Reply<f64>),
//! }
//!
//! impl Actor for Strategy {
//!     type Msg = Trade;
//!
//!     fn started(&mut self, _: &mut Context<'_, Trade>) {
//!         // Nothing at first; after a restart, what there was.
//!         self.price = self.quotes.newest().copied().unwrap_or(f64::NAN);
//!     }
//!
//!     fn handle(&mut self, msg: Trade, ctx: &mut Context<'_, Trade>) {
//!         match msg {
//!             Trade::Quote(notice) => self.price = self.quotes.take(notice).copied().unwrap_or(self.price),
//!             Trade::Price(reply) => reply.send(ctx, self.price),
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::builder().unpinned_workers(1).start()?;
//! let mut handle = engine.handle();
//! let (mut writers, quotes) = latest::cell(1)?;
//! let strategy = handle.spawn(On::Worker(0), move || Strategy {
//!     quotes: quotes.reader().expect("an actor gives it back when it is dropped"),
//!     price: f64::NAN,
//! })?;
//! let mut feed = LatestRef::new(writers.remove(0), strategy, Trade::Quote);
//! for price in [101.5, 101.7, 101.6] {
//!     feed.write(&mut handle, price)?;
//! }
//! assert_eq!(handle.ask(strategy, Trade::Price).wait(Duration::from_secs(5))?, 101.6);
//! engine.shutdown(Duration::from_secs(5))?;
//! # Ok(())
//! # }
//! ```

mod board;

use std::fmt;
use std::sync::Arc;

use hippodrome::{ActorRef, Tell, TryTellError};
use hippodrome_ringbuf::latest::{Reader, Writer};
use parking_lot::{ArcMutexGuard, Mutex, RawMutex};

pub use self::board::{Board, BoardReader, BoardRef, BoardWriteError, board};
pub use hippodrome_ringbuf::LatestError;
pub use hippodrome_ringbuf::latest::{BoardWriter, Notice, Replaced, Writer as LatestWriter};

/// Where the end of a reader lies. Its lock is held by whoever has it lent: one incarnation of an actor after another.
type Home<R> = Arc<Mutex<R>>;

/// The end of a reader, lent.
type Lent<R> = ArcMutexGuard<RawMutex, R>;

/// Makes a cell without a value, for so many writers and one reader.
///
/// Allocates a slot for each writer and two more, each a value in cache lines of its own.
///
/// # Errors
/// [`LatestError`] if there is no writer, or more than 256, or the memory is not to be had.
pub fn cell<T: Send + 'static>(writers: usize) -> Result<(Vec<LatestWriter<T>>, Latest<T>), LatestError> {
    let (writers, reader) = hippodrome_ringbuf::latest::cell(writers)?;
    Ok((writers, Latest(Home::new(Mutex::new(reader)))))
}

/// The reader's end of a cell, for as long as no actor has it. The factory of the actor that reads owns it.
pub struct Latest<T>(Home<Reader<T>>);

impl<T> Latest<T> {
    /// Lends the reader's end: to one at a time, who gives it back when it is dropped. `None` if it is lent.
    #[must_use]
    pub fn reader(&self) -> Option<LatestReader<T>> {
        self.0.try_lock_arc().map(LatestReader)
    }
}

impl<T> fmt::Debug for Latest<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_locked() { "Latest(lent)" } else { "Latest" })
    }
}

/// The reader's end of a cell, in the actor that reads. It stays on the thread on which it was lent.
pub struct LatestReader<T>(Lent<Reader<T>>);

impl<T> LatestReader<T> {
    /// Hands a notice in, and takes the newest value: `None` if it was taken before. It stays where it is, and is the
    /// [newest](Self::newest) until there is another.
    #[inline]
    pub fn take(&mut self, notice: Notice) -> Option<&T> {
        self.0.take_on(notice)
    }

    /// The newest value, whether it was taken before or not: for an actor that has just started. Its first notice comes
    /// with the next write, or is on its way.
    ///
    /// Who holds a notice hands it to [`take`](Self::take) instead: while it lives, nobody else tells of a write.
    #[inline]
    pub fn newest(&mut self) -> Option<&T> {
        let _ = self.0.take();
        self.0.last()
    }
}

impl<T> fmt::Debug for LatestReader<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LatestReader({:?})", *self.0)
    }
}

/// A value is in its place, and the actor could not be told. It stays there: the next [write](LatestRef::write), by any
/// writer, tells it, or a [reminder](LatestRef::remind).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTold {
    /// A ring on the way, or the actor's mailbox, is full. It may have room later.
    #[error("the value is written, and the actor is not told: there is no room for the message now")]
    Full,
    /// The actor has stopped, or its engine has.
    #[error("the value is written, and the actor is not told: it has stopped")]
    Stopped,
}

/// Where an actor is told, and by what message.
struct Target<M> {
    to: ActorRef<M>,
    make: fn(Notice) -> M,
}

impl<M: Send + 'static> Target<M> {
    /// Sends a notice, if there is one to be sent. One that is refused is taken back, as it is dropped here.
    #[inline]
    fn tell(&self, by: &mut impl Tell, notice: Option<Notice>) -> Result<(), NotTold> {
        let Some(notice) = notice else { return Ok(()) };
        by.try_tell(self.to, (self.make)(notice)).map_err(|error| match error {
            TryTellError::Stopped(_) => NotTold::Stopped,
            _ => NotTold::Full,
        })
    }
}

/// A writer of a cell, with the actor that reads it: what a tell is to a mailbox, a write is to a cell.
pub struct LatestRef<T, M> {
    writer: Writer<T>,
    target: Target<M>,
}

impl<T: Send + 'static, M: Send + 'static> LatestRef<T, M> {
    /// From now on, `to` is told of the writer's values by the message that `make` makes. All writers of a cell name the
    /// same actor.
    pub fn new(writer: LatestWriter<T>, to: ActorRef<M>, make: fn(Notice) -> M) -> Self {
        Self { writer, target: Target { to, make } }
    }

    /// Overwrites the value, and tells the actor if it does not know yet that there is something to take. Gives what the
    /// value replaced, to be dropped or used again. Never waits.
    ///
    /// # Errors
    /// [`NotTold`] if the actor could not be told. The value is written all the same; what it replaced is dropped.
    #[inline]
    pub fn write(&mut self, by: &mut impl Tell, value: T) -> Result<Replaced<T>, NotTold> {
        let replaced = self.writer.write(value);
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

impl<T, M> fmt::Debug for LatestRef<T, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LatestRef(to {:?}, {:?})", self.target.to, self.writer)
    }
}
