//! What a run has come to, and where it differs from the independent book.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::event::{Best, Level};

/// The longest latency that is told apart from longer ones: a minute.
const MAX_LATENCY_NS: u64 = 60_000_000_000;
/// Latencies are kept to three significant digits.
const LATENCY_DIGITS: u8 = 3;

/// How many rows of the orderbook file a book was compared with, and how many it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowScore {
    /// Rows compared.
    pub(crate) rows: u64,
    /// Rows that the book had, price and size, on both sides.
    pub(crate) agree: u64,
}

impl RowScore {
    /// Counts one comparison.
    pub(crate) fn count(&mut self, agrees: bool) {
        self.rows += 1;
        self.agree += u64::from(agrees);
    }
}

/// The record of one symbol's book; two books that did the same have equal ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BookResult {
    /// Events applied.
    pub(crate) events: u64,
    /// The [`Digest`](crate::digest::Digest) over the best prices after each of them.
    pub(crate) digest: u64,
    /// All levels at the end, the best first.
    pub(crate) bids: Vec<Level>,
    /// All levels at the end, the best first.
    pub(crate) asks: Vec<Level>,
    /// Removals that were larger than what was known at their price.
    pub(crate) unmatched: u64,
    /// The comparison with the orderbook file.
    pub(crate) rows: RowScore,
}

impl BookResult {
    /// The best prices at the end.
    pub(crate) fn best(&self) -> Best {
        Best {
            bid: self.bids.first().copied().unwrap_or(Level::NO_BID),
            ask: self.asks.first().copied().unwrap_or(Level::NO_ASK),
        }
    }
}

/// What the pipeline hands back.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The record of each symbol's book.
    pub(crate) books: Vec<BookResult>,
    /// The last best prices that market data received for each symbol.
    pub(crate) quotes: Vec<Best>,
    /// From the moment an event is due to the moment its book has it, in nanoseconds; of all events or a sample.
    pub(crate) latency_ns: Histogram<u64>,
    /// Messages that were accepted and could not be handled.
    pub(crate) dead_letters: u64,
    /// Best prices that newer ones replaced before market data came to them.
    pub(crate) conflated: u64,
    /// The core of each worker, if it was given one.
    pub(crate) cores: Vec<Option<u32>>,
    /// From the first event fed to the last one applied.
    pub(crate) elapsed: Duration,
}

/// An empty histogram for latencies of up to a minute; longer ones are recorded as a minute with `saturating_record`.
pub(crate) fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_max(MAX_LATENCY_NS, LATENCY_DIGITS).expect("the bounds are constants that it allows")
}

/// One way in which a symbol's book is not what the independent book says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disagreement {
    /// Another number of books than symbols.
    Books { expected: usize, found: usize },
    /// Another number of events, best prices along the way, removals without shares or rows that agree.
    Figure { symbol: usize, name: &'static str, expected: u64, found: u64 },
    /// A level at the end, counted from 1 at the best.
    FinalLevel { symbol: usize, side: &'static str, level: usize, expected: Level, found: Level },
    /// The last best prices that market data received.
    Quote { symbol: usize, expected: Best, found: Best },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Books { expected, found } => write!(f, "{found} books reported, {expected} expected"),
            Self::Figure { symbol, name, expected, found } => {
                write!(f, "symbol {symbol}: {name}: {found}, the independent book has {expected}")
            }
            Self::FinalLevel { symbol, side, level, expected, found } => {
                write!(f, "symbol {symbol}: {side} level {level} at the end: {found}, ")?;
                write!(f, "the independent book has {expected}")
            }
            Self::Quote { symbol, expected, found } => {
                write!(f, "symbol {symbol}: last market data: {found}; the independent book has {expected}")
            }
        }
    }
}

/// Where `outcome` differs from the records of the independent book, one per symbol.
pub(crate) fn disagreements(outcome: &Outcome, expected: &[BookResult]) -> Vec<Disagreement> {
    let mut list = Vec::new();
    for found in [outcome.books.len(), outcome.quotes.len()] {
        if found != expected.len() {
            list.push(Disagreement::Books { expected: expected.len(), found });
        }
    }
    for (symbol, (found, expected)) in outcome.books.iter().zip(expected).enumerate() {
        compare_books(symbol, found, expected, &mut list);
    }
    for (symbol, (&found, expected)) in outcome.quotes.iter().zip(expected).enumerate() {
        let expected = expected.best();
        if found != expected {
            list.push(Disagreement::Quote { symbol, expected, found });
        }
    }
    list
}

