//! The lane: a lock-free ring of envelopes from one producer to one worker.
//!
//! # What
//! A [`Producer`] writes envelopes in place and makes them visible in batches; a [`Consumer`] reads a batch in place.
//! A message moves once into the lane and once out of it.
//!
//! # Trade-offs
//! A ring with a tail index costs two transfers of a cache line for a message that travels alone: the index, then the
//! data. A ring whose slots each carry a stamp costs one, but makes a reader look at every slot. The lane has one
//! stamp *per batch*, in the line where the batch begins. A lone message shares its line with its stamp; in a long
//! batch the envelopes lie packed and the reader looks at nothing but them. The price is that each batch begins on a
//! new line.
//!
//! # How it works
//! ```text
//!   line 0                        line 1            line 2
//!   ┌───────┬──────────┬──────────┬─────────────────┬───────┬──────────┬─────
//!   │ stamp │ envelope │ envelope   envelope │ free  │ stamp │ envelope │ ...
//!   └───────┴──────────┴──────────┴─────────────────┴───────┴──────────┴─────
//!     = end of this batch, in bytes since the beginning of time
//! ```
//! Positions are counted in bytes and never wrap (2^64 bytes are some decades at the speed of memory). The stamp of the
//! batch at `p` is the position at which the batch ends. A stamp left from an earlier lap is at most `p`, so
//! "stamp > p" says that the batch was published, and how long it is.
//!
//! One thing could lie: inside a batch a message's bytes cover the places where other laps have stamps. The producer
//! remembers which lines it wrote over (`covered`), and clears the word at which the reader will look next *before* it
//! publishes the batch in front of it.
//!
//! # Orderings
//! | write | order | pairs with |
//! |---|---|---|
//! | producer stores the stamp | release | the reader's acquire load in `next_batch`: the envelopes are visible |
//! | producer clears the next stamp | relaxed | made visible by the release of the stamp before it |
//! | consumer stores `head` | release | the producer's acquire load in `refresh_room`: the messages were moved out |
//! | consumer stores `finished` | release | the producer's acquire load in `reclaim`: the rest is the producer's |
//! | watching | fences | see [`doorbell`](crate::doorbell) |
//!
//! # How to use
//! The producer writes, then publishes once; the consumer takes all that is there, then gives the room back once.
//!
//! ```
//! use std::sync::Arc;
//!
//! use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
//! use hippodrome_ringbuf::lane::{Published, Refused, lane};
//! use hippodrome_ringbuf::{Kind, PlainKind};
//!
//! static NUMBER: PlainKind = PlainKind::of::<u64>();
//! static TEXT: PlainKind = PlainKind::of::<String>();
//!
//! let bell = Arc::new(Doorbell::new());
//! let (mut producer, mut consumer) = lane(4096, bell, Signal::Source(0))?;
//! let writer = std::thread::spawn(move || {
//!     // SAFETY: each kind describes what is pushed with it, and both may be sent to any thread.
//!     unsafe {
//!         producer.push(&NUMBER, 1, 42_u64).map_err(|(refused, _)| refused)?;
//!         producer.push(&TEXT, 2, "on your marks".to_owned()).map_err(|(refused, _)| refused)?;
//!     }
//!     assert_eq!(producer.publish(), Published::Seen);
//!     Ok::<(), Refused>(())
//! });
//! writer.join().unwrap()?;
//!
//! let (_, tag, message) = consumer.pop().unwrap();
//! // SAFETY: tag 1 was given to numbers; the message is moved out once.
//! assert_eq!((tag, unsafe { message.cast::<u64>().read() }), (1, 42));
//! let (kind, tag, message) = consumer.pop().unwrap();
//! assert_eq!(tag, 2);
//! // SAFETY: the message is not used again.
//! unsafe { kind.drop_in_place(message) };
//! assert!(consumer.pop().is_none() && consumer.is_ended());
//! consumer.release();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod consumer;
mod limits;
#[cfg(all(loom, test))]
mod models;
mod reader;

use crossbeam_utils::CachePadded;
use std::alloc::Layout;
use std::marker::PhantomData;

use crate::doorbell::{Attention, Doorbell, Notice, Signal};
use crate::envelope::{self, HEADER_BYTES, Header, Kind, envelope_bytes};
use crate::lines::{LINE_BYTES, Lines, STAMP_BYTES, line_up};
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, spin_loop, thread};
use reader::Remains;

