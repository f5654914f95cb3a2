//! Supervised children: their lives end and begin again as their parent decides, and their addresses outlive them.
//!
//! A life that ends, whatever ended it, leaves the actor *suspended*: it has no state and no children, keeps its address,
//! its name, its watchers and its factory, and holds what is sent to it. Its parent is told and gives the word: a fresh
//! state, or the end for good. Only the end of the parent, or of the engine, is the end without asking.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use crate::address::{ActorRef, Address, Tag};
use crate::cell::{Head, Lifecycle};
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::event::SystemEvent;
use crate::failure::discard;
use crate::stop::{Stop, StopReason};
use crate::supervise::{Task, head_mut, head_of};

/// What a parent is told of a child that it [supervises](crate::Context::supervise).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildEvent {
    /// A life has begun: its factory and its `started` have run.
    Started {
        /// Who.
        child: Address,
    },
    /// A life has ended, and the child is suspended until its parent decides.
    Ended {
        /// Who.
        child: Address,
        /// Why.
        reason: StopReason,
    },
}

/// Makes the parent's message of an event, and sends it. Returns whether there was room for it.
type TellParent = Box<dyn FnMut(&mut Core, ChildEvent) -> bool + Send>;

/// What an actor has whose parent supervises it.
pub(crate) struct Supervision {
    tell: TellParent,
    /// How often its factory was called for a fresh state.
    pub(crate) lives: u32,
}

impl Supervision {
    pub(crate) fn new<M: Send + 'static>(
        parent: ActorRef<M>,
        mut on_event: impl FnMut(ChildEvent) -> M + Send + 'static,
    ) -> Self {
        Self { tell: Box::new(move |core, event| core.send_notice(parent, on_event(event))), lives: 0 }
    }
}

impl Head {
    pub(crate) fn is_supervised(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.supervision.is_some())
    }

    /// Whether a life that ends for this reason leaves the actor suspended.
    pub(crate) fn suspends_after(&self, reason: &StopReason) -> bool {
        self.is_supervised() && !matches!(reason, StopReason::ParentStopped | StopReason::Shutdown)
    }

    /// Whether the actor takes no more messages.
    #[inline]
    pub(crate) fn refuses(&self) -> bool {
        match self.lifecycle {
            Lifecycle::Draining => true,
            Lifecycle::Stopping { .. } => self.is_ending(),
            _ => false,
        }
    }

    /// Whether what comes for the actor is no longer wanted: it is stopping, and not to be suspended.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(&self.lifecycle, Lifecycle::Stopping { reason, .. } if !self.suspends_after(reason))
    }
}

impl Core {
    /// The end of a supervised actor's life: its children have stopped and its state was dropped.
    pub(crate) fn suspend(&mut self, mut head: NonNull<Head>, reason: StopReason) {
        let actor = head_mut(&mut head);
        actor.lifecycle = Lifecycle::Suspended { reason: reason.clone() };
        // What its `stopped` has asked for is of no life any more.
        actor.incarnation += 1;
        let rare = actor.rare();
        rare.stop_after_restart = false;
        rare.suspensions = rare.suspensions.wrapping_add(1);
        let (me, actor_type) = (actor.me, actor.type_name());
        self.cancel_timers(me.tag);
        self.set_run(head);
        if self.current.head == Some(head) {
            self.current.head = None;
        }
        self.publish_event(SystemEvent::Suspended { actor: me, actor_type, reason: reason.clone() });
        self.tell_parent(head, ChildEvent::Ended { child: me, reason });
    }

    /// Tells the parent of a supervised actor. A parent that cannot be told fails: it would wait for its child forever.
    pub(crate) fn tell_parent(&mut self, mut head: NonNull<Head>, event: ChildEvent) {
        let Some(parent) = head_of(head).parent else { return };
        let Some(mut supervision) = head_mut(&mut head).rare().supervision.take() else { return };
        let told = catch_unwind(AssertUnwindSafe(|| (supervision.tell)(self, event)));
        head_mut(&mut head).rare().supervision = Some(supervision);
        let message: Arc<str> = match told {
            Ok(true) => return,
            Ok(false) => "there was no room to tell it of a child".into(),
            Err(panic) => {
                self.counters.contained_panics += 1 + discard(panic);
                "what makes its message of a child's start or end panicked".into()
            }
        };
        self.order_at(parent, Task::ChildFailed { parent: parent.tag, message });
    }

    /// The parent's word: a suspended child gets a fresh state, after the wait.
    pub(crate) fn restart_child(&mut self, parent: Address, child: Tag, wait: Duration) {
        let Some(mut head) = self.slots.head(child) else { return };
        let actor = head_mut(&mut head);
        if actor.parent != Some(parent) || !matches!(actor.lifecycle, Lifecycle::Suspended { .. }) {
            return;
        }
        let incarnation = actor.incarnation;
        // Without a timer left: too early is better than never.
        let waits = !wait.is_zero() && self.arm_backoff(child, incarnation, wait);
        head_mut(&mut head).lifecycle = Lifecycle::Restarting { backoff_over: !waits };
        self.set_run(head);
        self.finish_restart(head);
    }

    /// The parent's word: the child is no longer supervised. From a parent that has ended meanwhile it is none: its children
    /// stop in order.
    pub(crate) fn release_child(&mut self, parent: Tag, child: Address) {
        let is_here = child.home.shared() == self.home;
        let Some(parent) = self.head_at_mut(parent).filter(|head| head.is_alive()) else { return };
        let Some(rare) = &mut parent.rare else { return };
        let Some(n) = rare.supervised.iter().rposition(|other| *other == child) else { return };
        rare.supervised.remove(n);
        if is_here {
            return self.child_released(child.tag);
        }
        rare.remote_children.push(child);
        self.order_at(child, Task::ChildReleased { child: child.tag });
    }

    /// A child is no longer supervised. If it is suspended, it ends for good.
    pub(crate) fn child_released(&mut self, child: Tag) {
        let Some(mut head) = self.slots.head(child) else { return };
        let actor = head_mut(&mut head);
        let Some(supervision) = actor.rare.as_mut().and_then(|rare| rare.supervision.take()) else { return };
        self.contain(|| drop(supervision));
        match &head_of(head).lifecycle {
            Lifecycle::Suspended { reason } => {
                let reason = reason.clone();
                self.stop_actor(child, Stop::Kill, reason);
            }
            Lifecycle::Stopping { .. } => {
                self.set_run(head);
                self.bury_queued(head, DeadLetterReason::Stopped);
            }
            _ => {}
        }
    }

    /// Stops the last of the supervised children; the one before it follows when that has gone.
    pub(crate) fn stop_last_supervised(&mut self, head: NonNull<Head>) {
        let Some(last) = head_of(head).rare.as_ref().and_then(|rare| rare.supervised.last().copied()) else { return };
        self.order_at(last, Task::Stop { actor: last.tag, how: Stop::Now, reason: StopReason::ParentStopped });
    }
}
