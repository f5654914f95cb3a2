//! Pools: actors that are spawned to share work, kept at a number, and found by routers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hippodrome::{
    Actor, ActorRef, Ask, Context, Handle, MissedTick, On, Props, Reply, Restart, SpawnError, Stop, StopReason, Tell,
    Terminated,
};

use crate::router::Router;
use crate::router::counted::{Counted, Load};
use crate::router::list::{List, Routee};
use crate::router::strategy::Strategy;

/// How often a pool looks for messages that it counted as sent and that were lost.
const SETTLE_PERIOD: Duration = Duration::from_secs(1);

/// When a pool tries again that could not spawn a routee.
const SPAWN_AGAIN: Duration = Duration::from_secs(1);

/// With what a pool's own actor is restarted, should it ever fail.
const RESTART: Restart = Restart::up_to(10, Duration::from_secs(60));

type MakeProps<M> = Arc<dyn Fn(usize) -> Props<M> + Send + Sync>;

/// A pool to be: how many actors, where, and how a router chooses from them.
///
/// # Examples
/// Eight actors on the workers in turn, restarted when they panic, and replaced when they stop; [`PoolRef`] is what comes
/// of it.
/// ```
/// use hippodrome::{Context, Handle, On, Props, Restart, SpawnError, from_fn};
/// use hippodrome_toolkit::router::{LeastLoaded, Pool, PoolRef};
/// use std::time::Duration;
///
/// fn workers(handle: &Handle) -> Result<PoolRef<String, LeastLoaded>, SpawnError> {
///     let restart = Restart::up_to(3, Duration::from_secs(60));
///     let workers = handle.workers();
///     Pool::of(8, LeastLoaded::default())
///         .routees(move |index| Props::on(On::Worker(index % workers)).restart(restart))
///         .replacing(Duration::from_millis(100))
///         .spawn(handle, || from_fn(|job: String, _ctx: &mut Context<'_, String>| println!("{job}")))
/// }
/// ```
#[must_use]
pub struct Pool<M, S> {
    size: usize,
    strategy: S,
    on: On,
    props: MakeProps<M>,
    replace_after: Option<Duration>,
}

impl<M: Send + 'static, S: Strategy<M>> Pool<M, S> {
    /// A pool of `size` actors, on the workers in turn.
    pub fn of(size: usize, strategy: S) -> Self {
        let props = Arc::new(|_: usize| Props::on(On::RoundRobin));
        Self { size, strategy, on: On::default(), props, replace_after: None }
    }

    /// With what each routee is spawned, by its index in the pool, from 0: where it lives, and what becomes of it when it
    /// panics.
    pub fn routees(mut self, props: impl Fn(usize) -> Props<M> + Send + Sync + 'static) -> Self {
        self.props = Arc::new(props);
        self
    }

    /// Spawns another routee in the place of each that stops by itself, after this wait, which keeps one that cannot live
    /// from being spawned without end.
    pub fn replacing(mut self, after: Duration) -> Self {
        self.replace_after = Some(after);
        self
    }

    /// Where the actor lives that owns the routees; if not set, where [`On::Here`] is.
    pub fn on(mut self, on: On) -> Self {
        self.on = on;
        self
    }

    /// Spawns the pool: an actor that spawns the routees as its children as soon as it starts, see
    /// [`PoolRef::ready`].
    ///
    /// # Errors
    /// If that actor cannot be spawned; see [`SpawnError`]. A routee that cannot be spawned is reported by the log, and
    /// tried again every second.
    pub fn spawn<A, F>(self, handle: &Handle, factory: F) -> Result<PoolRef<M, S>, SpawnError>
    where
        A: Actor<Msg = M>,
        F: FnMut() -> A + Clone + Send + 'static,
    {
        self.spawn_by(factory, |props, make| handle.spawn(props, make))
    }

    /// Spawns the pool as a child of an actor; see [`spawn`](Self::spawn).
    ///
    /// # Errors
    /// As for [`spawn`](Self::spawn).
    pub fn spawn_child<A, F, N>(self, ctx: &mut Context<'_, N>, factory: F) -> Result<PoolRef<M, S>, SpawnError>
    where
        A: Actor<Msg = M>,
        F: FnMut() -> A + Clone + Send + 'static,
        N: Send + 'static,
    {
        self.spawn_by(factory, |props, make| ctx.spawn(props, make))
    }

    fn spawn_by<A, F>(
        self,
        factory: F,
        spawn: impl FnOnce(
            Props<PoolMessage>,
            Box<dyn FnMut() -> Keeper<M, F> + Send>,
        ) -> Result<ActorRef<PoolMessage>, SpawnError>,
    ) -> Result<PoolRef<M, S>, SpawnError>
    where
        A: Actor<Msg = M>,
        F: FnMut() -> A + Clone + Send + 'static,
    {
        let Self { size, strategy, on, props, replace_after } = self;
        let (list, counts) = (Arc::new(List::of([])), strategy.counts());
        // What it was resized to outlives a restart.
        let size = Arc::new(AtomicUsize::new(size));
        let kept = list.clone();
        let make = Box::new(move || Keeper {
            list: kept.clone(),
            size: size.clone(),
            props: props.clone(),
            factory: factory.clone(),
            counts,
            replace_after,
            routees: Vec::new(),
            is_fill_due: false,
        });
        let actor = spawn(Props::on(on).restart(RESTART), make)?;
        list.set_owner(actor.address());
        Ok(PoolRef { list, actor, strategy })
    }
}

