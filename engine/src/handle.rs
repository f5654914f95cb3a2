//! The engine from outside: a handle for any thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use hippodrome_ringbuf::{lane, oneshot};

use crate::actor::Actor;
use crate::address::{ActorRef, Address, Tag};
use crate::context::reason_of;
use crate::dead_letter::DeadLetterReason;
use crate::error::{AskError, OrderError, PortError, SpawnError, TryTellError};
use crate::event::SystemEvent;
use crate::failure::contained;
use crate::message::{Of, WorkerMessage};
use crate::port::Port;
use crate::reply::{Reply, count_panics};
use crate::shared::{Phase, Shared};
use crate::spawn::Props;
use crate::stats::Stats;
use crate::stop::Stop;
use crate::supervise::{RemoteTask, Task};
use crate::sync::{Backoff, Instant, mpsc, thread};
use crate::tell::Refused;
use crate::watch::{Terminated, Watch};

/// How long an order to a worker waits for room in its ingress.
const ORDER_PATIENCE: Duration = Duration::from_secs(1);

/// How long a snapshot of the statistics waits for the workers.
const STATS_PATIENCE: Duration = Duration::from_millis(100);

/// A running engine, for threads that are not its workers. Cloned freely.
///
/// Messages of one thread arrive at an actor in the order sent. All handles share one ring per worker: a thread that
/// sends a lot takes a [`Port`].
///
/// A handle does not keep the engine running.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sends a message. One that cannot be accepted becomes a dead letter. Never waits.
    pub fn tell<M: Send + 'static>(&self, to: ActorRef<M>, message: M) {
        if let Err(Refused { reason, message }) = self.push(to, message) {
            self.bury(to.address(), message, reason);
        }
    }

    /// Sends a message, or gives it back. Never waits.
    ///
    /// # Errors
    /// [`Full`](TryTellError::Full) if the worker's ingress is full, [`Stopped`](TryTellError::Stopped) if the engine
    /// has stopped or is another one. Whether the actor lives is not known here: if it does not, the message becomes a
    /// dead letter.
    pub fn try_tell<M: Send + 'static>(&self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Ok(self.push(to, message)?)
    }

    /// Sends a message, and waits up to `timeout` for room. Not to be called from a handler.
    ///
    /// # Errors
    /// As for [`try_tell`](Self::try_tell), after the time is over.
    pub fn tell_within<M: Send + 'static>(
        &self,
        timeout: Duration,
        to: ActorRef<M>,
        message: M,
    ) -> Result<(), TryTellError<M>> {
        retry(timeout, message, |message| self.try_tell(to, message))
    }

    /// Sends all messages of an iterator, in order, waiting up to `timeout` in all for room. Returns how many were
    /// sent; the rest are not taken from the iterator, except for one that is a dead letter.
    pub fn tell_batch<M: Send + 'static>(
        &self,
        timeout: Duration,
        to: ActorRef<M>,
        messages: impl IntoIterator<Item = M>,
    ) -> usize {
        let deadline = Instant::now() + timeout;
        let mut sent = 0;
        for message in messages {
            match self.tell_within(deadline.saturating_duration_since(Instant::now()), to, message) {
                Ok(()) => sent += 1,
                Err(error) => {
                    let reason = self.shared.why_refused(to, &error);
                    self.bury(to.address(), error.into_message(), reason);
                    break;
                }
            }
        }
        sent
    }

    fn push<M: Send + 'static>(&self, to: ActorRef<M>, message: M) -> Result<(), Refused<M>> {
        if to.home().node() != self.shared.node {
            return Err(Refused { reason: DeadLetterReason::Unreachable, message });
        }
        let ingress = &self.shared.workers[to.home().worker()].ingress;
        // SAFETY: `Of` describes `M`, which may be sent.
        unsafe { ingress.push(Of::<M>::ACTOR, to.tag().0, message) }.map_err(Refused::by_ring)
    }

    /// Counts and reports a message that was accepted for `to` and cannot be handled, and drops it; see
    /// [`Context::dead_letter`](crate::Context::dead_letter). A panic of its drop goes no further, so that this can be used
    /// in drops.
    pub fn dead_letter<M>(&self, to: impl Into<Address>, message: M, reason: DeadLetterReason) {
        let to = to.into();
        count_panics(contained(|| self.bury(to, message, reason)));
    }

    /// Counts and reports a message that could not be accepted, and drops it.
    pub(crate) fn bury<M>(&self, to: Address, message: M, reason: DeadLetterReason) {
        self.shared.outside.count(reason);
        if !reason.is_replaced() {
            self.shared.publish(SystemEvent::DeadLetter { to, message: std::any::type_name::<M>(), reason });
        }
        drop(message);
    }

    /// Asks an actor for a `T`. Allocates nothing in the steady state, and takes no lock.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Engine, On, Reply, from_fn};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), hippodrome::Error> {
    /// let engine = Engine::builder().unpinned_workers(1).start()?;
    /// let handle = engine.handle();
    /// struct Square(u64, Reply<u64>);
    /// let squares = handle.spawn(On::Worker(0), || from_fn(|Square(n, reply), ctx| reply.send(ctx, n * n)))?;
    /// let answer = handle.ask(squares, |reply| Square(12, reply)).wait(Duration::from_secs(5))?;
    /// assert_eq!(answer, 144);
    /// engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ask<M, T>(&self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Ask<T>
    where
        M: Send + 'static,
        T: Send + 'static,
    {
        let (reply, ask) = self.channel();
        self.tell(to, make(reply));
        ask
    }

    /// Makes a reply, and the ask that it answers: for whoever gives the right to answer to something else than a message,
    /// such as an actor that it spawns, or another thread. See [`Context::promise`](crate::Context::promise) for actors.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::Engine;
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), hippodrome::Error> {
    /// let engine = Engine::builder().unpinned_workers(1).start()?;
    /// let (reply, ask) = engine.handle().promise();
    /// std::thread::spawn(move || reply.send_from_outside(42));
    /// assert_eq!(ask.wait(Duration::from_secs(5))?, 42);
    /// engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn promise<T: Send + 'static>(&self) -> (Reply<T>, Ask<T>) {
        let (sender, receiver) = self.shared.answers.channel();
        (Reply::outside(sender), Ask { receiver })
    }

    /// Spawns an actor without a parent. It can be told at once. Never waits; allocates its cell.
    ///
    /// # Errors
    /// See [`SpawnError`]; the factory is dropped then.
    pub fn spawn<A, F>(&self, props: impl Into<Props<A::Msg>>, factory: F) -> Result<ActorRef<A::Msg>, SpawnError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let (cell, actor) = self.shared.prepare::<A, F>(props.into(), None, None, factory)?;
        self.shared.workers[actor.home().worker()].order(Box::new(move |core| core.install_actor(cell)));
        Ok(actor)
    }

    /// The living actor with this name, if it takes `M`.
    #[must_use]
    pub fn lookup<M: 'static>(&self, name: &str) -> Option<ActorRef<M>> {
        self.shared.names.lookup(name)
    }

    /// Tells an actor to stop. With [`Stop::AfterQueued`] it handles what this thread has sent before.
    /// One that is [supervised](crate::Context::supervise) is suspended then, and its parent decides.
    ///
    /// # Errors
    /// If the worker's ingress stays full for a second, or the engine has stopped.
    pub fn stop(&self, actor: impl Into<Address>, how: Stop) -> Result<(), OrderError> {
        let actor = actor.into();
        let task = Task::Stop { actor: actor.tag, how, reason: reason_of(how) };
        self.order(actor, RemoteTask(task))
    }

    /// Waits for an actor's end: an [`Ask`] that is answered when it stops, with the reason.
    ///
    /// # Errors
    /// As for [`stop`](Self::stop).
    pub fn watch(&self, actor: impl Into<Address>) -> Result<Ask<Terminated>, OrderError> {
        let target = actor.into();
        let (sender, receiver) = self.shared.answers.channel();
        let notify = Box::new(move |_: Option<&mut crate::core::Core>, terminated| {
            // Whoever watched may have given up.
            let _ = sender.send(terminated);
        });
        self.order(target, Watch { target, watcher: None, notify })?;
        Ok(Ask { receiver })
    }

    /// A reply, and the answer that it gives.
    pub(crate) fn channel<T: Send + 'static>(&self) -> (Reply<T>, Ask<T>) {
        let (sender, receiver) = self.shared.answers.channel();
        (Reply::outside(sender), Ask { receiver })
    }

    /// Sends an order to the worker where the actor lives, behind what this thread has sent there.
    pub(crate) fn order<W: WorkerMessage>(&self, actor: Address, order: W) -> Result<(), OrderError> {
        if actor.node() != self.shared.node {
            return Err(OrderError::Unreachable);
        }
        let ingress = &self.shared.workers[actor.worker()].ingress;
        let pushed = retry(ORDER_PATIENCE, order, |order| {
            // SAFETY: `Of` describes the message, which may be sent.
            unsafe { ingress.push(Of::<W>::WORKER, Tag::WORKER.0, order) }.map_err(|(refused, order)| match refused {
                lane::Refused::Closed => TryTellError::Stopped(order),
                _ => TryTellError::Full(order),
            })
        });
        pushed.map_err(|error| match error {
            TryTellError::Full(_) => OrderError::Full,
            TryTellError::Stopped(_) => OrderError::Unreachable,
        })
    }

    /// Opens a port: this thread's own lanes to all workers.
    ///
    /// Each worker allocates its lane itself, so that the memory is its node's; this waits for that, up to five seconds.
    /// Not to be called from a handler.
    ///
    /// # Errors
    /// See [`PortError`].
    pub fn port(&self) -> Result<Port, PortError> {
        Port::open(&self.shared)
    }

    /// Publishes an event of the program's own to all subscribers of the engine. Returns whether it fitted; it never
    /// waits, except for other threads that publish from outside.
    pub fn publish<E: Send + Sync + 'static>(&self, event: E) -> bool {
        self.shared.publish(event)
    }

    /// A snapshot of the statistics. Waits up to 100 ms for workers that are in the middle of something; of those, and
    /// of the workers of a host on this thread, it gives what they showed last.
    #[must_use]
    pub fn stats(&self) -> Stats {
        if !self.shared.is_hosted && self.shared.phase() != Phase::Ending {
            let (sender, receiver) = mpsc::channel();
            for worker in &self.shared.workers {
                let sender = sender.clone();
                worker.order(Box::new(move |core| {
                    core.publish_all();
                    let _ = sender.send(());
                }));
            }
            drop(sender);
            let deadline = Instant::now() + STATS_PATIENCE;
            for _ in &self.shared.workers {
                let _ = receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            }
        }
        self.shared.stats()
    }

    /// Nanoseconds on the engine's clock, as [`Context::now_ns`](crate::Context::now_ns) gives them: for what a message says
    /// of its time, such as when it was sent or until when it is good for something.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.shared.clock.now_ns()
    }

    /// The number of workers.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shared.workers.len()
    }

    /// The core that each worker is pinned to, by index.
    #[must_use]
    pub fn cores(&self) -> Vec<Option<u32>> {
        self.shared.workers.iter().map(|worker| worker.core).collect()
    }

    /// Whether the engine accepts messages.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.shared.phase() == Phase::Running
    }
}

