//! Overload: ten times what the engine can do, and what becomes of it.
//!
//! # What
//! First the engine's capacity is measured, in a closed loop: no more is sent than is handled. Then ten times that is
//! offered for a while, by threads that do not wait, through ports and handles, and by actors that send ten messages for
//! each that they get. All rings, outboxes and mailboxes are bounded. In the end each message that was offered must have
//! been handled, given back, or reported, and the memory must be under a limit that follows from the configuration.
//!
//! # How it works
//! ```text
//! generator 0 ── port ───▶ ┌ worker 0: amplifier ─┬─▶ sinks, each with another overflow policy
//! generator 1 ── handle ─▶ └ worker 1: amplifier ─┴─▶ sinks
//! ```
//! A sink works on each message for some microseconds, so that it is the actors that cannot keep up, and not the rings.
//! Each party counts what it offers and gets back in a line of its own.
//!
//! # How to use
//! ```text
//! cargo run --release -p proof -- overload
//! ```

mod actors;
mod generator;
mod limit;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hippodrome::{Config, DeadLetterReason, Engine, Handle, PortError, ShutdownError, SpawnError, StartError, Stats};

use crate::memory::{mib, peak_bytes, resident_bytes};
use actors::Targets;
pub use generator::Pace;
use generator::{Generator, closed_loop};
pub use limit::limit_bytes;

/// How much is offered, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// For how many seconds
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// How many workers
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// How many times what the engine can do
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub times: u64,
}

/// What came of an overload.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the engine can do, in messages a second, by the closed loop.
    pub capacity: f64,
    /// How long it was overloaded, in seconds.
    pub seconds: f64,
    /// Messages offered in that time.
    pub offered_meanwhile: u64,
    /// Messages handled in that time.
    pub handled_meanwhile: u64,
    /// Messages that were offered, by everybody.
    pub offered: u64,
    /// Messages that were handled.
    pub handled: u64,
    /// Messages that were given back to their senders.
    pub refused: u64,
    /// Messages that were reported, by reason.
    pub reported: [u64; DeadLetterReason::ALL.len()],
    /// The most memory that the process had beyond what it had before the engine.
    pub memory_bytes: Option<u64>,
    /// The limit of that.
    pub limit_bytes: u64,
    /// The statistics in the end.
    pub stats: Stats,
}

