//! Stages that know the time: batches and throttles.

use std::time::Duration;

use hippodrome::DeadLetterReason;

use super::signal::{Held, Tally};
use super::stage::{Stage, Step, Turn, forward};
use super::transform::pull;
use crate::duration::nanos;

/// For how many elements a batch has room from the start; it grows to more.
const RESERVED: usize = 1024;

/// So many elements in one, or those that came in some time.
pub(crate) struct Batch<S: Stage> {
    pub(crate) up: S,
    elements: usize,
    within: Option<Duration>,
    held: Held<S::Item>,
    /// When what is held goes on, full or not.
    due_ns: u64,
    has_ended: bool,
}

impl<S: Stage> Batch<S> {
    pub(crate) fn new(up: S, elements: usize, within: Option<Duration>) -> Self {
        let held = Held::new(0, &Tally::default());
        Self { up, elements: elements.max(1), within, held, due_ns: u64::MAX, has_ended: false }
    }

    fn take(&mut self) -> Vec<S::Item> {
        self.due_ns = u64::MAX;
        std::mem::take(&mut self.held.items)
    }
}

impl<S: Stage<Item: Send>> Stage for Batch<S> {
    type Item = Vec<S::Item>;

    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<Vec<S::Item>> {
        loop {
            if self.has_ended {
                return Step::End;
            }
            match self.up.next(turn) {
                Step::Item(item) => {
                    if self.held.items.is_empty() {
                        self.held.items.reserve(self.elements.min(RESERVED));
                        self.due_ns =
                            self.within.map_or(u64::MAX, |within| turn.now_ns().saturating_add(nanos(within)));
                    }
                    self.held.items.push(item);
                    if self.held.items.len() >= self.elements {
                        return Step::Item(self.take());
                    }
                }
                Step::End => {
                    self.has_ended = true;
                    if !self.held.items.is_empty() {
                        return Step::Item(self.take());
                    }
                }
                Step::Wait if self.due_ns != u64::MAX && turn.now_ns() >= self.due_ns => {
                    return Step::Item(self.take());
                }
                Step::Wait => {
                    turn.wake_at(self.due_ns);
                    return Step::Wait;
                }
                Step::Fault(fault) => return Step::Fault(fault),
            }
        }
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.held = Held::new(0, turn.tally);
        self.up.start(turn);
    }

    fn receive(&mut self, signal: super::signal::Signal, turn: &mut Turn<'_, '_>) -> Option<super::signal::Signal> {
        self.up.receive(signal, turn)
    }

    fn cancel(&mut self, turn: &mut Turn<'_, '_>) {
        self.up.cancel(turn);
    }

    fn is_closed(&self) -> bool {
        self.up.is_closed()
    }

    fn restart(&mut self, turn: &mut Turn<'_, '_>) {
        self.up.restart(turn);
        let lost = self.take();
        turn.lose(lost.len(), DeadLetterReason::Refused);
    }

    fn recover(&mut self, turn: &mut Turn<'_, '_>) -> Option<super::failure::OnFailure> {
        self.up.recover(turn)
    }
}

/// No more than so many elements in some time: a bucket of tokens, which is full at the beginning and fills evenly.
pub(crate) struct Throttle<S> {
    up: S,
    /// How long a token takes to come.
    token_ns: u64,
    /// As many tokens as are there, in the time that they took to come.
    bucket_ns: u64,
    most_ns: u64,
    filled_ns: Option<u64>,
}

impl<S> Throttle<S> {
    pub(crate) fn new(up: S, elements: u64, per: Duration) -> Self {
        let elements = elements.max(1);
        let token_ns = nanos(per).div_ceil(elements).max(1);
        let most_ns = token_ns.saturating_mul(elements);
        Self { up, token_ns, bucket_ns: most_ns, most_ns, filled_ns: None }
    }

    /// Puts the tokens in that have come since the last time.
    fn fill(&mut self, now_ns: u64) {
        let since_ns = self.filled_ns.map_or(0, |filled_ns| now_ns.saturating_sub(filled_ns));
        self.bucket_ns = self.bucket_ns.saturating_add(since_ns).min(self.most_ns);
        self.filled_ns = Some(now_ns);
    }
}

impl<S: Stage> Stage for Throttle<S> {
    type Item = S::Item;

    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<S::Item> {
        let now_ns = turn.now_ns();
        self.fill(now_ns);
        if self.bucket_ns < self.token_ns {
            turn.wake_at(now_ns.saturating_add(self.token_ns - self.bucket_ns));
            return Step::Wait;
        }
        let item = pull!(self.up.next(turn));
        self.bucket_ns -= self.token_ns;
        Step::Item(item)
    }

    forward!(up);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_never_lets_more_pass_than_it_was_told() {
        for (elements, per_ns) in [(3, 10), (600_000_000, 1_000_000_000), (7, 7), (1, 0), (u64::MAX, u64::MAX)] {
            let throttle = Throttle::new((), elements, Duration::from_nanos(per_ns));
            assert!(per_ns / throttle.token_ns <= elements, "{elements} in {per_ns} ns");
        }
    }
}
