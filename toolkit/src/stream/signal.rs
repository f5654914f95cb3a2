//! What islands tell each other, and what elements travel in.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hippodrome::{ActorRef, Context, StopReason, TryTellError};

use super::failure::StreamFailure;

/// A message to an island or to the actor of a stream.
#[doc(hidden)]
#[derive(Debug)]
pub enum Signal {
    /// To an island: all others are made.
    Start,
    /// To itself: go on.
    Go,
    /// To itself, by a timer: go on.
    Timer,
    /// From outside: there may be something to do.
    Wake,
    /// To the island above: an empty chunk, which is room for so many elements.
    Empty { port: u64, chunk: Box<dyn Any + Send> },
    /// To the island below: elements.
    Filled { port: u64, chunk: Box<dyn Any + Send> },
    /// To the island below: there are no more elements.
    End { port: u64 },
    /// To the island above: no more elements are wanted.
    Cancel { port: u64 },
    /// To itself: what an actor that was asked has answered.
    Answer { port: u64, answer: Box<dyn Any + Send> },
    /// To the stream's actor: an island has come to its end.
    Finished,
    /// To the stream's actor: an island has failed.
    Failed(Box<StreamFailure>),
    /// To the stream's actor: an island has stopped, for this reason.
    Gone(StopReason),
}

/// The reports of elements that a stream has dropped have this as the type of their message.
#[derive(Debug)]
pub(crate) struct Dropped;

/// How many elements a stream has dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<AtomicU64>);

impl Tally {
    pub(crate) fn add(&self, elements: usize) {
        if elements > 0 {
            // A count by itself: nothing is read by it.
            self.0.fetch_add(elements as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Elements in one piece. Those that are in it when it is dropped are counted.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) items: Vec<T>,
    tally: Tally,
}

impl<T> Held<T> {
    pub(crate) fn new(capacity: usize, tally: &Tally) -> Self {
        Self { items: Vec::with_capacity(capacity), tally: tally.clone() }
    }

    /// Drops the elements, and counts them.
    pub(crate) fn discard(&mut self) {
        self.tally.add(self.items.len());
        self.items.clear();
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.tally.add(self.items.len());
    }
}

/// A place where elements go from one island to another: who is at its ends.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) port: u64,
    pub(crate) upper: OnceLock<ActorRef<Signal>>,
    pub(crate) lower: OnceLock<ActorRef<Signal>>,
}

impl Link {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { port: new_port(), upper: OnceLock::new(), lower: OnceLock::new() })
    }
}

/// A number by which signals find their stage within an island.
pub(crate) fn new_port() -> u64 {
    static PORTS: AtomicU64 = AtomicU64::new(0);
    PORTS.fetch_add(1, Ordering::Relaxed)
}

/// Signals that found no room, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    refused: VecDeque<(ActorRef<Signal>, Signal)>,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.refused.is_empty()
    }

    /// Sends a signal now, or when there is room. One to an actor that has stopped is dropped: its stream ends.
    #[inline]
    pub(crate) fn send(&mut self, ctx: &mut Context<'_, Signal>, to: ActorRef<Signal>, signal: Signal) {
        if !self.refused.is_empty() {
            self.refused.push_back((to, signal));
        } else if let Err(TryTellError::Full(signal)) = ctx.try_tell(to, signal) {
            self.refused.push_back((to, signal));
        }
    }

    /// Sends again what found no room.
    pub(crate) fn flush(&mut self, ctx: &mut Context<'_, Signal>) {
        while let Some((to, signal)) = self.refused.pop_front() {
            if let Err(TryTellError::Full(signal)) = ctx.try_tell(to, signal) {
                return self.refused.push_front((to, signal));
            }
        }
    }
}
