//! The lanes that lead to a worker: which of them it watches, and how far it has read.

use std::ptr::NonNull;
use std::sync::Arc;

use hippodrome_ringbuf::lane::Consumer;

use crate::message::MessageType;
use crate::shared::PortLease;

/// A worker polls this many idle lanes before it stops watching some.
const FEW: usize = 4;

struct Lane {
    consumer: Consumer<MessageType>,
    watched: bool,
    idle_turns: u32,
    /// Up to where something was found here without a ring. A producer rings before it publishes again: if there is more
    /// than this and it still has not rung, the ring was missed.
    overdue: Option<u64>,
    /// When what is being read was sent, at the earliest, if that is measured.
    sent_ns: Option<u64>,
    /// For a port's lane: keeps the port's number taken.
    _lease: Option<Arc<PortLease>>,
}

/// All lanes that lead to one worker, by source.
#[derive(Default)]
pub(crate) struct Inbound {
    lanes: Vec<Option<Box<Lane>>>,
    watched: Vec<u16>,
    has_overdue: bool,
}

impl Inbound {
    /// Attaches the lane with this number, watched.
    pub(crate) fn attach(&mut self, source: u16, consumer: Consumer<MessageType>, lease: Option<Arc<PortLease>>) {
        let index = usize::from(source);
        if index >= self.lanes.len() {
            self.lanes.resize_with(index + 1, || None);
        }
        let lane = Lane { consumer, watched: true, idle_turns: 0, overdue: None, sent_ns: None, _lease: lease };
        self.lanes[index] = Some(Box::new(lane));
        self.watched.push(source);
    }

    #[inline(always)]
    fn lane(&mut self, source: u16) -> Option<&mut Lane> {
        self.lanes.get_mut(usize::from(source))?.as_deref_mut()
    }

    /// The `n`th lane that is watched.
    #[inline(always)]
    pub(crate) fn watched(&self, n: usize) -> Option<u16> {
        self.watched.get(n).copied()
    }

    /// Whether a watched lane has something to read.
    #[inline]
    pub(crate) fn has_news(&mut self) -> bool {
        let lanes = &mut self.lanes;
        self.watched.iter().any(|source| {
            let lane = lanes.get_mut(usize::from(*source)).and_then(Option::as_deref_mut);
            lane.is_some_and(|lane| lane.consumer.front().is_some())
        })
    }

    /// Whether there are so many lanes that idle ones are not to be watched.
    pub(crate) fn has_many(&self) -> bool {
        self.watched.len() > FEW
    }

    #[inline(always)]
    pub(crate) fn front(&mut self, source: u16) -> Option<NonNull<u8>> {
        self.lane(source)?.consumer.front()
    }

    #[inline(always)]
    pub(crate) fn back(&mut self, source: u16) -> *mut u8 {
        self.lane(source).map_or(std::ptr::null_mut(), |lane| lane.consumer.back())
    }

    /// Says how far the lane was read.
    ///
    /// # Safety
    /// As for [`Consumer::set_front`].
    #[inline(always)]
    pub(crate) unsafe fn set_front(&mut self, source: u16, cursor: *mut u8) {
        if let Some(lane) = self.lane(source) {
            // SAFETY: the caller's contract.
            unsafe { lane.consumer.set_front(cursor) }
        }
    }

    /// Gives the room of what was read back to the producer.
    #[inline]
    pub(crate) fn release(&mut self, source: u16) {
        if let Some(lane) = self.lane(source) {
            lane.idle_turns = 0;
            lane.consumer.release();
        }
    }

    /// When what is being read was sent, at the earliest, if that is measured.
    pub(crate) fn sent_ns(&mut self, source: u16) -> Option<u64> {
        self.lane(source)?.sent_ns
    }

    pub(crate) fn set_sent_ns(&mut self, source: u16, sent_ns: Option<u64>) {
        if let Some(lane) = self.lane(source) {
            lane.sent_ns = sent_ns;
        }
    }

    /// Gives the room of what was read back to all producers, after a slice that was cut short by a panic.
    pub(crate) fn release_all(&mut self) {
        self.lanes.iter_mut().flatten().for_each(|lane| lane.consumer.release());
    }

