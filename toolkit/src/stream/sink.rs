//! Where elements end.

use std::cell::Cell;
use std::time::Duration;

use hippodrome::{ActorRef, TryTellError};

use super::failure::{Fault, OnFailure, Unwound};
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

    /// After a panic has unwound through it: what it was told for this case.
    #[doc(hidden)]
    fn recover(&mut self) -> Option<OnFailure> {
        None
    }

    /// The result, once.
    #[doc(hidden)]
    fn output(&mut self) -> Option<Self::Output>;
}

/// The end of a stream: what becomes of its elements, and the stream's result. [`Source::to`](super::Source::to) puts it
/// behind a source; the methods of a source that have the same names do both.
///
/// A sink's closure that panics stops the stream, unless the sink has a [policy](Self::on_failure) of its own: that of a
/// source is for what is above it.
#[must_use]
#[derive(Debug)]
pub struct Sink<D>(pub(crate) D);

impl<D> Sink<D> {
    /// Says what becomes of the stream when a closure of this sink panics. The element is lost, as it is in a stage. What the
    /// sink has gathered is the stream's result, and kept also under [`OnFailure::Restart`].
    ///
    /// # Examples
    /// ```
    /// use hippodrome::Engine;
    /// use hippodrome_toolkit::stream::{OnFailure, Sink, Source};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder().unpinned_workers(1).start()?;
    /// let sum = Sink::fold(0, |sum, n: u64| *sum += 60 / n).on_failure(OnFailure::Resume);
    /// let running = Source::iter(0..4).to(sum).run(&engine.handle())?;
    /// assert_eq!(running.wait(Duration::from_secs(5))?, 60 + 30 + 20);
    /// # engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_failure(self, policy: OnFailure) -> Sink<Guarded<D>> {
        Sink(Guarded { drain: self.0, policy, unwound: Cell::new(false) })
    }
}

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

/// See [`Sink::on_failure`].
#[derive(Debug)]
pub struct Guarded<D> {
    drain: D,
    policy: OnFailure,
    /// Whether a panic has unwound through here.
    unwound: Cell<bool>,
}

impl<T, D: Drain<T>> Drain<T> for Guarded<D> {
    type Output = D::Output;

    #[inline]
    fn ready(&mut self, turn: &mut Turn<'_, '_>) -> Readiness {
        self.drain.ready(turn)
    }

    #[inline]
    fn accept(&mut self, item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        let unwound = Unwound(&self.unwound);
        let accepted = self.drain.accept(item, turn);
        std::mem::forget(unwound);
        accepted
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.drain.start(turn);
    }

    fn receive(&mut self, signal: Signal, turn: &mut Turn<'_, '_>) -> Option<Signal> {
        self.drain.receive(signal, turn)
    }

    fn flush(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.drain.flush(turn)
    }

    fn finish(&mut self, turn: &mut Turn<'_, '_>) {
        self.drain.finish(turn);
    }

    fn is_closed(&self) -> bool {
        self.drain.is_closed()
    }

    fn recover(&mut self) -> Option<OnFailure> {
        // The policy that is nearest to the panic decides.
        let unwound = self.unwound.take();
        self.drain.recover().or(unwound.then_some(self.policy))
    }

    fn output(&mut self) -> Option<D::Output> {
        self.drain.output()
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
