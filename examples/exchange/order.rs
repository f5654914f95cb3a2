//! The vocabulary of the exchange: what traders ask for, what they are told, and how an order ends.
//!
//! A [`Request`] and a [`Report`] travel between actors, so each is kept to half a cache line (32 bytes). Prices are
//! ticks, sizes are lots, times are nanoseconds on the engine's clock.

use std::fmt;

/// A request's number: from 0 on, in the order sent. That of a new order is the order's.
pub(crate) type OrderId = u32;
/// A price.
pub(crate) type Tick = u16;

/// Prices are below this.
pub(crate) const TICKS: Tick = 1024;
/// The most lots of one order.
pub(crate) const MAX_LOTS: u32 = 1_000;
/// The most symbols that one run has.
pub(crate) const MAX_SYMBOLS: u16 = 64;

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Side {
    Buy = 0,
    Sell = 1,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Buy, Self::Sell];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// Whether an order of this side with this limit trades with a resting order at `tick`.
    pub(crate) const fn reaches(self, limit: Tick, tick: Tick) -> bool {
        match self {
            Self::Buy => tick <= limit,
            Self::Sell => tick >= limit,
        }
    }
}

/// What a trader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Trade up to a price, and let the rest wait there.
    Limit { lots: u32, tick: Tick },
    /// Trade up to a price, and cancel the rest.
    ImmediateOrCancel { lots: u32, tick: Tick },
    /// Trade at any price, and cancel the rest.
    Market { lots: u32 },
    /// Take back what is left of an order.
    Cancel { order: OrderId },
}

impl Action {
    /// How many lots it opens; none for a cancel.
    pub(crate) const fn lots(self) -> u32 {
        match self {
            Self::Limit { lots, .. } | Self::ImmediateOrCancel { lots, .. } | Self::Market { lots } => lots,
            Self::Cancel { .. } => 0,
        }
    }
}

/// A new order, or the cancel of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// When it was to be sent.
    pub(crate) due_ns: u64,
    pub(crate) id: OrderId,
    pub(crate) action: Action,
    pub(crate) account: u16,
    pub(crate) symbol: u16,
    pub(crate) side: Side,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The gateway: no lots or too many of them, no such price, symbol or account.
    Invalid,
    /// Risk: too many lots of the account would be open.
    OpenLimit,
    /// Risk: if all open orders of one side traded, the account would hold too much.
    PositionLimit,
    /// The matcher: its book has no place left for an order that may rest.
    BookFull,
    /// The matcher: its journal has no place left.
    JournalFull,
}

/// What has become of an order or of the request to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A resting order has traded and rests on. Answers nothing.
    Traded,
    /// A resting order has traded its last lots. Answers nothing.
    TradedLast,
    /// A new order rests, and may have traded before.
    Resting,
    /// A new order has traded all its lots.
    Filled,
    /// A new order that does not rest is over, and may have traded before.
    Ended,
    /// A resting order was cancelled as requested.
    Cancelled,
    /// The order to be cancelled did not rest any more.
    TooLate,
    /// A request was refused.
    Rejected(Reason),
    /// A request was lost with an actor that panicked: it is a dead letter.
    Lost,
}

impl What {
    /// Whether it answers a request. Each request is answered once.
    pub(crate) const fn is_answer(self) -> bool {
        !matches!(self, Self::Traded | Self::TradedLast)
    }
}

/// What a trader is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// When the request was to be sent that this answers; of a trade, the one that it traded with.
    pub(crate) due_ns: u64,
    /// The order that it is about.
    pub(crate) order: OrderId,
    /// The request that it answers, if it [answers](What::is_answer) one.
    pub(crate) request: OrderId,
    /// Lots that have traded.
    pub(crate) filled: u32,
    /// Lots that are no longer open and have not traded.
    pub(crate) released: u32,
    /// The price of the last trade that it tells of.
    pub(crate) tick: Tick,
    pub(crate) account: u16,
    pub(crate) symbol: u16,
    pub(crate) side: Side,
    pub(crate) what: What,
}

