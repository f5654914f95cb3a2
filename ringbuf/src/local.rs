//! The local ring: a worker's own queue of envelopes.
//!
//! One thread writes and reads it, so it has no atomics: a push is a compare, the header, the message and one store.
//! The price is that it is a chain of segments and not one buffer, which buys the right to grow: when the writer
//! reaches the end of a segment it leaves a jump there and takes the next one from the segments that the reader
//! finished, or a new one while the limit allows. A ring that is read as fast as it is written goes round in two
//! segments, which stay in the nearest cache.
//!
//! The reader is the ring's user: [`front`](LocalRing::front) gives the place of the next envelope, and
//! [`set_front`](LocalRing::set_front) says how far it has been read. What lies between `front` and the
//! [`back`](LocalRing::back) is valid envelopes, each to be moved out once.

use std::alloc::Layout;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr::NonNull;

use crate::envelope::{self, GRAIN_BYTES, HEADER_BYTES, Header, Kind, envelope_bytes};
use crate::memory::Memory;

/// Bytes of one segment: two of them fit the nearest cache of any processor of this century.
pub const SEGMENT_BYTES: usize = 16 * 1024;

/// The largest envelope that a [`LocalRing`] takes, header and padding included; see [`envelope_bytes`].
pub const SEGMENT_ENVELOPE_BYTES: usize = SEGMENT_BYTES - HEADER_BYTES;

/// How many segments [`LocalRing::push_reserved`] may use beyond the ring's limit: 1 MiB.
pub const RESERVED_SEGMENTS: usize = 64;

/// A single-threaded queue of envelopes in recycled segments, with a hard limit.
///
/// # Examples
/// ```
/// use hippodrome_ringbuf::{Kind, LocalRing, PlainKind};
///
/// static NUMBER: PlainKind = PlainKind::of::<u64>();
/// let mut ring = LocalRing::new(16 * 1024, 64 * 1024);
/// // SAFETY: `NUMBER` describes `u64`.
/// unsafe { ring.push(&NUMBER, 7, 42_u64) }.unwrap();
/// let mut seen = Vec::new();
/// ring.drain(|kind, tag, message| {
///     assert_eq!(kind.layout().size(), 8);
///     // SAFETY: only numbers were pushed.
///     seen.push((tag, unsafe { message.cast::<u64>().read() }));
/// });
/// assert_eq!(seen, [(7, 42)]);
/// ```
#[derive(Debug)]
pub struct LocalRing<K: Kind> {
    /// Where the next envelope is written.
    write: *mut u8,
    /// The last address at which an envelope may end: behind it there is room for a jump. In a segment beyond the limit
    /// it is the segment's base, so that reserved room is left to those it is reserved for.
    write_end: *mut u8,
    /// The last address at which an envelope with reserved room may end.
    reserved_end: *mut u8,
    /// Where the next envelope is read.
    read: *mut u8,
    /// The segments in reading order; the writer is in the last one.
    filled: VecDeque<Memory>,
    /// Finished by the reader; the last one finished is the first one taken, since it is still cached.
    free: Vec<Memory>,
    limit_segments: usize,
    high_water_segments: usize,
    kinds: PhantomData<&'static K>,
}

// SAFETY: the pointers point into the segments, which the ring owns. The messages inside are the user's concern: `push`
// demands that they may be dropped where the ring is.
unsafe impl<K: Kind> Send for LocalRing<K> {}

impl<K: Kind> LocalRing<K> {
    /// Where in a ring the pointer stands that [`back`](Self::back) gives, in bytes: for whoever looks at it after each
    /// message, and at others like it by turns.
    pub const BACK_OFFSET: usize = offset_of!(Self, write);

    /// A ring with `bytes` preallocated, that may grow to `limit_bytes`; both are rounded up to whole segments, at
    /// least two in all.
    #[must_use]
    pub fn new(bytes: usize, limit_bytes: usize) -> Self {
        let segments = bytes.div_ceil(SEGMENT_BYTES).max(2);
        let limit_segments = limit_bytes.div_ceil(SEGMENT_BYTES).max(segments);
        let mut free: Vec<Memory> = (1..segments).map(|_| Memory::zeroed(SEGMENT_BYTES)).collect();
        free.reserve_exact(limit_segments.saturating_sub(free.len()).min(1024));
        let first = Memory::zeroed(SEGMENT_BYTES);
        let base = first.base();
        let mut filled = VecDeque::with_capacity(segments);
        filled.push_back(first);
        Self {
            write: base,
            write_end: base.wrapping_add(SEGMENT_ENVELOPE_BYTES),
            reserved_end: base.wrapping_add(SEGMENT_ENVELOPE_BYTES),
            read: base,
            filled,
            free,
            limit_segments,
            high_water_segments: 1,
            kinds: PhantomData,
        }
    }

