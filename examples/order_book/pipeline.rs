//! From the feed to the books to market data: the engine with its actors, from start to shutdown.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use hippodrome::config::Config;
use hippodrome::{ActorRef, DeadLetterReason, Engine, Handle, MailboxSpec, On, Overflow, Props, StopReason};

use crate::actors::{BookActor, BookMsg, BookRecord, Ended, Feed, FeedMsg, Market, MarketMsg, Pace, Window};
use crate::event::Best;
use crate::outcome::{Outcome, latency_histogram};
use crate::progress::Progress;
use crate::tracked::TrackedBook;
use crate::workload::Workload;

/// How often the main thread looks how far the feed is.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A feed that sends nothing for so long has a defect: the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an answer may take after the run, and how long the engine may take to shut down.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// The worker of the feed and of market data.
const FEED_WORKER: usize = 0;

/// Why the pipeline did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    #[error(transparent)]
    Engine(#[from] hippodrome::Error),
    #[error("the book of symbol {symbol} stopped: {reason}")]
    BookStopped { symbol: usize, reason: StopReason },
    #[error("the feed stopped before it had sent all events")]
    FeedStopped,
    #[error("the feed has sent nothing for {} seconds after {sent} events", PATIENCE.as_secs())]
    Stalled { sent: u64 },
}

/// The actors of a run.
struct Actors {
    feed: ActorRef<FeedMsg>,
    books: Vec<ActorRef<BookMsg>>,
    market: ActorRef<MarketMsg>,
    sent: Arc<AtomicU64>,
    ended: Receiver<Ended>,
}

/// Feeds all events of the workload to its books, on an engine of this configuration.
///
/// # Errors
/// If the engine does not start or does not shut down in order, or an actor does not do its part.
pub(crate) fn run(
    workload: &Arc<Workload>,
    config: Config,
    pace: Pace,
    progress: &mut Progress,
) -> Result<Outcome, PipelineError> {
    let window = Window::for_config(&config, workload.symbols());
    let engine = Engine::from_config(config).start().map_err(hippodrome::Error::from)?;
    let handle = engine.handle();
    let actors = spawn(&handle, workload, pace, window)?;
    handle.tell(actors.feed, FeedMsg::Start(actors.books.clone()));
    let started = wait(&actors, progress)?;
    let (records, quotes) = collect(&handle, &actors).map_err(hippodrome::Error::from)?;
    let cores = handle.cores();
    let report = engine.shutdown(ANSWER_PATIENCE).map_err(hippodrome::Error::from)?;

    let mut latency_ns = latency_histogram();
    let mut elapsed = Duration::ZERO;
    for record in &records {
        latency_ns += &record.latency_ns;
        elapsed = elapsed.max(record.settled.map_or(Duration::ZERO, |settled| settled.duration_since(started)));
    }
    Ok(Outcome {
        books: records.into_iter().map(|record| record.result).collect(),
        quotes,
        latency_ns,
        dead_letters: report.dead_letters.total(),
        conflated: report.dead_letters.get(DeadLetterReason::Conflated),
        cores,
        elapsed,
    })
}

