//! A bounded ring of values from one producer to one consumer.
//!
//! # Trade-offs
//!
//! Every operation is wait-free: it ends after a bounded number of steps, whatever the other side does, and never
//! allocates. The price is that each side is one handle, which is neither cloned nor shared, and that the capacity is
//! fixed and its memory taken when the ring is built. A ring never waits: it says [`Full`](PushError::Full) or
//! [`Empty`](PopError::Empty), and the caller decides.
//!
//! # How it works
//!
//! ```text
//!            head                tail             head + capacity
//!   consumed  |  to be consumed   |  free           |
//!   ----------+-------------------+-----------------+
//!              Consumer: pop, chunk  Producer: push, claim
//! ```
//!
//! Positions only grow; the slot of a position is found by a mask. The producer writes the slots from the tail on and
//! then publishes the tail; the consumer reads from the head on and then publishes the head. Each side keeps a copy of
//! the other's index and looks at the real one only when the copy does not suffice, so that a flood seldom moves the
//! cache lines of the indices, which lie on lines of their own. The design is Lamport's ring ("Specifying Concurrent
//! Program Modules", 1983) with the cached indices of Lee, Bu and Chandranmenon's MCRingBuffer (IPDPS 2010).
//!
//! A side that goes away, or a consumer that calls [`close`](Consumer::close), raises a flag. The producer reads it on
//! every push, from a line that is otherwise never written; the consumer only when it finds nothing. To lose nothing at
//! a stop, close the ring and pop until [`Closed`](PopError::Closed). A push that races with a consumer being dropped
//! may still be accepted; its value is dropped with the last handle.
//!
//! # How to use it
//!
//! ```
//! use hippodrome_ringbuf::{PopError, PushError, spsc};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut producer, mut consumer) = spsc::ring(2)?;
//! producer.push("a")?;
//! producer.push("b")?;
//! assert_eq!(producer.push("c"), Err(PushError::Full("c")));
//!
//! assert_eq!(consumer.pop(), Ok("a"));
//! drop(producer);
//! assert_eq!(consumer.pop(), Ok("b"));
//! assert_eq!(consumer.pop(), Err(PopError::Closed));
//! # Ok(())
//! # }
//! ```
//!
//! Batches are claimed, written in place and published at once, and read in place as slices:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut producer, mut consumer) = hippodrome_ringbuf::spsc::ring(8)?;
//! let mut claim = producer.claim(4)?;
//! claim.fill([1, 2, 3]);
//! assert_eq!(claim.publish(), 3);
//!
//! let chunk = consumer.chunk(usize::MAX)?;
//! let (first, second) = chunk.as_slices();
//! assert_eq!(first.iter().chain(second).sum::<i32>(), 6);
//! chunk.commit_all();
//! assert!(consumer.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What does not compile
//!
//! A second producer:
//!
//! ```compile_fail,E0599
//! let (producer, _consumer) = hippodrome_ringbuf::spsc::ring::<u8>(1).unwrap();
//! let second = producer.clone();
//! ```
//!
//! Pushing through a shared reference, and so from two threads:
//!
//! ```compile_fail,E0596
//! let (producer, _consumer) = hippodrome_ringbuf::spsc::ring::<u8>(1).unwrap();
//! let shared = &producer;
//! let _ = shared.push(1);
//! ```
//!
//! A second consumer:
//!
//! ```compile_fail,E0599
//! let (_producer, consumer) = hippodrome_ringbuf::spsc::ring::<u8>(1).unwrap();
//! let second = consumer.clone();
//! ```
//!
//! Pushing while slots are claimed:
//!
//! ```compile_fail,E0499
//! let (mut producer, _consumer) = hippodrome_ringbuf::spsc::ring::<u8>(2).unwrap();
//! let claim = producer.claim(1).unwrap();
//! let _ = producer.push(1);
//! claim.publish();
//! ```
//!
//! Popping while values are read in place:
//!
//! ```compile_fail,E0499
//! let (_producer, mut consumer) = hippodrome_ringbuf::spsc::ring::<u8>(2).unwrap();
//! let chunk = consumer.chunk(1).unwrap();
//! let _ = consumer.pop();
//! chunk.commit_all();
//! ```
//!
//! A chunk that outlives its consumer:
//!
//! ```compile_fail,E0505
//! let (_producer, mut consumer) = hippodrome_ringbuf::spsc::ring::<u8>(2).unwrap();
//! let chunk = consumer.chunk(1).unwrap();
//! drop(consumer);
//! chunk.commit_all();
//! ```
//!
//! A slice that outlives its chunk:
//!
//! ```compile_fail,E0505
//! let (_producer, mut consumer) = hippodrome_ringbuf::spsc::ring::<u8>(2).unwrap();
//! let chunk = consumer.chunk(1).unwrap();
//! let (first, _) = chunk.as_slices();
//! chunk.commit_all();
//! assert_eq!(first, [1]);
//! ```
//!
//! Sending a handle of values that may not be sent:
//!
//! ```compile_fail,E0277
//! fn is_send<T: Send>(_: T) {}
//! let (producer, _consumer) = hippodrome_ringbuf::spsc::ring::<std::rc::Rc<u8>>(1).unwrap();
//! is_send(producer);
//! ```
//!
//! Sharing a chunk of values that may not be shared:
//!
//! ```compile_fail,E0277
//! fn is_sync<T: Sync>(_: T) {}
//! let (_producer, mut consumer) = hippodrome_ringbuf::spsc::ring::<std::cell::Cell<u8>>(1).unwrap();
//! is_sync(consumer.chunk(1).unwrap());
//! ```