    /// Writes `message` behind all others. Gives it back when the ring is at its limit, or when its envelope is
    /// larger than [`SEGMENT_ENVELOPE_BYTES`].
    ///
    /// # Errors
    /// The message itself.
    ///
    /// # Safety
    /// `kind` describes `M`, `tag` is not [`JUMP_TAG`](crate::JUMP_TAG), and `M` may be dropped on any thread that the
    /// ring is moved to.
    #[inline(always)]
    pub unsafe fn push<M>(&mut self, kind: &'static K, tag: u64, message: M) -> Result<(), M> {
        let layout = const { Layout::new::<M>() };
        if self.end_at_write(layout) > self.write_end && !self.next_segment(layout, 0) {
            return Err(message);
        }
        let end = self.end_at_write(layout);
        // SAFETY: the envelope ends within the writer's segment, of which nobody reads what lies behind `write`.
        unsafe { envelope::write(self.write, kind, tag, message) };
        self.write = end;
        Ok(())
    }

    /// Whether an envelope of `layout` fits the segment that is being written.
    #[inline(always)]
    #[must_use]
    pub fn fits(&self, layout: Layout) -> bool {
        self.end_at_write(layout) <= self.write_end
    }

    /// Writes `message` behind all others. Small enough that a caller who checked [`fits`](Self::fits) first has the
    /// message written in place, wherever it came from, without a second copy.
    ///
    /// # Safety
    /// As for [`push`](Self::push), and an envelope for `M` [`fits`](Self::fits).
    #[inline(always)]
    pub unsafe fn push_fitting<M>(&mut self, kind: &'static K, tag: u64, message: M) {
        let end = self.end_at_write(const { Layout::new::<M>() });
        // SAFETY: the envelope ends within the writer's segment, of which nobody reads what lies behind `write`.
        unsafe { envelope::write(self.write, kind, tag, message) };
        self.write = end;
    }

