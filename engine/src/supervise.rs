//! The life of actors on their worker: start, stop, failure, restart, and what parents and watchers are told.
//!
//! Everything here runs between messages, when no method of an actor is on the stack. What a handler orders is a
//! [`Task`], done after its message; what concerns another worker is a message to that worker.
//!
//! An actor stops from the leaves up: it takes no more messages, its children stop, and when the last of them has
//! reported, its own `stopped` runs, its state is dropped, and its parent and its watchers are told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use crate::address::{Address, Tag};
use crate::cell::{Head, Lifecycle, NewCell};
use crate::child::ChildEvent;
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::dispatch::{RunFn, run_holding, run_new, run_refusing};
use crate::event::SystemEvent;
use crate::message::WorkerMessage;
use crate::shared::Phase;
use crate::slots::{NO_TYPE, Tenant};
use crate::stop::{Stop, StopReason};
use crate::watch::Terminated;

/// Something to be done about an actor of this worker.
pub(crate) enum Task {
    Start(Tag),
    Stop {
        actor: Tag,
        how: Stop,
        reason: StopReason,
    },
    /// A child has stopped.
    ChildGone {
        parent: Tag,
        child: Address,
    },
    /// A child has panicked and escalates.
    ChildFailed {
        parent: Tag,
        message: Arc<str>,
    },
    /// Somebody has given the actor up.
    Fail {
        actor: Tag,
        why: Arc<str>,
    },
    /// The backoff before a restart is over.
    BackoffOver {
        actor: Tag,
        incarnation: u32,
    },
    /// A parent makes a suspended child anew.
    RestartChild {
        parent: Address,
        child: Tag,
        wait: Duration,
    },
    /// A parent of this worker no longer supervises a child.
    ReleaseChild {
        parent: Tag,
        child: Address,
    },
    /// A child of this worker is no longer supervised.
    ChildReleased {
        child: Tag,
    },
    /// Anything else that must not happen while an actor is on the stack.
    Call(Call),
}

/// Something to be done by the worker that it was ordered on.
pub(crate) type Call = Box<dyn FnOnce(&mut Core)>;

/// A [`Task`] for another worker.
pub(crate) struct RemoteTask(pub(crate) Task);

// SAFETY: only `Task::Call` is not `Send`, and none is ever wrapped: calls are ordered by `Core::order` alone, where they
// are made.
unsafe impl Send for RemoteTask {}

impl WorkerMessage for RemoteTask {
    fn run(self, core: &mut Core) {
        match self.0 {
            Task::Stop { actor, how: Stop::AfterQueued, reason } => core.stop_behind_queued(actor, reason),
            task => core.do_task(task),
        }
    }
}

impl Core {
    /// Queues a task, to be done as soon as no actor is on the stack.
    pub(crate) fn order(&mut self, task: Task) {
        self.tasks.push_back(task);
        self.interrupt();
    }

    pub(crate) fn do_task(&mut self, task: Task) {
        match task {
            Task::Start(tag) => {
                if let Some(head) = self.slots.head(tag)
                    && head_of(head).lifecycle == Lifecycle::New
                {
                    self.start_actor(head);
                }
            }
            Task::Stop { actor, how, reason } => self.stop_actor(actor, how, reason),
            Task::ChildGone { parent, child } => self.child_gone(parent, child),
            Task::ChildFailed { parent, message } => {
                // A parent that is being restarted has stopped its children already.
                if let Some(head) = self.slots.head(parent)
                    && !matches!(head_of(head).lifecycle, Lifecycle::Restarting { .. })
                {
                    self.decide(head, message);
                }
            }
            Task::Fail { actor, why } => self.fail_by_order(actor, why),
            Task::BackoffOver { actor, incarnation } => self.backoff_over(actor, incarnation),
            Task::RestartChild { parent, child, wait } => self.restart_child(parent, child, wait),
            Task::ReleaseChild { parent, child } => self.release_child(parent, child),
            Task::ChildReleased { child } => self.child_released(child),
            Task::Call(call) => call(self),
        }
    }

