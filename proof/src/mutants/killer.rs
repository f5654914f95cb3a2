//! Runs the models against a mutant, and says what killed it.

use std::time::{Duration, Instant};

use super::models::{Model, Models, Run};
use super::{Failure, Mutant, equivalent, patience};

/// What runs against the mutants.
pub(crate) struct Killer<'a> {
    pub(crate) models: &'a Models,
    pub(crate) surveyed: &'a [Model],
}

/// How a mutant fared.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Who killed it, and by what. If rings share the site, one for each ring that did.
    pub(crate) kills: Vec<(String, String)>,
    /// The rings that share the site and whose models all passed.
    pub(crate) survived_in: Vec<String>,
    /// The models that ran out of time: neither passed nor failed.
    pub(crate) out_of_time: Vec<String>,
    /// Why nobody can tell it from the original, if it is listed.
    pub(crate) equivalent: Option<&'static str>,
    pub(crate) time: Duration,
}

/// What is to be made of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Killed,
    Equivalent,
    Survived,
    /// No model failed, and some did not come to an end.
    OutOfTime,
    /// Killed, although it is listed as equivalent.
    NotEquivalent,
}

impl Outcome {
    pub(crate) fn verdict(&self) -> Verdict {
        let is_killed = !self.kills.is_empty() && self.survived_in.is_empty();
        match (is_killed, self.equivalent.is_some()) {
            (true, false) => Verdict::Killed,
            (true, true) => Verdict::NotEquivalent,
            (false, true) => Verdict::Equivalent,
            (false, false) if !self.out_of_time.is_empty() => Verdict::OutOfTime,
            (false, false) => Verdict::Survived,
        }
    }
}

impl Killer<'_> {
    pub(crate) fn attack(&self, mutant: &Mutant) -> Result<Outcome, Failure> {
        let began = Instant::now();
        let key = format!("{} {}", mutant.site.key(), mutant.change.key());
        let equivalent = equivalent::reason(&mutant.place, &mutant.change);
        let (mut kills, mut out_of_time) = (Vec::new(), Vec::new());
        let mut dead: Vec<&str> = Vec::new();
        for &index in &mutant.models {
            let model = &self.surveyed[index];
            if dead.contains(&model.ring()) || !mutant.site.is_shared() && !dead.is_empty() {
                continue;
            }
            match self.models.run(&model.name, &key, patience(model.time))? {
                Run::Passed => {}
                Run::OutOfTime => out_of_time.push(model.name.clone()),
                Run::Failed { status, output } => {
                    dead.push(model.ring());
                    kills.push((model.name.clone(), cause(&status.to_string(), &output)));
                }
            }
        }
        let mut survived_in = Vec::new();
        for &index in mutant.models.iter().filter(|_| mutant.site.is_shared()) {
            let ring = self.surveyed[index].ring();
            if !dead.contains(&ring) && !survived_in.iter().any(|other| other == ring) {
                survived_in.push(ring.to_owned());
            }
        }
        Ok(Outcome { kills, survived_in, out_of_time, equivalent, time: began.elapsed() })
    }
}

/// What a failed model complained of: its first words.
fn cause(status: &str, output: &str) -> String {
    let mut lines = output.lines().skip_while(|line| !line.contains("panicked at ")).skip(1);
    let Some(message) = lines.next() else { return status.to_owned() };
    let kind = [
        ("Causality violation", "data race"),
        ("deadlock", "deadlock"),
        ("exceeded maximum number of branches", "no end: too many branches"),
        ("leaked", "leak"),
        ("already consumed", "used after its release"),
    ];
    let known = kind.iter().find(|(words, _)| message.contains(words));
    known.map_or_else(|| format!("failed: {}", message.trim()), |(_, kind)| (*kind).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_what_the_model_said_first() {
        let output =
            |message: &str| format!("running 1 test\n\nthread 'a' panicked at rt.rs:1:2:\n{message}\nnote: x\n");
        let of = |message| cause("exit status: 101", &output(message));
        assert_eq!(of("deadlock; threads = [(Id(0), Blocked)]"), "deadlock");
        assert_eq!(of("Causality violation: Concurrent read and write accesses."), "data race");
        assert_eq!(of("assertion failed: seen"), "failed: assertion failed: seen");
        assert_eq!(cause("signal: 6", "nothing"), "signal: 6");
    }
}
