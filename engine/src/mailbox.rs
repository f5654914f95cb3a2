//! Private mailboxes: a ring that one actor owns, and what happens when it is full.
//!
//! Messages in a core's shared ring are handled in the order of the ring, whoever they are for. An actor that is flooded
//! would delay its neighbours; with a mailbox of its own its messages are moved there at once, and it is run in turn
//! with a budget.

use std::any::Any;
use std::collections::VecDeque;
use std::num::NonZeroUsize;

use hashbrown::HashTable;

use crate::cell::MailboxControl;
use crate::error::SpawnError;

/// What a full mailbox does with one more message.
///
/// Every dropped message is counted by its reason. Answers of asks, timers and notices of watched actors have reserved
/// room and are not subject to this.
#[non_exhaustive]
pub enum Overflow<M> {
    /// The sender is told: `try_tell` from the same core gives the message back. From elsewhere the answer would come
    /// too late, and the message becomes a dead letter.
    Reject,
    /// The message that comes is dropped.
    DropNewest,
    /// The message that waited longest is dropped.
    DropOldest,
    /// At most one message per key waits, the latest, in the place of the first; `capacity` is the number of keys.
    /// One more key is treated as by [`Reject`](Self::Reject).
    Conflate(fn(&M) -> u64),
    /// The mailbox grows up to this many messages; then as [`Reject`](Self::Reject).
    Grow(usize),
}

impl<M> Clone for Overflow<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Overflow<M> {}

impl<M> std::fmt::Debug for Overflow<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reject => formatter.write_str("Reject"),
            Self::DropNewest => formatter.write_str("DropNewest"),
            Self::DropOldest => formatter.write_str("DropOldest"),
            Self::Conflate(_) => formatter.write_str("Conflate"),
            Self::Grow(limit) => write!(formatter, "Grow({limit})"),
        }
    }
}

/// Room beyond the capacity for answers, timers and notices.
const RESERVED: usize = 64;

/// What became of a message that was put into a mailbox.
pub(crate) enum Put<M> {
    Stored,
    /// It took the place of this older one.
    Conflated(M),
    DroppedOldest(M),
    DroppedNewest(M),
    Rejected(M),
}

/// A message that waits.
struct Waiting<M> {
    mark: Mark,
    message: M,
}

/// What the mailbox knows of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Plain,
    /// For `Conflate`: its key, which is asked for once.
    Keyed(u64),
    /// It has reserved room: it takes none of the others', and is not dropped for them.
    Reserved,
}

