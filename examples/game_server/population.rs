//! The entities of a region, as columns of numbers.

use std::panic::resume_unwind;

use crate::ground::{CELLS, Place};

/// The most that an entity moves in a tick along each axis.
const MAX_SPEED: i32 = 8;

/// How far something moves in a tick. All entities have the same mass, so it is their momentum too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Velocity {
    pub(crate) x: i32,
    pub(crate) y: i32,
}

/// One entity, as it travels from a region to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    pub(crate) number: u32,
    pub(crate) place: Place,
    pub(crate) velocity: Velocity,
}

impl Entity {
    /// The entity with this number, at a place and with a velocity that follow from a random number.
    pub(crate) fn new(number: u32, random: u64) -> Self {
        let part = |shift: u32, bound: i32| (((random >> shift & 0xffff) * bound as u64) >> 16) as i32;
        let speed = |shift| part(shift, 2 * MAX_SPEED + 1) - MAX_SPEED;
        let place = Place { x: part(0, crate::ground::SIDE), y: part(16, crate::ground::SIDE) };
        Self { number, place, velocity: Velocity { x: speed(32), y: speed(48) } }
    }

    /// A number in which everything about it counts: the multipliers are those of MurmurHash3's finalizer.
    pub(crate) fn fingerprint(&self) -> u64 {
        let Self { number, place, velocity } = *self;
        [number as i32, place.x, place.y, velocity.x, velocity.y].iter().fold(0, |hash: u64, word| {
            let mixed = (hash ^ *word as u64).wrapping_mul(0xff51_afd7_ed55_8ccd);
            (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
        })
    }
}

/// Entities in no order, a column for each of their properties: a step goes over them from end to end.
#[derive(Debug, Default)]
pub(crate) struct Population {
    numbers: Vec<u32>,
    places: Vec<Place>,
    velocities: Vec<Velocity>,
}

impl Population {
    pub(crate) fn push(&mut self, entity: Entity) {
        self.numbers.push(entity.number);
        self.places.push(entity.place);
        self.velocities.push(entity.velocity);
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn entity(&self, index: usize) -> Entity {
        Entity { number: self.numbers[index], place: self.places[index], velocity: self.velocities[index] }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Entity> {
        (0..self.len()).map(|index| self.entity(index))
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.places.clear();
        self.velocities.clear();
    }

    /// Writes to `next` where everybody is after a tick, and to `leaving` who has left the region. With `fails` it
    /// panics in the middle of that.
    pub(crate) fn step(&self, region: usize, next: &mut Self, leaving: &mut Vec<Entity>, fails: bool) {
        next.clear();
        leaving.clear();
        for (index, entity) in self.iter().enumerate() {
            if fails && index == self.len() / 2 {
                resume_unwind(Box::new("a failure on purpose"));
            }
            let moved = Entity { place: entity.place.moved(entity.velocity.x, entity.velocity.y), ..entity };
            if moved.place.region() == region { next.push(moved) } else { leaving.push(moved) }
        }
    }

    /// Who is next to another one in a cell, and comes nearer to it, bumps into it: the two exchange their velocities.
    pub(crate) fn meet(&mut self, cells: &Cells) {
        for cell in 0..Cells::COUNT {
            for pair in cells.of(cell).windows(2) {
                let [one, other] = [pair[0] as usize, pair[1] as usize];
                let (place, velocity) = (self.places[one], self.velocities[one]);
                let (x, y) = (self.places[other].x - place.x, self.places[other].y - place.y);
                let nearer =
                    Velocity { x: self.velocities[other].x - velocity.x, y: self.velocities[other].y - velocity.y };
                if x * nearer.x + y * nearer.y < 0 {
                    self.velocities.swap(one, other);
                }
            }
        }
    }
}

/// Who is in which cell of a region: the indices of a population, sorted by cell.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Where each cell begins in `indices`, and where the last one ends.
    starts: Vec<u32>,
    indices: Vec<u32>,
}

impl Cells {
    const COUNT: usize = (CELLS * CELLS) as usize;

    pub(crate) fn new() -> Self {
        Self { starts: vec![0; Self::COUNT + 1], indices: Vec::new() }
    }

    /// Sorts a population by counting.
    pub(crate) fn sort(&mut self, population: &Population) {
        self.starts.fill(0);
        for place in &population.places {
            self.starts[place.cell()] += 1;
        }
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        self.indices.clear();
        self.indices.resize(population.len(), 0);
        for (index, place) in population.places.iter().enumerate().rev() {
            let start = &mut self.starts[place.cell()];
            *start -= 1;
            self.indices[*start as usize] = index as u32;
        }
    }

    /// Who is in a cell.
    pub(crate) fn of(&self, cell: usize) -> &[u32] {
        &self.indices[self.starts[cell] as usize..self.starts[cell + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(region: usize, count: u32) -> Population {
        let mut population = Population::default();
        let mut random = 7_u64;
        for number in 0..count {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let entity = Entity::new(number, random ^ random >> 29);
            if entity.place.region() == region {
                population.push(entity);
            }
        }
        population
    }

    #[test]
    fn a_step_loses_nobody_and_sends_away_who_has_left() {
        let people = population(9, 20_000);
        let (mut next, mut leaving) = (Population::default(), Vec::new());
        people.step(9, &mut next, &mut leaving, false);
        assert_eq!(next.len() + leaving.len(), people.len());
        assert!(!leaving.is_empty() && next.iter().all(|entity| entity.place.region() == 9));
        assert!(leaving.iter().all(|entity| entity.place.region() != 9));
    }

    #[test]
    fn cells_have_everybody_once_and_who_meets_keeps_the_sum() {
        let mut people = population(0, 20_000);
        let mut cells = Cells::new();
        cells.sort(&people);
        let mut found: Vec<u32> = (0..Cells::COUNT).flat_map(|cell| cells.of(cell).to_vec()).collect();
        for cell in 0..Cells::COUNT {
            assert!(cells.of(cell).iter().all(|index| people.entity(*index as usize).place.cell() == cell));
        }
        found.sort();
        assert_eq!(found, (0..people.len() as u32).collect::<Vec<_>>());
        let sum = |people: &Population| people.iter().map(|entity| entity.velocity.x).sum::<i32>();
        let fingerprint =
            |people: &Population| people.iter().fold(0, |sum: u64, entity| sum.wrapping_add(entity.fingerprint()));
        let before = (sum(&people), fingerprint(&people));
        people.meet(&cells);
        assert_eq!(sum(&people), before.0);
        assert_ne!(fingerprint(&people), before.1, "somebody has met somebody");
    }
}