pub use consumer::Consumer;
pub use limits::{CapacityError, MAX_LANE_BYTES, MIN_LANE_BYTES, Refused, max_envelope_bytes};
pub(crate) use limits::{check_capacity, check_size};

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Published {
    /// The consumer will see it.
    Seen,
    /// The consumer is going: what it did not read is to be [`reclaim`](Producer::reclaim)ed.
    Closed,
}

#[derive(Debug)]
struct Shared<K: Kind> {
    lines: Lines,
    /// Up to where the consumer has read, a multiple of the line's size. Written by the consumer.
    head: CachePadded<AtomicU64>,
    attention: Attention,
    /// The consumer will never touch the ring again.
    finished: AtomicBool,
    /// No producer is there any more, and all that it wrote is published.
    ended: AtomicBool,
    /// The consumer's worker, and what the lane is called there.
    bell: std::sync::Arc<Doorbell>,
    signal: Signal,
    kinds: PhantomData<&'static K>,
}

/// Builds a lane of `bytes` bytes whose consumer is reached by `signal` on `bell`. The memory is touched here.
///
/// # Errors
/// If `bytes` is not a power of two from [`MIN_LANE_BYTES`] to [`MAX_LANE_BYTES`].
///
/// # Panics
/// If `signal` is not one that a bell knows; see [`Doorbell::ring`].
pub fn lane<K: Kind>(
    bytes: usize,
    bell: std::sync::Arc<Doorbell>,
    signal: Signal,
) -> Result<(Producer<K>, Consumer<K>), CapacityError> {
    check_capacity(bytes)?;
    signal.check();
    let shared = Arc::new(Shared {
        lines: Lines::new(bytes),
        head: CachePadded::new(AtomicU64::new(0)),
        attention: Attention::watched(),
        finished: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        bell,
        signal,
        kinds: PhantomData,
    });
    let mut producer = Producer {
        batch: 0,
        write: STAMP_BYTES,
        limit: 0,
        head: 0,
        covered: vec![false; bytes / LINE_BYTES as usize],
        shared: shared.clone(),
    };
    producer.refresh_limit();
    Ok((producer, Consumer::new(shared)))
}

/// The writing end of a lane: one thread's, hence `&mut self`.
///
/// It cannot be cloned:
///
/// ```compile_fail,E0599
/// use hippodrome_ringbuf::{PlainKind, lane::Producer};
/// fn two_writers(producer: Producer<PlainKind>) -> (Producer<PlainKind>, Producer<PlainKind>) {
///     (producer.clone(), producer)
/// }
/// ```
///
/// nor written to by two threads at once:
///
/// ```compile_fail,E0499
/// use hippodrome_ringbuf::{PlainKind, lane::Producer};
/// fn two_writers(producer: &mut Producer<PlainKind>) {
///     std::thread::scope(|scope| {
///         scope.spawn(|| producer.publish());
///         scope.spawn(|| producer.publish());
///     });
/// }
/// ```
///
/// while another thread may have it after this one:
///
/// ```
/// use hippodrome_ringbuf::{PlainKind, lane::Producer};
/// fn one_writer(mut producer: Producer<PlainKind>) {
///     std::thread::scope(|scope| scope.spawn(|| producer.publish()).join().unwrap());
///     let _ = producer.publish();
/// }
/// ```
#[derive(Debug)]
pub struct Producer<K: Kind> {
    /// Where the unpublished batch begins: the position of its stamp.
    batch: u64,
    /// Where the next envelope is written.
    write: u64,
    /// Where an envelope written now may end: behind it are room for a jump and for the next stamp.
    limit: u64,
    /// The consumer's position. May be stale: then the lane looks fuller than it is.
    head: u64,
    /// Per line: whether its first word may hold a message's bytes.
    covered: Vec<bool>,
    shared: Arc<Shared<K>>,
}

// SAFETY: the producer is the only writer, wherever it is; `push` demands messages that may be sent.
unsafe impl<K: Kind> Send for Producer<K> {}

impl<K: Kind> Producer<K> {
    /// The largest envelope that fits the lane at all, header and padding included; see [`envelope_bytes`].
    #[must_use]
    pub fn max_envelope_bytes(&self) -> usize {
        max_envelope_bytes(self.shared.lines.bytes() as usize)
    }

