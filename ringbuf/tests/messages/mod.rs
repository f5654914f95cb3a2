//! Messages of many shapes, for all rings of envelopes: each knows its contents, or counts its drops.

#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(unreachable_pub, reason = "each test program has this module as its own")]

use std::alloc::Layout;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hippodrome_ringbuf::ingress::Sender;
use hippodrome_ringbuf::lane::{Producer, Refused};
use hippodrome_ringbuf::{Kind, LocalRing, PlainKind};

/// A kind that can check its messages too.
pub struct TestKind {
    plain: PlainKind,
    check: unsafe fn(*mut u8, u64),
}

// SAFETY: the plain kind's promises hold, and are passed on.
unsafe impl Kind for TestKind {
    fn layout(&self) -> Layout {
        self.plain.layout()
    }

    unsafe fn drop_in_place(&self, message: *mut u8) {
        // SAFETY: the caller's contract.
        unsafe { self.plain.drop_in_place(message) }
    }
}

/// What all the writing ends have in common.
pub trait Ring {
    /// # Safety
    /// As for the ring's own `push`.
    unsafe fn push<M>(&mut self, kind: &'static TestKind, tag: u64, message: M) -> Result<(), (Refused, M)>;
}

/// What those have in common that take messages by address too.
pub trait RawRing: Ring {
    /// # Safety
    /// As for the ring's own `push_raw`.
    unsafe fn push_raw(&mut self, kind: &'static TestKind, tag: u64, message: *const u8) -> Result<(), Refused>;
}

impl Ring for LocalRing<TestKind> {
    unsafe fn push<M>(&mut self, kind: &'static TestKind, tag: u64, message: M) -> Result<(), (Refused, M)> {
        // SAFETY: the caller's contract.
        unsafe { LocalRing::push(self, kind, tag, message) }.map_err(|message| (Refused::Full, message))
    }
}

/// A local ring that is pushed to with its reserved room.
pub struct Reserved<'a>(pub &'a mut LocalRing<TestKind>);

impl Ring for Reserved<'_> {
    unsafe fn push<M>(&mut self, kind: &'static TestKind, tag: u64, message: M) -> Result<(), (Refused, M)> {
        // SAFETY: the caller's contract.
        unsafe { self.0.push_reserved(kind, tag, message) }.map_err(|message| (Refused::Full, message))
    }
}

/// A local ring that is pushed to only where it needs no further segment.
pub struct Fitting<'a>(pub &'a mut LocalRing<TestKind>);

impl Ring for Fitting<'_> {
    unsafe fn push<M>(&mut self, kind: &'static TestKind, tag: u64, message: M) -> Result<(), (Refused, M)> {
        if !self.0.fits(Layout::new::<M>()) {
            return Err((Refused::Full, message));
        }
        // SAFETY: the caller's contract; that the envelope fits was asked just before.
        unsafe { self.0.push_fitting(kind, tag, message) };
        Ok(())
    }
}

impl RawRing for LocalRing<TestKind> {
    unsafe fn push_raw(&mut self, kind: &'static TestKind, tag: u64, message: *const u8) -> Result<(), Refused> {
        // SAFETY: the caller's contract.
        if unsafe { LocalRing::push_raw(self, kind, tag, message) } { Ok(()) } else { Err(Refused::Full) }
    }
}

impl Ring for Producer<TestKind> {
    unsafe fn push<M>(&mut self, kind: &'static TestKind, tag: u64, message: M) -> Result<(), (Refused, M)> {
        // SAFETY: the caller's contract.
        unsafe { Producer::push(self, kind, tag, message) }
    }
}

impl RawRing for Producer<TestKind> {
    unsafe fn push_raw(&mut self, kind: &'static TestKind, tag: u64, message: *const u8) -> Result<(), Refused> {
        // SAFETY: the caller's contract.
        unsafe { Producer::push_raw(self, kind, tag, message) }
    }
}

