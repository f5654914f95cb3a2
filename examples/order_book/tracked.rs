//! A book with the record of what it has shown: what a book actor holds.
//!
//! [`TrackedBook::apply`] is all that an actor calls for an event: it moves the book, takes the new best prices into
//! the digest, compares the book with its row of the orderbook file where there is one, and hands back the best
//! prices when there are new ones to publish.

use std::sync::Arc;

use crate::book::{Applied, Book};
use crate::digest::Digest;
use crate::event::{Best, Event, Level, Side};
use crate::lobster::BookFile;
use crate::outcome::{BookResult, RowScore};

/// The book of one symbol and its record.
#[derive(Debug)]
pub(crate) struct TrackedBook {
    book: Book,
    /// Events applied; also the row of the orderbook file that shows the book now.
    events: u64,
    digest: Digest,
    file: Option<Arc<BookFile>>,
    rows: RowScore,
}

impl TrackedBook {
    /// A book without orders or, with an orderbook file, one that starts as the file's row 0.
    pub(crate) fn new(file: Option<Arc<BookFile>>) -> Self {
        let book = match &file {
            Some(file) => Book::with_levels(file.seed(Side::Bid), file.seed(Side::Ask)),
            None => Book::new(),
        };
        Self { book, events: 0, digest: Digest::new(), file, rows: RowScore::default() }
    }

    /// The best prices now.
    pub(crate) fn best(&self) -> Best {
        self.book.best()
    }

    /// Applies the symbol's next event; the best prices if they, or their sizes, have changed.
    pub(crate) fn apply(&mut self, event: &Event) -> Option<Best> {
        let applied = self.book.apply(event);
        let best = self.book.best();
        self.events += 1;
        self.digest.update(self.events, best);
        if let Some(file) = &self.file {
            self.rows.count(shows_row(&self.book, file, self.events as usize));
        }
        (applied == Applied::Best).then_some(best)
    }

    /// What the book has come to.
    pub(crate) fn result(&self) -> BookResult {
        BookResult {
            events: self.events,
            digest: self.digest.value(),
            bids: self.book.levels(Side::Bid).collect(),
            asks: self.book.levels(Side::Ask).collect(),
            unmatched: self.book.unmatched(),
            rows: self.rows,
        }
    }
}

/// Whether `book` has the levels of the file's row `row`, as many as the file was read for.
fn shows_row(book: &Book, file: &BookFile, row: usize) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let levels = book.levels(side).chain(std::iter::repeat(Level::none(side)));
        file.row(row, side).iter().copied().eq(levels.take(file.depth()))
    })
}
