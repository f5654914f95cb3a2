//! Where elements end.

use std::time::Duration;

use hippodrome::{ActorRef, TryTellError};

use super::failure::Fault;
use super::signal::{Held, Signal, Tally};
use super::stage::Turn;

/// Whether a drain takes an element.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It takes one.
    Ready,
    /// Not now.
    Wait,
    /// It takes no more.
    Closed,
}

/// The end of an island: what takes its elements, and makes a result of them.
///
/// It is made by the functions of [`Sink`], and not for being implemented or called elsewhere.
pub trait Drain<T>: Send + 'static {
    /// The result.
    type Output: Send + 'static;

    /// Whether it takes an element.
    #[doc(hidden)]
    fn ready(&mut self, turn: &mut Turn<'_, '_>) -> Readiness {
        let _ = turn;
        Readiness::Ready
    }

    /// Takes an element; only called when it is ready.
    #[doc(hidden)]
    fn accept(&mut self, item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>>;

    /// Called once, on the island's worker, before the first element.
    #[doc(hidden)]
    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        let _ = turn;
    }

    /// Takes a signal, or gives it back if it is for somebody else.
    #[doc(hidden)]
    fn receive(&mut self, signal: Signal, turn: &mut Turn<'_, '_>) -> Option<Signal> {
        let _ = turn;
        Some(signal)
    }

    /// For now there are no more elements.
    #[doc(hidden)]
    fn flush(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        let _ = turn;
        Ok(())
    }

    /// There are no more elements.
    #[doc(hidden)]
    fn finish(&mut self, turn: &mut Turn<'_, '_>) {
        let _ = turn;
    }

    /// Whether no signal is on the way between it and another island, and nothing is left to be done.
    #[doc(hidden)]
    fn is_closed(&self) -> bool {
        true
    }

    /// The result, once.
    #[doc(hidden)]
    fn output(&mut self) -> Option<Self::Output>;
}

/// The end of a stream: what becomes of its elements, and the stream's result. [`Source::to`](super::Source::to) puts it
/// behind a source; the methods of a source that have the same names do both.
///
/// A sink's closure that panics stops the stream. Where it is to go on, put the closure into a
/// [`map`](super::Source::map) with an [`on_failure`](super::Source::on_failure) in front of [`Sink::ignore`].
#[must_use]
#[derive(Debug)]
pub struct Sink<D>(pub(crate) D);

impl<F> Sink<ForEach<F>> {
    /// Does something with each element.
    pub fn for_each<T>(each: F) -> Self
    where
        F: FnMut(T) + Send + 'static,
    {
        Self(ForEach(each))
    }
}

impl<A, F> Sink<Fold<A, F>> {
    /// Makes one value of all elements, which is the result.
    pub fn fold<T>(initial: A, step: F) -> Self
    where
        F: FnMut(&mut A, T) + Send + 'static,
    {
        Self(Fold { state: Some(initial), step })
    }
}

impl<T> Sink<Collect<T>> {
    /// Gathers up to `limit` elements, in order, and then ends the stream. Allocates as they come.
    pub fn collect(limit: usize) -> Self {
        Self(Collect { items: Vec::new(), limit })
    }

    /// The first element, if there is one; ends the stream then.
    pub fn head() -> Sink<Head<T>> {
        Sink(Head(None))
    }
}

impl Sink<Count> {
    /// Counts the elements.
    pub const fn count() -> Self {
        Self(Count(0))
    }

    /// Drops the elements.
    pub const fn ignore() -> Sink<Ignore> {
        Sink(Ignore)
    }
}

impl<M> Sink<ToActor<M>> {
    /// Tells each element to an actor, as fast as the rings on the way take them, and no faster; what is beyond its
    /// [mailbox](hippodrome::MailboxSpec) on another worker is a dead letter. The stream fails if the actor is known to
    /// have stopped.
    ///
    /// For back-pressure by the actor itself, let it acknowledge each element: [`map_async`](super::Source::map_async)
    /// with a `Reply<()>`, into [`Sink::ignore`].
    pub fn actor(actor: ActorRef<M>) -> Self {
        Self(ToActor { actor, held: Held::new(0, &Tally::default()), has_stopped: false })
    }
}

/// See [`Sink::for_each`].
#[derive(Debug)]
pub struct ForEach<F>(F);

impl<T, F: FnMut(T) + Send + 'static> Drain<T> for ForEach<F> {
    type Output = ();

    #[inline]
    fn accept(&mut self, item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        turn.call("for_each", || (self.0)(item));
        Ok(())
    }

    fn output(&mut self) -> Option<()> {
        Some(())
    }
}

