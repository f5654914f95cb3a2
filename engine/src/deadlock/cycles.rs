//! The search for cycles in who waits for whom: a depth-first search without recursion.

use crate::address::Address;
use crate::deadlock::waits::Wait;

/// What the search knows of an actor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    /// It is on the path, so deep.
    OnPath(usize),
    /// Everything behind it was looked at.
    Done,
}

/// A step of the path: an actor, by its waits.
struct Step {
    /// Where its waits begin; this is its number, too.
    first: usize,
    /// The wait that the path follows, and behind it those that are still to be followed.
    wait: usize,
    /// How deep the deepest actor of the path up to here is that is in a cycle already, counted from 1.
    deepest_found: usize,
}

/// The cycles in `waits`, no two of which have an actor in common: at least one of every knot. Sorts `waits`, and drops
/// all but the longest of several waits of one actor for another. Costs as much as the sorting.
pub(crate) fn cycles(waits: &mut Vec<Wait>) -> Vec<Vec<Wait>> {
    waits.sort_unstable_by_key(|wait| (wait.asker.actor.rank(), wait.asked.rank(), wait.since_ns));
    waits.dedup_by_key(|wait| (wait.asker.actor, wait.asked));
    let mut search = Search { waits, seen: vec![Seen::No; waits.len()], path: Vec::new(), found: Vec::new() };
    for first in 0..search.waits.len() {
        let is_actor = first == 0 || search.waits[first - 1].asker.actor != search.waits[first].asker.actor;
        if is_actor && search.seen[first] == Seen::No {
            search.from(first);
        }
    }
    search.found
}

struct Search<'a> {
    /// By asker.
    waits: &'a [Wait],
    /// By the number of the actor.
    seen: Vec<Seen>,
    path: Vec<Step>,
    found: Vec<Vec<Wait>>,
}

