//! What other commands have measured, read from their files and checked.
//!
//! A line that does not fit ends the reading with its file, its number and the reason: a report that left it out would
//! look whole. Keys that are not known here are passed over, so that a newer file can be read.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use hippodrome_affinity::{CoreId, CoreSet};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    /// It cannot be read.
    #[error("{}: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line is not what it has to be.
    #[error("{}:{line}: {reason}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing in it.
    #[error("{}: nothing was measured; lines of `{command}` are needed", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
        /// What makes such a file.
        command: &'static str,
    },
}

/// What makes each file.
pub(super) const RUN: &str = "perf run all --format json > run.jsonl";
pub(super) const LATENCY: &str = "perf latency --format json > latency.jsonl";
pub(super) const TOPOLOGY: &str = "perf topology --format json > topology.json";

/// The middle of some figures, and the farthest of them on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(super) struct Spread {
    pub(super) min: f64,
    pub(super) median: f64,
    pub(super) max: f64,
}

/// Percentiles in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(super) struct Percentiles {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) p9999: f64,
    pub(super) max: f64,
}

impl Percentiles {
    /// All of them, ascending.
    pub(super) fn all(&self) -> [f64; 6] {
        [self.p50, self.p90, self.p99, self.p999, self.p9999, self.max]
    }
}

/// The names of [`Percentiles::all`].
pub(super) const PERCENTILES: [&str; 6] = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];

/// What one subject did in one case: a line of `perf run`. What there is none of is `None`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    pub(super) scenario: String,
    pub(super) subject: String,
    pub(super) via: Option<String>,
    pub(super) unit: String,
    pub(super) cores: Vec<u32>,
    pub(super) payload_bytes: u64,
    pub(super) actors: u64,
    pub(super) messages: u64,
    pub(super) rate_per_second: Option<Spread>,
    pub(super) ns_per_message: Option<f64>,
    pub(super) multiple_of_raw: Option<Spread>,
    pub(super) raw_round_trip_ns: Option<f64>,
    pub(super) latency_ns: Option<Percentiles>,
    pub(super) bytes_per_actor: Option<f64>,
    pub(super) idle_share: Option<f64>,
    pub(super) checksum_ok: bool,
    pub(super) samples: u64,
    pub(super) dropped: u64,
}

impl Row {
    /// Its subject, and which way.
    pub(super) fn title(&self) -> String {
        match &self.via {
            Some(via) => format!("{} ({via})", self.subject),
            None => self.subject.clone(),
        }
    }
}

/// What a figure had to be: a line of `perf run`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Gate {
    pub(super) gate: String,
    pub(super) scenario: String,
    pub(super) found: Option<f64>,
    pub(super) is_met: Option<bool>,
}

/// What `perf run` has written, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    pub(super) rows: Vec<Row>,
    pub(super) gates: Vec<Gate>,
}

/// What was found at one rate of arrivals: a line of `perf latency`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Step {
    pub(super) latency: String,
    pub(super) cores: Vec<u32>,
    pub(super) payload_bytes: u64,
    /// What else was the same at all rates, if the file tells.
    pub(super) work_ns: Option<u64>,
    pub(super) wait: Option<String>,
    pub(super) arrivals: Option<String>,
    pub(super) rate_per_second: f64,
    pub(super) achieved_per_second: f64,
    pub(super) messages: u64,
    pub(super) seconds: f64,
    pub(super) latency_ns: Percentiles,
    pub(super) waiting_ns: Percentiles,
    pub(super) handling_ns: Percentiles,
    pub(super) is_knee: bool,
    pub(super) saturated: bool,
    /// Percentiles up to 100 with their nanoseconds, ascending.
    pub(super) percentiles: Vec<(f64, f64)>,
}

/// The round trips between each two cores: what `perf topology` has written.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Matrix {
    pub(super) cores: Vec<u32>,
    pub(super) matrix_ns: Vec<Vec<Option<f64>>>,
    pub(super) repeats: Option<u64>,
}

impl Run {
    pub(super) fn read(file: &Path) -> Result<Self, InputError> {
        let mut run = Self::default();
        each_line(file, RUN, |value, line| {
            if value.get("gate").is_some() {
                run.gates.push(parsed(line)?);
            } else if value.get("latency").is_some_and(Value::is_string) {
                return Err("this is a line of `perf latency`: give its file as --latency".to_owned());
            } else {
                run.rows.push(checked_row(parsed(line)?)?);
            }
            Ok(())
        })?;
        if run.rows.is_empty() { Err(InputError::Empty { file: file.to_owned(), command: RUN }) } else { Ok(run) }
    }

    /// The cores that anything ran on.
    pub(super) fn cores(&self) -> CoreSet {
        set(self.rows.iter().flat_map(|row| &row.cores))
    }
}

/// The steps of `perf latency`.
pub(super) fn read_latency(file: &Path) -> Result<Vec<Step>, InputError> {
    let mut steps = Vec::new();
    each_line(file, LATENCY, |value, line| {
        if value.get("scenario").is_some_and(Value::is_string) {
            return Err("this is a line of `perf run`: give its file as --run".to_owned());
        }
        steps.push(checked_step(parsed(line)?)?);
        Ok(())
    })?;
    Ok(steps)
}

/// The cores of all steps.
pub(super) fn cores_of(steps: &[Step]) -> CoreSet {
    set(steps.iter().flat_map(|step| &step.cores))
}

