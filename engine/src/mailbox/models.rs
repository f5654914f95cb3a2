//! Every policy beside a list that is plainly right.

use std::num::NonZeroUsize;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;

/// A message with a number of its own, a key, and a count of those alive.
#[derive(Debug)]
struct Parcel {
    number: usize,
    key: u64,
    _alive: Rc<()>,
}

/// What the list remembers of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    number: usize,
    key: u64,
    is_reserved: bool,
}

#[derive(Clone, Copy, Debug)]
enum Policy {
    Reject,
    DropNewest,
    DropOldest,
    Conflate,
    Grow(usize),
}

impl Policy {
    fn overflow(self) -> Overflow<Parcel> {
        match self {
            Self::Reject => Overflow::Reject,
            Self::DropNewest => Overflow::DropNewest,
            Self::DropOldest => Overflow::DropOldest,
            Self::Conflate => Overflow::Conflate(|parcel| parcel.key),
            Self::Grow(limit) => Overflow::Grow(limit),
        }
    }
}

/// What the list says becomes of a message.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Stored,
    Conflated(usize),
    DroppedOldest(usize),
    DroppedNewest,
    Rejected,
}

struct Model {
    policy: Policy,
    capacity: usize,
    list: Vec<Waiting>,
}

impl Model {
    /// What the mailbox may hold, without the reserved room.
    fn most(&self) -> usize {
        match self.policy {
            Policy::Grow(limit) => self.capacity.max(limit),
            _ => self.capacity,
        }
    }

    fn put(&mut self, number: usize, key: u64) -> Fate {
        let new = Waiting { number, key, is_reserved: false };
        let most = self.most();
        let droppable = self.list.iter().filter(|waiting| !waiting.is_reserved).count();
        if matches!(self.policy, Policy::Conflate)
            && let Some(older) = self.list.iter_mut().find(|waiting| !waiting.is_reserved && waiting.key == key)
        {
            return Fate::Conflated(std::mem::replace(older, new).number);
        }
        let is_full = droppable >= most || self.list.len() >= most + RESERVED;
        if !is_full {
            self.list.push(new);
            return Fate::Stored;
        }
        match self.policy {
            Policy::DropNewest => Fate::DroppedNewest,
            Policy::DropOldest => {
                let Some(oldest) = self.list.iter().position(|waiting| !waiting.is_reserved) else {
                    return Fate::DroppedOldest(number);
                };
                self.list.push(new);
                Fate::DroppedOldest(self.list.remove(oldest).number)
            }
            _ => Fate::Rejected,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Put(u64),
    PutReserved(u64),
    /// Enough to fill the reserved room.
    FillReserved(u64),
    Take,
    Discard,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u64..6).prop_map(Step::Put),
        3 => (0_u64..6).prop_map(Step::PutReserved),
        1 => (0_u64..6).prop_map(Step::FillReserved),
        12 => Just(Step::Take),
        1 => Just(Step::Discard),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Reject),
        Just(Policy::DropNewest),
        Just(Policy::DropOldest),
        Just(Policy::Conflate),
        (0_usize..12).prop_map(Policy::Grow),
    ]
}

/// The mailbox, the list, and what was made so far.
struct Pair {
    mailbox: Mailbox<Parcel>,
    model: Model,
    alive: Rc<()>,
    made: usize,
    high_water: usize,
}

impl Pair {
    fn parcel(&mut self, key: u64) -> Parcel {
        self.made += 1;
        Parcel { number: self.made, key, _alive: self.alive.clone() }
    }

    fn put_reserved(&mut self, key: u64) {
        let parcel = self.parcel(key);
        let waiting = self.model.list.len();
        if self.mailbox.put_reserved(parcel).is_ok() {
            assert!(waiting < self.model.most() + RESERVED);
            self.model.list.push(Waiting { number: self.made, key, is_reserved: true });
        } else {
            assert!(waiting >= self.model.capacity + RESERVED);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Put(key) => {
                let parcel = self.parcel(key);
                let asked = self.mailbox.key_of().map(|key_of| key_of(&parcel));
                let fate = match self.mailbox.put(asked, parcel) {
                    Put::Stored => Fate::Stored,
                    Put::Conflated(older) => Fate::Conflated(older.number),
                    Put::DroppedOldest(oldest) => Fate::DroppedOldest(oldest.number),
                    Put::DroppedNewest(newest) if newest.number == self.made => Fate::DroppedNewest,
                    Put::Rejected(refused) if refused.number == self.made => Fate::Rejected,
                    Put::DroppedNewest(other) | Put::Rejected(other) => panic!("{other:?} is not the one that came"),
                };
                assert_eq!(fate, self.model.put(self.made, key));
            }
            Step::PutReserved(key) => self.put_reserved(key),
            Step::FillReserved(key) => (0..=RESERVED).for_each(|_| self.put_reserved(key)),
            Step::Take => {
                let expected = (!self.model.list.is_empty()).then(|| self.model.list.remove(0));
                let taken = self.mailbox.take();
                assert_eq!(taken.map(|parcel| parcel.number), expected.map(|waiting| waiting.number));
            }
            Step::Discard => {
                let expected = !self.model.list.is_empty();
                self.model.list.drain(..usize::from(expected));
                assert_eq!(self.mailbox.discard(), expected);
            }
        }
        self.high_water = self.high_water.max(self.model.list.len());
        assert_eq!(self.mailbox.len(), self.model.list.len());
        assert_eq!(self.mailbox.high_water(), self.high_water);
        assert_eq!(Rc::strong_count(&self.alive) - 1, self.model.list.len(), "each is dropped once, when it has gone");
    }
}

proptest! {
    #[test]
    fn a_mailbox_is_a_list_with_a_policy(
        policy in policy(),
        capacity in 1_usize..6,
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mailbox = Mailbox::new(NonZeroUsize::new(capacity).unwrap(), policy.overflow());
        let model = Model { policy, capacity, list: Vec::new() };
        let mut pair = Pair { mailbox, model, alive: Rc::new(()), made: 0, high_water: 0 };
        for step in steps {
            pair.step(step);
        }
        drop(pair.mailbox);
        prop_assert_eq!(Rc::strong_count(&pair.alive), 1);
    }
}
