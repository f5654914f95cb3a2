//! The limit order book of one symbol, with price-time priority.
//!
//! Each price has a queue of orders, oldest first. Orders are places of one slab, linked to their neighbours in the queue;
//! a bit for each price says whether anything rests there. As bids are below all asks, both sides share the prices.
//!
//! A new order, a trade, and a cancel each take a few loads and stores and no allocation: a cancel finds its order by the
//! [index](OrderIndex), and whoever takes the last order of a best price finds the next one by a scan over words of bits.

use crate::order::{Action, Level, OrderId, Quote, Report, Request, Side, TICKS, Tape, Tick, What};
use crate::order_index::OrderIndex;

/// No order of the slab.
const NONE: u32 = u32::MAX;
/// No price.
const NO_TICK: Tick = Tick::MAX;

/// An order that rests, or a free place.
#[derive(Clone, Copy, Debug)]
struct Resting {
    id: OrderId,
    /// What is left of it; 0 in a free place.
    lots: u32,
    /// The one before it at its price.
    older: u32,
    /// The one behind it at its price; of a free place, the next free one.
    newer: u32,
    account: u16,
    tick: Tick,
    side: Side,
}

/// The queue at one price.
#[derive(Clone, Copy, Debug)]
struct Queue {
    oldest: u32,
    newest: u32,
    lots: u32,
}

const EMPTY: Queue = Queue { oldest: NONE, newest: NONE, lots: 0 };

/// One price with all its orders, oldest first: their numbers and what is left of them.
pub(crate) type Queued = (Tick, Vec<(OrderId, u32)>);

/// A book.
#[derive(Debug)]
pub(crate) struct Book {
    queues: Box<[Queue]>,
    /// A bit for each price at which anything rests.
    taken: [u64; TICKS as usize / 64],
    /// The best price of each side, or [`NO_TICK`].
    best: [Tick; 2],
    slab: Vec<Resting>,
    /// The first free place of the slab.
    free: u32,
    orders: usize,
    capacity: usize,
    index: OrderIndex,
    tape: Tape,
}

impl Book {
    /// An empty book with places for so many orders, all of them allocated now.
    pub(crate) fn with_capacity(orders: usize) -> Self {
        Self {
            queues: vec![EMPTY; usize::from(TICKS)].into_boxed_slice(),
            taken: [0; TICKS as usize / 64],
            best: [NO_TICK; 2],
            slab: Vec::with_capacity(orders),
            free: NONE,
            orders: 0,
            capacity: orders,
            index: OrderIndex::with_capacity(orders),
            tape: Tape::default(),
        }
    }

