//! Probes: actors that a test looks through.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Context, On, SpawnError};
use parking_lot::Mutex;

use crate::testing::Runtime;
use crate::testing::runtime::Waited;

/// An actor that keeps what it is sent, for a test to look at, in a simulation or on real workers.
///
/// Its expectations take the messages in the order in which they came. One that is not met panics, and says what was
/// expected and what came. The actor lives as long as its runtime, and is left alone by faults.
///
/// # Examples
/// ```
/// use hippodrome::sim::Sim;
/// use hippodrome_toolkit::testing::Probe;
/// use std::time::Duration;
///
/// let mut sim = Sim::new(7);
/// let probe = Probe::new(&mut sim);
/// (1..=4).for_each(|n| sim.handle().tell(probe.actor(), n));
/// probe.expect_eq(&mut sim, 1);
/// probe.expect_that(&mut sim, "an even number", |n| n % 2 == 0);
/// probe.expect_all(&mut sim, [4, 3]);
/// probe.expect_none_for(&mut sim, Duration::from_secs(60));
/// ```
pub struct Probe<M> {
    actor: ActorRef<M>,
    seen: Seen<M>,
    /// How long an expectation waits, if not as long as the runtime says.
    patience: Option<Duration>,
}

type Seen<M> = Arc<Mutex<VecDeque<M>>>;

