//! The one validator: every limit of a configuration.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Config, ConfigError, WorkerConfig, WorkerSettings};

const WORKERS_MAX: usize = 256;
/// A worker has an inbound lane from every worker and every port; together they are at most so many.
const PRODUCERS_MAX: usize = 512;
const BUDGET: RangeInclusive<u32> = 1..=1_000_000;
const TIMER_RESOLUTION_US: RangeInclusive<u32> = 10..=1_000_000;
const TABLE: RangeInclusive<u32> = 1..=1 << 24;
const EVENTS: RangeInclusive<u32> = 64..=1 << 20;
const DAY_MS: RangeInclusive<u32> = 1..=24 * 60 * 60 * 1000;
const DAY_MS_OR_OFF: RangeInclusive<u32> = 0..=24 * 60 * 60 * 1000;
const PRIORITY: RangeInclusive<u32> = 1..=99;
const CORE: RangeInclusive<u32> = 0..=hippodrome_affinity::MAX_CORES - 1;
const SPINS: RangeInclusive<u32> = 0..=1_000_000;
const GROWTH_LIMIT_KIB: RangeInclusive<u32> = 16..=1 << 20;
const RING_KIB: RangeInclusive<u32> = 4..=1 << 16;
/// Linux keeps 15 bytes of a thread's name; `-255` is the longest suffix that a worker adds.
const NAME_BYTES_MAX: usize = 11;
/// The address of a socket has room for so many bytes of a path, and a NUL, wherever there are such sockets.
const SOCKET_BYTES_MAX: usize = 103;
/// An error shows no more characters than this of a text.
const SHOWN_CHARS_MAX: usize = 40;

/// The table that a field is in; written in front of the field's name.
#[derive(Clone, Copy)]
enum Table {
    Engine,
    Defaults,
    Worker(usize),
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => Ok(()),
            Self::Defaults => f.write_str("defaults."),
            Self::Worker(index) => write!(f, "workers[{index}]."),
        }
    }
}

impl Table {
    fn refuse(self, field: &str, value: impl fmt::Display, allowed: impl fmt::Display) -> ConfigError {
        ConfigError::NotAllowed {
            field: format!("{self}{field}"),
            value: value.to_string(),
            allowed: allowed.to_string(),
        }
    }

    fn range(self, field: &str, value: u32, allowed: &RangeInclusive<u32>) -> Result<(), ConfigError> {
        if allowed.contains(&value) {
            return Ok(());
        }
        Err(self.refuse(field, value, format_args!("{} to {}", allowed.start(), allowed.end())))
    }

    fn power_of_two(self, field: &str, value: u32, allowed: &RangeInclusive<u32>) -> Result<(), ConfigError> {
        if allowed.contains(&value) && value.is_power_of_two() {
            return Ok(());
        }
        let (least, most) = (allowed.start(), allowed.end());
        Err(self.refuse(field, value, format_args!("a power of two from {least} to {most}")))
    }

    /// The limits of one worker, be it the one that overrides nothing.
    fn settings(self, settings: &WorkerSettings) -> Result<(), ConfigError> {
        if let Some(core) = settings.core {
            self.range("core", core, &CORE)?;
        }
        self.range("spins", settings.spins, &SPINS)?;
        self.range("local_ring_limit_kib", settings.local_ring_limit_kib, &GROWTH_LIMIT_KIB)?;
        let (ring, limit) = (settings.local_ring_kib, settings.local_ring_limit_kib);
        let least = *GROWTH_LIMIT_KIB.start();
        if !(least..=limit).contains(&ring) {
            let allowed = format!("{least} to {limit}, its local_ring_limit_kib");
            return Err(self.refuse("local_ring_kib", ring, allowed));
        }
        self.power_of_two("lane_kib", settings.lane_kib, &RING_KIB)?;
        self.range("outbox_limit_kib", settings.outbox_limit_kib, &GROWTH_LIMIT_KIB)?;
        self.power_of_two("ingress_kib", settings.ingress_kib, &RING_KIB)
    }
}

/// A text as an error shows it: quoted, and shortened if it is long.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

impl Config {
    /// Checks every limit and stops at the first that is not kept.
    ///
    /// What is written under `defaults` must be within the limits even if each worker overrides it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NotAllowed`] names the field, its value and what is allowed; [`ConfigError::NoWorkers`] says
    /// what to write.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_name()?;
        self.validate_stats_socket()?;
        let engine = Table::Engine;
        engine.range("turn_budget", self.turn_budget, &BUDGET)?;
        engine.range("lane_budget", self.lane_budget, &BUDGET)?;
        engine.range("timer_resolution_us", self.timer_resolution_us, &TIMER_RESOLUTION_US)?;
        engine.range("max_actors", self.max_actors, &TABLE)?;
        engine.range("max_timers", self.max_timers, &TABLE)?;
        engine.range("max_asks", self.max_asks, &TABLE)?;
        engine.power_of_two("event_capacity", self.event_capacity, &EVENTS)?;
        engine.range("ask_timeout_ms", self.ask_timeout_ms, &DAY_MS)?;
        engine.range("stall_threshold_ms", self.stall_threshold_ms, &DAY_MS)?;
        engine.range("wait_cycle_threshold_ms", self.wait_cycle_threshold_ms, &DAY_MS_OR_OFF)?;
        if let Some(priority) = self.real_time_priority {
            engine.range("real_time_priority", priority, &PRIORITY)?;
        }
        Table::Defaults.settings(&WorkerConfig::default().resolve(&self.defaults))?;
        self.validate_workers()
    }

    fn validate_name(&self) -> Result<(), ConfigError> {
        let allowed_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=NAME_BYTES_MAX).contains(&self.name.len()) && self.name.bytes().all(allowed_byte) {
            return Ok(());
        }
        let allowed = format!("1 to {NAME_BYTES_MAX} ASCII letters, digits, `-` or `_`");
        Err(Table::Engine.refuse("name", shown(&self.name), allowed))
    }

    fn validate_stats_socket(&self) -> Result<(), ConfigError> {
        let Some(path) = &self.stats_socket else { return Ok(()) };
        if (1..=SOCKET_BYTES_MAX).contains(&path.len()) && !path.contains('\0') {
            return Ok(());
        }
        let allowed = format!("a path of 1 to {SOCKET_BYTES_MAX} bytes, none of them NUL");
        Err(Table::Engine.refuse("stats_socket", shown(path), allowed))
    }

    fn validate_workers(&self) -> Result<(), ConfigError> {
        let count = self.workers.len();
        if count == 0 {
            return Err(ConfigError::NoWorkers);
        }
        if count > WORKERS_MAX {
            return Err(Table::Engine.refuse("workers", count, format_args!("1 to {WORKERS_MAX}")));
        }
        let ports_max = PRODUCERS_MAX - count;
        if self.max_ports as usize > ports_max {
            let allowed =
                format!("0 to {ports_max}, because workers ({count}) and ports together are at most {PRODUCERS_MAX}");
            return Err(Table::Engine.refuse("max_ports", self.max_ports, allowed));
        }
        for (index, worker) in self.workers.iter().enumerate() {
            Table::Worker(index).settings(&worker.resolve(&self.defaults))?;
        }
        Ok(())
    }
}
