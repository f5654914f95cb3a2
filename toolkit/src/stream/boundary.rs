//! Boundaries: how elements go from one island to the next.
//!
//! They travel in chunks, of which each boundary has a fixed number. The island below makes them and sends them up
//! empty: an empty chunk is demand, for as many elements as it has room for. The island above fills and sends them down,
//! and the one below sends them up again as it begins to read them. So what is on the way is bounded, no ring overflows,
//! and nothing is allocated once the chunks are made. A chunk goes down when it is full, or when the island has nothing
//! more to put into it.
//!
//! A boundary is closed when the end has come down and all chunks have come up; then no signal is on the way.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use hippodrome::ActorRef;

use super::failure::Fault;
use super::signal::{Held, Link, Signal, Tally};
use super::sink::{Drain, Readiness};
use super::stage::{Stage, Step, Turn};

/// Elements in a chunk.
pub(crate) const CHUNK: usize = 128;

/// Chunks of a boundary.
pub(crate) const CHUNKS: usize = 4;

/// The lower end of a boundary: a source of the island below.
pub(crate) struct Inlet<T> {
    link: Arc<Link>,
    /// The elements of the chunk that is read, the next one last.
    open: Held<T>,
    queue: VecDeque<Box<dyn Any + Send>>,
    has_ended: bool,
    is_cancelled: bool,
}

impl<T: Send + 'static> Inlet<T> {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        let open = Held::new(0, &Tally::default());
        Self { link, open, queue: VecDeque::with_capacity(CHUNKS), has_ended: false, is_cancelled: false }
    }

    fn send_up(&self, signal: Signal, turn: &mut Turn<'_, '_>) {
        if let Some(upper) = self.link.upper.get() {
            turn.send(*upper, signal);
        }
    }

    /// Opens the next chunk, and sends an empty one up for it.
    #[inline(never)]
    fn open_next(&mut self, turn: &mut Turn<'_, '_>) -> Step<T> {
        let Some(mut chunk) = self.queue.pop_front() else {
            return if self.has_ended || self.is_cancelled { Step::End } else { Step::Wait };
        };
        if turn.is_spent() {
            self.queue.push_front(chunk);
            return Step::Wait;
        }
        if let Some(held) = chunk.downcast_mut::<Held<T>>() {
            std::mem::swap(&mut held.items, &mut self.open.items);
            self.open.items.reverse();
        }
        turn.spend_all(self.open.items.len());
        self.send_up(Signal::Empty { port: self.link.port, chunk }, turn);
        self.open.items.pop().map_or(Step::Wait, Step::Item)
    }

    /// Sends a chunk up whose elements nobody wants any more.
    fn refuse(&self, mut chunk: Box<dyn Any + Send>, turn: &mut Turn<'_, '_>) {
        if let Some(held) = chunk.downcast_mut::<Held<T>>() {
            held.discard();
        }
        self.send_up(Signal::Empty { port: self.link.port, chunk }, turn);
    }
}

impl<T: Send + 'static> Stage for Inlet<T> {
    type Item = T;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<T> {
        match self.open.items.pop() {
            Some(item) => Step::Item(item),
            None => self.open_next(turn),
        }
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.open = Held::new(CHUNK, turn.tally);
        for _ in 0..CHUNKS {
            let chunk = Box::new(Held::<T>::new(CHUNK, turn.tally));
            self.send_up(Signal::Empty { port: self.link.port, chunk }, turn);
        }
    }

    #[inline]
    fn receive(&mut self, signal: Signal, turn: &mut Turn<'_, '_>) -> Option<Signal> {
        match signal {
            Signal::Filled { port, chunk } if port == self.link.port => {
                if self.is_cancelled {
                    self.refuse(chunk, turn);
                } else {
                    self.queue.push_back(chunk);
                }
                None
            }
            Signal::End { port } if port == self.link.port => {
                self.has_ended = true;
                None
            }
            signal => Some(signal),
        }
    }

    fn cancel(&mut self, turn: &mut Turn<'_, '_>) {
        if std::mem::replace(&mut self.is_cancelled, true) {
            return;
        }
        self.open.discard();
        while let Some(chunk) = self.queue.pop_front() {
            self.refuse(chunk, turn);
        }
        if !self.has_ended {
            self.send_up(Signal::Cancel { port: self.link.port }, turn);
        }
    }

    fn is_closed(&self) -> bool {
        self.has_ended && self.queue.is_empty()
    }

    fn restart(&mut self, _: &mut Turn<'_, '_>) {}

    fn recover(&mut self, _: &mut Turn<'_, '_>) -> Option<super::failure::OnFailure> {
        None
    }
}

