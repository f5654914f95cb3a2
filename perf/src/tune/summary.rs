//! What was found, for people and for programs.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::search::{Outcome, Tried};
use super::setting::Setting;
use super::tuned::Tuned;
use super::workload::Rate;

/// Writes what was found in a few lines.
pub(super) fn write_text(tuned: &Tuned, file: Option<&Path>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "workload  {}", tuned.workload)?;
    writeln!(out, "goal      {} ({})", tuned.workload.goal, tuned.workload.goal.unit())?;
    writeln!(out, "machine   {}", tuned.machine)?;
    writeln!(out, "gain      {}", tuned.gain())?;
    for setting in Setting::ALL.into_iter().filter(|setting| tuned.is_changed(*setting)) {
        let (before, after) = (setting.value(&tuned.default), setting.value(&tuned.found.config));
        writeln!(out, "changed   {}: {before} -> {after}", setting.key())?;
    }
    writeln!(out, "noise     {}", tuned.noise())?;
    writeln!(out, "pinning   {}", tuned.pinning_helps().sentence())?;
    if let Some(idle) = tuned.idle() {
        writeln!(out, "idle      {idle}")?;
    }
    if let Some(falls_behind) = tuned.falls_behind() {
        writeln!(out, "load      {falls_behind}")?;
    }
    writeln!(out, "effort    {} runs in {:.1} s", tuned.found.runs, tuned.took.as_secs_f64())?;
    match file {
        Some(file) => writeln!(out, "written   {}", file.display()),
        None => Ok(()),
    }
}

/// Writes what was found as one JSON object on a line.
pub(super) fn write_json(tuned: &Tuned, file: Option<&Path>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", to_json(tuned, file))
}

fn to_json(tuned: &Tuned, file: Option<&Path>) -> Value {
    let Tuned { workload, machine, found, .. } = tuned;
    let confirmed = found.confirmed.as_ref().map(|compared| {
        json!({
            "default": compared.before,
            "tuned": compared.after,
            "times": compared.times,
            "pairs": compared.pairs,
            "won": compared.won,
        })
    });
    let changed = Setting::ALL.into_iter().filter(|setting| tuned.is_changed(*setting)).map(|setting| {
        json!({
            "setting": setting.key(),
            "default": setting.value(&tuned.default),
            "tuned": setting.value(&found.config),
        })
    });
    json!({
        "workload": {
            "workers": workload.workers,
            "payload_bytes": workload.payload_bytes,
            "measured_payload_bytes": workload.words() * 8,
            "rate_per_second": match workload.rate {
                Rate::Max => None,
                Rate::PerSecond(rate) => Some(rate.get()),
            },
            "talk": workload.talk,
            "goal": workload.goal,
        },
        "machine": machine,
        "unit": workload.goal.key(),
        "is_gain": found.holds && found.confirmed.is_some(),
        "gain": confirmed,
        "noise": found.noise,
        "changed": changed.collect::<Vec<_>>(),
        "tried": found.tried.iter().map(tried_to_json).collect::<Vec<_>>(),
        "pinning_helps": tuned.pinning_helps().known(),
        "idle_cores": tuned.idle_cores.map(|(default, tuned)| json!({"default": default, "tuned": tuned})),
        "default_falls_behind_per_second": tuned.default_falls_behind,
        "runs": found.runs,
        "seconds": tuned.took.as_secs_f64(),
        "file": file.map(|file| file.display().to_string()),
    })
}

fn tried_to_json(tried: &Tried) -> Value {
    let outcome = match &tried.outcome {
        Outcome::Taken => "taken",
        Outcome::NoGain => "no gain",
        Outcome::OtherTaken => "other taken",
        Outcome::NoTime => "no time",
        Outcome::Unusable(_) => "unusable",
    };
    json!({
        "setting": tried.change.setting().key(),
        "value": tried.change.value(),
        "instead_of": tried.instead_of,
        "before": tried.compared.map(|compared| compared.before),
        "after": tried.compared.map(|compared| compared.after),
        "times": tried.compared.map(|compared| compared.times),
        "pairs": tried.compared.map_or(0, |compared| compared.pairs),
        "won": tried.compared.map_or(0, |compared| compared.won),
        "outcome": outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tuned::tests::tuned;
    use super::*;

    #[test]
    fn people_read_the_gain_the_changes_and_what_they_cost() {
        let mut out = Vec::new();
        write_text(&tuned(true), Some(Path::new("engine.toml")), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for expected in [
            "gain      +100.0% messages a second",
            "changed   wait: \"spin-then-park\" -> \"busy-spin\"\n",
            "pinning   pinning does not help here",
            "whole cores even when idle\n",
            "effort    60 runs in 2.5 s\nwritten   engine.toml\n",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
        }
    }

    #[test]
    fn programs_read_the_same() {
        let found = to_json(&tuned(true), None);
        assert_eq!(found["is_gain"], true);
        assert_eq!(found["gain"]["times"]["median"], 2.0);
        assert_eq!(found["changed"][0]["tuned"], "\"busy-spin\"");
        assert_eq!(found["tried"][1]["outcome"], "taken");
        assert_eq!(found["tried"][2]["times"], Value::Null);
        assert_eq!(found["pinning_helps"], false);
        assert_eq!(found["unit"], "ns_per_message");
        assert_eq!(to_json(&tuned(false), None)["is_gain"], false);
    }
}