impl Ring for Sender<TestKind> {
    unsafe fn push<M>(&mut self, kind: &'static TestKind, tag: u64, message: M) -> Result<(), (Refused, M)> {
        // SAFETY: the caller's contract.
        unsafe { Sender::push(self, kind, tag, message) }
    }
}

/// Aligned like two words.
#[repr(align(16))]
pub struct Align16;
/// Aligned like four cache lines.
#[repr(align(256))]
pub struct Align256;

/// A message of `BYTES` bytes, aligned like `A`, with contents that follow from its tag.
#[repr(C)]
pub struct Filled<A, const BYTES: usize> {
    align: [A; 0],
    bytes: [u8; BYTES],
}

impl<A: 'static, const BYTES: usize> Filled<A, BYTES> {
    pub const KIND: &'static TestKind = &TestKind { plain: PlainKind::of::<Self>(), check: Self::check_at };

    pub fn new(tag: u64) -> Self {
        let mut bytes = [0; BYTES];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&filling(tag)[..chunk.len()]));
        Self { align: [], bytes }
    }

    pub fn check(&self, tag: u64) {
        let whole = self.bytes.chunks(8).all(|chunk| *chunk == filling(tag)[..chunk.len()]);
        assert!(whole, "contents of message {tag}: {:?}", self.bytes);
    }

    unsafe fn check_at(message: *mut u8, tag: u64) {
        assert!(message.cast::<Self>().is_aligned());
        // SAFETY: the caller's contract: a message of this type lies here.
        unsafe { &*message.cast::<Self>() }.check(tag);
    }
}

/// What a message is filled with: most of these words look like stamps of a far future.
fn filling(tag: u64) -> [u8; 8] {
    tag.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()
}

/// How many shapes there are.
pub const SHAPES: usize = 11;

macro_rules! with_shape {
    ($shape:expr, $run:ident($($argument:expr),*)) => {
        match $shape {
            0 => $run::<u8, 0>($($argument),*),
            1 => $run::<u8, 1>($($argument),*),
            2 => $run::<u64, 8>($($argument),*),
            3 => $run::<u8, 13>($($argument),*),
            // Fills a line behind a stamp and a header.
            4 => $run::<u64, 40>($($argument),*),
            5 => $run::<Align16, 48>($($argument),*),
            6 => $run::<Align256, 0>($($argument),*),
            7 => $run::<Align256, 300>($($argument),*),
            8 => $run::<u8, 100>($($argument),*),
            9 => $run::<u8, 800>($($argument),*),
            _ => $run::<u64, 5000>($($argument),*),
        }
    };
}

/// Writes a message of this shape, whose contents follow from `tag`. One that is refused comes back whole.
pub fn push(ring: &mut impl Ring, shape: usize, tag: u64) -> Result<(), Refused> {
    with_shape!(shape, push_as(ring, tag))
}

fn push_as<A: 'static, const BYTES: usize>(ring: &mut impl Ring, tag: u64) -> Result<(), Refused> {
    // SAFETY: the kind is of this type, which may be sent anywhere; no test uses the tag of a jump.
    unsafe { ring.push(Filled::<A, BYTES>::KIND, tag, Filled::<A, BYTES>::new(tag)) }.map_err(|(refused, message)| {
        message.check(tag);
        refused
    })
}

/// As [`push`], by the address of the message. These messages need no drop.
pub fn push_raw(ring: &mut impl RawRing, shape: usize, tag: u64) -> Result<(), Refused> {
    with_shape!(shape, push_raw_as(ring, tag))
}

fn push_raw_as<A: 'static, const BYTES: usize>(ring: &mut impl RawRing, tag: u64) -> Result<(), Refused> {
    let message = Filled::<A, BYTES>::new(tag);
    // SAFETY: as in `push_as`; the message has no drop, so that its old place may be left.
    unsafe { ring.push_raw(Filled::<A, BYTES>::KIND, tag, (&raw const message).cast()) }
}

