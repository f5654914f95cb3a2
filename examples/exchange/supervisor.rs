//! The supervisor: parent of all other actors. It spawns and connects them, restarts those that panic, and tells whoever
//! waits for the end of the run if one stops for good.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Address, Context, On, Props, Restart, SpawnError, StopReason};

use crate::flow::{Flow, Settings};
use crate::gateway::{self, Gateway, GatewayMsg, Market};
use crate::generator::{Ended, Generator, GeneratorMsg, Pace};
use crate::lease::Home;
use crate::market_data::{self, MarketData, MarketMsg};
use crate::matcher::{self, Matcher};
use crate::order::Request;
use crate::risk::{self, Risk, RiskMsg, Routes};

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
}

/// Which actors there are to be.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) settings: Settings,
    pub(crate) pace: Pace,
    pub(crate) kills: u32,
    /// How many workers there are.
    pub(crate) workers: usize,
}

impl Cast {
    /// The worker of the traders, the gateways and market data. It has the generator, which never rests.
    const FRONT: usize = 0;

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
}

/// The actor.
pub(crate) struct Supervisor {
    cast: Cast,
    homes: Homes,
    progress: Arc<AtomicU64>,
    ended: mpsc::Sender<Ended>,
}

/// A child has stopped.
#[derive(Debug)]
pub(crate) struct Stopped {
    name: &'static str,
    reason: StopReason,
}

impl Supervisor {
    pub(crate) fn new(cast: Cast, homes: Homes, progress: Arc<AtomicU64>, ended: mpsc::Sender<Ended>) -> Self {
        Self { cast, homes, progress, ended }
    }

    /// Spawns a child that is restarted, and watches it.
    fn child<A, F>(
        &self,
        name: &'static str,
        props: Props<A::Msg>,
        factory: F,
        ctx: &mut Context<'_, Stopped>,
    ) -> Result<ActorRef<A::Msg>, SpawnError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let restart = Restart::up_to(self.cast.kills.saturating_add(UNFORESEEN_RESTARTS), RESTARTS_WITHIN);
        let child = ctx.spawn(props.restart(restart), factory)?;
        ctx.watch(Address::from(child), move |terminated| Stopped { name, reason: terminated.reason });
        Ok(child)
    }

    /// Spawns all children, connects them, and has the traders start.
    fn raise(&self, ctx: &mut Context<'_, Stopped>) -> Result<(), SpawnError> {
        let routes = Arc::new(OnceLock::new());
        let front = || On::Worker(Cast::FRONT);
        let Settings { symbols, .. } = self.cast.settings;

        let (home, props) = (self.homes.market.clone(), Props::on(front()).mailbox(market_data::mailbox(symbols)));
        let market = self.child("market data", props, move || MarketData::new(home.lease()), ctx)?;

        let (home, shared) = (self.homes.risk.clone(), routes.clone());
        let props = Props::on(On::Worker(self.cast.of_risk()));
        let risk = self.child("risk", props, move || Risk::new(home.lease(), shared.clone()), ctx)?;

        let matchers = self.matchers((risk, market), ctx)?;
        let generator = self.generator(ctx)?;
        let gateways = self.gateways((risk, generator), ctx)?;
        // Nobody else sets it.
        let _ = routes.set(Routes { gateways: gateways.clone(), matchers });
        ctx.tell(generator, GeneratorMsg::Start(gateways));
        Ok(())
    }

    fn matchers(
        &self,
        (risk, market): (ActorRef<RiskMsg>, ActorRef<MarketMsg>),
        ctx: &mut Context<'_, Stopped>,
    ) -> Result<Vec<ActorRef<Request>>, SpawnError> {
        let homes = (0..).zip(&self.homes.matchers);
        let spawn = |(symbol, home): (u16, &Home<matcher::Kept>)| {
            let (home, props) = (home.clone(), Props::on(On::Worker(self.cast.of_matcher(symbol))));
            self.child("a matcher", props, move || Matcher::new(symbol, home.lease(), (risk, market)), ctx)
        };
        homes.map(spawn).collect()
    }

    /// The traders know how far they are, and nobody else does: they are not restarted.
    fn generator(&self, ctx: &mut Context<'_, Stopped>) -> Result<ActorRef<GeneratorMsg>, SpawnError> {
        let (pace, settings) = (self.cast.pace.clone(), self.cast.settings);
        let (progress, ended) = (self.progress.clone(), self.ended.clone());
        let generator = ctx.spawn(On::Worker(Cast::FRONT), move || {
            Generator::new(pace.clone(), Flow::new(settings), progress.clone(), ended.clone())
        })?;
        ctx.watch(generator, |terminated| Stopped { name: "the generator", reason: terminated.reason });
        Ok(generator)
    }

    fn gateways(
        &self,
        (risk, generator): (ActorRef<RiskMsg>, ActorRef<GeneratorMsg>),
        ctx: &mut Context<'_, Stopped>,
    ) -> Result<Vec<ActorRef<GatewayMsg>>, SpawnError> {
        let Settings { symbols, accounts, gateways, .. } = self.cast.settings;
        let spawn = |home: &Home<gateway::Kept>| {
            let (home, shape) = (home.clone(), (u32::from(gateways), Market { symbols, accounts }));
            let factory = move || Gateway::new(home.lease(), shape, (risk, generator));
            self.child("a gateway", Props::on(On::Worker(Cast::FRONT)), factory, ctx)
        };
        self.homes.gateways.iter().map(spawn).collect()
    }
}

impl Actor for Supervisor {
    type Msg = Stopped;

    fn started(&mut self, ctx: &mut Context<'_, Stopped>) {
        if let Err(error) = self.raise(ctx) {
            // Whoever waits has given up if nobody listens; so it is below.
            let _ = self.ended.send(Ended::NotSpawned(error));
        }
    }

    fn handle(&mut self, Stopped { name, reason }: Stopped, _: &mut Context<'_, Stopped>) {
        let _ = self.ended.send(Ended::Stopped(name, reason));
    }
}