fn compare_books(symbol: usize, found: &BookResult, expected: &BookResult, list: &mut Vec<Disagreement>) {
    let figures = [
        ("events applied", found.events, expected.events),
        ("digest of the best prices", found.digest, expected.digest),
        ("removals beyond the book", found.unmatched, expected.unmatched),
        ("rows compared", found.rows.rows, expected.rows.rows),
        ("rows that agree", found.rows.agree, expected.rows.agree),
    ];
    for (name, found, expected) in figures {
        if found != expected {
            list.push(Disagreement::Figure { symbol, name, expected, found });
        }
    }
    let sides =
        [("bid", Level::NO_BID, &found.bids, &expected.bids), ("ask", Level::NO_ASK, &found.asks, &expected.asks)];
    for (side, none, found, expected) in sides {
        let depth = found.len().max(expected.len());
        let at = |levels: &[Level], index| levels.get(index).copied().unwrap_or(none);
        // The first level says it; those behind it often differ for the same reason.
        if let Some(index) = (0..depth).find(|&index| at(found, index) != at(expected, index)) {
            let (expected, found) = (at(expected, index), at(found, index));
            list.push(Disagreement::FinalLevel { symbol, side, level: index + 1, expected, found });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> BookResult {
        BookResult {
            events: 3,
            digest: 77,
            bids: vec![Level { price: 100, size: 5 }, Level { price: 90, size: 2 }],
            asks: vec![Level { price: 110, size: 4 }],
            unmatched: 0,
            rows: RowScore { rows: 3, agree: 2 },
        }
    }

    fn outcome(books: Vec<BookResult>) -> Outcome {
        let quotes = books.iter().map(BookResult::best).collect();
        Outcome {
            books,
            quotes,
            latency_ns: latency_histogram(),
            dead_letters: 0,
            conflated: 0,
            cores: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn equal_records_agree() {
        assert_eq!(disagreements(&outcome(vec![record(), record()]), &[record(), record()]), []);
    }

    #[test]
    fn every_difference_is_named() {
        type Change = fn(&mut Outcome);
        let table: [(Change, &str); 9] = [
            (|it| it.books[0].events = 2, "symbol 0: events applied: 2, the independent book has 3"),
            (|it| it.books[0].digest = 1, "symbol 0: digest of the best prices: 1, the independent book has 77"),
            (|it| it.books[0].unmatched = 1, "symbol 0: removals beyond the book: 1, the independent book has 0"),
            (|it| it.books[0].rows.rows = 4, "symbol 0: rows compared: 4, the independent book has 3"),
            (|it| it.books[0].rows.agree = 1, "symbol 0: rows that agree: 1, the independent book has 2"),
            (
                |it| it.books[0].bids[1].size = 9,
                "symbol 0: bid level 2 at the end: 9 at 90, the independent book has 2 at 90",
            ),
            (
                |it| it.books[0].asks.clear(),
                "symbol 0: ask level 1 at the end: nothing, the independent book has 4 at 110",
            ),
            (
                |it| it.quotes[0].ask = Level::NO_ASK,
                "symbol 0: last market data: bid 5 at 100, ask nothing; the independent book has bid 5 at 100, \
                 ask 4 at 110",
            ),
            (|it| it.books.clear(), "0 books reported, 1 expected"),
        ];
        for (change, text) in table {
            let mut changed = outcome(vec![record()]);
            change(&mut changed);
            let found: Vec<String> = disagreements(&changed, &[record()]).iter().map(Disagreement::to_string).collect();
            assert_eq!(found, [text]);
        }
    }

    #[test]
    fn a_latency_beyond_a_minute_does_not_get_lost() {
        let mut histogram = latency_histogram();
        histogram.saturating_record(u64::MAX);
        assert_eq!(histogram.len(), 1);
        assert!(histogram.max() >= MAX_LATENCY_NS);
    }
}
