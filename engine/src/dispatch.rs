//! From an envelope to a handler: what runs for the messages at the worker's reader.
//!
//! The table of actors names, for each, the function that takes its messages now. For a running actor that is
//! [`run_actor`], made for its type: it handles the first message and goes on while the next envelope is for the same
//! actor or for another of its type, so that a run of messages costs one indirect call.

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use hippodrome_ringbuf::{JUMP_TAG, Kind, end_of, header_at, message_at, tag_at};

use crate::actor::Actor;
use crate::address::{Address, Tag};
use crate::batch::Batch;
use crate::cell::{Body, Head, MailboxControl};
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::instrument::{Instrument, after_one, before_next};
use crate::mailbox::Mailbox;
use crate::message::{MessageType, Of};
use crate::reader::{Reader, Source};
use crate::slots::Tenant;
use crate::stopwatch::Stopwatch;

/// Takes one or more messages for the actor at the head from the worker's reader.
///
/// To be called by the worker alone, with `current` set to that actor.
pub(crate) type RunFn = unsafe fn(&mut Core, NonNull<Head>);

impl Core {
    /// Hands the envelope at the reader to whoever it is for, and counts what was handled of it.
    ///
    /// # Safety
    /// There is one.
    #[inline(always)]
    pub(crate) unsafe fn dispatch<W: Stopwatch>(&mut self) {
        // SAFETY: the caller's contract.
        let tag = Tag(unsafe { tag_at(self.reader.cursor) });
        if let Some(&Tenant { head, run, type_index, .. }) = self.slots.get(tag) {
            if type_index != self.current.type_index {
                self.count_type(type_index);
            }
            self.current.tag = tag;
            self.current.head = Some(head);
            let watch = W::start(self);
            // SAFETY: the table holds the function that fits the actor at `head`.
            unsafe { run(self, head) };
            watch.stop(self);
        } else {
            // SAFETY: the caller's contract.
            unsafe { self.dispatch_unusual(tag) }
        }
    }

    /// The end of a segment, or a message for the worker, for an actor that is just being installed, or for one that has
    /// gone.
    ///
    /// # Safety
    /// As for [`dispatch`](Self::dispatch).
    #[cold]
    #[inline(never)]
    unsafe fn dispatch_unusual(&mut self, tag: Tag) {
        if tag.0 == JUMP_TAG {
            // The local ring goes on in another segment; all other sources go over their jumps themselves.
            self.settle_reader();
            self.reader.cursor = self.local.front().map_or(self.local.back(), NonNull::as_ptr);
            return;
        }
        if tag == Tag::WORKER {
            // SAFETY: the caller's contract.
            return unsafe { self.run_worker_message() };
        }
        // Whoever knows an address got it after the actor's installation was ordered: look there before giving up.
        if self.run_commands() && self.slots.get(tag).is_some() {
            // The caller comes back for the envelope, which is still at the reader.
            return;
        }
        // SAFETY: the caller's contract.
        let (kind, message) = unsafe { self.take_envelope() };
        // SAFETY: the message was just taken out.
        unsafe { self.bury_raw(kind, message, tag, DeadLetterReason::Stopped) };
    }

    /// Takes the envelope at the reader out. The message lies there until the source is next used.
    ///
    /// # Safety
    /// There is one.
    unsafe fn take_envelope(&mut self) -> (&'static MessageType, *mut u8) {
        // SAFETY: the caller's contract; the kinds of the engine's rings are static.
        let kind = unsafe { &*header_at::<MessageType>(self.reader.cursor).kind };
        let message = message_at(self.reader.cursor, kind.layout());
        self.reader.cursor = end_of(message, kind.layout());
        self.limit = self.limit.saturating_sub(1).max(self.counters.handled);
        (kind, message)
    }

    /// Runs a message that is for the worker itself. The source is told at once that it was read, so that the message
    /// may make the worker read elsewhere, and panic there.
    ///
    /// # Safety
    /// The envelope at the reader has the worker's tag.
    unsafe fn run_worker_message(&mut self) {
        // SAFETY: the caller's contract.
        let (kind, message) = unsafe { self.take_envelope() };
        self.settle_reader();
        let reader = std::mem::replace(&mut self.reader, Reader::NOWHERE);
        if let Some(run) = kind.run() {
            // SAFETY: the message was just taken out, and is of this kind. Its place stays untouched until `run` has
            // moved it out, which is the first thing that it does.
            unsafe { run(self, message) };
        }
        // What ran may have used the express ring, and may have taken it back to its start: whoever drains it looks for
        // its front anew.
        if reader.source != Source::Express {
            self.reader = reader;
        }
    }

