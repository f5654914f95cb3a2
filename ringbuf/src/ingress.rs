//! The ingress: a lock-free ring of envelopes from any number of threads to one worker.
//!
//! # What
//! [`Sender`]s are cloned freely and share the ring; one [`Receiver`] reads it.
//!
//! # Trade-offs
//! Senders meet at one word, so many busy ones slow each other down: this is the entrance for casual senders, and a
//! busy thread takes a [`lane`](crate::lane) of its own. Each envelope is visible by itself; there are no batches.
//!
//! # How it works
//! A sender claims whole lines by a compare-and-swap of `tail`, writes its envelope there, and stamps the first line
//! with the position at which the claim ends; see [`lane`](crate::lane) for what a stamp is. An envelope that does not
//! fit before the ring's end claims the rest of the lap too, as a jump. Claims are in the order of the swaps, so the
//! envelopes of one thread are read in the order sent. A sender that claimed cannot fail before it has stamped: the
//! message is already made, and moving it cannot panic. After reading, the receiver clears the words at which later
//! laps could have stamps, before it gives the room back.
//!
//! Closing is a bit of `tail`: a claim after it fails, and the receiver reads on until it has reached `tail`, so that
//! every accepted message is read.
//!
//! # Orderings
//! | write | order | pairs with |
//! |---|---|---|
//! | sender claims by swapping `tail` | relaxed | nothing: it only divides the room |
//! | sender stores the stamp | release | the receiver's acquire load in `front`: the envelope is visible |
//! | receiver clears stamps | relaxed | made visible by the release of `head` |
//! | receiver stores `head` | release | the senders' acquire load in `claim`: the messages were moved out |
//! | watching | fences | see [`doorbell`](crate::doorbell) |
//!
//! # How to use
//! ```
//! use std::sync::Arc;
//!
//! use hippodrome_ringbuf::PlainKind;
//! use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
//! use hippodrome_ringbuf::ingress::ingress;
//!
//! static NUMBER: PlainKind = PlainKind::of::<u64>();
//!
//! let bell = Arc::new(Doorbell::new());
//! let (sender, mut receiver) = ingress(4096, bell, Signal::Flag(0))?;
//! std::thread::scope(|scope| {
//!     for tag in 0..3 {
//!         let sender = sender.clone();
//!         // SAFETY: `NUMBER` describes `u64`, which may be sent to any thread.
//!         scope.spawn(move || unsafe { sender.push(&NUMBER, tag, 10 * tag) }.expect("there is room for three"));
//!     }
//! });
//! let mut sum = 0;
//! // SAFETY: only numbers were pushed; each is moved out once.
//! while let Some(number) = receiver.pop_with(|_, _, message| unsafe { message.cast::<u64>().read() }) {
//!     sum += number;
//! }
//! assert_eq!(sum, 30);
//!
//! receiver.close();
//! assert!(receiver.is_drained() && sender.is_closed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(all(loom, test))]
mod models;

use crossbeam_utils::CachePadded;
use std::alloc::Layout;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::doorbell::{Attention, Doorbell, Notice, Signal};
use crate::envelope::{self, Header, Kind, envelope_bytes};
use crate::lane::{CapacityError, Refused, check_capacity, check_size};
use crate::lines::{LINE_BYTES, Lines, STAMP_BYTES, line_up};
use crate::sync::{Arc, AtomicU64, Ordering, spin_loop, thread};

const CLOSED: u64 = 1 << 63;

#[derive(Debug)]
struct Shared<K: Kind> {
    lines: Lines,
    /// Up to where lines were claimed, and the closed bit.
    tail: CachePadded<AtomicU64>,
    /// Up to where the receiver has read.
    head: CachePadded<AtomicU64>,
    attention: Attention,
    bell: std::sync::Arc<Doorbell>,
    signal: Signal,
    kinds: PhantomData<&'static K>,
}

// SAFETY: senders write only lines that they claimed, the receiver reads only lines that were stamped; `push` demands
// messages that may be sent.
unsafe impl<K: Kind> Sync for Shared<K> {}
// SAFETY: as above; the last handle frees the memory on any thread.
unsafe impl<K: Kind> Send for Shared<K> {}

/// Builds an ingress of `bytes` bytes whose receiver is reached by `signal` on `bell`. The memory is touched here.
///
/// # Errors
/// If `bytes` is not a power of two from [`MIN_LANE_BYTES`](crate::lane::MIN_LANE_BYTES) to
/// [`MAX_LANE_BYTES`](crate::lane::MAX_LANE_BYTES).
///
/// # Panics
/// If `signal` is not one that a bell knows; see [`Doorbell::ring`].
pub fn ingress<K: Kind>(
    bytes: usize,
    bell: std::sync::Arc<Doorbell>,
    signal: Signal,
) -> Result<(Sender<K>, Receiver<K>), CapacityError> {
    check_capacity(bytes)?;
    signal.check();
    let shared = Arc::new(Shared {
        lines: Lines::new(bytes),
        tail: CachePadded::new(AtomicU64::new(0)),
        head: CachePadded::new(AtomicU64::new(0)),
        attention: Attention::watched(),
        bell,
        signal,
        kinds: PhantomData,
    });
    Ok((
        Sender { shared: shared.clone() },
        Receiver { position: 0, claim_end: 0, cursor: std::ptr::null_mut(), shared },
    ))
}