    /// Writes the messages that `messages` gives, for one receiver, while they fit the segment that is being written.
    /// Returns how many, and the first that does not fit, if there is one: [`push`](Self::push) it, and come again.
    ///
    /// What was written stays if `messages` panics.
    ///
    /// # Safety
    /// As for [`push`](Self::push).
    #[inline(always)]
    pub unsafe fn push_while_fitting<M>(
        &mut self,
        kind: &'static K,
        tag: u64,
        messages: &mut impl Iterator<Item = M>,
    ) -> (u64, Option<M>) {
        /// Sets how far was written, also when the iterator unwinds.
        struct Written<'a>(&'a mut *mut u8, *mut u8);
        impl Drop for Written<'_> {
            fn drop(&mut self) {
                *self.0 = self.1;
            }
        }
        let layout = const { Layout::new::<M>() };
        let (start, last_end, mut padded) = (self.write, self.write_end, 0);
        let mut written = Written(&mut self.write, start);
        let rest = loop {
            let Some(message) = messages.next() else { break None };
            let end = envelope::end_of(envelope::message_at(written.1, layout), layout);
            if end > last_end {
                break Some(message);
            }
            // SAFETY: the envelope ends within the writer's segment, of which nobody reads what lies behind `write`.
            unsafe { envelope::write(written.1, kind, tag, message) };
            written.1 = end;
            padded += 1;
        };
        // Without padding all are of one size, and need not be counted in the loop.
        let even = (written.1.addr() - start.addr()) / envelope_bytes(layout);
        (if layout.align() <= GRAIN_BYTES { even as u64 } else { padded }, rest)
    }

    /// Writes `message` as [`push`](Self::push) does, and may use [`RESERVED_SEGMENTS`] beyond the limit: for messages
    /// without which others could not end.
    ///
    /// # Errors
    /// The message itself.
    ///
    /// # Safety
    /// As for [`push`](Self::push).
    #[inline(always)]
    pub unsafe fn push_reserved<M>(&mut self, kind: &'static K, tag: u64, message: M) -> Result<(), M> {
        let layout = const { Layout::new::<M>() };
        if self.end_at_write(layout) > self.reserved_end && !self.next_segment(layout, RESERVED_SEGMENTS) {
            return Err(message);
        }
        let end = self.end_at_write(layout);
        // SAFETY: as in `push`.
        unsafe { envelope::write(self.write, kind, tag, message) };
        self.write = end;
        Ok(())
    }

    /// Moves the message at `message` to the back, as [`push`](Self::push) does. Says whether it did.
    ///
    /// # Safety
    /// As for [`push`](Self::push); `message` is a valid message of `kind`, not used again if this returns `true`.
    #[must_use]
    pub unsafe fn push_raw(&mut self, kind: &'static K, tag: u64, message: *const u8) -> bool {
        let layout = kind.layout();
        if self.end_at_write(layout) > self.write_end && !self.next_segment(layout, 0) {
            return false;
        }
        let end = self.end_at_write(layout);
        // SAFETY: as in `push`.
        unsafe { envelope::relocate(self.write, kind, tag, message) };
        self.write = end;
        true
    }

    #[inline(always)]
    fn end_at_write(&self, layout: Layout) -> *mut u8 {
        envelope::end_of(envelope::message_at(self.write, layout), layout)
    }

    /// Leaves a jump and goes on in another segment; `false` where the limit, and so many segments
    /// beyond it, allow none.
    #[cold]
    #[inline(never)]
    fn next_segment(&mut self, layout: Layout, beyond_limit: usize) -> bool {
        if envelope_bytes(layout) > SEGMENT_ENVELOPE_BYTES || self.filled.len() >= self.limit_segments + beyond_limit {
            return false;
        }
        let segment = self.free.pop().unwrap_or_else(|| Memory::zeroed(SEGMENT_BYTES));
        // SAFETY: `write` is never behind `reserved_end`, so the header fits the segment.
        unsafe { self.write.cast::<Header<K>>().write(Header::JUMP) };
        self.write = segment.base();
        self.reserved_end = segment.base().wrapping_add(SEGMENT_ENVELOPE_BYTES);
        self.write_end = if self.filled.len() < self.limit_segments { self.reserved_end } else { segment.base() };
        self.filled.push_back(segment);
        self.high_water_segments = self.high_water_segments.max(self.filled.len());
        true
    }

    /// Where the next envelope lies, or `None` if the ring is empty. Goes over jumps and recycles what was read.
    #[inline(always)]
    pub fn front(&mut self) -> Option<NonNull<u8>> {
        if self.read == self.write {
            return None;
        }
        // SAFETY: between `read` and `write` lie envelopes and jumps.
        if unsafe { envelope::tag_at(self.read) } == envelope::JUMP_TAG {
            self.follow_jump();
            if self.read == self.write {
                return None;
            }
        }
        NonNull::new(self.read)
    }

    #[cold]
    #[inline(never)]
    fn follow_jump(&mut self) {
        if let Some(finished) = self.filled.pop_front() {
            self.free.push(finished);
        }
        if self.filled.len() <= self.limit_segments {
            self.write_end = self.reserved_end;
        }
        self.read = self.filled.front().map_or(self.write, Memory::base);
    }

    /// Says that everything before `front` was read.
    ///
    /// # Safety
    /// `front` is the end of an envelope that was moved out, all those between it and the last [`front`](Self::front)
    /// were moved out too, and it is not beyond [`back`](Self::back).
    #[inline(always)]
    pub unsafe fn set_front(&mut self, front: *mut u8) {
        self.read = front;
    }

    /// Where the next envelope will be written: what lies before it in the reader's segment is there to read.
    #[inline(always)]
    #[must_use]
    pub fn back(&self) -> *mut u8 {
        self.write
    }

    /// Starts the only segment in use again from its beginning, if the ring is empty: an idle ring stays in the cache.
    #[inline]
    pub fn rewind(&mut self) {
        if self.read == self.write
            && self.filled.len() == 1
            && let Some(only) = self.filled.front()
        {
            self.read = only.base();
            self.write = only.base();
        }
    }

    /// Whether something may be there to read. Unlike [`is_empty`](Self::is_empty) this changes nothing and takes a jump
    /// for something, so that whoever keeps a place of its own in the ring, to be [set](Self::set_front) later, may ask
    /// it meanwhile.
    #[inline]
    #[must_use]
    pub fn may_have_more(&self) -> bool {
        self.read != self.write
    }

    /// Whether nothing is there to read.
    #[must_use]
    pub fn is_empty(&mut self) -> bool {
        self.front().is_none()
    }

    /// Takes every envelope out, in order. `take` owns the message that it is given; if it panics, the rest stays.
    pub fn drain(&mut self, mut take: impl FnMut(&'static K, u64, *mut u8)) {
        while let Some((kind, tag, message)) = self.pop() {
            take(kind, tag, message);
        }
    }

    /// Takes the next envelope out: its kind, its tag, and where its message lies until the ring is next used.
    pub fn pop(&mut self) -> Option<(&'static K, u64, *mut u8)> {
        let envelope = self.front()?.as_ptr();
        // SAFETY: `front` gives the place of a written envelope, never of a jump, so its kind is a `&'static K`.
        let (kind, tag) = unsafe {
            let header = envelope::header_at::<K>(envelope);
            (&*header.kind, header.tag)
        };
        let message = envelope::message_at(envelope, kind.layout());
        self.read = envelope::end_of(message, kind.layout());
        Some((kind, tag, message))
    }

    /// The most bytes that were in use at once, in whole segments.
    #[must_use]
    pub fn high_water_bytes(&self) -> usize {
        self.high_water_segments * SEGMENT_BYTES
    }

    /// The bytes in use now, in whole segments.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.filled.len() * SEGMENT_BYTES
    }
}

impl<K: Kind> Drop for LocalRing<K> {
    fn drop(&mut self) {
        envelope::drop_all(&mut || self.pop());
    }
}
