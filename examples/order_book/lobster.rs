//! The two files of a LOBSTER data set: the messages, and the book after each of them.
//!
//! Both are read line by line over bytes into whole numbers, with no allocation per line and no floating point. The
//! reading is strict: what is not exactly of the form is an error that names the file, the line, the column, what was
//! found and what is allowed. A file is parsed to its end before any of it is handed out, so nothing of a bad one is
//! ever applied.
//!
//! A message file has six columns: seconds after midnight with up to nine decimals, the type (1 to 7), the order, the
//! size, the price and the side (1 buy, -1 sell). An orderbook file has four columns a level: the ask's price and
//! size, the bid's price and size. Row *i* is the book after message *i*. An empty level holds the price 9999999999
//! (ask) or -9999999999 (bid) and the size 0.
//!
//! The forms are those of LOBSTER's *output structure*, <https://lobsterdata.com/info/DataStructure.php>, with the
//! negative order numbers that its help page gives to cross trades.

mod error;
mod line;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::Path;

use crate::event::{END_OF_DAY_NS, Event, Kind, Level, MAX_EVENTS, NANOSECONDS_A_SECOND, Side};
pub(crate) use error::{Flaw, LobsterError};
use line::{Fields, Lines};

/// The columns of a message file.
const MESSAGE_COLUMNS: usize = 6;
/// The columns of one level in an orderbook file.
const LEVEL_COLUMNS: usize = 4;
/// The most levels that an orderbook file has.
const MAX_LEVELS: usize = 50;
/// The highest price: one below that of an empty level.
const MAX_PRICE: i64 = Level::NO_ASK.price - 1;
/// The most shares at one price; sums with every event of a run stay far from the end of a `u64`.
const MAX_LEVEL_SIZE: i64 = 1_000_000_000_000;
/// The decimals of a time, which make nanoseconds.
const TIME_DECIMALS: usize = 9;
/// Files are read in pieces of this size.
const READ_BYTES: usize = 1 << 20;

/// A message file with, if it was given, its orderbook file.
#[derive(Debug)]
pub(crate) struct Slice {
    /// The messages, all of symbol 0.
    pub(crate) events: Vec<Event>,
    /// The book after each message.
    pub(crate) book: Option<BookFile>,
}

/// Reads the message file at `messages`, and the orderbook file at `book` for comparisons over the first `depth`
/// levels.
pub(crate) fn read(messages: &Path, book: Option<&Path>, depth: usize) -> Result<Slice, LobsterError> {
    let events = parse_messages(open(messages)?, &messages.display().to_string())?;
    let Some(book) = book else { return Ok(Slice { events, book: None }) };
    let file = BookFile::parse(open(book)?, &book.display().to_string(), depth)?;
    if file.len() != events.len() {
        let (book, messages) = (book.display().to_string(), messages.display().to_string());
        return Err(LobsterError::RowCount { book, rows: file.len(), messages, events: events.len() });
    }
    Ok(Slice { events, book: Some(file) })
}

fn open(path: &Path) -> Result<BufReader<File>, LobsterError> {
    match File::open(path) {
        Ok(file) => Ok(BufReader::with_capacity(READ_BYTES, file)),
        Err(source) => Err(LobsterError::Open { file: path.display().to_string(), source }),
    }
}

/// All messages of `reader`, which errors call `file`.
pub(crate) fn parse_messages(reader: impl BufRead, file: &str) -> Result<Vec<Event>, LobsterError> {
    let mut events = Vec::new();
    for_each_line(reader, file, |line| {
        events.push(parse_message(line)?);
        Ok(())
    })?;
    Ok(events)
}

/// Hands every line to `parse` and puts the place to its errors.
fn for_each_line(
    reader: impl BufRead,
    file: &str,
    mut parse: impl FnMut(&[u8]) -> Result<(), Box<Flaw>>,
) -> Result<(), LobsterError> {
    let mut lines = Lines::new(reader);
    let mut number: u64 = 0;
    loop {
        number += 1;
        match lines.next() {
            Ok(None) if number == 1 => return Err(LobsterError::Empty { file: file.to_owned() }),
            Ok(None) => return Ok(()),
            Ok(Some(_)) if number > MAX_EVENTS => {
                return Err(LobsterError::TooManyLines { file: file.to_owned(), line: number });
            }
            Ok(Some(line)) => parse(line).map_err(|flaw| {
                let file = file.to_owned();
                LobsterError::Malformed { file, line: number, flaw }
            })?,
            Err(source) => return Err(LobsterError::Read { file: file.to_owned(), line: number, source }),
        }
    }
}

