//! Market data: the latest best prices and last trade of each symbol.
//!
//! The matchers write their quotes on a [board](hippodrome_toolkit::latest), each over the one that was there before, and
//! market data reads what is new when it is told. However far it is behind, it has no more to do than one quote a symbol,
//! and it is never behind what it reads. The board is nobody's state: no quote is lost with an actor that panics.

use hippodrome::{Actor, Context};
use hippodrome_examples::Lease;
use hippodrome_toolkit::latest::{BoardReader, Notice};

use crate::order::Quote;

/// What of market data outlives its panics, beside the board.
#[derive(Debug)]
pub(crate) struct Kept {
    /// For each symbol.
    quotes: Vec<Quote>,
    /// Quotes that have come through.
    updates: u64,
}

impl Kept {
    /// Without a price yet.
    pub(crate) fn new(symbols: u16) -> Self {
        Self { quotes: vec![Quote::default(); usize::from(symbols)], updates: 0 }
    }

    pub(crate) fn quotes(&self) -> &[Quote] {
        &self.quotes
    }

    pub(crate) fn updates(&self) -> u64 {
        self.updates
    }

    #[inline]
    fn update(&mut self, symbol: usize, quote: Quote) {
        self.quotes[symbol] = quote;
        self.updates += 1;
    }
}

/// The actor.
pub(crate) struct MarketData {
    kept: Lease<Kept>,
    board: BoardReader<Quote>,
}

impl MarketData {
    pub(crate) fn new(kept: Lease<Kept>, board: BoardReader<Quote>) -> Self {
        Self { kept, board }
    }
}

impl Actor for MarketData {
    type Msg = Notice;

    fn started(&mut self, _: &mut Context<'_, Notice>) {
        self.board.newest(|symbol, quote| self.kept.update(symbol, *quote));
    }

    #[inline]
    fn handle(&mut self, notice: Notice, _: &mut Context<'_, Notice>) {
        self.board.take(notice, |symbol, quote| self.kept.update(symbol, *quote));
    }
}