/// A bounded queue of one actor's messages.
pub(crate) struct Mailbox<M> {
    waiting: VecDeque<Waiting<M>>,
    /// How many of those have reserved room.
    reserved: usize,
    capacity: usize,
    overflow: Overflow<M>,
    /// For `Conflate`: each key that waits, and its sequence number.
    keys: HashTable<(u64, u64)>,
    /// The sequence number of the front message.
    front: u64,
    high_water: usize,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: NonZeroUsize, overflow: Overflow<M>) -> Self {
        let capacity = capacity.get();
        let keys = if matches!(overflow, Overflow::Conflate(_)) { 2 * capacity } else { 0 };
        Self {
            waiting: VecDeque::with_capacity(capacity + RESERVED),
            reserved: 0,
            capacity,
            overflow,
            keys: HashTable::with_capacity(keys),
            front: 0,
            high_water: 0,
        }
    }

    /// What gives a message's key, if messages with one key are conflated.
    pub(crate) fn key_of(&self) -> Option<fn(&M) -> u64> {
        match self.overflow {
            Overflow::Conflate(key_of) => Some(key_of),
            _ => None,
        }
    }

    /// Puts a message in, by the policy. It has a `key` if [`key_of`](Self::key_of) gives one.
    pub(crate) fn put(&mut self, key: Option<u64>, message: M) -> Put<M> {
        if let Some(older) = key.and_then(|key| self.find(key)) {
            return Put::Conflated(std::mem::replace(older, message));
        }
        let is_full = self.ordinary() >= self.capacity || self.is_full_to_the_brim();
        if is_full { self.put_beyond(message) } else { self.store(key, message) }
    }

    /// Puts a message in by the policy, as [`put`](Self::put) does, as if the mailbox were full.
    pub(crate) fn put_squeezed(&mut self, key: Option<u64>, message: M) -> Put<M> {
        match key.and_then(|key| self.find(key)) {
            Some(older) => Put::Conflated(std::mem::replace(older, message)),
            None => self.put_beyond(message),
        }
    }

    /// How many messages wait that have no reserved room.
    pub(crate) fn ordinary(&self) -> usize {
        self.waiting.len() - self.reserved
    }

    /// Puts a message in that has reserved room; gives it back if that is full too.
    pub(crate) fn put_reserved(&mut self, message: M) -> Result<(), M> {
        if self.is_full_to_the_brim() {
            return Err(message);
        }
        self.push(Mark::Reserved, message);
        self.reserved += 1;
        Ok(())
    }

    /// Whether even the reserved room is taken.
    fn is_full_to_the_brim(&self) -> bool {
        self.waiting.len() >= self.capacity + RESERVED
    }

    /// The message with this key.
    fn find(&mut self, key: u64) -> Option<&mut M> {
        let (_, sequence) = self.keys.find(hash(key), |entry| entry.0 == key)?;
        self.waiting.get_mut((sequence - self.front) as usize).map(|waiting| &mut waiting.message)
    }

    /// Does with a message what the policy says when there is no room for it.
    fn put_beyond(&mut self, message: M) -> Put<M> {
        match self.overflow {
            Overflow::DropNewest => Put::DroppedNewest(message),
            Overflow::DropOldest => self.drop_oldest(message),
            Overflow::Grow(limit) if self.capacity < limit => {
                self.capacity = (self.capacity * 2).min(limit);
                self.waiting.reserve(self.capacity + RESERVED - self.waiting.len());
                self.store(None, message)
            }
            _ => Put::Rejected(message),
        }
    }

    /// Makes room by the message that waited longest of those that may be dropped; where there is none, it is the new one.
    fn drop_oldest(&mut self, message: M) -> Put<M> {
        let oldest = self.waiting.iter().position(|waiting| waiting.mark != Mark::Reserved);
        match oldest.and_then(|oldest| self.waiting.remove(oldest)) {
            Some(oldest) => {
                self.push(Mark::Plain, message);
                Put::DroppedOldest(oldest.message)
            }
            None => Put::DroppedOldest(message),
        }
    }

    fn store(&mut self, key: Option<u64>, message: M) -> Put<M> {
        let sequence = self.front + self.waiting.len() as u64;
        if let Some(key) = key {
            self.keys.insert_unique(hash(key), (key, sequence), |entry| hash(entry.0));
        }
        self.push(key.map_or(Mark::Plain, Mark::Keyed), message);
        Put::Stored
    }

    fn push(&mut self, mark: Mark, message: M) {
        self.waiting.push_back(Waiting { mark, message });
        self.high_water = self.high_water.max(self.waiting.len());
    }

    /// Takes the oldest message out.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<M> {
        let Waiting { mark, message } = self.waiting.pop_front()?;
        match mark {
            Mark::Plain => {}
            Mark::Reserved => self.reserved -= 1,
            Mark::Keyed(key) => {
                if let Ok(entry) = self.keys.find_entry(hash(key), |entry| entry.0 == key) {
                    entry.remove();
                }
            }
        }
        self.front += 1;
        Some(message)
    }
}

impl<M: 'static> MailboxControl for Mailbox<M> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn len(&self) -> usize {
        self.waiting.len()
    }

    fn discard(&mut self) -> bool {
        self.take().is_some()
    }

    fn high_water(&self) -> usize {
        self.high_water
    }
}

/// Spreads a key over the table: a multiplication by the golden ratio (Knuth, volume 3, 6.4).
fn hash(key: u64) -> u64 {
    let spread = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    spread ^ (spread >> 32)
}

/// The most messages of a mailbox.
const MESSAGES_MAX: usize = 1 << 24;

/// The mailbox that an actor is spawned with, if it is to have its own.
///
/// Its capacity, and what it may [grow](Overflow::Grow) to, are at most 16,777,216 messages; more is refused when the actor
/// is spawned.
#[derive(Debug)]
pub struct MailboxSpec<M> {
    pub(crate) capacity: NonZeroUsize,
    pub(crate) overflow: Overflow<M>,
}

impl<M> MailboxSpec<M> {
    /// A preallocated mailbox of `capacity` messages that rejects what does not fit.
    #[must_use]
    pub const fn bounded(capacity: NonZeroUsize) -> Self {
        Self { capacity, overflow: Overflow::Reject }
    }

    /// Whether it may be made.
    pub(crate) fn validate(&self) -> Result<(), SpawnError> {
        let messages = match self.overflow {
            Overflow::Grow(limit) => self.capacity.get().max(limit),
            _ => self.capacity.get(),
        };
        if messages > MESSAGES_MAX {
            return Err(SpawnError::MailboxTooLarge { messages, limit: MESSAGES_MAX });
        }
        Ok(())
    }

    /// The same with another policy.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow<M>) -> Self {
        self.overflow = overflow;
        self
    }
}

