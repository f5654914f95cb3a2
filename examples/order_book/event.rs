//! The vocabulary of an order book: an event of the flow, a price level, and the best prices of both sides.
//!
//! An [`Event`] is what travels between actors, so it is kept to half a cache line (32 bytes). Prices are whole
//! numbers, in dollars times 10,000, as in the LOBSTER files; sizes are shares; times are nanoseconds after midnight.

use std::fmt;

/// Nanoseconds in a second.
pub(crate) const NANOSECONDS_A_SECOND: u64 = 1_000_000_000;
/// The first time that is no longer of the same day, in nanoseconds after midnight.
pub(crate) const END_OF_DAY_NS: u64 = 86_400 * NANOSECONDS_A_SECOND;
/// The most symbols that one run has.
pub(crate) const MAX_SYMBOLS: u16 = 64;
/// The most events that one run has: 3.2 GB of them.
pub(crate) const MAX_EVENTS: u64 = 100_000_000;

/// What happened, with the numbers that LOBSTER gives the types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A new limit order.
    New = 1,
    /// A part of an order is taken back.
    Cancel = 2,
    /// What is left of an order is taken back.
    Delete = 3,
    /// A visible order is executed, in part or whole.
    Execute = 4,
    /// A hidden order is executed: the visible book does not change.
    ExecuteHidden = 5,
    /// A cross trade, such as an auction: the visible book does not change.
    Cross = 6,
    /// Trading is halted (price -1), quotes resume (0) or trading resumes (1).
    Halt = 7,
}

impl Kind {
    /// The kind with the LOBSTER type `number`, from 1 to 7.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::New,
            2 => Self::Cancel,
            3 => Self::Delete,
            4 => Self::Execute,
            5 => Self::ExecuteHidden,
            6 => Self::Cross,
            7 => Self::Halt,
            _ => return None,
        })
    }
}

/// The side of the book that an order rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Side {
    /// Orders to buy; the highest price is the best.
    Bid,
    /// Orders to sell; the lowest price is the best.
    Ask,
}

impl Side {
    /// Both sides, in the order of their discriminants.
    pub(crate) const BOTH: [Self; 2] = [Self::Bid, Self::Ask];
}

/// One line of an order flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Nanoseconds after midnight.
    pub(crate) time_ns: u64,
    /// The order that the event is about; 0 for a hidden one, negative for a cross trade.
    pub(crate) order: i64,
    /// Dollars times 10,000; for a halt, the state that it enters.
    pub(crate) price: i64,
    /// Shares: those added or taken away.
    pub(crate) size: u32,
    /// The symbol, counted from 0.
    pub(crate) symbol: u16,
    /// What happened.
    pub(crate) kind: Kind,
    /// The side of the order that it happened to.
    pub(crate) side: Side,
}

const _: () = assert!(size_of::<Event>() == 32, "an event is half a cache line");

impl fmt::Display for Event {
    /// The event as a line of a LOBSTER message file, which has no column for the symbol.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time_ns / NANOSECONDS_A_SECOND;
        let fraction = self.time_ns % NANOSECONDS_A_SECOND;
        let side = match self.side {
            Side::Bid => 1,
            Side::Ask => -1,
        };
        let (kind, order, size, price) = (self.kind as u8, self.order, self.size, self.price);
        write!(f, "{seconds}.{fraction:09},{kind},{order},{size},{price},{side}")
    }
}

/// All the orders of one side at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// Dollars times 10,000.
    pub(crate) price: i64,
    /// The sum of the orders' sizes, in shares; 0 only for an empty level.
    pub(crate) size: u64,
}

impl Level {
    /// What an orderbook file holds where there is no bid.
    pub(crate) const NO_BID: Self = Self { price: -9_999_999_999, size: 0 };
    /// What an orderbook file holds where there is no ask.
    pub(crate) const NO_ASK: Self = Self { price: 9_999_999_999, size: 0 };

    /// The empty level of `side`.
    pub(crate) const fn none(side: Side) -> Self {
        match side {
            Side::Bid => Self::NO_BID,
            Side::Ask => Self::NO_ASK,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { size: 0, .. } => write!(f, "nothing"),
            Self { price, size } => write!(f, "{size} at {price}"),
        }
    }
}

/// The best price of each side with the shares there: what the market-data actor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Best {
    /// The highest price bid, or [`Level::NO_BID`].
    pub(crate) bid: Level,
    /// The lowest price asked, or [`Level::NO_ASK`].
    pub(crate) ask: Level,
}

impl fmt::Display for Best {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bid {}, ask {}", self.bid, self.ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_shown_as_a_line_of_a_message_file() {
        let mut event = Event {
            time_ns: 34_200_004_241_176,
            order: 16_113_575,
            price: 5_853_300,
            size: 18,
            symbol: 3,
            kind: Kind::New,
            side: Side::Bid,
        };
        assert_eq!(event.to_string(), "34200.004241176,1,16113575,18,5853300,1");
        event.side = Side::Ask;
        event.kind = Kind::Halt;
        event.price = -1;
        event.time_ns = 5;
        assert_eq!(event.to_string(), "0.000000005,7,16113575,18,-1,-1");
    }

    #[test]
    fn only_the_seven_types_have_a_kind() {
        for number in 1..=7 {
            assert_eq!(Kind::from_number(number).map(|kind| kind as i64), Some(number));
        }
        assert_eq!(Kind::from_number(0), None);
        assert_eq!(Kind::from_number(8), None);
        assert_eq!(Kind::from_number(-1), None);
    }
}
