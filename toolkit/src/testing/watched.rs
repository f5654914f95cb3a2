//! Expecting that an actor stops.

use std::fmt;
use std::time::Duration;

use hippodrome::{Address, Ask, StopReason, Terminated};

use crate::testing::Runtime;

/// An actor that is to stop; from [`watch`].
#[must_use = "that the actor stops is expected by `expect_stopped`"]
pub struct Watched {
    actor: Address,
    ask: Ask<Terminated>,
    patience: Option<Duration>,
}

/// Watches an actor, before what stops it is done. Of one that has stopped already the reason is
/// [`Unknown`](StopReason::Unknown).
///
/// # Panics
/// If the engine does not run any more.
///
/// # Examples
/// ```
/// use hippodrome::{On, StopReason, from_fn};
/// use hippodrome_toolkit::testing::{everywhere, watch};
///
/// everywhere(10, |runtime| {
///     let handle = runtime.handle();
///     let actor = handle.spawn(On::Worker(1), || from_fn(|(), ctx| ctx.stop_self())).unwrap();
///     let watched = watch(runtime, actor);
///     handle.tell(actor, ());
///     assert_eq!(watched.expect_stopped(runtime), StopReason::Stopped);
/// });
/// ```
#[track_caller]
pub fn watch(runtime: &mut dyn Runtime, actor: impl Into<Address>) -> Watched {
    let actor = actor.into();
    match runtime.handle().watch(actor) {
        Ok(ask) => Watched { actor, ask, patience: None },
        Err(error) => runtime.fail(&format!("{actor} cannot be watched: {error}")),
    }
}

impl Watched {
    /// Waits so long.
    pub fn within(mut self, time: Duration) -> Self {
        self.patience = Some(time);
        self
    }

    /// Waits until the actor has stopped, and says why it did.
    ///
    /// # Panics
    /// If it does not stop.
    #[track_caller]
    pub fn expect_stopped(self, runtime: &mut dyn Runtime) -> StopReason {
        let patience = self.patience.unwrap_or_else(|| runtime.patience());
        match runtime.answer(self.ask, patience) {
            Ok(Ok(terminated)) => terminated.reason,
            Ok(Err(error)) => runtime.fail(&format!("expected that {} stops; it is not known: {error}", self.actor)),
            Err(waited) => runtime.fail(&format!("expected that {} stops; it did not{waited}", self.actor)),
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Watched({})", self.actor)
    }
}
