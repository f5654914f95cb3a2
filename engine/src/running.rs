//! Which type of actor a worker runs, as the watchdog sees it.

use crate::address::Tag;
use crate::core::Core;
use crate::sync::{AtomicU32, Mutex, Ordering};

/// Written by a worker when it goes on to an actor of another type, which is not for each message; read by the monitor.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// The worker's index of the type that it ran last.
    type_index: AtomicU32,
    /// By that index. A type is added when the first actor of it is installed.
    names: Mutex<Vec<&'static str>>,
}

impl Running {
    /// An actor of the type with this index is next.
    #[inline(always)]
    pub(crate) fn show(&self, type_index: u32) {
        self.type_index.store(type_index, Ordering::Relaxed);
    }

    /// The worker has met a new type, which has the next index.
    pub(crate) fn add(&self, name: &'static str) {
        self.names.lock().push(name);
    }

    /// The type of the actor that ran last, which is the one that runs if any does. `None` where there was no actor yet.
    pub(crate) fn actor_type(&self) -> Option<&'static str> {
        self.names.lock().get(self.type_index.load(Ordering::Relaxed) as usize).copied()
    }
}

impl Core {
    /// The actor with this tag is going to run something other than messages, until
    /// [`show_current_type`](Self::show_current_type). Which type of messages is being run stays as it is.
    pub(crate) fn show_type_of(&self, tag: Tag) {
        if let Some(tenant) = self.slots.get(tag) {
            self.running.show(tenant.type_index);
        }
    }

    /// What goes on is the run of messages.
    pub(crate) fn show_current_type(&self) {
        self.running.show(self.current.type_index);
    }
}
