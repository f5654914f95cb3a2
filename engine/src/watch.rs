//! Watching: being told when another actor stops, and why.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::address::{Address, Tag};
use crate::core::Core;
use crate::message::WorkerMessage;
use crate::stop::StopReason;

/// The notice that a watched actor has stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminated {
    /// Who.
    pub actor: Address,
    /// Why.
    pub reason: StopReason,
}

/// Tells a watcher. Given the core of the watched actor's worker, unless that has gone.
pub(crate) type Notify = Box<dyn FnOnce(Option<&mut Core>, Terminated) + Send>;

/// Somebody who wants to know when an actor stops.
pub(crate) struct Watcher {
    /// The actor who watches, if it is one.
    pub(crate) watcher: Option<Address>,
    pub(crate) notify: Notify,
}

/// The order to watch, on its way to the watched actor's worker.
pub(crate) struct Watch {
    pub(crate) target: Address,
    pub(crate) watcher: Option<Address>,
    pub(crate) notify: Notify,
}

impl WorkerMessage for Watch {
    fn run(self, core: &mut Core) {
        core.watch_actor(self);
    }
}

/// The order to forget a watcher.
pub(crate) struct Unwatch {
    pub(crate) target: Tag,
    pub(crate) watcher: Address,
}

impl WorkerMessage for Unwatch {
    fn run(self, core: &mut Core) {
        core.unwatch_actor(self);
    }
}

impl Core {
    /// Notes a watcher of an actor of this worker, or tells it at once that the actor has gone.
    pub(crate) fn watch_actor(&mut self, watch: Watch) {
        let Watch { target, watcher, notify } = watch;
        if self.slots.head(target.tag).is_none() {
            self.run_commands();
        }
        match self.head_at_mut(target.tag) {
            Some(head) => head.rare().watchers.push(Watcher { watcher, notify }),
            None => self.tell_watcher(notify, Terminated { actor: target, reason: StopReason::Unknown }),
        }
    }

    /// Tells a watcher. If that panics, only the notice is lost: what this worker has to do goes on.
    pub(crate) fn tell_watcher(&mut self, notify: Notify, terminated: Terminated) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| notify(Some(self), terminated))) {
            self.count_contained(panic);
        }
    }

    pub(crate) fn unwatch_actor(&mut self, unwatch: Unwatch) {
        let Some(rare) = self.head_at_mut(unwatch.target).and_then(|head| head.rare.as_mut()) else { return };
        // Dropped behind the list, since a drop may panic.
        let is_his = |watcher: &mut Watcher| watcher.watcher == Some(unwatch.watcher);
        for watcher in rare.watchers.extract_if(.., is_his).collect::<Vec<_>>() {
            self.contain(|| drop(watcher));
        }
    }
}
