//! The rounds of one case: one sample of each subject, in turn.

use std::io::{IsTerminal, Write};

use hippodrome_perf_kit::raw::{Bracket, round_trip_ns};
use hippodrome_perf_kit::{Case, Cores, Failure, Scenario, Subject};

use super::result::{Measured, Outcome, Taken};

/// How often each subject is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    /// Whether one round comes first that does not count.
    pub(super) warm_up: bool,
    pub(super) samples: u32,
}

/// Measures the subjects in turn. One that fails says so and is left out from then on.
pub(super) fn measure(
    scenario: &'static Scenario,
    case: &Case,
    subjects: &[Subject],
    cores: &Cores,
    rounds: Rounds,
) -> Outcome {
    let expected = (scenario.expected)(case);
    let mut measured: Vec<Measured> = subjects.iter().map(|subject| Measured::new(*subject)).collect();
    let warm_up = u32::from(rounds.warm_up);
    for round in 0..warm_up + rounds.samples {
        for subject in &mut measured {
            if subject.failed {
                continue;
            }
            show_progress(scenario, case, subject, round, warm_up + rounds.samples);
            match take(&subject.subject, case, cores) {
                Ok(taken) => {
                    if taken.sample.found != expected {
                        let Taken { sample, .. } = &taken;
                        complain(scenario, subject, &format!("found {}, and had to find {expected}", sample.found));
                        subject.wrong += 1;
                    }
                    if round >= warm_up {
                        subject.taken.push(taken);
                    }
                }
                Err(error) => {
                    complain(scenario, subject, &error.to_string());
                    subject.failed = true;
                }
            }
        }
    }
    clear_progress();
    Outcome { case: *case, cores: *cores, measured }
}

/// One sample, with the raw round trip before and after it where it goes across cores.
fn take(subject: &Subject, case: &Case, cores: &Cores) -> Result<Taken, Failure> {
    let raw = || cores.second.map(|second| round_trip_ns(cores.first, second)).transpose();
    let before = raw()?;
    let sample = (subject.run)(case, cores)?;
    let bracket = before.zip(raw()?).map(|(before_ns, after_ns)| Bracket { before_ns, after_ns });
    Ok(Taken { sample, raw: bracket })
}

fn complain(scenario: &Scenario, subject: &Measured, what: &str) {
    clear_progress();
    eprintln!("{}, {}: {what}", scenario.name, subject.title());
}

/// On a terminal a line that is written over, elsewhere one line for each round.
fn show_progress(scenario: &Scenario, case: &Case, subject: &Measured, round: u32, rounds: u32) {
    let mut err = std::io::stderr().lock();
    let size = match case {
        Case { actors: 0, payload_bytes, .. } => format!("{payload_bytes} bytes"),
        Case { actors, payload_bytes, .. } => format!("{payload_bytes} bytes, {actors} actors"),
    };
    let (name, title, round) = (scenario.name, subject.title(), round + 1);
    // A terminal that has gone is no reason to stop measuring.
    let _ = if err.is_terminal() {
        write!(err, "\r\x1b[K{name} ({size}): round {round} of {rounds}: {title}").and_then(|()| err.flush())
    } else if subject.taken.is_empty() && round == 1 {
        writeln!(err, "{name} ({size}): {title}")
    } else {
        Ok(())
    };
}

fn clear_progress() {
    let mut err = std::io::stderr().lock();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[K").and_then(|()| err.flush());
    }
}
