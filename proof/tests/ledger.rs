//! The ledger must be able to fail: the workload plays a defect, and the ledger finds it, by its name.

mod common;

use common::{hosted, settle};
use proof::workload::{Sabotage, Violation, Violations};

/// What is found in a run with this defect.
fn found(sabotage: Sabotage, seed: u64) -> Option<Violations> {
    let (mut host, mut workload) = hosted(seed, |plan| plan.sabotage = Some(sabotage));
    for _ in 0..100 {
        workload.feed(2000);
        match settle(&mut host, &mut workload, 1000) {
            Err(violations) => return Some(violations),
            Ok(summary) => eprintln!("{summary}"),
        }
    }
    None
}

#[track_caller]
fn must_find(sabotage: Sabotage, is_it: impl Fn(&Violation) -> bool) {
    for seed in 0..6 {
        let violations =
            found(sabotage, seed).unwrap_or_else(|| panic!("{sabotage:?}, seed {seed}: nothing was found"));
        assert!(violations.iter().any(&is_it), "{sabotage:?}, seed {seed}: {violations}");
    }
}

#[test]
fn a_lost_message_is_found() {
    must_find(Sabotage::Lose, |violation| matches!(violation, Violation::Lost { .. }));
}

#[test]
fn a_doubled_message_is_found() {
    must_find(Sabotage::Double, |violation| matches!(violation, Violation::Doubled { .. }));
}

#[test]
fn a_reordered_message_is_found() {
    must_find(Sabotage::Reorder, |violation| matches!(violation, Violation::Reordered { .. }));
}

#[test]
fn a_corrupted_message_is_found() {
    must_find(Sabotage::Corrupt, |violation| matches!(violation, Violation::Corrupted { .. }));
}

#[test]
fn a_message_for_another_actor_is_found() {
    must_find(Sabotage::Misroute, |violation| matches!(violation, Violation::Misrouted { .. }));
}
