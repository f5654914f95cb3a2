//! A stage that asks an actor for what becomes of each element.

use std::collections::VecDeque;
use std::time::Duration;

use hippodrome::{ActorRef, AskError, Reply};

use super::failure::{Fault, OnFailure};
use super::signal::{Signal, Tally, new_port};
use super::stage::{Stage, Step, Turn};

/// Where an answer travels from the ask to its stage: a box that is used again and again.
struct Answer<U> {
    number: u64,
    answer: Option<Result<U, AskError>>,
}

/// How elements are asked for.
pub(crate) struct Asks<M, F> {
    pub(crate) actor: ActorRef<M>,
    pub(crate) make: F,
    pub(crate) parallelism: usize,
    pub(crate) timeout: Duration,
    pub(crate) is_ordered: bool,
}

/// The answers of an actor, so many asks at a time.
pub(crate) struct MapAsync<S, M, U, F> {
    up: S,
    asks: Asks<M, F>,
    port: u64,
    /// The number of the next ask.
    next: u64,
    /// The asks that are not given on, by their numbers, with the answers of those that have one.
    asked: VecDeque<(u64, Option<Result<U, AskError>>)>,
    /// The answers that need not wait for earlier ones.
    ready: VecDeque<Result<U, AskError>>,
    spare: Vec<Box<Answer<U>>>,
    has_ended: bool,
    tally: Tally,
}

impl<S, M, U, F> MapAsync<S, M, U, F> {
    pub(crate) fn new(up: S, mut asks: Asks<M, F>) -> Self {
        asks.parallelism = asks.parallelism.clamp(1, PARALLELISM_MAX);
        let parallelism = asks.parallelism;
        Self {
            up,
            asks,
            port: new_port(),
            next: 0,
            asked: VecDeque::with_capacity(parallelism),
            ready: VecDeque::with_capacity(parallelism),
            spare: Vec::with_capacity(parallelism),
            has_ended: false,
            tally: Tally::default(),
        }
    }

    /// How many elements are with the actor, or back and not given on.
    fn in_flight(&self) -> usize {
        self.asked.len() + self.ready.len()
    }

    /// Notes an answer. One of an element that was given up is nobody's.
    fn note(&mut self, number: u64, answer: Result<U, AskError>) {
        let Ok(index) = self.asked.binary_search_by_key(&number, |(number, _)| *number) else { return };
        if self.asks.is_ordered {
            self.asked[index].1 = Some(answer);
        } else if self.asked.remove(index).is_some() {
            self.ready.push_back(answer);
        }
    }

    /// The next answer to give on, if it has come.
    fn answer(&mut self) -> Option<Result<U, AskError>> {
        if self.asked.front().is_some_and(|(_, answer)| answer.is_some()) {
            return self.asked.pop_front().and_then(|(_, answer)| answer);
        }
        self.ready.pop_front()
    }
}

/// The most asks at a time of one stage.
const PARALLELISM_MAX: usize = 1 << 16;

impl<S, M, U, F> MapAsync<S, M, U, F>
where
    S: Stage,
    M: Send + 'static,
    U: Send + 'static,
    F: FnMut(S::Item, Reply<U>) -> M,
{
    fn ask(&mut self, item: S::Item, turn: &mut Turn<'_, '_>) {
        let number = self.next;
        self.next += 1;
        let cell = self.spare.pop();
        let mut cell = cell.unwrap_or_else(|| Box::new(Answer { number, answer: None }));
        cell.number = number;
        let port = self.port;
        let reply = turn.ctx().promise(self.asks.timeout, move |answer| {
            cell.answer = Some(answer);
            Signal::Answer { port, answer: cell }
        });
        // If this panics the reply is dropped, and the ask ends without being known here.
        let message = turn.call("map_async", || (self.asks.make)(item, reply));
        self.asked.push_back((number, None));
        turn.ctx().tell(self.asks.actor, message);
    }
}

impl<S, M, U, F> Stage for MapAsync<S, M, U, F>
where
    S: Stage,
    M: Send + 'static,
    U: Send + 'static,
    F: FnMut(S::Item, Reply<U>) -> M + Send + 'static,
{
    type Item = U;

    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<U> {
        while !self.has_ended && self.in_flight() < self.asks.parallelism {
            match self.up.next(turn) {
                Step::Item(item) => self.ask(item, turn),
                Step::End => self.has_ended = true,
                Step::Wait => break,
                Step::Fault(fault) => return Step::Fault(fault),
            }
        }
        match self.answer() {
            Some(Ok(item)) => Step::Item(item),
            Some(Err(error)) => Step::Fault(Fault::of_element("map_async", error)),
            None if self.has_ended && self.in_flight() == 0 => Step::End,
            None => Step::Wait,
        }
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.tally = turn.tally.clone();
        self.up.start(turn);
    }

    fn receive(&mut self, signal: Signal, turn: &mut Turn<'_, '_>) -> Option<Signal> {
        match signal {
            Signal::Answer { port, answer } if port == self.port => {
                if let Ok(mut cell) = answer.downcast::<Answer<U>>() {
                    if let Some(answer) = cell.answer.take() {
                        self.note(cell.number, answer);
                    }
                    self.spare.push(cell);
                }
                None
            }
            signal => self.up.receive(signal, turn),
        }
    }

    fn cancel(&mut self, turn: &mut Turn<'_, '_>) {
        self.up.cancel(turn);
    }

    fn is_closed(&self) -> bool {
        self.up.is_closed()
    }

    fn restart(&mut self, turn: &mut Turn<'_, '_>) {
        // What the actor has is a position in the stream, not a state.
        self.up.restart(turn);
    }

    fn recover(&mut self, turn: &mut Turn<'_, '_>) -> Option<OnFailure> {
        self.up.recover(turn)
    }
}

impl<S, M, U, F> Drop for MapAsync<S, M, U, F> {
    fn drop(&mut self) {
        self.tally.add(self.in_flight());
    }
}