    /// Writes `message`; it is seen after the next [`publish`](Self::publish). Wait-free.
    ///
    /// What was written and not yet published takes room too, so a caller that is told [`Refused::Full`] publishes
    /// before it tries again. An `Ok` does not say that the consumer is still there: [`publish`](Self::publish) does.
    ///
    /// # Errors
    /// Why not, and the message.
    ///
    /// # Safety
    /// `kind` describes `M`, `M` may be sent to the consumer's thread, and `tag` is not
    /// [`JUMP_TAG`](crate::JUMP_TAG).
    #[inline(always)]
    pub unsafe fn push<M>(&mut self, kind: &'static K, tag: u64, message: M) -> Result<(), (Refused, M)> {
        let layout = const { Layout::new::<M>() };
        if !self.has_room(layout)
            && let Err(refused) = self.make_room(layout)
        {
            return Err((refused, message));
        }
        let (place, end) = self.place(layout);
        // SAFETY: the envelope ends at or before `limit`, so nobody reads there and the ring does not end within it.
        unsafe { envelope::write(place, kind, tag, message) };
        self.write = end;
        Ok(())
    }

    /// Moves the message at `message` into the lane, as [`push`](Self::push) does.
    ///
    /// # Errors
    /// Why not: then the message was not moved.
    ///
    /// # Safety
    /// As for [`push`](Self::push); `message` is a valid message of `kind`, not used again after an `Ok`.
    pub unsafe fn push_raw(&mut self, kind: &'static K, tag: u64, message: *const u8) -> Result<(), Refused> {
        let layout = kind.layout();
        if !self.has_room(layout) {
            self.make_room(layout)?;
        }
        let (place, end) = self.place(layout);
        // SAFETY: as in `push`.
        unsafe { envelope::relocate(place, kind, tag, message) };
        self.write = end;
        Ok(())
    }

    /// Whether an envelope of `layout` may be written here and now. What no lane finds too large is known to be so when
    /// this is compiled.
    #[inline(always)]
    fn has_room(&self, layout: Layout) -> bool {
        (envelope_bytes(layout) <= max_envelope_bytes(MIN_LANE_BYTES)
            || envelope_bytes(layout) <= self.max_envelope_bytes())
            && self.end_at_write(layout) <= self.limit
    }

    /// Where an envelope of `layout` would end at the latest.
    #[inline(always)]
    fn end_at_write(&self, layout: Layout) -> u64 {
        self.write + envelope_bytes(layout) as u64
    }

    /// The address for an envelope of `layout` written now, and the position where it ends.
    #[inline(always)]
    fn place(&self, layout: Layout) -> (*mut u8, u64) {
        let place = self.shared.lines.at(self.write);
        let end_address = envelope::end_of(envelope::message_at(place, layout), layout);
        let end = self.write + (end_address.addr() - place.addr()) as u64;
        self.shared.lines.writes(self.write, end);
        (place, end)
    }

