//! From the feed to the books to market data, all on this thread.
//!
//! The baseline that a parallel run is measured against: the same books and the same record, without a message in
//! between. The feed hands each event to the book of its symbol; a book whose best prices have changed hands them to
//! market data, which keeps the latest of each symbol.

use std::time::Instant;

use crate::event::Best;
use crate::outcome::{Outcome, latency_histogram};
use crate::progress::Progress;
use crate::tracked::TrackedBook;
use crate::workload::Workload;

/// Progress is shown after so many events at the soonest.
const CHUNK_EVENTS: usize = 1 << 16;

/// Feeds all events of the workload to its books.
pub(crate) fn run(workload: &Workload, progress: &mut Progress) -> Outcome {
    let mut books: Vec<TrackedBook> = (0..workload.symbols()).map(|_| TrackedBook::new(workload.file())).collect();
    let mut quotes: Vec<Best> = books.iter().map(TrackedBook::best).collect();
    let mut latency_ns = latency_histogram();
    let mut done = 0;
    let started = Instant::now();
    for chunk in workload.events().chunks(CHUNK_EVENTS) {
        // One reading of the clock an event: the end of one is the start of the next.
        let mut fed = Instant::now();
        for event in chunk {
            let symbol = usize::from(event.symbol);
            if let Some(best) = books[symbol].apply(event) {
                quotes[symbol] = best;
            }
            let applied = Instant::now();
            latency_ns.saturating_record(applied.duration_since(fed).as_nanos() as u64);
            fed = applied;
        }
        done += chunk.len() as u64;
        progress.at(done);
    }
    let elapsed = started.elapsed();
    let books = books.iter().map(TrackedBook::result).collect();
    Outcome { books, quotes, latency_ns, dead_letters: 0, elapsed }
}
