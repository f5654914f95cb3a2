//! Market data: the latest best prices and last trade of each symbol.
//!
//! Its mailbox conflates: of several quotes of one symbol that wait, the latest takes the place of the others. However far
//! it is behind, it has no more to do than one quote a symbol, and it is never behind what it reads.

use std::num::NonZeroUsize;

use hippodrome::{Actor, Context, MailboxSpec, Overflow};

use crate::lease::Lease;
use crate::order::Quote;

/// The latest quote of a symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MarketMsg {
    pub(crate) symbol: u16,
    pub(crate) quote: Quote,
}

const _: () = assert!(size_of::<MarketMsg>() <= 40, "it fits a cache line of a lane, with its header");

/// What of market data outlives its panics.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) quotes: Vec<Quote>,
    /// Quotes that have come through.
    pub(crate) updates: u64,
}

impl Kept {
    /// Without a price yet.
    pub(crate) fn new(symbols: u16) -> Self {
        Self { quotes: vec![Quote::default(); usize::from(symbols)], updates: 0 }
    }
}

/// The mailbox: a place for each symbol.
pub(crate) fn mailbox(symbols: u16) -> MailboxSpec<MarketMsg> {
    let places = NonZeroUsize::MIN.saturating_add(usize::from(symbols));
    MailboxSpec::bounded(places).overflow(Overflow::Conflate(|message| u64::from(message.symbol)))
}

/// The actor.
pub(crate) struct MarketData(Lease<Kept>);

impl MarketData {
    pub(crate) fn new(kept: Lease<Kept>) -> Self {
        Self(kept)
    }
}

impl Actor for MarketData {
    type Msg = MarketMsg;

    #[inline]
    fn handle(&mut self, MarketMsg { symbol, quote }: MarketMsg, _: &mut Context<'_, MarketMsg>) {
        self.0.quotes[usize::from(symbol)] = quote;
        self.0.updates += 1;
    }
}