    /// Whether there is a place for one more order.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.orders < self.capacity
    }

    /// The trades so far.
    pub(crate) fn tape(&self) -> Tape {
        self.tape
    }

    /// The best prices and the last trade.
    #[inline]
    pub(crate) fn quote(&self) -> Quote {
        let [bid, ask] = self.best.map(|tick| {
            let lots = self.queues.get(usize::from(tick))?.lots;
            Some(Level { tick, lots })
        });
        Quote { bid, ask, last: self.tape.last }
    }

    /// Does what is requested, which is valid, and tells what comes of it: a report for each resting order that trades,
    /// oldest first at each price, and the answer last.
    ///
    /// If `tell` panics, the book is of no use any more.
    #[inline]
    pub(crate) fn apply(&mut self, request: &Request, mut tell: impl FnMut(Report)) {
        let (limit, lots, rests) = match request.action {
            Action::Limit { lots, tick } => (tick, lots, true),
            Action::ImmediateOrCancel { lots, tick } => (tick, lots, false),
            Action::Market { lots } => ([TICKS, 0][request.side as usize], lots, false),
            Action::Cancel { order } => return tell(self.cancel(request, order)),
        };
        let mut answer = Report::without_trade(request, What::Filled);
        answer.released = 0;
        let left = self.trade(request, limit, lots, &mut answer, &mut tell);
        if left > 0 && rests {
            self.rest(request, limit, left);
            answer.what = What::Resting;
        } else if left > 0 {
            answer.released = left;
            answer.what = What::Ended;
        }
        answer.filled = lots - left;
        tell(answer);
    }

    /// Trades an order with those that it reaches. Returns how many of its lots are left.
    #[inline]
    fn trade(
        &mut self,
        taker: &Request,
        limit: Tick,
        lots: u32,
        answer: &mut Report,
        tell: &mut impl FnMut(Report),
    ) -> u32 {
        let makers = taker.side.other();
        let mut left = lots;
        while left > 0 {
            let tick = self.best[makers as usize];
            if tick == NO_TICK || !taker.side.reaches(limit, tick) {
                break;
            }
            let place = self.queues[usize::from(tick)].oldest;
            let maker = &mut self.slab[place as usize];
            let traded = left.min(maker.lots);
            left -= traded;
            maker.lots -= traded;
            self.queues[usize::from(tick)].lots -= traded;
            self.tape.add(taker.id, maker.id, Level { tick, lots: traded });
            answer.tick = tick;
            let maker = *maker;
            let mut what = What::Traded;
            if maker.lots == 0 {
                what = What::TradedLast;
                self.index.remove(maker.id);
                self.take_out(place);
            }
            tell(Report {
                due_ns: taker.due_ns,
                order: maker.id,
                request: maker.id,
                filled: traded,
                released: 0,
                tick,
                account: maker.account,
                symbol: taker.symbol,
                side: makers,
                what,
            });
        }
        left
    }

    /// Puts what is left of an order behind those at its price.
    fn rest(&mut self, request: &Request, tick: Tick, lots: u32) {
        let Request { id, account, side, .. } = *request;
        let queue = &mut self.queues[usize::from(tick)];
        let order = Resting { id, lots, older: queue.newest, newer: NONE, account, tick, side };
        let place = match self.free {
            NONE => {
                self.slab.push(order);
                self.slab.len() as u32 - 1
            }
            place => {
                self.free = self.slab[place as usize].newer;
                self.slab[place as usize] = order;
                place
            }
        };
        match queue.newest {
            NONE => queue.oldest = place,
            older => self.slab[older as usize].newer = place,
        }
        queue.newest = place;
        queue.lots += lots;
        self.taken[usize::from(tick / 64)] |= 1 << (tick % 64);
        let best = &mut self.best[side as usize];
        if *best == NO_TICK || side.reaches(tick, *best) {
            *best = tick;
        }
        self.index.insert(id, place);
        self.orders += 1;
    }

    /// Takes back what is left of an order.
    fn cancel(&mut self, request: &Request, order: OrderId) -> Report {
        let Some(place) = self.index.remove(order) else {
            return Report::without_trade(request, What::TooLate);
        };
        let Resting { lots, tick, account, side, .. } = self.slab[place as usize];
        self.queues[usize::from(tick)].lots -= lots;
        self.take_out(place);
        Report { released: lots, account, side, ..Report::without_trade(request, What::Cancelled) }
    }

    /// Takes an order out of its queue, and gives its place back. Its lots are off the queue's, and it is off the index.
    fn take_out(&mut self, place: u32) {
        let Resting { older, newer, tick, side, .. } = self.slab[place as usize];
        let queue = &mut self.queues[usize::from(tick)];
        match older {
            NONE => queue.oldest = newer,
            older => self.slab[older as usize].newer = newer,
        }
        match newer {
            NONE => queue.newest = older,
            newer => self.slab[newer as usize].older = older,
        }
        let is_empty = queue.oldest == NONE;
        let free = &mut self.slab[place as usize];
        free.lots = 0;
        free.newer = self.free;
        self.free = place;
        self.orders -= 1;
        if is_empty {
            self.taken[usize::from(tick / 64)] &= !(1 << (tick % 64));
            if self.best[side as usize] == tick {
                self.best[side as usize] = self.next_best(side, tick);
            }
        }
    }

    /// The best price of a side that is worse than `tick`, at which nothing rests.
    fn next_best(&self, side: Side, tick: Tick) -> Tick {
        let (word, bit) = (usize::from(tick / 64), u32::from(tick % 64));
        let at = |word: usize, bit: u32| word as Tick * 64 + bit as Tick;
        let found = match side {
            Side::Buy => {
                let below = self.taken[word] & ((1 << bit) - 1);
                let words = std::iter::once((word, below)).chain((0..word).rev().map(|word| (word, self.taken[word])));
                words.into_iter().find(|(_, bits)| *bits != 0).map(|(word, bits)| at(word, 63 - bits.leading_zeros()))
            }
            Side::Sell => {
                let above = self.taken[word] & !((2_u64 << bit).wrapping_sub(1));
                let words = (word + 1..self.taken.len()).map(|word| (word, self.taken[word]));
                let mut words = std::iter::once((word, above)).chain(words);
                words.find(|(_, bits)| *bits != 0).map(|(word, bits)| at(word, bits.trailing_zeros()))
            }
        };
        found.unwrap_or(NO_TICK)
    }

    /// All prices of a side with their orders, the best price first.
    pub(crate) fn side(&self, side: Side) -> Vec<Queued> {
        let mut prices = Vec::new();
        let mut tick = self.best[side as usize];
        while tick != NO_TICK {
            let mut orders = Vec::new();
            let mut place = self.queues[usize::from(tick)].oldest;
            while let Some(order) = self.slab.get(place as usize) {
                orders.push((order.id, order.lots));
                place = order.newer;
            }
            prices.push((tick, orders));
            tick = self.next_best(side, tick);
        }
        prices
    }

    /// Becomes a copy of another book with the same capacity, without an allocation. The index is left as it is: call
    /// [`find_again`](Self::find_again) before the book is used.
    pub(crate) fn copy_without_index(&mut self, other: &Self) {
        self.queues.copy_from_slice(&other.queues);
        self.slab.clear();
        self.slab.extend_from_slice(&other.slab);
        (self.taken, self.best, self.tape) = (other.taken, other.best, other.tape);
        (self.free, self.orders, self.capacity) = (other.free, other.orders, other.capacity);
    }

    /// Makes the index anew from the orders.
    pub(crate) fn find_again(&mut self) {
        self.index.clear();
        for (place, order) in (0..).zip(&self.slab).filter(|(_, order)| order.lots > 0) {
            self.index.insert(order.id, place);
        }
    }
}

#[cfg(test)]
mod tests;