/// A writing end: cloned for each thread, or shared.
#[derive(Debug)]
pub struct Sender<K: Kind> {
    shared: Arc<Shared<K>>,
}

impl<K: Kind> Clone for Sender<K> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

/// Lines that one sender owns until it stamps them.
struct Claim {
    /// Where the claim begins: its stamp.
    start: u64,
    /// Where the envelope's line begins: `start`, or the beginning of the next lap.
    envelope: u64,
    end: u64,
}

impl<K: Kind> Sender<K> {
    /// Writes `message` and makes it visible. Lock-free.
    ///
    /// # Errors
    /// Why not, and the message.
    ///
    /// # Safety
    /// `kind` describes `M`, `M` may be sent to the receiver's thread, and `tag` is not
    /// [`JUMP_TAG`](crate::JUMP_TAG).
    pub unsafe fn push<M>(&self, kind: &'static K, tag: u64, message: M) -> Result<(), (Refused, M)> {
        let claim = match self.claim(const { Layout::new::<M>() }) {
            Ok(claim) => claim,
            Err(refused) => return Err((refused, message)),
        };
        let lines = &self.shared.lines;
        if claim.envelope != claim.start {
            lines.writes(claim.start + STAMP_BYTES, claim.start + LINE_BYTES);
            // SAFETY: the first line was claimed, and a header fits behind its stamp.
            unsafe { lines.at(claim.start + STAMP_BYTES).cast::<Header<K>>().write(Header::JUMP) };
        }
        lines.writes(claim.envelope + STAMP_BYTES, claim.end);
        // SAFETY: the lines up to the end of the claim are this call's, and have room for the envelope.
        unsafe { envelope::write(lines.at(claim.envelope + STAMP_BYTES), kind, tag, message) };
        lines.stamp(claim.start).store(claim.end, Ordering::Release);
        if self.shared.attention.after_publish() == Notice::Ring {
            self.shared.bell.ring(self.shared.signal);
        }
        Ok(())
    }

    fn claim(&self, layout: Layout) -> Result<Claim, Refused> {
        let shared = &*self.shared;
        let ring = shared.lines.bytes();
        check_size(layout, ring as usize)?;
        let need = line_up(STAMP_BYTES + envelope_bytes(layout) as u64);
        let mut tail = shared.tail.load(Ordering::Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            let ring_end = (tail & !(ring - 1)) + ring;
            let envelope = if tail + need <= ring_end { tail } else { ring_end };
            let end = envelope + need;
            // Acquire: pairs with the receiver's release in `release`. A stale `head` only makes the ring fuller.
            if end > shared.head.load(Ordering::Acquire) + ring {
                return Err(Refused::Full);
            }
            match shared.tail.compare_exchange_weak(tail, end, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(Claim { start: tail, envelope, end }),
                Err(now) => tail = now,
            }
        }
    }

    /// Whether the receiver has gone or is going.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.tail.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Bytes claimed and not yet read, in whole lines. A snapshot.
    #[must_use]
    pub fn depth_bytes(&self) -> u64 {
        let tail = self.shared.tail.load(Ordering::Relaxed) & !CLOSED;
        tail.saturating_sub(self.shared.head.load(Ordering::Relaxed))
    }
}

/// The reading end: one thread's, hence `&mut self`.
///
/// It cannot be cloned, and threads do not share it:
///
/// ```compile_fail,E0599
/// use hippodrome_ringbuf::{PlainKind, ingress::Receiver};
/// fn two_readers(receiver: Receiver<PlainKind>) -> (Receiver<PlainKind>, Receiver<PlainKind>) {
///     (receiver.clone(), receiver)
/// }
/// ```
///
/// ```compile_fail,E0277
/// use hippodrome_ringbuf::{PlainKind, ingress::Receiver};
/// fn two_readers(receiver: &Receiver<PlainKind>) {
///     std::thread::scope(|scope| {
///         scope.spawn(|| receiver.watch());
///     });
/// }
/// ```
#[derive(Debug)]
pub struct Receiver<K: Kind> {
    /// Where the next stamp is.
    position: u64,
    /// Where the claim ends that `cursor` is in; `position` if none is open.
    claim_end: u64,
    cursor: *mut u8,
    shared: Arc<Shared<K>>,
}

// SAFETY: the receiver is the only reader, wherever it is; the senders promised messages that may be sent.
unsafe impl<K: Kind> Send for Receiver<K> {}

