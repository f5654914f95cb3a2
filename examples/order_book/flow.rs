//! A seeded flow of orders in the form of LOBSTER's messages.
//!
//! Each symbol is a market around an anchor price that wanders up and down between two bounds. New orders come on
//! either side of the anchor, many near it and few far away, and never cross; orders are cancelled in part, deleted,
//! and executed, always the oldest at the best price and on the side that the anchor has moved into. Hidden
//! executions, crosses and halts come in between. Every event that names an order names a live one and takes no more
//! than it has, so an independent book can follow every order from its beginning.
//!
//! All of it is whole numbers from one [`SplitMix64`], so a seed gives the same events on every machine.

use crate::event::{END_OF_DAY_NS, Event, Kind, NANOSECONDS_A_SECOND, Side};
use crate::live_orders::{LiveOrders, TICKS};
use hippodrome_examples::SplitMix64;

/// Half past nine, when trading begins, in nanoseconds after midnight.
const OPENING_NS: u64 = 34_200 * NANOSECONDS_A_SECOND;
/// The flow is spread over less than the day's six and a half hours.
const SPAN_NS: u64 = 23_000 * NANOSECONDS_A_SECOND;
/// A short flow is no slower than this on average.
const MAX_MEAN_GAP_NS: u64 = 20_000_000;

/// A cent, in dollars times 10,000.
const TICK_PRICE: i64 = 100;
/// The lowest tick of the first symbol in cents; each symbol's is a dollar higher than that of the one before.
const BASE_TICKS: i64 = 5_000;
/// The anchor stays within these ticks, so that orders at [`MAX_DISTANCE`] still have a tick.
const ANCHOR_TICKS: std::ops::RangeInclusive<usize> = 512..=TICKS - 512;
/// The farthest from the anchor that an order is put, in ticks.
const MAX_DISTANCE: usize = 400;
/// The anchor moves by a tick once in so many events.
const ANCHOR_MOVES_ONE_IN: u64 = 24;

/// A side with fewer orders gets a new one before anything else happens.
const FEWEST_ORDERS: usize = 16;
/// The number of live orders that a market returns to.
const USUAL_ORDERS: usize = 600;

/// The weights of events out of 65,536. The rest are deletions.
const WEIGHTS: u64 = 1 << 16;
const HALT_WEIGHT: u64 = 1;
const CROSS_WEIGHT: u64 = 1;
const HIDDEN_WEIGHT: u64 = 1_600;
const EXECUTE_WEIGHT: u64 = 4_600;
const CANCEL_WEIGHT: u64 = 2_600;
/// New orders while there are fewer than usual.
const NEW_WEIGHT_BELOW: u64 = 34_000;
/// New orders while there are more than usual.
const NEW_WEIGHT_ABOVE: u64 = 28_000;

/// What a flow follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How many events.
    pub(crate) events: u64,
    /// Any number.
    pub(crate) seed: u64,
    /// How many symbols, at least one.
    pub(crate) symbols: u16,
}

/// The events of a flow, one after the other.
#[derive(Debug)]
pub(crate) struct Flow {
    random: SplitMix64,
    markets: Vec<Market>,
    left: u64,
    time_ns: u64,
    mean_gap_ns: u64,
    /// The number of the last new order; they are counted over all symbols.
    last_order: i64,
}

/// One symbol.
#[derive(Debug)]
struct Market {
    orders: LiveOrders,
    anchor: usize,
    base_ticks: i64,
    /// The state of a halt that comes next: 0 quotes resume, 1 trading resumes.
    resuming: Option<i64>,
}

impl Flow {
    /// The flow of these settings from its first event.
    pub(crate) fn new(settings: Settings) -> Self {
        let market = |symbol| Market {
            orders: LiveOrders::new(),
            anchor: TICKS / 2,
            base_ticks: BASE_TICKS + 100 * i64::from(symbol),
            resuming: None,
        };
        Self {
            random: SplitMix64::new(settings.seed),
            markets: (0..settings.symbols).map(market).collect(),
            left: settings.events,
            time_ns: OPENING_NS,
            mean_gap_ns: (SPAN_NS / settings.events.max(1)).min(MAX_MEAN_GAP_NS),
            last_order: 0,
        }
    }
}

