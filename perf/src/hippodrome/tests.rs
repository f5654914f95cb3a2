//! Every subject that is always built does every case, scaled down, and finds what it must.

use hippodrome_perf_kit::scenarios::SCENARIOS;
use hippodrome_perf_kit::{Case, Cores, Scenario};

/// The same work, less of it.
fn scaled_down(scenario: &Scenario, case: &Case) -> Case {
    // What takes a millisecond or more for each message is tried with few.
    let messages = if scenario.name == "wake_up" { 20 } else { 10_000 };
    Case { messages: case.messages.min(messages), actors: case.actors.min(1_000), ..*case }
}

#[test]
fn every_subject_finds_what_it_must() {
    let cores = Cores::choose(&[]).unwrap();
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.cores == 1 || cores.second.is_some()) {
        let cores = if scenario.cores == 1 { cores.single() } else { cores };
        let mut runs = 0;
        for case in scenario.cases.iter().map(|case| scaled_down(scenario, case)) {
            let does = super::subjects().into_iter().filter(|one| one.scenario == scenario.name && (one.does)(&case));
            for subject in does {
                let sample = (subject.run)(&case, &cores);
                let sample = sample.unwrap_or_else(|error| panic!("{subject:?}, {case:?}: {error}"));
                assert_eq!(sample.found, (scenario.expected)(&case), "{subject:?}, {case:?}");
                runs += 1;
            }
        }
        assert!(runs >= scenario.cases.len(), "{}: {runs} runs of {} cases", scenario.name, scenario.cases.len());
    }
}
