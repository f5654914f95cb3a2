//! A worker's timers: a hierarchical timing wheel.
//!
//! # What
//!
//! [`Wheel<T>`] holds values that fall due at a time. Arming, moving and cancelling a timer are O(1) whether ten timers
//! are armed or a million; handing out the due ones is O(1) each. It belongs to one worker, reads no clock and takes
//! the time as an argument, so the same calls give the same order on every run.
//!
//! # Trade-offs
//!
//! - Time is cut into ticks of a fixed resolution. A deadline is rounded **up** to its tick and the present **down**,
//!   so a timer never fires early and fires less than one tick late, plus the time until the next [`Wheel::advance`].
//! - Timers fire by tick and, within one tick, in the order they were armed. Two deadlines inside one tick are
//!   therefore not told apart by their nanoseconds.
//! - A timer far in the future is moved up to ten times before it fires, each time to a finer level. A heap would not
//!   move it in that way, but would pay O(log n) to arm and to cancel, and most timers are cancelled before they fire.
//! - All timers of a slot are filed again in one advance, so a turn is a long one if very many of them are due in the
//!   same distant hour.
//!
//! # How it works
//!
//! The scheme is number 7 of G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels: Data Structures for the
//! Efficient Implementation of a Timer Facility", SOSP 1987. A tick is read as a number of eleven digits in base 64,
//! and each level of the wheel stands for one digit. A timer is filed at the level of the highest digit in which its
//! tick differs from the present one, in the slot of that digit. Eleven digits hold every `u64`, so no deadline lies
//! beyond the wheel. Three facts follow:
//!
//! - All of a lower level falls due before any of a higher one, and a lower slot before a higher one of its level. So
//!   the next slot is found from one bitmap of the levels in use and one of each level's slots, at the same cost over
//!   an hour of empty time as over one tick.
//! - When the present enters a slot of a higher level, every level below it has run empty. The slot's timers are filed
//!   again in list order, so those of one tick stay in the order they were armed.
//! - A timer of the present tick is never in a slot, it is due.
//!
//! Timers live in a slab and are linked into their slot's list by index. A freed entry is reused before the slab grows,
//! so arming allocates only while more timers are armed than ever before.
//!
//! # How to use
//!
//! Each turn the worker calls [`Wheel::advance`], then takes keys from [`Wheel::pop_due`]. The value of a popped timer
//! stays in the wheel, *held*, so that a periodic timer is moved on with [`Wheel::rearm`] without its value leaving the
//! wheel; [`Wheel::release`] takes the value if the timer was not moved on. Before parking, the worker asks
//! [`Wheel::next_deadline_ns`].

use std::time::Duration;

mod missed_tick;
#[cfg(test)]
mod tests;

pub use missed_tick::MissedTick;

/// The bits of one base-64 digit of a tick.
const DIGIT_BITS: u32 = 6;
const SLOTS_PER_LEVEL: usize = 1 << DIGIT_BITS;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// Lists `0..OVERDUE` are the slots, level by level; these two follow them.
///
/// Timers armed for a time that had already passed: they fire at the next advance, not in the middle of a handler loop
/// that would then never end.
const OVERDUE: usize = LEVELS * SLOTS_PER_LEVEL;
/// Timers that have fallen due and wait to be popped.
const DUE: usize = OVERDUE + 1;
const LISTS: usize = DUE + 1;

/// The index that means "none" in a list.
const NIL: u32 = u32::MAX;

/// Names one armed or held timer. Once that timer is cancelled or released, the key matches nothing, forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerKey {
    index: u32,
    generation: u32,
}

/// Where an entry is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On the free list, or retired.
    Free,
    /// Linked into this list: a slot, `OVERDUE` or `DUE`.
    Listed(u16),
    /// Popped from the due list, neither rearmed nor released yet.
    Held,
}

#[derive(Debug)]
struct Entry<T> {
    /// The tick this timer fires at, meaningful while it is in a slot.
    tick: u64,
    previous: u32,
    /// The next entry of its list, or of the free list.
    next: u32,
    /// Counts the uses of this entry that have ended, so that their keys match no later use.
    generation: u32,
    place: Place,
    /// `Some` exactly while the entry is in use.
    value: Option<T>,
}

#[derive(Debug, Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
}

const EMPTY: List = List { head: NIL, tail: NIL };

/// The timers of one worker; see the [module's documentation](self).
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    resolution_ns: u64,
    /// The last tick advanced to. Every timer in a slot has a later one.
    now_tick: u64,
    /// When the tick after `now_tick` begins; spares most turns a division.
    next_tick_ns: u64,
    /// Bit `l` is set if any slot of level `l` is occupied.
    occupied_levels: u16,
    /// Bit `s` of word `l` is set if slot `s` of level `l` is occupied.
    occupied_slots: [u64; LEVELS],
    lists: Box<[List; LISTS]>,
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
    limit: usize,
}

