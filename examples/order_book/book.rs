//! The price levels of one symbol: the book that the actors keep.
//!
//! Each side is one vector of levels, sorted so that the best price is its last element. Nearly every event is about
//! a price near the best, so a level is looked for from the end, and a level that comes or goes moves a few
//! neighbours in the same cache lines. A tree would be steadier far away from the best price, and slower near it.
//!
//! The book knows sizes by price and not by order, because a slice of a real flow starts in the middle of the day:
//! most orders that it takes away were added before it began. For the same reason a removal may be larger than what
//! is known at its price. It then takes what there is, and is counted in [`Book::unmatched`].

use crate::event::{Best, Event, Kind, Level, Side};

/// How many levels are tried one by one from the best before the rest is searched by halves.
const NEAR_LEVELS: usize = 8;

/// What an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Applied {
    /// Nothing that is visible.
    Nothing,
    /// A level behind the best.
    Depth,
    /// The best price of a side, or the size there.
    Best,
}

/// One side of a book.
#[derive(Clone, Debug)]
struct HalfBook {
    side: Side,
    /// Every size is positive; the best level is the last.
    levels: Vec<Level>,
}

impl HalfBook {
    const fn new(side: Side) -> Self {
        Self { side, levels: Vec::new() }
    }

    /// Whether `price` is worse than `than`, and so stands before it.
    fn is_worse(&self, price: i64, than: i64) -> bool {
        match self.side {
            Side::Bid => price < than,
            Side::Ask => price > than,
        }
    }

    /// Where the level of `price` is (`Ok`) or belongs (`Err`).
    fn position(&self, price: i64) -> Result<usize, usize> {
        let far = self.levels.len().saturating_sub(NEAR_LEVELS);
        for (index, level) in self.levels.iter().enumerate().skip(far).rev() {
            if level.price == price {
                return Ok(index);
            }
            if self.is_worse(level.price, price) {
                return Err(index + 1);
            }
        }
        let index = self.levels[..far].partition_point(|level| self.is_worse(level.price, price));
        match self.levels[..far].get(index) {
            Some(level) if level.price == price => Ok(index),
            _ => Err(index),
        }
    }

    fn best(&self) -> Level {
        self.levels.last().copied().unwrap_or(Level::none(self.side))
    }

    /// Adds `size` shares at `price`.
    fn add(&mut self, price: i64, size: u64) -> Applied {
        let index = match self.position(price) {
            Ok(index) => {
                self.levels[index].size += size;
                index
            }
            Err(index) => {
                self.levels.insert(index, Level { price, size });
                index
            }
        };
        if index + 1 == self.levels.len() { Applied::Best } else { Applied::Depth }
    }

    /// Takes up to `size` shares away at `price`, with what could not be taken.
    fn take(&mut self, price: i64, size: u64) -> (Applied, u64) {
        let Ok(index) = self.position(price) else { return (Applied::Nothing, size) };
        let applied = if index + 1 == self.levels.len() { Applied::Best } else { Applied::Depth };
        let level = &mut self.levels[index];
        if level.size > size {
            level.size -= size;
            return (applied, 0);
        }
        let missing = size - level.size;
        self.levels.remove(index);
        (applied, missing)
    }
}

/// The visible book of one symbol.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    bids: HalfBook,
    asks: HalfBook,
    unmatched: u64,
}

impl Book {
    /// A book without orders.
    pub(crate) const fn new() -> Self {
        Self { bids: HalfBook::new(Side::Bid), asks: HalfBook::new(Side::Ask), unmatched: 0 }
    }

    /// A book that starts with these levels, in any order.
    pub(crate) fn with_levels(bids: &[Level], asks: &[Level]) -> Self {
        let mut book = Self::new();
        for (half, levels) in [(&mut book.bids, bids), (&mut book.asks, asks)] {
            for level in levels.iter().filter(|level| level.size > 0) {
                let _ = half.add(level.price, level.size);
            }
        }
        book
    }

    /// Applies one event and tells what it changed.
    pub(crate) fn apply(&mut self, event: &Event) -> Applied {
        let half = match event.side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        let size = u64::from(event.size);
        match event.kind {
            Kind::New => half.add(event.price, size),
            Kind::Cancel | Kind::Delete | Kind::Execute => {
                let (applied, missing) = half.take(event.price, size);
                self.unmatched += u64::from(missing > 0);
                applied
            }
            Kind::ExecuteHidden | Kind::Cross | Kind::Halt => Applied::Nothing,
        }
    }