    /// Does `task` on the worker where its actor lives.
    pub(crate) fn order_at(&mut self, at: Address, task: Task) {
        if at.home.shared() == self.home {
            return self.order(task);
        }
        // Refused only if the reserved room is used up or that worker has gone: in both cases the engine is ending, or
        // so far beyond its limits that the actors there are lost. It is counted.
        if self.outbound.send_to_worker(at.worker(), RemoteTask(task)).is_err() {
            self.counters.lost_orders += 1;
        }
    }

    /// Puts a new actor into the table. It is started by its first message or by a task, whichever comes first.
    pub(crate) fn install_actor(&mut self, cell: NewCell) {
        let mut head = cell.into_head();
        let me = head_of(head).me;
        let type_index = self.types.index_of(head_of(head).vtable, &self.running);
        self.slots.install(me.tag, Tenant { head, run: run_new, type_index, handles_as: NO_TYPE });
        if let Some(parent) = head_of(head).parent
            && parent.home.shared() == self.home
        {
            let Some(parent) = self.slots.head(parent.tag) else {
                // The parent stopped before its child came.
                head_mut(&mut head).parent = None;
                return self.order(Task::Stop { actor: me.tag, how: Stop::Now, reason: StopReason::ParentStopped });
            };
            self.adopt(parent, head);
        }
        if head_of(head).parent.is_none() && self.phase >= Phase::Stopping {
            // It was spawned from outside while the engine began to end, and missed that all stop.
            return self.order(Task::Stop { actor: me.tag, how: Stop::Now, reason: StopReason::Shutdown });
        }
        self.order(Task::Start(me.tag));
    }

    /// Links a child that lives here to its parent.
    fn adopt(&mut self, mut parent: NonNull<Head>, mut child: NonNull<Head>) {
        let slot = head_of(child).me.slot();
        let next = head_of(parent).first_child;
        head_mut(&mut child).next_sibling = next;
        if let Some(mut next) = self.slots.tenant(next) {
            head_mut(&mut next).previous_sibling = slot;
        }
        let parent = head_mut(&mut parent);
        parent.first_child = slot;
        parent.children += 1;
    }

    /// Makes the actor's state and starts it, after it was installed or restarted.
    pub(crate) fn start_actor(&mut self, head: NonNull<Head>) {
        self.is_starting = true;
        self.show_type_of(head_of(head).me.tag);
        self.try_start(head);
        self.show_current_type();
        self.is_starting = false;
    }

    fn try_start(&mut self, mut head: NonNull<Head>) {
        let (vtable, me) = (head_of(head).vtable, head_of(head).me);
        let restart = head_mut(&mut head).begin_life();
        // SAFETY: the vtable fits the cell, which has no state now.
        let built = catch_unwind(AssertUnwindSafe(|| unsafe { (vtable.build)(head) }));
        self.current.tag = me.tag;
        self.current.head = Some(head);
        if let Err(panic) = built {
            return self.fail_actor(head, panic);
        }
        head_mut(&mut head).lifecycle = Lifecycle::Running;
        self.set_run(head);
        let event = if restart > 0 {
            SystemEvent::Restarted { actor: me, actor_type: head_of(head).type_name(), restart }
        } else {
            SystemEvent::Started { actor: me, actor_type: head_of(head).type_name() }
        };
        self.publish_event(event);
        // SAFETY: the vtable fits the cell, which has a state now.
        let started = catch_unwind(AssertUnwindSafe(|| unsafe { (vtable.started)(self, head) }));
        if let Err(panic) = started {
            return self.fail_actor(head, panic);
        }
        if head_of(head).is_supervised() {
            self.tell_parent(head, ChildEvent::Started { child: me });
        }
    }

