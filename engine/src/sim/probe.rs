//! Probes: actors that a test looks through.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::actor::from_fn;
use crate::address::ActorRef;
use crate::error::SpawnError;
use crate::sim::Sim;
use crate::spawn::On;

/// An actor that keeps what it is sent, for a test to look at. From [`Sim::probe`].
///
/// It is spared by faults. It lives as long as the simulation, whether or not this value does.
///
/// # Examples
/// ```
/// use hippodrome::sim::Sim;
/// use hippodrome::{ActorRef, On, from_fn};
///
/// let mut sim = Sim::new(7);
/// let probe = sim.probe::<u64>();
/// let answers = probe.actor();
/// let doubles = sim.handle().spawn(On::Worker(1), move || from_fn(move |n: u64, ctx| ctx.tell(answers, 2 * n))).unwrap();
///
/// sim.handle().tell(doubles, 21);
/// assert_eq!(probe.expect(&mut sim), 42);
/// probe.expect_none(&mut sim);
/// ```
pub struct Probe<M> {
    actor: ActorRef<M>,
    seen: Arc<Mutex<VecDeque<M>>>,
}

impl<M: Send + 'static> Probe<M> {
    pub(crate) fn spawn(sim: &mut Sim, on: On) -> Result<Self, SpawnError> {
        let seen = Arc::new(Mutex::new(VecDeque::new()));
        let sees = seen.clone();
        let actor = sim.handle().spawn(on, move || {
            let sees = sees.clone();
            from_fn(move |message: M, _ctx| sees.lock().push_back(message))
        })?;
        sim.spare(actor);
        Ok(Self { actor, seen })
    }

    /// The address to give to others.
    #[must_use]
    pub fn actor(&self) -> ActorRef<M> {
        self.actor
    }

    /// Runs the simulation until a message is there, and takes it. Time does not move on for it.
    ///
    /// # Panics
    /// If the simulation becomes idle first, or still is not after its limit of steps.
    #[track_caller]
    pub fn expect(&self, sim: &mut Sim) -> M {
        self.expect_by(sim, Duration::ZERO)
    }

    /// Runs the simulation until a message is there, and takes it; as far as that needs timers, time moves on, by up to
    /// `time`.
    ///
    /// # Panics
    /// If none has come by then, or the simulation does not become idle within its limit of steps.
    #[track_caller]
    pub fn expect_within(&self, sim: &mut Sim, time: Duration) -> M {
        self.expect_by(sim, time)
    }

    #[track_caller]
    fn expect_by(&self, sim: &mut Sim, time: Duration) -> M {
        let found = sim.run_until(time, || !self.seen.lock().is_empty());
        let message = self.seen.lock().pop_front();
        message.unwrap_or_else(|| {
            let wanted = std::any::type_name::<M>();
            let why = match found {
                Err(busy) => busy.to_string(),
                Ok(_) => format!("there was nothing left to do for {time:?}"),
            };
            sim.fail(&format!("the probe expected a {wanted}, and none came: {why}"))
        })
    }

    /// Runs the simulation until it is idle, and makes sure that no message came that was not taken.
    ///
    /// # Panics
    /// If one came, or the simulation does not become idle within its limit of steps.
    #[track_caller]
    pub fn expect_none(&self, sim: &mut Sim)
    where
        M: fmt::Debug,
    {
        if let Err(busy) = sim.run_until_idle() {
            sim.fail(&format!("the probe expected that nothing comes: {busy}"));
        }
        let came = self.seen.lock().pop_front();
        if let Some(message) = came {
            sim.fail(&format!("the probe expected that nothing comes, and this came: {message:?}"));
        }
    }

    /// Takes what came so far, without running anything.
    #[must_use]
    pub fn drain(&self) -> Vec<M> {
        self.seen.lock().drain(..).collect()
    }
}

impl<M> fmt::Debug for Probe<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Probe({}, {} messages)", self.actor.address(), self.seen.lock().len())
    }
}
