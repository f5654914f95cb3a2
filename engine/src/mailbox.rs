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
    /// The sequence numbers of the messages that have reserved room: they take none of the others', and are not dropped.
    reserved: VecDeque<u64>,
    /// Whether messages are known by their sequence number: in `keys` or in `reserved`.
    has_marks: bool,
    high_water: usize,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: NonZeroUsize, overflow: Overflow<M>) -> Self {
        let capacity = capacity.get();
        let conflates = matches!(overflow, Overflow::Conflate(_));
        let keys = if conflates { 2 * capacity } else { 0 };
        Self {
            messages: VecDeque::with_capacity(capacity + RESERVED),
            capacity,
            overflow,
            front: 0,
            keys: HashTable::with_capacity(keys),
            reserved: VecDeque::with_capacity(RESERVED),
            has_marks: conflates,
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

    /// Puts a message in when as many wait as there is room for, or fewer of them, and others with reserved room.
    fn put_beyond(&mut self, message: M) -> Put<M> {
        if self.ordinary() < self.capacity && self.messages.len() < self.capacity + RESERVED {
            self.push(message);
            return Put::Stored;
        }
        self.put_by_policy(message)
    }

    /// How many messages wait that have no reserved room.
    pub(crate) fn ordinary(&self) -> usize {
        self.messages.len() - self.reserved.len()
    }

    /// Does with a message what the policy says when the mailbox is full.
    fn put_by_policy(&mut self, message: M) -> Put<M> {
        match self.overflow {
            Overflow::DropNewest => Put::DroppedNewest(message),
            Overflow::DropOldest if self.ordinary() > 0 => {
                let oldest = self.take_ordinary();
                self.push(message);
                oldest.map_or(Put::Stored, Put::DroppedOldest)
            }
            Overflow::Grow(limit) if self.capacity < limit => {
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
        let Overflow::Conflate(key_of) = self.overflow else { return self.put_by_policy(message) };
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
        self.reserved.push_back(self.front + self.messages.len() as u64);
        self.has_marks = true;
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
        if self.has_marks {
            self.unmark(&message);
        }
        self.front += 1;
        Some(message)
    }

    /// Forgets the mark of the front message, which was just taken out.
    fn unmark(&mut self, message: &M) {
        let front = self.front;
        if self.reserved.front() == Some(&front) {
            self.reserved.pop_front();
        } else if let Overflow::Conflate(key_of) = self.overflow {
            let key = key_of(message);
            if let Ok(entry) = self.keys.find_entry(hash(key), |entry| *entry == (key, front)) {
                entry.remove();
            }
        }
        self.has_marks = matches!(self.overflow, Overflow::Conflate(_)) || !self.reserved.is_empty();
    }

    /// Takes the oldest message out that has no reserved room. Not for `Conflate`, whose keys are not told.
    fn take_ordinary(&mut self) -> Option<M> {
        let leading = self.reserved.iter().zip(self.front..).take_while(|(reserved, place)| *reserved == place).count();
        if leading == 0 {
            return self.take();
        }
        let oldest = self.messages.remove(leading);
        // What waits behind it moves up.
        self.reserved.iter_mut().skip(leading).for_each(|reserved| *reserved -= 1);
        oldest
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
    fn messages_with_reserved_room_are_passed_over() {
        let mut mailbox = mailbox(2, Overflow::DropOldest);
        for n in [10, 11] {
            assert_eq!(mailbox.put_reserved(n), Ok(()));
        }
        assert!(matches!(mailbox.put(1), Put::Stored), "the others take none of its room");
        assert_eq!(mailbox.put_reserved(12), Ok(()));
        assert!(matches!(mailbox.put(2), Put::Stored));
        assert!(matches!(mailbox.put(3), Put::DroppedOldest(1)));
        assert_eq!(mailbox.take(), Some(10));
        assert!(matches!(mailbox.put(4), Put::DroppedOldest(2)));
        assert_eq!(all(&mut mailbox), [11, 12, 3, 4]);
        assert!(matches!(mailbox.put(5), Put::Stored));
        assert!(matches!(mailbox.put(6), Put::Stored));
        assert!(matches!(mailbox.put(7), Put::DroppedOldest(5)));
        assert_eq!(all(&mut mailbox), [6, 7]);
    }

    #[test]
    fn a_mailbox_full_of_reserved_messages_rejects_others() {
        for overflow in [Overflow::DropOldest, Overflow::Reject, Overflow::Grow(1), Overflow::Conflate(|n| *n)] {
            let mut mailbox = mailbox(1, overflow);
            for n in 0..=RESERVED as u64 {
                assert_eq!(mailbox.put_reserved(n), Ok(()));
            }
            assert!(matches!(mailbox.put(99), Put::Rejected(99)), "{overflow:?}");
            assert_eq!(all(&mut mailbox).len(), RESERVED + 1);
            assert!(matches!(mailbox.put(99), Put::Stored), "{overflow:?}");
        }
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
