//! That something is to be taken, as a value that can travel in a message.

use std::fmt;

use crossbeam_utils::CachePadded;

use super::protocol::Told;
use crate::sync::Arc;

/// Whether the reader is told, as the writers have it.
#[derive(Clone)]
pub(super) struct Telling(Arc<CachePadded<Told>>);

impl Telling {
    pub(super) fn new() -> Self {
        Self(Arc::new(CachePadded::new(Told::new())))
    }

    /// The notice, if it is the caller's to give. One who `owes` it has published what nobody was told of before.
    #[inline(always)]
    pub(super) fn notice(&self, owes: bool) -> Option<Notice> {
        if !owes && self.0.is_told() {
            return None;
        }
        self.0.tell().then(|| Notice(self.clone()))
    }
}

/// The news for the reader that there is something to be taken. There is one at a time, whatever the writers do.
///
/// It is handed to the reader's `take_on`, which drops it *before* it looks. A notice that is dropped elsewhere, with a
/// message that was refused, or in a handler that panicked, is taken back: the next write gives another.
#[must_use = "a notice that is dropped tells nobody"]
pub struct Notice(Telling);

impl Drop for Notice {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.0.clear();
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}