#[cfg(test)]
mod models;

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(capacity: usize, overflow: Overflow<u64>) -> Mailbox<u64> {
        Mailbox::new(NonZeroUsize::new(capacity).unwrap(), overflow)
    }

    /// Puts a message in whose key, where one is asked for, is its last digit.
    fn put(mailbox: &mut Mailbox<u64>, n: u64) -> Put<u64> {
        mailbox.put(mailbox.key_of().map(|key_of| key_of(&n)), n)
    }

    fn all(mailbox: &mut Mailbox<u64>) -> Vec<u64> {
        std::iter::from_fn(|| mailbox.take()).collect()
    }

    #[test]
    fn reject_gives_the_message_back() {
        let mut mailbox = mailbox(2, Overflow::Reject);
        assert!(matches!(put(&mut mailbox, 1), Put::Stored));
        assert!(matches!(put(&mut mailbox, 2), Put::Stored));
        assert!(matches!(put(&mut mailbox, 3), Put::Rejected(3)));
        assert_eq!(all(&mut mailbox), [1, 2]);
    }

    #[test]
    fn the_oldest_or_the_newest_is_dropped() {
        let mut oldest = mailbox(2, Overflow::DropOldest);
        let mut newest = mailbox(2, Overflow::DropNewest);
        for n in 1..=2 {
            assert!(matches!(put(&mut oldest, n), Put::Stored));
            assert!(matches!(put(&mut newest, n), Put::Stored));
        }
        assert!(matches!(put(&mut oldest, 3), Put::DroppedOldest(1)));
        assert!(matches!(put(&mut newest, 3), Put::DroppedNewest(3)));
        assert_eq!(all(&mut oldest), [2, 3]);
        assert_eq!(all(&mut newest), [1, 2]);
    }

    #[test]
    fn what_has_reserved_room_is_not_the_oldest_to_be_dropped() {
        let mut mailbox = mailbox(2, Overflow::DropOldest);
        assert_eq!(mailbox.put_reserved(1), Ok(()));
        assert!(matches!(put(&mut mailbox, 2), Put::Stored));
        assert!(matches!(put(&mut mailbox, 3), Put::Stored), "the answer takes no room away");
        assert!(matches!(put(&mut mailbox, 4), Put::DroppedOldest(2)));
        assert_eq!(mailbox.put_reserved(5), Ok(()));
        assert!(matches!(put(&mut mailbox, 6), Put::DroppedOldest(3)));
        assert_eq!(all(&mut mailbox), [1, 4, 5, 6]);
        (0..RESERVED as u64 + 2).for_each(|n| assert_eq!(mailbox.put_reserved(n), Ok(())));
        assert!(matches!(put(&mut mailbox, 99), Put::DroppedOldest(99)), "nothing else may be dropped");
    }

    #[test]
    fn conflation_keeps_the_latest_in_the_place_of_the_first() {
        let mut mailbox = mailbox(2, Overflow::Conflate(|n| n % 10));
        assert!(matches!(put(&mut mailbox, 1), Put::Stored));
        assert!(matches!(put(&mut mailbox, 2), Put::Stored));
        assert!(matches!(put(&mut mailbox, 11), Put::Conflated(1)));
        assert!(matches!(put(&mut mailbox, 3), Put::Rejected(3)));
        assert_eq!(mailbox.take(), Some(11));
        assert!(matches!(put(&mut mailbox, 21), Put::Stored), "the key has gone with its message");
        assert!(matches!(put(&mut mailbox, 12), Put::Conflated(2)));
        assert_eq!(all(&mut mailbox), [12, 21]);
    }

    #[test]
    fn growth_ends_at_its_limit() {
        let mut mailbox = mailbox(1, Overflow::Grow(3));
        for n in 1..=3 {
            assert!(matches!(put(&mut mailbox, n), Put::Stored));
        }
        assert!(matches!(put(&mut mailbox, 4), Put::Rejected(4)));
        assert_eq!(all(&mut mailbox), [1, 2, 3]);
    }

    #[test]
    fn reserved_room_is_beyond_the_capacity_and_has_an_end() {
        let mut mailbox = mailbox(1, Overflow::Reject);
        assert!(matches!(put(&mut mailbox, 0), Put::Stored));
        for n in 0..RESERVED as u64 {
            assert_eq!(mailbox.put_reserved(n), Ok(()));
        }
        assert_eq!(mailbox.put_reserved(99), Err(99));
    }

    #[test]
    fn answers_take_no_room_away_until_they_have_taken_all() {
        for overflow in [Overflow::Reject, Overflow::Grow(1), Overflow::Conflate(|n| *n)] {
            let mut mailbox = mailbox(1, overflow);
            assert_eq!(mailbox.put_reserved(0), Ok(()));
            assert!(matches!(put(&mut mailbox, 1), Put::Stored), "{overflow:?}");
            (0..RESERVED as u64 - 1).for_each(|n| assert_eq!(mailbox.put_reserved(n), Ok(())));
            assert_eq!([mailbox.take(), mailbox.take()], [Some(0), Some(1)], "{overflow:?}");
            (0..2).for_each(|n| assert_eq!(mailbox.put_reserved(n), Ok(())));
            assert!(matches!(put(&mut mailbox, 99), Put::Rejected(99)), "{overflow:?}");
        }
    }
}
