//! Plans: what a workload is to do, and within which limits.

use std::time::Duration;

use hippodrome::Config;
use hippodrome::config::WorkerConfig;

use super::random::Random;

/// What a workload does. All of it follows from the seed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Where all randomness starts from.
    pub seed: u64,
    /// The nodes of the graph; each is an actor, and when that has gone, another.
    pub actors: usize,
    /// Whether there are timers and watches. Their messages may be dropped without a report, when a timer is cancelled or
    /// a watcher has gone; without them the engine's counts must be exact.
    pub has_quiet: bool,
    /// In how many messages a handler panics once; 0 for never.
    pub panics_once_in: usize,
    /// Whether actors are spawned, stopped and killed.
    pub has_storms: bool,
    /// A defect that the workload plays once, to show that it is found.
    pub sabotage: Option<Sabotage>,
    /// The engine's limits.
    pub limits: Limits,
}

/// A defect of an engine, played by the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A message is neither sent nor dropped.
    Lose,
    /// A message is sent again.
    Double,
    /// Two messages change places.
    Reorder,
    /// A bit of a message turns over.
    Corrupt,
    /// A message goes to another actor.
    Misroute,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Lose, Self::Double, Self::Reorder, Self::Corrupt, Self::Misroute];
}

/// The most messages that a private mailbox holds, without its reserved room.
pub(crate) const MAILBOX_MOST: usize = 12;

/// The room of a private mailbox for answers, timers and notices.
const MAILBOX_RESERVED: u64 = 64;

/// The room of rings and outboxes for answers and orders, beyond their limits.
const RING_RESERVED_BYTES: u64 = 1 << 20;

/// What no high-water mark may be over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// By worker, in bytes.
    pub(crate) local_ring_bytes: Vec<u64>,
    /// By worker, in bytes.
    pub(crate) outbox_bytes: Vec<u64>,
    pub(crate) mailbox: u64,
    pub(crate) timers: u64,
    pub(crate) actors: u64,
}

impl Limits {
    /// The limits of an engine with this configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let workers = config.resolve();
        let bytes = |kib: u32| u64::from(kib) * 1024 + RING_RESERVED_BYTES;
        Self {
            local_ring_bytes: workers.iter().map(|worker| bytes(worker.local_ring_limit_kib)).collect(),
            outbox_bytes: workers.iter().map(|worker| bytes(worker.outbox_limit_kib)).collect(),
            mailbox: MAILBOX_MOST as u64 + MAILBOX_RESERVED,
            timers: u64::from(config.max_timers),
            actors: u64::from(config.max_actors),
        }
    }
}

impl Plan {
    /// The plan of this seed, for an engine with this configuration, such as [`configuration`] gives.
    #[must_use]
    pub fn new(seed: u64, config: &Config) -> Self {
        let mut random = Random::new(seed ^ 0x5EED);
        Self {
            seed,
            actors: 3 + random.below(22),
            has_quiet: random.once_in(2),
            panics_once_in: random.pick([0, 25, 60, 200]),
            has_storms: !random.once_in(4),
            sabotage: None,
            limits: Limits::of(config),
        }
    }
}

/// A configuration of this seed with so many workers that are not pinned: rings from the smallest to roomy ones, budgets
/// from 1, tables that may be full.
#[must_use]
pub fn configuration(seed: u64, workers: usize) -> Config {
    let mut random = Random::new(seed ^ 0xC0F1);
    let mut config = Config::default();
    config.workers = vec![WorkerConfig::default(); workers];
    config.seed = seed;
    config.turn_budget = random.pick([1, 7, 256, 1024]);
    config.lane_budget = random.pick([1, 5, 256]);
    config.max_actors = random.pick([64, 256, 4096]);
    config.max_timers = random.pick([64, 1024]);
    config.max_asks = random.pick([8, 1024]);
    config.max_ports = 8;
    config.timer_resolution_us = random.pick([50, 1000]);
    // Whoever is stalled for so long does not run any more.
    config.stall_threshold_ms = STALL.as_millis() as u32;
    config.defaults.spins = random.pick([0, 3, 200, 2000]);
    if random.once_in(2) {
        config.defaults.local_ring_kib = 32;
        config.defaults.local_ring_limit_kib = random.pick([32, 256]);
        config.defaults.lane_kib = 4;
        config.defaults.outbox_limit_kib = random.pick([16, 256]);
        config.defaults.ingress_kib = 4;
        config.event_capacity = random.pick([64, 8192]);
    }
    config
}

/// How long a worker is in one turn at most, on a machine that others use too.
const STALL: Duration = Duration::from_secs(60);
