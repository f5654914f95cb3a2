//! Reading: the worker's place in its sources, and the slices that it takes from each.
//!
//! A slice ends when as many messages were handled as it was granted. A handler that orders something about the life of
//! actors ends its run early; the slice goes on when that is done.

use std::mem::offset_of;
use std::ptr::NonNull;

use hippodrome_ringbuf::LocalRing;

use crate::address::Tag;
use crate::core::Core;
use crate::message::{MessageType, Of};
use crate::plan::Plan;
use crate::shared::Phase;
use crate::stopwatch::{Mark, Off, Stopwatch};

/// Turns without anything after which a worker stops watching a lane, if it has more than a few.
const IDLE_TURNS: u32 = 4096;

/// Where the worker reads envelopes now.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) source: Source,
    /// The next envelope.
    pub(crate) cursor: *mut u8,
    /// Where the envelopes end, for sources that do not grow while they are read.
    end: *mut u8,
    end_place: EndPlace,
}

/// In which word of a core it stands where the envelopes at the reader end: the offset of a pointer, which is looked up
/// after each message without a choice between sources.
#[derive(Clone, Copy)]
struct EndPlace(usize);

impl EndPlace {
    /// In the reader.
    const READER: Self = Self(offset_of!(Core, reader.end));
    /// In the local ring, which grows while it is read.
    const LOCAL: Self = Self(offset_of!(Core, local) + LocalRing::<MessageType>::BACK_OFFSET);
}

impl Reader {
    /// Reads nothing.
    pub(crate) const NOWHERE: Self = Self::at(Source::Nothing, std::ptr::null_mut(), std::ptr::null_mut());

    /// Reads from `cursor` to `end`, which does not move meanwhile.
    #[inline(always)]
    pub(crate) const fn at(source: Source, cursor: *mut u8, end: *mut u8) -> Self {
        Self { source, cursor, end, end_place: EndPlace::READER }
    }

    /// Reads the local ring, as far as it reaches at each moment.
    #[inline(always)]
    const fn local(cursor: *mut u8) -> Self {
        Self { source: Source::Local, cursor, end: cursor, end_place: EndPlace::LOCAL }
    }

    /// From now on nothing is read.
    #[inline(always)]
    pub(crate) fn stop(&mut self) {
        *self = Self::at(Source::Nothing, self.cursor, self.cursor);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Nothing,
    Local,
    /// The worker's scratch ring for one message.
    Express,
    Lane(u16),
    /// What an actor's cell held while it was restarted.
    Held(Tag),
}

impl Core {
    /// Where the envelopes at the reader end now.
    #[inline(always)]
    pub(crate) fn reader_end(&self) -> *mut u8 {
        // SAFETY: an `EndPlace` is the offset of a pointer in a core, one of two; both are always set.
        unsafe { (&raw const *self).byte_add(self.reader.end_place.0).cast::<*mut u8>().read() }
    }

    /// Gives the next slice of messages to `handled`.
    #[inline(always)]
    pub(crate) fn grant(&mut self, messages: u32) {
        self.limit = self.counters.handled + u64::from(messages);
        self.interrupted_limit = None;
    }

    /// Ends the current run after the message that is being handled, so that the tasks are done.
    pub(crate) fn interrupt(&mut self) {
        if self.interrupted_limit.is_none() {
            self.interrupted_limit = Some(self.limit);
            self.limit = 0;
        }
    }

    /// After each run: does what it ordered. Returns whether the slice goes on.
    #[inline(always)]
    pub(crate) fn after_run(&mut self) -> bool {
        if !self.tasks.is_empty() {
            self.do_tasks();
        }
        self.counters.handled < self.limit
    }

    pub(crate) fn drain_local<W: Stopwatch, P: Plan>(&mut self, plan: P) {
        self.grant(plan.local(self.shared.config.turn_budget));
        if W::IS_ON {
            self.mark_local();
        }
        let Some(front) = self.local.front() else { return };
        self.reader = Reader::local(front.as_ptr());
        loop {
            // SAFETY: the cursor is at an envelope or at a jump, which is nobody's.
            unsafe { self.dispatch::<W>() };
            if !self.after_run() || self.reader.cursor == self.local.back() {
                break;
            }
        }
        self.settle_reader();
        self.reader.stop();
        if W::IS_ON {
            self.local_sent_ns = self.sent_ns;
        }
    }

    /// Notes the time in the local ring, in front of what is sent in this turn.
    fn mark_local(&mut self) {
        self.sent_ns = self.local_sent_ns;
        let mark = Mark { sent_ns: self.clock.now_ns() };
        if !self.local.is_empty() {
            // SAFETY: `Of` describes the message. Without room the times are only less exact.
            let _ = unsafe { self.local.push(Of::<Mark>::WORKER, Tag::WORKER.0, mark) };
        } else {
            self.sent_ns = Some(mark.sent_ns);
        }
    }

