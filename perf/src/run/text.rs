//! The results as tables.

use std::io::{self, Write};

use hippodrome_perf_kit::{Case, Scenario, Spread};

use super::Work;
use super::gate::Verdict;
use super::result::{Measured, Outcome};
use crate::hippodrome::NAME;

/// The scenarios, and who does them.
pub(super) fn list(plan: &[Work], out: &mut impl Write) -> io::Result<()> {
    for Work { scenario, cases } in plan {
        writeln!(out, "{}: {}", scenario.name, scenario.about)?;
        for (case, subjects) in cases {
            let names: Vec<String> = subjects.iter().map(|one| Measured::new(*one).title()).collect();
            writeln!(out, "  {}: {}", size(scenario, case), names.join(", "))?;
        }
    }
    Ok(())
}

/// A table for each case, and what became of the gates.
pub(super) fn table(
    scenario: &Scenario,
    outcomes: &[Outcome],
    verdicts: &[Verdict],
    out: &mut impl Write,
) -> io::Result<()> {
    for outcome in outcomes {
        let cores = [Some(outcome.cores.first), outcome.cores.second];
        let cores = cores.into_iter().flatten().map(|core| core.to_string()).collect::<Vec<_>>().join(" and ");
        writeln!(out, "{}: {}, on core {cores}", scenario.name, size(scenario, &outcome.case))?;
        let ours: Vec<&Measured> = outcome.measured.iter().filter(|one| one.subject.name == NAME).collect();
        header(scenario, outcome, out)?;
        for measured in &outcome.measured {
            row(measured, &ours, outcome, out)?;
        }
    }
    for Verdict { gate, found, is_met, .. } in verdicts {
        let found = found.map_or("every sample was dropped".to_owned(), |found| format!("{found:.2}"));
        let verdict = match is_met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not known",
        };
        writeln!(out, "  gate: {gate}: {found}: {verdict}")?;
    }
    writeln!(out)
}

fn size(scenario: &Scenario, case: &Case) -> String {
    let Case { payload_bytes, actors, messages } = case;
    let actors = if *actors == 0 { String::new() } else { format!(", {actors} actors") };
    format!("{messages} {}s of {payload_bytes} bytes{actors}", scenario.unit)
}

/// Which columns a case has beside the time of a unit.
fn columns(outcome: &Outcome) -> [bool; 4] {
    let any = |has: fn(&Measured) -> bool| outcome.measured.iter().any(has);
    [
        any(|one| one.multiple_of_raw().is_some()),
        any(|one| one.latency().is_some()),
        any(|one| one.bytes().is_some()),
        any(|one| one.idle_share().is_some()),
    ]
}

fn header(scenario: &Scenario, outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
    let [raw, latency, bytes, idle] = columns(outcome);
    write!(out, "  {:<26} {:>28} {:>10}", "", format!("ns per {}", scenario.unit), "M/s")?;
    if raw {
        write!(out, " {:>22}", "raw round trips")?;
    }
    if latency {
        write!(out, " {:>38}", "ns at p50 / p99 / p99.9 / max")?;
    }
    if bytes {
        write!(out, " {:>22}", "bytes")?;
    }
    if idle {
        write!(out, " {:>12}", "idle share")?;
    }
    writeln!(out, " {:>8}  ours is so many times as fast", "samples")
}

fn row(measured: &Measured, ours: &[&Measured], outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
    let [raw, latency, bytes, idle] = columns(outcome);
    let ns = measured.ns_per_unit();
    let rate = ns.map_or("-".to_owned(), |ns| format!("{:.2}", 1e3 / ns.median));
    write!(out, "  {:<26} {:>28} {rate:>10}", measured.title(), spread(ns))?;
    if raw {
        write!(out, " {:>22}", spread(measured.multiple_of_raw()))?;
    }
    if latency {
        let text = measured
            .latency()
            .map_or("-".to_owned(), |one| format!("{} / {} / {} / {}", one.p50, one.p99, one.p999, one.max));
        write!(out, " {text:>38}")?;
    }
    if bytes {
        write!(out, " {:>22}", spread(measured.bytes()))?;
    }
    if idle {
        let text = measured.idle_share().map_or("-".to_owned(), |share| format!("{:.3} %", 100.0 * share.median));
        write!(out, " {text:>12}")?;
    }
    let kept = measured.taken.len() - measured.dropped();
    let mut times = Vec::new();
    for ours in ours.iter().filter(|_| measured.subject.name != NAME) {
        if let Some((found, _)) = ours.times_as_fast_as(measured) {
            times.push(ours.subject.via.map_or(String::new(), |via| format!("{via} ")) + &spread(Some(found)));
        }
    }
    let mark = if measured.failed || measured.wrong > 0 { "  WRONG" } else { "" };
    writeln!(out, " {:>8}  {}{mark}", format!("{kept}/{}", measured.taken.len()), times.join(", "))
}

/// A spread in a column, or a dash.
fn spread(spread: Option<Spread>) -> String {
    spread.map_or("-".to_owned(), |Spread { min, median, max }| format!("{median:.2} ({min:.2}..{max:.2})"))
}
