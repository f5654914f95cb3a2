//! The independent book: one thread, other data structures, written to be plainly right and not to be fast.
//!
//! It shares with the book under test only the words they are compared in: events, levels and the digest. Prices are
//! kept in ordered maps. Over a generated flow it also keeps every order by its number and believes nothing that an
//! event says of an order it has: the order's own price, side and remaining size are what it changes by, and an event
//! that does not fit its order is an error. At the end it adds the levels up again from the orders that are left.
//!
//! Over the messages of a file it can not do that, because the orders of a slice began before it. There it keeps
//! sums by price, from row 0 of the orderbook file, and a removal takes no more than is there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::digest::Digest;
use crate::event::{Best, Event, Kind, Level, Side};
use crate::lobster::BookFile;
use crate::outcome::{BookResult, RowScore};
use crate::progress::Progress;
use crate::workload::{Source, Workload};

/// Progress is shown after so many events at the soonest.
const CHUNK_EVENTS: usize = 1 << 16;

/// An event that does not fit the order that it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("symbol {}: the event {event} {reason}", event.symbol)]
pub(crate) struct Inconsistent {
    event: Event,
    reason: &'static str,
}

/// An order in the book.
#[derive(Clone, Copy, Debug)]
struct Resting {
    side: Side,
    price: i64,
    size: u32,
}

/// The independent book of one symbol.
#[derive(Debug)]
pub(crate) struct Reference {
    /// The orders by number, where their whole life is known.
    orders: Option<HashMap<i64, Resting>>,
    /// Shares by price.
    bids: BTreeMap<i64, u64>,
    /// Shares by price.
    asks: BTreeMap<i64, u64>,
    file: Option<Arc<BookFile>>,
    events: u64,
    digest: Digest,
    unmatched: u64,
    rows: RowScore,
}

impl Reference {
    /// An empty book that follows every order.
    pub(crate) fn by_order() -> Self {
        Self { orders: Some(HashMap::new()), ..Self::by_price(None) }
    }

    /// A book that keeps sums by price, from row 0 of the orderbook file if there is one.
    pub(crate) fn by_price(file: Option<Arc<BookFile>>) -> Self {
        let levels = |side| {
            let levels = file.as_ref().map_or(&[][..], |file| file.seed(side));
            levels.iter().filter(|level| level.size > 0).map(|level| (level.price, level.size)).collect()
        };
        Self {
            orders: None,
            bids: levels(Side::Bid),
            asks: levels(Side::Ask),
            file,
            events: 0,
            digest: Digest::new(),
            unmatched: 0,
            rows: RowScore::default(),
        }
    }

    /// Applies the symbol's next event.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), Inconsistent> {
        match self.orders.as_mut() {
            Some(orders) => {
                let change = change_of(orders, event).map_err(|reason| Inconsistent { event: *event, reason })?;
                if let Some((resting, signed)) = change {
                    self.change_by_order(resting, signed);
                }
            }
            None => self.change_by_price(event),
        }
        self.events += 1;
        self.digest.update(self.events, self.best());
        if let Some(file) = &self.file {
            let row = self.events as usize;
            let bids = self.bids.iter().rev().take(file.depth());
            let asks = self.asks.iter().take(file.depth());
            let agrees = bids.eq(shown(file.row(row, Side::Bid))) && asks.eq(shown(file.row(row, Side::Ask)));
            self.rows.count(agrees);
        }
        Ok(())
    }

    /// Adds `signed` shares, which may be less than none, at the place of an order.
    fn change_by_order(&mut self, resting: Resting, signed: i64) {
        let prices = match resting.side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        let sum = prices.entry(resting.price).or_insert(0);
        *sum = sum.saturating_add_signed(signed);
        if *sum == 0 {
            prices.remove(&resting.price);
        }
    }

    /// Adds what the event adds at its price, or takes what it takes as far as it is there.
    fn change_by_price(&mut self, event: &Event) {
        let prices = if event.side == Side::Bid { &mut self.bids } else { &mut self.asks };
        let sum = prices.get(&event.price).copied().unwrap_or(0);
        let size = u64::from(event.size);
        let sum = match event.kind as u8 {
            1 => sum + size,
            2..=4 if size > sum => {
                self.unmatched += 1;
                0
            }
            2..=4 => sum - size,
            _ => return,
        };
        if sum > 0 {
            prices.insert(event.price, sum);
        } else {
            prices.remove(&event.price);
        }
    }

    fn best(&self) -> Best {
        let level = |(&price, &size)| Level { price, size };
        Best {
            bid: self.bids.last_key_value().map_or(Level::NO_BID, level),
            ask: self.asks.first_key_value().map_or(Level::NO_ASK, level),
        }
    }

    /// What the book has come to; its levels from the orders themselves where they are known.
    pub(crate) fn result(&self) -> BookResult {
        let (bids, asks) = match &self.orders {
            Some(orders) => (sums(orders, Side::Bid), sums(orders, Side::Ask)),
            None => (self.bids.clone(), self.asks.clone()),
        };
        let level = |(price, size)| Level { price, size };
        BookResult {
            events: self.events,
            digest: self.digest.value(),
            bids: bids.into_iter().rev().map(level).collect(),
            asks: asks.into_iter().map(level).collect(),
            unmatched: self.unmatched,
            rows: self.rows,
        }
    }
}

