//! A region: it moves the entities in its square 60 times a second, hands over who leaves it, and tells players what has
//! changed in their sight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hippodrome::{Actor, ActorRef, Context, MissedTick, TimerKey};
use hippodrome_examples::{Home, Lease};

use crate::ground::{Place, REGIONS};
use crate::holding::{Draft, Holding, Peers};
use crate::interest::{Sight, Watcher};
use crate::population::Entity;
use crate::session::SessionMsg;
use crate::world::WorldMsg;

/// Ticks in a second.
pub(crate) const TICKS_A_SECOND: u64 = 60;
/// How long a tick is.
pub(crate) const TICK: Duration = Duration::from_nanos(1_000_000_000 / TICKS_A_SECOND);

/// What a region understands.
pub(crate) enum RegionMsg {
    /// These are the others: begin.
    Begin(Arc<Peers>),
    /// The first tick is a period away.
    Arm { life: u32 },
    /// It is time for a tick, in this life.
    Tick { life: u32 },
    /// An entity comes in.
    Arrive(Entity),
    /// A player sees a part of the region from this place.
    Watch { player: u32, time: u32, place: Place },
    /// A player does not see it any more.
    Unwatch { player: u32 },
    /// Do all that a tick does but move.
    Settle,
}

pub(crate) struct Region {
    /// Its own for as long as it lives.
    holding: Lease<Holding>,
    draft: Draft,
    sight: Sight,
    world: ActorRef<WorldMsg>,
    ticks: u32,
    players: u32,
    timer: Option<TimerKey>,
    /// When the next tick is due, on the engine's clock.
    due_ns: u64,
}

impl Region {
    /// A new life for a region, which ends after so many ticks.
    pub(crate) fn new(holding: &Home<Holding>, world: ActorRef<WorldMsg>, ticks: u32, players: u32) -> Self {
        let holding = holding.lease();
        let (draft, sight) = (Draft::new(), Sight::default());
        Self { holding, draft, sight, world, ticks, players, timer: None, due_ns: 0 }
    }

    /// Arms the timer of the ticks. The regions of a core are spread over the period, so that none waits for all others.
    fn arm(&mut self, ctx: &mut Context<'_, RegionMsg>) {
        let life = self.holding.lives;
        let offset = TICK * self.holding.region as u32 / REGIONS as u32;
        ctx.send_after(offset, RegionMsg::Arm { life }).ok().expect("there is room for a timer");
    }

    fn begin_ticks(&mut self, ctx: &mut Context<'_, RegionMsg>) {
        let life = self.holding.lives;
        self.due_ns = ctx.now_ns() + TICK.as_nanos() as u64;
        // Each tick is done: the world has the same ones wherever it runs.
        let timer = ctx.send_every(TICK, MissedTick::Burst, move || RegionMsg::Tick { life });
        self.timer = Some(timer.expect("there is room for a timer"));
    }

    fn tick(&mut self, ctx: &mut Context<'_, RegionMsg>) {
        let (began, late_ns) = (Instant::now(), ctx.now_ns().saturating_sub(self.due_ns));
        let fails = self.holding.failures.last() == Some(&self.holding.ticks_done);
        if fails {
            self.holding.failures.pop();
        }
        self.draft.work_out(&self.holding, fails);
        self.draft.commit(&mut self.holding);
        self.due_ns += TICK.as_nanos() as u64;
        self.send_all(false, ctx);
        self.holding.tally.jitter_ns.saturating_record(late_ns);
        self.holding.tally.worked(began.elapsed());
        if self.holding.ticks_done == self.ticks {
            if let Some(timer) = self.timer.take() {
                ctx.cancel(timer);
            }
            ctx.tell(self.world, WorldMsg::Done);
        }
    }

    /// Sends what follows from where everybody is now.
    fn send_all(&mut self, all_players: bool, ctx: &mut Context<'_, RegionMsg>) {
        let Some(peers) = self.holding.peers.clone() else { return };
        self.hand_over(&peers, ctx);
        self.tell_players_where_they_are(all_players, &peers, ctx);
        self.tell_players_what_they_see(&peers, ctx);
    }

    /// An entity that cannot be sent stays first in the line until the next tick.
    fn hand_over(&mut self, peers: &Peers, ctx: &mut Context<'_, RegionMsg>) {
        while let Some(entity) = self.holding.leaving.front().copied() {
            let to = peers.regions[entity.place.region()];
            if ctx.try_tell(to, RegionMsg::Arrive(entity)).is_err() {
                break;
            }
            self.holding.leaving.pop_front();
            self.holding.tally.handed_over += 1;
        }
    }

    fn tell_players_where_they_are(&self, all: bool, peers: &Peers, ctx: &mut Context<'_, RegionMsg>) {
        let is_moving = |entity: &Entity| entity.velocity != Default::default();
        let players = self.holding.people.iter().filter(|entity| entity.number < self.players);
        for player in players.filter(|player| all || is_moving(player)) {
            // One that is refused is followed by the next.
            let _ = ctx.try_tell(peers.sessions[player.number as usize], SessionMsg::Here(player.place));
        }
    }

    /// Each gets one message for all that has changed since the last.
    fn tell_players_what_they_see(&mut self, peers: &Peers, ctx: &mut Context<'_, RegionMsg>) {
        let (holding, sight) = (&mut *self.holding, &mut self.sight);
        for watcher in &mut holding.watchers {
            sight.look(watcher, holding.region, &holding.people, &holding.cells);
            if sight.changes.is_empty() {
                continue;
            }
            let changes: Box<[_]> = sight.changes.as_slice().into();
            let count = changes.len() as u64;
            let update = SessionMsg::Update { region: holding.region, time: watcher.time, changes };
            // One that is refused is part of the next.
            if ctx.try_tell(peers.sessions[watcher.player as usize], update).is_ok() {
                watcher.was_told(sight);
                holding.tally.updates += 1;
                holding.tally.changes += count;
            }
        }
    }

    fn watch(&mut self, player: u32, time: u32, place: Place) {
        let watchers = &mut self.holding.watchers;
        match watchers.binary_search_by_key(&player, |watcher| watcher.player) {
            Ok(index) => watchers[index].look_from(time, place),
            Err(index) => watchers.insert(index, Watcher::new(player, time, place)),
        }
    }
}

impl Actor for Region {
    type Msg = RegionMsg;

    fn started(&mut self, ctx: &mut Context<'_, RegionMsg>) {
        self.holding.lives += 1;
        if self.holding.lives > 1 {
            self.holding.tally.restarts += 1;
            self.arm(ctx);
        }
    }

    fn handle(&mut self, msg: RegionMsg, ctx: &mut Context<'_, RegionMsg>) {
        match msg {
            RegionMsg::Begin(peers) => {
                self.holding.peers = Some(peers);
                self.arm(ctx);
            }
            RegionMsg::Arm { life } if life == self.holding.lives => self.begin_ticks(ctx),
            RegionMsg::Tick { life } if life == self.holding.lives && self.timer.is_some() => self.tick(ctx),
            // What an earlier life has left.
            RegionMsg::Arm { .. } | RegionMsg::Tick { .. } => {}
            RegionMsg::Arrive(entity) => self.holding.people.push(entity),
            RegionMsg::Watch { player, time, place } => self.watch(player, time, place),
            RegionMsg::Unwatch { player } => self.holding.watchers.retain(|watcher| watcher.player != player),
            RegionMsg::Settle => {
                let Holding { cells, people, .. } = &mut *self.holding;
                cells.sort(people);
                self.send_all(true, ctx);
            }
        }
    }
}
