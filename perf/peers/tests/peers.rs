//! Every peer does every scenario that it claims to do, and finds what it has to find.

use std::collections::BTreeSet;

use hippodrome_perf_kit::allocator::Counting;
use hippodrome_perf_kit::scenario::ACTOR_PEERS;
use hippodrome_perf_kit::scenarios::SCENARIOS;
use hippodrome_perf_kit::{Case, Cores, Scenario, Subject};

/// The one that `perf` has: `spawn` counts bytes with it.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// So small that all of them take seconds, and no multiple of what is done in chunks.
const MESSAGES: u64 = 10_001;
const ACTORS: u64 = 1_000;

fn scaled_down(case: &Case) -> Case {
    Case { actors: case.actors.min(ACTORS), messages: case.messages.min(MESSAGES), ..*case }
}

fn scenario(subject: &Subject) -> &'static Scenario {
    SCENARIOS.iter().find(|scenario| scenario.name == subject.scenario).expect("a subject names its scenario")
}

#[test]
fn every_peer_finds_what_it_has_to() {
    let cores = Cores::choose(&[]).unwrap();
    for subject in hippodrome_peers::subjects() {
        let Scenario { cases, cores: needed, expected, .. } = *scenario(&subject);
        if needed > 1 && cores.second.is_none() {
            continue;
        }
        let cores = if needed > 1 { cores } else { cores.single() };
        for case in cases.iter().map(scaled_down).filter(subject.does) {
            let title = format!("{} by {} via {:?}, {case:?}", subject.scenario, subject.name, subject.via);
            let sample = (subject.run)(&case, &cores).unwrap_or_else(|error| panic!("{title}: {error}"));
            assert_eq!(sample.found, expected(&case), "{title}");
            assert!(!sample.took.is_zero(), "{title}");
            match subject.scenario {
                "spawn" => assert!(sample.bytes.is_some_and(|bytes| bytes > 0.0), "{title}: {:?}", sample.bytes),
                "ask" => assert!(sample.latency_ns.is_some_and(|latency| !latency.is_empty()), "{title}"),
                _ => {}
            }
        }
    }
}

#[test]
fn every_actor_engine_does_all_that_actors_do() {
    let done: BTreeSet<_> = hippodrome_peers::subjects().map(|subject| (subject.name, subject.scenario)).collect();
    let of_actors = [
        "local_flood",
        "local_ping_pong",
        "thread_ring",
        "many_actors",
        "cross_flood",
        "cross_ping_pong",
        "fan_in",
        "fan_out",
        "ask",
        "spawn",
    ];
    for peer in ACTOR_PEERS {
        for scenario in of_actors {
            assert!(done.contains(&(*peer, scenario)), "{scenario} by {peer}");
        }
    }
}
