//! Values whose drops are counted, and panics on demand.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

/// Counts how often each of its values is dropped.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    /// By id.
    drops: Vec<u32>,
    panics_when_dropped: Option<usize>,
}

impl Ledger {
    /// A value with the next id.
    pub(crate) fn value(&self) -> Tracked {
        let mut entries = self.0.lock().unwrap();
        entries.drops.push(0);
        Tracked { id: entries.drops.len() - 1, ledger: self.clone() }
    }

    /// So many values with the next ids.
    pub(crate) fn values(&self, count: usize) -> Vec<Tracked> {
        (0..count).map(|_| self.value()).collect()
    }

    /// Lets the value panic, once, when it is dropped.
    pub(crate) fn panic_when_dropped(&self, id: usize) {
        self.0.lock().unwrap().panics_when_dropped = Some(id);
    }

    /// How many values have been dropped.
    pub(crate) fn dropped(&self) -> usize {
        self.0.lock().unwrap().drops.iter().filter(|&&drops| drops > 0).count()
    }

    /// Checks that every value there ever was has been dropped exactly once, and that the panic asked for took place.
    pub(crate) fn assert_each_dropped_once(&self) {
        let entries = self.0.lock().unwrap();
        assert_eq!(entries.drops, vec![1; entries.drops.len()]);
        assert_eq!(entries.panics_when_dropped, None);
    }
}

/// A value that enters its drop into a ledger.
pub(crate) struct Tracked {
    pub(crate) id: usize,
    ledger: Ledger,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let mut entries = self.ledger.0.lock().unwrap();
        entries.drops[self.id] += 1;
        if entries.panics_when_dropped == Some(self.id) {
            entries.panics_when_dropped = None;
            drop(entries);
            quiet_panic();
        }
    }
}

/// Panics without a message.
pub(crate) fn quiet_panic() -> ! {
    resume_unwind(Box::new("asked for"))
}

/// Whether `body` panics by [`quiet_panic`]. Any other panic goes on.
pub(crate) fn panics<R>(body: impl FnOnce() -> R) -> bool {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => false,
        Err(payload) if payload.downcast_ref() == Some(&"asked for") => true,
        Err(payload) => resume_unwind(payload),
    }
}

/// A generator of numbers that seem random, from a seed above 0 (Marsaglia, "Xorshift RNGs", 2003).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
