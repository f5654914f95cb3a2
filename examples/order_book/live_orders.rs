//! The orders that the generator has put into one market and not yet taken away.
//!
//! Every choice of the generator takes the same short time, however many orders there are: any live order at random,
//! the oldest order at the best price, and the removal of either. The orders stand side by side in one vector, and
//! each is a link in the queue of its price. A removed order's place is filled by the last one, whose neighbours in
//! its queue are told where it has moved to.

use crate::event::Side;

/// The prices of a market, in ticks from 0. Neither the first nor the last is ever used: they stand for "none".
pub(crate) const TICKS: usize = 2048;

/// The end of a queue.
const NONE: u32 = u32::MAX;

/// An order that can be cancelled, deleted or executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LiveOrder {
    /// The order's number.
    pub(crate) id: i64,
    /// Shares that are left.
    pub(crate) size: u32,
    /// The price.
    pub(crate) tick: u16,
    /// The side.
    pub(crate) side: Side,
    older: u32,
    newer: u32,
}

/// The orders at one price, by their places, from the oldest to the newest.
#[derive(Clone, Copy, Debug)]
struct Queue {
    oldest: u32,
    newest: u32,
}

/// The live orders of one market, whose bids are always below its asks.
#[derive(Clone, Debug)]
pub(crate) struct LiveOrders {
    orders: Vec<LiveOrder>,
    queues: Vec<Queue>,
    /// Orders by side.
    counts: [usize; 2],
    /// The highest tick with a bid, or 0; the lowest with an ask, or the last tick.
    best: [usize; 2],
}

impl LiveOrders {
    pub(crate) fn new() -> Self {
        Self {
            orders: Vec::new(),
            queues: vec![Queue { oldest: NONE, newest: NONE }; TICKS],
            counts: [0; 2],
            best: [0, TICKS - 1],
        }
    }

    /// All live orders.
    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    /// The live orders of one side.
    pub(crate) fn count(&self, side: Side) -> usize {
        self.counts[side as usize]
    }

    /// The best tick of `side`; 0 where there is no bid, the last one where there is no ask.
    pub(crate) fn best(&self, side: Side) -> usize {
        self.best[side as usize]
    }

    /// The order at `place`, which is below [`len`](Self::len).
    pub(crate) fn get(&self, place: usize) -> LiveOrder {
        self.orders[place]
    }

    /// The place of the oldest order at the best price of `side`.
    pub(crate) fn front(&self, side: Side) -> Option<usize> {
        let oldest = self.queues[self.best(side)].oldest;
        (oldest != NONE).then_some(oldest as usize)
    }

    /// Adds an order behind those at its price.
    pub(crate) fn add(&mut self, id: i64, side: Side, tick: usize, size: u32) {
        let place = self.orders.len() as u32;
        let queue = &mut self.queues[tick];
        let older = queue.newest;
        queue.newest = place;
        match older {
            NONE => queue.oldest = place,
            older => self.orders[older as usize].newer = place,
        }
        self.orders.push(LiveOrder { id, size, tick: tick as u16, side, older, newer: NONE });
        self.counts[side as usize] += 1;
        let best = &mut self.best[side as usize];
        *best = match side {
            Side::Bid => tick.max(*best),
            Side::Ask => tick.min(*best),
        };
    }

    /// Takes `size` shares from the order at `place`, and the order itself when none are left.
    pub(crate) fn take(&mut self, place: usize, size: u32) {
        let order = &mut self.orders[place];
        order.size = order.size.saturating_sub(size);
        if order.size == 0 {
            self.remove(place);
        }
    }

