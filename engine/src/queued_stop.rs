//! Stops behind what is queued.

use crate::address::Tag;
use crate::cell::Lifecycle;
use crate::core::Core;
use crate::message::WorkerMessage;
use crate::stop::{Stop, StopReason};
use crate::supervise::Task;

/// A stop that waits in the local ring for what is queued in front of it.
struct QueuedStop {
    actor: Tag,
    reason: StopReason,
    /// How often the actor was suspended when it was told to stop. If it is oftener since, the life that was to end has.
    suspensions: u32,
}

impl WorkerMessage for QueuedStop {
    fn run(self, core: &mut Core) {
        let Self { actor, reason, suspensions } = self;
        if core.suspensions_of(actor) == suspensions {
            core.stop_actor(actor, Stop::AfterQueued, reason);
        }
    }
}

impl Core {
    /// Lets an actor stop behind what is in the local ring now; there is reserved room for that.
    pub(crate) fn stop_behind_queued(&mut self, actor: Tag, reason: StopReason) {
        if self.head_at(actor).is_some_and(|head| matches!(head.lifecycle, Lifecycle::Suspended { .. })) {
            // It has stopped. By then its parent may have made it anew.
            return;
        }
        let stop = QueuedStop { actor, reason, suspensions: self.suspensions_of(actor) };
        // The ring may just be being read, so it is not to go over a jump now, as `is_empty` would.
        let refused = if self.local.may_have_more() { self.send_to_self_reserved(stop).err() } else { Some(stop) };
        if let Some(QueuedStop { reason, .. }) = refused {
            self.order(Task::Stop { actor, how: Stop::AfterQueued, reason });
        }
    }

    /// How often the actor was suspended; 0 for one that is not there.
    fn suspensions_of(&self, actor: Tag) -> u32 {
        self.head_at(actor).and_then(|head| head.rare.as_ref()).map_or(0, |rare| rare.suspensions)
    }
}
