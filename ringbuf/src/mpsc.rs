//! A bounded ring of values from many producers to one consumer.
//!
//! # Trade-offs
//!
//! For casual senders. A push is lock-free, never allocates, and costs one compare-and-swap on a word that all
//! producers share; with several producers at once that word moves between their cores for every push, and a ring of
//! its own for each of them ([`spsc`](crate::spsc)) spares them that. Batches share the cost:
//! [`push_all`](Producer::push_all) claims any number of slots by one compare-and-swap.
//!
//! The values of one producer arrive in the order in which it pushed them. Values are taken in the order in which their
//! slots were claimed, so a producer that is preempted between claiming a slot and filling it hides the values behind
//! it from the consumer until it runs again. It never hinders other producers while there are free slots.
//!
//! # How it works
//!
//! ```text
//!               head                tail            head + capacity
//!                |   claimed         |   free        |
//!   -------------+-------------------+---------------+
//!   positions:     5    6    7    8    9
//!   stamped:       yes  yes  no   yes  no              pop gives 5, then 6, then nothing until 7 is stamped
//! ```
//!
//! A producer claims slots by moving the tail, fills them, and stamps each with its position; the consumer takes the
//! slot at its head once that has the stamp of its position. The stamps are those of Dmitry Vyukov's bounded MPMC queue
//! (1024cores.net). That a slot is free again is told not by its stamp but by the consumer's head, as in the
//! multi-producer sequencer of the LMAX Disruptor: so the capacity need not be a power of two, a batch needs one check,
//! the consumer writes to no slot, and it publishes its head once per [`drain`](Consumer::drain). The producers share a
//! copy of the head, and look at the real one only when the copy does not suffice.
//!
//! A value is moved into its slot right after the claim, with no user code between the two. The iterator of a batch
//! does run there; slots that it leaves unfilled, by ending early or by a panic, are stamped as void and skipped.
//!
//! # How to use it
//!
//! ```
//! use hippodrome_ringbuf::{PopError, mpsc};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (producer, mut consumer) = mpsc::ring(16)?;
//! std::thread::scope(|scope| {
//!     for sender in 0..3 {
//!         let producer = producer.clone();
//!         scope.spawn(move || producer.push(sender));
//!     }
//! });
//! drop(producer);
//! let mut senders: Vec<_> = consumer.drain(usize::MAX)?.collect();
//! senders.sort();
//! assert_eq!(senders, [0, 1, 2]);
//! assert_eq!(consumer.pop(), Err(PopError::Closed));
//! # Ok(())
//! # }
//! ```
//!
//! # What does not compile
//!
//! A second consumer:
//!
//! ```compile_fail,E0599
//! let (_producer, consumer) = hippodrome_ringbuf::mpsc::ring::<u8>(1).unwrap();
//! let second = consumer.clone();
//! ```
//!
//! Popping through a shared reference, and so from two threads:
//!
//! ```compile_fail,E0596
//! let (_producer, consumer) = hippodrome_ringbuf::mpsc::ring::<u8>(1).unwrap();
//! let shared = &consumer;
//! let _ = shared.pop();
//! ```
//!
//! Popping while values are drained:
//!
//! ```compile_fail,E0499
//! let (_producer, mut consumer) = hippodrome_ringbuf::mpsc::ring::<u8>(2).unwrap();
//! let mut drain = consumer.drain(1).unwrap();
//! let _ = consumer.pop();
//! drain.next();
//! ```
//!
//! A drain that outlives its consumer:
//!
//! ```compile_fail,E0505
//! let (_producer, mut consumer) = hippodrome_ringbuf::mpsc::ring::<u8>(2).unwrap();
//! let mut drain = consumer.drain(1).unwrap();
//! drop(consumer);
//! drain.next();
//! ```
//!
//! Sending, or sharing, a handle of values that may not be sent:
//!
//! ```compile_fail,E0277
//! fn is_send<T: Send>(_: T) {}
//! let (producer, _consumer) = hippodrome_ringbuf::mpsc::ring::<std::rc::Rc<u8>>(1).unwrap();
//! is_send(producer);
//! ```
//!
//! ```compile_fail,E0277
//! fn is_sync<T: Sync>(_: T) {}
//! let (producer, _consumer) = hippodrome_ringbuf::mpsc::ring::<std::rc::Rc<u8>>(1).unwrap();
//! is_sync(producer);
//! ```

mod drain;
#[cfg(all(loom, test))]
mod models;
mod shared;

use std::fmt;

pub use self::drain::Drain;
use self::shared::Shared;
use crate::error::{CapacityError, ClaimError, PopError, PushError};
use crate::protocol::Mark;
use crate::sync::Arc;

