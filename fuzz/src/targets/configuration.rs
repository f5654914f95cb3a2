//! The text of a configuration file.

use std::ops::RangeInclusive;

use hippodrome::Config;
use hippodrome::config::{ConfigError, WorkerSettings};

/// The longest error. The longest list of what is allowed has some four hundred bytes.
const ERROR_BYTES_MAX: usize = 2048;

/// A text is refused with a place and a reason, or it keeps every limit that the documentation states and survives being
/// written and read.
///
/// # Panics
///
/// If that does not hold.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Config::from_toml_str(&text) {
        Ok(config) => {
            assert_within_limits(&config);
            let written = config.to_toml_string();
            assert_eq!(Config::from_toml_str(&written).expect("what was written is read"), config);
        }
        Err(error) => assert_clear(&error, &text),
    }
}

fn assert_clear(error: &ConfigError, text: &str) {
    let shown = error.to_string();
    assert!(shown.len() <= ERROR_BYTES_MAX, "an error of {} bytes: {shown}", shown.len());
    assert!(!shown.contains(char::is_control), "{shown:?}");
    match error {
        ConfigError::Malformed { line, column, message } => {
            assert!((1..=text.matches('\n').count() + 1).contains(line), "line {line}");
            assert!(*column >= 1 && !message.is_empty(), "{shown}");
        }
        ConfigError::NotAllowed { field, value, allowed } => {
            assert!(!field.is_empty() && !value.is_empty() && !allowed.is_empty(), "{shown}");
        }
        ConfigError::NoWorkers | ConfigError::TooLong { .. } => {}
        other => panic!("a text has no such error: {other}"),
    }
}

fn within<T: PartialOrd + std::fmt::Debug>(field: &str, value: T, allowed: RangeInclusive<T>) {
    assert!(allowed.contains(&value), "{field} = {value:?} was accepted, and {allowed:?} is documented");
}

/// The limits as the fields' documentation states them, written down a second time.
fn assert_within_limits(config: &Config) {
    const TABLE: RangeInclusive<u32> = 1..=16_777_216;
    const BUDGET: RangeInclusive<u32> = 1..=1_000_000;
    const DAY_MS: RangeInclusive<u32> = 1..=86_400_000;
    within("name", config.name.len(), 1..=11);
    within("turn_budget", config.turn_budget, BUDGET);
    within("lane_budget", config.lane_budget, BUDGET);
    within("timer_resolution_us", config.timer_resolution_us, 10..=1_000_000);
    within("max_actors", config.max_actors, TABLE);
    within("max_timers", config.max_timers, TABLE);
    within("max_asks", config.max_asks, TABLE);
    within("max_ports", config.max_ports as usize, 0..=512 - config.workers.len());
    within("event_capacity", config.event_capacity, 64..=1_048_576);
    assert!(config.event_capacity.is_power_of_two());
    within("ask_timeout_ms", config.ask_timeout_ms, DAY_MS);
    within("stall_threshold_ms", config.stall_threshold_ms, DAY_MS);
    within("real_time_priority", config.real_time_priority.unwrap_or(1), 1..=99);
    within("stats_socket", config.stats_socket.as_ref().map_or(1, String::len), 1..=103);
    within("workers", config.workers.len(), 1..=256);
    assert_eq!(config.worker(config.workers.len()), None);
    let workers = config.resolve();
    workers.iter().for_each(assert_worker_within_limits);
    // What the engine compares with the machine's memory before it makes anything.
    let others = workers.len() as u64 - 1;
    let rings_kib = |worker: &WorkerSettings| {
        u64::from(worker.local_ring_kib) + u64::from(worker.ingress_kib) + others * u64::from(worker.lane_kib)
    };
    assert_eq!(config.preallocated_bytes(), 1024 * workers.iter().map(rings_kib).sum::<u64>());
}

fn assert_worker_within_limits(worker: &WorkerSettings) {
    within("core", worker.core.unwrap_or(0), 0..=4095);
    within("spins", worker.spins, 0..=1_000_000);
    within("local_ring_limit_kib", worker.local_ring_limit_kib, 16..=1_048_576);
    within("local_ring_kib", worker.local_ring_kib, 16..=worker.local_ring_limit_kib);
    within("outbox_limit_kib", worker.outbox_limit_kib, 16..=1_048_576);
    within("lane_kib", worker.lane_kib, 4..=65_536);
    within("ingress_kib", worker.ingress_kib, 4..=65_536);
    assert!(worker.lane_kib.is_power_of_two() && worker.ingress_kib.is_power_of_two());
}
