//! `perf latency`: how long messages take, at rising rates of arrivals.
//!
//! # What
//! At each rate messages are sent at fixed times, whatever becomes of them: an **open loop**, as players and exchanges
//! are one. A message's **latency** is from the time at which it was *to be* sent to the end of its handling. It is
//! **waiting**, until its handling starts, and **handling**.
//!
//! # Trade-offs
//! A loop that sends the next message when it has the answer to the last one measures a system that is never asked while
//! it stalls: the stall costs it one long latency instead of thousands (coordinated omission). Here a sender that was
//! held up sends what is overdue with the times at which it was due. For that, the sender needs a core to spin on.
//!
//! Both ends read the engine's clock, twice for each message in the handler; what a reading takes is measured and
//! printed. Recording takes the handler some nanoseconds more for each message, which the next one waits for: the
//! instrument counts against the engine.
//!
//! # How it works
//! Each rate has an engine of its own. [`measure`](mod@measure) starts it, lets a
//! [sender](hippodrome_perf_kit::open_loop) drive a port or a feed [actor](actors), and goes through the arrivals once more to check that everything was handled. [`search`] decides
//! which rates are measured and which is the knee, [`files`] and [`table`] write, and a page is made by [`report`].
//!
//! # How to use
//! ```text
//! perf latency                                  steps up to saturation, and closes in on the knee
//! perf latency --rate 100000,200000 --seconds 10
//! perf latency --topology local --work 500 --arrivals poisson --seed 7
//! perf latency --config engine.toml --out somewhere --format json
//! ```

mod actors;
mod files;
mod measure;
mod message;
mod point;
mod recorder;
mod search;
mod setup;
mod table;
mod work;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use hippodrome::WaitStrategy;
use hippodrome_perf_kit::Failure;
use hippodrome_perf_kit::open_loop::{Length, Pattern};

use self::message::PAYLOADS;
use self::point::Point;
use self::search::MAX_RATE;
use self::setup::{Setup, Topology, Wanted};
use crate::report;

/// Options.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the two ends are [default: cross where two cores may be used]
    #[arg(long, value_enum)]
    topology: Option<Topology>,

    /// Messages a second: measure at these rates instead of searching
    #[arg(
        long,
        value_name = "N,..",
        value_delimiter = ',',
        conflicts_with = "start",
        value_parser = clap::value_parser!(u64).range(1..=MAX_RATE),
    )]
    rate: Vec<u64>,

    /// Messages a second that the search starts with, doubled until the rates are saturated
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=MAX_RATE))]
    start: u64,

    /// How long each rate is measured, 0.01 to 60
    #[arg(long, value_name = "S", default_value = "2", value_parser = |text: &str| parse_seconds(text, 0.01, 60.0))]
    seconds: Duration,

    /// How long each rate is sent before that without being counted, in seconds, 0 to 10
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = |text: &str| parse_seconds(text, 0.0, 10.0))]
    warm_up: Duration,

    /// The size of a message in bytes: 8, 32, 64, 256 or 1024
    #[arg(long, value_name = "BYTES", default_value = "32", value_parser = parse_payload)]
    payload: u32,

    /// Work for each message in nanoseconds, up to a millisecond
    #[arg(long, value_name = "NS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    work: u64,

    /// How messages arrive: constant or poisson
    #[arg(long, value_name = "PATTERN", default_value = "constant")]
    arrivals: Pattern,

    /// Where poisson arrivals start from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// The core of the sender and that of the handler, or the one core of both
    #[arg(long, value_name = "A[,B]", value_delimiter = ',', num_args = 1, value_parser = clap::value_parser!(u32))]
    cores: Vec<u32>,

    /// How the handler's worker waits: busy-spin, spin-then-yield or spin-then-park
    #[arg(long, value_name = "STRATEGY")]
    wait: Option<WaitStrategy>,

    /// The engine's configuration; of its workers, the handler's is started
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The directory that the files are written to
    #[arg(long, value_name = "DIR", default_value = "target/latency")]
    out: PathBuf,

    /// What is printed: tables, or one object of JSON for each rate
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// A value of an option that is not allowed.
#[derive(Debug, thiserror::Error)]
enum ValueError {
    #[error("allowed is {least} to {most} seconds")]
    Seconds { least: f64, most: f64 },
    #[error("allowed is 8, 32, 64, 256 or 1024")]
    Payload,
    #[error("--cores names {0} cores: allowed are one or two")]
    TooManyCores(usize),
}

fn parse_seconds(text: &str, least: f64, most: f64) -> Result<Duration, ValueError> {
    let seconds = text.parse().ok().filter(|seconds| (least..=most).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or(ValueError::Seconds { least, most })
}

fn parse_payload(text: &str) -> Result<u32, ValueError> {
    text.parse().ok().filter(|bytes| PAYLOADS.contains(bytes)).ok_or(ValueError::Payload)
}

/// Measures, prints, and writes the files.
pub(crate) fn main(arguments: &Arguments) -> Result<(), Failure> {
    let setup = prepare(arguments)?;
    files::prepare(&arguments.out)?;
    eprint!("{}", table::heading(&setup));
    let measure = |rate| {
        eprint!("  {:>13}/s asked: ", table::thousands(rate));
        let point = measure::measure(&setup, rate).inspect_err(|_| eprintln!("failed"))?;
        eprintln!("{}", table::progress(&point));
        Ok(point)
    };
    let points = match &arguments.rate[..] {
        [] => search::to_saturation(arguments.start, measure)?,
        rates => search::each(rates, measure)?,
    };
    let lines = lines(&setup, &points)?;
    files::write(&arguments.out, &points, &lines)?;
    let latency = arguments.out.join(files::LINES);
    let inputs = report::Inputs { latency: Some(&latency), ..report::Inputs::default() };
    report::write(&inputs, &arguments.out.join("report.html"))?;
    eprintln!("written to {}", arguments.out.display());
    let text = match arguments.format {
        Format::Text => table::heading(&setup) + &table::tables(&points),
        Format::Json => lines,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// What all rates have in common.
fn prepare(arguments: &Arguments) -> Result<Setup, Failure> {
    if arguments.cores.len() > 2 {
        return Err(ValueError::TooManyCores(arguments.cores.len()).into());
    }
    let (topology, cores, config) = setup::place(Wanted {
        topology: arguments.topology,
        cores: &arguments.cores,
        config: arguments.config.as_deref(),
        wait: arguments.wait,
    })?;
    let handlers_core = cores.second.unwrap_or(cores.first);
    let (clock_reading_ns, work) = setup::calibrate(handlers_core, arguments.work)?;
    Ok(Setup {
        topology,
        cores,
        config,
        payload_bytes: arguments.payload,
        work,
        work_ns: arguments.work,
        pattern: arguments.arrivals,
        seed: arguments.seed,
        length: Length { warm_up: arguments.warm_up, measured: arguments.seconds },
        clock_reading_ns,
    })
}

/// One object of JSON for each rate.
fn lines(setup: &Setup, points: &[Point]) -> Result<String, serde_json::Error> {
    let knee = search::knee(points);
    let mut lines = String::new();
    for (index, point) in points.iter().enumerate() {
        lines.push_str(&serde_json::to_string(&point.to_line(setup, knee == Some(index)))?);
        lines.push('\n');
    }
    Ok(lines)
}
