//! Sources, and what can be put behind them.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{ActorRef, On, Reply};

use super::asking::{Asks, MapAsync};
use super::boundary::{Inlet, Outlet};
use super::failure::{Named, OnFailure, Supervised};
use super::fanout::{Balance, Broadcast, Fanout, Partition, Route};
use super::feed::{Feed, feed};
use super::join::{Concat, Merge, Zip};
use super::origin::{Failing, Iter, Ticks};
use super::running::{Plan, Runnable, slot};
use super::signal::{Held, Link, Tally};
use super::sink::{Drain, Sink};
use super::stage::{BoxedStage, Stage};
use super::timed::{Batch, Throttle};
use super::transform::{FilterMap, FlatMap, Map, Scan, Skip, Take, TakeWhile, TryMap};

/// Something that elements come out of, with all that was put behind it so far.
///
/// What is put behind a source runs in the same actor as it, as one loop, until there is a [boundary](Self::boundary).
/// Nothing runs before the stream is [run](Runnable::run).
#[must_use = "a source does nothing until it is run into a sink"]
pub struct Source<S> {
    stage: S,
    /// Where the stages behind the last boundary are to run.
    on: On,
    /// The boundaries above those.
    inlets: Vec<Arc<Link>>,
    /// The islands above those.
    plans: Vec<Plan>,
}

impl Source<()> {
    /// The elements of an iterator. An endless one makes an endless stream.
    pub fn iter<I>(elements: I) -> Source<impl Stage<Item = I::Item>>
    where
        I: IntoIterator<IntoIter: Send + 'static>,
    {
        Source::of(Iter { iter: elements.into_iter().fuse() })
    }

    /// What a function gives, until it gives `None`.
    pub fn from_fn<T: 'static>(next: impl FnMut() -> Option<T> + Send + 'static) -> Source<impl Stage<Item = T>> {
        Source::iter(std::iter::from_fn(next))
    }

    /// What a function makes of a state that it changes, until it gives `None`.
    pub fn unfold<A, T>(
        state: A,
        mut next: impl FnMut(&mut A) -> Option<T> + Send + 'static,
    ) -> Source<impl Stage<Item = T>>
    where
        A: Send + 'static,
        T: 'static,
    {
        let mut state = state;
        Source::from_fn(move || next(&mut state))
    }

    /// No elements.
    pub fn empty<T: Send + 'static>() -> Source<impl Stage<Item = T>> {
        Source::iter(std::iter::empty())
    }

    /// No elements, and the stream fails.
    pub fn failing<T: 'static>(text: impl Into<String>) -> Source<impl Stage<Item = T>> {
        Source::of(Failing { text: text.into(), item: PhantomData })
    }

    /// The number of each period that is over, from 0: the first one comes after a period. Periods that end while nobody
    /// has room for an element are left out; the grid stays. Times are rounded up to the timer resolution.
    pub fn ticks(period: Duration) -> Source<impl Stage<Item = u64>> {
        Source::of(Ticks::new(period))
    }

    /// What is pushed into a [`Feed`], which has room for so many elements: at least one, at most 2³⁰.
    pub fn feed<T: Send + 'static>(elements: usize) -> (Feed<T>, Source<impl Stage<Item = T>>) {
        let (feed, fed) = feed(elements);
        (feed, Source::of(fed))
    }
}

impl<S: Stage> Source<S> {
    fn of(stage: S) -> Self {
        Self { stage, on: On::Here, inlets: Vec::new(), plans: Vec::new() }
    }

    fn then<U: Stage>(self, put: impl FnOnce(S) -> U) -> Source<U> {
        Source { stage: put(self.stage), on: self.on, inlets: self.inlets, plans: self.plans }
    }

    fn then_with<U, V: Stage>(self, other: Source<U>, put: impl FnOnce(S, U) -> V) -> Source<V> {
        let (mut inlets, mut plans) = (self.inlets, self.plans);
        inlets.extend(other.inlets);
        plans.extend(other.plans);
        Source { stage: put(self.stage, other.stage), on: self.on, inlets, plans }
    }

