//! Statistics: what a worker counts, the snapshots that others see, and the ways out of the process.
//!
//! # What
//! [`Handle::stats`](crate::Handle::stats) gives a [`Stats`]: the counts of each worker and of each type of actor, since
//! the engine started. A [`Snapshot`] is the same for other programs: it has a version, quantiles instead of histograms,
//! and goes through `serde`. With the feature `metrics`, `Stats::export` gives it to the `metrics` facade. An engine whose
//! configuration says so serves its snapshots on a local socket.
//!
//! # Trade-offs
//! A worker counts in plain numbers of its own; nothing is shared for each message. It shows its counts every 1024
//! turns and before it parks, and shows everything when it is asked to, between two turns. So watching costs nothing
//! while nobody looks. With histograms on, a snapshot copies half a MiB on the worker for each type of actor there.
//!
//! # How the socket works
//! [`Config::stats_socket`](crate::Config::stats_socket) or [`Builder::stats_socket`](crate::Builder::stats_socket) names
//! a Unix-domain socket; without that nothing listens. One thread, `NAME-top`, serves it and never waits for a client.
//!
//! * The file is the owner's alone (mode 0600). One that a dead process left behind is replaced; if something listens
//!   there, or it is no socket, the engine does not start. It is removed when the engine ends.
//! * A client gets a line of JSON at once, a [`Snapshot`], and another every second. It may write a line such as
//!   `{"every_ms": 500}`, at any time, to get one at that interval instead: 50 to 60,000 ms. Its last line comes when the
//!   engine has ended. To go, it closes its end, or the half that it writes to.
//! * A client that cannot be served gets a line such as `{"error": "..."}` and is let go: the ninth at a time, one whose
//!   request is not like the above, or is longer than 1 KiB. One that has not taken a line for two seconds is let go too.
//! * Workers are asked for a snapshot every 50 ms at most, however many clients there are.
//!
//! # How to use
//! `perf top /run/orders.socket` shows a program that was configured with
//!
//! ```toml
//! stats_socket = "/run/orders.socket"
//! histograms = true # for waiting and handling times
//! ```
//!
//! Any other program reads lines:
//!
//! ```
//! # #[cfg(unix)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::io::{BufRead, BufReader};
//! use std::os::unix::net::UnixStream;
//!
//! use hippodrome::Engine;
//! use hippodrome::stats::Snapshot;
//!
//! let path = std::env::temp_dir().join(format!("hippodrome-doc-{}.socket", std::process::id()));
//! let engine = Engine::builder().unpinned_workers(2).stats_socket(path.to_string_lossy()).start()?;
//!
//! let mut line = String::new();
//! BufReader::new(UnixStream::connect(&path)?).read_line(&mut line)?;
//! let snapshot: Snapshot = serde_json::from_str(&line)?;
//! assert_eq!((snapshot.version, snapshot.workers.len()), (Snapshot::VERSION, 2));
//! # drop(engine);
//! # Ok(())
//! # }
//! # #[cfg(not(unix))]
//! # fn main() {}
//! ```

#[cfg(feature = "metrics")]
mod export;
#[cfg(unix)]
mod service;
#[cfg(not(unix))]
#[path = "stats/no_service.rs"]
mod service;
mod snapshot;
#[cfg(unix)]
mod socket;

use std::any::TypeId;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::cell::Vtable;
use crate::core::Core;
use crate::dead_letter::{DeadLetterCounts, DeadLetterReason};
use crate::running::Running;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

pub(crate) use service::{Claim, Service};
pub use snapshot::{ActorTypeSnapshot, Quantiles, Snapshot, WorkerSnapshot};

/// A worker's own counts; plain numbers, since nobody else touches them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) handled: u64,
    pub(crate) sent: u64,
    pub(crate) flushed: u64,
    pub(crate) turns: u64,
    pub(crate) idle_turns: u64,
    /// Things done that are not messages of actors.
    pub(crate) steps: u64,
    pub(crate) dead_letters: DeadLetterCounts,
    pub(crate) panics: u64,
    /// Panics of foreign code that is nobody's handler: drops of messages and states, `stopped`.
    pub(crate) contained_panics: u64,
    pub(crate) rescued_wakeups: u64,
    pub(crate) parks: u64,
    /// Orders to other workers for which even the reserved room was full.
    pub(crate) lost_orders: u64,
    pub(crate) mailbox_high_water: u64,
    /// Of outboxes that the worker has let go of.
    pub(crate) outbox_high_water_bytes: u64,
}

