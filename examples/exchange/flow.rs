//! A seeded flow of requests, as of many traders: orders around a price that wanders, and cancels of earlier ones.
//!
//! It knows nothing of what becomes of its requests. So some cancels come too late, some orders are beyond a limit, and one
//! request in a thousand makes no sense.

use hippodrome_examples::SplitMix64;

use crate::order::{Action, MAX_LOTS, OrderId, Request, Side, TICKS, Tick};

/// The most orders of one gateway that the flow has not cancelled.
pub(crate) const OPEN_ORDERS: usize = 1024;
/// One request in so many makes no sense.
const NONSENSE_ONE_IN: u64 = 1_000;
/// The price of a symbol wanders a tick in so many of its orders.
const STEP_ONE_IN: u64 = 16;
/// The most lots of nearly all orders.
const USUAL_LOTS: u64 = 100;
/// How near the price comes to the ends.
const MARGIN: Tick = 128;

/// What a flow follows from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) requests: u32,
    pub(crate) symbols: u16,
    pub(crate) accounts: u16,
    pub(crate) gateways: u16,
    pub(crate) seed: u64,
}

/// An order that may be cancelled.
#[derive(Clone, Copy, Debug)]
struct Sent {
    id: OrderId,
    account: u16,
    symbol: u16,
    side: Side,
}

/// The flow: its requests have their numbers, and are due at 0.
#[derive(Debug)]
pub(crate) struct Flow {
    settings: Settings,
    random: SplitMix64,
    /// Around which price each symbol trades.
    middles: Vec<Tick>,
    /// For each gateway, the limit orders that were not cancelled.
    sent: Vec<Vec<Sent>>,
    next: OrderId,
}

impl Flow {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            random: SplitMix64::new(settings.seed),
            middles: vec![TICKS / 2; usize::from(settings.symbols)],
            sent: (0..settings.gateways).map(|_| Vec::with_capacity(OPEN_ORDERS)).collect(),
            next: 0,
        }
    }

    /// The gateway of a request.
    pub(crate) fn gateway_of(&self, request: OrderId) -> usize {
        request as usize % self.sent.len()
    }

    /// Cancels one of the gateway's orders.
    fn cancel(&mut self, id: OrderId, gateway: usize) -> Request {
        let sent = &mut self.sent[gateway];
        let which = self.random.below(sent.len() as u64) as usize;
        let Sent { id: order, account, symbol, side } = sent.swap_remove(which);
        Request { due_ns: 0, id, action: Action::Cancel { order }, account, symbol, side }
    }

    /// A new order, through the gateway.
    fn order(&mut self, id: OrderId, gateway: usize) -> Request {
        let random = &mut self.random;
        let Settings { symbols, accounts, gateways, .. } = self.settings;
        let symbol = random.below(u64::from(symbols)) as u16;
        // Each account has its gateway.
        let of_gateway = (accounts - gateway as u16).div_ceil(gateways);
        let account = gateway as u16 + gateways * random.below(u64::from(of_gateway)) as u16;
        let middle = &mut self.middles[usize::from(symbol)];
        if random.one_in(STEP_ONE_IN) {
            let step = if random.one_in(2) { 1 } else { -1 };
            *middle = middle.saturating_add_signed(step).clamp(MARGIN, TICKS - MARGIN);
        }
        let side = Side::BOTH[random.below(2) as usize];
        let mut lots = 1 + random.below(USUAL_LOTS) as u32;
        // Near the middle on the order's own side; one in eight reaches beyond it.
        let away = random.below(16).min(random.below(16)) as i16 + 1;
        let away = if random.one_in(8) { -away / 2 } else { away };
        let mut tick = middle.saturating_add_signed([-away, away][side as usize]);
        if random.one_in(NONSENSE_ONE_IN) {
            (lots, tick) = if random.one_in(2) { (0, tick) } else { (MAX_LOTS + 1, TICKS) };
        }
        let action = match random.below(16) {
            0 => Action::Market { lots },
            1 => Action::ImmediateOrCancel { lots, tick },
            _ => {
                self.sent[gateway].push(Sent { id, account, symbol, side });
                Action::Limit { lots, tick }
            }
        };
        Request { due_ns: 0, id, action, account, symbol, side }
    }
}

impl Iterator for Flow {
    type Item = Request;

    #[inline]
    fn next(&mut self) -> Option<Request> {
        if self.next >= self.settings.requests {
            return None;
        }
        let (id, gateway) = (self.next, self.gateway_of(self.next));
        self.next += 1;
        let open = self.sent[gateway].len();
        let cancels = open == OPEN_ORDERS || open > 0 && self.random.below(100) < 46;
        Some(if cancels { self.cancel(id, gateway) } else { self.order(id, gateway) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { requests: 50_000, symbols: 3, accounts: 10, gateways: 4, seed: 7 };

    #[test]
    fn a_flow_follows_from_its_seed() {
        let all: Vec<Request> = Flow::new(SETTINGS).collect();
        assert_eq!(all.len(), 50_000);
        assert!(Flow::new(SETTINGS).eq(all.iter().copied()));
        assert!(!Flow::new(Settings { seed: 8, ..SETTINGS }).eq(all));
    }

    #[test]
    fn requests_come_from_the_accounts_of_their_gateway_and_cancels_are_of_its_orders() {
        let all: Vec<Request> = Flow::new(SETTINGS).collect();
        let mut kinds = [0; 4];
        for (n, request) in all.iter().enumerate() {
            assert_eq!(request.id as usize, n);
            assert_eq!(request.account % 4, request.id as u16 % 4);
            assert!(request.account < 10 && request.symbol < 3);
            let kind = match request.action {
                Action::Limit { .. } => 0,
                Action::ImmediateOrCancel { .. } => 1,
                Action::Market { .. } => 2,
                Action::Cancel { order } => {
                    let cancelled = &all[order as usize];
                    assert!(order < request.id && order % 4 == request.id % 4);
                    assert_eq!(
                        (cancelled.account, cancelled.symbol, cancelled.side),
                        (request.account, request.symbol, request.side)
                    );
                    3
                }
            };
            kinds[kind] += 1;
        }
        assert!(kinds.iter().all(|count| *count > 500), "{kinds:?}");
    }
}