    /// Counts a turn in which the lane had nothing; returns how many there were in a row.
    #[inline]
    pub(crate) fn note_idle(&mut self, source: u16) -> u32 {
        self.lane(source).map_or(0, |lane| {
            lane.idle_turns = lane.idle_turns.wrapping_add(1);
            lane.idle_turns
        })
    }

    /// The lane's producer has rung.
    pub(crate) fn watch(&mut self, source: u16) {
        if let Some(lane) = self.lane(source) {
            lane.overdue = None;
            if !std::mem::replace(&mut lane.watched, true) {
                lane.idle_turns = 0;
                lane.consumer.watch();
                self.watched.push(source);
            }
        }
    }

    /// Stops watching the lane, unless something came meanwhile. A lane whose producer has gone is taken away.
    pub(crate) fn unwatch(&mut self, source: u16) -> bool {
        let Some(lane) = self.lane(source) else { return false };
        // In this order: a producer that goes after the flag was changed rings, one that went before is seen to have
        // ended, and what it published last is there to be found.
        let came = lane.consumer.unwatch();
        let ended = lane.consumer.is_ended();
        if came || lane.consumer.front().is_some() {
            lane.consumer.watch();
            lane.idle_turns = 0;
            return true;
        }
        lane.watched = false;
        self.watched.retain(|watched| *watched != source);
        if ended {
            self.lanes[usize::from(source)] = None;
        }
        false
    }

    /// Whether the lane's producer has gone.
    pub(crate) fn is_ended(&mut self, source: u16) -> bool {
        self.lane(source).is_some_and(|lane| lane.consumer.is_ended())
    }

    /// Stops watching all lanes. Returns whether something came meanwhile.
    pub(crate) fn unwatch_all(&mut self) -> bool {
        let mut came = false;
        for n in (0..self.watched.len()).rev() {
            came |= self.unwatch(self.watched[n]);
        }
        came
    }

    /// Looks at the lanes that are not watched, watches those with something in them, and returns for how many a ring
    /// was missed.
    pub(crate) fn check_unwatched(&mut self) -> u64 {
        let mut missed = 0;
        for source in 0..self.lanes.len() as u16 {
            let Some(lane) = self.lane(source) else { continue };
            if !lane.watched && lane.consumer.front().is_some() {
                missed += u64::from(lane.overdue.is_some());
                let found = lane.consumer.opened_bytes();
                self.watch(source);
                if let Some(lane) = self.lane(source) {
                    lane.overdue = Some(found);
                }
                self.has_overdue = true;
            }
        }
        missed
    }

    /// Whether something was found without a ring, and it is not known yet whether the ring was missed or only late.
    pub(crate) fn has_overdue(&self) -> bool {
        self.has_overdue
    }

    /// For how many lanes a ring was missed, of those where it was overdue and more has come since. To be called when
    /// nothing has rung.
    #[cold]
    pub(crate) fn count_missed(&mut self) -> u64 {
        let (mut missed, mut left) = (0, false);
        for lane in self.lanes.iter_mut().flatten() {
            let has_more = |found: u64| lane.consumer.opened_bytes() > found;
            missed += u64::from(lane.overdue.take_if(|found| has_more(*found)).is_some());
            left |= lane.overdue.is_some();
        }
        self.has_overdue = left;
        missed
    }

    /// Whether no lane has anything to read.
    pub(crate) fn is_empty(&mut self) -> bool {
        self.lanes.iter_mut().flatten().all(|lane| lane.consumer.front().is_none())
    }

    /// Closes all lanes: what their producers publish from now on is theirs again, unless it is read before.
    pub(crate) fn close(&mut self) {
        self.lanes.iter_mut().flatten().for_each(|lane| lane.consumer.close());
    }

    /// Closes the lanes of ports, and watches them from now on: nobody rings for what is published to a closed lane.
    pub(crate) fn close_ports(&mut self) {
        for source in 0..self.lanes.len() as u16 {
            if let Some(lane) = self.lane(source).filter(|lane| lane._lease.is_some()) {
                lane.consumer.close();
                self.watch(source);
            }
        }
    }

    /// Takes every message out of every lane, and lets go of the lanes. What is published at the same time is left to
    /// the producers.
    pub(crate) fn finish(self, mut take: impl FnMut(&'static MessageType, u64, *mut u8)) {
        for lane in self.lanes.into_iter().flatten() {
            lane.consumer.finish(&mut take);
        }
    }
}