    /// Reports the message at `message` as dead, and drops it.
    ///
    /// # Safety
    /// It is a valid message of `kind`, not used again.
    pub(crate) unsafe fn bury_raw(
        &mut self,
        kind: &'static MessageType,
        message: *mut u8,
        tag: Tag,
        reason: DeadLetterReason,
    ) {
        self.report_dead_letter(Address { home: self.home, tag }, kind.name(), reason);
        // SAFETY: the caller's contract.
        self.contain(|| unsafe { kind.drop_in_place(message) });
    }

    /// Reports `message` as dead, and drops it.
    #[cold]
    #[inline(never)]
    pub(crate) fn bury<M>(&mut self, to: Address, message: M, reason: DeadLetterReason) {
        self.report_dead_letter(to, std::any::type_name::<M>(), reason);
        self.contain(|| drop(message));
    }

    /// Runs foreign code that is nobody's handler; its panic is counted and goes no further.
    pub(crate) fn contain(&mut self, run: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            self.count_contained(panic);
        }
    }
}

impl Core {
    /// Takes the next message of the current actor's run, which is one of `M`: the actor is just handling another.
    #[inline]
    pub(crate) fn take_next<M: Send + 'static>(&mut self) -> Option<M> {
        if self.is_end_of_slice() {
            return None;
        }
        after_one(self);
        self.counters.handled += 1;
        let message = if self.reader.cursor == self.reader_end() {
            self.take_from_mailbox()?
        } else {
            let layout = const { Layout::new::<M>() };
            let message = message_at(self.reader.cursor, layout);
            self.reader.cursor = end_of(message, layout);
            // SAFETY: `is_end_of_slice` has seen an envelope with the tag of the current actor, whose messages are `M`;
            // the cursor is behind it, so it is moved out once.
            unsafe { message.cast::<M>().read() }
        };
        // Behind the move: if this panics, the message is dropped and reported.
        before_next(self);
        Some(message)
    }

    /// Whether the run of the current actor ends here: nothing more is at hand for it, or the worker's slice is over.
    #[inline(always)]
    pub(crate) fn is_end_of_slice(&mut self) -> bool {
        if self.counters.handled >= self.limit {
            return true;
        }
        if self.reader.cursor == self.reader_end() {
            self.read_on();
        }
        self.is_end_of_batch()
    }

    /// At the end of what was published to a lane together: goes on with what was published there next.
    fn read_on(&mut self) {
        let Source::Lane(lane) = self.reader.source else { return };
        // SAFETY: the cursor moved only over envelopes that were moved out.
        unsafe { self.inbound.set_front(lane, self.reader.cursor) };
        if let Some(front) = self.inbound.front(lane) {
            self.reader = Reader::at(Source::Lane(lane), front.as_ptr(), self.inbound.back(lane));
        }
    }

    /// Whether the next message at hand is none of the current actor's.
    #[inline(always)]
    pub(crate) fn is_end_of_batch(&self) -> bool {
        let cursor = self.reader.cursor;
        if cursor == self.reader_end() {
            return self.reader.source != Source::Express || !self.has_in_mailbox();
        }
        // SAFETY: the reader's end was compared first.
        let next = unsafe { tag_at(cursor) };
        next != self.current.tag.0
    }

    /// Whether something waits in the current actor's private mailbox, if it has one.
    #[inline(never)]
    fn has_in_mailbox(&self) -> bool {
        // SAFETY: the mailbox is used by its worker alone, between two uses of it by the actor's run.
        self.mailbox_of_current().is_some_and(|mailbox| unsafe { mailbox.as_ref() }.len() > 0)
    }

    #[inline(never)]
    fn take_from_mailbox<M: Send + 'static>(&mut self) -> Option<M> {
        let mut mailbox = self.mailbox_of_current()?;
        // SAFETY: as in `has_in_mailbox`.
        unsafe { mailbox.as_mut() }.as_any().downcast_mut::<Mailbox<M>>()?.take()
    }

    fn mailbox_of_current(&self) -> Option<NonNull<dyn MailboxControl>> {
        let head = self.current.head?;
        // SAFETY: the vtable fits the cell of the current actor, whose mailbox nobody borrows while its handler runs.
        unsafe { (head.as_ref().vtable.mailbox)(head) }
    }
}