    /// Makes something of each element.
    pub fn map<U>(self, map: impl FnMut(S::Item) -> U + Send + 'static) -> Source<impl Stage<Item = U>>
    where
        U: 'static,
    {
        self.then(|up| Map { up, map })
    }

    /// Makes something of each element, which may fail: then [`on_failure`](Self::on_failure) says what follows.
    pub fn try_map<U: 'static, E: fmt::Display + 'static>(
        self,
        map: impl FnMut(S::Item) -> Result<U, E> + Send + 'static,
    ) -> Source<impl Stage<Item = U>> {
        self.then(|up| TryMap { up, map })
    }

    /// The elements that a function accepts.
    pub fn filter(
        self,
        mut accepts: impl FnMut(&S::Item) -> bool + Send + 'static,
    ) -> Source<impl Stage<Item = S::Item>>
    where
        S::Item: 'static,
    {
        let map = move |item| accepts(&item).then_some(item);
        self.then(|up| FilterMap { up, map, operator: "filter" })
    }

    /// What a function makes of those elements of which it makes something.
    pub fn filter_map<U: 'static>(
        self,
        map: impl FnMut(S::Item) -> Option<U> + Send + 'static,
    ) -> Source<impl Stage<Item = U>> {
        self.then(|up| FilterMap { up, map, operator: "filter_map" })
    }

