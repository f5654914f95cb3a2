//! Stages of one input that know no time.

use std::fmt;

use super::failure::Fault;
use super::stage::{Stage, Step, Turn, forward};

/// Pulls an element, or returns what came instead.
macro_rules! pull {
    ($step:expr) => {
        match $step {
            Step::Item(item) => item,
            Step::Wait => return Step::Wait,
            Step::End => return Step::End,
            Step::Fault(fault) => return Step::Fault(fault),
        }
    };
}
pub(crate) use pull;

/// What a function makes of each element.
pub(crate) struct Map<S, F> {
    pub(crate) up: S,
    pub(crate) map: F,
}

impl<S: Stage, U, F: FnMut(S::Item) -> U + Send + 'static> Stage for Map<S, F> {
    type Item = U;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<U> {
        let item = pull!(self.up.next(turn));
        Step::Item(turn.call("map", || (self.map)(item)))
    }

    forward!(up);
}

/// What a function makes of each element, which may be an error.
pub(crate) struct TryMap<S, F> {
    pub(crate) up: S,
    pub(crate) map: F,
}

impl<S: Stage, U, E: fmt::Display, F: FnMut(S::Item) -> Result<U, E> + Send + 'static> Stage for TryMap<S, F> {
    type Item = U;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<U> {
        let item = pull!(self.up.next(turn));
        match turn.call("try_map", || (self.map)(item)) {
            Ok(item) => Step::Item(item),
            Err(error) => Step::Fault(Fault::of_element("try_map", error)),
        }
    }

    forward!(up);
}

/// Those elements of which a function makes something.
pub(crate) struct FilterMap<S, F> {
    pub(crate) up: S,
    pub(crate) map: F,
    pub(crate) operator: &'static str,
}

impl<S: Stage, U, F: FnMut(S::Item) -> Option<U> + Send + 'static> Stage for FilterMap<S, F> {
    type Item = U;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<U> {
        loop {
            let item = pull!(self.up.next(turn));
            if let Some(item) = turn.call(self.operator, || (self.map)(item)) {
                return Step::Item(item);
            }
        }
    }

    forward!(up);
}

/// The elements of what a function makes of each element.
pub(crate) struct FlatMap<S, F, I> {
    pub(crate) up: S,
    pub(crate) map: F,
    pub(crate) inner: Option<I>,
}

impl<S, I, F> Stage for FlatMap<S, F, I>
where
    S: Stage,
    I: Iterator + Send + 'static,
    F: FnMut(S::Item) -> I + Send + 'static,
{
    type Item = I::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<I::Item> {
        loop {
            if let Some(inner) = &mut self.inner {
                if !turn.spend() {
                    return Step::Wait;
                }
                if let Some(item) = turn.call("flat_map", || inner.next()) {
                    return Step::Item(item);
                }
                self.inner = None;
            }
            let item = pull!(self.up.next(turn));
            self.inner = Some(turn.call("flat_map", || (self.map)(item)));
        }
    }

    forward!(up; |stage, _turn| stage.inner = None);
}

/// What a function makes of a state and each element.
pub(crate) struct Scan<S, A, F> {
    pub(crate) up: S,
    pub(crate) initial: A,
    pub(crate) state: A,
    pub(crate) step: F,
}

impl<S, A, U, F> Stage for Scan<S, A, F>
where
    S: Stage,
    A: Clone + Send + 'static,
    F: FnMut(&mut A, S::Item) -> U + Send + 'static,
{
    type Item = U;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<U> {
        let item = pull!(self.up.next(turn));
        Step::Item(turn.call("scan", || (self.step)(&mut self.state, item)))
    }

    forward!(up; |stage, _turn| stage.state = stage.initial.clone());
}

/// The first elements.
pub(crate) struct Take<S> {
    pub(crate) up: S,
    pub(crate) left: u64,
}

impl<S: Stage> Stage for Take<S> {
    type Item = S::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<S::Item> {
        if self.left == 0 {
            self.up.cancel(turn);
            return Step::End;
        }
        let item = pull!(self.up.next(turn));
        self.left -= 1;
        Step::Item(item)
    }

    forward!(up);
}

/// The elements before the first that a function refuses.
pub(crate) struct TakeWhile<S, F> {
    pub(crate) up: S,
    pub(crate) takes: F,
}

impl<S: Stage, F: FnMut(&S::Item) -> bool + Send + 'static> Stage for TakeWhile<S, F> {
    type Item = S::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<S::Item> {
        let item = pull!(self.up.next(turn));
        if turn.call("take_while", || (self.takes)(&item)) {
            return Step::Item(item);
        }
        self.up.cancel(turn);
        Step::End
    }

    forward!(up);
}

/// The elements behind the first ones.
pub(crate) struct Skip<S> {
    pub(crate) up: S,
    pub(crate) left: u64,
}

impl<S: Stage> Stage for Skip<S> {
    type Item = S::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<S::Item> {
        loop {
            let item = pull!(self.up.next(turn));
            if self.left == 0 {
                return Step::Item(item);
            }
            self.left -= 1;
        }
    }

    forward!(up);
}
