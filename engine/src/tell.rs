//! Sending: from the actor that is running, and from the worker itself.

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hippodrome_ringbuf::lane;

use crate::actor::Actor;
use crate::address::{ActorRef, Address, Tag};
use crate::child::Supervision;
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::error::{SpawnError, TryTellError};
use crate::instrument::is_squeezed;
use crate::mailbox::{Mailbox, Put};
use crate::message::{Of, WorkerMessage};
use crate::shared::Phase;
use crate::spawn::Props;

/// Moves a value to another place in memory. A value that is handed to a function has an address, and all of its fields
/// are written there even on the way that does not call the function; a copy made on the other way alone leaves the
/// first one in registers.
#[inline(always)]
pub(crate) fn elsewhere<M>(message: M) -> M {
    let message = ManuallyDrop::new(message);
    // SAFETY: the original is forgotten.
    unsafe { std::ptr::read(&raw const *message) }
}

/// A message that was not accepted.
pub(crate) struct Refused<M> {
    pub(crate) reason: DeadLetterReason,
    pub(crate) message: M,
}

impl<M> Refused<M> {
    /// A message that a lane or an ingress did not take.
    pub(crate) fn by_ring((refused, message): (lane::Refused, M)) -> Self {
        let reason = match refused {
            lane::Refused::Closed => DeadLetterReason::Shutdown,
            _ => DeadLetterReason::Full,
        };
        Self { reason, message }
    }
}

impl<M> From<Refused<M>> for TryTellError<M> {
    fn from(Refused { reason, message }: Refused<M>) -> Self {
        match reason {
            DeadLetterReason::Full | DeadLetterReason::MailboxFull => Self::Full(message),
            _ => Self::Stopped(message),
        }
    }
}

impl Core {
    /// Sends a message; one that is refused becomes a dead letter. Says whether it was accepted.
    #[inline(always)]
    pub(crate) fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> bool {
        if to.home() == self.home && self.local.fits(const { Layout::new::<M>() }) {
            self.counters.sent += 1;
            // SAFETY: `Of` describes `M`, which may be sent; its envelope fits.
            unsafe { self.local.push_fitting(Of::<M>::ACTOR, to.tag().0, message) }
            true
        } else {
            self.tell_slowly(to, elsewhere(message))
        }
    }

