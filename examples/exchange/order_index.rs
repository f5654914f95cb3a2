//! Where each resting order is, by its number: a table of fixed size, open addressing with linear probing.
//!
//! A removal moves the entries behind it back (Knuth, volume 3, 6.4, algorithm R), so that there are no gravestones and
//! the table stays as fast as it was on the first day.

use crate::order::OrderId;

/// No order has this number: a run has fewer requests.
const EMPTY: OrderId = OrderId::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry {
    order: OrderId,
    place: u32,
}

/// Finds the place of an order.
#[derive(Debug)]
pub(crate) struct OrderIndex {
    entries: Box<[Entry]>,
    /// 32 less the binary logarithm of the number of entries.
    shift: u32,
}

impl OrderIndex {
    /// An empty table that has room for so many orders, and never gets more than half full of them.
    pub(crate) fn with_capacity(orders: usize) -> Self {
        let entries = (2 * orders).max(2).next_power_of_two();
        let shift = 32 - entries.trailing_zeros();
        Self { entries: vec![Entry { order: EMPTY, place: 0 }; entries].into_boxed_slice(), shift }
    }

    /// The entry of an order.
    #[inline]
    fn find(&self, order: OrderId) -> Option<usize> {
        let mut at = self.home(order);
        while self.entries[at].order != order {
            if self.entries[at].order == EMPTY {
                return None;
            }
            at = self.after(at);
        }
        Some(at)
    }

    /// Adds an order that is not in it. There are fewer than the capacity.
    #[inline]
    pub(crate) fn insert(&mut self, order: OrderId, place: u32) {
        let mut at = self.home(order);
        while self.entries[at].order != EMPTY {
            at = self.after(at);
        }
        self.entries[at] = Entry { order, place };
    }

    /// Takes an order out, and says where it was.
    #[inline]
    pub(crate) fn remove(&mut self, order: OrderId) -> Option<u32> {
        let mut gap = self.find(order)?;
        let place = self.entries[gap].place;
        let mut at = self.after(gap);
        while self.entries[at].order != EMPTY {
            let home = self.home(self.entries[at].order);
            // It may move to the gap unless its home lies behind that, on the way round from the gap to where it is.
            if self.distance(home, at) >= self.distance(gap, at) {
                self.entries[gap] = self.entries[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.entries[gap].order = EMPTY;
        Some(place)
    }

    /// Takes all orders out.
    pub(crate) fn clear(&mut self) {
        self.entries.fill(Entry { order: EMPTY, place: 0 });
    }

    /// Where an order is looked for first: the multiplication spreads numbers that follow each other.
    #[inline]
    fn home(&self, order: OrderId) -> usize {
        (order.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }

    /// How many steps it is from one entry to another.
    #[inline]
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.entries.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const CAPACITY: usize = 16;

    proptest! {
        /// Few numbers and a small table, so that many orders want the same entry.
        #[test]
        fn it_finds_what_a_map_finds(steps in proptest::collection::vec((0_u32..40, any::<u32>()), 1..300)) {
            let (mut index, mut model) = (OrderIndex::with_capacity(CAPACITY), BTreeMap::new());
            for (order, place) in steps {
                if model.contains_key(&order) {
                    prop_assert_eq!(index.remove(order), model.remove(&order));
                } else if model.len() < CAPACITY {
                    index.insert(order, place);
                    model.insert(order, place);
                } else {
                    prop_assert_eq!(index.remove(order), None);
                }
                for order in 0..40 {
                    let found = index.find(order).map(|at| index.entries[at].place);
                    prop_assert_eq!(found, model.get(&order).copied());
                }
            }
            index.clear();
            prop_assert!((0..40).all(|order| index.find(order).is_none()));
        }
    }
}
