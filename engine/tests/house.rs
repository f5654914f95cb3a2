//! Keeps the house tidy: where unsafe code may be, how long a file may get, and that nothing is left to be done.

mod common;

use common::source::sources;

/// The files of the engine and of the affinity crate that may contain unsafe code. The rings are made of it. All others,
/// such as the configuration, the wheel, the mailboxes, the names, the worker's waiting and the hosts, do without.
const UNSAFE: [&str; 23] = [
    "affinity/src/linux.rs",
    "affinity/src/memory.rs",
    "engine/src/asks.rs",
    "engine/src/bus.rs",
    "engine/src/cell.rs",
    "engine/src/context.rs",
    "engine/src/core.rs",
    "engine/src/dispatch.rs",
    "engine/src/failure.rs",
    "engine/src/handle.rs",
    "engine/src/inbound.rs",
    "engine/src/inline.rs",
    "engine/src/message.rs",
    "engine/src/outbound.rs",
    "engine/src/port.rs",
    "engine/src/reader.rs",
    "engine/src/reply.rs",
    "engine/src/shared.rs",
    "engine/src/shutdown.rs",
    "engine/src/supervise.rs",
    "engine/src/tell.rs",
    "engine/src/timers.rs",
    "engine/src/watch.rs",
];

const CRATES: [&str; 3] = ["affinity/src", "engine/src", "ringbuf/src"];

/// The most lines of a source file, its tests not counted.
const LINES_MAX: usize = 600;

#[test]
fn unsafe_code_is_only_where_the_list_has_it() {
    let sources = sources(&["affinity/src", "engine/src"]);
    let found: Vec<_> = sources
        .iter()
        .filter(|source| !source.is_test() && source.has_word("unsafe"))
        .map(|source| &source.path)
        .collect();
    assert_eq!(found, UNSAFE);
}

#[test]
fn no_file_is_too_long() {
    for source in sources(&[&CRATES[..], &["examples", "perf/src", "benches", "proof"]].concat()) {
        let lines = if source.is_test() { source.text.lines().count() } else { source.code().count() };
        assert!(lines <= LINES_MAX, "{} has {lines} lines; {LINES_MAX} are allowed", source.path);
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    for source in sources(&CRATES) {
        for unfinished in ["todo!", "unimplemented!", "dbg!", "TODO", "FIXME", "#[ignore"] {
            assert!(!source.text.contains(unfinished), "{} contains {unfinished}", source.path);
        }
    }
}