/// Handles the messages of the current actor, and goes on with those of others of its type: a crowd of actors of one
/// type costs one indirect call for all of them.
///
/// Which actor is the current one is read from the core for each message. In a register it would be one value more to
/// keep across the handler, which costs more than the load.
pub(crate) unsafe fn run_actor<A: Actor, I: Instrument>(core: &mut Core, _head: NonNull<Head>) {
    let layout = const { Layout::new::<A::Msg>() };
    loop {
        let message = message_at(core.reader.cursor, layout);
        core.reader.cursor = end_of(message, layout);
        core.counters.handled += 1;
        // SAFETY: the tag is this actor's, so the envelope carries its type of message; the cursor is behind it, so it
        // is moved out once.
        let message = unsafe { message.cast::<A::Msg>().read() };
        I::before_message(core);
        // SAFETY: the caller or the end of this loop has set the head of a cell of this type with a state, and nobody
        // changes it during a run. No other method of an actor is on the stack.
        let state = unsafe { Body::<A>::state(core.current.head.unwrap_unchecked()) };
        state.handle_batch(message, Batch::new(core));
        I::after_message(core);
        if core.counters.handled >= core.limit || core.reader.cursor == core.reader_end() {
            return;
        }
        // SAFETY: the reader's end was compared first, so an envelope or a jump is there.
        let next = Tag(unsafe { tag_at(core.reader.cursor) });
        if next != core.current.tag {
            let Some(&Tenant { head, handles_as, .. }) = core.slots.get(next) else { return };
            // Another type, or one that waits for its restart, or has a mailbox of its own.
            if handles_as != core.current.type_index {
                return;
            }
            core.current.tag = next;
            core.current.head = Some(head);
        }
    }
}

/// Moves one message into the actor's private mailbox.
pub(crate) unsafe fn run_into_mailbox<A: Actor>(core: &mut Core, head: NonNull<Head>) {
    // SAFETY: the worker calls this with an envelope at the reader.
    let (_, message) = unsafe { core.take_envelope() };
    // SAFETY: as in `run_actor`.
    let message = unsafe { message.cast::<A::Msg>().read() };
    // SAFETY: the cell is of this type, and no method of an actor is on the stack.
    if let Some(mailbox) = unsafe { Body::<A>::mailbox(head) } {
        if core.is_reserved {
            if let Err(message) = mailbox.put_reserved(message) {
                let to = core.me();
                return core.bury(to, message, DeadLetterReason::MailboxFull);
            }
        } else {
            let to = core.me();
            if let Err(refused) = core.put(to, mailbox, message) {
                core.bury_refused(to, refused);
            }
        }
        core.make_ready(head);
    }
}

/// Handles messages of the private mailbox, up to the worker's limit.
pub(crate) unsafe fn run_mailbox<A: Actor>(core: &mut Core, head: NonNull<Head>) {
    // SAFETY: the head is valid; the vtable is static.
    let run = unsafe { head.as_ref() }.vtable.run;
    let tag = core.current.tag.0;
    while core.counters.handled < core.limit {
        // SAFETY: the cell is of this type; the borrow ends before the handler runs, which may use the mailbox.
        let Some(message) = (unsafe { Body::<A>::mailbox(head).and_then(Mailbox::take) }) else { return };
        // By way of the express ring, so that the handler is compiled once, into `run_actor`, and not here again.
        // SAFETY: `Of` describes the message, which may be sent.
        if let Err(message) = unsafe { core.express.push(Of::<A::Msg>::ACTOR, tag, message) } {
            let to = core.me();
            return core.bury(to, message, DeadLetterReason::Full);
        }
        let Some(front) = core.express.front() else { return };
        core.reader = Reader::at(Source::Express, front.as_ptr(), core.express.back());
        // SAFETY: the actor has a state, and `front` is an envelope for it.
        unsafe { run(core, head) };
        core.settle_reader();
        core.reader.stop();
    }
    core.express.rewind();
}

/// For an actor that was installed and not yet started: starts it.
pub(crate) unsafe fn run_new(core: &mut Core, head: NonNull<Head>) {
    // The envelope stays at the reader: whoever called comes back for it.
    core.start_actor(head);
}

/// For an actor that is being restarted: keeps the message.
pub(crate) unsafe fn run_holding(core: &mut Core, head: NonNull<Head>) {
    let tag = core.current.tag;
    // SAFETY: the worker calls this with an envelope at the reader.
    let (kind, message) = unsafe { core.take_envelope() };
    // SAFETY: the head is the current actor's and nothing of it is borrowed. The message moves into the ring, or stays
    // and is dropped.
    unsafe {
        if !core.hold(head, kind, tag, message) {
            core.bury_raw(kind, message, tag, DeadLetterReason::Full);
        }
    }
}

/// For an actor that is stopping: its messages are dead letters.
pub(crate) unsafe fn run_refusing(core: &mut Core, _head: NonNull<Head>) {
    let tag = core.current.tag;
    // SAFETY: the worker calls this with an envelope at the reader.
    unsafe {
        let (kind, message) = core.take_envelope();
        core.bury_raw(kind, message, tag, DeadLetterReason::Stopped);
    }
}