    /// Sets what takes the actor's messages, from where it stands in its life.
    pub(crate) fn set_run(&mut self, head: NonNull<Head>) {
        let actor = head_of(head);
        // SAFETY: the vtable fits the cell.
        let has_mailbox = unsafe { (actor.vtable.mailbox)(head) }.is_some();
        let is_holding = actor.rare.as_ref().is_some_and(|rare| rare.held.is_some());
        let mut handles = false;
        let run: RunFn = match actor.lifecycle {
            Lifecycle::New => run_new,
            Lifecycle::Draining => run_refusing,
            Lifecycle::Stopping { .. } if actor.is_ending() => run_refusing,
            _ if has_mailbox => actor.vtable.run_into_mailbox,
            Lifecycle::Restarting { .. } | Lifecycle::Suspended { .. } | Lifecycle::Stopping { .. } => run_holding,
            Lifecycle::Running if is_holding => run_holding,
            Lifecycle::Running => {
                handles = true;
                actor.vtable.run
            }
        };
        if let Some(tenant) = self.slots.get_mut(actor.me.tag) {
            tenant.run = run;
            tenant.handles_as = if handles { tenant.type_index } else { NO_TYPE };
        }
    }

    /// Stops the actor with this tag, or lets it stop by itself, as `how` says.
    pub(crate) fn stop_actor(&mut self, tag: Tag, how: Stop, reason: StopReason) {
        if self.slots.head(tag).is_none() {
            // It may be just being installed.
            self.run_commands();
        }
        let Some(mut head) = self.slots.head(tag) else { return };
        let suspends = head_of(head).suspends_after(&reason);
        if suspends && matches!(head_of(head).lifecycle, Lifecycle::Suspended { .. }) {
            return;
        }
        if how == Stop::AfterQueued && self.has_queued(head) && head_of(head).lifecycle != Lifecycle::Draining {
            return self.drain_then_stop(head);
        }
        if matches!(head_of(head).lifecycle, Lifecycle::Stopping { .. }) {
            return self.stop_stopping(head, how, reason);
        }
        let actor = head_mut(&mut head);
        let was_alive = actor.is_alive();
        let quietly = how == Stop::Kill || !was_alive;
        // A factory that never ran has no state; it is not run only to be stopped.
        actor.lifecycle = Lifecycle::Stopping { reason, quietly };
        if quietly && was_alive {
            self.drop_state_of_stopping(head);
        }
        self.set_run(head);
        self.cancel_timers(tag);
        if suspends {
            // The answers to what it has asked are not for its next life.
            head_mut(&mut head).incarnation += 1;
        } else {
            self.bury_queued(head, DeadLetterReason::Stopped);
        }
        self.stop_children(head, if how == Stop::Kill { Stop::Kill } else { Stop::Now });
        self.finish_stop(tag);
    }

    /// An actor that is stopping already is told to stop in a harder way, or for good.
    fn stop_stopping(&mut self, mut head: NonNull<Head>, how: Stop, reason: StopReason) {
        let was_ending = head_of(head).is_ending();
        let ends = !head_of(head).suspends_after(&reason);
        let Lifecycle::Stopping { reason: earlier, quietly } = &mut head_mut(&mut head).lifecycle else { return };
        if ends && !was_ending {
            *earlier = reason;
        }
        if how == Stop::Kill && !std::mem::replace(quietly, true) {
            self.drop_state_of_stopping(head);
        }
        if ends && !was_ending {
            self.set_run(head);
            self.bury_queued(head, DeadLetterReason::Stopped);
        }
    }

    /// Whether the actor has messages that were queued outside the shared ring.
    pub(crate) fn has_queued(&self, head: NonNull<Head>) -> bool {
        // SAFETY: the vtable fits the cell, and the mailbox is not borrowed.
        let in_mailbox =
            unsafe { (head_of(head).vtable.mailbox)(head).is_some_and(|mailbox| mailbox.as_ref().len() > 0) };
        in_mailbox || head_of(head).rare.as_ref().is_some_and(|rare| rare.held.is_some())
    }

