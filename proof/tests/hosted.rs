//! The workload on a host: one thread, a clock of its own, all checks between any two polls.

mod common;

use common::{hosted, settle};
use hippodrome::DeadLetterReason;
use proof::workload::Summary;

/// A run of this seed: fed three times, and settled each time.
fn run(seed: u64) -> Summary {
    let (mut host, mut workload) = hosted(seed, |_| ());
    let mut last = Summary::default();
    for _ in 0..3 {
        workload.feed(400);
        let found = settle(&mut host, &mut workload, 1 + seed % 50);
        last = found.unwrap_or_else(|violations| panic!("seed {seed}: {violations}\n{}", host.stats()));
        assert!(last.is_audited && last.handled > 0, "seed {seed}: {last}");
        workload.renew();
    }
    last
}

#[test]
fn every_promise_is_kept_whatever_the_seed() {
    let mut all = Summary::default();
    let mut seen = [0; DeadLetterReason::ALL.len()];
    for seed in 0..150 {
        let summary = run(seed);
        all.add(&summary);
        DeadLetterReason::ALL
            .iter()
            .zip(&mut seen)
            .for_each(|(reason, seen)| *seen += summary.dead_letters.get(*reason));
    }
    // The seeds have gone wherever a message can: nothing was checked that never was. What is left needs another engine, an
    // end of this one, or something that stands in front of actors.
    let elsewhere = [
        DeadLetterReason::Unreachable,
        DeadLetterReason::Shutdown,
        DeadLetterReason::Refused,
        DeadLetterReason::Expired,
        DeadLetterReason::Outrun,
    ];
    for (reason, seen) in DeadLetterReason::ALL.iter().zip(seen) {
        assert!(seen > 0 || elsewhere.contains(reason), "no message was dead by reason of: {reason}");
    }
    let Summary { refused, quiet, unsent, taken, asks_answered, asks_failed, restarts, panics, .. } = all;
    let counts = [refused, quiet, unsent, taken, asks_answered, asks_failed, restarts, panics];
    assert!(counts.iter().all(|count| *count > 100), "{all:?}");
}

#[test]
fn the_same_seed_gives_the_same_order() {
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1).digest, run(2).digest);
}
