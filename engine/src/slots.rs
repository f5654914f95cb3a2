//! The table of a worker's actors, and who gives its slots away.

use std::ptr::NonNull;

use crossbeam_queue::SegQueue;

use crate::address::Tag;
use crate::cell::Head;
use crate::dispatch::RunFn;
use crate::sync::{AtomicU32, Ordering};

#[cfg(test)]
mod models;

/// What lives in a slot: what a message needs to be handled.
#[derive(Clone, Copy)]
pub(crate) struct Tenant {
    pub(crate) head: NonNull<Head>,
    /// What to do with messages now: handle, hold, refuse, move to the mailbox.
    pub(crate) run: RunFn,
    /// The actor type's index in the worker's statistics.
    pub(crate) type_index: u32,
    /// The same if messages are simply handled now, otherwise [`NO_TYPE`].
    pub(crate) handles_as: u32,
}

/// No type's index.
pub(crate) const NO_TYPE: u32 = u32::MAX;

/// One entry of the table, in half a cache line. A vacant one has the tag of no actor.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Slot {
    tag: Tag,
    tenant: Option<Tenant>,
}

const _: () = assert!(size_of::<Slot>() == 32);

impl Slot {
    const VACANT: Self = Self { tag: Tag::WORKER, tenant: None };
}

/// The actors of one worker, by slot.
pub(crate) struct SlotTable {
    slots: Vec<Slot>,
}

impl SlotTable {
    /// Address space for `limit` actors; pages are touched as actors come.
    pub(crate) fn new(limit: usize) -> Self {
        Self { slots: Vec::with_capacity(limit) }
    }

    /// The actor with this tag, if it lives.
    #[inline(always)]
    pub(crate) fn get(&self, tag: Tag) -> Option<&Tenant> {
        self.slots.get(tag.slot() as usize).filter(|slot| slot.tag == tag)?.tenant.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, tag: Tag) -> Option<&mut Tenant> {
        self.slots.get_mut(tag.slot() as usize).filter(|slot| slot.tag == tag)?.tenant.as_mut()
    }

    /// The head of the actor with this tag, if it lives.
    #[inline]
    pub(crate) fn head(&self, tag: Tag) -> Option<NonNull<Head>> {
        self.get(tag).map(|tenant| tenant.head)
    }

    /// The head of the actor that lives in `slot` now.
    pub(crate) fn tenant(&self, slot: u32) -> Option<NonNull<Head>> {
        self.slots.get(slot as usize)?.tenant.map(|tenant| tenant.head)
    }

    pub(crate) fn install(&mut self, tag: Tag, tenant: Tenant) {
        let index = tag.slot() as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Slot::VACANT);
        }
        self.slots[index] = Slot { tag, tenant: Some(tenant) };
    }

    /// Takes the actor out of the table: its address is stale from now on.
    pub(crate) fn remove(&mut self, tag: Tag) {
        if self.get(tag).is_some() {
            self.slots[tag.slot() as usize] = Slot::VACANT;
        }
    }

    /// The heads of all actors.
    pub(crate) fn heads(&self) -> impl Iterator<Item = NonNull<Head>> + '_ {
        self.slots.iter().filter_map(|slot| slot.tenant).map(|tenant| tenant.head)
    }
}

/// Gives slots of one worker away, to any thread: fresh ones in order, then those of actors that have stopped.
#[derive(Debug)]
pub(crate) struct SlotPool {
    fresh: AtomicU32,
    limit: u32,
    recycled: SegQueue<Tag>,
    taken: AtomicU32,
}

impl SlotPool {
    pub(crate) fn new(limit: u32) -> Self {
        Self { fresh: AtomicU32::new(0), limit, recycled: SegQueue::new(), taken: AtomicU32::new(0) }
    }

    /// A slot and its next generation, or `None` if all are taken.
    pub(crate) fn take(&self) -> Option<Tag> {
        let tag = self.recycled.pop().or_else(|| {
            let fresh = self
                .fresh
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |fresh| (fresh < self.limit).then_some(fresh + 1));
            fresh.ok().map(|slot| Tag::new(slot, 1))
        })?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(tag)
    }

    /// Takes back the slot of an actor that has stopped. A slot whose generations are used up is retired, so that an
    /// address never means two actors.
    pub(crate) fn give_back(&self, tag: Tag) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        let next = tag.generation() + 1;
        if next < u32::MAX {
            self.recycled.push(Tag::new(tag.slot(), next));
        }
    }

    /// Slots in use; a snapshot.
    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }
}