    /// Takes no more messages, and stops when those in the mailbox were handled.
    fn drain_then_stop(&mut self, mut head: NonNull<Head>) {
        match head_of(head).lifecycle {
            Lifecycle::New => {
                self.start_actor(head);
                let tag = self.current.tag;
                if self.slots.head(tag).is_some_and(|head| head_of(head).lifecycle == Lifecycle::Running) {
                    self.drain_then_stop(head);
                }
            }
            Lifecycle::Running => {
                head_mut(&mut head).lifecycle = Lifecycle::Draining;
                self.set_run(head);
                self.make_ready(head);
            }
            // It is being restarted: it will be told again when it runs.
            Lifecycle::Restarting { .. } => {
                head_mut(&mut head).rare().stop_after_restart = true;
            }
            _ => {}
        }
    }

    /// After the actor's mailbox or held messages were run: goes on, or stops a drained actor.
    pub(crate) fn rest_of_mailbox(&mut self, tag: Tag) {
        let Some(mut head) = self.slots.head(tag) else { return };
        if !head_of(head).is_alive() {
            return;
        }
        if self.has_queued(head) {
            if head_of(head).rare.as_ref().is_some_and(|rare| rare.stop_after_restart) {
                head_mut(&mut head).rare().stop_after_restart = false;
                head_mut(&mut head).lifecycle = Lifecycle::Draining;
                self.set_run(head);
            }
            self.make_ready(head);
        } else if head_of(head).lifecycle == Lifecycle::Draining
            || head_of(head).rare.as_ref().is_some_and(|rare| rare.stop_after_restart)
        {
            self.order(Task::Stop { actor: tag, how: Stop::Now, reason: StopReason::Stopped });
        }
    }

    /// Drops all actors as they are, without their `stopped`. Returns how many there were.
    pub(crate) fn drop_actors(&mut self) -> u64 {
        let heads: Vec<_> = self.slots.heads().collect();
        let count = heads.len() as u64;
        for mut head in heads {
            let actor = head_mut(&mut head);
            let has_state = match actor.lifecycle {
                Lifecycle::Running | Lifecycle::Draining => true,
                Lifecycle::Stopping { quietly, .. } => !quietly,
                Lifecycle::New | Lifecycle::Restarting { .. } | Lifecycle::Suspended { .. } => false,
            };
            // No parent or child is told: all of them go.
            actor.children = 0;
            actor.parent = None;
            if has_state {
                self.drop_state_of_stopping(head);
            }
            self.bury_queued(head, DeadLetterReason::Shutdown);
            self.bury_actor(head, StopReason::Shutdown);
        }
        count
    }

    /// What was queued for the actor outside the shared ring becomes dead letters.
    pub(crate) fn bury_queued(&mut self, mut head: NonNull<Head>, reason: DeadLetterReason) {
        let me = head_of(head).me;
        if let Some(mut held) = head_mut(&mut head).rare.as_mut().and_then(|rare| rare.held.take()) {
            while let Some((kind, _, message)) = held.pop() {
                // SAFETY: the message was just taken out.
                unsafe { self.bury_raw(kind, message, me.tag, reason) };
            }
        }
        // SAFETY: the vtable fits the cell, and the mailbox is not borrowed.
        let Some(mut mailbox) = (unsafe { (head_of(head).vtable.mailbox)(head) }) else { return };
        let name = (head_of(head).vtable.message_name)();
        // SAFETY: the mailbox lives as long as the cell, and nothing else uses it while it is emptied.
        self.counters.mailbox_high_water =
            self.counters.mailbox_high_water.max(unsafe { mailbox.as_ref() }.high_water() as u64);
        // SAFETY: as above.
        while unsafe { mailbox.as_ref() }.len() > 0 {
            // SAFETY: as above. A message whose drop panicked is out of the mailbox too.
            self.contain(|| _ = unsafe { mailbox.as_mut() }.discard());
            self.report_dead_letter(me, name, reason);
        }
    }

