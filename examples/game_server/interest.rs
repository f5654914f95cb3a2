//! What a player sees of a region, and what has changed in it since the player was told.

use crate::ground::{CELL, CELLS, Place, SIGHT};
use crate::population::{Cells, Population};

/// What has become of an entity in a player's sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has come into sight.
    Entered(u32, Place),
    /// It was in sight and is so at another place.
    Moved(u32, Place),
    /// It is not in sight any more, as far as the region goes: another one may have it.
    Left(u32),
}

/// A player that looks at a part of a region.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) player: u32,
    /// Which of the times it is that the player looks at this region: another time begins with nothing seen.
    pub(crate) time: u32,
    pub(crate) place: Place,
    /// Who was in sight when the player was told last, by number.
    seen: Vec<(u32, Place)>,
}

impl Watcher {
    pub(crate) fn new(player: u32, time: u32, place: Place) -> Self {
        Self { player, time, place, seen: Vec::new() }
    }

    /// The player looks from here.
    pub(crate) fn look_from(&mut self, time: u32, place: Place) {
        if self.time != time {
            self.time = time;
            self.seen.clear();
        }
        self.place = place;
    }

    /// The player was told of all changes that led to this.
    pub(crate) fn was_told(&mut self, sight: &mut Sight) {
        std::mem::swap(&mut self.seen, &mut sight.now);
    }
}

/// Room for what is in sight and what has changed in it; used for one watcher after the other.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    now: Vec<(u32, Place)>,
    pub(crate) changes: Vec<Change>,
}

impl Sight {
    /// Finds out what a watcher sees, and what is new about it.
    pub(crate) fn look(&mut self, watcher: &Watcher, region: usize, population: &Population, cells: &Cells) {
        self.now.clear();
        let (x, y) = watcher.place.relative_to(region);
        let span = |from: i32| ((from - SIGHT).div_euclid(CELL).max(0), (from + SIGHT).div_euclid(CELL).min(CELLS - 1));
        let ((left, right), (top, bottom)) = (span(x), span(y));
        for row in top..=bottom {
            for column in left..=right {
                for index in cells.of((row * CELLS + column) as usize) {
                    let entity = population.entity(*index as usize);
                    if watcher.place.sees(entity.place) {
                        self.now.push((entity.number, entity.place));
                    }
                }
            }
        }
        self.now.sort_unstable_by_key(|(number, _)| *number);
        self.compare(&watcher.seen);
    }

    /// Both are in the order of their numbers.
    fn compare(&mut self, seen: &[(u32, Place)]) {
        self.changes.clear();
        let mut before = seen.iter().copied().peekable();
        for (number, place) in self.now.iter().copied() {
            while let Some((gone, _)) = before.next_if(|(other, _)| *other < number) {
                self.changes.push(Change::Left(gone));
            }
            match before.next_if(|(other, _)| *other == number) {
                None => self.changes.push(Change::Entered(number, place)),
                Some((_, old)) if old != place => self.changes.push(Change::Moved(number, place)),
                Some(_) => {}
            }
        }
        self.changes.extend(before.map(|(gone, _)| Change::Left(gone)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_lead_from_what_was_seen_to_what_is_seen() {
        let place = |x| Place { x, y: 0 };
        let mut sight =
            Sight { now: vec![(1, place(1)), (3, place(4)), (4, place(4)), (9, place(9))], changes: Vec::new() };
        sight.compare(&[(0, place(0)), (3, place(3)), (4, place(4)), (7, place(7)), (12, place(12))]);
        let expected = [
            Change::Left(0),
            Change::Entered(1, place(1)),
            Change::Moved(3, place(4)),
            Change::Left(7),
            Change::Entered(9, place(9)),
            Change::Left(12),
        ];
        assert_eq!(sight.changes, expected);
    }
}