impl Iterator for Flow {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.left = self.left.checked_sub(1)?;
        let gap_ns = self.random.exponential(self.mean_gap_ns);
        self.time_ns = (self.time_ns + gap_ns).min(END_OF_DAY_NS - 1);
        let symbol = self.random.below(self.markets.len() as u64) as u16;
        let market = self.markets.get_mut(usize::from(symbol))?;
        let mut event = market.next(&mut self.random, self.last_order + 1);
        if event.kind == Kind::New {
            self.last_order += 1;
        }
        event.time_ns = self.time_ns;
        event.symbol = symbol;
        Some(event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl Market {
    /// The next event, without its time and symbol; a new order has the number `id`.
    fn next(&mut self, random: &mut SplitMix64, id: i64) -> Event {
        self.move_anchor(random);
        if let Some(state) = self.resuming {
            self.resuming = (state == 0).then_some(1);
            return halt(state);
        }
        for side in Side::BOTH {
            if self.orders.count(side) < FEWEST_ORDERS {
                return self.add(random, id, side);
            }
        }
        let new_weight = if self.orders.len() < USUAL_ORDERS { NEW_WEIGHT_BELOW } else { NEW_WEIGHT_ABOVE };
        let mut draw = random.below(WEIGHTS);
        let mut falls_to = |weight| {
            let falls = draw < weight;
            draw = draw.saturating_sub(weight);
            falls
        };
        if falls_to(HALT_WEIGHT) {
            self.resuming = Some(0);
            halt(-1)
        } else if falls_to(CROSS_WEIGHT) {
            self.print(random, Kind::Cross, -3)
        } else if falls_to(HIDDEN_WEIGHT) {
            self.print(random, Kind::ExecuteHidden, 0)
        } else if falls_to(EXECUTE_WEIGHT) {
            self.execute(random)
        } else if falls_to(CANCEL_WEIGHT) {
            self.cancel(random)
        } else if falls_to(new_weight) {
            let side = Side::BOTH[random.below(2) as usize];
            self.add(random, id, side)
        } else {
            let place = random.below(self.orders.len() as u64) as usize;
            let whole = self.orders.get(place).size;
            self.take(place, Kind::Delete, whole)
        }
    }

    fn move_anchor(&mut self, random: &mut SplitMix64) {
        if !random.one_in(ANCHOR_MOVES_ONE_IN) {
            return;
        }
        let moved = if random.one_in(2) { self.anchor + 1 } else { self.anchor - 1 };
        if ANCHOR_TICKS.contains(&moved) {
            self.anchor = moved;
        }
    }

    /// A new order at the anchor or behind it, and never across the other side.
    fn add(&mut self, random: &mut SplitMix64, id: i64, side: Side) -> Event {
        // Each next doubling of the distance is half as likely as the one before.
        let doublings = random.next().trailing_zeros().min(8);
        let distance = (random.below(4 << doublings) as usize).min(MAX_DISTANCE);
        let tick = match side {
            Side::Bid => (self.anchor - distance).min(self.orders.best(Side::Ask) - 1),
            Side::Ask => (self.anchor + 1 + distance).max(self.orders.best(Side::Bid) + 1),
        };
        let size = order_size(random);
        self.orders.add(id, side, tick, size);
        let price = self.price(tick);
        Event { time_ns: 0, order: id, price, size, symbol: 0, kind: Kind::New, side }
    }

    /// The oldest order at the best price of the side that the anchor has moved into, in part or whole.
    fn execute(&mut self, random: &mut SplitMix64) -> Event {
        let side = if self.anchor < self.orders.best(Side::Bid) {
            Side::Bid
        } else if self.anchor >= self.orders.best(Side::Ask) {
            Side::Ask
        } else {
            Side::BOTH[random.below(2) as usize]
        };
        let place = self.orders.front(side).unwrap_or(0);
        let whole = self.orders.get(place).size;
        let size = if random.one_in(2) { whole } else { 1 + random.below(u64::from(whole)) as u32 };
        self.take(place, Kind::Execute, size)
    }

    /// Less than all of any order; an order of one share is deleted.
    fn cancel(&mut self, random: &mut SplitMix64) -> Event {
        let place = random.below(self.orders.len() as u64) as usize;
        match self.orders.get(place).size {
            1 => self.take(place, Kind::Delete, 1),
            whole => {
                let size = 1 + random.below(u64::from(whole - 1)) as u32;
                self.take(place, Kind::Cancel, size)
            }
        }
    }

    /// Takes `size` shares from the order at `place`.
    fn take(&mut self, place: usize, kind: Kind, size: u32) -> Event {
        let order = self.orders.get(place);
        self.orders.take(place, size);
        let price = self.price(usize::from(order.tick));
        Event { time_ns: 0, order: order.id, price, size, symbol: 0, kind, side: order.side }
    }

    /// A trade within the spread that the visible book does not see.
    fn print(&mut self, random: &mut SplitMix64, kind: Kind, order: i64) -> Event {
        let (bid, ask) = (self.orders.best(Side::Bid), self.orders.best(Side::Ask));
        let price = self.price(bid + random.below((ask - bid + 1) as u64) as usize);
        let side = Side::BOTH[random.below(2) as usize];
        Event { time_ns: 0, order, price, size: order_size(random), symbol: 0, kind, side }
    }

    fn price(&self, tick: usize) -> i64 {
        (self.base_ticks + tick as i64) * TICK_PRICE
    }
}

/// A halt, or the end of one.
const fn halt(state: i64) -> Event {
    Event { time_ns: 0, order: 0, price: state, size: 0, symbol: 0, kind: Kind::Halt, side: Side::Ask }
}

/// Mostly round lots of a hundred, else fewer shares.
fn order_size(random: &mut SplitMix64) -> u32 {
    let size = if random.below(8) < 5 { 100 * (1 + random.below(5)) } else { 1 + random.below(99) };
    size as u32
}

#[cfg(test)]
mod tests;
