//! What was measured of one case, and how it is written as data.

use hdrhistogram::Histogram;
use hippodrome_perf_kit::raw::Bracket;
use hippodrome_perf_kit::sample::latencies;
use hippodrome_perf_kit::{Case, Cores, Sample, Scenario, Spread, Subject};
use serde::Serialize;

/// A sample, and the raw round trips around it where it went across cores.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) sample: Sample,
    pub(super) raw: Option<Bracket>,
}

impl Taken {
    /// Whether it counts: across cores, only if the machine stayed the same meanwhile.
    pub(super) fn counts(&self) -> bool {
        self.raw.is_none_or(|raw| raw.is_steady())
    }

    /// The figure that the scenario is about: the median of latencies where it has them, otherwise the time of a unit.
    pub(super) fn ns(&self) -> f64 {
        let median = |latency: &Histogram<u64>| latency.value_at_quantile(0.5) as f64;
        self.sample.latency_ns.as_ref().map_or_else(|| self.sample.ns_per_unit(), median)
    }

    fn multiple_of_raw(&self) -> Option<f64> {
        self.raw.map(|raw| self.ns() / raw.mean_ns())
    }

    /// Whether both were taken while the machine was the same.
    fn is_comparable(&self, other: &Self) -> bool {
        let same = match (self.raw, other.raw) {
            (Some(one), Some(other)) => Bracket { before_ns: one.mean_ns(), after_ns: other.mean_ns() }.is_steady(),
            _ => true,
        };
        same && self.counts() && other.counts()
    }
}

/// One subject's samples.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) subject: Subject,
    pub(super) taken: Vec<Taken>,
    /// Runs that found something else than they had to.
    pub(super) wrong: usize,
    /// Whether a run failed, after which there was no other.
    pub(super) failed: bool,
}

impl Measured {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, taken: Vec::new(), wrong: 0, failed: false }
    }

    /// Its name, and which way.
    pub(super) fn title(&self) -> String {
        match self.subject.via {
            Some(via) => format!("{} ({via})", self.subject.name),
            None => self.subject.name.to_owned(),
        }
    }

    fn counted(&self) -> impl Iterator<Item = &Taken> {
        self.taken.iter().filter(|taken| taken.counts())
    }

    pub(super) fn dropped(&self) -> usize {
        self.taken.len() - self.counted().count()
    }

    /// The figure that the scenario is about, in nanoseconds.
    pub(super) fn ns(&self) -> Option<Spread> {
        Spread::of(self.counted().map(Taken::ns))
    }

    pub(super) fn ns_per_unit(&self) -> Option<Spread> {
        Spread::of(self.counted().map(|taken| taken.sample.ns_per_unit()))
    }

    pub(super) fn multiple_of_raw(&self) -> Option<Spread> {
        Spread::of(self.counted().filter_map(Taken::multiple_of_raw))
    }

    pub(super) fn bytes(&self) -> Option<Spread> {
        Spread::of(self.counted().filter_map(|taken| taken.sample.bytes))
    }

    pub(super) fn idle_share(&self) -> Option<Spread> {
        Spread::of(self.counted().filter_map(|taken| taken.sample.idle_share))
    }

    /// The latencies of all samples that count.
    pub(super) fn latency(&self) -> Option<Latency> {
        let mut all = latencies();
        for latency in self.counted().filter_map(|taken| taken.sample.latency_ns.as_ref()) {
            // Both have the same bounds, so nothing can be refused.
            let _ = all.add(latency);
        }
        (!all.is_empty()).then(|| Latency::of(&all))
    }

    /// How many times as fast as the other this is: of the samples of the same round, taken while the machine was the
    /// same. The number of such pairs comes with it.
    pub(super) fn times_as_fast_as(&self, other: &Self) -> Option<(Spread, usize)> {
        let pairs = self.taken.iter().zip(&other.taken).filter(|(mine, theirs)| mine.is_comparable(theirs));
        let times: Vec<f64> = pairs.map(|(mine, theirs)| theirs.ns() / mine.ns()).collect();
        let pairs = times.len();
        Spread::of(times).map(|times| (times, pairs))
    }
}

/// One case's results.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) case: Case,
    pub(super) cores: Cores,
    pub(super) measured: Vec<Measured>,
}

impl Outcome {
    /// Runs that failed or found something else than they had to.
    pub(super) fn wrong(&self) -> usize {
        self.measured.iter().map(|measured| measured.wrong + usize::from(measured.failed)).sum()
    }

