//! Failure: what becomes of an actor that panicked, and of the messages that come while it is made anew.
//!
//! The state of an actor that panicked is dropped at once; it may be half changed, so its `stopped` does not run. If its
//! policy grants a restart, its children stop, its backoff passes, and its factory makes a fresh state. Meanwhile its
//! messages are held, and handled first when it runs again, so that the order of each sender holds.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use hippodrome_ringbuf::{LocalRing, SEGMENT_BYTES};

use crate::address::{Address, Tag};
use crate::cell::{Head, Lifecycle};
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::event::SystemEvent;
use crate::instrument::injected;
use crate::message::MessageType;
use crate::reader::{Reader, Source};
use crate::restart::Restart;
use crate::stop::{Stop, StopReason};
use crate::supervise::{Task, head_mut, head_of, nanos};

impl Core {
    /// After a panic: puts everything in order, then lets the actor's policy decide.
    #[cold]
    pub(crate) fn recover(&mut self, panic: Box<dyn std::any::Any + Send>) {
        self.settle_reader();
        self.reader.stop();
        self.inbound.release_all();
        self.is_reserved = false;
        let tag = self.current.tag;
        if let Some(head) = self.current.head.take() {
            // SAFETY: the head is the current actor's, whose method has just been unwound.
            let message = unsafe { (head.as_ref().vtable.message_name)() };
            if self.rescued.take() != Some(self.counters.handled) {
                self.report_dead_letter(Address { home: self.home, tag }, message, DeadLetterReason::Panicked);
            }
            self.fail_actor(head, panic);
            self.rest_of_mailbox(tag);
        } else {
            self.count_contained(panic);
        }
        self.counters.steps += 1;
        if let Some(limit) = self.interrupted_limit.take() {
            self.limit = limit;
        }
    }

