//! The world: it has the entities as its children, knows their cells, and has them step.

use std::ops::AddAssign;

use hippodrome::{Actor, ActorRef, Context, On, Reply, SpawnError};

use crate::entity::{Entity, EntityMsg, Velocity, place_from};

/// How wide and high a cell is.
pub(crate) const CELL: i64 = 1 << 8;
/// How many cells are in a row, and how many rows there are.
const CELLS: i64 = 256;
/// How wide and high the world is.
pub(crate) const SIDE: i64 = CELL * CELLS;
/// Nobody is in the cell yet.
const NOBODY: u32 = u32::MAX;

/// The cell of a place.
pub(crate) const fn cell_at(x: i64, y: i64) -> u32 {
    (y / CELL * CELLS + x / CELL) as u32
}

/// What an entity, or all of them together, have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) momentum: Velocity,
    pub(crate) pushes_sent: u64,
    pub(crate) pushes_received: u64,
    /// A number in which the whole state counts; those of several entities are added up.
    pub(crate) fingerprint: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.momentum += other.momentum;
        self.pushes_sent += other.pushes_sent;
        self.pushes_received += other.pushes_received;
        self.fingerprint = self.fingerprint.wrapping_add(other.fingerprint);
    }
}

/// What a count of all entities has given.
pub(crate) struct Census {
    pub(crate) totals: Totals,
    pub(crate) momentum_at_start: Velocity,
}

impl Census {
    /// Whether all momentum is still there, and every push has arrived.
    pub(crate) fn is_right(&self) -> bool {
        self.totals.momentum == self.momentum_at_start && self.totals.pushes_sent == self.totals.pushes_received
    }
}

/// What the world understands.
pub(crate) enum WorldMsg {
    /// The next tick.
    Tick,
    /// An entity is in another cell.
    Moved { number: u32, cell: u32 },
    /// Count all entities.
    Count(Reply<Census>),
    /// One of them, counted.
    Counted(Totals),
}

/// The world.
pub(crate) struct World {
    seed: u64,
    count: u32,
    entities: Vec<ActorRef<EntityMsg>>,
    /// The cell of each entity.
    cells: Vec<u32>,
    /// The entity of each cell that stepped last in this tick.
    stepped: Vec<u32>,
    momentum_at_start: Velocity,
    census: Option<(Reply<Census>, Totals)>,
    uncounted: u32,
}

impl World {
    /// A world of so many entities, whose places follow from the seed.
    pub(crate) fn new(count: u32, seed: u64) -> Self {
        Self {
            seed,
            count,
            entities: Vec::with_capacity(count as usize),
            cells: Vec::with_capacity(count as usize),
            stepped: vec![NOBODY; (CELLS * CELLS) as usize],
            momentum_at_start: Velocity::default(),
            census: None,
            uncounted: 0,
        }
    }

    fn populate(&mut self, ctx: &mut Context<'_, WorldMsg>) -> Result<(), SpawnError> {
        let world = ctx.me();
        for number in 0..self.count {
            let place = place_from(ctx.random() ^ self.seed);
            let entity = ctx.spawn(On::Here, move || Entity::new(number, world, place))?;
            self.momentum_at_start += place.2;
            self.cells.push(cell_at(place.0, place.1));
            self.entities.push(entity);
        }
        Ok(())
    }

    fn tick(&mut self, ctx: &mut Context<'_, WorldMsg>) {
        self.stepped.fill(NOBODY);
        for (number, (&entity, &cell)) in self.entities.iter().zip(&self.cells).enumerate() {
            let before = std::mem::replace(&mut self.stepped[cell as usize], number as u32);
            let meets = self.entities.get(before as usize).copied();
            ctx.tell(entity, EntityMsg::Step { meets });
        }
    }

    fn count(&mut self, reply: Reply<Census>, ctx: &mut Context<'_, WorldMsg>) {
        self.census = Some((reply, Totals::default()));
        self.uncounted = self.count;
        for entity in &self.entities {
            ctx.tell(*entity, EntityMsg::Count);
        }
    }

    fn counted(&mut self, entity: Totals, ctx: &mut Context<'_, WorldMsg>) {
        let Some((_, totals)) = &mut self.census else { return };
        *totals += entity;
        self.uncounted -= 1;
        if self.uncounted == 0
            && let Some((reply, totals)) = self.census.take()
        {
            reply.send(ctx, Census { totals, momentum_at_start: self.momentum_at_start });
        }
    }
}

impl Actor for World {
    type Msg = WorldMsg;

    fn started(&mut self, ctx: &mut Context<'_, WorldMsg>) {
        if let Err(error) = self.populate(ctx) {
            // A world without its entities never answers; its end is what the loop sees.
            eprintln!("game_world: {error}");
            ctx.stop_self();
        }
    }

    fn handle(&mut self, msg: WorldMsg, ctx: &mut Context<'_, WorldMsg>) {
        match msg {
            WorldMsg::Tick => self.tick(ctx),
            WorldMsg::Moved { number, cell } => self.cells[number as usize] = cell,
            WorldMsg::Count(reply) => self.count(reply, ctx),
            WorldMsg::Counted(entity) => self.counted(entity, ctx),
        }
    }
}
