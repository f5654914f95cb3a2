//! Risk: an actor between the gateways and the matchers, past which no order and no report goes.
//!
//! An order is let through if its account has room for it, and its lots are open from then on; a report closes them
//! before the trader is told, so whoever has got an answer has the room of it.
//!
//! Its ledger outlives its panics, as it is changed in one step that cannot fail. What was in hand at a panic says which
//! side of that step it was on. An order that was before it is a dead letter, and its gateway is told; whatever was
//! behind it goes on. A report is a fact: one that was before the step is applied by whoever is started next.

use hippodrome::{Actor, ActorRef, Context};
use hippodrome_examples::Lease;

use crate::gateway::GatewayMsg;
use crate::kill::{Kills, Moment, kill_at};
use crate::ledger::Ledger;
use crate::order::{OrderId, Reason, Report, Request, What};
use crate::supervisor::Children;

/// What risk understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RiskMsg {
    /// From a gateway.
    Request(Request),
    /// From a matcher.
    Report(Report),
}

const _: () = assert!(size_of::<RiskMsg>() <= 40, "it fits a cache line of a lane, with its header");

/// Whom risk tells.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) gateways: Vec<ActorRef<GatewayMsg>>,
    /// For each symbol.
    pub(crate) matchers: Vec<ActorRef<Request>>,
}

impl Routes {
    fn gateway_of(&self, request: OrderId) -> ActorRef<GatewayMsg> {
        self.gateways[request as usize % self.gateways.len()]
    }
}

/// Whether a message goes on.
type Decision = Result<(), Reason>;

/// What of risk outlives its panics.
#[derive(Debug)]
pub(crate) struct Kept {
    ledger: Ledger,
    /// The message that is being handled.
    in_hand: Option<RiskMsg>,
    /// What was decided of it: then the ledger has it.
    decision: Option<Decision>,
    /// Messages that have come.
    handled: u64,
    kills: Kills,
    recovered: u64,
    lost: u64,
}

impl Kept {
    pub(crate) fn new(ledger: Ledger, kills: Kills) -> Self {
        Self { ledger, in_hand: None, decision: None, handled: 0, kills, recovered: 0, lost: 0 }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills.done()
    }

    pub(crate) fn recovered(&self) -> u64 {
        self.recovered
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Changes the ledger as the message says, and notes that.
    #[inline]
    fn decide(&mut self, message: &RiskMsg) -> Decision {
        let decision = match message {
            RiskMsg::Request(request) => self.ledger.open(request),
            RiskMsg::Report(report) => {
                self.ledger.close(report);
                Ok(())
            }
        };
        self.decision = Some(decision);
        decision
    }
}

/// The actor.
pub(crate) struct Risk {
    kept: Lease<Kept>,
    children: Children,
    /// Known from the first message on: by then everybody was spawned.
    routes: Option<Routes>,
}

impl Risk {
    pub(crate) fn new(kept: Lease<Kept>, children: Children) -> Self {
        Self { kept, children, routes: None }
    }

    /// Sends a message on to whom the decision says, after which it is out of hand.
    #[inline]
    fn send_on(&mut self, message: RiskMsg, decision: Decision, ctx: &mut Context<'_, RiskMsg>) {
        let routes = self.routes.get_or_insert_with(|| self.children.routes());
        match (message, decision) {
            (RiskMsg::Request(request), Ok(())) => {
                ctx.tell(routes.matchers[usize::from(request.symbol)], request);
            }
            (RiskMsg::Request(request), Err(reason)) => {
                let report = Report::without_trade(&request, What::Rejected(reason));
                ctx.tell(routes.gateway_of(request.id), GatewayMsg::Report(report));
            }
            (RiskMsg::Report(report), _) => ctx.tell(routes.gateway_of(report.request), GatewayMsg::Report(report)),
        }
        (self.kept.in_hand, self.kept.decision) = (None, None);
    }

    /// An order that was in hand and not decided on is lost: its trader is told that.
    fn lose(&mut self, request: &Request, ctx: &mut Context<'_, RiskMsg>) {
        let routes = self.routes.get_or_insert_with(|| self.children.routes());
        let report = Report::without_trade(request, What::Lost);
        ctx.tell(routes.gateway_of(request.id), GatewayMsg::Report(report));
        self.kept.in_hand = None;
        self.kept.lost += 1;
    }
}

impl Actor for Risk {
    type Msg = RiskMsg;

    fn started(&mut self, ctx: &mut Context<'_, RiskMsg>) {
        let kept = &mut *self.kept;
        let Some(message) = kept.in_hand else { return };
        let decision = match (message, kept.decision) {
            (RiskMsg::Request(request), None) => return self.lose(&request, ctx),
            (_, Some(decision)) => decision,
            (_, None) => kept.decide(&message),
        };
        kept.recovered += 1;
        self.send_on(message, decision, ctx);
    }

    #[inline]
    fn handle(&mut self, message: RiskMsg, ctx: &mut Context<'_, RiskMsg>) {
        let kept = &mut *self.kept;
        let kill = kept.kills.at(kept.handled);
        kept.handled += 1;
        kept.in_hand = Some(message);
        kill_at(Moment::Before, kill);
        let decision = kept.decide(&message);
        kill_at(Moment::After, kill);
        self.send_on(message, decision, ctx);
    }
}
