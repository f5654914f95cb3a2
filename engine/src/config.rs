//! The configuration of an engine: plain data, a TOML file, and one validator for both.
//!
//! # What
//!
//! [`Config`] holds every number that an engine is built from. The builder fills one in, a file is read into one, and
//! [`Config::validate`] judges either in the same words.
//!
//! # Trade-offs
//!
//! Every limit is checked before a thread is started or a ring allocated, so a configuration is refused as a whole.
//! What depends on the machine, such as whether a core exists, is checked when the engine starts.
//!
//! # How it works
//!
//! What concerns a single worker is written once under `[defaults]`, and a `[[workers]]` table may override any of it.
//! [`Config::worker`] gives the values that result. Every key has a default; only the workers must be named.
//!
//! # How to use
//!
//! A file with two pinned workers, the second of which waits in another way:
//!
//! ```
//! use hippodrome::config::{Config, WaitStrategy};
//!
//! let config = Config::from_toml_str(
//!     r#"
//!     pinning = "best-effort"
//!
//!     [defaults]
//!     lane_kib = 128
//!
//!     [[workers]]
//!     core = 0
//!
//!     [[workers]]
//!     core = 1
//!     wait = "busy-spin"
//!     "#,
//! )?;
//! let second = config.worker(1).ok_or("two workers were written")?;
//! assert_eq!(second.core, Some(1));
//! assert_eq!(second.wait, WaitStrategy::BusySpin);
//! assert_eq!(second.lane_kib, 128);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde::{Deserialize, Serialize};

mod error;
mod file;
mod memory;
mod pinning;
#[cfg(test)]
mod tests;
mod validate;
mod wait;
mod worker;

pub use error::ConfigError;
pub use pinning::Pinning;
pub use wait::{UnknownWaitStrategy, WaitStrategy};
pub use worker::{WorkerConfig, WorkerDefaults, WorkerSettings};

/// Everything an engine is built from.
///
/// Each field has the name and the unit of its key in the file. Start from [`Config::default`] or from a file, set
/// fields, and call [`Config::validate`].
///
/// # Examples
///
/// ```
/// use hippodrome::config::{Config, WorkerConfig};
///
/// let mut config = Config::default();
/// config.workers = vec![WorkerConfig::pinned_to(0), WorkerConfig::default()];
/// config.validate()?;
///
/// config.turn_budget = 0;
/// let error = config.validate().unwrap_err();
/// assert_eq!(error.to_string(), "turn_budget = 0: allowed is 1 to 1000000");
/// # Ok::<(), hippodrome::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The engine's name, the first part of its threads' names: 1 to 11 ASCII letters, digits, `-` or `_`, because
    /// Linux keeps 15 bytes of a thread's name. Default `hippodrome`.
    pub name: String,
    /// What happens when a worker cannot be pinned to its core. Default [`Pinning::Strict`].
    pub pinning: Pinning,
    /// The most messages a worker handles from its local ring in one turn: 1 to 1,000,000. What it
    /// sends to other workers is seen at the end of the turn at the latest. Default 256.
    pub turn_budget: u32,
    /// The most messages a worker handles from one lane in one turn: 1 to 1,000,000. Default 256.
    pub lane_budget: u32,
    /// The length of a timer's tick in microseconds: 10 to 1,000,000. A timer fires up to one tick late. Default 1000.
    pub timer_resolution_us: u32,
    /// The most actors of one worker: 1 to 16,777,216. Default 1,048,576.
    pub max_actors: u32,
    /// The most armed timers of one worker: 1 to 16,777,216. Default 1,048,576.
    pub max_timers: u32,
    /// The most asks that the handlers of one worker may have pending: 1 to 16,777,216. Default 65,536.
    pub max_asks: u32,
    /// The most ports: 0 to 512, less the number of workers. Default 64.
    pub max_ports: u32,
    /// The slots of the ring of system events: a power of two from 64 to 1,048,576. Default 8192.
    pub event_capacity: u32,
    /// How long an ask waits for its reply unless it says otherwise, in milliseconds: 1 to 86,400,000 (a day).
    /// Default 5000.
    pub ask_timeout_ms: u32,
    /// A worker that has not finished a turn for so long is reported, in milliseconds: 1 to 86,400,000 (a day).
    /// Default 1000.
    pub stall_threshold_ms: u32,
    /// Actors that wait on each other's answers for so long are reported, in milliseconds: 0 to 86,400,000 (a day), where
    /// 0 means that nobody looks. An ask that ends sooner, by its timeout, is in no report. Default 1000.
    pub wait_cycle_threshold_ms: u32,
    /// Whether latencies are recorded in histograms. Default `false`.
    pub histograms: bool,
    /// Whether the process's memory is locked, so that it is never paged out. Default `false`.
    pub lock_memory: bool,
    /// Whether rings ask for huge pages. Default `false`.
    pub huge_pages: bool,
    /// The real-time priority that workers ask for: 1 to 99, or `None` to leave the scheduler as it is. Default `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_time_priority: Option<u32>,
    /// Where the engine's randomness starts from: any value. Default 0.
    pub seed: u64,
    /// The path of a local socket on which the engine serves [snapshots](crate::stats) to whoever may open it: 1 to
    /// 103 bytes, which is what a socket's address has room for. Default `None`: nothing listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats_socket: Option<String>,
    /// What holds for every worker that does not say otherwise.
    pub defaults: WorkerDefaults,
    /// The workers, 1 to 256. Two of them may share a core. Default none, which does not validate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WorkerConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "hippodrome".to_owned(),
            pinning: Pinning::Strict,
            turn_budget: 256,
            lane_budget: 256,
            timer_resolution_us: 1000,
            max_actors: 1 << 20,
            max_timers: 1 << 20,
            max_asks: 1 << 16,
            max_ports: 64,
            event_capacity: 8192,
            ask_timeout_ms: 5000,
            stall_threshold_ms: 1000,
            wait_cycle_threshold_ms: 1000,
            histograms: false,
            lock_memory: false,
            huge_pages: false,
            real_time_priority: None,
            seed: 0,
            stats_socket: None,
            defaults: WorkerDefaults::default(),
            workers: Vec::new(),
        }
    }
}

impl Config {
    /// The settings of the worker with this index, with the defaults filled in; `None` if there are fewer workers.
    #[must_use]
    pub fn worker(&self, index: usize) -> Option<WorkerSettings> {
        self.workers.get(index).map(|worker| worker.resolve(&self.defaults))
    }

    pub(crate) fn wait_cycle_threshold_ns(&self) -> u64 {
        u64::from(self.wait_cycle_threshold_ms) * 1_000_000
    }

    /// The settings of all workers in order, with the defaults filled in.
    #[must_use]
    pub fn resolve(&self) -> Vec<WorkerSettings> {
        self.workers.iter().map(|worker| worker.resolve(&self.defaults)).collect()
    }
}