/// See [`Sink::fold`].
#[derive(Debug)]
pub struct Fold<A, F> {
    state: Option<A>,
    step: F,
}

impl<T, A: Send + 'static, F: FnMut(&mut A, T) + Send + 'static> Drain<T> for Fold<A, F> {
    type Output = A;

    #[inline]
    fn accept(&mut self, item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        if let Some(state) = &mut self.state {
            turn.call("fold", || (self.step)(state, item));
        }
        Ok(())
    }

    fn output(&mut self) -> Option<A> {
        self.state.take()
    }
}

/// See [`Sink::collect`].
#[derive(Debug)]
pub struct Collect<T> {
    items: Vec<T>,
    limit: usize,
}

impl<T: Send + 'static> Drain<T> for Collect<T> {
    type Output = Vec<T>;

    fn ready(&mut self, _: &mut Turn<'_, '_>) -> Readiness {
        if self.items.len() < self.limit { Readiness::Ready } else { Readiness::Closed }
    }

    fn accept(&mut self, item: T, _: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.items.push(item);
        Ok(())
    }

    fn output(&mut self) -> Option<Vec<T>> {
        Some(std::mem::take(&mut self.items))
    }
}

/// See [`Sink::head`].
#[derive(Debug)]
pub struct Head<T>(Option<T>);

impl<T: Send + 'static> Drain<T> for Head<T> {
    type Output = Option<T>;

    fn ready(&mut self, _: &mut Turn<'_, '_>) -> Readiness {
        if self.0.is_none() { Readiness::Ready } else { Readiness::Closed }
    }

    fn accept(&mut self, item: T, _: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.0 = Some(item);
        Ok(())
    }

    fn output(&mut self) -> Option<Option<T>> {
        Some(self.0.take())
    }
}

/// See [`Sink::count`].
#[derive(Debug)]
pub struct Count(u64);

impl<T> Drain<T> for Count {
    type Output = u64;

    #[inline]
    fn accept(&mut self, _: T, _: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.0 += 1;
        Ok(())
    }

    fn output(&mut self) -> Option<u64> {
        Some(self.0)
    }
}

/// See [`Sink::ignore`].
#[derive(Debug)]
pub struct Ignore;

impl<T> Drain<T> for Ignore {
    type Output = ();

    #[inline]
    fn accept(&mut self, _: T, _: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        Ok(())
    }

    fn output(&mut self) -> Option<()> {
        Some(())
    }
}

/// See [`Sink::actor`].
#[derive(Debug)]
pub struct ToActor<M> {
    actor: ActorRef<M>,
    /// The one that found no room.
    held: Held<M>,
    has_stopped: bool,
}

/// How long a sink waits before it tries again to tell an actor.
const PATIENCE: Duration = Duration::from_millis(1);

impl<M: Send + 'static> ToActor<M> {
    fn tell(&mut self, message: M, turn: &mut Turn<'_, '_>) {
        match turn.ctx().try_tell(self.actor, message) {
            Ok(()) => {}
            Err(TryTellError::Full(message)) => {
                self.held.items.push(message);
                turn.wake_after(PATIENCE);
            }
            Err(_) => {
                turn.tally.add(1);
                self.has_stopped = true;
            }
        }
    }

    #[inline]
    fn tell_held(&mut self, turn: &mut Turn<'_, '_>) {
        if let Some(message) = self.held.items.pop() {
            self.tell(message, turn);
        }
    }

    #[inline]
    fn check(&self) -> Result<(), Box<Fault>> {
        if self.has_stopped { Err(Fault::of_stage("a sink", "the actor has stopped")) } else { Ok(()) }
    }
}

impl<M: Send + 'static> Drain<M> for ToActor<M> {
    type Output = ();

    #[inline]
    fn ready(&mut self, turn: &mut Turn<'_, '_>) -> Readiness {
        self.tell_held(turn);
        // When it flushes it says that the actor has stopped.
        if self.held.items.is_empty() && !self.has_stopped { Readiness::Ready } else { Readiness::Wait }
    }

    fn accept(&mut self, item: M, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.tell(item, turn);
        self.check()
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.held = Held::new(1, turn.tally);
    }

    fn flush(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.tell_held(turn);
        self.check()
    }

    fn is_closed(&self) -> bool {
        self.held.items.is_empty()
    }

    fn output(&mut self) -> Option<()> {
        Some(())
    }
}