    /// Stops the children: those that are supervised one after the other, the last first, all others at once. To kill
    /// takes no such care.
    pub(crate) fn stop_children(&mut self, head: NonNull<Head>, how: Stop) {
        let mut slot = head_of(head).first_child;
        while let Some(child) = self.slots.tenant(slot) {
            slot = head_of(child).next_sibling;
            if how != Stop::Kill && head_of(child).is_supervised() {
                continue;
            }
            let actor = head_of(child).me.tag;
            self.order(Task::Stop { actor, how, reason: StopReason::ParentStopped });
        }
        let Some(rare) = &head_of(head).rare else { return };
        let mut elsewhere = rare.remote_children.clone();
        if how == Stop::Kill {
            elsewhere.extend(rare.supervised.iter().filter(|child| child.home.shared() != self.home));
        }
        for child in elsewhere {
            self.order_at(child, Task::Stop { actor: child.tag, how, reason: StopReason::ParentStopped });
        }
        if how != Stop::Kill {
            self.stop_last_supervised(head);
        }
    }

    /// Ends an actor whose children have all stopped.
    fn finish_stop(&mut self, tag: Tag) {
        let Some(mut head) = self.slots.head(tag) else { return };
        let actor = head_of(head);
        let Lifecycle::Stopping { reason, quietly } = actor.lifecycle.clone() else { return };
        if actor.children > 0 {
            return;
        }
        let vtable = actor.vtable;
        if !quietly {
            self.show_type_of(tag);
            self.current.tag = tag;
            self.current.head = Some(head);
            // SAFETY: the vtable fits the cell, which has a state: `quietly` says where it has none.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| unsafe { (vtable.stopped)(self, head) })) {
                self.count_contained(panic);
            }
            self.show_current_type();
            self.current.head = None;
            // What `stopped` spawned stops too, before its parent does.
            if head_of(head).children > 0 {
                if let Lifecycle::Stopping { quietly, .. } = &mut head_mut(&mut head).lifecycle {
                    *quietly = true;
                }
                self.drop_state_of_stopping(head);
                return self.stop_children(head, Stop::Now);
            }
            self.drop_state_of_stopping(head);
        }
        if head_of(head).suspends_after(&reason) {
            return self.suspend(head, reason);
        }
        self.bury_actor(head, reason);
    }

    /// Takes a stopped actor out of the table, tells who wants to know, and frees it.
    fn bury_actor(&mut self, mut head: NonNull<Head>, reason: StopReason) {
        let actor = head_mut(&mut head);
        let (me, actor_type, parent, vtable) = (actor.me, actor.type_name(), actor.parent, actor.vtable);
        self.cancel_timers(me.tag);
        self.unlink(head);
        self.slots.remove(me.tag);
        if self.current.head == Some(head) {
            self.current.head = None;
        }
        let rare = head_mut(&mut head).rare.take();
        // SAFETY: the actor is out of the table, its state was dropped, and nothing else holds the cell.
        self.contain(|| unsafe { (vtable.free)(head) });
        self.shared.workers[self.index].slots.give_back(me.tag);
        if let Some(mut rare) = rare {
            // With what its parent gave to make messages of its events.
            let supervision = rare.supervision.take();
            self.contain(|| drop(supervision));
            if let Some(name) = &rare.name {
                self.shared.names.release(name, me);
            }
            for watcher in rare.watchers {
                let terminated = Terminated { actor: me, reason: reason.clone() };
                self.tell_watcher(watcher.notify, terminated);
            }
        }
        self.publish_event(SystemEvent::Stopped { actor: me, actor_type, reason });
        if let Some(parent) = parent {
            self.order_at(parent, Task::ChildGone { parent: parent.tag, child: me });
        }
    }

    /// Takes the actor out of its parent's list of children.
    fn unlink(&mut self, head: NonNull<Head>) {
        let (next, previous, parent) =
            (head_of(head).next_sibling, head_of(head).previous_sibling, head_of(head).parent);
        if let Some(mut next) = self.slots.tenant(next) {
            head_mut(&mut next).previous_sibling = previous;
        }
        if let Some(mut previous) = self.slots.tenant(previous) {
            head_mut(&mut previous).next_sibling = next;
        } else if let Some(parent) = parent.filter(|parent| parent.home.shared() == self.home)
            && let Some(mut parent) = self.slots.head(parent.tag)
        {
            head_mut(&mut parent).first_child = next;
        }
    }

    fn child_gone(&mut self, parent: Tag, child: Address) {
        let Some(mut head) = self.slots.head(parent) else { return };
        let actor = head_mut(&mut head);
        actor.children = actor.children.saturating_sub(1);
        let mut was_supervised = false;
        if let Some(rare) = &mut actor.rare {
            // From the end, where it is found at once if they stop in order.
            if let Some(n) = rare.supervised.iter().rposition(|other| *other == child) {
                rare.supervised.remove(n);
                was_supervised = true;
            } else if child.home.shared() != self.home {
                rare.remote_children.retain(|other| *other != child);
            }
        }
        if was_supervised && matches!(actor.lifecycle, Lifecycle::Restarting { .. } | Lifecycle::Stopping { .. }) {
            self.stop_last_supervised(head);
        }
        let actor = head_of(head);
        if actor.children == 0 {
            match actor.lifecycle {
                Lifecycle::Restarting { .. } => self.finish_restart(head),
                Lifecycle::Stopping { .. } => self.finish_stop(parent),
                _ => {}
            }
        }
    }

    /// Drops the state of an actor that is alive; it has none afterwards.
    pub(crate) fn drop_state(&mut self, mut head: NonNull<Head>) {
        if head_of(head).is_alive() {
            // Before the drop, which may panic: the state must not be dropped again.
            let earlier =
                std::mem::replace(&mut head_mut(&mut head).lifecycle, Lifecycle::Restarting { backoff_over: false });
            if earlier == Lifecycle::Draining {
                head_mut(&mut head).rare().stop_after_restart = true;
            }
            self.drop_state_of_stopping(head);
        }
    }

    /// Drops a state that the caller knows to be there.
    fn drop_state_of_stopping(&mut self, head: NonNull<Head>) {
        let vtable = head_of(head).vtable;
        // SAFETY: the vtable fits the cell, and the caller knows that it has a state, which is not used again.
        self.contain(|| unsafe { (vtable.drop_state)(head) });
    }
}

impl Core {
    /// The head of the actor with this tag, if it lives.
    pub(crate) fn head_at(&self, tag: Tag) -> Option<&Head> {
        self.slots.head(tag).map(head_of)
    }

    /// The same, to change it.
    pub(crate) fn head_at_mut(&mut self, tag: Tag) -> Option<&mut Head> {
        // SAFETY: as in `head_of`; the worker is borrowed as long as the head is.
        self.slots.head(tag).map(|mut head| unsafe { head.as_mut() })
    }
}

/// The head of an actor of this worker.
pub(crate) fn head_of<'a>(head: NonNull<Head>) -> &'a Head {
    // SAFETY: heads come from the worker's table, whose cells live until `bury_actor`; all of this file runs on the
    // worker's thread with no method of an actor on the stack, and a borrow is not kept across a change of the head.
    unsafe { head.as_ref() }
}

/// The head of an actor of this worker, to change it.
pub(crate) fn head_mut(head: &mut NonNull<Head>) -> &mut Head {
    // SAFETY: as in `head_of`.
    unsafe { head.as_mut() }
}

/// A duration in nanoseconds, at most `u64::MAX` of them.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
