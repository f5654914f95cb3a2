//! The files that a run leaves behind.
//!
//! * `latency-RATE.hgrm`, one for each rate: the percentile distribution of the latency in microseconds, in the text
//!   format of HdrHistogram, which its plotter reads.
//! * `latency.hlog`: HdrHistogram's interval log. Each rate has the tags `latency-RATE`, `waiting-RATE` and
//!   `handling-RATE`, with one histogram of nanoseconds for each second.
//! * `latency.jsonl`: one object of JSON a line, for each rate.
//!
//! All are written when everything has been measured, each under another name first, so that none is ever seen half
//! written.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hippodrome_perf_kit::Failure;

use super::point::{Point, TICKS_PER_HALF};
use super::recorder::Times;
use crate::whole_file::{self, Existing};

/// The name of the file with the lines of JSON.
pub(crate) const LINES: &str = "latency.jsonl";

/// Something could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub(crate) struct WriteError {
    path: PathBuf,
    cause: io::Error,
}

/// Makes the directory, so that it is known before anything is measured whether that can be done.
///
/// # Errors
/// It cannot.
pub(crate) fn prepare(out: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(out).map_err(|cause| WriteError { path: out.to_owned(), cause })
}

/// Writes all files.
///
/// # Errors
/// One of them cannot be written.
pub(crate) fn write(out: &Path, points: &[Point], lines: &str) -> Result<(), Failure> {
    for point in points {
        let mut text = Vec::new();
        distribution(&point.times.latency_ns, &mut text)?;
        write_whole(&out.join(format!("latency-{}.hgrm", point.rate)), &text)?;
    }
    write_whole(&out.join("latency.hlog"), &interval_log(points)?)?;
    write_whole(&out.join(LINES), lines.as_bytes())?;
    Ok(())
}

fn write_whole(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    let written = whole_file::write(path, contents, Existing::Replace);
    written.map_err(|cause| WriteError { path: path.to_owned(), cause })
}

/// HdrHistogram's percentile distribution, in microseconds.
fn distribution(latency_ns: &Histogram<u64>, out: &mut impl Write) -> io::Result<()> {
    const NS: f64 = 1_000.0;
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut count = 0;
    for step in latency_ns.iter_quantiles(TICKS_PER_HALF) {
        count += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NS, step.quantile_iterated_to());
        write!(out, "{value:12.3} {quantile:2.12} {count:10}")?;
        if quantile < 1.0 {
            write!(out, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(out)?;
    }
    let (mean, deviation) = (latency_ns.mean() / NS, latency_ns.stdev() / NS);
    writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    let (max, total) = (latency_ns.max() as f64 / NS, latency_ns.len());
    writeln!(out, "#[Max     = {max:12.3}, Total count    = {total:12}]")?;
    // Each bucket but the first has half as many values of its own as there are in a bucket.
    let buckets = latency_ns.buckets();
    let sub_buckets = 2 * latency_ns.distinct_values() / (usize::from(buckets) + 1);
    writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]")
}

/// HdrHistogram's interval log.
fn interval_log(points: &[Point]) -> Result<Vec<u8>, Failure> {
    let mut log = Vec::new();
    // The rates need not have been measured in this order, and no interval is before the base.
    let base = points.iter().map(|point| point.began_at).min().unwrap_or(SystemTime::UNIX_EPOCH);
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("Nanoseconds; the greatest value of an interval in milliseconds.")
        .add_comment("An interval has the messages that were due in it.")
        .with_start_time(base)
        .with_base_time(base)
        .with_max_value_divisor(1_000_000.0)
        .begin_log_with(&mut log, &mut serializer)?;
    for point in in_time(points) {
        let began = point.began_at.duration_since(base).unwrap_or_default();
        for interval in &point.intervals {
            let Times { latency_ns, waiting_ns, handling_ns } = &interval.times;
            for (name, histogram) in [("latency", latency_ns), ("waiting", waiting_ns), ("handling", handling_ns)] {
                let tag = format!("{name}-{}", point.rate);
                writer.write_histogram(histogram, began + interval.start, interval.length, Tag::new(&tag))?;
            }
        }
    }
    Ok(log)
}

/// In the order in which they were measured.
fn in_time(points: &[Point]) -> Vec<&Point> {
    let mut points: Vec<&Point> = points.iter().collect();
    points.sort_by_key(|point| point.began_at);
    points
}