impl Counters {
    /// A number that changes whenever anything was done.
    #[inline(always)]
    pub(crate) fn progress(&self) -> u64 {
        self.handled + self.steps
    }
}

/// The counts of one worker at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct WorkerStats {
    /// The core that the worker is pinned to.
    pub core: Option<u32>,
    /// Actors that live there, those included that are just being spawned.
    pub actors: u64,
    /// Messages handled by actors.
    pub handled: u64,
    /// Messages and answers sent by actors.
    pub sent: u64,
    /// Batches published to other workers.
    pub flushed: u64,
    /// Turns of the duty cycle.
    pub turns: u64,
    /// Turns that found nothing to do.
    pub idle_turns: u64,
    /// How often the worker parked.
    pub parks: u64,
    /// Messages that could not be handled, by reason.
    pub dead_letters: DeadLetterCounts,
    /// Panics of actors.
    pub panics: u64,
    /// Panics in drops, in `stopped`, in notices of ends and in key functions, which end nothing. Those on threads outside
    /// are not among them.
    pub contained_panics: u64,
    /// Wake-ups that were missed and found by the bounded park. Always 0, unless there is a defect.
    pub rescued_wakeups: u64,
    /// Orders to other workers that were lost because even their reserved room was full.
    pub lost_orders: u64,
    /// The bytes that wait in the local ring, in whole segments of 16 KiB, or 0. What waits is looked at when a worker is
    /// asked for a snapshot, not when it shows its counts by itself.
    pub local_ring_bytes: u64,
    /// The bytes that wait in the ingress, where handles send.
    pub ingress_bytes: u64,
    /// The bytes that other workers have not read yet of what this one sent them, in lanes and outboxes.
    pub lanes_bytes: u64,
    /// The most bytes that the local ring held at once.
    pub local_ring_high_water_bytes: u64,
    /// The most bytes that an outbox held at once.
    pub outbox_high_water_bytes: u64,
    /// The most messages that a private mailbox held, of those whose actor has stopped.
    pub mailbox_high_water: u64,
    /// The most timers that were armed at once.
    pub timers_high_water: u64,
}

/// The counts of one type of actor on one worker.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActorTypeStats {
    /// The worker's index.
    pub worker: usize,
    /// The actor's Rust type.
    pub actor_type: &'static str,
    /// Messages handled.
    pub handled: u64,
    /// Messages and answers sent.
    pub sent: u64,
    /// How long messages waited, in nanoseconds, if histograms are switched on. Measured from the turn or the batch that
    /// a message was sent in. Messages that came through an ingress, from a [`Handle`](crate::Handle), are not measured.
    pub waiting_ns: Option<Histogram<u64>>,
    /// How long handlers took, in nanoseconds, if histograms are switched on. A run of messages counts as its mean.
    /// Messages from an ingress are not measured.
    pub handling_ns: Option<Histogram<u64>>,
}

/// A snapshot of an engine.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// The engine's name.
    pub engine: String,
    /// How long ago the engine started.
    pub uptime: Duration,
    /// By worker.
    pub workers: Vec<WorkerStats>,
    /// By type of actor and worker.
    pub actor_types: Vec<ActorTypeStats>,
    /// Messages from outside that could not be accepted or handled, by reason.
    pub outside_dead_letters: DeadLetterCounts,
    /// Events that did not fit the event ring.
    pub lost_events: u64,
}

impl Stats {
    /// Messages handled by all actors.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.workers.iter().map(|worker| worker.handled).sum()
    }

    /// Dead letters of all workers and of the threads outside.
    #[must_use]
    pub fn dead_letters(&self) -> DeadLetterCounts {
        let mut all = self.outside_dead_letters;
        self.workers.iter().for_each(|worker| all.add(&worker.dead_letters));
        all
    }

    /// Wake-ups that were missed. Always 0, unless there is a defect.
    #[must_use]
    pub fn rescued_wakeups(&self) -> u64 {
        self.workers.iter().map(|worker| worker.rescued_wakeups).sum()
    }
}

