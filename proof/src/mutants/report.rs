//! What is printed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Mutant;
use super::equivalent::OUTSIDE;
use super::killer::{Outcome, Verdict};
use super::models::Model;
use super::site::Site;
use super::{Failure, equivalent};

/// The models, with what each explored.
pub(crate) fn models(surveyed: &[Model]) {
    for model in surveyed {
        for explored in &model.explored {
            println!("model {}: {explored}, {:.2} s", model.name, model.time.as_secs_f64());
        }
    }
    println!("{} models", surveyed.len());
}

/// The sites and the mutants.
pub(crate) fn list(sites: &BTreeMap<Site, Vec<usize>>, mutants: &[Mutant]) {
    for (site, models) in sites {
        println!("site {site}: {} models", models.len());
    }
    mutants.iter().for_each(|mutant| println!("mutant {mutant}"));
    println!("{} sites, {} mutants", sites.len(), mutants.len());
}

/// A line for one mutant, as soon as its fate is known.
pub(crate) fn mutant(mutant: &Mutant, outcome: &Result<Outcome, Failure>) {
    // A failure ends the run, which says why.
    let Ok(outcome) = outcome else { return };
    let seconds = outcome.time.as_secs_f64();
    let kills: Vec<_> = outcome.kills.iter().map(|(model, cause)| format!("{model} ({cause})")).collect();
    let fate = match outcome.verdict() {
        Verdict::Killed => format!("killed by {}", kills.join(", ")),
        Verdict::Equivalent => "equivalent".to_owned(),
        Verdict::Survived if !kills.is_empty() => {
            format!("SURVIVED in {}, killed by {}", outcome.survived_in.join(", "), kills.join(", "))
        }
        Verdict::Survived => "SURVIVED".to_owned(),
        Verdict::OutOfTime => format!("OUT OF TIME in {}", outcome.out_of_time.join(", ")),
        Verdict::NotEquivalent => format!("NOT EQUIVALENT, although listed: killed by {}", kills.join(", ")),
    };
    println!("{mutant}  [{fate}, {seconds:.1} s]");
}

/// The totals; whether everything held.
pub(crate) fn totals(
    sites: &BTreeMap<Site, Vec<usize>>,
    mutants: &[Mutant],
    outcomes: &[Outcome],
    problems: &[String],
    time: Duration,
) -> bool {
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict() == verdict).count();
    println!();
    for entry in equivalent::EQUIVALENT {
        println!(
            "equivalent: {} {}: {} [{}]\n    {}",
            entry.file, entry.function, entry.code, entry.changes, entry.reason
        );
    }
    for (file, reason) in OUTSIDE {
        println!("not looked at: {file}: {reason}");
    }
    problems.iter().for_each(|problem| println!("{problem}"));
    let (killed, equivalent) = (count(Verdict::Killed), count(Verdict::Equivalent));
    let (survived, slow, wrong) = (count(Verdict::Survived), count(Verdict::OutOfTime), count(Verdict::NotEquivalent));
    println!(
        "{} sites, {} mutants: {killed} killed, {equivalent} equivalent, {survived} survived, {slow} out of time, {wrong} \
         wrongly listed; {} problems; {:.0} s",
        sites.len(),
        mutants.len(),
        problems.len(),
        time.as_secs_f64(),
    );
    survived + slow + wrong + problems.len() == 0
}
