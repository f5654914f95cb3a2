//! The doorbell of a worker: how it learns that something came, whether it is polling, looking elsewhere or parked.
//!
//! A worker has many sources. Polling all of them in each turn would cost the more the more of them are idle, so each
//! source has a flag: while it is *watched* the worker polls the source and its producer does nothing but publish;
//! when it has been idle for a while the worker stops watching it, and the next publication rings the [`Doorbell`]
//! instead. A worker that parks stops watching everything first.
//!
//! Two protocols, and why no wake-up is missed:
//!
//! * *Watching.* The producer publishes, fences, then loads the flag; the worker clears the flag, fences, then looks at
//!   the source once more. Both fences are sequentially consistent, so one of the two sees the other's write: either
//!   the producer rings or the worker finds the message.
//! * *Parking.* The bits that ring and the bit that says "parked" share one word. The worker parks by a
//!   compare-and-swap from "nothing rung" to "parked", a ringer sets its bit by a read-modify-write and looks at what
//!   was there before. One word has one order: the worker sees the bit and stays awake, or the ringer sees "parked"
//!   and wakes it.
//!
//! # How to use
//! A worker with one lane, which parks as soon as there is nothing to read:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use hippodrome_ringbuf::PlainKind;
//! use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
//! use hippodrome_ringbuf::lane::lane;
//!
//! static NUMBER: PlainKind = PlainKind::of::<u64>();
//!
//! let bell = Arc::new(Doorbell::new());
//! let (mut producer, mut consumer) = lane(4096, bell.clone(), Signal::Source(0))?;
//! let worker = std::thread::spawn(move || {
//!     bell.attach_current_thread();
//!     let mut sum = 0;
//!     loop {
//!         // SAFETY: only numbers are pushed; each is moved out once.
//!         while let Some((_, _, message)) = consumer.pop() {
//!             sum += unsafe { message.cast::<u64>().read() };
//!         }
//!         consumer.release();
//!         // From here on the producer rings. What it published before that is seen now, or rings too.
//!         if !consumer.unwatch() {
//!             if consumer.is_ended() && consumer.front().is_none() {
//!                 break sum;
//!             }
//!             bell.park(Duration::from_secs(1));
//!             bell.take(|signal| assert_eq!(signal, Signal::Source(0)));
//!         }
//!         consumer.watch();
//!     }
//! });
//! for number in 1..=10_u64 {
//!     // SAFETY: `NUMBER` describes `u64`, which may be sent to any thread.
//!     unsafe { producer.push(&NUMBER, 0, number) }.expect("there is room for ten");
//!     let _ = producer.publish();
//! }
//! drop(producer);
//! assert_eq!(worker.join().unwrap(), 55);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(all(loom, test))]
mod models;

use crossbeam_utils::CachePadded;
use std::time::Duration;

use crate::sync::thread::{self, Thread};
use crate::sync::{AtomicU8, AtomicU64, OnceLock, Ordering, fence};

/// The most sources with a bit of their own; see [`Signal::Source`].
pub const MAX_SOURCES: usize = 512;

const WORDS: usize = MAX_SOURCES / 64;
const PARKED: u64 = 1 << 63;
const FIRST_FLAG: u32 = 32;
const MAX_FLAGS: u8 = 16;

/// Who rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A numbered source, below [`MAX_SOURCES`].
    Source(u16),
    /// One of up to sixteen things without a number: what each means is the user's choice.
    Flag(u8),
}

impl Signal {
    /// Panics if no bell knows the signal: by what builds something that rings, long before it first does.
    pub(crate) fn check(self) {
        match self {
            Self::Source(source) => {
                assert!(usize::from(source) < MAX_SOURCES, "source {source} is not below {MAX_SOURCES}");
            }
            Self::Flag(flag) => assert!(flag < MAX_FLAGS, "flag {flag} is not below {MAX_FLAGS}"),
        }
    }
}

/// How a call of [`Doorbell::park`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Something had rung before the thread could park.
    AtOnce,
    /// Somebody rang.
    Rung,
    /// The time was over, or the thread woke for no reason.
    TimedOut,
}

/// One worker's bell; shared by everybody who may have something for it.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use hippodrome_ringbuf::doorbell::{Doorbell, Signal, Woken};
///
/// let bell = Doorbell::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| bell.ring(Signal::Source(3)));
///     // A park may also end for no reason.
///     while bell.park(Duration::from_secs(1)) == Woken::TimedOut {}
/// });
/// let mut rung = Vec::new();
/// bell.take(|signal| rung.push(signal));
/// assert_eq!(rung, [Signal::Source(3)]);
/// assert!(!bell.is_rung());
/// ```
#[derive(Debug)]
pub struct Doorbell {
    /// Bit `w`: word `w` of `sources` has bits. Bits from `FIRST_FLAG`: the flags. The top bit: the worker is parked.
    summary: CachePadded<AtomicU64>,
    sources: CachePadded<[AtomicU64; WORDS]>,
    worker: OnceLock<Thread>,
}

impl Default for Doorbell {
    fn default() -> Self {
        Self::new()
    }
}

