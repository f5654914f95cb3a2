//! What a region holds, outside of its actor: so it is there when the actor is restarted, and when it is counted.
//!
//! A tick is worked out beside what holds and takes its place in one move: that is the point from which on it has
//! happened. An actor that panics before it has done nothing, and its next incarnation does the tick again. Behind it come
//! only sends, each taken off its list when it is done.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use hippodrome::ActorRef;

use crate::interest::Watcher;
use crate::population::{Cells, Entity, Population};
use crate::region::RegionMsg;
use crate::session::SessionMsg;

/// The longest lateness or work that is told apart from longer ones.
const MAX_NS: u64 = 60_000_000_000;

/// All regions and sessions, by number.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) regions: Vec<ActorRef<RegionMsg>>,
    pub(crate) sessions: Vec<ActorRef<SessionMsg>>,
}

/// What is counted and measured.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Entities that went to another region.
    pub(crate) handed_over: u64,
    /// Updates that were sent to players, and the changes in them.
    pub(crate) updates: u64,
    pub(crate) changes: u64,
    pub(crate) restarts: u64,
    /// How late each tick began, in nanoseconds.
    pub(crate) jitter_ns: Histogram<u64>,
    /// How long the work of each tick took, in nanoseconds.
    pub(crate) work_ns: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let histogram = || Histogram::new_with_max(MAX_NS, 2).expect("the bounds are constants that it allows");
        let (jitter_ns, work_ns) = (histogram(), histogram());
        Self { handed_over: 0, updates: 0, changes: 0, restarts: 0, jitter_ns, work_ns }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.handed_over += other.handed_over;
        self.updates += other.updates;
        self.changes += other.changes;
        self.restarts += other.restarts;
        for (sum, part) in [(&mut self.jitter_ns, &other.jitter_ns), (&mut self.work_ns, &other.work_ns)] {
            sum.add(part).expect("all histograms have the same bounds");
        }
    }

    pub(crate) fn worked(&mut self, work: Duration) {
        self.work_ns.saturating_record(work.as_nanos() as u64);
    }
}

/// A region, as it holds.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) region: usize,
    /// Who is here.
    pub(crate) people: Population,
    /// Where they are.
    pub(crate) cells: Cells,
    /// Who has left, and is not handed over yet.
    pub(crate) leaving: VecDeque<Entity>,
    /// Players that see a part of the region, by their numbers.
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) ticks_done: u32,
    /// The ticks in which it is to fail, the last one first.
    pub(crate) failures: Vec<u32>,
    /// How often the actor was started.
    pub(crate) lives: u32,
    /// Set once, before the first tick.
    pub(crate) peers: Option<Arc<Peers>>,
    pub(crate) tally: Tally,
}

impl Holding {
    pub(crate) fn new(region: usize) -> Self {
        Self {
            region,
            people: Population::default(),
            cells: Cells::new(),
            leaving: VecDeque::new(),
            watchers: Vec::new(),
            ticks_done: 0,
            failures: Vec::new(),
            lives: 0,
            peers: None,
            tally: Tally::new(),
        }
    }
}

/// A tick that is being worked out.
#[derive(Debug)]
pub(crate) struct Draft {
    people: Population,
    cells: Cells,
    leaving: Vec<Entity>,
}

impl Draft {
    pub(crate) fn new() -> Self {
        Self { people: Population::default(), cells: Cells::new(), leaving: Vec::new() }
    }

    /// Works out the next tick. The holding is not touched, so that a panic, of which `fails` asks for one, leaves it.
    pub(crate) fn work_out(&mut self, holding: &Holding, fails: bool) {
        holding.people.step(holding.region, &mut self.people, &mut self.leaving, fails);
        self.cells.sort(&self.people);
        self.people.meet(&self.cells);
    }

    /// The tick has happened. The draft is used again for the next one.
    pub(crate) fn commit(&mut self, holding: &mut Holding) {
        std::mem::swap(&mut holding.people, &mut self.people);
        std::mem::swap(&mut holding.cells, &mut self.cells);
        holding.leaving.extend(self.leaving.drain(..));
        holding.ticks_done += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_tick_that_fails_has_not_happened() {
        let (mut holding, mut draft) = (Holding::new(0), Draft::new());
        for number in 0..100 {
            let entity = Entity::new(number, 0x0009_0003_0000_0000 * u64::from(number));
            holding.people.push(Entity { place: Default::default(), ..entity });
        }
        let before: Vec<_> = holding.people.iter().collect();
        let failed = catch_unwind(AssertUnwindSafe(|| draft.work_out(&holding, true)));
        assert!(failed.is_err());
        assert_eq!(holding.people.iter().collect::<Vec<_>>(), before);
        assert_eq!((holding.ticks_done, holding.leaving.len()), (0, 0));
        // The next one does all of it.
        draft.work_out(&holding, false);
        draft.commit(&mut holding);
        assert_eq!((holding.ticks_done, holding.people.len() + holding.leaving.len()), (1, 100));
        assert!(holding.people.iter().all(|entity| entity.place.region() == 0));
    }
}
