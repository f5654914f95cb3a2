//! What a matcher has accepted, in order: written before its book is changed, and never taken back.

use crate::order::{OrderId, Request};

/// A list of requests of fixed capacity.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: Vec<Request>,
    capacity: usize,
}

impl Journal {
    /// An empty journal. All its memory is allocated and written to now, so that no entry waits for a page.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let blank = Request {
            due_ns: u64::MAX,
            id: OrderId::MAX,
            action: crate::order::Action::Cancel { order: OrderId::MAX },
            account: 0,
            symbol: 0,
            side: crate::order::Side::Buy,
        };
        let mut entries = vec![blank; capacity];
        entries.clear();
        Self { entries, capacity }
    }

    /// Whether there is room for one more entry.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.entries.len() < self.capacity
    }

    /// Adds an entry, for which there is room.
    #[inline]
    pub(crate) fn append(&mut self, request: Request) {
        debug_assert!(self.has_room());
        self.entries.push(request);
    }

    /// All entries.
    pub(crate) fn entries(&self) -> &[Request] {
        &self.entries
    }

    /// Whether the last entry is this request.
    pub(crate) fn ends_with(&self, request: &Request) -> bool {
        self.entries.last() == Some(request)
    }
}
