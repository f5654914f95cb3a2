//! A gateway: the sessions of some traders. It lets valid requests through, knows how each of them stands, and takes down
//! how long each answer took.

use hdrhistogram::Histogram;
use hippodrome::{Actor, ActorRef, Context};
use hippodrome_examples::Lease;
use hippodrome_perf_kit::open_loop::{Length, Recorder};

use crate::order::{Action, MAX_LOTS, OrderId, Reason, Report, Request, State, TICKS, What};
use crate::risk::RiskMsg;
use crate::traders::TradersMsg;

/// So many answers are told to the traders at once, or as many as there are when others have their turn.
const PORTION: u32 = 16;

/// What a gateway understands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GatewayMsg {
    /// Traders who want to be told of answers.
    LogOn(ActorRef<TradersMsg>),
    /// From a trader.
    Request(Request),
    /// From risk.
    Report(Report),
}

const _: () = assert!(size_of::<GatewayMsg>() <= 40, "it fits a cache line of a lane, with its header");

/// What requests may be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Market {
    pub(crate) symbols: u16,
    pub(crate) accounts: u16,
}

impl Market {
    /// Whether there is such a symbol, account, price and number of lots.
    #[inline]
    fn allows(self, request: &Request) -> bool {
        let may_be = match request.action {
            Action::Limit { lots, tick } | Action::ImmediateOrCancel { lots, tick } => {
                (1..=MAX_LOTS).contains(&lots) && tick < TICKS
            }
            Action::Market { lots } => (1..=MAX_LOTS).contains(&lots),
            Action::Cancel { .. } => true,
        };
        may_be && request.symbol < self.symbols && request.account < self.accounts
    }
}

/// What of a gateway outlives its panics.
#[derive(Debug)]
pub(crate) struct Kept {
    /// How each of its requests stands: with four gateways, it has every fourth request of all.
    states: Vec<State>,
    recorder: Recorder<Histogram<u64>>,
    traders: Option<ActorRef<TradersMsg>>,
    /// Answers that the traders have not been told of.
    untold: u32,
}

impl Kept {
    /// A gateway that will have so many requests.
    pub(crate) fn new(requests: usize, length: Length) -> Self {
        Self { states: vec![State::Unknown; requests], recorder: Recorder::new(length), traders: None, untold: 0 }
    }

    /// How its requests stand.
    pub(crate) fn states(&self) -> &[State] {
        &self.states
    }

    /// The latencies of the answers in nanoseconds by seconds, after those of the warm-up.
    pub(crate) fn latencies_ns(&self) -> &[Histogram<u64>] {
        self.recorder.intervals()
    }
}

/// The actor.
pub(crate) struct Gateway {
    kept: Lease<Kept>,
    /// How many gateways there are.
    gateways: u32,
    market: Market,
    risk: ActorRef<RiskMsg>,
}

impl Gateway {
    pub(crate) fn new(kept: Lease<Kept>, (gateways, market): (u32, Market), risk: ActorRef<RiskMsg>) -> Self {
        Self { kept, gateways, market, risk }
    }

    #[inline]
    fn request(&mut self, request: Request, ctx: &mut Context<'_, GatewayMsg>) {
        self.kept.states[(request.id / self.gateways) as usize] = State::Sent;
        if self.market.allows(&request) {
            ctx.tell(self.risk, RiskMsg::Request(request));
        } else {
            self.report(&Report::without_trade(&request, What::Rejected(Reason::Invalid)), ctx);
        }
    }

    #[inline]
    fn report(&mut self, report: &Report, ctx: &mut Context<'_, GatewayMsg>) {
        let gateways = self.gateways;
        let kept = &mut *self.kept;
        note(&mut kept.states, report, |order| (order / gateways) as usize);
        if report.what.is_answer() {
            let latency_ns = ctx.now_ns().saturating_sub(report.due_ns);
            kept.recorder.due_at(report.due_ns).saturating_record(latency_ns);
            kept.untold += 1;
        }
    }
}

/// Notes what a report says of the state of its order and of its request. `place` says where these are.
#[inline]
pub(crate) fn note(states: &mut [State], report: &Report, place: impl Fn(OrderId) -> usize) {
    let (request, order) = (place(report.request), place(report.order));
    match report.what {
        What::Traded => {}
        What::TradedLast | What::Filled => states[order] = State::Filled,
        What::Resting => states[order] = State::Resting,
        What::Ended => states[order] = State::Cancelled,
        What::Cancelled => (states[order], states[request]) = (State::Cancelled, State::Done),
        What::TooLate => states[request] = State::TooLate,
        What::Rejected(_) => states[request] = State::Rejected,
        What::Lost => states[request] = State::DeadLetter,
    }
}

impl Actor for Gateway {
    type Msg = GatewayMsg;

    #[inline]
    fn handle(&mut self, message: GatewayMsg, ctx: &mut Context<'_, GatewayMsg>) {
        match message {
            GatewayMsg::LogOn(traders) => self.kept.traders = Some(traders),
            GatewayMsg::Request(request) => self.request(request, ctx),
            GatewayMsg::Report(report) => self.report(&report, ctx),
        }
        let kept = &mut *self.kept;
        if let Some(traders) = kept.traders
            && (kept.untold >= PORTION || kept.untold > 0 && ctx.end_of_batch())
        {
            ctx.tell(traders, TradersMsg::Answered(std::mem::take(&mut kept.untold)));
        }
    }
}
