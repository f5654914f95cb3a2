//! The table and who gives its slots away, beside a map of every address that there ever was.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::dispatch::run_new;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// An actor comes. The wish is for the number of its type.
    Come(u32),
    /// One of those that live goes; `true` if its slot is worn out, as after four billion tenants.
    Go(prop::sample::Index, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..9_u32).prop_map(Step::Come),
        2 => (any::<prop::sample::Index>(), prop::bool::weighted(0.1)).prop_map(|(at, is_worn)| Step::Go(at, is_worn)),
    ]
}

struct Model {
    table: SlotTable,
    pool: SlotPool,
    /// Every address that was given away, with the type of its actor while it lives.
    known: BTreeMap<(u32, u32), Option<u32>>,
    /// Slots that were worn out.
    retired: u32,
}

impl Model {
    fn living(&self) -> Vec<Tag> {
        let living = self.known.iter().filter(|(_, type_index)| type_index.is_some());
        living.map(|((slot, generation), _)| Tag::new(*slot, *generation)).collect()
    }

    fn come(&mut self, type_index: u32) {
        let living = self.living();
        let Some(tag) = self.pool.take() else {
            return assert_eq!(living.len() as u32 + self.retired, self.pool.limit(), "there was a slot left");
        };
        assert!(tag.slot() < self.pool.limit() && tag.generation() >= 1);
        assert!(living.iter().all(|other| other.slot() != tag.slot()), "{tag:?} has a tenant");
        let before = self.known.insert((tag.slot(), tag.generation()), Some(type_index));
        assert_eq!(before, None, "{tag:?} had another tenant");
        // Of a slot that somebody takes the table knows nothing yet.
        assert!(self.table.get(tag).is_none() && self.table.tenant(tag.slot()).is_none());
        let tenant = Tenant { head: NonNull::dangling(), run: run_new, type_index, handles_as: NO_TYPE };
        self.table.install(tag, tenant);
    }

    fn go(&mut self, at: prop::sample::Index, is_worn: bool) {
        let living = self.living();
        if living.is_empty() {
            return;
        }
        let tag = *at.get(&living);
        self.table.remove(tag);
        self.known.insert((tag.slot(), tag.generation()), None);
        // The last generation but one is the last that is given away.
        let last = if is_worn { Tag::new(tag.slot(), u32::MAX - 1) } else { tag };
        self.retired += u32::from(is_worn);
        self.pool.give_back(last);
    }

    fn check(&mut self) {
        let living = self.living();
        assert_eq!(self.pool.taken() as usize, living.len());
        assert_eq!(self.table.heads().count(), living.len());
        for ((slot, generation), type_index) in &self.known {
            let tag = Tag::new(*slot, *generation);
            assert_eq!(self.table.get(tag).map(|tenant| tenant.type_index), *type_index, "{tag:?}");
            assert_eq!(self.table.get_mut(tag).map(|tenant| tenant.type_index), *type_index, "{tag:?}");
            assert_eq!(self.table.head(tag).is_some(), type_index.is_some());
            // Nobody has had the next generation of a slot whose tenant lives, nor has the worker itself a slot.
            assert!(type_index.is_none() || self.table.get(Tag::new(*slot, generation + 1)).is_none());
        }
        assert!(self.table.get(Tag::WORKER).is_none());
    }
}

proptest! {
    #[test]
    fn an_address_means_one_actor_for_ever(limit in 1..12_u32, steps in prop::collection::vec(step(), 0..200)) {
        let (table, pool) = (SlotTable::new(limit as usize), SlotPool::new(limit));
        let mut model = Model { table, pool, known: BTreeMap::new(), retired: 0 };
        for step in steps {
            match step {
                Step::Come(type_index) => model.come(type_index),
                Step::Go(at, is_worn) => model.go(at, is_worn),
            }
            model.check();
        }
    }
}