impl Doorbell {
    /// A bell that nobody has rung.
    #[must_use]
    pub fn new() -> Self {
        Self {
            summary: CachePadded::new(AtomicU64::new(0)),
            sources: CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))),
            worker: OnceLock::new(),
        }
    }

    /// Makes the current thread the one that [`park`](Self::park)s and is woken. The first call counts.
    pub fn attach_current_thread(&self) {
        self.worker.get_or_init(thread::current);
    }

    /// Rings: the worker will see `signal`, and is woken if it is parked.
    ///
    /// # Panics
    /// If a source is not below [`MAX_SOURCES`] or a flag not below 16.
    #[cold]
    pub fn ring(&self, signal: Signal) {
        signal.check();
        let bit = match signal {
            Signal::Source(source) => {
                let (word, bit) = (usize::from(source) / 64, u32::from(source) % 64);
                // Release: pairs with the swap in `take`, so that whoever takes the bit sees what it was rung for.
                self.sources[word].fetch_or(1 << bit, Ordering::Release);
                1 << word
            }
            Signal::Flag(flag) => 1 << (FIRST_FLAG + u32::from(flag)),
        };
        // Release: as above, and publishes the bit in `sources` set before. Acquire: the worker's thread, if parked.
        if self.summary.fetch_or(bit, Ordering::AcqRel) & PARKED != 0
            && let Some(worker) = self.worker.get()
        {
            worker.unpark();
        }
    }

    /// Whether anything rang since the last [`take`](Self::take). One load of a line that changes only when rung.
    #[inline(always)]
    #[must_use]
    pub fn is_rung(&self) -> bool {
        self.summary.load(Ordering::Relaxed) & !PARKED != 0
    }

    /// Clears the bell and calls `seen` for everything that rang.
    pub fn take(&self, mut seen: impl FnMut(Signal)) {
        // Acquire: pairs with the releases in `ring`.
        let summary = self.summary.swap(0, Ordering::Acquire);
        for word in bits(summary & ((1 << WORDS) - 1)) {
            let sources = self.sources[word as usize].swap(0, Ordering::Acquire);
            bits(sources).for_each(|bit| seen(Signal::Source((word * 64 + bit) as u16)));
        }
        bits((summary & !PARKED) >> FIRST_FLAG).for_each(|flag| seen(Signal::Flag(flag as u8)));
    }

    /// Parks the attached thread, which calls this, until somebody rings or `timeout` is over. Attaches the current
    /// thread if none was.
    ///
    /// Whatever is watched does not ring, so its user stops watching before, as the module's example does.
    pub fn park(&self, timeout: Duration) -> Woken {
        let worker = self.worker.get_or_init(thread::current);
        debug_assert_eq!(worker.id(), thread::current().id(), "only the attached thread is woken");
        // Release: a ringer that sees `PARKED` wakes the thread that `worker` holds. No acquire: a word without a bit
        // was written by this thread itself.
        if self.summary.compare_exchange(0, PARKED, Ordering::Release, Ordering::Relaxed).is_err() {
            return Woken::AtOnce;
        }
        thread::park_timeout(timeout);
        // Relaxed: what it was rung for is acquired by `take`, as this goes on with the ringers' release sequences.
        let summary = self.summary.fetch_and(!PARKED, Ordering::Relaxed);
        if summary & !PARKED == 0 { Woken::TimedOut } else { Woken::Rung }
    }
}

/// The numbers of the bits set in `word`, lowest first.
fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}

/// What a consumer does about one source: written by the consumer alone, and seldom; read by producers after each
/// publication, from a line that stays in their caches.
#[derive(Debug)]
pub(crate) struct Attention(CachePadded<AtomicU8>);

const WATCHED: u8 = 0;
const UNWATCHED: u8 = 1;
const CLOSED: u8 = 2;

/// What a producer has to do after a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Nothing: the consumer polls.
    None,
    /// Ring.
    Ring,
    /// The consumer has gone, or is just going: what was published may never be read.
    Closed,
}

impl Attention {
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn watched() -> Self {
        Self(CachePadded::new(AtomicU8::new(WATCHED)))
    }

    /// For the producer, after it has published.
    #[inline(always)]
    pub(crate) fn after_publish(&self) -> Notice {
        // Pairs with the fence in `unwatch` and `close`: see the module's documentation.
        fence(Ordering::SeqCst);
        match self.0.load(Ordering::Relaxed) {
            WATCHED => Notice::None,
            UNWATCHED => Notice::Ring,
            _ => Notice::Closed,
        }
    }

    /// For the producer: whether the consumer has gone.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed) == CLOSED
    }

    /// The consumer polls from now on. Nothing is to be paired: a producer that still rings does no harm.
    pub(crate) fn watch(&self) {
        self.set(WATCHED);
    }

    /// The consumer stops polling; it must look at its source once more after this.
    pub(crate) fn unwatch(&self) {
        self.set(UNWATCHED);
        fence(Ordering::SeqCst);
    }

    /// The consumer goes away for good; it must look at its source once more after this.
    pub(crate) fn close(&self) {
        self.set(CLOSED);
        fence(Ordering::SeqCst);
    }

    /// For the consumer, the only writer: closed stays closed.
    fn set(&self, attention: u8) {
        if self.0.load(Ordering::Relaxed) != CLOSED {
            self.0.store(attention, Ordering::Relaxed);
        }
    }
}