/// What the numbers of a message may be, which its kind decides.
struct Limits {
    order: RangeInclusive<i64>,
    size: RangeInclusive<i64>,
    price: RangeInclusive<i64>,
}

const fn limits(kind: Kind) -> Limits {
    const SHARES: i64 = u32::MAX as i64;
    match kind {
        Kind::New | Kind::Cancel | Kind::Delete | Kind::Execute => {
            Limits { order: 1..=i64::MAX, size: 1..=SHARES, price: 1..=MAX_PRICE }
        }
        Kind::ExecuteHidden => Limits { order: 0..=i64::MAX, size: 1..=SHARES, price: 1..=MAX_PRICE },
        // -1 to -4 name the opening, the closing and the other crosses.
        Kind::Cross => Limits { order: -4..=i64::MAX, size: 0..=SHARES, price: 0..=MAX_PRICE },
        Kind::Halt => Limits { order: -4..=i64::MAX, size: 0..=SHARES, price: -1..=1 },
    }
}

/// One line of a message file.
fn parse_message(line: &[u8]) -> Result<Event, Box<Flaw>> {
    let mut fields = Fields::of(line)?;
    let mut field = |name| fields.next(name, MESSAGE_COLUMNS);
    let time = field("time")?;
    let time_ns = parse_time(time.text)
        .ok_or_else(|| time.flaw("time", "seconds after midnight below 86400 with at most 9 decimals"))?;
    let number = field("type")?;
    let kind = line::integer(number.text)
        .and_then(Kind::from_number)
        .ok_or_else(|| number.flaw("type", "a whole number from 1 to 7"))?;
    let limits = limits(kind);
    let order = field("order id")?.integer("order id", &limits.order)?;
    let size = field("size")?.integer("size", &limits.size)? as u32;
    let price = field("price")?.integer("price", &limits.price)?;
    let direction = field("side")?;
    let side = match direction.text {
        b"1" => Side::Bid,
        b"-1" => Side::Ask,
        _ => return Err(direction.flaw("side", "1 (buy) or -1 (sell)")),
    };
    fields.end(MESSAGE_COLUMNS)?;
    Ok(Event { time_ns, order, price, size, symbol: 0, kind, side })
}

/// Decimal seconds as nanoseconds after midnight.
fn parse_time(text: &[u8]) -> Option<u64> {
    let (seconds, decimals) = match text.iter().position(|&byte| byte == b'.') {
        Some(point) => (&text[..point], Some(&text[point + 1..])),
        None => (text, None),
    };
    let fraction_ns = match decimals {
        Some(decimals) if decimals.len() <= TIME_DECIMALS => {
            line::natural(decimals)? as u64 * 10_u64.pow((TIME_DECIMALS - decimals.len()) as u32)
        }
        Some(_) => return None,
        None => 0,
    };
    let seconds = line::natural(seconds)? as u64;
    let time_ns = seconds.checked_mul(NANOSECONDS_A_SECOND)?.checked_add(fraction_ns)?;
    (time_ns < END_OF_DAY_NS).then_some(time_ns)
}

/// The levels of an orderbook file: all of row 0, and of every row as many as are to be compared.
#[derive(Clone, Debug)]
pub(crate) struct BookFile {
    seed: Row,
    depth: usize,
    rows: usize,
    /// For each row the best `depth` bids and then as many asks.
    levels: Vec<Level>,
}

