//! Running a stream: the actor that makes its islands, sees them end, and gives the result.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Ask, AskError, Context, Handle, On, OrderError, Reply, SpawnError, Stop};
use parking_lot::Mutex;

use super::failure::{StreamError, StreamFailure};
use super::island::{Home, Island, Slot};
use super::signal::{Link, Outbox, Signal, Tally};
use super::sink::Drain;
use super::stage::Stage;

/// Makes an island, as a child of the stream's actor.
type Spawn = Box<dyn FnOnce(Home, &mut Context<'_, Signal>) -> Result<ActorRef<Signal>, SpawnError> + Send>;

/// An island that is to be made.
pub(crate) struct Plan {
    spawn: Spawn,
    /// The boundaries that it is below of, and above of.
    inlets: Vec<Arc<Link>>,
    outlets: Vec<Arc<Link>>,
}

impl Plan {
    /// An island that is made of this, and leaves its result there.
    pub(crate) fn new<S, D>(
        on: On,
        stage: S,
        drain: D,
        result: Slot<D::Output>,
        inlets: Vec<Arc<Link>>,
        outlets: Vec<Arc<Link>>,
    ) -> Self
    where
        S: Stage,
        D: Drain<S::Item>,
    {
        let spawn: Spawn = Box::new(move |home, ctx| {
            let mut parts = Some((stage, drain, result, home));
            ctx.spawn(on, move || {
                // An island that panics stops, so its factory is not called again.
                let (stage, drain, result, home) = parts.take().expect("an island is made once");
                Island::new(stage, drain, result, home)
            })
        });
        Self { spawn, inlets, outlets }
    }
}

/// Gives the result to whoever waits for it.
type Finish = Box<dyn FnOnce(&mut Context<'_, Signal>, Result<(), StreamFailure>) + Send>;

/// Everything that a stream's actor is made of.
struct Run {
    plans: Vec<Plan>,
    tally: Tally,
    finish: Finish,
}

/// A stream that lacks nothing, and gives a `T` when it has run.
#[must_use = "a stream does nothing until it is run"]
pub struct Runnable<T> {
    pub(crate) plans: Vec<Plan>,
    pub(crate) collect: Box<dyn FnOnce() -> Option<T> + Send>,
}

impl<T: Send + 'static> Runnable<T> {
    pub(crate) fn new(plans: Vec<Plan>, result: Slot<T>) -> Self {
        Self { plans, collect: Box::new(move || result.lock().take()) }
    }

    /// Joins two ends of one graph, or two streams, into one that is run, ends and fails as one.
    ///
    /// See [`Source::broadcast`](super::Source::broadcast) for an example.
    pub fn with<U: Send + 'static>(self, other: Runnable<U>) -> Runnable<(T, U)> {
        let (mut plans, one, other_one) = (self.plans, self.collect, other.collect);
        plans.extend(other.plans);
        Runnable { plans, collect: Box::new(move || Some((one()?, other_one()?))) }
    }

    /// Runs it, as an actor without a parent whose children are the stream's islands. Never waits.
    ///
    /// # Errors
    /// See [`StreamError`]. That an island cannot be spawned shows in the stream's result.
    pub fn run(self, handle: &Handle) -> Result<Running<T>, StreamError> {
        self.check()?;
        let (reply, ask) = handle.promise();
        let tally = Tally::default();
        let mut run = Some(self.into_run(tally.clone(), reply));
        let stream = handle.spawn(On::Here, move || Stream::new(run.take()))?;
        Ok(Running { ask, control: Control { stream, tally, handle: handle.clone() } })
    }

    /// Runs it, as a child of the actor that is running: it is stopped with it. The result arrives as the message that
    /// `map` makes of it, which may capture up to 32 bytes. The result of a stream that runs for more than a year is
    /// lost.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, Context, Engine, On, Reply};
    /// use hippodrome_toolkit::stream::{Source, StreamFailure};
    /// use std::time::Duration;
    ///
    /// #[derive(Default)]
    /// struct Summer(Option<Reply<u64>>);
    ///
    /// enum Sum {
    ///     UpTo(u64, Reply<u64>),
    ///     Done(Result<u64, StreamFailure>),
    /// }
    ///
    /// impl Actor for Summer {
    ///     type Msg = Sum;
    ///     fn handle(&mut self, msg: Sum, ctx: &mut Context<'_, Sum>) {
    ///         match msg {
    ///             Sum::UpTo(n, reply) => {
    ///                 let sum = Source::iter(1..=n).fold(0, |sum, n| *sum += n);
    ///                 // An error drops the reply, which ends the ask.
    ///                 self.0 = sum.run_in(ctx, Sum::Done).ok().map(|_| reply);
    ///             }
    ///             Sum::Done(Ok(sum)) => _ = self.0.take().map(|reply| reply.send(ctx, sum)),
    ///             Sum::Done(Err(_)) => drop(self.0.take()),
    ///         }
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder().unpinned_workers(1).start()?;
    /// let summer = engine.handle().spawn(On::Worker(0), Summer::default)?;
    /// assert_eq!(engine.handle().ask(summer, |reply| Sum::UpTo(10, reply)).wait(Duration::from_secs(5))?, 55);
    /// # engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_in<M: Send + 'static>(
        self,
        ctx: &mut Context<'_, M>,
        map: impl FnOnce(Result<T, StreamFailure>) -> M + 'static,
    ) -> Result<Control, StreamError> {
        self.check()?;
        let run: Slot<Run> = slot();
        let given = run.clone();
        let stream = ctx.spawn(On::Here, move || Stream::new(given.lock().take()))?;
        let reply = ctx.promise(LONGEST_RUN, move |answer| map(answer.unwrap_or(Err(StreamFailure::Stopped))));
        let tally = Tally::default();
        // A child on this worker is made when the handler has returned, and finds it.
        *run.lock() = Some(self.into_run(tally.clone(), reply));
        Ok(Control { stream, tally, handle: ctx.handle() })
    }

    fn into_run(self, tally: Tally, reply: Reply<Result<T, StreamFailure>>) -> Run {
        let collect = self.collect;
        let finish: Finish = Box::new(move |ctx, outcome| {
            reply.send(ctx, outcome.and_then(|()| collect().ok_or(StreamFailure::Stopped)));
        });
        Run { plans: self.plans, tally, finish }
    }

    /// Sees that each boundary has both its ends.
    fn check(&self) -> Result<(), StreamError> {
        let ports = |links: fn(&Plan) -> &Vec<Arc<Link>>| {
            let mut ports: Vec<u64> = self.plans.iter().flat_map(links).map(|link| link.port).collect();
            ports.sort_unstable();
            ports
        };
        let (inlets, outlets) = (ports(|plan| &plan.inlets), ports(|plan| &plan.outlets));
        let missing =
            |these: &[u64], those: &[u64]| these.iter().filter(|port| those.binary_search(port).is_err()).count();
        match missing(&inlets, &outlets) + missing(&outlets, &inlets) {
            0 => Ok(()),
            branches => Err(StreamError::Unconnected { branches }),
        }
    }
}

