//! Whether the figures are what they have to be.

use hippodrome_perf_kit::{Gate, Scenario};
use serde::Serialize;

use super::result::{Measured, Outcome};
use crate::hippodrome::NAME;

/// What became of a gate; not known if no sample counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    pub(super) scenario: &'static str,
    pub(super) gate: String,
    pub(super) found: Option<f64>,
    pub(super) is_met: Option<bool>,
}

/// Judges the scenario's first case, if Hippodrome was measured in it. Gates on peers that were not are left out.
pub(super) fn judge(scenario: &'static Scenario, outcomes: &[Outcome]) -> Vec<Verdict> {
    let is_first = |outcome: &&Outcome| {
        let (case, first) = (outcome.case, scenario.cases[0]);
        (case.payload_bytes, case.actors) == (first.payload_bytes, first.actors)
    };
    let Some(outcome) = outcomes.iter().find(is_first) else { return Vec::new() };
    scenario.gates.iter().filter_map(|gate| verdict(scenario, outcome, gate)).collect()
}

fn verdict(scenario: &'static Scenario, outcome: &Outcome, gate: &Gate) -> Option<Verdict> {
    let ours = |via| outcome.measured.iter().find(|one| one.subject.name == NAME && one.subject.via == via);
    let at_most = |one: &Measured, what: &str, found: Option<f64>, limit: f64| Verdict {
        scenario: scenario.name,
        gate: format!("{}: at most {limit} {what}", one.title()),
        found,
        is_met: found.map(|found| found <= limit),
    };
    match *gate {
        Gate::TimesAsFast { via, than, times } => {
            let ours = ours(via)?;
            let (peer, found) = fastest(outcome, ours, than)?;
            let gate = format!("{}: at least {times} times as fast as {peer}", ours.title());
            Some(Verdict { scenario: scenario.name, gate, found, is_met: found.map(|found| found >= times) })
        }
        Gate::RawRoundTrips { via, at_most: limit } => {
            let ours = ours(via)?;
            Some(at_most(ours, "raw round trips", ours.multiple_of_raw().map(|spread| spread.median), limit))
        }
        Gate::Ns { via, at_most: limit } => {
            let ours = ours(via)?;
            let what = format!("ns for each {}", scenario.unit);
            Some(at_most(ours, &what, ours.ns().map(|spread| spread.median), limit))
        }
        Gate::Bytes { via, at_most: limit } => {
            let ours = ours(via)?;
            Some(at_most(ours, "bytes beside the state", ours.bytes().map(|spread| spread.median), limit))
        }
        Gate::IdleShare { via, at_most: limit } => {
            let ours = ours(via)?;
            Some(at_most(ours, "of a core while idle", ours.idle_share().map(|spread| spread.median), limit))
        }
        Gate::LatencyTimes { via, of, at_most: limit } => {
            let ours = ours(via)?;
            let peer = outcome.measured.iter().find(|one| one.subject.name == of)?;
            let found = peer.times_as_fast_as(ours).map(|(times, _)| times.median);
            Some(at_most(ours, &format!("times the median of {}", peer.title()), found, limit))
        }
    }
}

/// The fastest of the peers of these names that were measured, and how many times as fast as it we are.
fn fastest(outcome: &Outcome, ours: &Measured, than: &[&str]) -> Option<(String, Option<f64>)> {
    let peers = outcome.measured.iter().filter(|one| than.contains(&one.subject.name) && !one.failed);
    let with_times = peers.map(|peer| (peer.title(), ours.times_as_fast_as(peer).map(|(times, _)| times.median)));
    let key = |times: Option<f64>| times.unwrap_or(f64::INFINITY);
    with_times.min_by(|(_, one), (_, other)| key(*one).total_cmp(&key(*other)))
}