const _: () = assert!(size_of::<Request>() == 32 && size_of::<Report>() == 32);

impl Report {
    /// The answer to a request of which nothing has traded and nothing is open any more.
    pub(crate) const fn without_trade(request: &Request, what: What) -> Self {
        let order = match request.action {
            Action::Cancel { order } => order,
            _ => request.id,
        };
        Self {
            due_ns: request.due_ns,
            order,
            request: request.id,
            filled: 0,
            released: request.action.lots(),
            tick: 0,
            account: request.account,
            symbol: request.symbol,
            side: request.side,
            what,
        }
    }
}

/// How a request stands, or how it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum State {
    /// It was not sent yet, or nobody knows of it.
    #[default]
    Unknown,
    /// It was sent, and not answered yet.
    Sent,
    /// An order: waits in the book.
    Resting,
    /// An order: has traded all its lots.
    Filled,
    /// An order: was cancelled, by its trader or because it was not to rest.
    Cancelled,
    /// A cancel: has cancelled its order.
    Done,
    /// A cancel: its order did not rest any more.
    TooLate,
    /// Was refused.
    Rejected,
    /// Was lost with an actor that panicked.
    DeadLetter,
}

impl State {
    pub(crate) const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Sent,
        Self::Resting,
        Self::Filled,
        Self::Cancelled,
        Self::Done,
        Self::TooLate,
        Self::Rejected,
        Self::DeadLetter,
    ];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Sent => "not answered",
            Self::Resting => "resting",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
            Self::TooLate => "too late",
            Self::Rejected => "rejected",
            Self::DeadLetter => "a dead letter",
        })
    }
}

/// What is at one price, or at the best price of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) tick: Tick,
    pub(crate) lots: u32,
}

/// The best prices of a symbol and its last trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) bid: Option<Level>,
    pub(crate) ask: Option<Level>,
    pub(crate) last: Option<Tick>,
}

/// The trades of a symbol, in short: two tapes of the same trades in the same order are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tape {
    pub(crate) trades: u64,
    pub(crate) lots: u64,
    pub(crate) last: Option<Tick>,
    digest: u64,
}

impl Tape {
    /// Adds a trade.
    #[inline]
    pub(crate) fn add(&mut self, taker: OrderId, maker: OrderId, level: Level) {
        /// Two to the 64th over the golden ratio, made odd: it spreads every bit that goes in.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        self.trades += 1;
        self.lots += u64::from(level.lots);
        self.last = Some(level.tick);
        let orders = u64::from(taker) << 32 | u64::from(maker);
        let terms = u64::from(level.tick) << 32 | u64::from(level.lots);
        for word in [orders, terms] {
            self.digest = (self.digest.rotate_left(23) ^ word).wrapping_mul(SPREAD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_tells_trades_and_their_order_apart() {
        let tape = |trades: &[(OrderId, OrderId, Tick, u32)]| {
            let mut tape = Tape::default();
            trades.iter().for_each(|&(taker, maker, tick, lots)| tape.add(taker, maker, Level { tick, lots }));
            tape
        };
        let all = tape(&[(1, 2, 3, 4), (5, 6, 7, 8)]);
        assert_eq!((all.trades, all.lots, all.last), (2, 12, Some(7)));
        assert_eq!(all, tape(&[(1, 2, 3, 4), (5, 6, 7, 8)]));
        for other in [[(5, 6, 7, 8), (1, 2, 3, 4)], [(2, 1, 3, 4), (5, 6, 7, 8)], [(1, 2, 4, 3), (5, 6, 7, 8)]] {
            assert_ne!(all.digest, tape(&other).digest);
        }
    }

    #[test]
    fn an_order_reaches_prices_that_are_no_worse_than_its_limit() {
        assert_eq!([9, 10, 11].map(|tick| Side::Buy.reaches(10, tick)), [true, true, false]);
        assert_eq!([9, 10, 11].map(|tick| Side::Sell.reaches(10, tick)), [false, true, true]);
    }
}
