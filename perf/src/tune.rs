//! `perf tune`: the engine's best settings for a stated workload on this machine, as a file with its reasons.
//!
//! # Trade-offs
//!
//! A workload is stated in a few words (how many workers, who talks to whom, how large messages are and how many), so
//! it is a likeness of a program and not the program. What is found is a good place to start from. A setting is changed
//! only where that is a gain beyond the noise of the machine, and the file says of each what was measured.
//!
//! # How it works
//!
//! `flow` has the actors and `trial` runs them once on the real engine. `search` goes from setting to setting, always
//! with two configurations in turn, and `decision` says what is a gain. `tuned` is what came of it; `file` and
//! `summary` write that down.
//!
//! # How to use
//!
//! ```text
//! perf tune --workers 2 --talk pairs --payload 64 --out engine.toml
//! perf tune --workers 3 --talk fan-in --rate 100000 --budget 60 --out engine.toml --force
//! ```

mod decision;
mod file;
mod flow;
mod idle;
mod machine;
mod placement;
mod search;
mod setting;
mod summary;
mod trial;
mod tuned;
mod workload;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hippodrome::config::{Config, WorkerConfig};
use hippodrome_affinity::{CoreSet, Topology};
use hippodrome_perf_kit::Failure;

use self::machine::Machine;
use self::placement::placements;
use self::search::{Found, Search};
use self::trial::{Runner, TrialError};
use self::tuned::Tuned;
use self::workload::{Goal, Rate, Talk, Workload};
use crate::topology::{Format, SECONDS_MAX, choose_cores, measure_shown, parse_cores};

/// The most workers if it is not said how many.
const WORKERS_BY_DEFAULT: usize = 4;

/// The most workers.
const WORKERS_MAX: u64 = 64;

/// The share of the time for the matrix of round trips, and how often each pair is measured at most.
const MATRIX_SHARE: f64 = 0.1;
const MATRIX_ROUNDS: u32 = 3;

/// A default that handles less than this share of what is sent has fallen behind.
const KEEPS_UP: f64 = 0.9;

/// The workload, and where the file goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Workers, 1 to 64; by default one for each core, at most 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=WORKERS_MAX))]
    workers: Option<u64>,

    /// The size of a message in bytes, 8 to 1024
    #[arg(long, value_name = "BYTES", default_value_t = 32, value_parser = clap::value_parser!(u32).range(8..=1024))]
    payload: u32,

    /// Messages a second of all senders together, or `max` for as fast as possible
    #[arg(long, value_name = "N", default_value = "max", value_parser = str::parse::<Rate>)]
    rate: Rate,

    /// How actors talk
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Talk::Pairs)]
    talk: Talk,

    /// What is to be as good as possible; by default latency if there is a rate, throughput otherwise
    #[arg(long, value_enum, value_name = "GOAL")]
    goal: Option<Goal>,

    /// Seconds that it may take, 1 to 86,400
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX),
    )]
    budget: u64,

    /// Pin workers only to these cores, such as 0,2-5; by default to any that may be used
    #[arg(long, value_name = "LIST", value_parser = parse_cores)]
    cores: Option<CoreSet>,

    /// Write the file here; by default to standard output, and the summary to standard error
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Overwrite the file if it exists
    #[arg(long, requires = "out")]
    force: bool,

    /// How the summary is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

/// The default cannot be run, or the engine did something wrong.
#[derive(Debug, thiserror::Error)]
#[error("the workload cannot be measured: {0}")]
struct Unmeasured(TrialError);