mod chunk;
mod claim;
#[cfg(all(loom, test))]
mod models;
mod shared;

use std::fmt;

pub use self::chunk::{Chunk, IntoIter};
pub use self::claim::Claim;
use self::shared::Shared;
use crate::error::{CapacityError, ClaimError, PopError, PushError};
use crate::sync::Arc;

/// Builds a ring that holds up to `capacity` values.
///
/// All its memory is allocated and touched here, by the calling thread: `capacity` slots, rounded up to a power of
/// two. The capacity itself is kept exactly.
///
/// # Errors
///
/// [`CapacityError`] if the capacity is 0 or above 2³⁰, or the memory is not to be had.
///
/// ```
/// use hippodrome_ringbuf::{CapacityError, spsc};
///
/// let (producer, _consumer) = spsc::ring::<u64>(3)?;
/// assert_eq!(producer.capacity(), 3);
/// assert_eq!(spsc::ring::<u64>(0).err(), Some(CapacityError::Zero));
/// # Ok::<(), CapacityError>(())
/// ```
pub fn ring<T>(capacity: usize) -> Result<(Producer<T>, Consumer<T>), CapacityError> {
    let shared = Arc::new(Shared::new(capacity)?);
    let producer = Producer { tail: 0, limit: capacity as u64, shared: Arc::clone(&shared) };
    let consumer = Consumer { head: 0, tail_seen: 0, shared };
    Ok((producer, consumer))
}

/// The side that pushes. Dropping it lets the consumer take what is there and then find the ring closed.
pub struct Producer<T> {
    /// The next position to write. Exact.
    tail: u64,
    /// The first position that may not be written: the capacity above the consumer's head. May be stale, that is, too
    /// low.
    limit: u64,
    shared: Arc<Shared<T>>,
}

impl<T> Producer<T> {
    /// Appends a value. Wait-free.
    ///
    /// # Errors
    ///
    /// [`PushError`] with the value, if the ring is full or the consumer has closed it.
    ///
    /// ```
    /// use hippodrome_ringbuf::{PushError, spsc};
    ///
    /// let (mut producer, consumer) = spsc::ring(1)?;
    /// assert_eq!(producer.push(1), Ok(()));
    /// assert_eq!(producer.push(2), Err(PushError::Full(2)));
    /// drop(consumer);
    /// assert_eq!(producer.push(3), Err(PushError::Closed(3)));
    /// # Ok::<(), hippodrome_ringbuf::CapacityError>(())
    /// ```
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.is_closed() {
            return Err(PushError::Closed(value));
        }
        if self.free(1) == 0 {
            return Err(PushError::Full(value));
        }
        // SAFETY: the slot is free, and free slots are the producer's.
        unsafe { self.shared.slots.write(self.tail, value) };
        self.advance_to(self.tail + 1);
        Ok(())
    }

    /// Claims up to `max` free slots, to be written in place and published at once. Wait-free.
    ///
    /// The claim has as many slots as are free, at least one unless `max` is 0. A claim that is dropped without
    /// [`publish`](Claim::publish) drops what was written to it, and the ring is as it was before.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] if no slot is free or the consumer has closed the ring.
    ///
    /// ```
    /// let (mut producer, mut consumer) = hippodrome_ringbuf::spsc::ring(4)?;
    /// let mut claim = producer.claim(2)?;
    /// assert_eq!(claim.write('a'), Ok(()));
    /// assert_eq!(claim.write('b'), Ok(()));
    /// assert_eq!(claim.write('c'), Err('c'));
    /// assert_eq!(claim.publish(), 2);
    /// assert_eq!(consumer.pop(), Ok('a'));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn claim(&mut self, max: usize) -> Result<Claim<'_, T>, ClaimError> {
        if self.is_closed() {
            return Err(ClaimError::Closed);
        }
        let count = self.free(max).min(max);
        if count == 0 && max > 0 {
            return Err(ClaimError::Full);
        }
        Ok(Claim::new(self, count))
    }

    /// How many slots are free, as far as known. Looks at the consumer's head if fewer than `wanted` are known.
    #[inline(always)]
    fn free(&mut self, wanted: usize) -> usize {
        if ((self.limit - self.tail) as usize) < wanted {
            self.limit = self.shared.head.observe() + self.shared.capacity as u64;
        }
        (self.limit - self.tail) as usize
    }

    /// Hands the slots below `tail` to the consumer.
    #[inline(always)]
    fn advance_to(&mut self, tail: u64) {
        self.tail = tail;
        self.shared.tail.publish(tail);
    }

    /// Whether the consumer has closed the ring or is gone. Once true, it stays true.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.shared.consumer_closed.is_raised()
    }

    /// How many values the ring may hold.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// How many values the consumer has not taken. A snapshot: there may be fewer by the time it is looked at.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether the consumer has taken everything. Once true, it stays true until the next push.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.shared.producer_gone.raise();
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.capacity())
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