/// Spawns all actors: the feed and market data on the first worker, the books in turn on the others.
fn spawn(handle: &Handle, workload: &Arc<Workload>, pace: Pace, window: Window) -> Result<Actors, hippodrome::Error> {
    let symbols = workload.symbols();
    let origin = Instant::now();
    // A place for each symbol, and one for the question at the end.
    let places = NonZeroUsize::MIN.saturating_add(usize::from(symbols));
    let mailbox = MailboxSpec::bounded(places).overflow(Overflow::Conflate(MarketMsg::key));
    let market = handle.spawn(Props::on(On::Worker(FEED_WORKER)).mailbox(mailbox), move || Market::new(symbols))?;

    let sent = Arc::new(AtomicU64::new(0));
    let (ender, ended) = mpsc::channel();
    let (shared_workload, shared_sent) = (workload.clone(), sent.clone());
    let feed = handle.spawn(On::Worker(FEED_WORKER), move || {
        Feed::new(shared_workload.clone(), (window, pace, origin), shared_sent.clone(), ender.clone())
    })?;

    let others = handle.workers().saturating_sub(1);
    let mut books = Vec::with_capacity(usize::from(symbols));
    for symbol in 0..symbols {
        let worker = if others == 0 { FEED_WORKER } else { 1 + usize::from(symbol) % others };
        let file = workload.file();
        books.push(handle.spawn(On::Worker(worker), move || {
            BookActor::new(symbol, TrackedBook::new(file.clone()), (feed, market), origin, window)
        })?);
    }
    Ok(Actors { feed, books, market, sent, ended })
}

/// Waits until all events are applied, and shows the progress. Returns when the first one was sent.
fn wait(actors: &Actors, progress: &mut Progress) -> Result<Instant, PipelineError> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        match actors.ended.recv_timeout(LOOK_EVERY) {
            Ok(Ended::Done { started }) => return Ok(started),
            Ok(Ended::BookStopped { symbol, reason }) => return Err(PipelineError::BookStopped { symbol, reason }),
            Err(RecvTimeoutError::Disconnected) => return Err(PipelineError::FeedStopped),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let sent = actors.sent.load(Ordering::Relaxed);
        progress.at(sent);
        if sent != last {
            (last, since) = (sent, Instant::now());
        } else if since.elapsed() >= PATIENCE {
            return Err(PipelineError::Stalled { sent });
        }
    }
}

/// Asks every book and market data what they have come to.
fn collect(handle: &Handle, actors: &Actors) -> Result<(Vec<BookRecord>, Vec<Best>), hippodrome::AskError> {
    // One after the other, so that a small ingress has room for each.
    let ask = |book: &ActorRef<BookMsg>| handle.ask(*book, BookMsg::Report).wait(ANSWER_PATIENCE);
    let records = actors.books.iter().map(ask).collect::<Result<_, _>>()?;
    let quotes = handle.ask(actors.market, MarketMsg::Report).wait(ANSWER_PATIENCE)?;
    Ok((records, quotes))
}

#[cfg(test)]
mod tests {
    use hippodrome::Stop;

    use super::*;
    use crate::flow::Settings;
    use crate::progress::Style;

    fn workload() -> Arc<Workload> {
        let settings = Settings { events: 5_000, seed: 7, symbols: 3 };
        Arc::new(Workload::generate(settings, &mut progress()))
    }

    fn progress() -> Progress {
        Progress::start("test", 5_000, Style::Hidden)
    }

    #[test]
    fn a_book_that_stops_ends_the_run() {
        let engine = Engine::builder().unpinned_workers(2).start().unwrap();
        let handle = engine.handle();
        let window = Window::for_config(&hippodrome_examples::default_workers(2), 3);
        let actors = spawn(&handle, &workload(), Pace::Fast, window).unwrap();
        handle.stop(actors.books[2], Stop::Now).unwrap();
        handle.tell(actors.feed, FeedMsg::Start(actors.books.clone()));
        let error = wait(&actors, &mut progress()).unwrap_err();
        // By then it may be unknown why it stopped.
        assert!(error.to_string().starts_with("the book of symbol 2 stopped: "), "{error}");
    }

    #[test]
    fn a_feed_that_stops_ends_the_run() {
        let engine = Engine::builder().unpinned_workers(2).start().unwrap();
        let handle = engine.handle();
        let window = Window::for_config(&hippodrome_examples::default_workers(2), 3);
        let actors = spawn(&handle, &workload(), Pace::Fast, window).unwrap();
        handle.stop(actors.feed, Stop::Now).unwrap();
        assert!(matches!(wait(&actors, &mut progress()), Err(PipelineError::FeedStopped)));
    }
}