    /// The results as data, one object for each subject.
    pub(super) fn lines(&self, scenario: &'static Scenario) -> impl Iterator<Item = Line<'_>> {
        let cores = [Some(self.cores.first), self.cores.second];
        let cores: Vec<u32> = cores.into_iter().flatten().map(|core| core.get()).collect();
        self.measured.iter().map(move |measured| Line::new(scenario, &self.case, cores.clone(), measured))
    }
}

/// Percentiles in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50: u64,
    pub(super) p90: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) p9999: u64,
    pub(super) max: u64,
}

impl Latency {
    fn of(latency: &Histogram<u64>) -> Self {
        let at = |quantile| latency.value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), p9999: at(0.9999), max: latency.max() }
    }
}

/// One subject's results in one case. What there is none of is `null`.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    scenario: &'a str,
    subject: &'a str,
    via: Option<&'a str>,
    unit: &'a str,
    cores: Vec<u32>,
    payload_bytes: u32,
    actors: u64,
    messages: u64,
    rate_per_second: Option<Spread>,
    ns_per_message: Option<f64>,
    multiple_of_raw: Option<Spread>,
    raw_round_trip_ns: Option<f64>,
    latency_ns: Option<Latency>,
    bytes_per_actor: Option<f64>,
    idle_share: Option<f64>,
    checksum_ok: bool,
    samples: usize,
    dropped: usize,
}

impl<'a> Line<'a> {
    fn new(scenario: &'a Scenario, case: &Case, cores: Vec<u32>, measured: &'a Measured) -> Self {
        let ns = measured.ns_per_unit();
        let per_second = |ns: f64| 1e9 / ns;
        let rate =
            |ns: Spread| Spread { min: per_second(ns.max), median: per_second(ns.median), max: per_second(ns.min) };
        let raw = measured.counted().filter_map(|taken| taken.raw).map(|raw| raw.mean_ns());
        Self {
            scenario: scenario.name,
            subject: measured.subject.name,
            via: measured.subject.via,
            unit: scenario.unit,
            cores,
            payload_bytes: case.payload_bytes,
            actors: case.actors,
            messages: case.messages,
            rate_per_second: ns.map(rate),
            ns_per_message: ns.map(|ns| ns.median),
            multiple_of_raw: measured.multiple_of_raw(),
            raw_round_trip_ns: Spread::of(raw).map(|raw| raw.median),
            latency_ns: measured.latency(),
            bytes_per_actor: measured.bytes().map(|bytes| bytes.median),
            idle_share: measured.idle_share().map(|share| share.median),
            checksum_ok: measured.wrong == 0 && !measured.failed,
            samples: measured.taken.len(),
            dropped: measured.dropped(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use hippodrome_perf_kit::Found;

    use super::*;

    fn taken(ns: u64, raw: Option<(f64, f64)>) -> Taken {
        let started = Instant::now();
        let sample = Sample::new(started, (started + Duration::from_nanos(ns), Found { units: 1, checksum: 0 }));
        Taken { sample, raw: raw.map(|(before_ns, after_ns)| Bracket { before_ns, after_ns }) }
    }

    fn measured(taken: Vec<Taken>) -> Measured {
        Measured { taken, ..Measured::new(Subject::new("nothing", "nobody", |_, _| Err("never run".into()))) }
    }

    #[test]
    fn samples_between_unlike_raw_round_trips_are_dropped_and_counted() {
        let all = [(100, (100.0, 110.0)), (300, (100.0, 440.0)), (500, (100.0, 100.0))];
        let measured = measured(all.iter().map(|(ns, raw)| taken(*ns, Some(*raw))).collect());
        assert_eq!(measured.dropped(), 1);
        assert_eq!(measured.ns(), Some(Spread { min: 100.0, median: 300.0, max: 500.0 }));
    }

    #[test]
    fn only_samples_of_the_same_round_and_machine_are_compared() {
        let mine = measured(vec![taken(10, Some((100.0, 100.0))), taken(10, Some((100.0, 100.0))), taken(20, None)]);
        let theirs = measured(vec![taken(50, Some((110.0, 110.0))), taken(90, Some((440.0, 440.0))), taken(20, None)]);
        let (times, pairs) = mine.times_as_fast_as(&theirs).unwrap();
        assert_eq!((times.min, times.max, pairs), (1.0, 5.0, 2));
    }

    #[test]
    fn a_median_of_latencies_is_the_figure_where_there_are_some() {
        let mut latency = latencies();
        (1..=99).for_each(|ns| latency.record(ns).unwrap());
        let Taken { sample, raw } = taken(1_000, Some((25.0, 25.0)));
        let taken = Taken { sample: sample.with_latency(latency), raw };
        assert_eq!((taken.ns(), taken.multiple_of_raw()), (50.0, Some(2.0)));
    }
}