/// Builds a ring that holds up to `capacity` values.
///
/// All its memory is allocated and touched here, by the calling thread: `capacity` slots, rounded up to a power of
/// two, each a value and a stamp of 8 bytes. The capacity itself is kept exactly.
///
/// # Errors
///
/// [`CapacityError`] if the capacity is 0 or above 2³⁰, or the memory is not to be had.
///
/// ```
/// use hippodrome_ringbuf::{CapacityError, mpsc};
///
/// let (producer, _consumer) = mpsc::ring::<u64>(3)?;
/// assert_eq!(producer.capacity(), 3);
/// assert_eq!(mpsc::ring::<u64>(0).err(), Some(CapacityError::Zero));
/// # Ok::<(), CapacityError>(())
/// ```
pub fn ring<T>(capacity: usize) -> Result<(Producer<T>, Consumer<T>), CapacityError> {
    let shared = Arc::new(Shared::new(capacity)?);
    let producer = Producer { shared: Arc::clone(&shared) };
    Ok((producer, Consumer { head: 0, shared }))
}

/// The side that pushes: cloned or shared by any number of threads. Once the last clone is dropped, the consumer takes
/// what is there and then finds the ring closed.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Producer<T> {
    /// Appends a value. Lock-free: it is repeated only when another producer has claimed a slot meanwhile.
    ///
    /// # Errors
    ///
    /// [`PushError`] with the value, if the ring is full or the consumer has closed it. Slots that are claimed but not
    /// yet filled count as full.
    ///
    /// ```
    /// use hippodrome_ringbuf::{PushError, mpsc};
    ///
    /// let (producer, consumer) = mpsc::ring(1)?;
    /// assert_eq!(producer.push(1), Ok(()));
    /// assert_eq!(producer.push(2), Err(PushError::Full(2)));
    /// drop(consumer);
    /// assert_eq!(producer.push(3), Err(PushError::Closed(3)));
    /// # Ok::<(), hippodrome_ringbuf::CapacityError>(())
    /// ```
    #[inline]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        if self.is_closed() {
            return Err(PushError::Closed(value));
        }
        let Some(claimed) = self.shared.claim(1) else {
            return Err(PushError::Full(value));
        };
        // SAFETY: the slot was claimed just now, and by this call only.
        unsafe {
            self.shared.write(claimed.start, value);
            self.shared.publish(claimed.start, Mark::Value);
        }
        Ok(())
    }

    /// Appends as many of `values` as there are free slots for, next to each other and visible at once, and says how
    /// many that were. Claims all slots by one compare-and-swap.
    ///
    /// What did not fit has not been taken from the iterator. If the iterator panics, what it gave before is in the
    /// ring. Slots claimed on the word of an iterator that then ends before its length, or panics, are skipped by the
    /// consumer. Until the iterator is done, the consumer sees nothing that was pushed after the batch: it should be
    /// quick and must not wait for the ring.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] if no slot is free or the consumer has closed the ring. No value was taken from the iterator
    /// then.
    ///
    /// ```
    /// use hippodrome_ringbuf::{ClaimError, mpsc};
    ///
    /// let (producer, mut consumer) = mpsc::ring(2)?;
    /// let mut values = vec![1, 2, 3].into_iter();
    /// assert_eq!(producer.push_all(&mut values), Ok(2));
    /// assert_eq!(producer.push_all(&mut values), Err(ClaimError::Full));
    /// assert_eq!(consumer.drain(9)?.collect::<Vec<_>>(), [1, 2]);
    /// assert_eq!(producer.push_all(&mut values), Ok(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push_all<I>(&self, values: &mut I) -> Result<usize, ClaimError>
    where
        I: ExactSizeIterator<Item = T>,
    {
        if self.is_closed() {
            return Err(ClaimError::Closed);
        }
        let wanted = values.len();
        if wanted == 0 {
            return Ok(0);
        }
        let claimed = self.shared.claim(wanted).ok_or(ClaimError::Full)?;
        let mut batch = Batch { shared: &self.shared, start: claimed.start, next: claimed.start, end: claimed.end };
        while batch.next < batch.end {
            let Some(value) = values.next() else { break };
            // SAFETY: the slot was claimed by this batch, which has not written to it.
            unsafe { batch.shared.write(batch.next, value) };
            batch.next += 1;
        }
        Ok((batch.next - batch.start) as usize)
    }

    /// Whether the consumer has closed the ring or is gone. Once true, it stays true.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.shared.consumer_closed.is_raised()
    }

    /// How many values the ring may hold.
    pub fn capacity(&self) -> usize {
        self.shared.capacity()
    }

    /// How many slots are taken, those of pushes under way included. A snapshot.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether no slot is taken. A snapshot.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        // The reference first: its overflow check protects the other count as well.
        let shared = Arc::clone(&self.shared);
        shared.producers.join();
        Self { shared }
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.shared.producers.leave();
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

/// Claimed slots that are being filled. Publishes all of them when dropped, whether or not the iterator panicked: a
/// claimed slot that is never published would stop the ring for good.
struct Batch<'a, T> {
    shared: &'a Shared<T>,
    start: u64,
    /// The next position to write. Those from `start` to here hold values.
    next: u64,
    end: u64,
}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        // Backwards: the consumer waits for the first slot, whose stamp then shows it the whole batch.
        for position in (self.start..self.end).rev() {
            let mark = if position < self.next { Mark::Value } else { Mark::Void };
            // SAFETY: the batch has claimed the position, has written the values below `next`, and ends here.
            unsafe { self.shared.publish(position, mark) };
        }
    }
}

