//! `perf topology`: the machine as the engine sees it, and how long a word takes between each two of its cores.
//!
//! # Trade-offs
//!
//! The matrix is measured, because what the system tells of caches is often wrong on a virtual machine. Measuring keeps
//! two cores busy at a time for some milliseconds a pair. On a machine with many cores that adds up, so it is bounded:
//! all pairs are measured once before any is measured again, and when the time is over, what there is counts.
//!
//! # How it works
//!
//! `matrix` measures, `heat_map` prints it for people, `facts` for programs.
//!
//! # How to use
//!
//! ```text
//! perf topology
//! perf topology --cores 0,2-5 --repeat 9 --format json
//! ```

mod facts;
mod heat_map;
mod matrix;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use hippodrome_affinity::{CoreId, CoreSet, Topology};
use hippodrome_perf_kit::Failure;

use self::facts::Facts;
use self::heat_map::HeatMap;
pub(crate) use self::matrix::Matrix;

/// The most seconds on the command line: a day.
pub(crate) const SECONDS_MAX: u64 = 24 * 60 * 60;

/// Progress is not shown more often than this.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

/// What to print, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measure between these cores, such as 0,2-5; by default between all that may be used
    #[arg(long, value_name = "LIST", value_parser = parse_cores)]
    cores: Option<CoreSet>,

    /// How often each pair of cores is measured, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,

    /// Seconds after which no further measurement is begun
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX),
    )]
    budget: u64,

    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// Why a list of cores cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CoresError {
    #[error(transparent)]
    NotAList(#[from] hippodrome_affinity::ParseCoreSetError),
    #[error("the list names no core; at least one is needed, as in \"0,1\"")]
    Empty,
    #[error("the process may use no core")]
    NoneUsable,
}

/// Parses a list such as `0,2-5`, for a command line. Whether the cores exist is found by [`choose_cores`].
pub(crate) fn parse_cores(text: &str) -> Result<CoreSet, CoresError> {
    let cores: CoreSet = text.parse()?;
    if cores.is_empty() { Err(CoresError::Empty) } else { Ok(cores) }
}

/// The cores that were asked for, or all that may be used.
///
/// # Errors
/// One of them does not exist or may not be used, or there is none.
pub(crate) fn choose_cores(topology: &Topology, wanted: Option<&CoreSet>) -> Result<Vec<CoreId>, Failure> {
    let Some(wanted) = wanted else {
        let usable: Vec<CoreId> = topology.usable().iter().collect();
        return if usable.is_empty() { Err(CoresError::NoneUsable.into()) } else { Ok(usable) };
    };
    let check = |core| topology.check(core).map(|()| core);
    Ok(wanted.iter().map(check).collect::<Result<_, _>>()?)
}

/// Measures the matrix and shows on standard error how far it is, at most once a second.
pub(crate) fn measure_shown(cores: &[CoreId], rounds: u32, limit: Duration) -> Result<Matrix, Failure> {
    let mut shown_at: Option<Instant> = None;
    Matrix::measure(cores, rounds, limit, |step| {
        if shown_at.is_none_or(|at| at.elapsed() >= SHOWN_EVERY) {
            eprintln!("perf: round trips, {step}");
            shown_at = Some(Instant::now());
        }
    })
}

/// Prints the machine and the matrix.
pub(crate) fn main(arguments: &Arguments) -> Result<(), Failure> {
    let topology = Topology::detect()?;
    let cores = choose_cores(&topology, arguments.cores.as_ref())?;
    let matrix = measure_shown(&cores, arguments.repeat, Duration::from_secs(arguments.budget))?;
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Text => {
            let is_coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            // The table of the topology may or may not end its last line.
            writeln!(out, "{}\n", topology.to_string().trim_end())?;
            write!(out, "{}", HeatMap { matrix: &matrix, is_coloured })?;
        }
        Format::Json => writeln!(out, "{}", serde_json::to_string(&Facts::new(&topology, &matrix))?)?,
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_names_at_least_one() {
        assert_eq!(parse_cores("0,2-3").unwrap().len(), 3);
        for text in ["", " ", "a", "1-", "3-1", "0,,1", "4096"] {
            assert!(parse_cores(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn cores_that_may_not_be_used_are_named() {
        let topology = Topology::detect().unwrap();
        assert_eq!(choose_cores(&topology, None).unwrap(), topology.usable().iter().collect::<Vec<_>>());
        let error = choose_cores(&topology, Some(&parse_cores("4000").unwrap())).unwrap_err();
        assert!(error.to_string().starts_with("core 4000 does not exist or is offline"), "{error}");
    }
}
