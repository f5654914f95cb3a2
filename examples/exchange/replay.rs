//! The independent replay: plain books, on one thread, made of what the matchers accepted and of nothing else.
//!
//! A plain book shares the words of [`order`](crate::order) with the matchers' and none of their code: its prices are a
//! sorted map of queues, and it looks for an order to cancel through the whole queue.

use std::collections::{BTreeMap, VecDeque};

use crate::book::Queued;
use crate::ledger::Position;
use crate::order::{Action, Level, OrderId, Quote, Request, Side, State, Tape, Tick};

/// An order that rests.
#[derive(Clone, Copy, Debug)]
struct Resting {
    id: OrderId,
    account: u16,
    lots: u32,
}

/// Lots that an account has traded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traded {
    account: u16,
    side: Side,
    lots: u32,
}

/// A book kept plainly.
#[derive(Debug, Default)]
pub(crate) struct PlainBook {
    sides: [BTreeMap<Tick, VecDeque<Resting>>; 2],
    /// Where each resting order is.
    whereabouts: BTreeMap<OrderId, (Side, Tick)>,
    tape: Tape,
}

impl PlainBook {
    /// Does what is requested, writes into `states` how the requests stand, by their numbers, and tells `traded` of both
    /// accounts of each trade.
    pub(crate) fn apply(&mut self, request: &Request, states: &mut [State], mut traded: impl FnMut(Traded)) {
        let (limit, mut left) = match request.action {
            Action::Cancel { order } => return self.cancel(request.id, order, states),
            Action::Limit { lots, tick } | Action::ImmediateOrCancel { lots, tick } => (Some(tick), lots),
            Action::Market { lots } => (None, lots),
        };
        while left > 0 {
            let Some(tick) = self.best(request.side.other()) else { break };
            let is_reached = match (request.side, limit) {
                (_, None) => true,
                (Side::Buy, Some(limit)) => tick <= limit,
                (Side::Sell, Some(limit)) => tick >= limit,
            };
            if !is_reached {
                break;
            }
            let queue = self.sides[request.side.other() as usize].entry(tick).or_default();
            let Some(maker) = queue.front_mut() else { break };
            let lots = left.min(maker.lots);
            left -= lots;
            maker.lots -= lots;
            let maker = *maker;
            self.tape.add(request.id, maker.id, Level { tick, lots });
            traded(Traded { account: request.account, side: request.side, lots });
            traded(Traded { account: maker.account, side: request.side.other(), lots });
            if maker.lots == 0 {
                queue.pop_front();
                self.drop_if_empty(request.side.other(), tick);
                self.whereabouts.remove(&maker.id);
                states[maker.id as usize] = State::Filled;
            }
        }
        states[request.id as usize] = match request.action {
            _ if left == 0 => State::Filled,
            Action::Limit { tick, .. } => {
                let order = Resting { id: request.id, account: request.account, lots: left };
                self.sides[request.side as usize].entry(tick).or_default().push_back(order);
                self.whereabouts.insert(request.id, (request.side, tick));
                State::Resting
            }
            _ => State::Cancelled,
        };
    }

    fn cancel(&mut self, id: OrderId, order: OrderId, states: &mut [State]) {
        let Some((side, tick)) = self.whereabouts.remove(&order) else {
            states[id as usize] = State::TooLate;
            return;
        };
        if let Some(queue) = self.sides[side as usize].get_mut(&tick) {
            queue.retain(|resting| resting.id != order);
        }
        self.drop_if_empty(side, tick);
        (states[id as usize], states[order as usize]) = (State::Done, State::Cancelled);
    }

    fn drop_if_empty(&mut self, side: Side, tick: Tick) {
        if self.sides[side as usize].get(&tick).is_some_and(VecDeque::is_empty) {
            self.sides[side as usize].remove(&tick);
        }
    }

    fn best(&self, side: Side) -> Option<Tick> {
        let prices = &self.sides[side as usize];
        let best = if side == Side::Buy { prices.last_key_value() } else { prices.first_key_value() };
        best.map(|(tick, _)| *tick)
    }

    /// All prices of a side with their orders, the best price first.
    pub(crate) fn side(&self, side: Side) -> Vec<Queued> {
        let orders = |queue: &VecDeque<Resting>| queue.iter().map(|order| (order.id, order.lots)).collect();
        let prices = self.sides[side as usize].iter().map(|(tick, queue)| (*tick, orders(queue)));
        if side == Side::Buy { prices.rev().collect() } else { prices.collect() }
    }

    /// The trades so far.
    pub(crate) fn tape(&self) -> Tape {
        self.tape
    }

    /// The best prices and the last trade.
    pub(crate) fn quote(&self) -> Quote {
        let level = |side: Side| {
            let tick = self.best(side)?;
            let lots = self.sides[side as usize].get(&tick)?.iter().map(|order| order.lots).sum();
            Some(Level { tick, lots })
        };
        Quote { bid: level(Side::Buy), ask: level(Side::Sell), last: self.tape.last }
    }
}

/// What must have come of what the matchers accepted.
#[derive(Debug)]
pub(crate) struct Replay {
    /// How each request stands, by its number; unknown if no matcher accepted it.
    pub(crate) states: Vec<State>,
    /// For each symbol.
    pub(crate) books: Vec<PlainBook>,
    /// For each account, that in each symbol.
    pub(crate) positions: Vec<Position>,
}

impl Replay {
    /// Replays the journals, one of each symbol, of a run of so many requests.
    pub(crate) fn of<'a>(
        requests: usize,
        accounts: u16,
        journals: impl ExactSizeIterator<Item = &'a [Request]>,
    ) -> Self {
        let symbols = journals.len();
        let mut states = vec![State::Unknown; requests];
        let mut positions = vec![Position::default(); usize::from(accounts) * symbols];
        let mut books = Vec::with_capacity(symbols);
        for (symbol, journal) in journals.enumerate() {
            let mut book = PlainBook::default();
            let at = |account: u16| usize::from(account) * symbols + symbol;
            for request in journal {
                book.apply(request, &mut states, |Traded { account, side, lots }| {
                    let lots = i64::from(lots);
                    positions[at(account)].lots += if side == Side::Buy { lots } else { -lots };
                });
            }
            for side in Side::BOTH {
                for order in book.sides[side as usize].values().flatten() {
                    positions[at(order.account)].open[side as usize] += order.lots;
                }
            }
            books.push(book);
        }
        Self { states, books, positions }
    }
}