impl<M, S: fmt::Debug> fmt::Debug for Pool<M, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pool<{}>({} routees, {:?})", std::any::type_name::<M>(), self.size, self.strategy)
    }
}

/// A pool that runs: makes routers over it, and resizes it. Stopped by [stopping](Handle::stop) its
/// [actor](Self::actor); its routees stop with it.
pub struct PoolRef<M, S> {
    list: Arc<List<M>>,
    actor: ActorRef<PoolMessage>,
    strategy: S,
}

impl<M: Send + 'static, S: Strategy<M>> PoolRef<M, S> {
    /// A router over the pool, by the pool's strategy.
    #[must_use]
    pub fn router(&self) -> Router<M, S> {
        self.router_by(self.strategy.clone())
    }

    /// A router over the pool, by another strategy.
    #[must_use]
    pub fn router_by<T: Strategy<M>>(&self, strategy: T) -> Router<M, T> {
        Router::new(self.list.clone(), strategy)
    }

    /// Asks for the number of routees, and so waits until the pool has started. What routers send before is refused.
    pub fn ready(&self, handle: &Handle) -> Ask<usize> {
        handle.ask(self.actor, PoolMessage::size)
    }

    /// Sets the number of routees. New ones are spawned; of those that are too many, the last ones are taken off the list
    /// at once, and stop when they have handled what is queued for them. What senders of other workers had on its way
    /// then may come after that, and is a dead letter.
    pub fn resize(&self, sender: &mut impl Tell, size: usize) {
        sender.tell(self.actor, PoolMessage::resize(size));
    }

    /// How many routees routers choose from at present.
    #[must_use]
    pub fn size(&self) -> usize {
        self.list.len()
    }

    /// The actor that owns the routees.
    #[must_use]
    pub const fn actor(&self) -> ActorRef<PoolMessage> {
        self.actor
    }
}

impl<M, S: Clone> Clone for PoolRef<M, S> {
    fn clone(&self) -> Self {
        Self { list: self.list.clone(), actor: self.actor, strategy: self.strategy.clone() }
    }
}

impl<M, S: fmt::Debug> fmt::Debug for PoolRef<M, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, size) = (self.actor.address(), self.list.len());
        write!(formatter, "PoolRef<{}>({address}, {size} routees, {:?})", std::any::type_name::<M>(), self.strategy)
    }
}

/// What the actor of a pool understands.
#[derive(Debug)]
pub struct PoolMessage(Order);

#[derive(Debug)]
enum Order {
    Resize(usize),
    Size(Reply<usize>),
    Gone(Terminated),
    /// It is time to spawn those that are missing.
    Fill,
    Settle,
}

impl PoolMessage {
    /// Sets the number of routees, as [`PoolRef::resize`] does.
    #[must_use]
    pub const fn resize(size: usize) -> Self {
        Self(Order::Resize(size))
    }

    /// Asks for the number of routees, for actors that [`ask`](Context::ask) it.
    #[must_use]
    pub const fn size(reply: Reply<usize>) -> Self {
        Self(Order::Size(reply))
    }
}

/// A routee, as its pool knows it.
struct Kept<M> {
    index: usize,
    actor: ActorRef<M>,
    /// What is counted, and what it was at the last look.
    load: Option<(Arc<Load>, (u64, u64))>,
}

/// The actor of a pool: parent of the routees.
struct Keeper<M, F> {
    list: Arc<List<M>>,
    size: Arc<AtomicUsize>,
    props: MakeProps<M>,
    factory: F,
    counts: bool,
    replace_after: Option<Duration>,
    /// In order of their indices.
    routees: Vec<Kept<M>>,
    /// Whether a timer is armed for it.
    is_fill_due: bool,
}

