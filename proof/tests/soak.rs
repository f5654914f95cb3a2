//! Short rounds of the soak on real threads, and that a soak fails when something is wrong.

use std::process::Command;
use std::time::Duration;

use hippodrome::WaitStrategy;
use proof::soak::{Ending, Failure, Round};
use proof::workload::Sabotage;

fn round(seed: u64, wait: WaitStrategy, workers: usize) -> Round {
    Round { seed, wait, workers, length: Duration::ZERO, sabotage: None, patience: Duration::from_secs(60) }
}

#[test]
fn a_round_of_each_strategy_and_ending_keeps_every_promise() {
    let strategies = [WaitStrategy::BusySpin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark];
    let mut endings = Vec::new();
    for (seed, wait) in (0..).zip(strategies.iter().cycle()).take(12) {
        let round = round(seed, *wait, 1 + seed as usize % 6);
        let outcome = round.run().unwrap_or_else(|failure| panic!("{round:?}: {failure}"));
        assert!(outcome.summary.handled > 0, "{round:?}: {outcome:?}");
        endings.push(outcome.ending);
    }
    for ending in [Ending::Resting, Ending::Working, Ending::Aborted] {
        assert!(endings.contains(&ending), "no round ended {ending:?}");
    }
}

#[test]
fn a_defect_is_found_on_threads_too() {
    for (seed, sabotage) in (10..).zip(Sabotage::ALL) {
        let patience = Duration::from_secs(3);
        let round = Round { sabotage: Some(sabotage), patience, ..round(seed, WaitStrategy::SpinThenPark, 2) };
        let found = (0..10).find_map(|_| round.run().err());
        assert!(matches!(found, Some(Failure::Violations(_))), "{sabotage:?}: {found:?}");
    }
}

#[test]
fn a_soak_that_fails_says_how_to_repeat_it() {
    let soak = ["soak", "--seconds", "2", "--workers", "2", "--strategies", "spin-then-park", "--sabotage", "double"];
    let output = Command::new(env!("CARGO_BIN_EXE_proof")).args(soak).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("to repeat: cargo run --release -p proof -- soak --seed "), "{printed}");
    assert!(printed.contains("doubled: message"), "{printed}");
}

#[test]
fn a_wrong_argument_is_named() {
    for (name, value) in [("--workers", "0"), ("--strategies", "sleep"), ("--sabotage", "no")] {
        let output = Command::new(env!("CARGO_BIN_EXE_proof")).args(["soak", name, value]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{printed}");
        assert!(printed.contains(name) && printed.contains(value), "{printed}");
    }
}
