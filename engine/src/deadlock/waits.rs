//! Who waits for whom, as a worker shows it.

use crate::address::{Address, Home};
use crate::asks::AskKey;
use crate::core::{Core, flag};
use crate::deadlock::Waiter;
use crate::sync::{AtomicBool, Mutex, Ordering};
use hippodrome_ringbuf::doorbell::Signal;

/// An ask that has waited for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) asker: Waiter,
    pub(crate) asked: Address,
    pub(crate) ask: AskKey,
    /// When it was sent, in nanoseconds of the engine's clock.
    pub(crate) since_ns: u64,
}

impl Wait {
    /// Which ask of the engine: the worker that keeps it, and its key there.
    pub(crate) fn which(&self) -> (Home, AskKey) {
        (self.asker.actor.home.shared(), self.ask)
    }
}

/// How many asks a worker looks at in one turn: what is to do in between waits a few microseconds for that.
const SLICE: usize = 256;

/// A worker shows so many waits at most.
const SHOWN_MAX: usize = 1 << 16;

/// What a worker shows of its waits, when it is asked to.
#[derive(Debug, Default)]
pub(crate) struct ShownWaits {
    is_asked: AtomicBool,
    waits: Mutex<Vec<Wait>>,
}

impl ShownWaits {
    /// Notes that the worker is to look; the caller rings.
    pub(crate) fn ask(&self) {
        self.is_asked.store(true, Ordering::Release);
    }

    /// Whether the worker has not answered yet.
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Acquire)
    }

    /// Appends what the worker has shown to `all`.
    pub(crate) fn collect(&self, all: &mut Vec<Wait>) {
        all.extend_from_slice(&self.waits.lock());
    }
}

/// How far a worker has come with looking at its asks.
#[derive(Debug, Default)]
pub(crate) struct WaitScan {
    next: usize,
    found: Vec<Wait>,
}

impl Core {
    /// Looks at a few more asks, and rings for the next turn until all were seen; then shows what was found.
    #[cold]
    pub(crate) fn look_at_waits(&mut self) {
        let mut scan = std::mem::take(&mut self.wait_scan);
        let end = self.asks.capacity().min(scan.next + SLICE);
        self.find_waits(scan.next..end, self.shared.config.wait_cycle_threshold_ns(), &mut scan.found);
        scan.next = end;
        if end < self.asks.capacity() && scan.found.len() < SHOWN_MAX {
            self.bell.ring(Signal::Flag(flag::WAITS));
        } else {
            let mine = &self.shared.workers[self.index].waits;
            std::mem::swap(&mut *mine.waits.lock(), &mut scan.found);
            mine.is_asked.store(false, Ordering::Release);
            scan.found.clear();
            scan.next = 0;
        }
        self.wait_scan = scan;
    }

    /// Appends all asks that have waited for `at_least_ns` to `found`.
    pub(crate) fn find_all_waits(&self, at_least_ns: u64, found: &mut Vec<Wait>) {
        self.find_waits(0..self.asks.capacity(), at_least_ns, found);
    }
}
