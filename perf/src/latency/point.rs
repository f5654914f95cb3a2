//! What was measured at one rate.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hippodrome_perf_kit::open_loop::{Length, Sent, nanos};
use hippodrome_perf_kit::raw::Bracket;
use serde::Serialize;

use super::recorder::{Record, Times};
use super::setup::Setup;

/// A rate is saturated if the messages were handled at less than this share of the pace at which they were due.
pub(crate) const KEPT_PACE: f64 = 0.95;

/// What was measured at one rate.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// Messages a second, as asked for.
    pub(crate) rate: u64,
    /// Messages a second, from the first one being due to the last one being handled, with those of the warm-up.
    pub(crate) achieved: f64,
    /// Of the messages that count.
    pub(crate) times: Times,
    /// The same by seconds, without those in which nothing was due.
    pub(crate) intervals: Vec<Interval>,
    /// When the first message was due, by the wall clock.
    pub(crate) began_at: SystemTime,
    /// From when the first message that counts was due to when the last one had been handled, and the time that was
    /// asked for at least.
    pub(crate) seconds: f64,
    /// Whether the handler did not keep pace.
    pub(crate) is_saturated: bool,
    /// Whether the sender was so late that it gave up.
    pub(crate) is_cut_off: bool,
    /// The raw round trip, where there are two cores.
    pub(crate) raw: Option<Bracket>,
}

/// What was measured of the messages that were due in one second.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    /// After the first message of the rate.
    pub(crate) start: Duration,
    /// A second, or what was left of the run.
    pub(crate) length: Duration,
    pub(crate) times: Times,
}

impl Point {
    /// Of a run that was cut off while it warmed up, what there was counts.
    pub(crate) fn new(
        rate: u64,
        began_at: SystemTime,
        length: Length,
        sent: Sent,
        record: Record,
        raw: Option<Bracket>,
    ) -> Self {
        let elapsed_ns = record.ended_ns.saturating_sub(sent.start_ns);
        let due_ns = if sent.is_cut_off { elapsed_ns } else { length.total_ns() };
        let intervals = intervals(length, record.intervals);
        let mut times = Times::new();
        intervals.iter().for_each(|interval| times.add(&interval.times));
        let from_ns = intervals.first().map_or(0, |interval| nanos(interval.start));
        Self {
            rate,
            achieved: sent.messages as f64 * 1e9 / elapsed_ns.max(due_ns).max(1) as f64,
            times,
            intervals,
            began_at,
            seconds: elapsed_ns.max(due_ns).saturating_sub(from_ns) as f64 / 1e9,
            is_saturated: sent.is_cut_off || elapsed_ns as f64 * KEPT_PACE > due_ns as f64,
            is_cut_off: sent.is_cut_off,
            raw,
        }
    }

    /// The latency that 99 of 100 messages did not exceed.
    pub(crate) fn p99_ns(&self) -> u64 {
        self.times.latency_ns.value_at_quantile(0.99)
    }

    /// The point as an object of JSON.
    pub(crate) fn to_line<'a>(&'a self, setup: &'a Setup, is_knee: bool) -> Line<'a> {
        let raw_round_trip_ns = self.raw.map(|raw| raw.mean_ns());
        Line {
            latency: setup.topology.name(),
            cores: [Some(setup.cores.first), setup.cores.second].into_iter().flatten().map(|core| core.get()).collect(),
            payload_bytes: setup.payload_bytes,
            work_ns: setup.work_ns,
            wait: setup.wait().name(),
            arrivals: setup.pattern.name(),
            rate_per_second: self.rate,
            achieved_per_second: self.achieved,
            messages: self.times.len(),
            seconds: self.seconds,
            latency_ns: Quantiles::of(&self.times.latency_ns),
            waiting_ns: Quantiles::of(&self.times.waiting_ns),
            handling_ns: Quantiles::of(&self.times.handling_ns),
            is_knee,
            saturated: self.is_saturated,
            cut_off: self.is_cut_off,
            raw_round_trip_ns,
            raw_is_steady: self.raw.map(|raw| raw.is_steady()),
            clock_reading_ns: setup.clock_reading_ns,
            percentiles: percentiles(&self.times.latency_ns),
        }
    }
}

/// The seconds that count and have messages.
fn intervals(length: Length, record: Vec<Times>) -> Vec<Interval> {
    let mut record = record.into_iter();
    let warm_up = record.next().map(|times| Interval { start: Duration::ZERO, length: length.warm_up, times });
    let second = Duration::from_secs(1);
    let measured: Vec<Interval> = (0_u32..)
        .zip(record)
        .map(|(index, times)| {
            let rest = length.measured.saturating_sub(second * index);
            Interval { start: length.warm_up + second * index, length: rest.min(second), times }
        })
        .filter(|interval| interval.times.len() > 0)
        .collect();
    if measured.is_empty() { warm_up.into_iter().collect() } else { measured }
}

/// One line of `latency.jsonl`.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    latency: &'a str,
    cores: Vec<u32>,
    payload_bytes: u32,
    work_ns: u64,
    wait: &'a str,
    arrivals: &'a str,
    rate_per_second: u64,
    achieved_per_second: f64,
    messages: u64,
    seconds: f64,
    latency_ns: Quantiles,
    waiting_ns: Quantiles,
    handling_ns: Quantiles,
    is_knee: bool,
    saturated: bool,
    cut_off: bool,
    raw_round_trip_ns: Option<f64>,
    raw_is_steady: Option<bool>,
    clock_reading_ns: f64,
    /// Percent and nanoseconds, closer and closer to 100.
    percentiles: Vec<(f64, u64)>,
}

/// What so many messages did not exceed, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) p9999: u64,
    pub(crate) max: u64,
}

impl Quantiles {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        // The greatest value of the histogram's step may be above what was ever recorded.
        let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), p9999: at(0.9999), max: histogram.max() }
    }

    /// In the order of the table's columns.
    pub(crate) fn to_array(self) -> [u64; 6] {
        [self.p50, self.p90, self.p99, self.p999, self.p9999, self.max]
    }
}

/// Steps of the percentile curve on each half of the way to 100%: as many as HdrHistogram's own tools take.
pub(crate) const TICKS_PER_HALF: u32 = 5;

/// The percentile curve.
fn percentiles(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    let steps = histogram.iter_quantiles(TICKS_PER_HALF);
    steps.map(|step| (step.quantile_iterated_to() * 100.0, step.value_iterated_to().min(histogram.max()))).collect()
}