    /// The best price of each side.
    pub(crate) fn best(&self) -> Best {
        Best { bid: self.bids.best(), ask: self.asks.best() }
    }

    /// The levels of `side`, the best first.
    pub(crate) fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let half = match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        };
        half.levels.iter().rev().copied()
    }

    /// How many removals were larger than what was known at their price.
    pub(crate) const fn unmatched(&self) -> u64 {
        self.unmatched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, side: Side, price: i64, size: u32) -> Event {
        Event { time_ns: 0, order: 1, price, size, symbol: 0, kind, side }
    }

    fn level(price: i64, size: u64) -> Level {
        Level { price, size }
    }

    #[test]
    fn an_empty_book_has_no_best_prices() {
        assert_eq!(Book::new().best(), Best { bid: Level::NO_BID, ask: Level::NO_ASK });
    }

    #[test]
    fn sizes_add_up_at_a_price_and_the_best_is_told_apart_from_the_depth() {
        let mut book = Book::new();
        assert_eq!(book.apply(&event(Kind::New, Side::Bid, 100, 5)), Applied::Best);
        assert_eq!(book.apply(&event(Kind::New, Side::Bid, 90, 7)), Applied::Depth);
        assert_eq!(book.apply(&event(Kind::New, Side::Bid, 100, 1)), Applied::Best);
        assert_eq!(book.apply(&event(Kind::New, Side::Ask, 120, 4)), Applied::Best);
        assert_eq!(book.apply(&event(Kind::New, Side::Ask, 110, 3)), Applied::Best);
        assert_eq!(book.apply(&event(Kind::Cancel, Side::Ask, 120, 1)), Applied::Depth);
        assert_eq!(book.best(), Best { bid: level(100, 6), ask: level(110, 3) });
        assert_eq!(book.levels(Side::Bid).collect::<Vec<_>>(), [level(100, 6), level(90, 7)]);
        assert_eq!(book.levels(Side::Ask).collect::<Vec<_>>(), [level(110, 3), level(120, 3)]);
        assert_eq!(book.apply(&event(Kind::Execute, Side::Bid, 100, 6)), Applied::Best);
        assert_eq!(book.apply(&event(Kind::Delete, Side::Ask, 110, 3)), Applied::Best);
        assert_eq!(book.best(), Best { bid: level(90, 7), ask: level(120, 3) });
        assert_eq!(book.unmatched(), 0);
    }

    #[test]
    fn hidden_executions_crosses_and_halts_change_nothing() {
        let mut book = Book::with_levels(&[level(100, 5)], &[level(110, 5)]);
        for kind in [Kind::ExecuteHidden, Kind::Cross, Kind::Halt] {
            assert_eq!(book.apply(&event(kind, Side::Bid, 100, 5)), Applied::Nothing);
        }
        assert_eq!(book.best(), Best { bid: level(100, 5), ask: level(110, 5) });
    }

    #[test]
    fn a_removal_takes_what_is_known_and_is_counted_when_it_asks_for_more() {
        let mut book = Book::with_levels(&[level(100, 5), Level::NO_BID], &[Level::NO_ASK]);
        assert_eq!(book.apply(&event(Kind::Delete, Side::Bid, 99, 1)), Applied::Nothing);
        assert_eq!(book.unmatched(), 1);
        assert_eq!(book.apply(&event(Kind::Execute, Side::Bid, 100, 6)), Applied::Best);
        assert_eq!(book.unmatched(), 2);
        assert_eq!(book.best(), Best { bid: Level::NO_BID, ask: Level::NO_ASK });
    }

    #[test]
    fn levels_beyond_the_near_ones_are_found_too() {
        let levels: Vec<Level> = (1..=100).map(|price| level(price * 10, 1)).collect();
        for side in Side::BOTH {
            let mut book = Book::with_levels(&levels, &levels);
            for price in 1..=100 {
                let _ = book.apply(&event(Kind::New, side, price * 10, 2));
                let _ = book.apply(&event(Kind::New, side, price * 10 + 5, 9));
            }
            let mut found: Vec<Level> = book.levels(side).collect();
            if side == Side::Bid {
                found.reverse();
            }
            let expected: Vec<Level> =
                (1..=100).flat_map(|price| [level(price * 10, 3), level(price * 10 + 5, 9)]).collect();
            assert_eq!(found, expected);
        }
    }
}
