//! The messages of the models: each counts its drop, and fills itself with what can be checked.
//!
//! All threads of a model are coroutines of the one thread that explores it, so that the counts are the model's own.

use std::cell::RefCell;

use super::PlainKind;

/// The most messages of one model.
const MAX_MESSAGES: usize = 32;

thread_local! {
    static DROPS: RefCell<[u8; MAX_MESSAGES]> = const { RefCell::new([0; MAX_MESSAGES]) };
}

/// A message whose envelope takes 24 bytes and 8 for each word of the filling.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Probe<const WORDS: usize> {
    number: u64,
    filling: [u64; WORDS],
}

/// An envelope that fills the rest of a line behind the stamp.
pub(crate) const LINE: usize = 4;
/// An envelope that takes all of a second line too.
pub(crate) const TWO_LINES: usize = LINE + 8;

impl<const WORDS: usize> Probe<WORDS> {
    pub(crate) const KIND: &'static PlainKind = &PlainKind::of::<Self>();

    pub(crate) fn new(number: u64) -> Self {
        Self { number, filling: [filling(number); WORDS] }
    }
}

/// Words that look like stamps of a far future.
fn filling(number: u64) -> u64 {
    u64::MAX / 2 - number
}

impl<const WORDS: usize> Drop for Probe<WORDS> {
    fn drop(&mut self) {
        assert_eq!(self.filling, [filling(self.number); WORDS]);
        DROPS.with_borrow_mut(|drops| drops[self.number as usize] += 1);
    }
}

/// Explores `body`, which makes the messages 0 up to what it returns: each must be dropped once.
pub(crate) fn explore(preemptions: usize, body: impl Fn() -> u64 + Sync + Send + 'static) {
    crate::explore::explore(Some(preemptions), move || {
        DROPS.with_borrow_mut(|drops| drops.fill(0));
        let made = body();
        assert_dropped(made);
        assert_eq!(dropped(), made);
    });
}

/// How many messages have been dropped until now.
pub(crate) fn dropped() -> u64 {
    DROPS.with_borrow(|drops| drops.iter().map(|&count| u64::from(count)).sum())
}

/// Checks that the messages up to `made` were dropped once each.
pub(crate) fn assert_dropped(made: u64) {
    DROPS.with_borrow(|drops| assert!(drops[..made as usize].iter().all(|&count| count == 1), "{drops:?}"));
}

/// Takes a message over from a ring: checks that it is whole and that it is the one of `number`.
///
/// # Safety
/// `message` points to a valid probe of `kind`, which is not used again.
pub(crate) unsafe fn take(kind: &'static PlainKind, tag: u64, message: *mut u8, number: u64) {
    // SAFETY: the caller's contract; every probe begins with its number.
    unsafe {
        assert_eq!((tag, message.cast::<u64>().read()), (number, number));
        super::Kind::drop_in_place(kind, message);
    }
}