/// An overload that did not go as promised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The engine did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An actor was not spawned.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// A thread got no port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The engine did not end in order.
    #[error(transparent)]
    Shutdown(#[from] ShutdownError),
    /// Messages got lost, or more came out than went in.
    #[error("{offered} messages were offered, but {accounted} were handled, given back or reported")]
    Unaccounted {
        /// What was offered.
        offered: u64,
        /// What became of them.
        accounted: u64,
    },
    /// The process has more memory than the configuration allows.
    #[error("the memory grew by {bytes} bytes; the configuration's limits allow {limit}")]
    OverLimit {
        /// By how much.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The machine was too slow to offer so much.
    #[error("only {times:.1} times what the engine can do was offered, not {wanted}")]
    TooLittle {
        /// How many times.
        times: f64,
        /// How many were wanted.
        wanted: u64,
    },
}

/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the capacity is measured.
const MEASURED: Duration = Duration::from_millis(1500);

/// Threads that offer: one with a port, one with a handle.
const GENERATORS: usize = 2;

/// Overloads, and prints what came of it.
///
/// # Errors
/// If a promise is not kept, or so much could not be offered.
pub fn main(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let outcome = run(&configuration(arguments.workers.into()), MEASURED, |capacity| Pace {
        per_second: capacity * arguments.times as f64 * MARGIN,
        total: (capacity * (arguments.times * arguments.seconds) as f64 * MARGIN) as u64,
    })?;
    print(&outcome);
    check(&outcome)?;
    let times = outcome.times();
    let wanted = arguments.times;
    if times < wanted as f64 { Err(Failure::TooLittle { times, wanted }.into()) } else { Ok(()) }
}

/// The generators aim higher, since the engine may do more than was measured, and a generator may lose its core.
const MARGIN: f64 = 1.5;

/// An engine whose every ring, outbox and table is small.
#[must_use]
pub fn configuration(workers: usize) -> Config {
    let mut config = Config::default();
    config.workers = vec![hippodrome::config::WorkerConfig::default(); workers];
    config.defaults.local_ring_limit_kib = 1024;
    config.defaults.outbox_limit_kib = 256;
    // Fewer messages than a turn may send, so that the outboxes are needed.
    config.defaults.lane_kib = 4;
    config.defaults.ingress_kib = 64;
    config.max_ports = 4;
    config
}

/// Measures an engine's capacity for a while, then offers it what `pace` makes of that.
///
/// # Errors
/// If the engine does not start or end in order.
pub fn run(config: &Config, measured: Duration, pace: impl FnOnce(f64) -> Pace) -> Result<Outcome, Failure> {
    let before = resident_bytes();
    let engine = Engine::from_config(config.clone()).start()?;
    let handle = engine.handle();
    let targets = Arc::new(Targets::spawn(&handle, GENERATORS)?);
    let capacity = closed_loop(&handle, &targets, measured)?;
    let pace = pace(capacity);
    let (begun, (offered_before, _), handled_before) = (Instant::now(), targets.offered(), targets.handled());
    let generators = (0..GENERATORS).map(|number| Generator::new(number, &handle, &targets, pace.of(GENERATORS)));
    let generators = generators.collect::<Result<Vec<_>, _>>()?;
    thread::scope(|scope| generators.into_iter().for_each(|generator| _ = scope.spawn(|| generator.run())));
    let (seconds, handled_meanwhile) = (begun.elapsed().as_secs_f64(), targets.handled() - handled_before);
    let offered_meanwhile = targets.offered().0 - offered_before;
    rest(&handle, &targets);
    let peak = peak_bytes();
    engine.shutdown(PATIENCE)?;
    let stats = handle.stats();
    let (offered, refused) = targets.offered();
    Ok(Outcome {
        capacity,
        seconds,
        offered_meanwhile,
        handled_meanwhile,
        offered,
        handled: targets.handled(),
        refused,
        reported: DeadLetterReason::ALL.map(|reason| stats.dead_letters().get(reason)),
        memory_bytes: peak.zip(before).map(|(peak, before)| peak.saturating_sub(before)),
        limit_bytes: limit_bytes(config, targets.mailbox_bytes()),
        stats,
    })
}

/// Waits until everything that was offered is accounted for, or for long.
fn rest(handle: &Handle, targets: &Targets) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let dead: u64 = DeadLetterReason::ALL.map(|reason| handle.stats().dead_letters().get(reason)).iter().sum();
        let (offered, refused) = targets.offered();
        if targets.handled() + refused + dead >= offered {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

impl Outcome {
    /// How many times what the engine can do was offered: by the closed loop, or by what it did meanwhile, if that is
    /// more.
    #[must_use]
    pub fn times(&self) -> f64 {
        self.offered_meanwhile as f64 / (self.capacity * self.seconds).max(self.handled_meanwhile as f64).max(1.0)
    }

    /// Messages that are accounted for.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.handled + self.refused + self.reported.iter().sum::<u64>()
    }
}

/// Checks what must be so.
///
/// # Errors
/// If it is not.
pub fn check(outcome: &Outcome) -> Result<(), Failure> {
    let (offered, accounted) = (outcome.offered, outcome.accounted());
    if offered != accounted {
        return Err(Failure::Unaccounted { offered, accounted });
    }
    let limit = outcome.limit_bytes;
    match outcome.memory_bytes {
        Some(bytes) if bytes > limit => Err(Failure::OverLimit { bytes, limit }),
        _ => Ok(()),
    }
}

fn print(outcome: &Outcome) {
    let row = |name: &str, value: String| println!("{name:<34} {value:>14}");
    row("capacity, messages a second", format!("{:.0}", outcome.capacity));
    row("overloaded for, seconds", format!("{:.2}", outcome.seconds));
    row("handled meanwhile, a second", format!("{:.0}", outcome.handled_meanwhile as f64 / outcome.seconds));
    row("offered meanwhile, a second", format!("{:.0}", outcome.offered_meanwhile as f64 / outcome.seconds));
    row("  times the larger of these", format!("{:.1}", outcome.times()));
    row("offered", outcome.offered.to_string());
    row("handled", outcome.handled.to_string());
    row("given back to the sender", outcome.refused.to_string());
    for (reason, count) in DeadLetterReason::ALL.iter().zip(outcome.reported).filter(|(_, count)| *count > 0) {
        row(&format!("reported, {reason}"), count.to_string());
    }
    row("accounted for", outcome.accounted().to_string());
    row("not accounted for", (i128::from(outcome.offered) - i128::from(outcome.accounted())).to_string());
    row("memory, MiB more than before", mib(outcome.memory_bytes));
    row("  its limit, MiB", mib(Some(outcome.limit_bytes)));
    let most = |of: fn(&hippodrome::WorkerStats) -> u64| outcome.stats.workers.iter().map(of).max().unwrap_or(0);
    row("local ring, most KiB", (most(|worker| worker.local_ring_high_water_bytes) / 1024).to_string());
    row("outbox, most KiB", (most(|worker| worker.outbox_high_water_bytes) / 1024).to_string());
    row("mailbox, most messages", most(|worker| worker.mailbox_high_water).to_string());
    row("rescued wake-ups", outcome.stats.rescued_wakeups().to_string());
    row("events that did not fit", outcome.stats.lost_events.to_string());
}
