//! What a handler can do.

use std::marker::PhantomData;
use std::time::Duration;

use crate::actor::Actor;
use crate::address::{ActorRef, Address};
use crate::child::{ChildEvent, Supervision};
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::error::{AskError, SpawnError, TryTellError};
use crate::handle::Handle;
use crate::reply::Reply;
use crate::spawn::Props;
use crate::stop::{Stop, StopReason};
use crate::supervise::Task;
use crate::timers::TimerLimit;
use crate::watch::{Terminated, Unwatch, Watch};
use crate::wheel::{MissedTick, TimerKey};

/// The worker, as the actor that is running sees it.
///
/// Nothing here waits. Nothing allocates in the steady state, except where it says so.
pub struct Context<'a, M> {
    core: &'a mut Core,
    message: PhantomData<fn(M)>,
}

impl<'a, M: Send + 'static> Context<'a, M> {
    #[inline(always)]
    pub(crate) fn new(core: &'a mut Core) -> Self {
        Self { core, message: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn core(&mut self) -> &mut Core {
        self.core
    }

    /// The actor itself.
    #[inline]
    #[must_use]
    pub fn me(&self) -> ActorRef<M> {
        ActorRef::new(self.core.me())
    }

    /// Sends a message. One that cannot be accepted becomes a dead letter.
    ///
    /// Messages from one actor to another arrive in the order sent. To an actor of the same worker this costs a
    /// compare, the copy of the message and its header into the worker's ring; to another worker, the same into a lane,
    /// and its part of one publication at the end of the turn.
    #[inline(always)]
    pub fn tell<N: Send + 'static>(&mut self, to: ActorRef<N>, message: N) {
        self.core.tell(to, message);
    }

    /// Sends a message, or gives it back.
    ///
    /// # Errors
    /// [`Full`](TryTellError::Full) if a ring on the way or the private mailbox of an actor on this worker is full;
    /// [`Stopped`](TryTellError::Stopped) if the actor lived on this worker and has stopped, or is of another engine. Of
    /// an actor of another worker it is not known: there the message becomes a dead letter.
    #[inline]
    pub fn try_tell<N: Send + 'static>(&mut self, to: ActorRef<N>, message: N) -> Result<(), TryTellError<N>> {
        self.core.try_tell(to, message)
    }

    /// Sends all messages of an iterator, in order. Returns how many were accepted; the rest are dead letters.
    pub fn tell_batch<N: Send + 'static>(&mut self, to: ActorRef<N>, messages: impl IntoIterator<Item = N>) -> usize {
        self.core.tell_batch(to, messages.into_iter())
    }

    /// Asks another actor for a `T`. The answer, or why there is none, arrives as the message that `map` makes of it.
    ///
    /// The ask ends after the configuration's `ask_timeout_ms`, at once if the reply is dropped, and silently if this
    /// actor stops or is restarted. `map` may capture up to 32 bytes.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, ActorRef, AskError, Context, Reply};
    ///
    /// struct Price(Reply<f64>);
    ///
    /// struct Trader {
    ///     quotes: ActorRef<Price>,
    /// }
    ///
    /// enum Trade {
    ///     Open,
    ///     Quoted(Result<f64, AskError>),
    /// }
    ///
    /// impl Actor for Trader {
    ///     type Msg = Trade;
    ///     fn handle(&mut self, msg: Trade, ctx: &mut Context<'_, Trade>) {
    ///         match msg {
    ///             Trade::Open => ctx.ask(self.quotes, Price, Trade::Quoted),
    ///             Trade::Quoted(Ok(price)) => println!("buying at {price}"),
    ///             Trade::Quoted(Err(error)) => println!("no quote: {error}"),
    ///         }
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn ask<N, T>(
        &mut self,
        to: ActorRef<N>,
        make: impl FnOnce(Reply<T>) -> N,
        map: impl FnOnce(Result<T, AskError>) -> M + 'static,
    ) where
        N: Send + 'static,
        T: Send + 'static,
    {
        let timeout = Duration::from_millis(self.core.shared.config.ask_timeout_ms.into());
        self.core.ask(to, timeout, make, map);
    }

    /// [`ask`](Self::ask)s with a timeout of its own.
    #[inline]
    pub fn ask_within<N, T>(
        &mut self,
        timeout: Duration,
        to: ActorRef<N>,
        make: impl FnOnce(Reply<T>) -> N,
        map: impl FnOnce(Result<T, AskError>) -> M + 'static,
    ) where
        N: Send + 'static,
        T: Send + 'static,
    {
        self.core.ask(to, timeout, make, map);
    }

    /// Asks several actors for a `T`: scatter, and gather the first answer. It arrives as the message that `map` makes of it;
    /// whatever comes after it, or after the timeout, is counted as [`Outrun`](DeadLetterReason::Outrun).
    ///
    /// The ask fails as [`ask`](Self::ask)s do, but as [`Unanswered`](AskError::Unanswered) only when all replies were
    /// dropped, or nobody was asked: what one actor cannot answer, another may. It is one of the worker's asks, however
    /// many are asked, and is not looked at for [circles of waits](crate::SystemEvent::WaitCycle).
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, ActorRef, AskError, Context, Reply};
    /// use std::time::Duration;
    ///
    /// struct Price(Reply<f64>);
    ///
    /// struct Trader {
    ///     quotes: Vec<ActorRef<Price>>,
    /// }
    ///
    /// enum Trade {
    ///     Open,
    ///     Quoted(Result<f64, AskError>),
    /// }
    ///
    /// impl Actor for Trader {
    ///     type Msg = Trade;
    ///     fn handle(&mut self, msg: Trade, ctx: &mut Context<'_, Trade>) {
    ///         match msg {
    ///             Trade::Open => {
    ///                 let quotes = self.quotes.iter().copied();
    ///                 ctx.ask_first(Duration::from_millis(5), quotes, Price, Trade::Quoted);
    ///             }
    ///             Trade::Quoted(Ok(price)) => println!("buying at the first price, {price}"),
    ///             Trade::Quoted(Err(error)) => println!("no quote: {error}"),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn ask_first<N, T>(
        &mut self,
        timeout: Duration,
        to: impl IntoIterator<Item = ActorRef<N>>,
        make: impl FnMut(Reply<T>) -> N,
        map: impl FnOnce(Result<T, AskError>) -> M + 'static,
    ) where
        N: Send + 'static,
        T: Send + 'static,
    {
        self.core.ask_first(to.into_iter(), timeout, make, map);
    }

    /// Makes a reply that this actor itself waits for: for a thread of a pool, a task of a runtime, or whoever else is to
    /// answer it and cannot be [`ask`](Self::ask)ed. The answer, or why there is none, arrives as the message that `map`
    /// makes of it, as it does of an ask; the same limits hold.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, AskError, Context};
    /// use std::time::Duration;
    ///
    /// struct Reader;
    ///
    /// enum Read {
    ///     File(String),
    ///     Came(Result<std::io::Result<String>, AskError>),
    /// }
    ///
    /// impl Actor for Reader {
    ///     type Msg = Read;
    ///     fn handle(&mut self, msg: Read, ctx: &mut Context<'_, Read>) {
    ///         match msg {
    ///             Read::File(path) => {
    ///                 let reply = ctx.promise(Duration::from_secs(10), Read::Came);
    ///                 std::thread::spawn(move || reply.send_from_outside(std::fs::read_to_string(path)));
    ///             }
    ///             Read::Came(Ok(Ok(text))) => println!("{} bytes", text.len()),
    ///             Read::Came(Ok(Err(error))) => println!("cannot be read: {error}"),
    ///             Read::Came(Err(error)) => println!("was not read: {error}"),
    ///         }
    ///     }
    /// }
    /// ```
    #[must_use = "a reply that is dropped ends the wait at once"]
    pub fn promise<T: Send + 'static>(
        &mut self,
        timeout: Duration,
        map: impl FnOnce(Result<T, AskError>) -> M + 'static,
    ) -> Reply<T> {
        self.core.promise(timeout, map)
    }

    /// Counts and reports a message that was accepted for `to` and cannot be handled, and drops it: for whatever stands
    /// between a sender and an actor, and must not lose a message in silence.
    pub fn dead_letter<N>(&mut self, to: impl Into<Address>, message: N, reason: DeadLetterReason) {
        self.core.bury(to.into(), message, reason);
    }

    /// Spawns a child: it stops when this actor stops or is restarted. It can be told at once. Allocates its cell.
    ///
    /// # Errors
    /// See [`SpawnError`]; the factory is dropped then.
    pub fn spawn<A, F>(&mut self, props: impl Into<Props<A::Msg>>, factory: F) -> Result<ActorRef<A::Msg>, SpawnError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        self.core.spawn_child(props.into(), None, factory)
    }

    /// Spawns a child whose lives this actor decides on. It is told of each start and each end of one by the messages that
    /// `on_event` makes.
    ///
    /// When a life of the child has ended, by a panic, by itself, or because it was told to stop or killed, by whomever, the
    /// child is *suspended*: its state is dropped, and its address holds the messages that come, up to the limit of a local
    /// ring or of its private mailbox. This actor then [restarts](Self::restart_child) or [releases](Self::release_child)
    /// it. A [`Restart`](crate::Restart) policy of the child's own is asked first; `Escalate` is then the same as `Stop`.
    ///
    /// Like every child it stops for good when this actor stops or is restarted. Supervised children then stop one after
    /// the other, the youngest first. `on_event` runs on the child's worker; if it panics, this actor fails.
    ///
    /// Allocates its cell. Costs nothing per message.
    ///
    /// # Errors
    /// See [`SpawnError`]; the factory is dropped then.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, ChildEvent, Context, On, StopReason, from_fn};
    /// use std::time::Duration;
    ///
    /// struct Nurse;
    ///
    /// impl Actor for Nurse {
    ///     type Msg = ChildEvent;
    ///
    ///     fn started(&mut self, ctx: &mut Context<'_, ChildEvent>) {
    ///         let patient = || from_fn(|n: u32, _ctx| println!("{}", 100 / n));
    ///         ctx.supervise(On::Here, patient, |event| event).expect("there is room");
    ///     }
    ///
    ///     fn handle(&mut self, event: ChildEvent, ctx: &mut Context<'_, ChildEvent>) {
    ///         match event {
    ///             ChildEvent::Started { .. } => {}
    ///             ChildEvent::Ended { child, reason: StopReason::Stopped } => ctx.release_child(child),
    ///             ChildEvent::Ended { child, .. } => ctx.restart_child(child, Duration::from_millis(100)),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn supervise<A, F>(
        &mut self,
        props: impl Into<Props<A::Msg>>,
        factory: F,
        on_event: impl FnMut(ChildEvent) -> M + Send + 'static,
    ) -> Result<ActorRef<A::Msg>, SpawnError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let supervision = Supervision::new(self.me(), on_event);
        self.core.spawn_child(props.into(), Some(supervision), factory)
    }

    /// Makes a suspended child anew, after a wait: its factory makes a fresh state, which gets the messages that were held
    /// first. Does nothing for an actor that is not a suspended child of this one. Costs a timer if there is a wait.
    pub fn restart_child(&mut self, child: impl Into<Address>, wait: Duration) {
        let (parent, child) = (self.core.me(), child.into());
        if child.node() == parent.node() {
            self.core.order_at(child, Task::RestartChild { parent, child: child.tag, wait });
        }
    }

    /// Ends the supervision of a child. A suspended one ends for good: what it held becomes dead letters, those who watch it
    /// are told, and its address is stale. One that lives goes on as any other child.
    pub fn release_child(&mut self, child: impl Into<Address>) {
        let (parent, child) = (self.core.me().tag, child.into());
        self.core.order(Task::ReleaseChild { parent, child });
    }

    /// Counts and reports a message of this actor's that is gone, so that there is none to hand to
    /// [`dead_letter`](Self::dead_letter): for what keeps messages back, and hands one to a handler that panics.
    pub fn report_lost(&mut self, reason: DeadLetterReason) {
        self.core.report_dead_letter(self.core.me(), std::any::type_name::<M>(), reason);
    }

    /// Says that the message at hand is kept, although its handler is about to panic: whoever calls this handles it again
    /// or reports it, and the engine reports no dead letter for it. For wrappers of actors that catch a panic, call this
    /// and go on with the panic.
    pub fn rescue_message(&mut self) {
        self.core.rescued = Some(self.core.counters.handled);
    }

    /// Tells an actor to stop, this one or another. One that is [supervised](Self::supervise) is suspended then, and its
    /// parent decides.
    pub fn stop(&mut self, actor: impl Into<Address>, how: Stop) {
        self.core.order_stop(actor.into(), how);
    }

    /// Stops this actor after the current message; what is queued for it becomes dead letters.
    pub fn stop_self(&mut self) {
        let me = self.core.me();
        self.core.order_stop(me, Stop::Now);
    }

    /// From now on this actor is told, by the message that `map` makes, when the other one stops, and why; at once if
    /// it has stopped already. Allocates.
    pub fn watch(&mut self, actor: impl Into<Address>, map: impl FnOnce(Terminated) -> M + Send + 'static) {
        let me = self.me();
        let notify = Box::new(move |core: Option<&mut Core>, terminated: Terminated| {
            if let Some(core) = core {
                core.send_notice(me, map(terminated));
            }
        });
        let target = actor.into();
        let watch = Watch { target, watcher: Some(me.address()), notify };
        if target.home.shared() == self.core.home {
            return self.core.order(Task::Call(Box::new(move |core| core.watch_actor(watch))));
        }
        if let Err(watch) = self.core.outbound.send_to_worker(target.worker(), watch)
            && target.node() == me.address().node()
        {
            self.core.counters.lost_orders += 1;
            drop(watch);
        }
    }

    /// Takes back a [`watch`](Self::watch). A notice that is on its way still arrives.
    pub fn unwatch(&mut self, actor: impl Into<Address>) {
        let (target, watcher) = (actor.into(), self.core.me());
        let unwatch = Unwatch { target: target.tag, watcher };
        if target.home.shared() == self.core.home {
            self.core.order(Task::Call(Box::new(move |core| core.unwatch_actor(unwatch))));
        } else if self.core.outbound.send_to_worker(target.worker(), unwatch).is_err() {
            self.core.counters.lost_orders += 1;
        }
    }

    /// Sends this actor a message after `delay`, rounded up to the timer resolution. Cancelled when the actor stops or
    /// is restarted. A message over 40 bytes is boxed.
    ///
    /// # Errors
    /// The message, if the worker has as many timers as `max_timers` allows.
    pub fn send_after(&mut self, delay: Duration, message: M) -> Result<TimerKey, M> {
        self.core.send_after(delay, message)
    }

    /// Sends this actor a message every `period`, the first one after `period`, each made by `make`. The grid of ticks
    /// does not drift; `missed` says what becomes of ticks that were due while the worker was busy. Allocates when it is
    /// armed, never when it fires.
    ///
    /// # Errors
    /// If the worker has as many timers as `max_timers` allows.
    pub fn send_every(
        &mut self,
        period: Duration,
        missed: MissedTick,
        make: impl FnMut() -> M + 'static,
    ) -> Result<TimerKey, TimerLimit> {
        self.core.send_every(period, period, missed, make)
    }

    /// Cancels a timer of this actor. Returns whether it was still armed.
    pub fn cancel(&mut self, timer: TimerKey) -> bool {
        self.core.cancel_timer(timer)
    }

    /// From now on this actor gets a message for each event of type `E` that `map` makes one of: a
    /// [`SystemEvent`](crate::SystemEvent), or a type of the program's own. Ends when the actor stops or is restarted.
    /// Allocates when it subscribes, never for an event.
    pub fn subscribe<E: Send + Sync + 'static>(&mut self, map: impl FnMut(&E) -> Option<M> + 'static) {
        self.core.subscribe(map);
    }

    /// Publishes an event of the program's own, of up to [`EVENT_BYTES`](crate::EVENT_BYTES) bytes, to all subscribers of
    /// the engine. Returns whether it fitted the event ring; it never waits.
    pub fn publish<E: Send + Sync + 'static>(&mut self, event: E) -> bool {
        self.core.publish_event(event)
    }

    /// Whether the next message at hand is for somebody else, or none is: the moment to flush or commit what a run of
    /// messages has gathered. Costs two compares.
    #[inline]
    #[must_use]
    pub fn end_of_batch(&self) -> bool {
        self.core.is_end_of_batch()
    }

    /// Nanoseconds on the engine's clock.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.core.clock.now_ns()
    }

    /// The next number of the worker's generator, seeded from the configuration: the same in each run of a hosted
    /// engine with the same inputs. SplitMix64 (Steele, Lea, Flood 2014); not for secrets.
    pub fn random(&mut self) -> u64 {
        self.core.random = self.core.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.core.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The index of the worker that this actor lives on.
    #[must_use]
    pub fn worker(&self) -> usize {
        self.core.index
    }

    /// A handle to the engine, to give to other threads or to look up names.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.core.shared.clone())
    }
}

impl<M> std::fmt::Debug for Context<'_, M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Context({})", self.core.me())
    }
}

impl Core {
    fn order_stop(&mut self, actor: Address, how: Stop) {
        let task = Task::Stop { actor: actor.tag, how, reason: reason_of(how) };
        if actor.home.shared() != self.home {
            return if actor.home.node() == self.home.node() {
                self.order_at(actor, task)
            };
        }
        if how == Stop::AfterQueued {
            self.stop_behind_queued(actor.tag, reason_of(how));
        } else {
            self.order(task);
        }
    }
}

/// Why an actor stops that was told to.
pub(crate) fn reason_of(how: Stop) -> StopReason {
    if how == Stop::Kill { StopReason::Killed } else { StopReason::Stopped }
}
