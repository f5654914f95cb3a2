//! Where elements come from: iterators, closures, the clock.

use std::time::Duration;

use super::failure::Fault;
use super::stage::{Stage, Step, Turn, origin};
use crate::duration::nanos;

/// The elements of an iterator.
pub(crate) struct Iter<I> {
    pub(crate) iter: I,
}

impl<I: Iterator + Send + 'static> Stage for Iter<I> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<I::Item> {
        if !turn.spend() {
            return Step::Wait;
        }
        match turn.call("an iterator", || self.iter.next()) {
            Some(item) => Step::Item(item),
            None => Step::End,
        }
    }

    origin!();
}

/// The number of each period that has passed.
pub(crate) struct Ticks {
    period_ns: u64,
    next_ns: u64,
    ticks: u64,
}

impl Ticks {
    pub(crate) fn new(period: Duration) -> Self {
        Self { period_ns: nanos(period).max(1), next_ns: 0, ticks: 0 }
    }
}

impl Stage for Ticks {
    type Item = u64;

    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<u64> {
        let now_ns = turn.now_ns();
        if self.next_ns == 0 {
            self.next_ns = now_ns.saturating_add(self.period_ns);
        }
        if now_ns < self.next_ns {
            turn.wake_at(self.next_ns);
            return Step::Wait;
        }
        if !turn.spend() {
            return Step::Wait;
        }
        let tick = self.ticks;
        // Periods that nobody pulled in are one tick; the grid stays.
        let passed = (now_ns - self.next_ns) / self.period_ns + 1;
        self.ticks += passed;
        self.next_ns = self.next_ns.saturating_add(passed.saturating_mul(self.period_ns));
        Step::Item(tick)
    }

    origin!();
}

/// Nothing but a failure.
pub(crate) struct Failing<T> {
    pub(crate) text: String,
    pub(crate) item: std::marker::PhantomData<fn() -> T>,
}

impl<T: 'static> Stage for Failing<T> {
    type Item = T;

    fn next(&mut self, _: &mut Turn<'_, '_>) -> Step<T> {
        Step::Fault(Fault::of_stage("a source", &self.text))
    }

    origin!();
}