impl<M: Send + 'static> Probe<M> {
    /// Spawns a probe on the worker with the fewest actors.
    ///
    /// # Panics
    /// If it cannot be spawned; [`on`](Self::on) gives the error instead.
    #[must_use]
    #[track_caller]
    pub fn new(runtime: &mut dyn Runtime) -> Self {
        Self::answering(runtime, |message, _ctx| Some(message))
    }

    /// Spawns a probe that handles its messages by a function, to answer what the actor under test asks of it. What the
    /// function gives back is kept for the test.
    ///
    /// # Panics
    /// If it cannot be spawned.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::Reply;
    /// use hippodrome::sim::Sim;
    /// use hippodrome_toolkit::testing::{Probe, expect_answer};
    ///
    /// enum Price {
    ///     Ask(Reply<u64>),
    ///     Forget,
    /// }
    ///
    /// let mut sim = Sim::new(1);
    /// let prices = Probe::answering(&mut sim, |message, ctx| match message {
    ///     Price::Ask(reply) => {
    ///         reply.send(ctx, 42);
    ///         None
    ///     }
    ///     other => Some(other),
    /// });
    /// let handle = sim.handle();
    /// handle.tell(prices.actor(), Price::Forget);
    /// assert_eq!(expect_answer(&mut sim, handle.ask(prices.actor(), Price::Ask)), 42);
    /// assert!(matches!(prices.expect(&mut sim), Price::Forget));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn answering(
        runtime: &mut dyn Runtime,
        answer: impl FnMut(M, &mut Context<'_, M>) -> Option<M> + Clone + Send + 'static,
    ) -> Self {
        match Self::spawn(runtime, On::LeastActors, |_| {}, answer) {
            Ok(probe) => probe,
            Err(error) => runtime.fail(&format!("no probe can be spawned: {error}")),
        }
    }

    /// Spawns a probe on this worker.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn on(runtime: &mut dyn Runtime, on: On) -> Result<Self, SpawnError> {
        Self::spawn(runtime, on, |_| {}, |message, _ctx| Some(message))
    }

    pub(crate) fn spawn(
        runtime: &mut dyn Runtime,
        on: On,
        start: impl Fn(&mut Context<'_, M>) + Clone + Send + 'static,
        answer: impl FnMut(M, &mut Context<'_, M>) -> Option<M> + Clone + Send + 'static,
    ) -> Result<Self, SpawnError> {
        let seen = Seen::default();
        let sees = seen.clone();
        let actor = runtime.handle().spawn(on, move || Keeper {
            start: start.clone(),
            answer: answer.clone(),
            seen: sees.clone(),
        })?;
        runtime.spare(actor.address());
        Ok(Self { actor, seen, patience: None })
    }

    /// The address to give to others.
    #[must_use]
    pub fn actor(&self) -> ActorRef<M> {
        self.actor
    }

    /// The same probe, whose expectations wait so long: virtual time in a simulation, where timers fire meanwhile; real
    /// time otherwise.
    #[must_use]
    pub fn within(&self, time: Duration) -> Self {
        Self { actor: self.actor, seen: self.seen.clone(), patience: Some(time) }
    }

    /// The next message, whatever it is.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub fn expect(&self, runtime: &mut dyn Runtime) -> M {
        match self.next(runtime) {
            Ok(message) => message,
            Err(waited) => runtime.fail(&format!("expected a {}; nothing came{waited}", std::any::type_name::<M>())),
        }
    }

    /// The next message, which must equal this one.
    ///
    /// # Panics
    /// If another one comes, or none.
    #[track_caller]
    pub fn expect_eq(&self, runtime: &mut dyn Runtime, expected: M)
    where
        M: PartialEq + fmt::Debug,
    {
        match self.next(runtime) {
            Ok(message) if message == expected => {}
            Ok(message) => runtime.fail(&format!("expected {expected:?}; {message:?} came")),
            Err(waited) => runtime.fail(&format!("expected {expected:?}; nothing came{waited}")),
        }
    }

    /// The next message, which must be such. `what` says what is expected.
    ///
    /// # Panics
    /// If another one comes, or none.
    #[track_caller]
    pub fn expect_that(&self, runtime: &mut dyn Runtime, what: &str, is: impl FnOnce(&M) -> bool) -> M
    where
        M: fmt::Debug,
    {
        match self.next(runtime) {
            Ok(message) if is(&message) => message,
            Ok(message) => runtime.fail(&format!("expected {what}; {message:?} came")),
            Err(waited) => runtime.fail(&format!("expected {what}; nothing came{waited}")),
        }
    }

    /// The first message that is such. Those before it are dropped. `what` says what is expected.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub fn fish(&self, runtime: &mut dyn Runtime, what: &str, is: impl Fn(&M) -> bool) -> M
    where
        M: fmt::Debug,
    {
        let mut others = Vec::new();
        let (mut found, patience) = (None, self.patience(runtime));
        runtime.wait(patience, || {
            while found.is_none() {
                let Some(message) = self.seen.lock().pop_front() else { break };
                if is(&message) {
                    found = Some(message);
                } else {
                    others.push(message);
                }
            }
            found.is_some()
        });
        match found {
            Some(message) => message,
            None => {
                let waited = Waited(patience);
                runtime.fail(&format!("expected {what} sooner or later; {others:?} came, and nothing more{waited}"))
            }
        }
    }

    /// The next messages, which must be these, in any order.
    ///
    /// # Panics
    /// If another one comes before all of them have, or too few.
    #[track_caller]
    pub fn expect_all(&self, runtime: &mut dyn Runtime, expected: impl IntoIterator<Item = M>)
    where
        M: PartialEq + fmt::Debug,
    {
        let mut missing: Vec<_> = expected.into_iter().collect();
        let mut came = Vec::new();
        while !missing.is_empty() {
            match self.next(runtime) {
                Ok(message) => match missing.iter().position(|expected| *expected == message) {
                    Some(at) => came.push(missing.swap_remove(at)),
                    None => runtime.fail(&format!("expected {missing:?} yet; {message:?} came, after {came:?}")),
                },
                Err(waited) => runtime.fail(&format!("expected {missing:?} yet; nothing came{waited}, after {came:?}")),
            }
        }
    }

    /// Lets so much time pass, in which nothing may come; nor may anything have come that was not taken. In a simulation
    /// no time at all is enough for all that needs no timer.
    ///
    /// # Panics
    /// If something comes.
    #[track_caller]
    pub fn expect_none_for(&self, runtime: &mut dyn Runtime, time: Duration)
    where
        M: fmt::Debug,
    {
        runtime.wait(time, || !self.seen.lock().is_empty());
        let came = self.seen.lock().pop_front();
        if let Some(message) = came {
            runtime.fail(&format!("expected nothing for {time:?}; {message:?} came"));
        }
    }

    /// Takes what came so far, without running anything.
    #[must_use]
    pub fn drain(&self) -> Vec<M> {
        self.seen.lock().drain(..).collect()
    }

    /// Waits for the next message.
    #[track_caller]
    fn next(&self, runtime: &mut dyn Runtime) -> Result<M, Waited> {
        let patience = self.patience(runtime);
        runtime.wait(patience, || !self.seen.lock().is_empty());
        self.seen.lock().pop_front().ok_or(Waited(patience))
    }

    fn patience(&self, runtime: &dyn Runtime) -> Duration {
        self.patience.unwrap_or_else(|| runtime.patience())
    }
}

impl<M> fmt::Debug for Probe<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Probe({}, {} messages)", self.actor.address(), self.seen.lock().len())
    }
}

/// The actor behind a probe.
struct Keeper<M, S, F> {
    start: S,
    answer: F,
    seen: Seen<M>,
}

impl<M, S, F> Actor for Keeper<M, S, F>
where
    M: Send + 'static,
    S: Fn(&mut Context<'_, M>) + 'static,
    F: FnMut(M, &mut Context<'_, M>) -> Option<M> + 'static,
{
    type Msg = M;

    fn started(&mut self, ctx: &mut Context<'_, M>) {
        (self.start)(ctx);
    }

    fn handle(&mut self, message: M, ctx: &mut Context<'_, M>) {
        if let Some(message) = (self.answer)(message, ctx) {
            self.seen.lock().push_back(message);
        }
    }
}