/// The side that pops. Dropping it drops the values that are there, and lets the producer find the ring closed.
pub struct Consumer<T> {
    /// The next position to read. Exact, and ahead of the published head while a chunk is being consumed.
    head: u64,
    /// How far the producer had come when last looked at. May be stale, that is, too low.
    tail_seen: u64,
    shared: Arc<Shared<T>>,
}

impl<T> Consumer<T> {
    /// Takes the oldest value. Wait-free.
    ///
    /// # Errors
    ///
    /// [`PopError`] if nothing is there, which says whether there ever will be.
    ///
    /// ```
    /// use hippodrome_ringbuf::{PopError, spsc};
    ///
    /// let (mut producer, mut consumer) = spsc::ring(1)?;
    /// assert_eq!(consumer.pop(), Err(PopError::Empty));
    /// producer.push(7)?;
    /// drop(producer);
    /// assert_eq!(consumer.pop(), Ok(7));
    /// assert_eq!(consumer.pop(), Err(PopError::Closed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        if self.readable(1) == 0 {
            self.look_once_more()?;
        }
        // SAFETY: the slot is below the producer's tail, so it holds a value and is the consumer's. It is never read
        // again, since the head moves past it before anything else happens.
        let value = unsafe { self.shared.slots.take(self.head) };
        self.head += 1;
        self.release();
        Ok(value)
    }

    /// The oldest values, at most `max`, to be read in place. Wait-free.
    ///
    /// The chunk has at least one value unless `max` is 0. Nothing is consumed until [`commit`](Chunk::commit) or
    /// iteration by value says so: a chunk that is merely dropped leaves the ring as it was.
    ///
    /// # Errors
    ///
    /// [`PopError`] if nothing is there, which says whether there ever will be.
    ///
    /// ```
    /// let (mut producer, mut consumer) = hippodrome_ringbuf::spsc::ring(4)?;
    /// for value in [1, 2, 3] {
    ///     producer.push(value)?;
    /// }
    /// let chunk = consumer.chunk(2)?;
    /// assert_eq!(chunk.as_slices().0, [1, 2]);
    /// chunk.commit(1);
    /// assert_eq!(consumer.chunk(4)?.into_iter().collect::<Vec<_>>(), [2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn chunk(&mut self, max: usize) -> Result<Chunk<'_, T>, PopError> {
        if max > 0 && self.readable(max) == 0 {
            self.look_once_more()?;
        }
        let count = self.known().min(max);
        Ok(Chunk::new(self, count))
    }

    /// How many values are known to be there.
    #[inline(always)]
    fn known(&self) -> usize {
        (self.tail_seen - self.head) as usize
    }

    /// How many values are there. Looks at the producer's tail if fewer than `wanted` are known.
    #[inline(always)]
    fn readable(&mut self, wanted: usize) -> usize {
        if self.known() < wanted {
            self.tail_seen = self.shared.tail.observe();
        }
        self.known()
    }

    /// Why nothing was there; or nothing, if by now there is something.
    #[cold]
    fn look_once_more(&mut self) -> Result<(), PopError> {
        if !self.is_closed() {
            return Err(PopError::Empty);
        }
        // The producer left after the tail was looked at. It has published its last value before.
        match self.readable(1) {
            0 => Err(PopError::Closed),
            _ => Ok(()),
        }
    }

    /// Hands the slots below the head to the producer.
    #[inline(always)]
    fn release(&mut self) {
        self.shared.head.publish(self.head);
    }

    /// Closes the ring: from now on, pushes fail.
    ///
    /// What has been pushed can still be popped. One push that is under way may still succeed; once popping says
    /// [`Closed`](PopError::Closed), nothing was lost.
    ///
    /// ```
    /// use hippodrome_ringbuf::{PushError, spsc};
    ///
    /// let (mut producer, mut consumer) = spsc::ring(2)?;
    /// producer.push(1)?;
    /// consumer.close();
    /// assert_eq!(producer.push(2), Err(PushError::Closed(2)));
    /// assert_eq!(consumer.pop(), Ok(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&mut self) {
        self.shared.consumer_closed.raise();
    }

    /// Whether the producer is gone. There may still be values. Once true, it stays true.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.shared.producer_gone.is_raised()
    }

    /// How many values the ring may hold.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// How many values there are to be taken. A snapshot: there may be more by the time it is looked at.
    pub fn len(&self) -> usize {
        (self.shared.tail.observe() - self.head) as usize
    }

    /// Whether there is nothing to be taken. A snapshot: that may be over by the time it is looked at.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.close();
        // An iterator that was forgotten has consumed values without publishing that.
        self.release();
        if let Ok(chunk) = self.chunk(usize::MAX) {
            chunk.commit_all();
        }
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("capacity", &self.capacity())
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
