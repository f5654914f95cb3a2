//! What a scenario's samples say, as text and as data.

use std::fmt;

use serde::Serialize;

use crate::cores::Cores;
use crate::sample::{Sample, Spread};
use crate::scenario::{Gate, Scenario};

/// One scenario's results.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    scenario: &'static str,
    unit: &'static str,
    count: u64,
    cores: Vec<u32>,
    subjects: Vec<SubjectReport>,
    ratios: Vec<Ratio>,
    gates: Vec<GateReport>,
}

/// One subject's results. Samples that do not count are in none of the spreads.
#[derive(Debug, Serialize)]
pub(crate) struct SubjectReport {
    subject: &'static str,
    ns: Option<Spread>,
    multiple_of_raw: Option<Spread>,
    bytes: Option<Spread>,
    dropped: usize,
    samples: Vec<Sample>,
}

/// How many times as fast as the peer a subject is: of each pair of samples that were taken in the same round.
#[derive(Debug, Serialize)]
struct Ratio {
    subject: &'static str,
    peer: &'static str,
    times: Option<Spread>,
    pairs: usize,
}

/// Whether what was promised holds; not known if every sample was dropped.
#[derive(Debug, Serialize)]
struct GateReport {
    promise: String,
    found: Option<f64>,
    is_met: Option<bool>,
}

impl SubjectReport {
    pub(crate) fn new(subject: &'static str, samples: Vec<Sample>) -> Self {
        let counted = || samples.iter().filter(|sample| sample.counts());
        Self {
            subject,
            ns: Spread::of(counted().map(|sample| sample.ns)),
            multiple_of_raw: Spread::of(counted().filter_map(Sample::multiple)),
            bytes: Spread::of(counted().filter_map(|sample| sample.bytes)),
            dropped: samples.len() - counted().count(),
            samples,
        }
    }
}

impl Ratio {
    fn new(subject: &SubjectReport, peer: &SubjectReport) -> Self {
        let pairs = subject.samples.iter().zip(&peer.samples).filter(|(one, other)| one.is_comparable(other));
        let times: Vec<f64> = pairs.map(|(one, other)| other.ns / one.ns).collect();
        Self { subject: subject.subject, peer: peer.subject, pairs: times.len(), times: Spread::of(times) }
    }
}

impl Report {
    pub(crate) fn new(scenario: &Scenario, count: u64, cores: &Cores, subjects: Vec<SubjectReport>) -> Self {
        let peer = subjects.iter().find(|subject| Some(subject.subject) == scenario.peer);
        let ratios = peer.map_or(Vec::new(), |peer| {
            let others = subjects.iter().filter(|subject| subject.subject != peer.subject);
            others.map(|subject| Ratio::new(subject, peer)).collect()
        });
        let second = cores.second.filter(|_| scenario.needs_two_cores);
        let cores = [Some(cores.first), second].into_iter().flatten().map(|core| core.get()).collect();
        let mut report =
            Self { scenario: scenario.name, unit: scenario.unit, count, cores, subjects, ratios, gates: Vec::new() };
        report.gates = scenario.gates.iter().filter_map(|gate| report.judge(gate)).collect();
        report
    }

    /// `None` if the gate is about something that was not measured.
    fn judge(&self, gate: &Gate) -> Option<GateReport> {
        let of = |name| self.subjects.iter().find(|subject| subject.subject == name);
        let unit = self.unit;
        Some(match *gate {
            Gate::RatioAtLeast(name, least) => {
                let ratio = self.ratios.iter().find(|ratio| ratio.subject == name)?;
                let promise = format!("{name} is at least {least} times as fast as {}", ratio.peer);
                GateReport::new(promise, ratio.times, |times| times >= least)
            }
            Gate::MultipleAtMost(name, most) => {
                let promise = format!("{name} takes at most {most} raw round trips per {unit}");
                GateReport::new(promise, of(name)?.multiple_of_raw, |multiple| multiple <= most)
            }
            Gate::NsAtMost(name, most) => {
                let promise = format!("{name} takes at most {most} ns per {unit}");
                GateReport::new(promise, of(name)?.ns, |ns| ns <= most)
            }
            Gate::BytesAtMost(name, most) => {
                let promise = format!("{name} takes at most {most} bytes per {unit} beside its state");
                GateReport::new(promise, of(name)?.bytes, |bytes| bytes <= most)
            }
        })
    }
}

impl GateReport {
    fn new(promise: String, found: Option<Spread>, holds: impl Fn(f64) -> bool) -> Self {
        let found = found.map(|spread| spread.median);
        Self { promise, found, is_met: found.map(holds) }
    }
}

/// A spread in a column, or a dash.
fn column(spread: Option<Spread>) -> String {
    spread.map_or("-".to_owned(), |Spread { median, min, max }| format!("{median:.2} ({min:.2}..{max:.2})"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.cores.iter().map(u32::to_string).collect::<Vec<_>>().join(" and ");
        let noun = if self.cores.len() == 1 { "core" } else { "cores" };
        writeln!(f, "{}: {} {}s on {noun} {cores}", self.scenario, self.count, self.unit)?;
        let ns = format!("ns per {}", self.unit);
        writeln!(f, "  {:<20} {ns:>28} {:>24} {:>26} {:>8}", "", "raw round trips", "bytes", "samples")?;
        for subject in &self.subjects {
            write!(f, "  {:<20} {:>28}", subject.subject, column(subject.ns))?;
            write!(f, " {:>24} {:>26}", column(subject.multiple_of_raw), column(subject.bytes))?;
            let kept = subject.samples.len() - subject.dropped;
            writeln!(f, " {:>8}", format!("{kept}/{}", subject.samples.len()))?;
        }
        for Ratio { subject, peer, times, pairs } in &self.ratios {
            writeln!(f, "  {subject} is {} times as fast as {peer}, in {pairs} pairs", column(*times))?;
        }
        for GateReport { promise, found, is_met } in &self.gates {
            let found = found.map_or("every sample was dropped".to_owned(), |found| format!("{found:.2}"));
            let verdict = match is_met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "not known",
            };
            writeln!(f, "  gate: {promise}: {found}: {verdict}")?;
        }
        Ok(())
    }
}