    /// Makes `limit` allow an envelope of `layout`, by the consumer's progress or by a jump to the ring's beginning.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, layout: Layout) -> Result<(), Refused> {
        check_size(layout, self.shared.lines.bytes() as usize)?;
        if self.shared.attention.is_closed() {
            return Err(Refused::Closed);
        }
        self.refresh_room();
        if self.end_at_write(layout) <= self.limit {
            return Ok(());
        }
        let ring_end = self.ring_end();
        let fits_before_end = self.end_at_write(layout) + HEADER_BYTES as u64 <= ring_end;
        // The jump is written only together with the envelope behind it: half of a move would be in the way.
        if fits_before_end || ring_end + envelope_bytes(layout) as u64 > self.room_end() {
            return Err(Refused::Full);
        }
        self.shared.lines.writes(self.write, self.write + HEADER_BYTES as u64);
        // SAFETY: `limit` always leaves room for a jump in front of the ring's end.
        unsafe { self.shared.lines.at(self.write).cast::<Header<K>>().write(Header::JUMP) };
        self.write = ring_end;
        self.refresh_limit();
        Ok(())
    }

    /// The position at which the current lap ends.
    fn ring_end(&self) -> u64 {
        let bytes = self.shared.lines.bytes();
        (self.write & !(bytes - 1)) + bytes
    }

    /// Where envelopes may end so that the line behind them, with the next stamp, is free.
    fn room_end(&self) -> u64 {
        self.head + self.shared.lines.bytes() - LINE_BYTES
    }

    fn refresh_room(&mut self) {
        // Acquire: pairs with the consumer's release in `release`.
        self.head = self.shared.head.load(Ordering::Acquire);
        self.refresh_limit();
    }

    fn refresh_limit(&mut self) {
        self.limit = self.room_end().min(self.ring_end() - HEADER_BYTES as u64);
    }

    /// The bytes that were written and not yet published.
    #[inline(always)]
    #[must_use]
    pub fn unpublished_bytes(&self) -> u64 {
        self.write - self.batch - STAMP_BYTES
    }

    /// Makes everything written visible at once, and rings if the consumer looks elsewhere. Wait-free.
    #[inline]
    pub fn publish(&mut self) -> Published {
        if self.unpublished_bytes() == 0 {
            return Published::Seen;
        }
        let next = line_up(self.write);
        self.cover(self.batch + LINE_BYTES, next);
        let next_line = self.line(next);
        let lines = &self.shared.lines;
        if std::mem::replace(&mut self.covered[next_line], false) {
            lines.clear_stamp(next);
        }
        lines.stamp(self.batch).store(self.write, Ordering::Release);
        self.batch = next;
        self.write = next + STAMP_BYTES;
        self.refresh_limit();
        match self.shared.attention.after_publish() {
            Notice::None => Published::Seen,
            Notice::Ring => {
                self.shared.bell.ring(self.shared.signal);
                Published::Seen
            }
            Notice::Closed => Published::Closed,
        }
    }

    #[inline(always)]
    fn line(&self, position: u64) -> usize {
        ((position & (self.shared.lines.bytes() - 1)) / LINE_BYTES) as usize
    }

    /// Remembers that messages lie where the stamps of the lines from `start` to `end` would be.
    #[inline(always)]
    fn cover(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (first, last) = (self.line(start), self.line(end - LINE_BYTES));
        if first <= last {
            self.covered[first..=last].fill(true);
        } else {
            self.covered[first..].fill(true);
            self.covered[..=last].fill(true);
        }
    }

    /// Whether the consumer has gone or is going.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.attention.is_closed()
    }

    /// Whether the consumer has read everything that was published, and given its room back: then all that it did
    /// before is seen here. A snapshot.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        // Acquire: pairs with the consumer's release in `release`.
        self.shared.head.load(Ordering::Acquire) >= self.batch
    }

    /// Bytes published and not yet read, in whole lines. A snapshot, and of one line per batch at least.
    #[must_use]
    pub fn depth_bytes(&self) -> u64 {
        self.batch.saturating_sub(self.shared.head.load(Ordering::Relaxed))
    }

    /// Whether the consumer has been dropped: then [`reclaim`](Self::reclaim) waits for nobody.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        // Acquire: pairs with the release in the consumer's `drop`.
        self.shared.finished.load(Ordering::Acquire)
    }

    /// After the consumer closed: takes back, in order, everything that it did not read, published or not.
    ///
    /// Does nothing if the consumer is there. Waits for a consumer that has closed and was not yet dropped: that one
    /// waits for nobody, but where one thread owns both ends it must drop the consumer first, or it waits for itself.
    ///
    /// `take` owns each message that it is given. If it panics, the rest is dropped.
    pub fn reclaim(&mut self, mut take: impl FnMut(&'static K, u64, *mut u8)) {
        if !self.shared.attention.is_closed() {
            return;
        }
        // What was written and not yet published becomes a batch like the others; nobody is there to be told.
        let _ = self.publish();
        while !self.is_finished() {
            spin_loop();
            thread::yield_now();
        }
        let mut remains = Remains::of(&self.shared);
        while let Some((kind, tag, message)) = remains.pop() {
            take(kind, tag, message);
        }
    }
}

impl<K: Kind> Drop for Producer<K> {
    fn drop(&mut self) {
        let _ = self.publish();
        // Release: pairs with the acquire in `Consumer::is_ended`: all that was published comes before. (So it would
        // by the fence behind each publication.)
        self.shared.ended.store(true, Ordering::Release);
        if self.shared.attention.after_publish() == Notice::Ring {
            self.shared.bell.ring(self.shared.signal);
        }
    }
}

impl<K: Kind> Drop for Shared<K> {
    /// Both ends have gone: drops what neither of them took.
    fn drop(&mut self) {
        drop(Remains::of(self));
    }
}
