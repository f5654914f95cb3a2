//! The raw cache-line round trip: what two cores need at least to hand a word to and fro.
//!
//! ```text
//!   leader          line          follower
//!      | -- store n -> | -- load n -> |
//!      | <- load n+1 - | <- store n+1 |
//! ```
//!
//! On a virtual machine this figure moves while programs run, so every cross-core sample is taken between two of these,
//! by the same two threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use hippodrome::{Actor, ActorRef, Context, Handle, Reply};
use serde::Serialize;

use crate::sample::{Failure, median};

/// Round trips that are timed together, here and where messages make them: a clock's reading costs as much as a round
/// trip.
pub(crate) const ROUND_TRIPS_PER_TIMING: u64 = 32;

/// Timings of one measurement, after a quarter as many that are not counted.
const TIMINGS: u64 = 512;

/// A word on a cache line of its own, for one measurement.
#[derive(Debug, Default)]
pub(crate) struct Line(CachePadded<AtomicU64>);

impl Line {
    const WARM_UP: u64 = TIMINGS / 4;
    const LAST: u64 = 2 * (Self::WARM_UP + TIMINGS) * ROUND_TRIPS_PER_TIMING;

    /// The leader's part. Returns the median round trip in nanoseconds.
    pub(crate) fn lead(&self) -> f64 {
        let mut next = 0;
        let mut timings = Vec::with_capacity(TIMINGS as usize);
        for timing in 0..Self::WARM_UP + TIMINGS {
            let started = Instant::now();
            for _ in 0..ROUND_TRIPS_PER_TIMING {
                self.0.store(next + 1, Ordering::Release);
                next += 2;
                self.wait_for(next);
            }
            if timing >= Self::WARM_UP {
                timings.push(started.elapsed().as_nanos() as f64 / ROUND_TRIPS_PER_TIMING as f64);
            }
        }
        median(&mut timings)
    }

    /// The follower's part, on another core. Returns when the leader's is done.
    pub(crate) fn follow(&self) {
        for next in (2..=Self::LAST).step_by(2) {
            self.wait_for(next - 1);
            self.0.store(next, Ordering::Release);
        }
    }

    #[inline(always)]
    fn wait_for(&self, value: u64) {
        // No pause in between: it would be part of the figure.
        while self.0.load(Ordering::Acquire) != value {}
    }
}

/// The raw round trip right before a sample and right after it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Bracket {
    pub(crate) before_ns: f64,
    pub(crate) after_ns: f64,
}

impl Bracket {
    /// Whether the two differ by at most 20% of the smaller one.
    pub(crate) fn is_steady(&self) -> bool {
        (self.before_ns - self.after_ns).abs() <= 0.2 * self.before_ns.min(self.after_ns)
    }

    pub(crate) fn mean_ns(&self) -> f64 {
        (self.before_ns + self.after_ns) / 2.0
    }
}

/// An actor that plays the leader or the follower on its worker, whose thread it holds meanwhile.
pub(crate) struct Bouncer;

/// What a [`Bouncer`] is told.
pub(crate) enum Bounce {
    Lead(Arc<Line>, Reply<f64>),
    Follow(Arc<Line>),
}

impl Actor for Bouncer {
    type Msg = Bounce;

    fn handle(&mut self, bounce: Bounce, ctx: &mut Context<'_, Bounce>) {
        match bounce {
            Bounce::Lead(line, reply) => reply.send(ctx, line.lead()),
            Bounce::Follow(line) => line.follow(),
        }
    }
}

/// The raw round trip between two workers' threads.
pub(crate) fn between_workers(
    handle: &Handle,
    leader: ActorRef<Bounce>,
    follower: ActorRef<Bounce>,
) -> Result<f64, Failure> {
    let line = Arc::new(Line::default());
    handle.tell(follower, Bounce::Follow(line.clone()));
    Ok(handle.ask(leader, |reply| Bounce::Lead(line, reply)).wait(Duration::from_secs(60))?)
}

/// The raw round trip between the calling thread and a worker's.
pub(crate) fn to_worker(handle: &Handle, follower: ActorRef<Bounce>) -> f64 {
    let line = Arc::new(Line::default());
    handle.tell(follower, Bounce::Follow(line.clone()));
    line.lead()
}