impl<T> Wheel<T> {
    /// An empty wheel with ticks of `resolution` (at least 1 ns), standing at `now_ns`, for at most `limit` timers.
    ///
    /// Costs 6 KiB for the lists; entries are allocated as timers are armed.
    pub(crate) fn with_limit(resolution: Duration, limit: usize, now_ns: u64) -> Self {
        let resolution_ns = u64::try_from(resolution.as_nanos()).unwrap_or(u64::MAX).max(1);
        let now_tick = now_ns / resolution_ns;
        Self {
            resolution_ns,
            now_tick,
            next_tick_ns: now_tick.saturating_add(1).saturating_mul(resolution_ns),
            occupied_levels: 0,
            occupied_slots: [0; LEVELS],
            lists: Box::new([EMPTY; LISTS]),
            entries: Vec::new(),
            free: NIL,
            len: 0,
            limit,
        }
    }

    /// Whether no timer is armed, due or held.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Timers in use: armed, due or held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether so many more timers can be armed.
    #[inline]
    pub(crate) fn has_room_for(&self, more: usize) -> bool {
        self.limit - self.len >= more
    }

    /// The most timers that have been in use at once so far.
    ///
    /// Exact until an entry is retired, which takes 2^32 uses of that entry and then adds one here.
    pub(crate) fn high_water(&self) -> usize {
        self.entries.len()
    }

    /// Arms a timer that falls due at `deadline_ns`.
    ///
    /// A deadline that has passed counts as the present tick and fires at the next [`advance`](Self::advance).
    /// Allocates only if more timers are in use than ever before.
    ///
    /// # Errors
    ///
    /// Gives the value back if `limit` timers are in use.
    pub(crate) fn arm(&mut self, deadline_ns: u64, value: T) -> Result<TimerKey, T> {
        if self.len >= self.limit {
            return Err(value);
        }
        let Some(index) = self.vacant_entry() else {
            return Err(value);
        };
        let tick = self.deadline_tick(deadline_ns);
        let entry = &mut self.entries[index as usize];
        entry.tick = tick;
        entry.value = Some(value);
        let key = TimerKey { index, generation: entry.generation };
        self.len += 1;
        self.file(index, OVERDUE);
        Ok(key)
    }

    /// Moves an armed, due or held timer to a new deadline, as if it were armed now. Never allocates.
    ///
    /// Returns whether there was such a timer.
    pub(crate) fn rearm(&mut self, key: TimerKey, deadline_ns: u64) -> bool {
        if self.get(key).is_none() {
            return false;
        }
        let tick = self.deadline_tick(deadline_ns);
        self.unlink(key.index);
        self.entries[key.index as usize].tick = tick;
        self.file(key.index, OVERDUE);
        true
    }

