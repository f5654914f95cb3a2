//! The events of a run, and where they come from.

use std::sync::Arc;

use crate::event::Event;
use crate::flow::{Flow, Settings};
use crate::lobster::{BookFile, Slice};
use crate::progress::Progress;

/// Progress is shown after so many events at the soonest.
const CHUNK_EVENTS: u64 = 1 << 16;

/// Where the events of a run come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The generator, which begins with empty books and knows every order.
    Generated {
        /// What the flow follows from.
        seed: u64,
    },
    /// A slice of a day in files, which begins in the middle of the life of most orders.
    Files,
}

/// All that the books are fed, read or generated before the first event is applied.
#[derive(Debug)]
pub(crate) struct Workload {
    events: Vec<Event>,
    /// How many events come before those to apply: row 0 of an orderbook file is the book after event 0.
    skipped: usize,
    symbols: u16,
    source: Source,
    file: Option<Arc<BookFile>>,
}

impl Workload {
    /// A workload of generated events.
    pub(crate) fn generate(settings: Settings, progress: &mut Progress) -> Self {
        let mut events = Vec::with_capacity(settings.events as usize);
        for event in Flow::new(settings) {
            events.push(event);
            if (events.len() as u64).is_multiple_of(CHUNK_EVENTS) {
                progress.at(events.len() as u64);
            }
        }
        let source = Source::Generated { seed: settings.seed };
        Self { events, skipped: 0, symbols: settings.symbols, source, file: None }
    }

    /// A workload of the messages of a file.
    pub(crate) fn from_files(slice: Slice) -> Self {
        let skipped = usize::from(slice.book.is_some());
        let file = slice.book.map(Arc::new);
        Self { events: slice.events, skipped, symbols: 1, source: Source::Files, file }
    }

    /// The events to apply, in order. Their symbols are below [`symbols`](Self::symbols).
    pub(crate) fn events(&self) -> &[Event] {
        &self.events[self.skipped..]
    }

    /// The number of symbols.
    pub(crate) const fn symbols(&self) -> u16 {
        self.symbols
    }

    /// Where the events come from.
    pub(crate) const fn source(&self) -> Source {
        self.source
    }

    /// The orderbook file that the books start from and are compared with.
    pub(crate) fn file(&self) -> Option<Arc<BookFile>> {
        self.file.clone()
    }
}
