//! Deadlocks: actors that wait on each other.
//!
//! # What
//! No handler ever waits, so no core can be stopped by a deadlock. What can happen is that actors ask in a circle and
//! each keeps the reply that it owes until its own answer comes: nobody gets one until the asks time out. The engine
//! looks for such circles and reports each as a [`SystemEvent::WaitCycle`](crate::SystemEvent::WaitCycle).
//!
//! # Trade-offs
//! Nothing is done when an ask is made but to note whom it was sent to. Every
//! [`wait_cycle_threshold_ms`](crate::Config::wait_cycle_threshold_ms) or two, each worker goes over its asks, a few in a
//! turn, and shows those that have waited for so long; somebody else looks for circles in them.
//!
//! An actor counts as waiting for the one that it asked. If that one has sent the reply on to a third, which the engine
//! cannot know, a circle may be reported that is none, or be missed. Senders that a full private mailbox refuses do not
//! wait at all: they have the message again, or it is a dead letter. An actor that keeps what was refused and tries again
//! by itself is not seen by anybody.
//!
//! # How it works
//! Workers are looked at one after another, while actors go on. A circle is made of asks that were found in two looks in a
//! row, the second of which began when the first had ended: all of them waited in the moment between, at once. A
//! [`Host`](crate::Host) has all workers on one thread and needs but one look.

pub(crate) mod cycles;
pub(crate) mod waits;
pub(crate) mod watchdog;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::supervise::nanos;
use crate::worker::Worker;
use cycles::cycles;
use waits::Wait;

/// An actor in a [`WaitCycle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Waiter {
    /// Who waits.
    pub actor: Address,
    /// The actor's Rust type.
    pub actor_type: &'static str,
}

/// Actors that wait on each other: each has asked the next, and the last has asked the first.
///
/// A clone is shared and costs no allocation. It prints as `1/0/3.1 (Buyer) -> 1/1/0.1 (Seller) -> 1/0/3.1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WaitCycle(Arc<[Waiter]>);

impl WaitCycle {
    /// In the order of asking, beginning with the lowest address, whoever was found first.
    pub(crate) fn new(mut waiters: Vec<Waiter>) -> Self {
        let lowest = (0..waiters.len()).min_by_key(|at| waiters[*at].actor.rank());
        waiters.rotate_left(lowest.unwrap_or(0));
        Self(waiters.into())
    }

    /// The actors in the order of asking. An actor that has asked itself is alone.
    #[must_use]
    pub fn actors(&self) -> &[Waiter] {
        &self.0
    }
}

impl fmt::Display for WaitCycle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Waiter { actor, actor_type } in self.actors() {
            write!(formatter, "{actor} ({actor_type}) -> ")?;
        }
        self.actors().first().map_or(Ok(()), |first| first.actor.fmt(formatter))
    }
}

/// The asks that have waited for so long, of workers that are on this thread.
pub(crate) fn waits_among(workers: &[Worker], at_least_ns: u64) -> Vec<Wait> {
    let mut waits = Vec::new();
    workers.iter().for_each(|worker| worker.core().find_all_waits(at_least_ns, &mut waits));
    waits
}

/// The cycles in them.
pub(crate) fn cycles_among(workers: &[Worker], waiting: Duration) -> Vec<WaitCycle> {
    let cycle = |waits: Vec<Wait>| WaitCycle::new(waits.iter().map(|wait| wait.asker).collect());
    cycles(&mut waits_among(workers, nanos(waiting))).into_iter().map(cycle).collect()
}
