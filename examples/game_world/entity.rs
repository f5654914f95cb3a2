//! An entity: where it is, how it moves, and what it hands over when it meets another.

use std::ops::{AddAssign, SubAssign};
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Context};

use crate::world::{CELL, SIDE, Totals, WorldMsg, cell_at};

/// Who has met another rests for so long, and does not move.
const REST: Duration = Duration::from_millis(100);
/// The most that an entity moves in a tick along each axis at the start.
const MAX_SPEED: u64 = CELL as u64 / 4;

/// How far something moves in a tick. All entities have the same mass, so it is their momentum too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Velocity {
    pub(crate) x: i64,
    pub(crate) y: i64,
}

impl AddAssign for Velocity {
    fn add_assign(&mut self, other: Self) {
        self.x += other.x;
        self.y += other.y;
    }
}

impl SubAssign for Velocity {
    fn sub_assign(&mut self, other: Self) {
        self.x -= other.x;
        self.y -= other.y;
    }
}

/// One of the world's inhabitants.
pub(crate) struct Entity {
    number: u32,
    world: ActorRef<WorldMsg>,
    x: i64,
    y: i64,
    velocity: Velocity,
    is_resting: bool,
    pushes_sent: u64,
    pushes_received: u64,
}

/// What an entity understands.
pub(crate) enum EntityMsg {
    /// Move by one tick, and then meet this one.
    Step { meets: Option<ActorRef<EntityMsg>> },
    /// Another entity hands over this momentum.
    Push(Velocity),
    /// The rest is over.
    Wake,
    /// Tell the world how things stand.
    Count,
}

/// A place and a velocity that follow from a random number.
pub(crate) fn place_from(random: u64) -> (i64, i64, Velocity) {
    let part = |shift: u32, bound: u64| (((random >> shift & 0xffff) * bound) >> 16) as i64;
    let speed = |shift| part(shift, 2 * MAX_SPEED + 1) - MAX_SPEED as i64;
    (part(0, SIDE as u64), part(16, SIDE as u64), Velocity { x: speed(32), y: speed(48) })
}

impl Entity {
    /// The entity with this number, at its place.
    pub(crate) fn new(number: u32, world: ActorRef<WorldMsg>, (x, y, velocity): (i64, i64, Velocity)) -> Self {
        Self { number, world, x, y, velocity, is_resting: false, pushes_sent: 0, pushes_received: 0 }
    }

    /// Moves by one tick; the world has no edges, who leaves it on one side comes in on the other.
    fn step(&mut self, ctx: &mut Context<'_, EntityMsg>) {
        let before = cell_at(self.x, self.y);
        self.x = (self.x + self.velocity.x).rem_euclid(SIDE);
        self.y = (self.y + self.velocity.y).rem_euclid(SIDE);
        let cell = cell_at(self.x, self.y);
        if cell != before {
            ctx.tell(self.world, WorldMsg::Moved { number: self.number, cell });
        }
    }

    /// Hands half of the momentum over, and rests.
    fn meet(&mut self, other: ActorRef<EntityMsg>, ctx: &mut Context<'_, EntityMsg>) {
        let handed_over = Velocity { x: self.velocity.x / 2, y: self.velocity.y / 2 };
        self.velocity -= handed_over;
        self.pushes_sent += 1;
        ctx.tell(other, EntityMsg::Push(handed_over));
        // Without a free timer it goes on at once.
        self.is_resting = ctx.send_after(REST, EntityMsg::Wake).is_ok();
    }

    /// A number in which every bit of the state counts: the multipliers are those of MurmurHash3's finalizer.
    fn fingerprint(&self) -> u64 {
        let words = [self.number.into(), self.x, self.y, self.velocity.x, self.velocity.y, self.is_resting.into()];
        words.iter().fold(0, |hash: u64, word| {
            let mixed = (hash ^ *word as u64).wrapping_mul(0xff51_afd7_ed55_8ccd);
            (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
        })
    }
}

impl Actor for Entity {
    type Msg = EntityMsg;

    fn handle(&mut self, msg: EntityMsg, ctx: &mut Context<'_, EntityMsg>) {
        match msg {
            EntityMsg::Step { .. } if self.is_resting => {}
            EntityMsg::Step { meets } => {
                self.step(ctx);
                if let Some(other) = meets {
                    self.meet(other, ctx);
                }
            }
            EntityMsg::Push(momentum) => {
                self.velocity += momentum;
                self.pushes_received += 1;
            }
            EntityMsg::Wake => self.is_resting = false,
            EntityMsg::Count => {
                let counted = Totals {
                    momentum: self.velocity,
                    pushes_sent: self.pushes_sent,
                    pushes_received: self.pushes_received,
                    fingerprint: self.fingerprint(),
                };
                ctx.tell(self.world, WorldMsg::Counted(counted));
            }
        }
    }
}
