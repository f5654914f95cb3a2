//! What a worker sends to others: a lane to each, and an outbox for what does not fit a lane.

use hippodrome_ringbuf::lane::{Producer, Refused};
use hippodrome_ringbuf::{Kind, LocalRing, SEGMENT_BYTES};

use crate::address::Tag;
use crate::message::{MessageType, Of, WorkerMessage};
use crate::stopwatch::Mark;

/// A lane is published when so many bytes wait in it, or at the end of the turn.
const PUBLISH_BYTES: u64 = 2048;

struct Lane {
    producer: Producer<MessageType>,
    /// What did not fit, in order; made when it is first needed.
    outbox: Option<LocalRing<MessageType>>,
    outbox_limit_bytes: usize,
    /// Whether something is in the outbox: then everything goes there, to keep the order.
    is_spilled: bool,
    /// Whether the next message is the first of a batch that is to begin with the time.
    needs_mark: bool,
    is_dirty: bool,
}

/// The lanes from one worker to all others.
#[derive(Default)]
pub(crate) struct Outbound {
    lanes: Vec<Option<Box<Lane>>>,
    /// The lanes with something unpublished or in the outbox.
    dirty: Vec<u16>,
    flushed: u64,
    /// The time of the current turn, if waiting times are measured.
    now_ns: Option<u64>,
}

impl Outbound {
    /// Sets the lane to the worker with this index.
    pub(crate) fn connect(&mut self, worker: usize, producer: Producer<MessageType>, outbox_limit_bytes: usize) {
        if worker >= self.lanes.len() {
            self.lanes.resize_with(worker + 1, || None);
        }
        self.lanes[worker] = Some(Box::new(Lane {
            producer,
            outbox: None,
            outbox_limit_bytes,
            is_spilled: false,
            needs_mark: false,
            is_dirty: false,
        }));
        self.dirty.reserve(self.lanes.len());
    }

