//! From an envelope to a handler: what runs for the messages at the worker's reader.
//!
//! The table of actors names, for each, the function that takes its messages now. For a running actor that is
//! [`run_actor`], made for its type: it handles the first message and goes on while the next envelope is for the same
//! actor, so that a run of messages costs one indirect call.

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use hippodrome_ringbuf::{Kind, end_of, header_at, message_at, tag_at};

use crate::actor::Actor;
use crate::address::{Address, Tag};
use crate::cell::{Cell, Head};
use crate::context::Context;
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::mailbox::{Mailbox, Put};
use crate::message::MessageType;

/// Takes one or more messages for the actor at the head from the worker's reader.
///
/// To be called by the worker alone, with `current` set to that actor.
pub(crate) type RunFn = unsafe fn(&mut Core, NonNull<Head>);

/// Where the worker reads envelopes now.
pub(crate) struct Reader {
    pub(crate) source: Source,
    /// The next envelope.
    pub(crate) cursor: *mut u8,
    /// Where the envelopes end, for sources that do not grow while they are read.
    pub(crate) end: *mut u8,
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
        if self.reader.source == Source::Local { self.local.back() } else { self.reader.end }
    }

    /// Hands the envelope at the reader to whoever it is for.
    ///
    /// # Safety
    /// There is one.
    #[inline(always)]
    pub(crate) unsafe fn dispatch(&mut self) {
        // SAFETY: the caller's contract.
        let tag = Tag(unsafe { tag_at(self.reader.cursor) });
        if let Some(slot) = self.slots.get(tag)
            && let Some(head) = slot.head
        {
            let run = slot.run;
            self.current.tag = tag;
            self.current.head = Some(head);
            // SAFETY: the table holds the function that fits the actor at `head`.
            unsafe { run(self, head) }
        } else {
            // SAFETY: the caller's contract.
            unsafe { self.dispatch_unusual(tag) }
        }
    }

    /// Messages for the worker, for an actor that is just being installed, or for one that has gone.
    ///
    /// # Safety
    /// As for [`dispatch`](Self::dispatch).
    #[cold]
    #[inline(never)]
    unsafe fn dispatch_unusual(&mut self, tag: Tag) {
        if tag == Tag::WORKER {
            // SAFETY: the caller's contract.
            return unsafe { self.run_worker_message() };
        }
        // Whoever knows an address got it after the actor's installation was ordered: look there before giving up.
        if self.run_commands() && self.slots.get(tag).is_some() {
            // SAFETY: the caller's contract.
            return unsafe { self.dispatch() };
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
        let (source, cursor, end) = (self.reader.source, self.reader.cursor, self.reader.end);
        self.reader.source = Source::Nothing;
        if let Some(run) = kind.run() {
            // SAFETY: the message was just taken out, and is of this kind. Its place stays untouched until `run` has
            // moved it out, which is the first thing that it does.
            unsafe { run(self, message) };
        }
        self.reader = Reader { source, cursor, end };
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
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            self.counters.contained_panics += 1;
        }
    }
}

/// Handles the messages of a running actor.
pub(crate) unsafe fn run_actor<A, F>(core: &mut Core, head: NonNull<Head>)
where
    A: Actor,
    F: FnMut() -> A + Send + 'static,
{
    let layout = const { Layout::new::<A::Msg>() };
    // SAFETY: the table chose this function for a cell of this type with a state, and no other actor's method is on the
    // stack.
    let state = unsafe { Cell::<A, F>::state(head) };
    let tag = core.current.tag.0;
    loop {
        let message = message_at(core.reader.cursor, layout);
        core.reader.cursor = end_of(message, layout);
        core.counters.handled += 1;
        // SAFETY: the tag is this actor's, so the envelope carries its type of message; the cursor is behind it, so it
        // is moved out once.
        let message = unsafe { message.cast::<A::Msg>().read() };
        state.handle(message, &mut Context::new(core));
        // SAFETY: the reader's end was compared first.
        if core.counters.handled >= core.limit
            || core.reader.cursor == core.reader_end()
            || unsafe { tag_at(core.reader.cursor) } != tag
        {
            return;
        }
    }
}

/// Moves one message into the actor's private mailbox.
pub(crate) unsafe fn run_into_mailbox<A, F>(core: &mut Core, head: NonNull<Head>)
where
    A: Actor,
    F: FnMut() -> A + Send + 'static,
{
    // SAFETY: the worker calls this with an envelope at the reader.
    let (_, message) = unsafe { core.take_envelope() };
    // SAFETY: as in `run_actor`.
    let message = unsafe { message.cast::<A::Msg>().read() };
    // SAFETY: the cell is of this type, and no method of an actor is on the stack.
    if let Some(mailbox) = unsafe { Cell::<A, F>::mailbox(head) } {
        if core.is_reserved {
            if let Err(message) = mailbox.put_reserved(message) {
                let to = core.me();
                return core.bury(to, message, DeadLetterReason::MailboxFull);
            }
        } else {
            core.put(mailbox, message);
        }
        core.make_ready(head);
    }
}

impl Core {
    /// Puts a message into the mailbox of the current actor, by its policy.
    fn put<M>(&mut self, mailbox: &mut Mailbox<M>, message: M) {
        let to = self.me();
        match mailbox.put(message) {
            Put::Stored => {}
            Put::Conflated(older) => self.bury(to, older, DeadLetterReason::Conflated),
            Put::DroppedOldest(oldest) => self.bury(to, oldest, DeadLetterReason::DroppedOldest),
            Put::DroppedNewest(newest) => self.bury(to, newest, DeadLetterReason::DroppedNewest),
            Put::Rejected(message) => self.bury(to, message, DeadLetterReason::MailboxFull),
        }
    }
}

/// Handles messages of the private mailbox, up to the worker's limit.
pub(crate) unsafe fn run_mailbox<A, F>(core: &mut Core, head: NonNull<Head>)
where
    A: Actor,
    F: FnMut() -> A + Send + 'static,
{
    while core.counters.handled < core.limit {
        // SAFETY: the cell is of this type; the borrow ends before the handler runs, which may use the mailbox.
        let Some(message) = (unsafe { Cell::<A, F>::mailbox(head).and_then(Mailbox::take) }) else { return };
        core.counters.handled += 1;
        // SAFETY: as in `run_actor`.
        unsafe { Cell::<A, F>::state(head) }.handle(message, &mut Context::new(core));
    }
}

/// For an actor that was installed and not yet started: starts it, then hands it the message.
pub(crate) unsafe fn run_new(core: &mut Core, head: NonNull<Head>) {
    core.start_actor(head);
    // SAFETY: the envelope that this was called for is still at the reader.
    unsafe { core.dispatch() }
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

/// For a slot without a tenant; the worker finds no head there and does not call it.
pub(crate) unsafe fn run_vacant(_core: &mut Core, _head: NonNull<Head>) {}