/// The layout of the messages of this shape.
pub fn layout(shape: usize) -> Layout {
    with_shape!(shape, layout_as())
}

fn layout_as<A, const BYTES: usize>() -> Layout {
    Layout::new::<Filled<A, BYTES>>()
}

/// Checks the message that a ring gave out, and drops it.
///
/// # Safety
/// `message` points to a valid message of `kind`, which is not used again.
pub unsafe fn take(kind: &'static TestKind, tag: u64, message: *mut u8) {
    // SAFETY: the caller's contract.
    unsafe {
        (kind.check)(message, tag);
        kind.drop_in_place(message);
    }
}

/// Counts the drops of numbered messages.
#[derive(Clone)]
pub struct Ledger(Arc<[AtomicU32]>);

impl Ledger {
    pub fn new(messages: usize) -> Self {
        Self((0..messages).map(|_| AtomicU32::new(0)).collect())
    }

    pub fn drops(&self) -> Vec<u32> {
        self.0.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }

    /// Checks that the messages of these numbers were dropped once each, and no other.
    pub fn assert_dropped(&self, numbers: Range<usize>) {
        for (number, drops) in self.drops().into_iter().enumerate() {
            assert_eq!(drops, u32::from(numbers.contains(&number)), "drops of message {number}");
        }
    }
}

/// A message that counts its drop in a ledger, and may panic doing so.
pub struct Tracked<const WORDS: usize> {
    ledger: Ledger,
    number: usize,
    explosive: bool,
    filling: [u64; WORDS],
}

impl<const WORDS: usize> Tracked<WORDS> {
    pub const KIND: &'static TestKind = &TestKind { plain: PlainKind::of::<Self>(), check: Self::check_at };

    unsafe fn check_at(message: *mut u8, tag: u64) {
        // SAFETY: the caller's contract: a message of this type lies here.
        assert_eq!(unsafe { &*message.cast::<Self>() }.number as u64, tag);
    }
}

impl<const WORDS: usize> Drop for Tracked<WORDS> {
    fn drop(&mut self) {
        assert_eq!(self.filling, [u64::MAX / 2; WORDS]);
        self.ledger.0[self.number].fetch_add(1, Ordering::SeqCst);
        assert!(!self.explosive || std::thread::panicking(), "message {} explodes", self.number);
    }
}

/// Writes a tracked message of a size that changes with its number. One that is refused is dropped here, and that is
/// not counted.
pub fn push_tracked(ring: &mut impl Ring, ledger: &Ledger, number: usize, explosive: bool) -> Result<(), Refused> {
    match number % 3 {
        0 => push_tracked_as::<0>(ring, ledger, number, explosive),
        1 => push_tracked_as::<3>(ring, ledger, number, explosive),
        _ => push_tracked_as::<9>(ring, ledger, number, explosive),
    }
}

fn push_tracked_as<const WORDS: usize>(
    ring: &mut impl Ring,
    ledger: &Ledger,
    number: usize,
    explosive: bool,
) -> Result<(), Refused> {
    let message = Tracked::<WORDS> { ledger: ledger.clone(), number, explosive, filling: [u64::MAX / 2; WORDS] };
    // SAFETY: the kind is of this type, which may be sent anywhere; no test uses the tag of a jump.
    unsafe { ring.push(Tracked::<WORDS>::KIND, number as u64, message) }.map_err(|(refused, mut message)| {
        message.explosive = false;
        drop(message);
        ledger.0[number].fetch_sub(1, Ordering::SeqCst);
        refused
    })
}

/// Runs `run`, which is to panic with an explosive message's drop.
pub fn assert_explodes(run: impl FnOnce()) {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).expect_err("nothing exploded");
    let words = panic.downcast::<String>().expect("not the panic of a message");
    assert!(words.contains("explodes"), "{words}");
}

/// Numbers below `bound` that depend on nothing but the seed.
pub fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed | 1;
    move |bound| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % bound
    }
}
