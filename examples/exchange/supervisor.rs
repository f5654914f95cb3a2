//! The tree: a supervisor of all other actors, which starts them in order, each when those before it are up, and gives
//! those that panic another life.
//!
//! It is one-for-one: nobody's state hangs on another's life, as each keeps for itself what it must not lose, and a child
//! keeps its address through all its lives.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use hippodrome::{ActorRef, On};
use hippodrome_examples::Home;
use hippodrome_toolkit::latest::{Board, Notice};
use hippodrome_toolkit::supervision::{ChildRef, ChildSpec, Strategy, Supervisor};

use crate::flow::{Flow, Settings};
use crate::gateway::{self, Gateway, GatewayMsg, Market};
use crate::market_data::{self, MarketData};
use crate::matcher::{self, Matcher};
use crate::order::{Quote, Request};
use crate::risk::{self, Risk, RiskMsg, Routes};
use crate::traders::{Ended, Pace, Traders};

/// Restarts beyond those that were asked for, before a defect is taken for one.
const UNFORESEEN_RESTARTS: u32 = 3;
/// In what time.
const RESTARTS_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What the actors keep, beside their factories.
#[derive(Clone, Debug)]
pub(crate) struct Homes {
    pub(crate) gateways: Vec<Home<gateway::Kept>>,
    pub(crate) risk: Home<risk::Kept>,
    pub(crate) matchers: Vec<Home<matcher::Kept>>,
    pub(crate) market: Home<market_data::Kept>,
    /// What market data reads.
    pub(crate) board: Arc<Board<Quote>>,
}

/// Which actors there are to be.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) settings: Settings,
    pub(crate) pace: Pace,
    pub(crate) kills: u32,
    /// How many workers there are.
    pub(crate) workers: usize,
    pub(crate) homes: Homes,
    /// Where others see how many requests were answered.
    pub(crate) progress: Arc<AtomicU64>,
    /// Whom the traders tell that all were.
    pub(crate) ended: mpsc::Sender<Ended>,
}

/// The addresses of the children, known when they are spawned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Children {
    market: ChildRef<Notice>,
    risk: ChildRef<RiskMsg>,
    /// For each symbol.
    matchers: Vec<ChildRef<Request>>,
    gateways: Vec<ChildRef<GatewayMsg>>,
}

impl Children {
    /// Whom risk tells, once all of them are spawned.
    pub(crate) fn routes(&self) -> Routes {
        Routes { gateways: self.gateways(), matchers: self.matchers.iter().map(address).collect() }
    }

    fn gateways(&self) -> Vec<ActorRef<GatewayMsg>> {
        self.gateways.iter().map(address).collect()
    }
}

/// The address of a child that was started before the one that asks, or before the first request.
fn address<M>(child: &ChildRef<M>) -> ActorRef<M> {
    child.get().expect("children are started in order, and requests come behind the last one")
}

impl Cast {
    /// The worker of the traders, the gateways and market data. It has the traders, who never rest.
    pub(crate) const FRONT: usize = 0;

    /// The supervisor with its children to be, the traders last.
    pub(crate) fn supervisor(&self) -> Supervisor {
        let Settings { symbols, gateways, .. } = self.settings;
        let children = Children {
            matchers: (0..symbols).map(|_| ChildRef::new()).collect(),
            gateways: (0..gateways).map(|_| ChildRef::new()).collect(),
            ..Children::default()
        };
        let mut supervisor = Supervisor::new(Strategy::OneForOne)
            .named("exchange")
            .intensity(self.kills.saturating_add(UNFORESEEN_RESTARTS), RESTARTS_WITHIN)
            .child(self.market(&children))
            .child(self.risk(&children));
        for symbol in 0..symbols {
            supervisor = supervisor.child(self.matcher(symbol, &children));
        }
        for gateway in 0..gateways {
            supervisor = supervisor.child(self.gateway(gateway, &children));
        }
        supervisor.child(self.traders(&children))
    }

    /// The worker of risk.
    fn of_risk(&self) -> usize {
        1 % self.workers
    }

    /// The worker of a symbol's matcher: beside risk, and with three workers or more in turn on those behind it.
    fn of_matcher(&self, symbol: u16) -> usize {
        match self.workers {
            0..=2 => self.of_risk(),
            workers => 2 + usize::from(symbol) % (workers - 2),
        }
    }

    fn market(&self, children: &Children) -> ChildSpec<Notice> {
        let (home, board) = (self.homes.market.clone(), self.homes.board.clone());
        let factory = move || {
            let board = board.reader().expect("an actor gives it back when it is dropped");
            MarketData::new(home.lease(), board)
        };
        ChildSpec::new("market data", On::Worker(Self::FRONT), factory).note(&children.market)
    }

    fn risk(&self, children: &Children) -> ChildSpec<RiskMsg> {
        let (home, all) = (self.homes.risk.clone(), children.clone());
        let factory = move || Risk::new(home.lease(), all.clone());
        ChildSpec::new("risk", On::Worker(self.of_risk()), factory).note(&children.risk)
    }

    fn matcher(&self, symbol: u16, children: &Children) -> ChildSpec<Request> {
        let (home, all) = (self.homes.matchers[usize::from(symbol)].clone(), children.clone());
        let factory = move || Matcher::new(symbol, home.lease(), (address(&all.risk), address(&all.market)));
        let spec = ChildSpec::new(format!("matcher {symbol}"), On::Worker(self.of_matcher(symbol)), factory);
        spec.note(&children.matchers[usize::from(symbol)])
    }

    fn gateway(&self, gateway: u16, children: &Children) -> ChildSpec<GatewayMsg> {
        let Settings { symbols, accounts, gateways, .. } = self.settings;
        let (home, all) = (self.homes.gateways[usize::from(gateway)].clone(), children.clone());
        let shape = (u32::from(gateways), Market { symbols, accounts });
        let factory = move || Gateway::new(home.lease(), shape, address(&all.risk));
        let spec = ChildSpec::new(format!("gateway {gateway}"), On::Worker(Self::FRONT), factory);
        spec.note(&children.gateways[usize::from(gateway)])
    }

    /// The traders, who are no part of the exchange: what they have sent only they know, so they have one life.
    fn traders(&self, children: &Children) -> ChildSpec<crate::traders::TradersMsg> {
        let (pace, settings, all) = (self.pace.clone(), self.settings, children.clone());
        let (progress, ended) = (self.progress.clone(), self.ended.clone());
        let factory = move || {
            let flow = Flow::new(settings);
            Traders::new(all.gateways(), pace.clone(), flow, (progress.clone(), ended.clone()))
        };
        ChildSpec::new("traders", On::Worker(Self::FRONT), factory).temporary()
    }
}