impl BookFile {
    /// All rows of `reader`, which errors call `file`, for comparisons over the first `depth` levels.
    pub(crate) fn parse(reader: impl BufRead, file: &str, depth: usize) -> Result<Self, LobsterError> {
        let mut book = Self { seed: Row::default(), depth, rows: 0, levels: Vec::new() };
        let mut row = Row::default();
        let mut columns = 0;
        for_each_line(reader, file, |line| {
            if book.rows == 0 {
                columns = count_columns(line)?;
            }
            row.parse(line, columns)?;
            if book.rows == 0 {
                book.seed = row.clone();
            }
            book.levels.extend(row.bids.iter().take(depth));
            book.levels.extend(row.asks.iter().take(depth));
            book.rows += 1;
            Ok(())
        })?;
        let levels = columns / LEVEL_COLUMNS;
        if levels < depth {
            return Err(LobsterError::TooShallow { file: file.to_owned(), levels, depth });
        }
        Ok(book)
    }

    /// The number of rows.
    pub(crate) const fn len(&self) -> usize {
        self.rows
    }

    /// How many levels of a row are to be compared.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// All levels of row 0, the best first, empty ones included.
    pub(crate) fn seed(&self, side: Side) -> &[Level] {
        match side {
            Side::Bid => &self.seed.bids,
            Side::Ask => &self.seed.asks,
        }
    }

    /// The first [`depth`](Self::depth) levels of row `row`, the best first; none of a row that the file has not.
    pub(crate) fn row(&self, row: usize, side: Side) -> &[Level] {
        let start = (2 * row + side as usize) * self.depth;
        self.levels.get(start..start + self.depth).unwrap_or(&[])
    }
}

/// The levels of one line, the best first.
#[derive(Clone, Debug, Default)]
struct Row {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Row {
    /// Puts a line with this number of columns in place of what the row held.
    fn parse(&mut self, line: &[u8], columns: usize) -> Result<(), Box<Flaw>> {
        self.bids.clear();
        self.asks.clear();
        let mut fields = Fields::of(line)?;
        for _ in 0..columns / LEVEL_COLUMNS {
            parse_level(&mut fields, columns, Side::Ask, &mut self.asks)?;
            parse_level(&mut fields, columns, Side::Bid, &mut self.bids)?;
        }
        fields.end(columns)
    }
}

/// The number of columns that the first line sets for all.
fn count_columns(line: &[u8]) -> Result<usize, Box<Flaw>> {
    let mut fields = Fields::of(line)?;
    let columns = 1 + line.iter().filter(|&&byte| byte == b',').count();
    if columns.is_multiple_of(LEVEL_COLUMNS) && columns <= LEVEL_COLUMNS * MAX_LEVELS {
        return Ok(columns);
    }
    for _ in 1..columns {
        fields.next("level", columns)?;
    }
    let last = fields.next("level", columns)?;
    Err(last.flaw("last", format!("a multiple of 4 columns, at most {}", LEVEL_COLUMNS * MAX_LEVELS)))
}

/// The price and the size of one level, which must be worse than those before it.
fn parse_level(fields: &mut Fields<'_>, columns: usize, side: Side, levels: &mut Vec<Level>) -> Result<(), Box<Flaw>> {
    let (price_name, size_name) = match side {
        Side::Bid => ("bid price", "bid size"),
        Side::Ask => ("ask price", "ask size"),
    };
    let none = Level::none(side);
    let before = levels.last().map(|level| level.price);
    let field = fields.next(price_name, columns)?;
    let price = line::integer(field.text)
        .filter(|&price| price == none.price || (1..=MAX_PRICE).contains(&price))
        .ok_or_else(|| {
            let expected = format!("a whole number from 1 to {MAX_PRICE}, or {} for no level", none.price);
            field.flaw(price_name, expected)
        })?;
    let follows = before.is_none_or(|before| match side {
        Side::Bid => price < before,
        Side::Ask => price > before,
    });
    if !follows && price != none.price {
        let relation = if side == Side::Bid { "below" } else { "above" };
        let before = before.unwrap_or(none.price);
        return Err(field.flaw(price_name, format!("a price {relation} that of the level before, {before}")));
    }
    let sizes = if price == none.price { 0..=0 } else { 1..=MAX_LEVEL_SIZE };
    let size = fields.next(size_name, columns)?.integer(size_name, &sizes)? as u64;
    levels.push(Level { price, size });
    Ok(())
}

#[cfg(test)]
mod tests;
