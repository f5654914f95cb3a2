//! Private mailboxes: a ring that one actor owns, and what happens when it is full.
//!
//! Messages in a core's shared ring are handled in the order of the ring, whoever they are for. An actor that is flooded
//! would delay its neighbours; with a mailbox of its own its messages are moved there at once, and it is run in turn
//! with a budget.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use hashbrown::HashTable;

use crate::cell::MailboxControl;

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

/// A bounded queue of one actor's messages.
pub(crate) struct Mailbox<M> {
    messages: VecDeque<M>,
    capacity: usize,
    overflow: Overflow<M>,
    /// The sequence number of the front message.
    front: u64,
    /// For `Conflate`: the key of each message and its sequence number.
    keys: HashTable<(u64, u64)>,
    high_water: usize,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: NonZeroUsize, overflow: Overflow<M>) -> Self {
        let capacity = capacity.get();
        let keys = if matches!(overflow, Overflow::Conflate(_)) { 2 * capacity } else { 0 };
        Self {
            messages: VecDeque::with_capacity(capacity + RESERVED),
            capacity,
            overflow,
            front: 0,
            keys: HashTable::with_capacity(keys),
            high_water: 0,
        }
    }

    /// Puts a message in, by the policy.
    pub(crate) fn put(&mut self, message: M) -> Put<M> {
        if let Overflow::Conflate(key_of) = self.overflow {
            return self.conflate(key_of(&message), message);
        }
        if self.messages.len() < self.capacity {
            self.push(message);
            return Put::Stored;
        }
        self.put_beyond(message)
    }

    /// Does with a message what the policy says when the mailbox is full.
    fn put_beyond(&mut self, message: M) -> Put<M> {
        match self.overflow {
            Overflow::DropNewest => Put::DroppedNewest(message),
            Overflow::DropOldest => {
                let oldest = self.take();
                self.push(message);
                oldest.map_or(Put::Stored, Put::DroppedOldest)
            }
            Overflow::Grow(limit) if self.messages.len() < limit => {
                self.capacity = (self.capacity * 2).min(limit);
                self.messages.reserve(self.capacity + RESERVED - self.messages.len());
                self.push(message);
                Put::Stored
            }
            _ => Put::Rejected(message),
        }
    }

    /// Puts a message in by the policy, as if the mailbox were full.
    pub(crate) fn put_squeezed(&mut self, message: M) -> Put<M> {
        let Overflow::Conflate(key_of) = self.overflow else { return self.put_beyond(message) };
        let key = key_of(&message);
        match self.keys.find(hash(key), |entry| entry.0 == key) {
            Some(_) => self.conflate(key, message),
            None => Put::Rejected(message),
        }
    }

    /// Puts a message in that has reserved room; gives it back if that is full too.
    pub(crate) fn put_reserved(&mut self, message: M) -> Result<(), M> {
        if self.messages.len() >= self.capacity + RESERVED {
            return Err(message);
        }
        self.push(message);
        Ok(())
    }

    fn push(&mut self, message: M) {
        self.messages.push_back(message);
        self.high_water = self.high_water.max(self.messages.len());
    }

    fn conflate(&mut self, key: u64, message: M) -> Put<M> {
        if let Some((_, sequence)) = self.keys.find(hash(key), |entry| entry.0 == key) {
            let place = (sequence - self.front) as usize;
            return Put::Conflated(std::mem::replace(&mut self.messages[place], message));
        }
        if self.keys.len() >= self.capacity || self.messages.len() >= self.capacity + RESERVED {
            return Put::Rejected(message);
        }
        let sequence = self.front + self.messages.len() as u64;
        self.keys.insert_unique(hash(key), (key, sequence), |entry| hash(entry.0));
        self.push(message);
        Put::Stored
    }

    /// Takes the oldest message out.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<M> {
        let message = self.messages.pop_front()?;
        if let Overflow::Conflate(key_of) = self.overflow {
            let (key, sequence) = (key_of(&message), self.front);
            if let Ok(entry) = self.keys.find_entry(hash(key), |entry| *entry == (key, sequence)) {
                entry.remove();
            }
        }
        self.front += 1;
        Some(message)
    }
}

impl<M> MailboxControl for Mailbox<M> {
    fn len(&self) -> usize {
        self.messages.len()
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

/// The mailbox that an actor is spawned with, if it is to have its own.
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

    /// The same with another policy.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow<M>) -> Self {
        self.overflow = overflow;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(capacity: usize, overflow: Overflow<u64>) -> Mailbox<u64> {
        Mailbox::new(NonZeroUsize::new(capacity).unwrap(), overflow)
    }

    fn all(mailbox: &mut Mailbox<u64>) -> Vec<u64> {
        std::iter::from_fn(|| mailbox.take()).collect()
    }

    #[test]
    fn reject_gives_the_message_back() {
        let mut mailbox = mailbox(2, Overflow::Reject);
        assert!(matches!(mailbox.put(1), Put::Stored));
        assert!(matches!(mailbox.put(2), Put::Stored));
        assert!(matches!(mailbox.put(3), Put::Rejected(3)));
        assert_eq!(all(&mut mailbox), [1, 2]);
    }

    #[test]
    fn the_oldest_or_the_newest_is_dropped() {
        let mut oldest = mailbox(2, Overflow::DropOldest);
        let mut newest = mailbox(2, Overflow::DropNewest);
        for n in 1..=2 {
            assert!(matches!(oldest.put(n), Put::Stored));
            assert!(matches!(newest.put(n), Put::Stored));
        }
        assert!(matches!(oldest.put(3), Put::DroppedOldest(1)));
        assert!(matches!(newest.put(3), Put::DroppedNewest(3)));
        assert_eq!(all(&mut oldest), [2, 3]);
        assert_eq!(all(&mut newest), [1, 2]);
    }

    #[test]
    fn conflation_keeps_the_latest_in_the_place_of_the_first() {
        let mut mailbox = mailbox(2, Overflow::Conflate(|n| n % 10));
        assert!(matches!(mailbox.put(1), Put::Stored));
        assert!(matches!(mailbox.put(2), Put::Stored));
        assert!(matches!(mailbox.put(11), Put::Conflated(1)));
        assert!(matches!(mailbox.put(3), Put::Rejected(3)));
        assert_eq!(mailbox.take(), Some(11));
        assert!(matches!(mailbox.put(21), Put::Stored), "the key has gone with its message");
        assert!(matches!(mailbox.put(12), Put::Conflated(2)));
        assert_eq!(all(&mut mailbox), [12, 21]);
    }

    #[test]
    fn growth_ends_at_its_limit() {
        let mut mailbox = mailbox(1, Overflow::Grow(3));
        for n in 1..=3 {
            assert!(matches!(mailbox.put(n), Put::Stored));
        }
        assert!(matches!(mailbox.put(4), Put::Rejected(4)));
        assert_eq!(all(&mut mailbox), [1, 2, 3]);
    }

    #[test]
    fn reserved_room_is_beyond_the_capacity_and_has_an_end() {
        let mut mailbox = mailbox(1, Overflow::Reject);
        assert!(matches!(mailbox.put(0), Put::Stored));
        for n in 0..RESERVED as u64 {
            assert_eq!(mailbox.put_reserved(n), Ok(()));
        }
        assert_eq!(mailbox.put_reserved(99), Err(99));
    }
}
