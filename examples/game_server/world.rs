//! The world: it has the regions and the sessions as its children, begins, and knows when all ticks are done.

use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Actor, Context, On, Props, Reply, Restart, SpawnError};
use hippodrome_examples::Home;
use parking_lot::Mutex;

use crate::ground::REGIONS;
use crate::holding::{Holding, Peers};
use crate::region::{Region, RegionMsg};
use crate::session::{Session, SessionMsg, View};

/// What the world understands.
pub(crate) enum WorldMsg {
    /// Answer when all regions have done their ticks.
    Finished(Reply<()>),
    /// A region has done its ticks.
    Done,
    /// Have all regions send what is to be sent without moving on.
    Settle,
}

/// What the world is made of.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) holdings: Arc<[Home<Holding>]>,
    pub(crate) views: Arc<[Arc<Mutex<View>>]>,
    pub(crate) ticks: u32,
}

pub(crate) struct World {
    plan: Plan,
    peers: Option<Arc<Peers>>,
    done: usize,
    waiting: Option<Reply<()>>,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, peers: None, done: 0, waiting: None }
    }

    /// Spawns everybody: regions that lie side by side on the same core, sessions on all cores in turn.
    fn populate(&self, ctx: &mut Context<'_, WorldMsg>) -> Result<Peers, SpawnError> {
        let workers = ctx.handle().workers();
        let (world, ticks, players) = (ctx.me(), self.plan.ticks, self.plan.views.len() as u32);
        // As often as it fails: each failure is one that was asked for.
        let restart = Restart::up_to(u32::MAX, Duration::from_secs(1));
        let mut regions = Vec::with_capacity(REGIONS);
        for (number, holding) in self.plan.holdings.iter().cloned().enumerate() {
            let props = Props::on(On::Worker(number * workers / REGIONS)).restart(restart);
            regions.push(ctx.spawn(props, move || Region::new(&holding, world, ticks, players))?);
        }
        let mut sessions = Vec::with_capacity(self.plan.views.len());
        for (number, view) in self.plan.views.iter().cloned().enumerate() {
            let session = move || Session::new(number as u32, view.clone());
            sessions.push(ctx.spawn(On::Worker(number % workers), session)?);
        }
        Ok(Peers { regions, sessions })
    }
}

impl Actor for World {
    type Msg = WorldMsg;

    fn started(&mut self, ctx: &mut Context<'_, WorldMsg>) {
        let peers = Arc::new(self.populate(ctx).expect("there is room for all actors"));
        for session in &peers.sessions {
            ctx.tell(*session, SessionMsg::Begin(peers.clone()));
        }
        for region in &peers.regions {
            ctx.tell(*region, RegionMsg::Begin(peers.clone()));
        }
        self.peers = Some(peers);
    }

    fn handle(&mut self, msg: WorldMsg, ctx: &mut Context<'_, WorldMsg>) {
        match msg {
            WorldMsg::Finished(reply) => self.waiting = Some(reply),
            WorldMsg::Done => self.done += 1,
            WorldMsg::Settle => {
                for region in self.peers.iter().flat_map(|peers| &peers.regions) {
                    ctx.tell(*region, RegionMsg::Settle);
                }
            }
        }
        if self.done == REGIONS
            && let Some(reply) = self.waiting.take()
        {
            reply.send(ctx, ());
        }
    }
}
