//! Promise 6: no default hash map on the message path, nor any lock. Wherever one of their words stands in the sources
//! of the engine, of the rings or of the toolkit, this list says why it is off that path.

mod common;

use std::collections::BTreeMap;

use common::source::sources;

/// What is not allowed without a reason.
const WORDS: [&str; 12] = [
    "HashMap",
    "HashSet",
    "RandomState",
    "DefaultHasher",
    "Mutex",
    "RwLock",
    "ReentrantMutex",
    "FairMutex",
    "Condvar",
    "OnceLock",
    "LazyLock",
    "Barrier",
];

/// Where a word may stand, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "engine/src/deadlock/waits.rs",
        "Mutex",
        "a worker shows its waits when it is asked to, and whoever asked reads them after that: they never meet",
    ),
    (
        "engine/src/names.rs",
        "RwLock",
        "names are claimed by spawns, released by stops and looked up by address seekers",
    ),
    ("engine/src/running.rs", "Mutex", "the names of types: a new type of actor comes, or a worker has stalled"),
    ("engine/src/shared.rs", "Mutex", "ports are opened, events published from outside, remains counted at the end"),
    ("engine/src/shared.rs", "RwLock", "the list of engines, for replies that ended up on foreign threads"),
    ("engine/src/sim/probe.rs", "Mutex", "what a probe got, in simulations alone"),
    ("engine/src/stats.rs", "Mutex", "a worker shows its counts between turns by `try_lock`, and never waits for it"),
    ("engine/src/sync.rs", "Mutex", "named here for those who use it, which this list has"),
    ("engine/src/sync.rs", "RwLock", "as the mutex"),
    ("engine/src/sync/scheduled.rs", "Mutex", "shuttle's, for models"),
    ("engine/src/sync/scheduled.rs", "RwLock", "shuttle's, for models"),
    ("ringbuf/src/doorbell.rs", "OnceLock", "the thread to wake, set once, and read only when its worker sleeps"),
    ("ringbuf/src/scheduled.rs", "Mutex", "what models share; no program has this file"),
    ("ringbuf/src/scheduled.rs", "OnceLock", "as the mutex"),
    ("ringbuf/src/sync.rs", "OnceLock", "named here for the doorbell"),
    ("ringbuf/src/sync/checked.rs", "OnceLock", "loom's names, for models"),
    ("ringbuf/src/sync/checked/mutation.rs", "HashSet", "the sites that a model has come by; no program has this file"),
    ("ringbuf/src/sync/checked/mutation.rs", "LazyLock", "as the set"),
    ("ringbuf/src/sync/checked/mutation.rs", "Mutex", "as the set"),
    (
        "toolkit/src/blocking/tasks.rs",
        "OnceLock",
        "what aborts a future: set where it is spawned, and read to cancel it",
    ),
    ("toolkit/src/latest.rs", "Mutex", "the home of a reader: taken when a life of its actor begins, and held as long"),
    ("toolkit/src/latest/board.rs", "Mutex", "as for the single value"),
    (
        "toolkit/src/router/list.rs",
        "Mutex",
        "the list of routees: taken when it changes, and by each router once after that; a message compares a number",
    ),
    ("toolkit/src/router/list.rs", "OnceLock", "who has which keys, computed once after a change of the list"),
    (
        "toolkit/src/stream/feed.rs",
        "Mutex",
        "the wake in reserve: taken when a stream has run dry, and never for an element",
    ),
    ("toolkit/src/stream/feed.rs", "OnceLock", "who is to be woken: set when a stream begins"),
    ("toolkit/src/stream/island.rs", "Mutex", "the result of a stream: written at its end"),
    ("toolkit/src/stream/running.rs", "Mutex", "as above"),
    ("toolkit/src/stream/signal.rs", "OnceLock", "who is at the ends of a boundary: set when a stream begins"),
    (
        "toolkit/src/supervision/retry.rs",
        "Mutex",
        "what goes from one life to the next: taken when one begins or has panicked",
    ),
    (
        "toolkit/src/supervision/spec.rs",
        "Mutex",
        "where the address of a child is written when it is spawned, and read once",
    ),
    ("toolkit/src/testing/probe.rs", "Mutex", "what a probe got, in tests alone"),
];

#[test]
fn hash_maps_and_locks_stand_only_where_the_list_has_them() {
    let allowed: BTreeMap<(&str, &str), &str> =
        ALLOWED.iter().map(|(path, word, why)| ((*path, *word), *why)).collect();
    let sources = sources(&["engine/src", "ringbuf/src", "toolkit/src"]);
    for source in sources.iter().filter(|source| !source.is_test()) {
        for word in WORDS {
            assert!(
                !source.has_word(word) || allowed.contains_key(&(source.path.as_str(), word)),
                "{} has a {word}: keep it off the message path, and say in this list why it is off it",
                source.path
            );
        }
    }
    for (path, word, _) in ALLOWED.iter().copied() {
        let source = sources.iter().find(|source| source.path == path);
        assert!(
            source.is_some_and(|source| source.has_word(word)),
            "{path} has no {word} any more: take it off the list"
        );
    }
}

#[test]
fn the_message_path_names_no_lock_and_no_map_at_all() {
    // From a tell to the handler, and all that an answer, a timer or a private mailbox goes through.
    let path = [
        "engine/src/asks.rs",
        "engine/src/cell.rs",
        "engine/src/context.rs",
        "engine/src/core.rs",
        "engine/src/dispatch.rs",
        "engine/src/inbound.rs",
        "engine/src/inline.rs",
        "engine/src/mailbox.rs",
        "engine/src/message.rs",
        "engine/src/outbound.rs",
        "engine/src/port.rs",
        "engine/src/reply.rs",
        "engine/src/slots.rs",
        "engine/src/tell.rs",
        "engine/src/timers.rs",
        "engine/src/wheel.rs",
        "engine/src/worker.rs",
    ];
    let sources = sources(&["engine/src"]);
    for path in path {
        let source = sources.iter().find(|source| source.path == path);
        let source = source.unwrap_or_else(|| panic!("{path} has moved: keep this list in step"));
        for line in source.code() {
            for word in ["Map<", "Set<"] {
                assert!(!line.contains(word), "{path}: {line}");
            }
        }
    }
    // A port takes a lock to open; sending takes none.
    let locks = |path: &str| {
        let source = sources.iter().find(|source| source.path == path).unwrap();
        source.code().filter(|line| line.contains(".lock()")).map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    for path in path.iter().filter(|path| !path.ends_with("port.rs")) {
        assert_eq!(locks(path), Vec::<String>::new(), "{path}");
    }
    assert_eq!(locks("engine/src/port.rs").len(), 1);
}
