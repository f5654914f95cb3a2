//! Where things are: the square that all live on, cut into regions, and those into cells.
//!
//! The world has no edges: who leaves it on one side comes in on the other.

/// How wide and high a cell is.
pub(crate) const CELL: i32 = 32;
/// How many cells are in a row of a region, and how many rows there are.
pub(crate) const CELLS: i32 = 32;
/// How wide and high a region is.
pub(crate) const REGION: i32 = CELL * CELLS;
/// How many regions are in a row of the world, and how many rows there are.
const REGIONS_A_ROW: i32 = 8;
/// How many regions there are. A set of them is a [`Regions`], a bit for each.
pub(crate) const REGIONS: usize = (REGIONS_A_ROW * REGIONS_A_ROW) as usize;
/// How wide and high the world is.
pub(crate) const SIDE: i32 = REGION * REGIONS_A_ROW;
/// How far a player sees along each axis.
pub(crate) const SIGHT: i32 = 6 * CELL;

/// A set of regions: bit `r` stands for region `r`.
pub(crate) type Regions = u64;

/// A place in the world. Both are from 0 to below [`SIDE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) x: i32,
    pub(crate) y: i32,
}

impl Place {
    /// The place that is so far away.
    pub(crate) fn moved(self, x: i32, y: i32) -> Self {
        Self { x: (self.x + x).rem_euclid(SIDE), y: (self.y + y).rem_euclid(SIDE) }
    }

    /// The region that it is in.
    pub(crate) const fn region(self) -> usize {
        (self.y / REGION * REGIONS_A_ROW + self.x / REGION) as usize
    }

    /// Whether a player here sees what is there.
    pub(crate) fn sees(self, other: Self) -> bool {
        let is_near = |here: i32, there: i32| {
            let distance = (here - there).rem_euclid(SIDE);
            distance.min(SIDE - distance) <= SIGHT
        };
        is_near(self.x, other.x) && is_near(self.y, other.y)
    }

    /// The regions that a player here sees a part of.
    pub(crate) fn in_sight(self) -> Regions {
        let corners = [(-SIGHT, -SIGHT), (SIGHT, -SIGHT), (-SIGHT, SIGHT), (SIGHT, SIGHT)];
        corners.iter().fold(0, |set, (x, y)| set | 1 << self.moved(*x, *y).region())
    }

    /// How it lies to the corner of a region, the shorter way around the world.
    pub(crate) fn relative_to(self, region: usize) -> (i32, i32) {
        let (row, column) = (region as i32 / REGIONS_A_ROW, region as i32 % REGIONS_A_ROW);
        let shortest = |distance: i32| (distance + SIDE / 2).rem_euclid(SIDE) - SIDE / 2;
        (shortest(self.x - column * REGION), shortest(self.y - row * REGION))
    }

    /// The cell of its region that it is in.
    pub(crate) const fn cell(self) -> usize {
        (self.y % REGION / CELL * CELLS + self.x % REGION / CELL) as usize
    }
}

/// The numbers of the regions in a set, lowest first.
pub(crate) fn each(mut regions: Regions) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let region = (regions != 0).then(|| regions.trailing_zeros())?;
        regions &= regions - 1;
        Some(region as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sight_goes_over_borders_and_around_the_world() {
        let corner = Place { x: 0, y: 0 };
        assert_eq!(each(corner.in_sight()).collect::<Vec<_>>(), [0, 7, 56, 63]);
        assert!(corner.sees(Place { x: SIDE - SIGHT, y: SIGHT }));
        assert!(!corner.sees(Place { x: SIDE - SIGHT - 1, y: SIGHT }));
        let middle = Place { x: REGION / 2, y: REGION / 2 };
        assert_eq!(each(middle.in_sight()).collect::<Vec<_>>(), [0]);
        assert_eq!(corner.moved(-1, 0), Place { x: SIDE - 1, y: 0 });
    }

    #[test]
    fn a_place_lies_in_its_region_and_beside_the_others() {
        let place = Place { x: REGION + 5, y: 2 * REGION + CELL };
        assert_eq!((place.region(), place.cell()), (17, CELLS as usize));
        assert_eq!(place.relative_to(17), (5, CELL));
        assert_eq!(place.relative_to(18), (5 - REGION, CELL));
        assert_eq!(Place { x: 1, y: 1 }.relative_to(63), (REGION + 1, REGION + 1));
    }
}
