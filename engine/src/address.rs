//! Where an actor lives: its node, its worker, its slot, and which of the slot's tenants it is.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The worker that an actor lives on, as one word that is compared whole: the node in the upper half, then a bit for
/// actors with a private mailbox, then the worker's index.
///
/// ```text
///   63          32 31 30       0
///   ┌─────────────┬──┬─────────┐
///   │ node        │P │ worker  │
///   └─────────────┴──┴─────────┘
/// ```
///
/// A node is a number of this process alone: every engine that is started takes the next one, so that an address of
/// one engine means nothing to another, and a bridge can take one for each peer that it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Home(pub(crate) u64);

const PRIVATE: u64 = 1 << 31;

impl Home {
    pub(crate) const fn new(node: u32, worker: u32) -> Self {
        Self((node as u64) << 32 | worker as u64)
    }

    /// The same worker, marked for actors whose messages go to their own mailbox.
    pub(crate) const fn private(self) -> Self {
        Self(self.0 | PRIVATE)
    }

    /// The worker, without the mark.
    pub(crate) const fn shared(self) -> Self {
        Self(self.0 & !PRIVATE)
    }

    pub(crate) const fn node(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn worker(self) -> usize {
        (self.0 as u32 & !(PRIVATE as u32)) as usize
    }
}

/// Which actor of a worker: the slot in the lower half, its generation in the upper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tag(pub(crate) u64);

/// The slot of messages that are for the worker itself; no table is that large.
const WORKER_SLOT: u32 = u32::MAX;

impl Tag {
    /// The tag of messages for the worker itself.
    pub(crate) const WORKER: Self = Self::new(WORKER_SLOT, 0);

    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        Self((generation as u64) << 32 | slot as u64)
    }

    pub(crate) const fn slot(self) -> u32 {
        self.0 as u32
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The address of an actor, whatever messages it takes: `Copy`, 16 bytes.
///
/// An address stays unique for the life of the process: when its actor has stopped, what is sent to it becomes a dead
/// letter, even if the slot has a new tenant.
///
/// It prints as `node/worker/slot.generation`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    pub(crate) home: Home,
    pub(crate) tag: Tag,
}

impl Address {
    /// The engine's number in this process.
    #[must_use]
    pub const fn node(self) -> u32 {
        self.home.node()
    }

    /// The index of the worker that the actor lives on.
    #[must_use]
    pub const fn worker(self) -> usize {
        self.home.worker()
    }

    /// The slot in the worker's table.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.tag.slot()
    }

    /// A number for sorting.
    pub(crate) const fn rank(self) -> (u64, u64) {
        (self.home.0, self.tag.0)
    }

    /// Which of the slot's tenants this is, counted from 1.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.tag.generation()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}.{}", self.node(), self.worker(), self.slot(), self.generation())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

/// A typed [`Address`]: what is sent to it is an `M`. `Copy`, 16 bytes, no reference count, no pointer.
///
/// It can be kept, compared, put into messages and sent to other threads. It does not keep the actor alive.
///
/// # Examples
/// ```
/// use hippodrome::ActorRef;
/// assert_eq!(size_of::<ActorRef<String>>(), 16);
/// ```
pub struct ActorRef<M> {
    address: Address,
    message: PhantomData<fn(M)>,
}

impl<M> ActorRef<M> {
    /// Only for the address of an actor that takes `M`: everything behind relies on it.
    pub(crate) const fn new(address: Address) -> Self {
        Self { address, message: PhantomData }
    }

    /// The address without the type.
    #[must_use]
    pub const fn address(self) -> Address {
        self.address
    }

    #[inline(always)]
    pub(crate) const fn home(self) -> Home {
        self.address.home
    }

    #[inline(always)]
    pub(crate) const fn tag(self) -> Tag {
        self.address.tag
    }
}

impl<M> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for ActorRef<M> {}

impl<M> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl<M> Eq for ActorRef<M> {}

impl<M> Hash for ActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

impl<M> fmt::Debug for ActorRef<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ActorRef<{}>({})", std::any::type_name::<M>(), self.address)
    }
}

impl<M> From<ActorRef<M>> for Address {
    fn from(actor: ActorRef<M>) -> Self {
        actor.address
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const _: () = assert!(size_of::<ActorRef<String>>() == 16 && align_of::<ActorRef<String>>() == 8);
    // Every bit pattern may be an address, so there is none left to mean that there is no address.
    const _: () = assert!(size_of::<Option<ActorRef<String>>>() == 24);

    /// Numbers of a few bits as well as of all of them.
    fn number(bits: u32) -> impl Strategy<Value = u32> {
        let largest = u32::MAX >> (32 - bits);
        prop_oneof![0..=largest, 0..=3_u32, largest - 3..=largest]
    }

    /// A node, a worker, a slot and a generation.
    fn parts() -> impl Strategy<Value = (u32, u32, u32, u32)> {
        (number(32), number(31), number(32), number(32))
    }

    fn address((node, worker, slot, generation): (u32, u32, u32, u32)) -> Address {
        Address { home: Home::new(node, worker), tag: Tag::new(slot, generation) }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked((node, worker, slot, generation) in parts()) {
            let shared = address((node, worker, slot, generation));
            let private = Address { home: shared.home.private(), ..shared };
            for address in [shared, private] {
                prop_assert_eq!(address.node(), node);
                prop_assert_eq!(address.worker(), worker as usize);
                prop_assert_eq!((address.slot(), address.generation()), (slot, generation));
                prop_assert_eq!(address.home.shared(), shared.home);
                prop_assert_eq!(address.home.private(), private.home);
                prop_assert_eq!(address.to_string(), format!("{node}/{worker}/{slot}.{generation}"));
                let typed = ActorRef::<String>::new(address);
                prop_assert_eq!((typed.home(), typed.tag(), Address::from(typed)), (address.home, address.tag, address));
            }
            prop_assert!(shared != private);
        }

        #[test]
        fn addresses_are_equal_if_all_their_parts_are(one in parts(), other in parts(), same in any::<[bool; 4]>()) {
            let other = (
                if same[0] { one.0 } else { other.0 },
                if same[1] { one.1 } else { other.1 },
                if same[2] { one.2 } else { other.2 },
                if same[3] { one.3 } else { other.3 },
            );
            prop_assert_eq!(address(one) == address(other), one == other);
            prop_assert!(address(one).home != address(other).home.private());
        }
    }
}