    pub(crate) fn poll_lanes<W: Stopwatch, P: Plan>(&mut self, plan: P) {
        let mut watched = 0;
        while let Some(lane) = self.inbound.watched(watched) {
            watched += 1;
            let Some(front) = self.inbound.front(lane) else {
                if self.inbound.note_idle(lane).is_multiple_of(IDLE_TURNS) {
                    self.unwatch_idle(lane);
                }
                continue;
            };
            if let Some(messages) = plan.lane(self.shared.config.lane_budget) {
                self.poll_lane::<W>(lane, front, messages);
            }
        }
    }

    /// Stops watching a lane that has had nothing for long, if there are many, or if its producer has gone.
    #[cold]
    fn unwatch_idle(&mut self, lane: u16) {
        let is_needless = self.inbound.has_many() || self.inbound.is_ended(lane);
        // While the engine ends, the lanes of ports are closed, and closed lanes do not ring.
        if is_needless && self.phase == Phase::Running {
            self.inbound.unwatch(lane);
        }
    }

    fn poll_lane<W: Stopwatch>(&mut self, lane: u16, mut front: NonNull<u8>, messages: u32) {
        self.grant(messages);
        if W::IS_ON {
            self.sent_ns = self.inbound.sent_ns(lane);
        }
        loop {
            self.reader = Reader::at(Source::Lane(lane), front.as_ptr(), self.inbound.back(lane));
            // SAFETY: `front` is an envelope, and `back` is where its batch ends.
            unsafe { self.dispatch::<W>() };
            // SAFETY: the cursor moved only over envelopes that were moved out.
            unsafe { self.inbound.set_front(lane, self.reader.cursor) };
            if !self.after_run() {
                break;
            }
            match self.inbound.front(lane) {
                Some(next) => front = next,
                None => break,
            }
        }
        self.reader.stop();
        self.counters.steps += 1;
        if W::IS_ON {
            self.inbound.set_sent_ns(lane, self.sent_ns);
        }
        self.inbound.release(lane);
    }

    pub(crate) fn poll_ingress<P: Plan>(&mut self, plan: P) {
        let Some(mut left) = plan.ingress(self.shared.config.lane_budget) else { return };
        while left > 0 {
            left -= 1;
            // The message moves to the express ring, so that its place is free before anything of the user's runs.
            let express = &mut self.express;
            // SAFETY: the ingress gives each message once, and a worker's envelopes fit a segment.
            let moved = self.ingress.pop_with(|kind, tag, message| unsafe { express.push_raw(kind, tag, message) });
            match moved {
                None => break,
                Some(_) => self.drain_express(false),
            }
        }
    }

    /// Hands out what is in the express ring. No actor may be on the stack.
    pub(crate) fn drain_express(&mut self, is_reserved: bool) {
        let saved = std::mem::replace(&mut self.reader, Reader::NOWHERE);
        let was_reserved = std::mem::replace(&mut self.is_reserved, is_reserved);
        // The slice of a source whose message led here goes on afterwards.
        let slice = (self.limit, self.interrupted_limit.take());
        while let Some(front) = self.express.front() {
            self.grant(1);
            self.reader = Reader::at(Source::Express, front.as_ptr(), self.express.back());
            // SAFETY: `front` is an envelope.
            unsafe { self.dispatch::<Off>() };
            self.settle_reader();
            self.after_run();
            self.counters.steps += 1;
        }
        self.express.rewind();
        (self.limit, self.interrupted_limit) = slice;
        self.is_reserved = was_reserved;
        self.reader = saved;
    }

    /// Tells the reader's source how far it was read.
    #[inline(always)]
    pub(crate) fn settle_reader(&mut self) {
        let cursor = self.reader.cursor;
        // SAFETY: the cursor moves from the source's front only over envelopes that were moved out.
        unsafe {
            match self.reader.source {
                Source::Local => self.local.set_front(cursor),
                Source::Lane(lane) => self.inbound.set_front(lane, cursor),
                Source::Express => self.express.set_front(cursor),
                Source::Held(tag) => self.set_held_front(tag, cursor),
                Source::Nothing => {}
            }
        }
    }

    /// Takes everything out of the ingress, after it was closed, and counts it as left.
    pub(crate) fn drain_ingress(&mut self) {
        while !self.ingress.is_drained() {
            let express = &mut self.express;
            // SAFETY: the ingress gives each message once.
            if self.ingress.pop_with(|kind, tag, message| unsafe { express.push_raw(kind, tag, message) }).is_none() {
                // A sender has claimed its place and is just writing.
                crate::sync::thread::yield_now();
            }
            while let Some((kind, _, message)) = self.express.pop() {
                self.bury_left(kind, message);
            }
        }
    }
}