    /// Writes a message for an actor of another worker. It is seen at the end of the turn at the latest.
    ///
    /// # Errors
    /// The message, if the lane and its outbox are full, or there is no such worker.
    #[inline]
    pub(crate) fn send<M: Send + 'static>(&mut self, worker: usize, tag: Tag, message: M) -> Result<(), M> {
        let Some(Some(lane)) = self.lanes.get_mut(worker) else { return Err(message) };
        if lane.is_spilled | lane.needs_mark {
            return self.send_with_care(worker, tag, message, Refused::Full);
        }
        // SAFETY: `Of` describes `M`, which may be sent.
        if let Err((refused, message)) = unsafe { lane.producer.push(Of::<M>::ACTOR, tag.0, message) } {
            return self.send_with_care(worker, tag, message, refused);
        }
        lane.touch(worker, &mut self.dirty, &mut self.flushed);
        Ok(())
    }

    /// Writes messages for one actor of another worker while they fit its lane. Returns how many, and the first that was
    /// not taken, if there is one: [`send`](Self::send) it, and come again.
    #[inline(always)]
    pub(crate) fn send_while_fitting<M: Send + 'static>(
        &mut self,
        worker: usize,
        tag: Tag,
        messages: &mut impl Iterator<Item = M>,
    ) -> (u64, Option<M>) {
        let mut sent = 0;
        let Some(Some(lane)) = self.lanes.get_mut(worker) else { return (sent, messages.next()) };
        if lane.is_spilled | lane.needs_mark {
            return (sent, messages.next());
        }
        // Before the first message: what was written is published even if the iterator panics.
        if !std::mem::replace(&mut lane.is_dirty, true) {
            self.dirty.push(worker as u16);
        }
        loop {
            let Some(message) = messages.next() else { return (sent, None) };
            // SAFETY: `Of` describes `M`, which may be sent.
            if let Err((_, message)) = unsafe { lane.producer.push(Of::<M>::ACTOR, tag.0, message) } {
                return (sent, Some(message));
            }
            sent += 1;
            if lane.producer.unpublished_bytes() >= PUBLISH_BYTES {
                let _ = lane.producer.publish();
                self.flushed += 1;
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn send_with_care<M: Send + 'static>(
        &mut self,
        worker: usize,
        tag: Tag,
        message: M,
        refused: Refused,
    ) -> Result<(), M> {
        let Some(Some(lane)) = self.lanes.get_mut(worker) else { return Err(message) };
        if refused == Refused::Closed {
            return Err(message);
        }
        if std::mem::replace(&mut lane.needs_mark, false) {
            lane.mark(self.now_ns);
        }
        lane.move_outbox();
        if !lane.is_spilled {
            // SAFETY: as in `send`.
            return match unsafe { lane.producer.push(Of::<M>::ACTOR, tag.0, message) } {
                Ok(()) => {
                    lane.touch(worker, &mut self.dirty, &mut self.flushed);
                    Ok(())
                }
                Err((Refused::Full, message)) => self.send_to_outbox(worker, tag, message),
                Err((_, message)) => Err(message),
            };
        }
        self.send_to_outbox(worker, tag, message)
    }

    fn send_to_outbox<M: Send + 'static>(&mut self, worker: usize, tag: Tag, message: M) -> Result<(), M> {
        let Some(Some(lane)) = self.lanes.get_mut(worker) else { return Err(message) };
        // SAFETY: `Of` describes `M`, which may be sent.
        unsafe { lane.outbox().push(Of::<M>::ACTOR, tag.0, message)? };
        lane.is_spilled = true;
        lane.touch(worker, &mut self.dirty, &mut self.flushed);
        Ok(())
    }

    /// Writes a message for another worker itself. It has reserved room in the outbox.
    ///
    /// # Errors
    /// The message, if even that is full, or there is no such worker.
    pub(crate) fn send_to_worker<M: WorkerMessage>(&mut self, worker: usize, message: M) -> Result<(), M> {
        self.push_to_worker::<M, true>(worker, message)
    }

    /// The same for what actors may wish as often as they like, and so has no reserved room.
    ///
    /// # Errors
    /// The message, if the lane and its outbox are full, or there is no such worker.
    pub(crate) fn send_wish_to_worker<M: WorkerMessage>(&mut self, worker: usize, message: M) -> Result<(), M> {
        self.push_to_worker::<M, false>(worker, message)
    }

    #[inline(always)]
    fn push_to_worker<M: WorkerMessage, const IS_RESERVED: bool>(
        &mut self,
        worker: usize,
        message: M,
    ) -> Result<(), M> {
        let Some(Some(lane)) = self.lanes.get_mut(worker) else { return Err(message) };
        let message = if !lane.is_spilled {
            // SAFETY: `Of` describes `M`, which may be sent.
            match unsafe { lane.producer.push(Of::<M>::WORKER, Tag::WORKER.0, message) } {
                Ok(()) => {
                    lane.touch(worker, &mut self.dirty, &mut self.flushed);
                    return Ok(());
                }
                Err((_, message)) => message,
            }
        } else {
            message
        };
        if lane.producer.is_closed() {
            return Err(message);
        }
        // SAFETY: as above.
        unsafe {
            if IS_RESERVED {
                lane.outbox().push_reserved(Of::<M>::WORKER, Tag::WORKER.0, message)?;
            } else {
                lane.outbox().push(Of::<M>::WORKER, Tag::WORKER.0, message)?;
            }
        }
        lane.is_spilled = true;
        lane.touch(worker, &mut self.dirty, &mut self.flushed);
        Ok(())
    }

    /// Tells the time, because waiting times are measured: the next batches begin with it.
    pub(crate) fn set_time(&mut self, now_ns: u64) {
        self.now_ns = Some(now_ns);
        self.lanes.iter_mut().flatten().for_each(|lane| lane.needs_mark = !lane.is_dirty);
    }

    /// Whether nothing waits to be published.
    #[inline(always)]
    pub(crate) fn is_clean(&self) -> bool {
        self.dirty.is_empty()
    }

    /// Moves what fits from the outboxes into the lanes, and publishes all. Returns how many batches were published.
    pub(crate) fn flush(&mut self) -> u64 {
        let mut left = 0;
        for n in 0..self.dirty.len() {
            let worker = self.dirty[n];
            let Some(Some(lane)) = self.lanes.get_mut(usize::from(worker)) else { continue };
            if lane.is_spilled {
                lane.move_outbox();
            }
            let _ = lane.producer.publish();
            self.flushed += 1;
            lane.is_dirty = lane.is_spilled;
            self.dirty[left] = worker;
            left += usize::from(lane.is_dirty);
        }
        self.dirty.truncate(left);
        std::mem::take(&mut self.flushed)
    }

    /// Whether everything was published and read.
    pub(crate) fn is_drained(&self) -> bool {
        self.dirty.is_empty() && self.lanes.iter().flatten().all(|lane| lane.producer.is_drained())
    }

    /// The most bytes that waited in an outbox at once.
    pub(crate) fn high_water_bytes(&self) -> u64 {
        let outboxes = self.lanes.iter().flatten().filter_map(|lane| lane.outbox.as_ref());
        outboxes.map(|outbox| outbox.high_water_bytes() as u64).max().unwrap_or(0)
    }

    /// The bytes that others have not read yet.
    pub(crate) fn depth_bytes(&self) -> u64 {
        let depth = |lane: &Lane| {
            let outbox =
                lane.outbox.as_ref().filter(|_| lane.is_spilled).map_or(0, |outbox| outbox.used_bytes() as u64);
            lane.producer.depth_bytes() + lane.producer.unpublished_bytes() + outbox
        };
        self.lanes.iter().flatten().map(|lane| depth(lane)).sum()
    }

    /// Takes back what was not yet given to a lane, and what a worker that `is_gone` did not read.
    pub(crate) fn drain(
        &mut self,
        is_gone: impl Fn(usize) -> bool,
        mut take: impl FnMut(&'static MessageType, u64, *mut u8),
    ) {
        for (worker, lane) in self.lanes.iter_mut().enumerate() {
            let Some(lane) = lane else { continue };
            if is_gone(worker) {
                lane.producer.reclaim(&mut take);
            }
            if let Some(outbox) = &mut lane.outbox {
                outbox.drain(&mut take);
            }
            lane.is_spilled = false;
        }
    }
}

impl Lane {
    /// Something was written: puts the lane, which leads to `worker`, among the dirty ones, or publishes it if much waits
    /// in it.
    #[inline(always)]
    fn touch(&mut self, worker: usize, dirty: &mut Vec<u16>, flushed: &mut u64) {
        if !self.is_dirty {
            self.is_dirty = true;
            dirty.push(worker as u16);
        } else if self.producer.unpublished_bytes() >= PUBLISH_BYTES {
            let _ = self.producer.publish();
            *flushed += 1;
        }
    }

    /// Writes the time in front of a batch. Without room the times are only less exact.
    fn mark(&mut self, now_ns: Option<u64>) {
        if let Some(sent_ns) = now_ns
            && !self.is_spilled
        {
            // SAFETY: `Of` describes the message, which may be sent.
            let _ = unsafe { self.producer.push(Of::<Mark>::WORKER, Tag::WORKER.0, Mark { sent_ns }) };
        }
    }

    fn outbox(&mut self) -> &mut LocalRing<MessageType> {
        let limit = self.outbox_limit_bytes;
        self.outbox.get_or_insert_with(|| LocalRing::new(2 * SEGMENT_BYTES, limit))
    }

    /// Moves envelopes from the outbox into the lane while they fit. An empty outbox keeps its
    /// segments for the next time.
    fn move_outbox(&mut self) {
        let Some(outbox) = self.outbox.as_mut() else { return };
        while let Some(front) = outbox.front() {
            // SAFETY: `front` is an envelope of the engine's kinds.
            let header = unsafe { hippodrome_ringbuf::header_at::<MessageType>(front.as_ptr()) };
            // SAFETY: as above.
            let kind: &'static MessageType = unsafe { &*header.kind };
            let message = hippodrome_ringbuf::message_at(front.as_ptr(), kind.layout());
            // SAFETY: the message moves into the lane, and the outbox is told so; or it stays.
            if unsafe { self.producer.push_raw(kind, header.tag, message) }.is_err() {
                let _ = self.producer.publish();
                return;
            }
            // SAFETY: the envelope at `front` was just moved out.
            unsafe { outbox.set_front(hippodrome_ringbuf::end_of(message, kind.layout())) };
        }
        self.is_spilled = false;
        outbox.rewind();
    }
}