/// Changes the order that the event names: where that is, and how many shares it has more by then.
fn change_of(orders: &mut HashMap<i64, Resting>, event: &Event) -> Result<Option<(Resting, i64)>, &'static str> {
    let Event { order, side, price, size, kind, .. } = *event;
    if matches!(kind, Kind::ExecuteHidden | Kind::Cross | Kind::Halt) {
        return Ok(None);
    }
    if kind == Kind::New {
        let resting = Resting { side, price, size };
        return match orders.insert(order, resting) {
            None => Ok(Some((resting, i64::from(size)))),
            Some(_) => Err("adds an order that there is already"),
        };
    }
    let resting = *orders.get(&order).ok_or("names an order that there is not")?;
    if (resting.side, resting.price) != (side, price) {
        return Err("has another side or price than its order");
    }
    let left = resting.size.checked_sub(size).ok_or("takes more than its order has")?;
    match (kind, left) {
        (Kind::Cancel, 0) => return Err("cancels a part that is the whole order"),
        (Kind::Delete, 1..) => return Err("deletes less than its order has"),
        (_, 0) => orders.remove(&order),
        (_, 1..) => orders.insert(order, Resting { size: left, ..resting }),
    };
    Ok(Some((resting, -i64::from(size))))
}

/// The orders of one side, added up by price.
fn sums(orders: &HashMap<i64, Resting>, side: Side) -> BTreeMap<i64, u64> {
    let mut sums = BTreeMap::new();
    for resting in orders.values().filter(|resting| resting.side == side) {
        *sums.entry(resting.price).or_insert(0) += u64::from(resting.size);
    }
    sums
}

/// The levels of a row that are not empty, as an ordered map would list them.
fn shown(row: &[Level]) -> impl Iterator<Item = (&i64, &u64)> {
    row.iter().filter(|level| level.size > 0).map(|level| (&level.price, &level.size))
}

/// Applies a whole workload and gives the record of each symbol.
pub(crate) fn replay(workload: &Workload, progress: &mut Progress) -> Result<Vec<BookResult>, Inconsistent> {
    let mut books: Vec<Reference> = (0..workload.symbols())
        .map(|_| match workload.source() {
            Source::Generated { .. } => Reference::by_order(),
            Source::Files => Reference::by_price(workload.file()),
        })
        .collect();
    let mut done = 0;
    for chunk in workload.events().chunks(CHUNK_EVENTS) {
        for event in chunk {
            books[usize::from(event.symbol)].apply(event)?;
        }
        done += chunk.len() as u64;
        progress.at(done);
    }
    Ok(books.iter().map(Reference::result).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tracked::TrackedBook;

    fn event(kind: Kind, order: i64, price: i64, size: u32) -> Event {
        Event { time_ns: 0, order, price, size, symbol: 0, kind, side: Side::Bid }
    }

    #[test]
    fn a_generated_event_must_fit_its_order() {
        let table = [
            (event(Kind::New, 1, 90, 5), "adds an order that there is already"),
            (event(Kind::Delete, 2, 100, 5), "names an order that there is not"),
            (event(Kind::Delete, 1, 101, 5), "has another side or price than its order"),
            (Event { side: Side::Ask, ..event(Kind::Delete, 1, 100, 5) }, "has another side or price than its order"),
            (event(Kind::Execute, 1, 100, 6), "takes more than its order has"),
            (event(Kind::Cancel, 1, 100, 5), "cancels a part that is the whole order"),
            (event(Kind::Delete, 1, 100, 4), "deletes less than its order has"),
        ];
        for (wrong, reason) in table {
            let mut book = Reference::by_order();
            book.apply(&event(Kind::New, 1, 100, 5)).unwrap();
            assert_eq!(book.apply(&wrong), Err(Inconsistent { event: wrong, reason }));
        }
        let error = Inconsistent { event: event(Kind::Delete, 2, 100, 5), reason: "names an order that there is not" };
        let text = "symbol 0: the event 0.000000000,3,2,5,100,1 names an order that there is not";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn an_order_lives_through_cancels_and_executions() {
        let mut book = Reference::by_order();
        for (event, left) in [
            (event(Kind::New, 1, 100, 9), 9),
            (event(Kind::New, 2, 100, 1), 10),
            (event(Kind::Cancel, 1, 100, 2), 8),
            (event(Kind::Execute, 1, 100, 3), 5),
            (event(Kind::ExecuteHidden, 0, 100, 3), 5),
            (event(Kind::Delete, 2, 100, 1), 4),
            (event(Kind::Execute, 1, 100, 4), 0),
        ] {
            book.apply(&event).unwrap();
            assert_eq!(book.best().bid.size, left, "{event}");
        }
        assert_eq!(book.result().bids, []);
    }

    /// Any event at one of a few prices, so that levels come, grow, shrink and go.
    fn any_event() -> impl Strategy<Value = Event> {
        (1_i64..=7, 1_i64..=30, 1_u32..=50, any::<bool>()).prop_map(|(number, price, size, buys)| Event {
            time_ns: 0,
            order: 1,
            price,
            size,
            symbol: 0,
            kind: Kind::from_number(number).unwrap(),
            side: if buys { Side::Bid } else { Side::Ask },
        })
    }

    proptest! {
        #[test]
        fn both_books_agree_on_any_events(events in proptest::collection::vec(any_event(), 0..300)) {
            let mut book = TrackedBook::new(None);
            let mut reference = Reference::by_price(None);
            for event in &events {
                let before = book.best();
                let told = book.apply(event);
                prop_assert_eq!(reference.apply(event), Ok(()));
                prop_assert_eq!(book.best(), reference.best());
                prop_assert_eq!(told, (before != book.best()).then(|| book.best()));
                prop_assert_eq!(book.result(), reference.result());
            }
        }
    }
}
