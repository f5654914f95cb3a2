//! What the counted programs have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Units that are counted: many, so that what a run costs once does not show, and a power of ten, so that a total reads
/// as instructions for each.
pub(crate) const UNITS: u64 = 100_000;

/// Units before those, after which every buffer has been used and every actor has started.
pub(crate) const WARM_UP: u64 = 10_000;

/// A program that does one kind of work on one thread, the same in each run.
pub(crate) trait Scenario: Sized {
    /// Everything that is made once.
    fn new() -> Self;

    /// Does so many units of its work.
    fn run(&mut self, units: u64);

    /// Checks the result of [`WARM_UP`] and then [`UNITS`] units of work.
    ///
    /// # Panics
    /// If it is not what it must be.
    fn check(self);
}

/// A program that has warmed up.
pub(crate) fn ready<S: Scenario>() -> S {
    let mut scenario = S::new();
    scenario.run(WARM_UP);
    scenario
}

/// Where an actor leaves its result.
#[derive(Clone, Default)]
pub(crate) struct Found(Arc<AtomicU64>);

impl Found {
    /// Out of line: it is no part of the path.
    #[cold]
    #[inline(never)]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
