//! The reading end of a lane.

use std::ptr::NonNull;

use super::Shared;
use super::reader::{Reader, Remains};
use crate::envelope::Kind;
use crate::sync::{Arc, Ordering};

/// The reading end of a lane: one thread's, hence `&mut self`.
///
/// It is read like a [`LocalRing`](crate::LocalRing): [`front`](Self::front) gives the next envelope's place,
/// [`set_front`](Self::set_front) says how far it was read, and up to [`back`](Self::back) there is a run of envelopes
/// that needs no further look at the lane.
///
/// It cannot be cloned, and threads do not share it:
///
/// ```compile_fail,E0599
/// use hippodrome_ringbuf::{PlainKind, lane::Consumer};
/// fn two_readers(consumer: Consumer<PlainKind>) -> (Consumer<PlainKind>, Consumer<PlainKind>) {
///     (consumer.clone(), consumer)
/// }
/// ```
///
/// ```compile_fail,E0277
/// use hippodrome_ringbuf::{PlainKind, lane::Consumer};
/// fn two_readers(consumer: &Consumer<PlainKind>) {
///     std::thread::scope(|scope| {
///         scope.spawn(|| consumer.watch());
///     });
/// }
/// ```
#[derive(Debug)]
pub struct Consumer<K: Kind> {
    reader: Reader,
    /// Whether what was not read is the producer's to [reclaim](super::Producer::reclaim), instead of being dropped.
    leaves_rest: bool,
    shared: Arc<Shared<K>>,
}

// SAFETY: the consumer is the only reader, wherever it is; the producer promised messages that may be sent.
unsafe impl<K: Kind> Send for Consumer<K> {}

impl<K: Kind> Consumer<K> {
    pub(super) fn new(shared: Arc<Shared<K>>) -> Self {
        Self { reader: Reader::at(0), leaves_rest: false, shared }
    }

    /// Where the next envelope lies, or `None` if nothing was published. Takes one atomic load a batch.
    #[inline(always)]
    pub fn front(&mut self) -> Option<NonNull<u8>> {
        self.reader.front(&self.shared.lines)
    }

    /// Says that everything before `front` was read. The producer learns of it by [`release`](Self::release).
    ///
    /// # Safety
    /// `front` is the end of an envelope that was moved out, all those between it and the last [`front`](Self::front)
    /// were moved out too, and it is not beyond [`back`](Self::back).
    #[inline(always)]
    pub unsafe fn set_front(&mut self, front: *mut u8) {
        self.reader.cursor = front;
    }

    /// Where the batch ends that [`front`](Self::front) is in. A batch may go round the lane's end, so what tells that
    /// it was read is equality; and an envelope before it may be a jump, told by [`JUMP_TAG`](crate::JUMP_TAG), which
    /// [`front`](Self::front) follows.
    #[inline(always)]
    #[must_use]
    pub fn back(&self) -> *mut u8 {
        self.reader.end
    }

    /// Gives the room of everything read back to the producer: one store, for a whole slice of messages.
    #[inline]
    pub fn release(&mut self) {
        // Release: pairs with the producer's acquire load in `refresh_room`.
        self.shared.head.store(self.reader.position(&self.shared.lines), Ordering::Release);
    }

    /// Up to which position batches were opened by [`front`](Self::front), in bytes since the beginning of time: it
    /// grows with each batch.
    #[must_use]
    pub fn opened_bytes(&self) -> u64 {
        self.reader.opened()
    }

    /// Takes the next envelope out: its kind, its tag, and where its message lies until the next
    /// [`release`](Self::release).
    pub fn pop(&mut self) -> Option<(&'static K, u64, *mut u8)> {
        self.reader.pop(&self.shared.lines)
    }

    /// From now on the consumer polls, and the producer need not ring.
    pub fn watch(&self) {
        self.shared.attention.watch();
    }

    /// From now on the producer rings. Returns whether there is something to read after all: then the producer may
    /// have thought that it need not ring, and the lane must be watched again. A producer that goes away rings too:
    /// look at [`is_ended`](Self::is_ended) after this, not before.
    #[must_use]
    pub fn unwatch(&mut self) -> bool {
        self.shared.attention.unwatch();
        self.front().is_some()
    }

    /// Tells the producer that the consumer is going, for good. What is read after this is the last; what is published
    /// at the same time is either read here or [reclaimed](super::Producer::reclaim) once this consumer was dropped.
    pub fn close(&mut self) {
        self.shared.attention.close();
    }

    /// Closes the lane, takes out everything that was published, and goes. What the producer publishes after the last
    /// look is not dropped but left to it, to be [reclaimed](super::Producer::reclaim): each message is given to one of
    /// the two.
    pub fn finish(mut self, mut take: impl FnMut(&'static K, u64, *mut u8)) {
        self.close();
        while let Some((kind, tag, message)) = self.pop() {
            take(kind, tag, message);
        }
        self.release();
        self.leaves_rest = true;
    }

    /// Whether the producer has gone; what it published before can still be read.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        // Acquire: pairs with the release in the producer's `drop`.
        self.shared.ended.load(Ordering::Acquire)
    }
}

impl<K: Kind> Drop for Consumer<K> {
    /// Closes, and drops what was published and not read. What the producer publishes at the same time is either
    /// dropped here or reclaimed by the producer.
    fn drop(&mut self) {
        /// Runs last, also when a message's drop panics.
        struct Finish<'a, K: Kind>(&'a Shared<K>);
        impl<K: Kind> Drop for Finish<'_, K> {
            fn drop(&mut self) {
                // Release: pairs with the acquire in `Producer::reclaim`.
                self.0.finished.store(true, Ordering::Release);
            }
        }
        self.shared.attention.close();
        let _finish = Finish(&*self.shared);
        if !self.leaves_rest {
            let reader = std::mem::replace(&mut self.reader, Reader::at(0));
            drop(Remains { reader, shared: &*self.shared });
        }
    }
}