/// The side that pops. Dropping it drops the values that are there, and lets the producers find the ring closed.
pub struct Consumer<T> {
    /// The next position to read. Exact, and ahead of the published head while a drain lives.
    head: u64,
    shared: Arc<Shared<T>>,
}

impl<T> Consumer<T> {
    /// Takes the oldest value.
    ///
    /// # Errors
    ///
    /// [`PopError`] if nothing is there, which says whether there ever will be. Values behind a slot that is claimed
    /// but not yet filled are not there yet.
    ///
    /// ```
    /// use hippodrome_ringbuf::{PopError, mpsc};
    ///
    /// let (producer, mut consumer) = mpsc::ring(1)?;
    /// assert_eq!(consumer.pop(), Err(PopError::Empty));
    /// producer.push(7)?;
    /// drop(producer);
    /// assert_eq!(consumer.pop(), Ok(7));
    /// assert_eq!(consumer.pop(), Err(PopError::Closed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        self.seek()?;
        // SAFETY: there is a value at the head.
        let value = unsafe { self.take() };
        self.release();
        Ok(value)
    }

    /// Takes the oldest values, at most `max`, one by one as the iterator is asked for them.
    ///
    /// Their slots are handed to the producers by one store, when the iterator is dropped. It ends when there is
    /// nothing more to be taken at that moment, so it may give values that were pushed after it was made, but never
    /// more than the capacity. What it has not given out when it is dropped stays in the ring, also when a panic is the
    /// reason.
    ///
    /// # Errors
    ///
    /// [`PopError`] if nothing is there, which says whether there ever will be.
    ///
    /// ```
    /// let (producer, mut consumer) = hippodrome_ringbuf::mpsc::ring(4)?;
    /// producer.push_all(&mut [1, 2, 3].into_iter())?;
    /// assert_eq!(consumer.drain(2)?.sum::<i32>(), 3);
    /// assert_eq!(consumer.pop(), Ok(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn drain(&mut self, max: usize) -> Result<Drain<'_, T>, PopError> {
        self.seek()?;
        Ok(Drain::new(self, max))
    }

    /// Moves the head to the next slot with a value, past void ones, or says why there is none.
    #[inline]
    fn seek(&mut self) -> Result<(), PopError> {
        loop {
            match self.shared.observe(self.head) {
                Some(Mark::Value) => return Ok(()),
                Some(Mark::Void) => {
                    self.head += 1;
                    self.release();
                }
                None => self.look_once_more()?,
            }
        }
    }

    /// Why nothing was there; or nothing, if by now there is something, perhaps void.
    #[cold]
    fn look_once_more(&self) -> Result<(), PopError> {
        if !self.is_closed() {
            return Err(PopError::Empty);
        }
        // The producers left after the slot was looked at. They have published their last value before.
        match self.shared.observe(self.head) {
            None => Err(PopError::Closed),
            Some(_) => Ok(()),
        }
    }

    /// Takes the value at the head, without handing over the slot.
    ///
    /// # Safety
    ///
    /// A value has been observed at the head.
    #[inline(always)]
    unsafe fn take(&mut self) -> T {
        // SAFETY: the slot holds a value, and is the consumer's until it publishes a head beyond. The head moves past
        // it, so it is not taken again.
        let value = unsafe { self.shared.take(self.head) };
        self.head += 1;
        value
    }

    /// Hands the slots below the head to the producers.
    #[inline(always)]
    fn release(&mut self) {
        self.shared.head.publish(self.head);
    }

    /// Closes the ring: from now on, pushes fail.
    ///
    /// What has been pushed can still be popped. Pushes that are under way may still succeed; once popping says
    /// [`Closed`](PopError::Closed), nothing was lost.
    ///
    /// ```
    /// use hippodrome_ringbuf::{PushError, mpsc};
    ///
    /// let (producer, mut consumer) = mpsc::ring(2)?;
    /// producer.push(1)?;
    /// consumer.close();
    /// assert_eq!(producer.push(2), Err(PushError::Closed(2)));
    /// assert_eq!(consumer.pop(), Ok(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&mut self) {
        self.shared.consumer_closed.raise();
    }

    /// Whether every producer is gone. There may still be values. Once true, it stays true.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.shared.producers.all_left()
    }

    /// How many values the ring may hold.
    pub fn capacity(&self) -> usize {
        self.shared.capacity()
    }

    /// How many slots are taken, those of pushes under way included. A snapshot.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether no slot is taken. A snapshot.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.close();
        // A drain that was forgotten has taken values without publishing that.
        self.release();
        if let Ok(mut values) = self.drain(usize::MAX) {
            shared::drop_each(&mut values);
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
