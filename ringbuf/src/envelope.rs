//! Envelopes: messages of any type, written one behind the other into raw memory.
//!
//! An envelope is a header of two words and the message's bytes, moved in once and moved out once:
//!
//! ```text
//!   0        8        16 ...                                next envelope, a multiple of 8
//!   ┌────────┬────────┬─────────┬───────────────┬─────────┐
//!   │ kind   │ tag    │ padding │ message       │ padding │
//!   └────────┴────────┴─────────┴───────────────┴─────────┘
//!                     only where align > 8
//! ```
//!
//! `kind` points to a static that describes the message's type; `tag` is a word of the ring's user (the engine keeps
//! the receiver's address in it). A null `kind` is a *jump*: nothing more was written behind it, the reader goes on
//! where its ring says. Rings differ in where an envelope may lie and when it becomes visible, never in its form, so
//! one reader serves them all.

#[cfg(all(loom, test))]
pub(crate) mod probe;

use std::alloc::Layout;
use std::ptr;

/// Describes one type of message to the rings that carry it.
///
/// # Safety
/// `layout` never changes for a value of the type, and `drop_in_place` drops a message of exactly that layout.
pub unsafe trait Kind: Sync + 'static {
    /// Size and alignment of the message, without its header.
    fn layout(&self) -> Layout;

    /// Drops the message at `message`.
    ///
    /// # Safety
    /// `message` points to a valid message of this kind, which is not used again.
    unsafe fn drop_in_place(&self, message: *mut u8);
}

/// Bytes of an envelope's header.
pub const HEADER_BYTES: usize = size_of::<Header<()>>();

/// Every envelope begins and ends at a multiple of this.
pub(crate) const GRAIN_BYTES: usize = 8;

/// The first words of an envelope.
#[repr(C)]
#[derive(Debug)]
pub struct Header<K> {
    /// What follows; null is a jump.
    pub kind: *const K,
    /// The word that the ring's user gave with the message.
    pub tag: u64,
}

impl<K> Clone for Header<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Header<K> {}

/// The tag of a jump: no user's tag may be equal to it.
pub const JUMP_TAG: u64 = u64::MAX;

impl<K> Header<K> {
    /// The header behind which nothing was written.
    pub(crate) const JUMP: Self = Self { kind: ptr::null(), tag: JUMP_TAG };
}

/// The most bytes that an envelope of this layout can take, header and padding included.
#[must_use]
pub const fn envelope_bytes(layout: Layout) -> usize {
    let slack = if layout.align() > GRAIN_BYTES { layout.align() - GRAIN_BYTES } else { 0 };
    HEADER_BYTES + slack + layout.size().next_multiple_of(GRAIN_BYTES)
}

/// Where the message of the envelope at `envelope` begins.
#[inline(always)]
#[must_use]
pub fn message_at(envelope: *mut u8, layout: Layout) -> *mut u8 {
    let behind_header = envelope.wrapping_add(HEADER_BYTES);
    if layout.align() <= GRAIN_BYTES {
        return behind_header;
    }
    behind_header.map_addr(|address| address.next_multiple_of(layout.align()))
}

/// Where the envelope ends whose message begins at `message`.
#[inline(always)]
#[must_use]
pub fn end_of(message: *mut u8, layout: Layout) -> *mut u8 {
    message.wrapping_add(layout.size().next_multiple_of(GRAIN_BYTES))
}

/// Reads the header of the envelope at `envelope`.
///
/// # Safety
/// An envelope or a jump was written there, with kinds of type `K`, and is visible to this thread.
#[inline(always)]
#[must_use]
pub unsafe fn header_at<K>(envelope: *mut u8) -> Header<K> {
    // SAFETY: the caller's contract; envelopes lie at multiples of eight.
    unsafe { envelope.cast::<Header<K>>().read() }
}

/// Reads the tag of the envelope at `envelope`, without its kind.
///
/// # Safety
/// As for [`header_at`].
#[inline(always)]
#[must_use]
pub unsafe fn tag_at(envelope: *mut u8) -> u64 {
    // SAFETY: the tag is the second word of what the caller promises to be there.
    unsafe { (&raw const (*envelope.cast::<Header<()>>()).tag).read() }
}

/// Writes an envelope at `envelope`; its room was checked.
///
/// # Safety
/// [`envelope_bytes`] bytes from `envelope` on are writable and nobody else's, `envelope` is a multiple of eight, and
/// `kind` describes `M`.
#[inline(always)]
pub(crate) unsafe fn write<K: Kind, M>(envelope: *mut u8, kind: &'static K, tag: u64, message: M) {
    debug_assert_eq!(kind.layout(), Layout::new::<M>());
    debug_assert_ne!(tag, JUMP_TAG);
    // SAFETY: the caller's contract gives the room; `message_at` aligns for `M`.
    unsafe {
        envelope.cast::<Header<K>>().write(Header { kind, tag });
        message_at(envelope, Layout::new::<M>()).cast::<M>().write(message);
    }
}

/// Copies the bytes of the message at `message` into an envelope at `envelope`: the message moves, its old place is
/// forgotten.
///
/// # Safety
/// As for [`write()`], and `message` points to a valid message of `kind`, which is not used again.
#[inline]
pub(crate) unsafe fn relocate<K: Kind>(envelope: *mut u8, kind: &'static K, tag: u64, message: *const u8) {
    debug_assert_ne!(tag, JUMP_TAG);
    let layout = kind.layout();
    // SAFETY: the caller's contract; source and target are different memory, since the target is nobody else's.
    unsafe {
        envelope.cast::<Header<K>>().write(Header { kind, tag });
        ptr::copy_nonoverlapping(message, message_at(envelope, layout), layout.size());
    }
}

/// Drops every message that `pop` still gives. A drop that panics does not keep the others from theirs.
pub(crate) fn drop_all<K: Kind>(pop: &mut impl FnMut() -> Option<(&'static K, u64, *mut u8)>) {
    /// Goes on with the rest while a message's drop unwinds.
    struct Rest<'a, K: Kind, P: FnMut() -> Option<(&'static K, u64, *mut u8)>>(&'a mut P);
    impl<K: Kind, P: FnMut() -> Option<(&'static K, u64, *mut u8)>> Drop for Rest<'_, K, P> {
        fn drop(&mut self) {
            drop_all(self.0);
        }
    }
    while let Some((kind, _, message)) = pop() {
        let rest = Rest(pop);
        // SAFETY: `pop` took the envelope out of the reading order, so the message is dropped only here.
        unsafe { kind.drop_in_place(message) };
        std::mem::forget(rest);
    }
}

/// A [`Kind`] that knows a type's layout and how to drop it, and nothing else.
#[derive(Debug)]
pub struct PlainKind {
    layout: Layout,
    drop: unsafe fn(*mut u8),
}

impl PlainKind {
    /// The kind of messages of type `T`.
    #[must_use]
    pub const fn of<T>() -> Self {
        Self { layout: Layout::new::<T>(), drop: drop_message::<T> }
    }
}

/// Drops the `T` at `message`.
///
/// # Safety
/// `message` points to a valid `T`, which is not used again.
pub unsafe fn drop_message<T>(message: *mut u8) {
    // SAFETY: the caller's contract.
    unsafe { ptr::drop_in_place(message.cast::<T>()) }
}

// SAFETY: both fields are made from the same type and never change.
unsafe impl Kind for PlainKind {
    fn layout(&self) -> Layout {
        self.layout
    }

    unsafe fn drop_in_place(&self, message: *mut u8) {
        // SAFETY: the caller's contract; `drop` was made for the type that `layout` is of.
        unsafe { (self.drop)(message) }
    }
}
