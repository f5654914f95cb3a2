//! What became of each message. The ledger is no part of what is scheduled: its steps are nobody's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Counts of one execution.
#[derive(Default)]
pub(crate) struct Ledger {
    made: AtomicU64,
    handled: AtomicU64,
    dropped: AtomicU64,
    /// By source: the number that must come at the earliest.
    next: Mutex<Vec<(u64, u64)>>,
}

/// A message that knows its place.
pub(crate) struct Item {
    ledger: Arc<Ledger>,
    source: u64,
    number: u64,
    handled: bool,
}

impl Ledger {
    pub(crate) fn item(self: &Arc<Self>, source: u64, number: u64) -> Item {
        self.made.fetch_add(1, Ordering::Relaxed);
        Item { ledger: self.clone(), source, number, handled: false }
    }

    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// Everything that was sent was handled once or reported once, and dropped once.
    pub(crate) fn check(&self, dead_letters: u64) {
        let (made, handled) = (self.made(), self.handled());
        assert_eq!(made, handled + dead_letters, "{handled} handled and {dead_letters} reported");
        assert_eq!(made, self.dropped.load(Ordering::Relaxed), "messages dropped");
    }
}

impl Item {
    /// Handles the message: later than all that its source sent before.
    pub(crate) fn handle(mut self) {
        assert!(!self.handled, "handled twice");
        self.handled = true;
        self.ledger.handled.fetch_add(1, Ordering::Relaxed);
        let mut next = self.ledger.next.lock().unwrap();
        match next.iter_mut().find(|(source, _)| *source == self.source) {
            Some((source, next)) => {
                assert!(self.number >= *next, "{} of source {source} came after {}", self.number, *next - 1);
                *next = self.number + 1;
            }
            None => next.push((self.source, self.number + 1)),
        }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.ledger.dropped.fetch_add(1, Ordering::Relaxed);
    }
}