impl Matrix {
    pub(super) fn read(file: &Path) -> Result<Self, InputError> {
        let text =
            std::fs::read_to_string(file).map_err(|source| InputError::Unreadable { file: file.to_owned(), source })?;
        let malformed = |line, reason| InputError::Malformed { file: file.to_owned(), line, reason };
        let matrix: Self = serde_json::from_str(&text).map_err(|error| malformed(error.line(), reason(&error)))?;
        matrix.check().map_err(|reason| malformed(1, reason))?;
        Ok(matrix)
    }

    fn check(&self) -> Result<(), String> {
        check_cores(&self.cores)?;
        let cores = self.cores.len();
        if self.matrix_ns.len() != cores || self.matrix_ns.iter().any(|row| row.len() != cores) {
            return Err(format!("matrix_ns: {cores} rows of {cores} are needed, one for each of the cores"));
        }
        self.matrix_ns.iter().flatten().flatten().try_for_each(|ns| check_amount("matrix_ns", *ns))
    }
}

/// Calls `take` with each line that is not empty, as an object and as text.
fn each_line(
    file: &Path,
    command: &'static str,
    mut take: impl FnMut(&Value, &str) -> Result<(), String>,
) -> Result<(), InputError> {
    let unreadable = |source| InputError::Unreadable { file: file.to_owned(), source };
    let malformed = |line, reason| InputError::Malformed { file: file.to_owned(), line, reason };
    let mut count = 0;
    for (index, line) in BufReader::new(File::open(file).map_err(unreadable)?).lines().enumerate() {
        let line = line.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => malformed(index + 1, "the line is not UTF-8".to_owned()),
            _ => unreadable(error),
        })?;
        if line.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(&line).map_err(|error| malformed(index + 1, reason(&error)))?;
        if !value.is_object() {
            return Err(malformed(index + 1, "a JSON object is needed".to_owned()));
        }
        take(&value, &line).map_err(|reason| malformed(index + 1, reason))?;
        count += 1;
    }
    if count == 0 { Err(InputError::Empty { file: file.to_owned(), command }) } else { Ok(()) }
}

fn parsed<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| reason(&error))
}

/// The error with its column only: it counts lines from this one.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    format!("{reason} (column {})", error.column())
}

fn checked_row(row: Row) -> Result<Row, String> {
    check_cores(&row.cores)?;
    if let Some(rate) = row.rate_per_second {
        check_spread("rate_per_second", rate)?;
    }
    if let Some(multiple) = row.multiple_of_raw {
        check_spread("multiple_of_raw", multiple)?;
    }
    if let Some(latency) = row.latency_ns {
        check_percentiles("latency_ns", latency)?;
    }
    let amounts = [
        ("ns_per_message", row.ns_per_message),
        ("raw_round_trip_ns", row.raw_round_trip_ns),
        ("bytes_per_actor", row.bytes_per_actor),
        ("idle_share", row.idle_share),
    ];
    for (key, amount) in amounts {
        amount.map_or(Ok(()), |amount| check_amount(key, amount))?;
    }
    Ok(row)
}

fn checked_step(step: Step) -> Result<Step, String> {
    check_cores(&step.cores)?;
    if step.rate_per_second.is_nan() || step.rate_per_second <= 0.0 {
        return Err(format!("rate_per_second: {} is not above 0", step.rate_per_second));
    }
    check_amount("achieved_per_second", step.achieved_per_second)?;
    check_amount("seconds", step.seconds)?;
    check_percentiles("latency_ns", step.latency_ns)?;
    check_percentiles("waiting_ns", step.waiting_ns)?;
    check_percentiles("handling_ns", step.handling_ns)?;
    for (percentile, ns) in &step.percentiles {
        check_amount("percentiles", *ns)?;
        if !(0.0..=100.0).contains(percentile) {
            return Err(format!("percentiles: {percentile} is not from 0 to 100"));
        }
    }
    if !step.percentiles.is_sorted_by(|one, next| one.0 <= next.0 && one.1 <= next.1) {
        return Err("percentiles: they do not ascend".to_owned());
    }
    Ok(step)
}

fn check_cores(cores: &[u32]) -> Result<(), String> {
    cores.iter().try_for_each(|core| CoreId::new(*core).map(drop).map_err(|error| format!("cores: {error}")))
}

fn check_amount(key: &str, amount: f64) -> Result<(), String> {
    if amount.is_finite() && amount >= 0.0 { Ok(()) } else { Err(format!("{key}: {amount} is not 0 or above")) }
}

fn check_spread(key: &str, Spread { min, median, max }: Spread) -> Result<(), String> {
    [min, median, max].into_iter().try_for_each(|amount| check_amount(key, amount))?;
    if min <= median && median <= max {
        Ok(())
    } else {
        Err(format!("{key}: min {min}, median {median}, max {max} do not ascend"))
    }
}

fn check_percentiles(key: &str, percentiles: Percentiles) -> Result<(), String> {
    percentiles.all().into_iter().try_for_each(|amount| check_amount(key, amount))?;
    if percentiles.all().is_sorted() { Ok(()) } else { Err(format!("{key}: the percentiles do not ascend")) }
}

/// Cores as a set.
pub(super) fn set<'a>(cores: impl Iterator<Item = &'a u32>) -> CoreSet {
    // They were checked when they were read.
    cores.filter_map(|core| CoreId::new(*core).ok()).collect()
}
