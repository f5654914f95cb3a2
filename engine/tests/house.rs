//! Keeps the house tidy: where unsafe code may be, how long a file may get, and that nothing is left to be done.

mod common;

use common::source::{all_sources, sources};

/// The files of the engine and of the affinity crate that may contain unsafe code. The rings are made of it. All others,
/// such as the configuration, the wheel, the mailboxes, the names, the worker's waiting and the hosts, do without.
const UNSAFE: &[&str] = &[
    "affinity/src/linux.rs",
    "affinity/src/memory.rs",
    "engine/src/asks.rs",
    "engine/src/cell.rs",
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
];

/// The other files that may contain unsafe code, and why: measurements, tests, and what the checks are checked with.
const UNSAFE_OUTSIDE: &[(&str, &str)] = &[
    (".ci/defects/race.rs", "a race, on purpose: the sanitizer must report it"),
    (".ci/defects/use_after_free.rs", "a use after free, on purpose: the checkers of memory must report it"),
    ("affinity/tests/limits.rs", "takes permissions away from its own thread, and asks for its scheduler"),
    ("benches/benches/instructions/lane.rs", "uses a ring by itself, whose push and pop are unsafe"),
    ("benches/benches/lane.rs", "as above"),
    ("engine/tests/p04_bounded_memory.rs", "an allocator that counts bytes"),
    ("engine/tests/p05_no_allocation.rs", "an allocator that counts allocations"),
    ("fuzz/tests/memory/mod.rs", "an allocator that counts bytes"),
    ("macros/tests/ui/methods.rs", "what `hippodrome::actor` refuses"),
    ("perf/kit/src/allocator.rs", "an allocator that counts bytes, for all subjects"),
    ("perf/kit/src/scenarios/wake_up/cpu_time.rs", "asks the system for the processor time of a thread"),
    ("perf/kit/src/scenarios/wake_up/futex.rs", "the least that a waking can cost: the system's own call"),
    ("perf/src/tune/idle.rs", "asks the system for the processor time of the process"),
    ("ringbuf/tests/envelopes.rs", "moves messages out of a ring by itself, as a worker does"),
    ("ringbuf/tests/ingress.rs", "as above"),
    ("ringbuf/tests/lane.rs", "as above"),
    ("ringbuf/tests/messages/mod.rs", "describes the messages of these tests to the rings"),
    ("ringbuf/tests/oneshot.rs", "an allocator that counts, answers as raw pointers, and a waker that panics"),
    ("toolkit/tests/common/allocations.rs", "an allocator that counts allocations"),
];

/// The roots of crates that may contain unsafe code, and so cannot forbid it.
const ROOTS_WITH_UNSAFE: [&str; 5] =
    ["affinity/src/lib.rs", "engine/src/lib.rs", "perf/kit/src/lib.rs", "perf/src/main.rs", "ringbuf/src/lib.rs"];

const CRATES: [&str; 5] = ["affinity/src", "engine/src", "macros/src", "ringbuf/src", "toolkit/src"];

/// The most lines of a source file, its tests not counted.
const LINES_MAX: usize = 600;

#[test]
fn unsafe_code_is_only_where_the_list_has_it() {
    let sources = all_sources();
    let found = sources.iter().filter(|source| source.has_unsafe_code()).map(|source| source.path.as_str());
    let found = found.filter(|path| !path.starts_with("ringbuf/src/"));
    let (engine, outside): (Vec<_>, Vec<_>) =
        found.partition(|path| path.starts_with("affinity/src/") || path.starts_with("engine/src/"));
    assert_eq!(engine, UNSAFE);
    assert_eq!(outside, UNSAFE_OUTSIDE.iter().map(|(path, _)| *path).collect::<Vec<_>>());
}

/// What the lists do not see, such as unsafe code out of a macro, the compiler refuses.
#[test]
fn a_crate_without_unsafe_code_forbids_it() {
    let is_root = |path: &str| {
        let (directory, name) = path.rsplit_once('/').expect("no crate lies in the root itself");
        match directory {
            "examples" | "fuzz/libfuzzer/fuzz_targets" => true,
            _ if directory.starts_with("examples/") => name == "main.rs",
            _ => directory.ends_with("/src") && matches!(name, "lib.rs" | "main.rs"),
        }
    };
    let sources = all_sources();
    let roots = sources.iter().filter(|source| is_root(&source.path));
    let allowing = roots.filter(|root| !root.text.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    let allowing: Vec<_> = allowing.map(|root| root.path.as_str()).collect();
    assert_eq!(allowing, ROOTS_WITH_UNSAFE);
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