/// What a worker shows of its counts. Written by the worker now and then, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct PublishedStats {
    shown: Mutex<Shown>,
    /// The number of the turn, or 0 while the worker is parked: the watchdog's pulse, written in every turn.
    pub(crate) pulse: AtomicU64,
    /// Whether the service has asked for everything, and the worker has not answered yet.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no service without Unix-domain sockets"))]
    pub(crate) is_asked: AtomicBool,
}

/// A worker and its types of actors at one moment: what the types handled adds up to what the worker did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) worker: WorkerStats,
    pub(crate) types: Vec<ActorTypeStats>,
}

impl PublishedStats {
    pub(crate) fn shown(&self) -> Shown {
        self.shown.lock().clone()
    }
}

impl Core {
    /// Gives what was counted to the type that ran, before one with this index runs, and shows the watchdog which.
    #[inline(never)]
    pub(crate) fn count_type(&mut self, next: u32) {
        self.types.count(self.current.type_index, &self.counters);
        self.current.type_index = next;
        self.running.show(next);
    }

    /// Shows the watchdog which turn begins, or by 0 that none does for a while.
    #[inline]
    pub(crate) fn show_pulse(&self, turn: u64) {
        self.shared.workers[self.index].stats.pulse.store(turn, Ordering::Relaxed);
    }

    /// Shows the worker's counts and those of its types, unless somebody is just reading them.
    pub(crate) fn publish_counters(&mut self) {
        let shared = self.shared.clone();
        let me = &shared.workers[self.index];
        if let Some(mut shown) = me.stats.shown.try_lock() {
            let WorkerStats { local_ring_bytes, ingress_bytes, lanes_bytes, .. } = shown.worker;
            shown.worker = WorkerStats { local_ring_bytes, ingress_bytes, lanes_bytes, ..self.snapshot() };
            self.count_type(self.current.type_index);
            self.types.show_counts(self.index, &mut shown.types);
        }
    }

    fn snapshot(&self) -> WorkerStats {
        let Counters {
            handled,
            sent,
            flushed,
            turns,
            idle_turns,
            parks,
            panics,
            contained_panics,
            rescued_wakeups,
            lost_orders,
            ..
        } = self.counters;
        WorkerStats {
            core: self.settings.core,
            actors: u64::from(self.shared.workers[self.index].slots.taken()),
            handled,
            sent,
            flushed,
            turns,
            idle_turns,
            parks,
            dead_letters: self.counters.dead_letters,
            panics,
            contained_panics,
            rescued_wakeups,
            lost_orders,
            local_ring_high_water_bytes: self.local.high_water_bytes() as u64,
            outbox_high_water_bytes: self.outbound.high_water_bytes().max(self.counters.outbox_high_water_bytes),
            mailbox_high_water: self.counters.mailbox_high_water,
            timers_high_water: self.timers.high_water() as u64,
            ..WorkerStats::default()
        }
    }

    /// Shows everything: the counts, and those of the types with their histograms.
    pub(crate) fn publish_all(&mut self) {
        let shared = self.shared.clone();
        let me = &shared.workers[self.index];
        let all = WorkerStats {
            // Somebody may be reading the ring: nothing that moves its front is to be asked here.
            local_ring_bytes: if self.local.may_have_more() { self.local.used_bytes() as u64 } else { 0 },
            ingress_bytes: me.ingress.depth_bytes(),
            lanes_bytes: self.outbound.depth_bytes(),
            ..self.snapshot()
        };
        self.count_type(self.current.type_index);
        *me.stats.shown.lock() = Shown { worker: all, types: self.types.snapshot(self.index) };
    }
}

/// The messages of one type of actor.
#[derive(Clone, Copy, Default)]
struct TypeCounts {
    handled: u64,
    sent: u64,
}

struct TypeEntry {
    vtable: &'static Vtable,
    id: TypeId,
    histograms: Option<Box<Histograms>>,
}

struct Histograms {
    waiting_ns: Histogram<u64>,
    handling_ns: Histogram<u64>,
}

/// The counts of a worker's types of actors.
pub(crate) struct TypeTable {
    counts: Vec<TypeCounts>,
    /// The worker's counts as far as they were given to types.
    counted: TypeCounts,
    entries: Vec<TypeEntry>,
    histograms: bool,
}

