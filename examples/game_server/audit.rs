//! The count at the end: whether everybody is still there, once, and every player sees what is around it.

use hippodrome_examples::Home;

use crate::ground::Place;
use crate::holding::{Holding, Tally};
use crate::population::Entity;
use crate::session::View;

/// The sum of all momentum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Momentum {
    x: i64,
    y: i64,
}

impl Momentum {
    pub(crate) fn of<'a>(entities: impl IntoIterator<Item = &'a Entity>) -> Self {
        entities.into_iter().fold(Self::default(), |sum, entity| Self {
            x: sum.x + i64::from(entity.velocity.x),
            y: sum.y + i64::from(entity.velocity.y),
        })
    }
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Audit {
    /// Whether the entities are those of the start, each once and in its region.
    pub(crate) is_complete: bool,
    pub(crate) momentum: Momentum,
    /// Players who see exactly what is around them.
    pub(crate) right_views: u64,
    /// Entities in all views.
    pub(crate) in_view: u64,
    /// A number in which the state of every entity counts.
    pub(crate) state: u64,
    pub(crate) tally: Tally,
}

/// Counts what the regions hold and what the sessions see, when nothing is on its way any more.
pub(crate) fn audit(holdings: &[Home<Holding>], views: &[View], entities: u32) -> Audit {
    let mut tally = Tally::new();
    let mut all = Vec::with_capacity(entities as usize);
    let mut are_at_home = true;
    for holding in holdings {
        let holding = holding.lease();
        tally.add(&holding.tally);
        all.extend(holding.people.iter());
        are_at_home &= holding.leaving.is_empty();
        are_at_home &= holding.people.iter().all(|entity| entity.place.region() == holding.region);
    }
    all.sort_unstable_by_key(|entity| entity.number);
    let is_complete = are_at_home && all.iter().map(|entity| entity.number).eq(0..entities);
    let right = views.iter().enumerate().filter(|(player, view)| is_right(*player as u32, view, &all));
    Audit {
        is_complete,
        momentum: Momentum::of(&all),
        right_views: right.count() as u64,
        in_view: views.iter().map(|view| view.len() as u64).sum(),
        state: all.iter().fold(0, |sum: u64, entity| sum.wrapping_add(entity.fingerprint())),
        tally,
    }
}

/// Whether a view is that of a look at every entity there is.
fn is_right(player: u32, view: &View, all: &[Entity]) -> bool {
    let Ok(index) = all.binary_search_by_key(&player, |entity| entity.number) else { return false };
    let here: Place = all[index].place;
    let in_sight = all.iter().filter(|entity| here.sees(entity.place)).map(|entity| entity.number);
    view.iter().map(|(number, _)| *number).eq(in_sight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::{REGIONS, SIGHT};
    use crate::holding::Holding;
    use crate::population::Velocity;

    fn entity(number: u32, x: i32) -> Entity {
        Entity { number, place: Place { x, y: 0 }, velocity: Velocity { x: 2, y: -1 } }
    }

    fn found(entities: &[(usize, Entity)], view: &[u32]) -> Audit {
        let mut holdings: Vec<_> = (0..REGIONS).map(Holding::new).collect();
        for (region, entity) in entities {
            holdings[*region].people.push(*entity);
        }
        let holdings: Vec<_> = holdings.into_iter().map(Home::new).collect();
        audit(&holdings, &[view.iter().map(|number| (*number, 1)).collect()], 3)
    }

    #[test]
    fn a_world_is_right_only_if_everybody_is_there_once_and_seen() {
        let all = [(0, entity(0, 0)), (0, entity(1, SIGHT)), (0, entity(2, SIGHT + 1))];
        let right = found(&all, &[0, 1]);
        assert_eq!((right.is_complete, right.momentum, right.right_views), (true, Momentum { x: 6, y: -3 }, 1));
        assert_eq!(found(&all, &[0]).right_views, 0);
        assert_eq!(found(&all, &[0, 1, 2]).right_views, 0);
        assert!(!found(&all[..2], &[0, 1]).is_complete, "one is lost");
        let doubled = [all[0], all[1], all[2], all[2]];
        assert!(!found(&doubled, &[0, 1]).is_complete, "one is there twice");
        let strayed = [all[0], all[1], (1, all[2].1)];
        assert!(!found(&strayed, &[0, 1]).is_complete, "one is in a region that it is not in");
    }
}