impl<M, A, F> Keeper<M, F>
where
    M: Send + 'static,
    A: Actor<Msg = M>,
    F: FnMut() -> A + Clone + Send + 'static,
{
    /// Spawns what is missing.
    fn fill(&mut self, ctx: &mut Context<'_, PoolMessage>) {
        while self.routees.len() < self.size.load(Ordering::Relaxed) {
            match self.spawn_routee(ctx) {
                Ok(()) => {}
                Err(SpawnError::Stopping) => return,
                Err(error) => {
                    tracing::warn!(pool = %ctx.me().address(), %error, "a routee cannot be spawned");
                    return self.fill_after(SPAWN_AGAIN, ctx);
                }
            }
        }
    }

    fn spawn_routee(&mut self, ctx: &mut Context<'_, PoolMessage>) -> Result<(), SpawnError> {
        // The first index that is free: they are in order.
        let index = (0..).zip(&self.routees).find(|(index, kept)| *index != kept.index);
        let index = index.map_or(self.routees.len(), |(index, _)| index);
        let (props, mut factory) = ((self.props)(index), self.factory.clone());
        let (actor, load) = if self.counts {
            let load = Arc::new(Load::default());
            let counted = load.clone();
            let make = move || Counted { actor: factory(), load: counted.clone() };
            (ctx.spawn(props, make)?, Some(load))
        } else {
            (ctx.spawn(props, factory)?, None)
        };
        ctx.watch(actor, |terminated| PoolMessage(Order::Gone(terminated)));
        self.list.add(Routee::of_pool(actor, index, load.clone()));
        self.routees.insert(index, Kept { index, actor, load: load.map(|load| (load, (0, 0))) });
        Ok(())
    }

    fn resize(&mut self, size: usize, ctx: &mut Context<'_, PoolMessage>) {
        self.size.store(size, Ordering::Relaxed);
        while self.routees.len() > size
            && let Some(last) = self.routees.pop()
        {
            self.list.remove(last.actor.address());
            ctx.stop(last.actor, Stop::AfterQueued);
        }
        self.fill(ctx);
    }

    fn gone(&mut self, terminated: &Terminated, ctx: &mut Context<'_, PoolMessage>) {
        self.list.remove(terminated.actor);
        let Some(found) = self.routees.iter().position(|kept| kept.actor.address() == terminated.actor) else {
            // It was one too many.
            return;
        };
        self.routees.remove(found);
        match self.replace_after {
            None => self.size.store(self.size.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed),
            Some(_) if terminated.reason == StopReason::Shutdown => {}
            Some(wait) if wait.is_zero() => self.fill(ctx),
            Some(wait) => self.fill_after(wait, ctx),
        }
    }

    fn fill_after(&mut self, wait: Duration, ctx: &mut Context<'_, PoolMessage>) {
        if !self.is_fill_due {
            // Without room for a timer it has to wait until something else makes the pool fill.
            self.is_fill_due = ctx.send_after(wait, PoolMessage(Order::Fill)).is_ok();
        }
    }

    /// What was sent to a routee and lost, such as by a mailbox that drops messages, would make it look busy for good. One
    /// that was sent nothing and has handled nothing for a while is idle, whatever the counts say. And nobody has handled
    /// more than it was sent: one that had twice, so that it is not for a count in between, was sent the rest by others.
    fn settle(&mut self) {
        for (load, seen) in self.routees.iter_mut().filter_map(|kept| kept.load.as_mut()) {
            let counts = load.counts();
            if counts == *seen && counts.0 != counts.1 || is_ahead(counts) && is_ahead(*seen) {
                load.settle(counts);
            }
            *seen = load.counts();
        }
    }
}

/// Whether more was handled than was sent.
const fn is_ahead((sent, handled): (u64, u64)) -> bool {
    sent.wrapping_sub(handled).cast_signed() < 0
}

impl<M, A, F> Actor for Keeper<M, F>
where
    M: Send + 'static,
    A: Actor<Msg = M>,
    F: FnMut() -> A + Clone + Send + 'static,
{
    type Msg = PoolMessage;

    fn started(&mut self, ctx: &mut Context<'_, PoolMessage>) {
        if self.counts && ctx.send_every(SETTLE_PERIOD, MissedTick::Skip, || PoolMessage(Order::Settle)).is_err() {
            tracing::warn!(pool = %ctx.me().address(), "there is no timer to settle the counts of lost messages with");
        }
        self.fill(ctx);
    }

    fn handle(&mut self, PoolMessage(order): PoolMessage, ctx: &mut Context<'_, PoolMessage>) {
        match order {
            Order::Resize(size) => self.resize(size, ctx),
            Order::Size(reply) => reply.send(ctx, self.routees.len()),
            Order::Gone(terminated) => self.gone(&terminated, ctx),
            Order::Fill => {
                self.is_fill_due = false;
                self.fill(ctx);
            }
            Order::Settle => self.settle(),
        }
    }
}

/// However the pool ends, or begins anew, its routees have stopped: nobody is to be sent to.
impl<M, F> Drop for Keeper<M, F> {
    fn drop(&mut self) {
        self.list.clear();
    }
}