    fn remove(&mut self, place: usize) {
        let LiveOrder { tick, side, older, newer, .. } = self.orders[place];
        let tick = usize::from(tick);
        self.link(tick, older, newer);
        self.orders.swap_remove(place);
        if let Some(&moved) = self.orders.get(place) {
            // What pointed to the last place points here now.
            let here = place as u32;
            let moved_tick = usize::from(moved.tick);
            match moved.older {
                NONE => self.queues[moved_tick].oldest = here,
                older => self.orders[older as usize].newer = here,
            }
            match moved.newer {
                NONE => self.queues[moved_tick].newest = here,
                newer => self.orders[newer as usize].older = here,
            }
        }
        self.counts[side as usize] -= 1;
        if tick == self.best(side) && self.queues[tick].oldest == NONE {
            self.best[side as usize] = self.next_best(side, tick);
        }
    }

    /// Makes neighbours of the places `older` and `newer` at `tick`.
    fn link(&mut self, tick: usize, older: u32, newer: u32) {
        match older {
            NONE => self.queues[tick].oldest = newer,
            older => self.orders[older as usize].newer = newer,
        }
        match newer {
            NONE => self.queues[tick].newest = older,
            newer => self.orders[newer as usize].older = older,
        }
    }

    /// The best tick of `side` that is worse than `tick`.
    fn next_best(&self, side: Side, tick: usize) -> usize {
        let taken = |tick: &usize| self.queues[*tick].oldest != NONE;
        match side {
            _ if self.count(side) == 0 => [0, TICKS - 1][side as usize],
            Side::Bid => (0..tick).rev().find(taken).unwrap_or(0),
            Side::Ask => (tick + 1..TICKS).find(taken).unwrap_or(TICKS - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// The same orders, kept plainly.
    type Model = Vec<VecDeque<(i64, u32)>>;

    fn check(orders: &LiveOrders, model: &Model) {
        let queued = |ticks: std::ops::Range<usize>| model[ticks].iter().map(VecDeque::len).sum::<usize>();
        assert_eq!(orders.len(), queued(0..TICKS));
        assert_eq!(orders.count(Side::Bid), queued(0..TICKS / 2));
        assert_eq!(orders.count(Side::Ask), queued(TICKS / 2..TICKS));
        let best_bid = (0..TICKS / 2).rev().find(|&tick| !model[tick].is_empty());
        let best_ask = (TICKS / 2..TICKS).find(|&tick| !model[tick].is_empty());
        for (side, best, none) in [(Side::Bid, best_bid, 0), (Side::Ask, best_ask, TICKS - 1)] {
            assert_eq!(orders.best(side), best.unwrap_or(none));
            let front = orders.front(side).map(|place| orders.get(place)).map(|order| (order.id, order.size));
            assert_eq!(front, best.map(|tick| model[tick][0]));
        }
        for (tick, queue) in model.iter().enumerate() {
            let mut place = orders.queues[tick].oldest;
            for &(id, size) in queue {
                let order = orders.get(place as usize);
                assert_eq!((order.id, order.size, usize::from(order.tick)), (id, size, tick));
                place = order.newer;
            }
            assert_eq!(place, NONE);
        }
    }

    proptest! {
        #[test]
        fn the_queues_hold_what_a_plain_model_holds(
            steps in proptest::collection::vec((any::<bool>(), 1_usize..12, 1_u32..4, any::<u32>()), 1..200),
        ) {
            let (mut orders, mut model): (LiveOrders, Model) = (LiveOrders::new(), vec![VecDeque::new(); TICKS]);
            for (id, (adds, distance, size, draw)) in (1..).zip(steps) {
                if adds || orders.len() == 0 {
                    let side = Side::BOTH[draw as usize % 2];
                    let tick = [TICKS / 2 - distance, TICKS / 2 + distance][side as usize];
                    orders.add(id, side, tick, size);
                    model[tick].push_back((id, size));
                } else {
                    let place = draw as usize % orders.len();
                    let order = orders.get(place);
                    orders.take(place, size);
                    let queue = &mut model[usize::from(order.tick)];
                    let at = queue.iter().position(|&(id, _)| id == order.id).unwrap();
                    queue[at].1 = queue[at].1.saturating_sub(size);
                    queue.retain(|&(_, size)| size > 0);
                }
                check(&orders, &model);
            }
        }
    }
}
