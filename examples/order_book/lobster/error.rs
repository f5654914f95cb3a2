//! What can be wrong with a LOBSTER file.

use std::fmt;
use std::io;

use crate::event::MAX_EVENTS;

/// The most bytes of a line, without its end: 50 levels of the longest numbers take about half.
pub(crate) const MAX_LINE_BYTES: usize = 4096;

/// Why a file, or a pair of files, was refused. Nothing of it has been applied then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LobsterError {
    /// The file cannot be opened.
    #[error("{file}: cannot be opened: {source}")]
    Open { file: String, source: io::Error },
    /// The file cannot be read any further.
    #[error("{file}: line {line}: cannot be read: {source}")]
    Read { file: String, line: u64, source: io::Error },
    /// The file has no line at all.
    #[error("{file}: the file is empty, expected at least one line")]
    Empty { file: String },
    /// The file has more lines than are read.
    #[error("{file}: line {line}: expected at most {MAX_EVENTS} lines")]
    TooManyLines { file: String, line: u64 },
    /// A line is not of the form.
    #[error("{file}: line {line}, {flaw}")]
    Malformed { file: String, line: u64, flaw: Box<Flaw> },
    /// The orderbook file has fewer levels than are to be compared.
    #[error("{file}: the book has {levels} levels, expected at least {depth}, the depth to compare")]
    TooShallow { file: String, levels: usize, depth: usize },
    /// The two files do not belong together.
    #[error("{book}: {rows} rows, expected {events}, one for each line of {messages}")]
    RowCount { book: String, rows: usize, messages: String, events: usize },
}

/// What is wrong with a line, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The column, between commas, counted from 1.
    pub(crate) column: usize,
    /// The byte of the line at which the column starts, counted from 1.
    pub(crate) byte: usize,
    /// The column's name.
    pub(crate) name: String,
    /// What is there, quoted and cut, or the end of the line.
    pub(crate) found: String,
    /// What is allowed there.
    pub(crate) expected: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, byte, name, found, expected } = self;
        write!(f, "column {column} ({name}, byte {byte}): found {found}, expected {expected}")
    }
}