    /// The elements of what a function makes of each element, one after the other.
    pub fn flat_map<I>(self, mut map: impl FnMut(S::Item) -> I + Send + 'static) -> Source<impl Stage<Item = I::Item>>
    where
        I: IntoIterator<IntoIter: Send + 'static> + 'static,
    {
        self.then(|up| FlatMap { up, map: move |item| map(item).into_iter(), inner: None })
    }

    /// What a function makes of a state, which it may change, and each element.
    pub fn scan<A, U>(
        self,
        initial: A,
        step: impl FnMut(&mut A, S::Item) -> U + Send + 'static,
    ) -> Source<impl Stage<Item = U>>
    where
        A: Clone + Send + 'static,
        U: 'static,
    {
        self.then(|up| Scan { up, state: initial.clone(), initial, step })
    }

    /// Looks at each element as it passes.
    pub fn inspect(self, mut look: impl FnMut(&S::Item) + Send + 'static) -> Source<impl Stage<Item = S::Item>>
    where
        S::Item: 'static,
    {
        let map = move |item| {
            look(&item);
            item
        };
        self.map(map)
    }

    /// The first so many elements. Then what is above is told that no more are wanted.
    pub fn take(self, elements: u64) -> Source<impl Stage<Item = S::Item>> {
        self.then(|up| Take { up, left: elements })
    }

    /// The elements before the first one that a function refuses, which is dropped.
    pub fn take_while(
        self,
        takes: impl FnMut(&S::Item) -> bool + Send + 'static,
    ) -> Source<impl Stage<Item = S::Item>> {
        self.then(|up| TakeWhile { up, takes })
    }

    /// The elements behind the first so many.
    pub fn skip(self, elements: u64) -> Source<impl Stage<Item = S::Item>> {
        self.then(|up| Skip { up, left: elements })
    }

    /// So many elements in one, and at the end what is left. Allocates each batch.
    pub fn batch(self, elements: usize) -> Source<impl Stage<Item = Vec<S::Item>>>
    where
        S::Item: Send,
    {
        self.then(|up| Batch::new(up, elements, None))
    }

    /// So many elements in one, or those that came within the time after the first of them. Allocates each batch.
    pub fn batch_within(self, elements: usize, time: Duration) -> Source<impl Stage<Item = Vec<S::Item>>>
    where
        S::Item: Send,
    {
        self.then(|up| Batch::new(up, elements, Some(time)))
    }

    /// Lets no more than so many elements pass in a time: a bucket of that many tokens, full at the beginning, that fills
    /// evenly. What comes faster waits above.
    pub fn throttle(self, elements: u64, per: Duration) -> Source<impl Stage<Item = S::Item>> {
        self.then(|up| Throttle::new(up, elements, per))
    }

    /// Asks an actor about each element, up to `parallelism` at a time, and gives on its answers in the order of the
    /// elements. An ask that has no answer in the time is a failure of this stage on its element.
    ///
    /// With a `Reply<()>` this is a sink to an actor that acknowledges.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Engine, On, Reply, from_fn};
    /// use hippodrome_toolkit::stream::Source;
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder().unpinned_workers(2).start()?;
    /// struct Square(u64, Reply<u64>);
    /// let squares = || from_fn(|Square(n, reply), ctx| reply.send(ctx, n * n));
    /// let squares = engine.handle().spawn(On::Worker(1), squares)?;
    /// let stream = Source::iter(1..4).map_async(16, Duration::from_secs(1), squares, Square).collect(10);
    /// assert_eq!(stream.run(&engine.handle())?.wait(Duration::from_secs(5))?, [1, 4, 9]);
    /// # engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_async<M, U>(
        self,
        parallelism: usize,
        timeout: Duration,
        actor: ActorRef<M>,
        make: impl FnMut(S::Item, Reply<U>) -> M + Send + 'static,
    ) -> Source<impl Stage<Item = U>>
    where
        M: Send + 'static,
        U: Send + 'static,
    {
        self.then(|up| MapAsync::new(up, Asks { actor, make, parallelism, timeout, is_ordered: true }))
    }

    /// As [`map_async`](Self::map_async), but gives on the answers in the order in which they come.
    pub fn map_async_unordered<M, U>(
        self,
        parallelism: usize,
        timeout: Duration,
        actor: ActorRef<M>,
        make: impl FnMut(S::Item, Reply<U>) -> M + Send + 'static,
    ) -> Source<impl Stage<Item = U>>
    where
        M: Send + 'static,
        U: Send + 'static,
    {
        self.then(|up| MapAsync::new(up, Asks { actor, make, parallelism, timeout, is_ordered: false }))
    }

    /// Puts a flow behind it: any function that makes a source of a source.
    pub fn via<U>(self, flow: impl FnOnce(Self) -> Source<U>) -> Source<U> {
        flow(self)
    }

    /// Hides what it is made of, so that its type can be named, stored, and be the same for different ones. Each element
    /// costs a dynamic call.
    pub fn boxed(self) -> Source<BoxedStage<S::Item>>
    where
        S::Item: 'static,
    {
        self.then(|up| Box::new(up) as BoxedStage<S::Item>)
    }

    /// The elements of both, as they come: in turn, where both have some. Both run where this one is [placed](Self::on), as
    /// those of a zip and a concat do; with a [boundary](Self::boundary) behind it the other runs elsewhere.
    pub fn merge<U: Stage<Item = S::Item>>(self, other: Source<U>) -> Source<impl Stage<Item = S::Item>> {
        self.then_with(other, |one, other| Merge {
            one,
            other,
            one_ended: false,
            other_ended: false,
            other_first: false,
        })
    }

    /// Pairs of the elements of both; ends with the shorter.
    pub fn zip<U: Stage>(self, other: Source<U>) -> Source<impl Stage<Item = (S::Item, U::Item)>>
    where
        S::Item: Send,
    {
        self.then_with(other, |one, other| Zip { one, other, held: Held::new(0, &Tally::default()) })
    }

    /// The elements of this one, and then those of the other.
    pub fn concat<U: Stage<Item = S::Item>>(self, other: Source<U>) -> Source<impl Stage<Item = S::Item>> {
        self.then_with(other, |one, other| Concat { one, other, one_ended: false })
    }

    /// Names the part above, up to the last name or boundary: failures in it have this name.
    pub fn named(self, name: &'static str) -> Source<impl Stage<Item = S::Item>> {
        self.then(|up| Named { up, name })
    }

    /// Says what becomes of failures in the part above, up to the last boundary, that are not decided further up. A sink
    /// has a [policy](Sink::on_failure) of its own.
    pub fn on_failure(self, policy: OnFailure) -> Source<impl Stage<Item = S::Item>> {
        self.then(|up| Supervised { up, policy, unwound: Cell::new(false) })
    }

    /// Places what stands behind the last boundary; without this it is on the worker of the stream's actor.
    pub fn on(mut self, on: On) -> Self {
        self.on = on;
        self
    }

    /// Ends the actor that runs what is above, and begins another one, which is placed there.
    ///
    /// Elements cross in chunks of up to 128, of which there are four: with those that are open at the two ends, up to 768
    /// elements are on the way. Nothing is allocated in the steady state.
    pub fn boundary(self, on: On) -> Source<impl Stage<Item = S::Item>>
    where
        S::Item: Send + 'static,
    {
        let link = Link::new();
        let outlet = Outlet::new(link.clone());
        let plans = self.into_plans(outlet, vec![link.clone()]);
        Source { stage: Inlet::new(link.clone()), on, inlets: vec![link], plans }
    }

    /// Gives each element to all of `N` branches, each of which begins behind a boundary. It goes on with the slowest; a
    /// branch that takes no more is left out.
    ///
    /// All branches must be run as one; see [`Runnable::with`].
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Engine, On};
    /// use hippodrome_toolkit::stream::Source;
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder().unpinned_workers(2).start()?;
    /// let [sums, counts] = Source::iter(1..=100_u64).broadcast();
    /// let sum = sums.on(On::Worker(1)).fold(0, |sum, n| *sum += n);
    /// let both = sum.with(counts.filter(|n| n % 3 == 0).count());
    /// assert_eq!(both.run(&engine.handle())?.wait(Duration::from_secs(5))?, (5050, 33));
    /// # engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn broadcast<const N: usize>(self) -> [Source<impl Stage<Item = S::Item>>; N]
    where
        S::Item: Clone + Send + 'static,
    {
        self.fan_out(Broadcast)
    }

