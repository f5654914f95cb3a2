//! Messages of one key go to one routee.
//!
//! A table of slots says who has which part of all keys. Each slot belongs to the routee that has the highest rank for it
//! (rendezvous hashing, Thaler and Ravishankar 1998): when a routee leaves, only its own slots go to others, and one that
//! comes takes only its share.

use std::fmt;
use std::sync::Arc;

use crate::router::list::{Routee, Routees};
use crate::router::strategy::Strategy;

/// Bits of a hash that say which slot.
const SLOT_BITS: u32 = 13;
const SLOTS: usize = 1 << SLOT_BITS;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the result depends on every bit of `n`.
pub(crate) const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// Which routee, by its place in the list, has which slot.
pub(crate) struct Slots([u16; SLOTS]);

impl Slots {
    /// Costs two multiplications for each slot and routee.
    pub(crate) fn of<M>(routees: &[Routee<M>]) -> Self {
        let ids: Vec<u64> = routees.iter().map(|routee| mix(routee.id())).collect();
        let mut slots = [0; SLOTS];
        for (number, slot) in (0_u64..).zip(slots.iter_mut()) {
            // Routees have different ids and so different ranks; where two are equal nevertheless, the id decides, and not
            // the place in the list, which changes.
            let first = (0..=u16::MAX).zip(&ids).max_by_key(|(_, id)| (mix(*id ^ number), **id));
            *slot = first.map_or(0, |(index, _)| index);
        }
        Self(slots)
    }

    /// The place in the list of who has this key.
    #[inline(always)]
    fn of_key(&self, key: u64) -> usize {
        // Multiply-shift by the golden ratio (Knuth), of both halves: spreads numbers in sequence the most evenly.
        let hash = (key ^ (key >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0[(hash >> (u64::BITS - SLOT_BITS)) as usize] as usize
    }
}

/// All messages of one key to the same routee, as long as the list of routees stays the same.
///
/// `key` makes a number of a message: an account, a symbol's number, a hash of a name. Which number does not matter; keys
/// in sequence are spread as well as others. When a routee leaves, only its keys go to others; a pool's replacement for it
/// gets them back, and a routee that is new takes its share of all keys from the others.
///
/// The keys are spread by 8192 slots, so shares differ: by some per cent with a few routees, and the more the more there
/// are; beyond 65,536 the rest gets none. After a change of the list the first router that sends computes for all of them who
/// has which slot: 20 to 40 µs for each routee, on a common machine.
///
/// # Examples
/// ```
/// use hippodrome::ActorRef;
/// use hippodrome_toolkit::router::{ConsistentHashing, NoRoutees, Router};
///
/// struct Order {
///     account: u64,
/// }
///
/// fn by_account(
///     books: Vec<ActorRef<Order>>,
/// ) -> Result<Router<Order, ConsistentHashing<fn(&Order) -> u64>>, NoRoutees> {
///     Router::over(books, ConsistentHashing::by(|order: &Order| order.account))
/// }
/// ```
#[derive(Clone)]
pub struct ConsistentHashing<K> {
    key: K,
    /// None before the first list.
    slots: Option<Arc<Slots>>,
}

impl<K> ConsistentHashing<K> {
    /// By the key that this function makes of a message.
    #[must_use]
    pub fn by(key: K) -> Self {
        Self { key, slots: None }
    }
}

impl<M, K: Fn(&M) -> u64 + Clone> Strategy<M> for ConsistentHashing<K> {
    #[inline(always)]
    fn choose<'r>(&mut self, routees: &'r [Routee<M>], message: &M) -> Option<&'r Routee<M>> {
        routees.get(self.slots.as_ref()?.of_key((self.key)(message)))
    }

    fn changed(&mut self, routees: &Routees<M>) {
        self.slots = Some(routees.slots());
    }
}

impl<K> fmt::Debug for ConsistentHashing<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ConsistentHashing")
    }
}