/// Nothing waits or is handled for longer than this, as far as the histograms are concerned: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

impl TypeTable {
    pub(crate) fn new(histograms: bool) -> Self {
        Self { counts: Vec::new(), counted: TypeCounts::default(), entries: Vec::new(), histograms }
    }

    #[inline(always)]
    pub(crate) fn histograms_on(&self) -> bool {
        self.histograms
    }

    /// The index of an actor type's counts; looked up once per actor, from the latest type backwards.
    pub(crate) fn index_of(&mut self, vtable: &'static Vtable, running: &Running) -> u32 {
        let id = (vtable.type_id)();
        if let Some(index) = self.entries.iter().rposition(|entry| entry.id == id) {
            return index as u32;
        }
        let histograms =
            self.histograms.then(|| Box::new(Histograms { waiting_ns: histogram(), handling_ns: histogram() }));
        self.entries.push(TypeEntry { vtable, id, histograms });
        running.add((vtable.type_name)());
        self.counts.push(TypeCounts::default());
        self.entries.len() as u32 - 1
    }

    /// Gives what the worker has counted since the last call to a type.
    fn count(&mut self, type_index: u32, total: &Counters) {
        if let Some(counts) = self.counts.get_mut(type_index as usize) {
            counts.handled += total.handled - self.counted.handled;
            counts.sent += total.sent - self.counted.sent;
        }
        self.counted = TypeCounts { handled: total.handled, sent: total.sent };
    }

    /// Records how long each of so many messages took, and how long they had waited.
    pub(crate) fn record(&mut self, type_index: u32, handled: u64, handling_ns: u64, waiting_ns: Option<u64>) {
        let Some(entry) = self.entries.get_mut(type_index as usize) else { return };
        let Some(histograms) = &mut entry.histograms else { return };
        // The bounds are so wide that nothing is refused.
        let _ = histograms.handling_ns.record_n(handling_ns.clamp(1, LONGEST_NS), handled);
        if let Some(waiting_ns) = waiting_ns {
            let _ = histograms.waiting_ns.record_n(waiting_ns.clamp(1, LONGEST_NS), handled);
        }
    }

    fn snapshot(&self, worker: usize) -> Vec<ActorTypeStats> {
        (0..self.entries.len()).map(|index| self.show(worker, index)).collect()
    }

    fn show(&self, worker: usize, index: usize) -> ActorTypeStats {
        let (entry, counts) = (&self.entries[index], self.counts[index]);
        ActorTypeStats {
            worker,
            actor_type: (entry.vtable.type_name)(),
            handled: counts.handled,
            sent: counts.sent,
            waiting_ns: entry.histograms.as_ref().map(|both| both.waiting_ns.clone()),
            handling_ns: entry.histograms.as_ref().map(|both| both.handling_ns.clone()),
        }
    }

    /// Brings an older snapshot's counts up to date; its histograms, which are long, stay as they were.
    fn show_counts(&self, worker: usize, shown: &mut Vec<ActorTypeStats>) {
        for (old, counts) in shown.iter_mut().zip(&self.counts) {
            (old.handled, old.sent) = (counts.handled, counts.sent);
        }
        let known = shown.len();
        shown.extend((known..self.entries.len()).map(|index| self.show(worker, index)));
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are constants that are allowed")
}

impl fmt::Display for Stats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{:>6} {:>5} {:>8} {:>14} {:>14} {:>12} {:>12} {:>10}",
            "worker", "core", "actors", "handled", "sent", "turns", "idle", "dead"
        )?;
        for (index, worker) in self.workers.iter().enumerate() {
            let core = worker.core.map_or_else(|| "-".to_owned(), |core| core.to_string());
            writeln!(
                formatter,
                "{index:>6} {core:>5} {:>8} {:>14} {:>14} {:>12} {:>12} {:>10}",
                worker.actors,
                worker.handled,
                worker.sent,
                worker.turns,
                worker.idle_turns,
                worker.dead_letters.total()
            )?;
        }
        for reason in DeadLetterReason::ALL {
            let count = self.dead_letters().get(reason);
            if count > 0 {
                writeln!(formatter, "dead letters, {reason}: {count}")?;
            }
        }
        write!(formatter, "events that did not fit: {}", self.lost_events)
    }
}