/// Finds the settings and writes them.
pub(crate) fn main(arguments: &Arguments) -> Result<(), Failure> {
    let started = Instant::now();
    if let Some(path) = &arguments.out {
        file::check(path, arguments.force)?;
    }
    let topology = Topology::detect()?;
    let cores = choose_cores(&topology, arguments.cores.as_ref())?;
    let workload = stated(arguments, cores.len()).validate(arguments.budget)?;
    let budget = Duration::from_secs(arguments.budget);
    eprintln!("perf: {workload}; {} s for {}", arguments.budget, workload.goal);

    let matrix = measure_shown(&cores, MATRIX_ROUNDS, budget.mul_f64(MATRIX_SHARE))?;
    let placements = placements(&topology, &matrix, workload.workers, &workload.links());
    let mut default = Config::default();
    default.workers = vec![WorkerConfig::default(); workload.workers];
    let mut runner = Runner::new(&workload, workload.run_length(budget));
    let first = runner.run(&default).map_err(Unmeasured)?;
    let measure = |config: &Config| runner.run(config).map(|figure| figure.ns);
    let show = |line: String| eprintln!("perf: {line}");
    let found =
        Search::new(&workload, &placements, measure, show, started + budget).run(&default).map_err(Unmeasured)?;

    let listed: CoreSet = cores.iter().copied().collect();
    let round_trip_ns = matrix.overall_ns().map(|ns| ns.median);
    let tuned = Tuned {
        machine: Machine::detect(topology.online().len(), listed.to_string(), round_trip_ns),
        idle_cores: idle_cores(&default, &found)?,
        default_falls_behind: falls_behind(&workload, first.rate_per_second),
        took: started.elapsed(),
        workload,
        default,
        found,
    };
    write(arguments, &tuned)
}

/// The workload that the arguments state.
fn stated(arguments: &Arguments, cores: usize) -> Workload {
    let Arguments { payload, rate, talk, .. } = *arguments;
    let by_default = match rate {
        Rate::Max => Goal::Throughput,
        Rate::PerSecond(_) => Goal::Latency,
    };
    Workload {
        workers: arguments.workers.map_or(cores.min(WORKERS_BY_DEFAULT), |workers| workers as usize),
        payload_bytes: payload,
        rate,
        talk,
        goal: arguments.goal.unwrap_or(by_default),
    }
}

/// How many messages a second there are, if they are far less than were sent.
fn falls_behind(workload: &Workload, rate_per_second: f64) -> Option<f64> {
    match workload.rate {
        Rate::PerSecond(rate) => (rate_per_second < KEEPS_UP * rate.get() as f64).then_some(rate_per_second),
        Rate::Max => None,
    }
}

/// What the default and the winner cost when idle.
fn idle_cores(default: &Config, found: &Found) -> Result<Option<(f64, f64)>, Failure> {
    let (before, after) = (idle::idle_cores(default)?, idle::idle_cores(&found.config)?);
    Ok(before.zip(after))
}

/// The file to where it was wanted, and the summary to standard output, unless the file is there.
fn write(arguments: &Arguments, tuned: &Tuned) -> Result<(), Failure> {
    let text = file::render(tuned)?;
    let Some(path) = &arguments.out else {
        summarize(arguments, tuned, &mut io::stderr().lock())?;
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    };
    file::write(path, &text, arguments.force)?;
    summarize(arguments, tuned, &mut io::stdout().lock())
}

fn summarize(arguments: &Arguments, tuned: &Tuned, out: &mut impl Write) -> Result<(), Failure> {
    let path = arguments.out.as_deref();
    match arguments.format {
        Format::Text => summary::write_text(tuned, path, out)?,
        Format::Json => summary::write_json(tuned, path, out)?,
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(arguments: &[&str]) -> Arguments {
        Line::try_parse_from(std::iter::once("tune").chain(arguments.iter().copied())).unwrap().arguments
    }

    #[test]
    fn the_goal_follows_from_the_rate_unless_it_is_said() {
        assert_eq!(stated(&parsed(&[]), 2).goal, Goal::Throughput);
        assert_eq!(stated(&parsed(&["--rate", "1000"]), 2).goal, Goal::Latency);
        assert_eq!(stated(&parsed(&["--goal", "latency"]), 2).goal, Goal::Latency);
    }

    #[test]
    fn there_is_a_worker_for_each_core_up_to_four_unless_it_is_said() {
        assert_eq!(stated(&parsed(&[]), 1).workers, 1);
        assert_eq!(stated(&parsed(&[]), 64).workers, 4);
        assert_eq!(stated(&parsed(&["--workers", "6"]), 2).workers, 6);
    }

    #[test]
    fn a_default_that_falls_behind_is_noticed() {
        let workload = stated(&parsed(&["--rate", "1000"]), 2);
        assert_eq!(falls_behind(&workload, 899.0), Some(899.0));
        assert_eq!(falls_behind(&workload, 901.0), None);
        assert_eq!(falls_behind(&stated(&parsed(&[]), 2), 1.0), None);
    }
}