impl Shared {
    /// Why a thread outside could not send to an actor.
    pub(crate) fn why_refused<M>(&self, to: ActorRef<M>, error: &TryTellError<M>) -> DeadLetterReason {
        match error {
            TryTellError::Full(_) => DeadLetterReason::Full,
            TryTellError::Stopped(_) if to.home().node() != self.node => DeadLetterReason::Unreachable,
            TryTellError::Stopped(_) => DeadLetterReason::Shutdown,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let shown = self.workers.iter().map(|worker| worker.stats.shown());
        let (workers, types): (Vec<_>, Vec<_>) = shown.map(|shown| (shown.worker, shown.types)).unzip();
        Stats {
            engine: self.config.name.clone(),
            uptime: self.started.elapsed(),
            workers,
            actor_types: types.into_iter().flatten().collect(),
            outside_dead_letters: self.outside.counts(),
            lost_events: self.bus.lost(),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Handle({:?})", self.shared)
    }
}

/// Tries again while there is no room and time is left: spins first, then yields, then sleeps.
pub(crate) fn retry<M>(
    timeout: Duration,
    message: M,
    mut attempt: impl FnMut(M) -> Result<(), TryTellError<M>>,
) -> Result<(), TryTellError<M>> {
    let mut message = message;
    let mut deadline = None;
    let backoff = Backoff::new();
    loop {
        match attempt(message) {
            Err(TryTellError::Full(back)) => message = back,
            other => return other,
        }
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + timeout);
        if Instant::now() >= deadline {
            return Err(TryTellError::Full(message));
        }
        if backoff.is_completed() {
            thread::sleep(Duration::from_micros(50));
        } else {
            backoff.snooze();
        }
    }
}

/// An answer that is on its way: a future, or something to wait for.
///
/// Dropping it gives the ask up: an answer that comes later is a dead letter, one that has come is dropped with it.
#[must_use = "an ask that is dropped is given up"]
pub struct Ask<T: Send + 'static> {
    receiver: oneshot::Receiver<T>,
}

impl<T: Send + 'static> Ask<T> {
    pub(crate) fn new(receiver: oneshot::Receiver<T>) -> Self {
        Self { receiver }
    }

    /// Waits for the answer. Blocks the thread: not to be called from a handler.
    ///
    /// # Errors
    /// [`Unanswered`](AskError::Unanswered) as soon as the reply is dropped, [`TimedOut`](AskError::TimedOut) after
    /// `timeout`.
    pub fn wait(self, timeout: Duration) -> Result<T, AskError> {
        self.receiver.wait(timeout).map_err(|error| match error {
            oneshot::WaitError::Closed => AskError::Unanswered,
            _ => AskError::TimedOut,
        })
    }
}

impl<T: Send + 'static> Future for Ask<T> {
    type Output = Result<T, AskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(context).map_err(|_| AskError::Unanswered)
    }
}

impl<T: Send + 'static> fmt::Debug for Ask<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ask<{}>", std::any::type_name::<T>())
    }
}