/// The upper end of a boundary: what the island above drains into.
pub(crate) struct Outlet<T> {
    link: Arc<Link>,
    /// The elements of the chunk that is filled. There is always room for one when it was found ready.
    open: Held<T>,
    empty: Vec<Box<dyn Any + Send>>,
    /// It is ready while it has fewer elements than these: none when it takes no more.
    limit: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The last elements wait for a chunk to go down in.
    Ending,
    /// The end has gone down.
    Ended,
}

impl<T: Send + 'static> Outlet<T> {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        let open = Held::new(0, &Tally::default());
        Self { link, open, empty: Vec::with_capacity(CHUNKS), limit: CHUNK, state: State::Open }
    }

    fn lower(&self) -> Option<ActorRef<Signal>> {
        self.link.lower.get().copied()
    }

    /// Sends down what was gathered, if there is a chunk for it. Says whether there is room again.
    #[inline(never)]
    fn ship(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let (Some(mut chunk), Some(lower)) = (self.empty.pop(), self.lower()) else { return false };
        if let Some(held) = chunk.downcast_mut::<Held<T>>() {
            std::mem::swap(&mut held.items, &mut self.open.items);
        }
        turn.send(lower, Signal::Filled { port: self.link.port, chunk });
        true
    }

    fn end(&mut self, turn: &mut Turn<'_, '_>) {
        if let Some(lower) = self.lower()
            && self.state != State::Ended
        {
            turn.send(lower, Signal::End { port: self.link.port });
        }
        (self.state, self.limit) = (State::Ended, 0);
    }
}

impl<T: Send + 'static> Drain<T> for Outlet<T> {
    type Output = ();

    #[inline]
    fn ready(&mut self, turn: &mut Turn<'_, '_>) -> Readiness {
        if self.open.items.len() < self.limit {
            Readiness::Ready
        } else if self.state != State::Open {
            Readiness::Closed
        } else if self.ship(turn) {
            Readiness::Ready
        } else {
            Readiness::Wait
        }
    }

    #[inline]
    fn accept(&mut self, item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.open.items.push(item);
        if self.open.items.len() == CHUNK {
            self.ship(turn);
        }
        Ok(())
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.open = Held::new(CHUNK, turn.tally);
    }

    #[inline]
    fn receive(&mut self, signal: Signal, turn: &mut Turn<'_, '_>) -> Option<Signal> {
        match signal {
            Signal::Empty { port, chunk } if port == self.link.port => {
                self.empty.push(chunk);
                if self.state == State::Ending && self.ship(turn) {
                    self.end(turn);
                }
                None
            }
            Signal::Cancel { port } if port == self.link.port => {
                self.end(turn);
                self.open.discard();
                None
            }
            signal => Some(signal),
        }
    }

    fn flush(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        if self.state == State::Open && !self.open.items.is_empty() {
            self.ship(turn);
        }
        Ok(())
    }

    fn finish(&mut self, turn: &mut Turn<'_, '_>) {
        if self.state == State::Open {
            if self.open.items.is_empty() || self.ship(turn) {
                self.end(turn);
            } else {
                (self.state, self.limit) = (State::Ending, 0);
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.state == State::Ended && self.empty.len() == CHUNKS
    }

    fn output(&mut self) -> Option<()> {
        Some(())
    }
}

impl<T: Send + 'static> Outlet<T> {
    /// Whether the branch takes no more.
    pub(crate) fn has_ended(&self) -> bool {
        self.state != State::Open
    }

    /// Whether the chunk that is filled has something in it.
    pub(crate) fn is_filling(&self) -> bool {
        !self.open.items.is_empty()
    }
}
