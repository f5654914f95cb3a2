//! The two files of a LOBSTER data set, as the example `order_book` reads them.

use crate::order_book::book::Book;
use crate::order_book::event::{END_OF_DAY_NS, Event, Kind, Level, Side};
use crate::order_book::lobster::{BookFile, LobsterError, parse_messages};

/// The longest error: it repeats 32 bytes of what it found, each of which may be written as an escape.
const ERROR_BYTES_MAX: usize = 1024;

/// The most levels that are compared, and one more than a short row has.
const DEPTHS: [usize; 3] = [1, 2, 10];

/// As messages and as books, lines are refused with the place of the flaw, or survive being written and read, and a book
/// can be kept from them.
///
/// # Panics
///
/// If that does not hold.
pub fn order_flow(data: &[u8]) {
    match parse_messages(data, "messages") {
        Ok(events) => assert_applicable(&events),
        Err(error) => assert_clear(&error, "messages", data),
    }
    for depth in DEPTHS {
        match BookFile::parse(data, "book", depth) {
            Ok(book) => assert_rows(&book, depth),
            Err(error) => assert_clear(&error, "book", data),
        }
    }
}

fn assert_clear(error: &LobsterError, file: &str, data: &[u8]) {
    let shown = error.to_string();
    assert!(shown.starts_with(file) && shown.len() <= ERROR_BYTES_MAX, "{shown}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let lines = data.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    match error {
        LobsterError::Malformed { line, flaw, .. } => {
            assert!((1..=lines).contains(line), "{shown}");
            assert!(flaw.column >= 1 && flaw.byte >= 1 && flaw.byte <= data.len() + 1, "{shown}");
            assert!(!flaw.name.is_empty() && !flaw.found.is_empty() && !flaw.expected.is_empty(), "{shown}");
        }
        LobsterError::Empty { .. } => assert!(data.is_empty()),
        LobsterError::TooShallow { .. } => {}
        other => panic!("bytes have no such error: {other}"),
    }
}

fn assert_applicable(events: &[Event]) {
    let mut book = Book::with_levels(&[], &[]);
    let mut written = String::new();
    for event in events {
        assert!(event.time_ns < END_OF_DAY_NS && event.symbol == 0, "{event}");
        assert!(matches!(event.kind, Kind::Halt | Kind::Cross) || event.price > 0, "{event}");
        written.push_str(&format!("{event}\n"));
        let _ = book.apply(event);
    }
    assert_eq!(parse_messages(written.as_bytes(), "written").expect("what was written is read"), events);
    for side in Side::BOTH {
        let levels: Vec<_> = book.levels(side).collect();
        assert!(levels.iter().all(|level| level.size > 0), "{levels:?}");
        assert!(is_in_order(&levels, side), "{levels:?}");
    }
}

fn assert_rows(book: &BookFile, depth: usize) {
    assert!(book.len() >= 1 && book.depth() == depth);
    for side in Side::BOTH {
        assert!(is_in_order(book.seed(side), side));
        assert_eq!(book.row(0, side), &book.seed(side)[..depth]);
        assert!(
            (0..book.len()).all(|row| book.row(row, side).len() == depth && is_in_order(book.row(row, side), side))
        );
        assert_eq!(book.row(book.len(), side), []);
    }
}

/// Whether the levels get worse from the first, and empty ones come last.
fn is_in_order(levels: &[Level], side: Side) -> bool {
    levels.is_sorted_by(|one, other| match side {
        _ if *other == Level::none(side) => true,
        Side::Bid => one.price > other.price,
        Side::Ask => one.price < other.price,
    })
}
