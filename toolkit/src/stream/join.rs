//! Stages of two inputs.

use super::stage::{Stage, Step, Turn, forward};

/// The elements of both, as they come.
pub(crate) struct Merge<A, B> {
    pub(crate) one: A,
    pub(crate) other: B,
    pub(crate) one_ended: bool,
    pub(crate) other_ended: bool,
    /// Who is pulled first the next time, so that neither waits for the other's end.
    pub(crate) other_first: bool,
}

impl<A: Stage, B: Stage<Item = A::Item>> Merge<A, B> {
    #[inline]
    fn pull_one(&mut self, turn: &mut Turn<'_, '_>) -> Step<A::Item> {
        if self.one_ended {
            return Step::End;
        }
        let step = self.one.next(turn);
        self.one_ended = matches!(step, Step::End);
        self.other_first = true;
        step
    }

    #[inline]
    fn pull_other(&mut self, turn: &mut Turn<'_, '_>) -> Step<A::Item> {
        if self.other_ended {
            return Step::End;
        }
        let step = self.other.next(turn);
        self.other_ended = matches!(step, Step::End);
        self.other_first = false;
        step
    }
}

impl<A: Stage, B: Stage<Item = A::Item>> Stage for Merge<A, B> {
    type Item = A::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<A::Item> {
        let other_first = self.other_first;
        let first = if other_first { self.pull_other(turn) } else { self.pull_one(turn) };
        let first_waits = match first {
            Step::Wait => true,
            Step::End => false,
            step => return step,
        };
        match if other_first { self.pull_one(turn) } else { self.pull_other(turn) } {
            Step::End if first_waits => Step::Wait,
            step => step,
        }
    }

    forward!(one, other);
}

/// Pairs of the elements of both; ends with the shorter.
pub(crate) struct Zip<A: Stage, B> {
    pub(crate) one: A,
    pub(crate) other: B,
    pub(crate) held: super::signal::Held<A::Item>,
}

impl<A: Stage<Item: Send>, B: Stage> Stage for Zip<A, B> {
    type Item = (A::Item, B::Item);

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<(A::Item, B::Item)> {
        if self.held.items.is_empty() {
            match self.one.next(turn) {
                Step::Item(item) => self.held.items.push(item),
                Step::End => {
                    self.other.cancel(turn);
                    return Step::End;
                }
                Step::Wait => return Step::Wait,
                Step::Fault(fault) => return Step::Fault(fault),
            }
        }
        match self.other.next(turn) {
            Step::Item(other) => match self.held.items.pop() {
                Some(one) => Step::Item((one, other)),
                None => Step::Wait,
            },
            Step::End => {
                self.one.cancel(turn);
                self.held.discard();
                Step::End
            }
            Step::Wait => Step::Wait,
            Step::Fault(fault) => Step::Fault(fault),
        }
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.held = super::signal::Held::new(1, turn.tally);
        self.one.start(turn);
        self.other.start(turn);
    }

    fn receive(&mut self, signal: super::signal::Signal, turn: &mut Turn<'_, '_>) -> Option<super::signal::Signal> {
        let signal = self.one.receive(signal, turn)?;
        self.other.receive(signal, turn)
    }

    fn cancel(&mut self, turn: &mut Turn<'_, '_>) {
        self.one.cancel(turn);
        self.other.cancel(turn);
    }

    fn is_closed(&self) -> bool {
        self.one.is_closed() && self.other.is_closed()
    }

    fn restart(&mut self, turn: &mut Turn<'_, '_>) {
        // The half of a pair is kept: it is a position in the stream, not a state.
        self.one.restart(turn);
        self.other.restart(turn);
    }

    fn recover(&mut self, turn: &mut Turn<'_, '_>) -> Option<super::failure::OnFailure> {
        self.one.recover(turn).or_else(|| self.other.recover(turn))
    }
}

/// The elements of one, and then those of the other.
pub(crate) struct Concat<A, B> {
    pub(crate) one: A,
    pub(crate) other: B,
    pub(crate) one_ended: bool,
}

impl<A: Stage, B: Stage<Item = A::Item>> Stage for Concat<A, B> {
    type Item = A::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<A::Item> {
        if !self.one_ended {
            match self.one.next(turn) {
                Step::End => self.one_ended = true,
                step => return step,
            }
        }
        self.other.next(turn)
    }

    forward!(one, other);
}