impl<T> fmt::Debug for Runnable<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Runnable({} islands)", self.plans.len())
    }
}

/// How long a stream may run whose result goes to an actor.
const LONGEST_RUN: Duration = Duration::from_secs(366 * 24 * 3600);

/// The actor of a stream: the parent of its islands.
pub(crate) struct Stream {
    /// There until it has started. An actor that panics as it starts stops, so its factory is called once.
    run: Option<Run>,
    running: usize,
    finish: Option<Finish>,
    outcome: Option<Result<(), StreamFailure>>,
    outbox: Outbox,
    /// Whether a timer is armed.
    is_waking: bool,
}

impl Stream {
    fn new(run: Option<Run>) -> Self {
        Self { run, running: 0, finish: None, outcome: None, outbox: Outbox::default(), is_waking: false }
    }

    fn run(&mut self, run: Run, ctx: &mut Context<'_, Signal>) {
        self.finish = Some(run.finish);
        self.running = run.plans.len();
        let home = Home { stream: ctx.me(), tally: run.tally, handle: ctx.handle() };
        let mut islands = Vec::with_capacity(run.plans.len());
        for plan in run.plans {
            match (plan.spawn)(home.clone(), ctx) {
                Ok(island) => {
                    plan.inlets.iter().for_each(|link| _ = link.lower.set(island));
                    plan.outlets.iter().for_each(|link| _ = link.upper.set(island));
                    islands.push(island);
                }
                Err(error) => return self.end(Err(StreamFailure::Spawn(error)), ctx),
            }
        }
        for island in islands {
            ctx.watch(island, |terminated| Signal::Gone(terminated.reason));
            self.outbox.send(ctx, island, Signal::Start);
        }
    }