    /// Runs what makes a message that nobody has sent, on behalf of an actor. If it panics the actor fails, and there is no
    /// dead letter: no message was lost.
    pub(crate) fn made<R>(&mut self, by: Tag, make: impl FnOnce() -> R) -> Option<R> {
        match catch_unwind(AssertUnwindSafe(make)) {
            Ok(made) => Some(made),
            Err(panic) => {
                self.fail_maker(by, panic);
                None
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn fail_maker(&mut self, by: Tag, panic: Box<dyn Any + Send>) {
        self.counters.steps += 1;
        let Some(head) = self.slots.head(by) else { return self.count_contained(panic) };
        self.current.head = None;
        self.fail_actor(head, panic);
        self.rest_of_mailbox(by);
    }

    /// Counts a panic that fails nobody.
    #[cold]
    pub(crate) fn count_contained(&mut self, panic: Box<dyn Any + Send>) {
        self.counters.contained_panics += 1 + discard(panic);
    }

    /// After a panic of the actor: drops its state, then lets its policy decide.
    pub(crate) fn fail_actor(&mut self, head: NonNull<Head>, panic: Box<dyn Any + Send>) {
        let message = panic_message(&*panic);
        self.counters.contained_panics += discard(panic);
        self.counters.panics += 1;
        self.drop_state(head);
        self.decide(head, message);
    }

    /// What the actor's policy says of a panic: its own, or a child's that escalated.
    pub(crate) fn decide(&mut self, mut head: NonNull<Head>, message: Arc<str>) {
        let actor = head_mut(&mut head);
        let tag = actor.me.tag;
        if matches!(actor.lifecycle, Lifecycle::Stopping { .. } | Lifecycle::Suspended { .. }) {
            return;
        }
        match actor.rare.as_ref().map_or(Restart::Stop, |rare| rare.restart) {
            Restart::Stop => self.stop_actor(tag, Stop::Kill, StopReason::Panicked(message)),
            Restart::Escalate => {
                // A parent that supervises it is told in any case.
                let parent = actor.parent.filter(|_| !actor.is_supervised());
                self.stop_actor(tag, Stop::Kill, StopReason::Panicked(message.clone()));
                if let Some(parent) = parent {
                    self.order_at(parent, Task::ChildFailed { parent: parent.tag, message });
                }
            }
            Restart::Restart { max, within, backoff } => {
                let now_ns = self.clock.now_ns();
                let actor = head_mut(&mut head);
                let restarts = &mut actor.rare().restarts_ns;
                restarts.retain(|at| now_ns.saturating_sub(*at) < nanos(within));
                let earlier = restarts.len() as u32;
                if earlier >= max {
                    let event = SystemEvent::RestartsExhausted { actor: actor.me, actor_type: actor.type_name(), max };
                    self.publish_event(event);
                    return self.stop_actor(tag, Stop::Kill, StopReason::RestartsExhausted(message));
                }
                restarts.push(now_ns);
                self.begin_restart(head, backoff.wait(earlier));
            }
        }
    }

    fn begin_restart(&mut self, mut head: NonNull<Head>, wait: Duration) {
        self.drop_state(head);
        let actor = head_mut(&mut head);
        actor.incarnation += 1;
        actor.lifecycle = Lifecycle::Restarting { backoff_over: wait.is_zero() };
        let (me, incarnation) = (actor.me, actor.incarnation);
        self.cancel_timers(me.tag);
        self.set_run(head);
        self.stop_children(head, Stop::Now);
        if !wait.is_zero() && !self.arm_backoff(me.tag, incarnation, wait) {
            // No timer is left: restarting too early is better than never.
            head_mut(&mut head).lifecycle = Lifecycle::Restarting { backoff_over: true };
        }
        self.finish_restart(head);
    }

    pub(crate) fn backoff_over(&mut self, tag: Tag, incarnation: u32) {
        let Some(mut head) = self.slots.head(tag) else { return };
        let actor = head_mut(&mut head);
        if actor.incarnation == incarnation && matches!(actor.lifecycle, Lifecycle::Restarting { .. }) {
            actor.lifecycle = Lifecycle::Restarting { backoff_over: true };
            self.finish_restart(head);
        }
    }

    /// Starts the actor again once its children have stopped and its backoff is over.
    pub(crate) fn finish_restart(&mut self, head: NonNull<Head>) {
        let actor = head_of(head);
        if actor.children > 0 || actor.lifecycle != (Lifecycle::Restarting { backoff_over: true }) {
            return;
        }
        if self.is_starting {
            // It has panicked as it started: others have their turn before it is tried again.
            return self.make_ready(head);
        }
        let tag = actor.me.tag;
        self.start_actor(head);
        if let Some(head) = self.slots.head(tag)
            && head_of(head).is_alive()
        {
            self.make_ready(head);
        }
    }

    /// Keeps a message for an actor that is being restarted. Returns whether there was room.
    ///
    /// # Safety
    /// `message` is a valid message of `kind`, not used again if this returns `true`.
    pub(crate) unsafe fn hold(
        &mut self,
        mut head: NonNull<Head>,
        kind: &'static MessageType,
        tag: Tag,
        message: *mut u8,
    ) -> bool {
        let limit = self.settings.local_ring_limit_kib as usize * 1024;
        let held = &mut head_mut(&mut head).rare().held;
        let held = held.get_or_insert_with(|| LocalRing::new(2 * SEGMENT_BYTES, limit));
        // SAFETY: the caller's contract.
        unsafe { held.push_raw(kind, tag.0, message) }
    }

    /// Runs what was held for an actor that runs again, within the slice.
    pub(crate) fn run_held(&mut self, mut head: NonNull<Head>) {
        let tag = self.current.tag;
        let run = head_of(head).vtable.run;
        while self.counters.handled < self.limit {
            let Some(rare) = &mut head_mut(&mut head).rare else { return };
            let Some(held) = &mut rare.held else { return };
            let Some(front) = held.front() else {
                rare.held = None;
                return self.set_run(head);
            };
            self.reader = Reader::at(Source::Held(tag), front.as_ptr(), held.back());
            // SAFETY: the vtable fits the cell, which has a state; `front` is an envelope for this actor.
            unsafe { run(self, head) };
            self.settle_reader();
            self.reader.stop();
        }
    }

    /// Says how far the held messages of the actor were read.
    ///
    /// # Safety
    /// As for [`LocalRing::set_front`].
    pub(crate) unsafe fn set_held_front(&mut self, tag: Tag, cursor: *mut u8) {
        if let Some(mut head) = self.slots.head(tag)
            && let Some(rare) = &mut head_mut(&mut head).rare
            && let Some(held) = &mut rare.held
        {
            // SAFETY: the caller's contract.
            unsafe { held.set_front(cursor) }
        }
    }

    /// Whether any actor holds messages until it runs again. What a suspended one holds waits for its parent's word, which
    /// may never come.
    pub(crate) fn has_held_messages(&self) -> bool {
        let is_suspended = |head| matches!(head_of(head).lifecycle, Lifecycle::Suspended { .. });
        self.slots.heads().any(|head| self.has_queued(head) && !is_suspended(head))
    }
}

/// Drops what a panic carried, which may panic as it is dropped, with something that may do the same. Returns how many
/// panics that were. One that goes on and on is let go of undropped.
pub(crate) fn discard(mut panic: Box<dyn Any + Send>) -> u64 {
    const PANICS_MAX: u64 = 8;
    for panics in 0..PANICS_MAX {
        match catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            Ok(()) => return panics,
            Err(next) => panic = next,
        }
    }
    std::mem::forget(panic);
    PANICS_MAX
}

/// Runs foreign code that is nobody's handler. Returns how many panics that were.
pub(crate) fn contained(run: impl FnOnce()) -> u64 {
    catch_unwind(AssertUnwindSafe(run)).map_or_else(|panic| 1 + discard(panic), |()| 0)
}

/// What a panic said, if it said it in words.
fn panic_message(panic: &(dyn Any + Send)) -> Arc<str> {
    let text = injected(panic).or_else(|| panic.downcast_ref::<&'static str>().copied());
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Arc::from(text.unwrap_or("a panic without a message"))
}