impl<K: Kind> Receiver<K> {
    /// Where the next envelope lies, or `None` if nothing is there. It stays the next one, and is dropped with the
    /// ring, until [`release`](Self::release): whoever moves its message out releases it.
    #[inline(always)]
    pub fn front(&mut self) -> Option<NonNull<u8>> {
        if self.claim_end == self.position {
            // Acquire: pairs with the sender's release store of the stamp.
            let stamp = self.shared.lines.stamp(self.position).load(Ordering::Acquire);
            if stamp <= self.position {
                return None;
            }
            self.open(stamp);
        }
        NonNull::new(self.cursor)
    }

    fn open(&mut self, stamp: u64) {
        let lines = &self.shared.lines;
        lines.reads(self.position + STAMP_BYTES, self.position + LINE_BYTES);
        self.cursor = lines.at(self.position + STAMP_BYTES);
        // SAFETY: the stamp published an envelope or a jump here.
        if unsafe { envelope::tag_at(self.cursor) } == envelope::JUMP_TAG {
            let next_lap = (self.position & !(lines.bytes() - 1)) + lines.bytes();
            self.cursor = lines.at(next_lap + STAMP_BYTES);
            lines.reads(next_lap + STAMP_BYTES, stamp);
        } else {
            lines.reads(self.position + STAMP_BYTES, stamp);
        }
        self.claim_end = stamp;
    }

    /// Says that the envelope at [`front`](Self::front) was moved out, and gives its room back.
    pub fn release(&mut self) {
        let lines = &self.shared.lines;
        // From the second line on, a message's bytes may look like a stamp to a later lap.
        let mut line = self.position + LINE_BYTES;
        while line < self.claim_end {
            lines.clear_stamp(line);
            line += LINE_BYTES;
        }
        self.position = self.claim_end;
        // Release: pairs with the senders' acquire load in `claim`.
        self.shared.head.store(self.position, Ordering::Release);
    }

    /// Moves the next message out: `take` owns the message that it is given, until it returns or unwinds.
    pub fn pop_with<R>(&mut self, take: impl FnOnce(&'static K, u64, *mut u8) -> R) -> Option<R> {
        /// Releases also when `take` unwinds.
        struct Release<'a, K: Kind>(&'a mut Receiver<K>);
        impl<K: Kind> Drop for Release<'_, K> {
            fn drop(&mut self) {
                self.0.release();
            }
        }
        let envelope = self.front()?.as_ptr();
        let _release = Release(self);
        // SAFETY: `front` gives the place of a published envelope, never of a jump, so its kind is a `&'static K`.
        let (kind, tag) = unsafe {
            let header = envelope::header_at::<K>(envelope);
            (&*header.kind, header.tag)
        };
        Some(take(kind, tag, envelope::message_at(envelope, kind.layout())))
    }

    /// From now on the receiver polls, and senders need not ring.
    pub fn watch(&self) {
        self.shared.attention.watch();
    }

    /// From now on senders ring. Returns whether there is something to read after all: then its sender may have
    /// thought that it need not ring, and the ingress must be watched again.
    #[must_use]
    pub fn unwatch(&mut self) -> bool {
        self.shared.attention.unwatch();
        self.front().is_some()
    }

    /// From now on nothing is accepted. What was accepted before can still be read; see
    /// [`is_drained`](Self::is_drained).
    pub fn close(&mut self) {
        self.shared.tail.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Whether everything that was claimed has been read. After [`close`](Self::close) this stays true.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.shared.tail.load(Ordering::Relaxed) & !CLOSED == self.position
    }
}

impl<K: Kind> Receiver<K> {
    /// After closing: the next envelope's message, which lies there until the next call. Waits for senders that have
    /// claimed and are just writing; they wait for nobody. `taken` says that the last call's message is still in front.
    fn next_of_the_last(&mut self, taken: &mut bool) -> Option<(&'static K, u64, *mut u8)> {
        if std::mem::replace(taken, false) {
            self.release();
        }
        loop {
            if self.is_drained() {
                return None;
            }
            if let Some(envelope) = self.front() {
                // SAFETY: `front` gives the place of a published envelope, never of a jump.
                let (kind, tag) = unsafe {
                    let header = envelope::header_at::<K>(envelope.as_ptr());
                    (&*header.kind, header.tag)
                };
                *taken = true;
                return Some((kind, tag, envelope::message_at(envelope.as_ptr(), kind.layout())));
            }
            spin_loop();
            thread::yield_now();
        }
    }
}

impl<K: Kind> Drop for Receiver<K> {
    /// Closes, and drops everything that was accepted and not read; waits for senders that are just writing.
    fn drop(&mut self) {
        self.close();
        let mut taken = false;
        envelope::drop_all(&mut || self.next_of_the_last(&mut taken));
    }
}
