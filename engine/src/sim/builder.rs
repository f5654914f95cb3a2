//! What a simulation is to be.

use std::fmt;
use std::io;

use crate::config::{Config, WorkerConfig};
use crate::error::StartError;
use crate::sim::Sim;
use crate::sim::faults::Faults;
use crate::sim::random::Random;

/// What a simulation is to be; from [`Sim::builder`].
#[must_use]
pub struct Builder {
    pub(crate) seed: u64,
    pub(crate) config: Config,
    pub(crate) faults: Faults,
    pub(crate) step_limit: u64,
    pub(crate) records: bool,
    pub(crate) writer: Option<Box<dyn io::Write>>,
    pub(crate) is_explored: bool,
}

/// Steps within which a simulation becomes idle, unless it is told otherwise.
const STEP_LIMIT: u64 = 1_000_000;

/// Actors, asks and timers of a simulated worker, and events: fewer than of a real one, because a test makes thousands
/// of simulations, and each takes the memory.
const SIMULATED_TABLE: u32 = 1 << 14;
const SIMULATED_EVENTS: u32 = 1 << 12;

impl Builder {
    pub(crate) fn new(seed: u64) -> Self {
        let mut config = Config {
            workers: vec![WorkerConfig::default(); 2],
            max_actors: SIMULATED_TABLE,
            event_capacity: SIMULATED_EVENTS,
            ..Config::default()
        };
        config.defaults.local_ring_kib = 32;
        config.defaults.ingress_kib = 64;
        Self {
            seed,
            config,
            faults: Faults::none(),
            step_limit: STEP_LIMIT,
            records: false,
            writer: None,
            is_explored: false,
        }
    }

    /// How many workers there are; 2 if not set.
    pub fn workers(mut self, count: usize) -> Self {
        self.config.workers = vec![WorkerConfig::default(); count];
        self
    }

    /// Changes any other setting of the engine. Its seed is set by the simulation.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Which faults there are; none if not set.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Within how many steps [`Sim::run_until_idle`] and what is built on it must come to an end; 1,000,000 if not set.
    pub fn step_limit(mut self, steps: u64) -> Self {
        self.step_limit = steps;
        self
    }

    /// Keeps the whole trace in memory, for [`Sim::trace`]. Its hash and its last lines are kept always.
    pub fn record_trace(mut self) -> Self {
        self.records = true;
        self
    }

    /// Writes the trace there as it comes. If that fails, it is given up, and [`Sim::flush_trace`] says why.
    pub fn trace_to(mut self, writer: impl io::Write + 'static) -> Self {
        self.writer = Some(Box::new(writer));
        self
    }

    /// Makes the simulation.
    ///
    /// # Errors
    /// If the configuration is not valid; see [`StartError`].
    pub fn build(mut self) -> Result<Sim, StartError> {
        let mut random = Random::new(self.seed);
        self.config.seed = random.next();
        // Nothing outside the process is part of a simulation.
        self.config.stats_socket = None;
        if self.faults.small_rings {
            shrink(&mut self.config, &mut random);
        }
        self.config.validate()?;
        Sim::start(self, random)
    }
}

/// Gives every ring one of its smallest sizes.
fn shrink(config: &mut Config, random: &mut Random) {
    for worker in &mut config.workers {
        worker.lane_kib = Some(4 << random.below(3));
        worker.ingress_kib = Some(4 << random.below(3));
        worker.outbox_limit_kib = Some(16 << random.below(3));
        worker.local_ring_kib = Some(16);
        worker.local_ring_limit_kib = Some(16 << random.below(4));
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Builder(seed {:#x}, {} workers, {:?})", self.seed, self.config.workers.len(), self.faults)
    }
}
