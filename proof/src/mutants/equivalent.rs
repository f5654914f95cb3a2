//! The mutants that nobody can tell from the original, and why.

use super::change::Change;
use super::source::Place;

/// Files whose atomics are no part of a protocol, and why.
pub(crate) const OUTSIDE: [(&str, &str); 1] =
    [("ringbuf/src/oneshot/pool.rs", "statistics: nobody decides anything by them")];

/// Changes of one operation that make no difference.
pub(crate) struct Equivalent {
    pub(crate) file: &'static str,
    pub(crate) function: &'static str,
    /// The line in the source, as it stands.
    pub(crate) code: &'static str,
    /// The atomic as it is printed; empty for a fence, or if it is so for all.
    pub(crate) atomic: &'static str,
    /// The changes as they are printed, or several, separated by commas.
    pub(crate) changes: &'static str,
    pub(crate) reason: &'static str,
}

impl Equivalent {
    pub(crate) fn is_at(&self, place: &Place) -> bool {
        place.file() == self.file
            && place.function == self.function
            && place.code == self.code
            && (self.atomic.is_empty() || place.atomic == self.atomic)
    }
}

/// Why a mutant makes no difference, if it is listed.
pub(crate) fn reason(place: &Place, change: &Change) -> Option<&'static str> {
    let change = change.to_string();
    let is_listed =
        |entry: &&Equivalent| entry.is_at(place) && entry.changes.split(", ").any(|listed| listed == change);
    EQUIVALENT.iter().find(is_listed).map(|entry| entry.reason)
}

pub(crate) const EQUIVALENT: &[Equivalent] = &[
    Equivalent {
        file: "ringbuf/src/protocol.rs",
        function: "publish",
        code: "self.0.store(position, Ordering::Release);",
        atomic: "mpsc/shared.rs head_seen",
        changes: "removed",
        reason: "it saves looks at the consumer's head: a producer that finds the word too low looks at the head itself",
    },
    Equivalent {
        file: "ringbuf/src/protocol.rs",
        function: "raise",
        code: "self.0.store(true, Ordering::Release);",
        atomic: "spsc/shared.rs consumer_closed",
        changes: "Release -> Relaxed",
        reason: CLOSED,
    },
    Equivalent {
        file: "ringbuf/src/protocol.rs",
        function: "raise",
        code: "self.0.store(true, Ordering::Release);",
        atomic: "mpsc/shared.rs consumer_closed",
        changes: "Release -> Relaxed",
        reason: CLOSED,
    },
    Equivalent {
        file: "ringbuf/src/protocol.rs",
        function: "is_raised",
        code: "self.0.load(Ordering::Acquire)",
        atomic: "spsc/shared.rs consumer_closed",
        changes: "Acquire -> Relaxed",
        reason: CLOSED,
    },
    Equivalent {
        file: "ringbuf/src/protocol.rs",
        function: "is_raised",
        code: "self.0.load(Ordering::Acquire)",
        atomic: "mpsc/shared.rs consumer_closed",
        changes: "Acquire -> Relaxed",
        reason: CLOSED,
    },
    Equivalent {
        file: "ringbuf/src/lane.rs",
        function: "drop",
        code: "self.shared.ended.store(true, Ordering::Release);",
        atomic: "lane.rs ended",
        changes: "Release -> Relaxed",
        reason: "every publication ends with a sequentially consistent fence, and a relaxed store behind a fence releases \
                 all that came before the fence: so the last publication is seen by who sees this",
    },
    Equivalent {
        file: "ringbuf/src/lines.rs",
        function: "writes",
        code: "self.stamps[self.line(line)].store(u64::MAX / 2, Ordering::Relaxed);",
        atomic: "lines.rs stamps",
        changes: "removed",
        reason: "no program has this store: it plays the bytes of a message for the models, and without it they only see \
                 less",
    },
];

const CLOSED: &str = "the flag orders nothing: a producer that sees it gives the value back and touches no slot, and one \
                      that does not see it yet goes by the cursors alone";