    /// Gives each element to one of `N` branches that has room, each of which begins behind a boundary: a chunk for one, a
    /// chunk for the next.
    ///
    /// All branches must be run as one; see [`Runnable::with`].
    pub fn balance<const N: usize>(self) -> [Source<impl Stage<Item = S::Item>>; N]
    where
        S::Item: Send + 'static,
    {
        self.fan_out(Balance { at: 0 })
    }

    /// Gives each element to the one of `N` branches that its key says, modulo `N`; each begins behind a boundary. It
    /// goes on with the slowest. What is for a branch that takes no more is dropped.
    ///
    /// All branches must be run as one; see [`Runnable::with`].
    pub fn partition<const N: usize>(
        self,
        key: impl FnMut(&S::Item) -> u64 + Send + 'static,
    ) -> [Source<impl Stage<Item = S::Item>>; N]
    where
        S::Item: Send + 'static,
    {
        self.fan_out(Partition { key, item: PhantomData })
    }

    fn fan_out<R: Route<S::Item>, const N: usize>(self, route: R) -> [Source<Inlet<S::Item>>; N]
    where
        S::Item: Send + 'static,
    {
        let links: [Arc<Link>; N] = std::array::from_fn(|_| Link::new());
        let outlets = links.iter().map(|link| Outlet::new(link.clone())).collect();
        // The first branch has what is above all of them.
        let mut plans = self.into_plans(Fanout::new(outlets, route), links.to_vec());
        links.map(|link| {
            let plans = std::mem::take(&mut plans);
            Source { stage: Inlet::new(link.clone()), on: On::Here, inlets: vec![link], plans }
        })
    }

    /// Ends the island with a drain whose result nobody wants.
    fn into_plans<D: Drain<S::Item>>(self, drain: D, outlets: Vec<Arc<Link>>) -> Vec<Plan> {
        let mut plans = self.plans;
        plans.push(Plan::new(self.on, self.stage, drain, slot(), self.inlets, outlets));
        plans
    }

    /// Ends the stream in a sink.
    pub fn to<D: Drain<S::Item>>(self, sink: Sink<D>) -> Runnable<D::Output> {
        let (mut plans, result) = (self.plans, slot());
        plans.push(Plan::new(self.on, self.stage, sink.0, result.clone(), self.inlets, Vec::new()));
        Runnable::new(plans, result)
    }

    /// Does something with each element; see [`Sink::for_each`].
    pub fn for_each(self, each: impl FnMut(S::Item) + Send + 'static) -> Runnable<()> {
        self.to(Sink::for_each(each))
    }

    /// Makes one value of all elements; see [`Sink::fold`].
    pub fn fold<A: Send + 'static>(
        self,
        initial: A,
        step: impl FnMut(&mut A, S::Item) + Send + 'static,
    ) -> Runnable<A> {
        self.to(Sink::fold(initial, step))
    }

    /// Gathers up to `limit` elements; see [`Sink::collect`].
    pub fn collect(self, limit: usize) -> Runnable<Vec<S::Item>>
    where
        S::Item: Send + 'static,
    {
        self.to(Sink::collect(limit))
    }

    /// Takes the first element; see [`Sink::head`].
    pub fn head(self) -> Runnable<Option<S::Item>>
    where
        S::Item: Send + 'static,
    {
        self.to(Sink::head())
    }

    /// Counts the elements; see [`Sink::count`].
    pub fn count(self) -> Runnable<u64> {
        self.to(Sink::count())
    }

    /// Drops the elements; see [`Sink::ignore`].
    pub fn ignore(self) -> Runnable<()> {
        self.to(Sink::ignore())
    }

    /// Tells each element to an actor; see [`Sink::actor`].
    pub fn to_actor(self, actor: ActorRef<S::Item>) -> Runnable<()>
    where
        S::Item: Send + 'static,
    {
        self.to(Sink::actor(actor))
    }
}

impl<S> fmt::Debug for Source<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Source({:?}, behind {} islands)", self.on, self.plans.len())
    }
}