impl Search<'_> {
    /// Follows everything that can be reached from an actor.
    fn from(&mut self, first: usize) {
        self.enter(first);
        while let Some(step) = self.path.last() {
            let (actor, wait, deepest_found) = (step.first, step.wait, step.deepest_found);
            let is_over = self.waits.get(wait).is_none_or(|next| next.asker.actor != self.waits[actor].asker.actor);
            if is_over {
                self.seen[actor] = Seen::Done;
                self.path.pop();
                self.follow_next();
                continue;
            }
            match self.number_of(self.waits[wait].asked).map(|asked| (asked, self.seen[asked])) {
                Some((asked, Seen::No)) => self.enter(asked),
                Some((_, Seen::OnPath(depth))) if deepest_found <= depth => {
                    self.note(depth);
                    self.follow_next();
                }
                _ => self.follow_next(),
            }
        }
    }

    fn enter(&mut self, first: usize) {
        self.seen[first] = Seen::OnPath(self.path.len());
        let deepest_found = self.path.last().map_or(0, |step| step.deepest_found);
        self.path.push(Step { first, wait: first, deepest_found });
    }

    fn follow_next(&mut self) {
        if let Some(step) = self.path.last_mut() {
            step.wait += 1;
        }
    }

    /// Notes the cycle that begins at this depth of the path.
    fn note(&mut self, depth: usize) {
        for (n, step) in self.path.iter_mut().enumerate().skip(depth) {
            step.deepest_found = n + 1;
        }
        self.found.push(self.path[depth..].iter().map(|step| self.waits[step.wait]).collect());
    }

    /// The number of an actor that waits itself.
    fn number_of(&self, actor: Address) -> Option<usize> {
        let first = self.waits.partition_point(|wait| wait.asker.actor.rank() < actor.rank());
        self.waits.get(first).is_some_and(|wait| wait.asker.actor == actor).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Home, Tag};
    use crate::asks::AskKey;
    use crate::deadlock::{WaitCycle, Waiter};

    fn actor(number: u32) -> Address {
        Address { home: Home::new(1, number % 2), tag: Tag::new(number, 1) }
    }

    fn found(waits: &[(u32, u32)]) -> Vec<Vec<u32>> {
        let wait = |(at, (asker, asked)): (usize, &(u32, u32))| Wait {
            asker: Waiter { actor: actor(*asker), actor_type: "" },
            asked: actor(*asked),
            ask: AskKey::new(at as u32),
            since_ns: at as u64,
        };
        let mut waits: Vec<_> = waits.iter().enumerate().map(wait).collect();
        let slots = |cycle: Vec<Wait>| {
            let cycle = WaitCycle::new(cycle.iter().map(|wait| wait.asker).collect());
            let slots: Vec<_> = cycle.actors().iter().map(|waiter| waiter.actor.slot()).collect();
            slots
        };
        let mut found: Vec<_> = cycles(&mut waits).into_iter().map(slots).collect();
        found.sort();
        found
    }

    const NONE: [Vec<u32>; 0] = [];

    #[test]
    fn a_chain_a_tree_and_a_diamond_have_none() {
        assert_eq!(found(&[]), NONE);
        assert_eq!(found(&[(0, 1), (1, 2), (2, 3), (3, 4)]), NONE);
        assert_eq!(found(&[(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)]), NONE);
        assert_eq!(found(&[(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)]), NONE);
    }

    #[test]
    fn a_cycle_is_found_in_its_order_whatever_leads_there() {
        assert_eq!(found(&[(0, 0)]), [[0]]);
        assert_eq!(found(&[(4, 0), (0, 2), (2, 4)]), [[0, 2, 4]]);
        assert_eq!(found(&[(4, 2), (2, 0), (0, 4)]), [[0, 4, 2]]);
        assert_eq!(found(&[(8, 6), (6, 4), (4, 2), (2, 6), (4, 10), (12, 4)]), [[2, 6, 4]]);
        assert_eq!(found(&[(0, 1), (1, 0), (0, 1), (1, 0), (0, 1)]), [[0, 1]], "asked again and again");
    }

    #[test]
    fn cycles_have_no_actor_in_common() {
        assert_eq!(found(&[(0, 2), (2, 0), (4, 6), (6, 8), (8, 4), (8, 0)]), [vec![0, 2], vec![4, 6, 8]]);
        // An eight: either loop, not both.
        assert_eq!(found(&[(0, 2), (2, 0), (0, 4), (4, 0)]).len(), 1);
        // Two loops on one path, the outer of which goes through the inner one.
        assert_eq!(found(&[(0, 2), (2, 4), (4, 2), (4, 6), (6, 0)]), [[2, 4]]);
        // A loop, and behind it another.
        assert_eq!(found(&[(0, 2), (2, 0), (2, 4), (4, 6), (6, 4)]), [[0, 2], [4, 6]]);
    }

    #[test]
    fn every_knot_has_one() {
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut below = |end: u32| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((random >> 33) % u64::from(end)) as u32
        };
        let (mut with, mut without) = (0, 0);
        for _ in 0..2_000 {
            let waits: Vec<_> = (0..below(14)).map(|_| (below(9), below(9))).collect();
            let found = found(&waits);
            let knots = knots(&waits);
            *(if knots.is_empty() { &mut without } else { &mut with }) += 1;
            for knot in knots {
                assert!(
                    found.iter().any(|cycle| cycle.iter().all(|actor| knot.contains(actor))),
                    "{waits:?}: {found:?}"
                );
            }
            let mut actors: Vec<_> = found.iter().flatten().copied().collect();
            for cycle in &found {
                for (at, asker) in cycle.iter().enumerate() {
                    let asked = cycle[(at + 1) % cycle.len()];
                    assert!(waits.contains(&(*asker, asked)), "{waits:?}: {cycle:?}");
                }
            }
            let all = actors.len();
            actors.sort_unstable();
            actors.dedup();
            assert_eq!(actors.len(), all, "{waits:?}: {found:?}");
        }
        assert!(with > 100 && without > 100, "{with} with, {without} without");
    }

    /// The sets of actors that reach each other, by Warshall's closure.
    fn knots(waits: &[(u32, u32)]) -> Vec<Vec<u32>> {
        let mut reaches = [[false; 9]; 9];
        waits.iter().for_each(|(asker, asked)| reaches[*asker as usize][*asked as usize] = true);
        for via in 0..9 {
            for from in 0..9 {
                for to in 0..9 {
                    reaches[from][to] |= reaches[from][via] && reaches[via][to];
                }
            }
        }
        let in_knot = (0..9).filter(|actor| reaches[*actor][*actor]);
        let mut knots: Vec<Vec<u32>> =
            in_knot.map(|a| (0..9).filter(|b| reaches[a][*b] && reaches[*b][a]).map(|b| b as u32).collect()).collect();
        knots.dedup();
        knots
    }
}
