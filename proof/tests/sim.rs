//! Simulations of the workload: that they keep every promise, find what is wrong, and repeat exactly.

use std::fs;
use std::io::Empty;
use std::process::Command;

use proof::sim::{Ending, Failure, Outcome, Round};
use proof::workload::Sabotage;

fn run(seed: u64, sabotage: Option<Sabotage>) -> Result<Outcome, Failure> {
    Round { seed, check_every: 1, sabotage }.run(None::<Empty>)
}

#[test]
fn every_promise_is_kept_after_every_step() {
    let (mut steps, mut endings) = (0, Vec::new());
    for seed in 1..=60 {
        let outcome = run(seed, None).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        assert!(outcome.summary.handled > 0 && outcome.checks >= outcome.steps / 2, "seed {seed}: {outcome:?}");
        steps += outcome.steps;
        endings.push(outcome.ending);
    }
    assert!(steps > 20_000, "{steps}");
    for ending in [Ending::Resting, Ending::Working, Ending::Aborted] {
        assert!(endings.contains(&ending), "no round ended {ending:?}");
    }
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in [1, 7, 50] {
        let (one, other) = (run(seed, None).unwrap(), run(seed, None).unwrap());
        assert_eq!((one.steps, one.trace_hash), (other.steps, other.trace_hash), "seed {seed}");
        assert_eq!((one.summary, one.injected), (other.summary, other.injected), "seed {seed}");
    }
}

#[test]
fn a_defect_is_found() {
    for sabotage in Sabotage::ALL {
        let found = (1..20).find_map(|seed| run(seed, Some(sabotage)).err());
        assert!(matches!(found, Some(Failure::Violations { .. } | Failure::Ended(_))), "{sabotage:?}: {found:?}");
    }
}

#[test]
fn a_round_that_fails_says_how_to_repeat_it() {
    let sim = ["sim", "--rounds", "3", "--sabotage", "double"];
    let output = Command::new(env!("CARGO_BIN_EXE_proof")).args(sim).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("doubled: message"), "{printed}");
    assert!(printed.contains("the last lines of the trace:"), "{printed}");
    assert!(printed.contains("to repeat: cargo run --release -p proof -- sim --seed "), "{printed}");
}

#[test]
fn the_trace_is_written() {
    let path = std::env::temp_dir().join(format!("proof-sim-{}.txt", std::process::id()));
    let sim = ["sim", "--seed", "3", "--rounds", "2", "--trace"];
    let output = Command::new(env!("CARGO_BIN_EXE_proof")).args(sim).arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let trace = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(trace.starts_with("seed 0x3, "), "{}", trace.lines().next().unwrap_or_default());
    assert_eq!(trace.lines().filter(|line| line.starts_with("seed ")).count(), 2, "both rounds are there");
}
