//! How the batches of a lane are read, by its consumer and by whoever takes what it left.

use std::ptr::NonNull;

use super::Shared;
use crate::envelope::{self, Kind};
use crate::lines::{Lines, STAMP_BYTES, line_down, line_up};
use crate::sync::Ordering;

/// A reading position in the lines of a lane.
#[derive(Debug)]
pub(super) struct Reader {
    /// Where the next batch begins: everything before it is in `cursor..end` or was read.
    batch: u64,
    /// Where the batch that is being read ends.
    batch_end: u64,
    pub(super) cursor: *mut u8,
    pub(super) end: *mut u8,
}

impl Reader {
    pub(super) fn at(batch: u64) -> Self {
        Self { batch, batch_end: batch, cursor: std::ptr::null_mut(), end: std::ptr::null_mut() }
    }

    #[inline(always)]
    pub(super) fn front(&mut self, lines: &Lines) -> Option<NonNull<u8>> {
        if self.cursor == self.end && !self.next_batch(lines) {
            return None;
        }
        // SAFETY: before `end` lie envelopes and jumps, published by the batch's stamp.
        if unsafe { envelope::tag_at(self.cursor) } == envelope::JUMP_TAG {
            self.cursor = lines.base();
        }
        NonNull::new(self.cursor)
    }

    /// Where the next batch begins: everything before it was opened.
    #[inline]
    pub(super) fn opened(&self) -> u64 {
        self.batch
    }

    /// Opens the batch at `batch` if it was published.
    #[inline(always)]
    fn next_batch(&mut self, lines: &Lines) -> bool {
        // Acquire: pairs with the producer's release store of the stamp.
        let stamp = lines.stamp(self.batch).load(Ordering::Acquire);
        if stamp <= self.batch {
            return false;
        }
        lines.reads(self.batch + STAMP_BYTES, stamp);
        self.cursor = lines.at(self.batch + STAMP_BYTES);
        self.end = lines.at(stamp);
        self.batch_end = stamp;
        self.batch = line_up(stamp);
        true
    }

    pub(super) fn pop<K: Kind>(&mut self, lines: &Lines) -> Option<(&'static K, u64, *mut u8)> {
        let envelope = self.front(lines)?.as_ptr();
        // SAFETY: `front` gives the place of a published envelope, never of a jump, so its kind is a `&'static K`.
        let (kind, tag) = unsafe {
            let header = envelope::header_at::<K>(envelope);
            (&*header.kind, header.tag)
        };
        let message = envelope::message_at(envelope, kind.layout());
        let (start, behind) = (self.exact_position(lines), envelope::end_of(message, kind.layout()));
        lines.reads(start, start + (behind.addr() - envelope.addr()) as u64);
        self.cursor = behind;
        Some((kind, tag, message))
    }

    /// The position up to which everything was read, a multiple of the line's size.
    #[inline]
    pub(super) fn position(&self, lines: &Lines) -> u64 {
        if self.cursor == self.end {
            return self.batch;
        }
        line_down(self.exact_position(lines))
    }

    /// The position of `cursor`, in the batch that is being read.
    #[inline]
    fn exact_position(&self, lines: &Lines) -> u64 {
        let ahead = self.end.addr().wrapping_sub(self.cursor.addr()) as u64 & (lines.bytes() - 1);
        self.batch_end - ahead
    }
}

/// What is left in a lane when one end has gone: taken out one by one, and dropped to the last if that is broken off.
pub(super) struct Remains<'a, K: Kind> {
    pub(super) reader: Reader,
    pub(super) shared: &'a Shared<K>,
}

impl<'a, K: Kind> Remains<'a, K> {
    /// Everything behind the consumer's last position, which is the beginning of a batch.
    pub(super) fn of(shared: &'a Shared<K>) -> Self {
        // Relaxed: whoever takes the rest saw that the consumer has finished, or is the last to hold the lane.
        Self { reader: Reader::at(shared.head.load(Ordering::Relaxed)), shared }
    }

    pub(super) fn pop(&mut self) -> Option<(&'static K, u64, *mut u8)> {
        self.reader.pop(&self.shared.lines)
    }
}

impl<K: Kind> Drop for Remains<'_, K> {
    fn drop(&mut self) {
        /// Runs last, also when a message's drop panics: whoever comes after finds nothing to drop again.
        struct Done<'a, 'b, K: Kind>(&'a mut Remains<'b, K>);
        impl<K: Kind> Drop for Done<'_, '_, K> {
            fn drop(&mut self) {
                // Release: as in `Consumer::release`, for a producer that has not seen yet that the consumer goes.
                self.0.shared.head.store(self.0.reader.batch, Ordering::Release);
            }
        }
        let done = Done(self);
        envelope::drop_all(&mut || done.0.pop());
    }
}
