//! A short overload: each message is accounted for, and the memory is under its limit.

use std::time::Duration;

use proof::overload::{self, Failure, Pace};

/// What is offered here, whatever the machine can do, as fast as it can: the equality must hold all the same.
const TOTAL: u64 = 300_000;

#[test]
fn each_message_of_an_overload_is_accounted_for() {
    let config = overload::configuration(2);
    let pace = |_| Pace { per_second: f64::INFINITY, total: TOTAL };
    let mut outcome = overload::run(&config, Duration::from_millis(100), pace).unwrap();
    overload::check(&outcome).unwrap_or_else(|failure| panic!("{failure}: {outcome:?}"));
    assert!(outcome.offered > TOTAL && outcome.handled > 0 && outcome.refused > 0, "{outcome:?}");
    assert!(outcome.offered > 2 * outcome.handled, "it was no overload: {outcome:?}");
    assert_eq!(outcome.stats.rescued_wakeups(), 0);

    // The checks can fail.
    outcome.handled -= 1;
    assert!(matches!(overload::check(&outcome), Err(Failure::Unaccounted { .. })));
    outcome.handled += 2;
    assert!(matches!(overload::check(&outcome), Err(Failure::Unaccounted { .. })));
    outcome.handled -= 1;
    outcome.memory_bytes = Some(outcome.limit_bytes + 1);
    assert!(matches!(overload::check(&outcome), Err(Failure::OverLimit { .. })));
}
