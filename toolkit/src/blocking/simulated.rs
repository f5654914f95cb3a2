//! A pool whose threads are actors of a simulation: the same work in an order and a time that follow from the seed.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::sim::Sim;
use hippodrome::{Actor, Context, On};

use super::error::PoolError;
use super::pool::{BlockingPool, Builder, Crew, Look};
use super::queue::{Job, Order, Queue};
use crate::duration::nanos;

impl Builder {
    /// Makes a pool for the actors of a simulation. Its threads are actors there, to whom no fault happens: which of them
    /// takes what, and when, follows from the seed. Each piece of work takes a time out of `takes`, of the simulation's own,
    /// and is run at its end; with `Duration::ZERO..=Duration::ZERO` it takes none.
    ///
    /// # Errors
    /// See [`PoolError`].
    ///
    /// # Examples
    /// ```
    /// use hippodrome::sim::explore;
    /// use hippodrome_toolkit::blocking::BlockingPool;
    /// use std::time::Duration;
    ///
    /// explore(10, |sim| {
    ///     let takes = Duration::ZERO..=Duration::from_millis(20);
    ///     let pool = BlockingPool::builder().threads(2).simulated(sim, takes).unwrap();
    ///     // Spawn the actors under test with it, as with any other pool.
    ///     assert_eq!(pool.running(), 0);
    /// });
    /// ```
    pub fn simulated(self, sim: &mut Sim, takes: RangeInclusive<Duration>) -> Result<BlockingPool, PoolError> {
        let queue = self.make_queue()?;
        let mut threads = Vec::with_capacity(self.threads);
        for _ in 0..self.threads {
            let (queue, takes) = (queue.clone(), takes.clone());
            let thread = sim.handle().spawn(On::LeastActors, move || SimulatedThread {
                queue: queue.clone(),
                takes: takes.clone(),
                job: None,
            })?;
            sim.spare(thread);
            threads.push(thread);
        }
        Ok(BlockingPool::new(queue, Crew::Simulated(threads.into())))
    }
}

/// Does what a thread does.
struct SimulatedThread {
    queue: Arc<Queue>,
    takes: RangeInclusive<Duration>,
    /// What it is about.
    job: Option<Box<dyn Job>>,
}

impl Actor for SimulatedThread {
    type Msg = Look;

    fn handle(&mut self, look: Look, ctx: &mut Context<'_, Look>) {
        match look {
            Look::Queue if self.job.is_some() => {}
            Look::Queue => self.take(ctx),
            Look::Done => {
                if let Some(job) = self.job.take() {
                    self.queue.finish(job);
                }
                self.take(ctx);
            }
        }
    }
}

impl SimulatedThread {
    /// Begins with the next work that nobody has cancelled.
    fn take(&mut self, ctx: &mut Context<'_, Look>) {
        while let Some(Order::Run(job)) = self.queue.try_next() {
            let Some(job) = self.queue.begin(job) else { continue };
            let (least, most) = (self.takes.start(), self.takes.end());
            let spread_ns = nanos(most.saturating_sub(*least));
            let takes = *least + Duration::from_nanos(ctx.random() % spread_ns.saturating_add(1));
            // Without a timer it takes no time.
            if takes.is_zero() || ctx.send_after(takes, Look::Done).is_err() {
                self.queue.finish(job);
                continue;
            }
            self.job = Some(job);
            return;
        }
    }
}

impl fmt::Debug for SimulatedThread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SimulatedThread(is busy: {})", self.job.is_some())
    }
}