    /// Sends all messages, in order, as [`tell`](Self::tell) does. Returns how many were accepted.
    #[inline(always)]
    pub(crate) fn tell_batch<M: Send + 'static>(
        &mut self,
        to: ActorRef<M>,
        mut messages: impl Iterator<Item = M>,
    ) -> usize {
        let mut accepted = 0;
        loop {
            let home = to.home();
            let (pushed, rest) = if home == self.home {
                // SAFETY: `Of` describes `M`, which may be sent.
                unsafe { self.local.push_while_fitting(Of::<M>::ACTOR, to.tag().0, &mut messages) }
            } else if home.node() == self.home.node() && home.shared() != self.home {
                self.outbound.send_while_fitting(home.worker(), to.tag(), &mut messages)
            } else {
                (0, messages.next())
            };
            self.counters.sent += pushed;
            accepted += pushed as usize;
            let Some(message) = rest else { return accepted };
            accepted += usize::from(self.tell_slowly(to, elsewhere(message)));
        }
    }

    /// The rest of [`tell`](Self::tell): the next segment of the ring, other workers, private mailboxes.
    #[inline(never)]
    fn tell_slowly<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> bool {
        let sent = self.send(to, message);
        sent.map_err(|refused| self.bury_refused(to.address(), refused)).is_ok()
    }

    /// Reports a refused message as dead, and drops it.
    #[cold]
    #[inline(never)]
    pub(crate) fn bury_refused<M>(&mut self, to: Address, refused: Refused<M>) {
        self.bury(to, refused.message, refused.reason);
    }

    /// Writes a message where its receiver's worker will find it.
    #[inline(always)]
    pub(crate) fn send<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), Refused<M>> {
        self.counters.sent += 1;
        if to.home() == self.home {
            // SAFETY: `Of` describes `M`, which may be sent.
            unsafe { self.local.push(Of::<M>::ACTOR, to.tag().0, message) }
                .map_err(|message| Refused { reason: DeadLetterReason::Full, message })
        } else {
            self.send_far(to, message)
        }
    }

    /// To another worker, or into a private mailbox.
    #[inline(always)]
    fn send_far<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), Refused<M>> {
        let home = to.home();
        if home.node() != self.home.node() {
            return Err(Refused { reason: DeadLetterReason::Unreachable, message });
        }
        if home.shared() == self.home {
            return self.send_private(to, message);
        }
        self.outbound.send(home.worker(), to.tag(), message).map_err(|message| {
            let reason = if self.phase == Phase::Ending { DeadLetterReason::Shutdown } else { DeadLetterReason::Full };
            Refused { reason, message }
        })
    }

    /// Puts a message straight into the private mailbox of an actor of this worker. All its messages from this worker
    /// go this way, so that their order holds.
    fn send_private<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), Refused<M>> {
        let stopped = |message| Refused { reason: DeadLetterReason::Stopped, message };
        if self.slots.head(to.tag()).is_none() {
            self.run_commands();
        }
        let Some(head) = self.slots.head(to.tag()) else { return Err(stopped(message)) };
        // SAFETY: the table's heads are valid, and this borrow ends at once.
        let (refuses, vtable) = unsafe { (head.as_ref().refuses(), head.as_ref().vtable) };
        if refuses {
            return Err(stopped(message));
        }
        // SAFETY: the vtable fits the cell. The mailbox is borrowed only here: whoever runs it lets go of it before it
        // calls a handler.
        let Some(mailbox) = (unsafe { (vtable.mailbox)(head) }) else { return Err(stopped(message)) };
        // SAFETY: the address is of an actor that takes `M`, so its mailbox is one of `M`.
        let mailbox = unsafe { mailbox.cast::<Mailbox<M>>().as_mut() };
        self.make_ready(head);
        self.put(to.address(), mailbox, message)
    }

    /// Puts a message into an actor's mailbox, by its policy; what the policy drops becomes a dead letter.
    pub(crate) fn put<M>(&mut self, to: Address, mailbox: &mut Mailbox<M>, message: M) -> Result<(), Refused<M>> {
        let key = match mailbox.key_of().map(|key_of| catch_unwind(AssertUnwindSafe(|| key_of(&message)))) {
            None => None,
            Some(Ok(key)) => Some(key),
            // The function is neither the sender's nor a handler: nobody fails.
            Some(Err(panic)) => {
                self.count_contained(panic);
                self.bury(to, message, DeadLetterReason::Panicked);
                return Ok(());
            }
        };
        let is_squeezed = is_squeezed(to, mailbox.ordinary());
        let put = if is_squeezed { mailbox.put_squeezed(key, message) } else { mailbox.put(key, message) };
        match put {
            Put::Stored => {}
            Put::Conflated(older) => self.bury(to, older, DeadLetterReason::Conflated),
            Put::DroppedOldest(oldest) => self.bury(to, oldest, DeadLetterReason::DroppedOldest),
            Put::DroppedNewest(newest) => self.bury(to, newest, DeadLetterReason::DroppedNewest),
            Put::Rejected(message) => return Err(Refused { reason: DeadLetterReason::MailboxFull, message }),
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        if to.home() == self.home && self.slots.get(to.tag()).is_none() && !self.is_coming(to.tag()) {
            return Err(TryTellError::Stopped(message));
        }
        Ok(self.send(to, message)?)
    }

    /// Whether an actor that is not in the table is just being installed.
    #[cold]
    fn is_coming(&mut self, tag: Tag) -> bool {
        self.run_commands() && self.slots.get(tag).is_some()
    }

    /// Sends the notice of an actor's end. It has reserved room. Returns whether there was any.
    pub(crate) fn send_notice<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> bool {
        self.counters.sent += 1;
        let refused = if to.home().shared() == self.home {
            let notice = Notice { to, message };
            self.send_to_self_reserved(notice)
        } else if to.home().node() == self.home.node() {
            self.outbound.send_to_worker(to.home().worker(), Notice { to, message })
        } else {
            Err(Notice { to, message })
        };
        refused.map_err(|Notice { to, message }| self.bury(to.address(), message, DeadLetterReason::Full)).is_ok()
    }

    /// Sends this worker itself a message that has reserved room.
    ///
    /// # Errors
    /// The message, if even that is used up.
    pub(crate) fn send_to_self_reserved<W: WorkerMessage>(&mut self, message: W) -> Result<(), W> {
        // SAFETY: `Of` describes the message, which may be sent.
        unsafe { self.local.push_reserved(Of::<W>::WORKER, Tag::WORKER.0, message) }
    }

    /// Sends this worker itself a message that is an actor's wish, and so has no reserved room.
    ///
    /// # Errors
    /// The message, if the local ring is at its limit.
    pub(crate) fn send_to_self<W: WorkerMessage>(&mut self, message: W) -> Result<(), W> {
        // SAFETY: `Of` describes the message, which may be sent.
        unsafe { self.local.push(Of::<W>::WORKER, Tag::WORKER.0, message) }
    }

    /// Hands a message to an actor of this worker at once. No actor may be on the stack.
    pub(crate) fn deliver<M: Send + 'static>(&mut self, to: Tag, message: M) {
        // SAFETY: `Of` describes `M`, which may be sent.
        if let Err(message) = unsafe { self.express.push(Of::<M>::ACTOR, to.0, message) } {
            return self.bury(Address { home: self.home, tag: to }, message, DeadLetterReason::Full);
        }
        self.drain_express(true);
    }

    /// Runs something on behalf of an actor; a panic in it is the actor's.
    pub(crate) fn contain_for(&mut self, actor: Tag, run: impl FnOnce(&mut Self)) {
        self.current.tag = actor;
        self.current.head = self.slots.head(actor);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(self))) {
            self.recover(panic);
        }
        if !self.tasks.is_empty() {
            self.do_tasks();
        }
    }

    pub(crate) fn spawn_child<A, F>(
        &mut self,
        props: Props<A::Msg>,
        supervision: Option<Supervision>,
        factory: F,
    ) -> Result<ActorRef<A::Msg>, SpawnError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let parent = self.me();
        let (mut cell, child) = self.shared.prepare::<A, F>(props, Some(parent), Some(self.index), factory)?;
        let is_here = child.home().shared() == self.home;
        if let Some(head) = self.current.head_mut() {
            head.children += u32::from(!is_here);
            if supervision.is_some() {
                head.rare().supervised.push(child.address());
            } else if !is_here {
                head.rare().remote_children.push(child.address());
            }
        }
        if let Some(supervision) = supervision {
            cell = cell.supervised(supervision);
        }
        if is_here {
            self.install_actor(cell);
            return Ok(child);
        }
        // By a command and not through the lane: whoever is told the address can count on finding it there.
        self.shared.workers[child.home().worker()].order(Box::new(move |core| core.install_actor(cell)));
        Ok(child)
    }
}

/// The notice of an actor's end, on its way to whoever watched it. For one that has stopped itself it is nothing: nobody
/// sent it, so it is no dead letter.
pub(crate) struct Notice<M> {
    to: ActorRef<M>,
    message: M,
}

impl<M: Send + 'static> crate::message::WorkerMessage for Notice<M> {
    fn run(self, core: &mut Core) {
        let head = core.slots.head(self.to.tag());
        // SAFETY: the table's heads are valid, and the borrow ends at once.
        if head.is_some_and(|head| !unsafe { head.as_ref() }.is_ending()) {
            core.deliver(self.to.tag(), self.message);
        } else {
            core.contain(|| drop(self.message));
        }
    }
}
