//! Failure: what can go wrong in a stream, and what becomes of the stream then.

use std::any::Any;
use std::cell::Cell;

use hippodrome::{DeadLetterReason, SpawnError, StopReason};

use super::stage::{Stage, Step, Turn, forward};
use crate::panic_text::panic_text;

/// What becomes of a stream when a stage fails: when its closure panics, or gives an error where it may.
///
/// In each case the element that it failed on is lost: it is counted as [dropped](super::Control::dropped), and
/// reported as a dead letter.
///
/// # Examples
/// ```
/// use hippodrome::Engine;
/// use hippodrome_toolkit::stream::{OnFailure, Source};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder().unpinned_workers(1).start()?;
/// let numbers = Source::iter(["1", "two", "3"]).try_map(str::parse::<u64>).on_failure(OnFailure::Resume);
/// assert_eq!(numbers.collect(10).run(&engine.handle())?.wait(Duration::from_secs(5))?, [1, 3]);
///
/// let numbers = Source::iter(["1", "two", "3"]).try_map(str::parse::<u64>).named("parse");
/// let failure = numbers.count().run(&engine.handle())?.wait(Duration::from_secs(5)).unwrap_err();
/// assert_eq!(failure.to_string(), "parse has failed: invalid digit found in string");
/// # engine.shutdown(Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// The stream ends; its result is the failure.
    #[default]
    Stop,
    /// The stream goes on with the next element. The stages keep their state.
    Resume,
    /// The stream goes on with the next element. The stages of the part forget what they have gathered: a scan goes back
    /// to its initial value, a batch drops what it has. What only counts positions, such as a take, goes on, and so do
    /// sources.
    Restart,
}

/// Why a stream has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamFailure {
    /// A stage failed that was to stop the stream.
    #[error("{stage} has failed: {text}")]
    Stage {
        /// The [name](super::Source::named) of its part, or of the operator.
        stage: &'static str,
        /// What the panic or the error said.
        text: String,
    },
    /// An actor of the stream has stopped, for this reason, and not by the stream.
    #[error("a part of the stream has stopped: {0}")]
    Part(StopReason),
    /// An actor of the stream could not be spawned.
    #[error("a part of the stream cannot be spawned: {0}")]
    Spawn(SpawnError),
    /// The stream was cancelled, or was stopped with the actor that ran it or with the engine.
    #[error("the stream was stopped before its end")]
    Stopped,
    /// The stream runs on: it had not ended in the time that was waited for it.
    #[error("the stream has not ended in time")]
    TimedOut,
}

/// Why a stream cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// Its actor cannot be spawned.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Branches of a broadcast, a balance or a partition lead nowhere, or are run apart from the rest; join all with
    /// [`Runnable::with`](super::Runnable::with).
    #[error("{branches} branches are not connected: join what ends all of them, and run it as one")]
    Unconnected {
        /// How many.
        branches: usize,
    },
}

/// A failure on its way down an island's stages.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fault {
    pub(crate) stage: &'static str,
    pub(crate) text: String,
    /// Whether the part has a name, which is in `stage` then.
    is_named: bool,
    /// Whether nothing can come behind it: no policy helps.
    is_final: bool,
}

impl Fault {
    /// An element was lost.
    #[cold]
    pub(crate) fn of_element(stage: &'static str, error: impl ToString) -> Box<Self> {
        Box::new(Self { stage, text: error.to_string(), is_named: false, is_final: false })
    }

    /// There is nothing more to come.
    #[cold]
    pub(crate) fn of_stage(stage: &'static str, error: impl ToString) -> Box<Self> {
        Box::new(Self { stage, text: error.to_string(), is_named: false, is_final: true })
    }

    /// What a panic said, if it said it in words.
    #[cold]
    pub(crate) fn of_panic(stage: &'static str, panic: &(dyn Any + Send)) -> Box<Self> {
        Self::of_stage(stage, panic_text(panic))
    }

    /// Whether it is an element that was lost, which is to be counted.
    pub(crate) fn is_of_element(&self) -> bool {
        !self.is_final
    }
}

impl From<Fault> for StreamFailure {
    fn from(fault: Fault) -> Self {
        Self::Stage { stage: fault.stage, text: fault.text }
    }
}

/// Stages with a policy.
pub(crate) struct Supervised<S> {
    pub(crate) up: S,
    pub(crate) policy: OnFailure,
    /// Whether a panic has unwound through here.
    pub(crate) unwound: Cell<bool>,
}

/// Marks a part, if it is dropped by a panic. This costs nothing where there is none.
pub(crate) struct Unwound<'a>(pub(crate) &'a Cell<bool>);

impl Drop for Unwound<'_> {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

impl<S: Stage> Stage for Supervised<S> {
    type Item = S::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<S::Item> {
        loop {
            let unwound = Unwound(&self.unwound);
            let step = self.up.next(turn);
            std::mem::forget(unwound);
            match step {
                Step::Fault(fault) if fault.is_of_element() => match self.policy {
                    OnFailure::Stop => {
                        turn.lose(1, DeadLetterReason::Refused);
                        return Step::Fault(Box::new(Fault { is_final: true, ..*fault }));
                    }
                    OnFailure::Resume => turn.lose(1, DeadLetterReason::Refused),
                    OnFailure::Restart => {
                        turn.lose(1, DeadLetterReason::Refused);
                        self.up.restart(turn);
                    }
                },
                step => return step,
            }
        }
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
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
    }

    fn recover(&mut self, turn: &mut Turn<'_, '_>) -> Option<OnFailure> {
        let unwound = self.unwound.take();
        // The part that is nearest to the panic decides.
        if let Some(decided) = self.up.recover(turn) {
            return Some(decided);
        }
        if !unwound {
            return None;
        }
        if self.policy == OnFailure::Restart {
            self.up.restart(turn);
        }
        Some(self.policy)
    }
}

/// Stages with a name.
pub(crate) struct Named<S> {
    pub(crate) up: S,
    pub(crate) name: &'static str,
}

impl<S: Stage> Stage for Named<S> {
    type Item = S::Item;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<S::Item> {
        let step = turn.call_named(self.name, |turn| self.up.next(turn));
        match step {
            Step::Fault(mut fault) => {
                if !fault.is_named {
                    (fault.stage, fault.is_named) = (self.name, true);
                }
                Step::Fault(fault)
            }
            step => step,
        }
    }

    forward!(up);
}