    /// Sees that what found no room is sent later.
    fn see_to_outbox(&mut self, ctx: &mut Context<'_, Signal>) {
        if self.outbox.is_empty() || self.is_waking {
            return;
        }
        match ctx.send_after(Duration::from_millis(1), Signal::Timer) {
            Ok(_) => self.is_waking = true,
            // What cannot be sent is lost with the stream.
            Err(_) => ctx.stop_self(),
        }
    }

    fn end(&mut self, outcome: Result<(), StreamFailure>, ctx: &mut Context<'_, Signal>) {
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
            ctx.stop_self();
        }
    }
}

impl Actor for Stream {
    type Msg = Signal;

    fn started(&mut self, ctx: &mut Context<'_, Signal>) {
        if let Some(run) = self.run.take() {
            self.run(run, ctx);
            self.see_to_outbox(ctx);
        }
    }

    fn handle(&mut self, signal: Signal, ctx: &mut Context<'_, Signal>) {
        match signal {
            Signal::Finished => {
                self.running -= 1;
                if self.running == 0 {
                    self.end(Ok(()), ctx);
                }
            }
            Signal::Failed(failure) => self.end(Err(*failure), ctx),
            Signal::Gone(reason) => self.end(Err(StreamFailure::Part(reason)), ctx),
            Signal::Timer => self.is_waking = false,
            _ => {}
        }
        self.outbox.flush(ctx);
        self.see_to_outbox(ctx);
    }

    /// All islands have stopped: what they dropped is counted.
    fn stopped(&mut self, ctx: &mut Context<'_, Signal>) {
        if let Some(finish) = self.finish.take() {
            finish(ctx, self.outcome.take().unwrap_or(Err(StreamFailure::Stopped)));
        }
    }
}

/// What a stream that runs can be told and asked. Cloned freely.
#[derive(Clone, Debug)]
pub struct Control {
    stream: ActorRef<Signal>,
    tally: Tally,
    handle: Handle,
}

impl Control {
    /// Stops the stream where it is; its result is [`StreamFailure::Stopped`].
    ///
    /// # Errors
    /// As for [`Handle::stop`].
    pub fn cancel(&self) -> Result<(), OrderError> {
        self.handle.stop(self.stream, Stop::Now)
    }

    /// How many elements the stream has dropped so far: those that a stage failed on, and those that were within it when
    /// it ended before its source did. Once the result is there, each element that a source gave has either come out or is
    /// counted here.
    ///
    /// Not counted are elements that stages drop because they are told to, such as a filter, and what the iterator of a
    /// `flat_map` would still have given. A batch that is on the way is one element.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.tally.get()
    }
}

/// A stream that runs: a future of its result, or something to wait for.
///
/// Dropping it does not stop the stream; the result is a dead letter then.
#[must_use = "the result says whether the stream has come to its end"]
pub struct Running<T: Send + 'static> {
    ask: Ask<Result<T, StreamFailure>>,
    control: Control,
}

impl<T: Send + 'static> Running<T> {
    /// Waits for the result. Blocks the thread: not to be called from a handler.
    ///
    /// # Errors
    /// See [`StreamFailure`].
    pub fn wait(self, timeout: Duration) -> Result<T, StreamFailure> {
        self.ask.wait(timeout).unwrap_or_else(|error| {
            Err(if error == AskError::TimedOut { StreamFailure::TimedOut } else { StreamFailure::Stopped })
        })
    }

    /// What the stream can be told and asked while it runs, and asked afterwards.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Stops the stream where it is; its result is [`StreamFailure::Stopped`].
    ///
    /// # Errors
    /// As for [`Handle::stop`].
    pub fn cancel(&self) -> Result<(), OrderError> {
        self.control.cancel()
    }

    /// The result as an ask, which a simulation can wait for by `Sim::wait`.
    pub fn into_ask(self) -> Ask<Result<T, StreamFailure>> {
        self.ask
    }
}

impl<T: Send + 'static> Future for Running<T> {
    type Output = Result<T, StreamFailure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.ask).poll(context).map(|answer| answer.unwrap_or(Err(StreamFailure::Stopped)))
    }
}

impl<T: Send + 'static> fmt::Debug for Running<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Running<{}>({:?})", std::any::type_name::<T>(), self.control.stream)
    }
}

/// A slot for a result.
pub(crate) fn slot<T>() -> Slot<T> {
    Arc::new(Mutex::new(None))
}