    /// Ends an armed, due or held timer and returns its value; `None` if it has ended already.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let value = self.get_mut_option(key)?.take()?;
        self.unlink(key.index);
        self.free_entry(key.index);
        Some(value)
    }

    /// Ends a held timer and returns its value; `None` if it was rearmed or has ended since it was popped.
    pub(crate) fn release(&mut self, key: TimerKey) -> Option<T> {
        match self.entries.get(key.index as usize)?.place {
            Place::Held => self.cancel(key),
            Place::Free | Place::Listed(_) => None,
        }
    }

    /// The value of a timer that is armed, due or held.
    pub(crate) fn get(&self, key: TimerKey) -> Option<&T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_ref() } else { None }
    }

    /// The value of a timer that is armed, due or held, to be changed in place.
    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.get_mut_option(key)?.as_mut()
    }

    /// Moves every timer whose deadline has come by `now_ns` to the end of the due list: those armed too late first, in
    /// the order they were armed, then the others by tick and, within a tick, in the order they were armed.
    ///
    /// A time before the last one given changes nothing but that timers armed too late fall due. Costs a bounded amount
    /// per timer over its life, however far the time has moved.
    pub(crate) fn advance(&mut self, now_ns: u64) {
        if self.lists[OVERDUE].head != NIL {
            self.empty_into_due(OVERDUE);
        }
        if now_ns < self.next_tick_ns {
            return;
        }
        let target = now_ns / self.resolution_ns;
        while let Some((level, slot)) = self.first_slot() {
            let start = self.slot_start(level, slot);
            if start > target {
                break;
            }
            self.now_tick = start;
            self.empty_into_due(level * SLOTS_PER_LEVEL + slot);
        }
        // No occupied slot begins in what is left, so every timer still differs from the target in the digit that it is
        // filed under, and in none above.
        self.now_tick = target;
        self.next_tick_ns = target.saturating_add(1).saturating_mul(self.resolution_ns);
    }

    /// Takes the first timer from the due list. It is held from here on: rearm it, release it or cancel it.
    pub(crate) fn pop_due(&mut self) -> Option<TimerKey> {
        let index = self.lists[DUE].head;
        if index == NIL {
            return None;
        }
        self.unlink(index);
        let entry = &mut self.entries[index as usize];
        entry.place = Place::Held;
        Some(TimerKey { index, generation: entry.generation })
    }

    /// When to call [`advance`](Self::advance) next: `None` if no timer is armed.
    ///
    /// If a timer is due, this is a time that has passed. Otherwise it is never later than the first deadline rounded
    /// up to its tick, and exact once that tick differs from the present one in its last digit only. Until then it is
    /// the time at which the timer is filed again: a worker that sleeps until this time wakes up in vain at most ten
    /// times per timer.
    pub(crate) fn next_deadline_ns(&self) -> Option<u64> {
        let tick = if self.lists[DUE].head != NIL || self.lists[OVERDUE].head != NIL {
            self.now_tick
        } else {
            let (level, slot) = self.first_slot()?;
            self.slot_start(level, slot)
        };
        Some(tick.saturating_mul(self.resolution_ns))
    }

    /// The first tick that begins at or after `deadline_ns`.
    fn deadline_tick(&self, deadline_ns: u64) -> u64 {
        deadline_ns.div_ceil(self.resolution_ns)
    }

    fn get_mut_option(&mut self, key: TimerKey) -> Option<&mut Option<T>> {
        let entry = self.entries.get_mut(key.index as usize)?;
        (entry.generation == key.generation).then_some(&mut entry.value)
    }

    /// The slot whose time comes first, as level and slot.
    fn first_slot(&self) -> Option<(usize, usize)> {
        if self.occupied_levels == 0 {
            return None;
        }
        let level = self.occupied_levels.trailing_zeros() as usize;
        Some((level, self.occupied_slots[level].trailing_zeros() as usize))
    }

    /// The first tick of an occupied slot: the digits of the present above its level, its own digit, then zeros.
    fn slot_start(&self, level: usize, slot: usize) -> u64 {
        let shift = level as u32 * DIGIT_BITS;
        let above = u64::MAX.checked_shl(shift + DIGIT_BITS).unwrap_or(0);
        (self.now_tick & above) | ((slot as u64) << shift)
    }

    /// Links an entry that is in no list into its slot, or into `passed` if its tick has come.
    fn file(&mut self, index: u32, passed: usize) {
        let tick = self.entries[index as usize].tick;
        let list = if tick <= self.now_tick {
            passed
        } else {
            let level = ((tick ^ self.now_tick).ilog2() / DIGIT_BITS) as usize;
            let digit = (tick >> (level as u32 * DIGIT_BITS)) as usize % SLOTS_PER_LEVEL;
            self.occupied_levels |= 1 << level;
            self.occupied_slots[level] |= 1 << digit;
            level * SLOTS_PER_LEVEL + digit
        };
        self.append(index, list);
    }

    fn append(&mut self, index: u32, list: usize) {
        let tail = std::mem::replace(&mut self.lists[list].tail, index);
        if tail == NIL {
            self.lists[list].head = index;
        } else {
            self.entries[tail as usize].next = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.previous = tail;
        entry.next = NIL;
        entry.place = Place::Listed(list as u16);
    }

    /// Takes an entry out of its list, if it is in one.
    fn unlink(&mut self, index: u32) {
        let Entry { previous, next, place, .. } = self.entries[index as usize];
        let Place::Listed(list) = place else {
            return;
        };
        let list = list as usize;
        if previous == NIL {
            self.lists[list].head = next;
        } else {
            self.entries[previous as usize].next = next;
        }
        if next == NIL {
            self.lists[list].tail = previous;
        } else {
            self.entries[next as usize].previous = previous;
        }
        if self.lists[list].head == NIL {
            self.clear_occupied(list);
        }
    }

    fn clear_occupied(&mut self, list: usize) {
        if list >= OVERDUE {
            return;
        }
        let level = list / SLOTS_PER_LEVEL;
        self.occupied_slots[level] &= !(1 << (list % SLOTS_PER_LEVEL));
        if self.occupied_slots[level] == 0 {
            self.occupied_levels &= !(1 << level);
        }
    }

    /// Files the timers of a list again, in order: those whose tick has come go to the due list.
    fn empty_into_due(&mut self, list: usize) {
        let mut index = std::mem::replace(&mut self.lists[list], EMPTY).head;
        self.clear_occupied(list);
        while index != NIL {
            let next = self.entries[index as usize].next;
            self.file(index, DUE);
            index = next;
        }
    }

    /// A free entry, or a new one; `None` if there are no more indices.
    fn vacant_entry(&mut self) -> Option<u32> {
        if self.free != NIL {
            let index = self.free;
            self.free = self.entries[index as usize].next;
            return Some(index);
        }
        let index = u32::try_from(self.entries.len()).ok().filter(|&index| index != NIL)?;
        self.entries.push(Entry { tick: 0, previous: NIL, next: NIL, generation: 0, place: Place::Free, value: None });
        Some(index)
    }

    /// Gives back an entry whose value was taken.
    ///
    /// An entry that has used up its generations is retired: it is left out of the free list and a new one takes its
    /// place when needed, so that the limit is still reached. Its memory is the price of 2^32 timers.
    fn free_entry(&mut self, index: u32) {
        self.len -= 1;
        let entry = &mut self.entries[index as usize];
        entry.place = Place::Free;
        if let Some(generation) = entry.generation.checked_add(1) {
            entry.generation = generation;
            entry.next = self.free;
            self.free = index;
        }
    }
}
