//! The three kinds of actors: the feed, a book for each symbol, and market data.
//!
//! ```text
//!            Apply, Settle                Quote
//!     feed ─────────────────▶ book ──────────────────▶ market data
//!       ◀──────────────────────┘
//!              Applied
//! ```
//!
//! The feed and market data share a worker, the books have the others. A message that nobody has room for would be a
//! dead letter, so the feed keeps count: no more events are on their way than fit the [`Window`], and the books
//! acknowledge them in portions. A book sends its quotes before the acknowledgement of the events that moved them, on
//! the same lane, so once all is acknowledged, market data has all quotes.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;

use hdrhistogram::Histogram;
use hippodrome::config::Config;
use hippodrome::{Actor, ActorRef, Context, Reply, StopReason, TryTellError};

use crate::event::{Best, Event, Level, NANOSECONDS_A_SECOND};
use crate::outcome::{BookResult, latency_histogram};
use crate::tracked::TrackedBook;
use crate::workload::Workload;

/// The most events that the feed sends before it looks at its own messages again.
const CHUNK_EVENTS: usize = 256;
/// One event in so many carries the time, so that the clock costs little.
const STAMPED_ONE_IN: usize = 16;
/// The most events on their way at once: half of a lane of default size. More of them wait longer and are not applied
/// sooner.
const MAX_WINDOW: u64 = 512;
/// What an event or a quote takes in a ring, with its header.
const ENVELOPE_BYTES: u64 = 64;

/// How many events may be on their way at once, and how often they are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    events: u64,
    /// A book acknowledges so many events at once.
    portion: u32,
}

impl Window {
    /// The window for which the rings of this configuration always have room.
    ///
    /// Each event may have a quote and an acknowledgement behind it, so a quarter of the room is safe. All books
    /// together hold back fewer acknowledgements than half the window, so the feed never waits for good.
    pub(crate) fn for_config(config: &Config, symbols: u16) -> Self {
        let settings = config.resolve();
        let room_kib = settings.iter().map(|worker| worker.local_ring_limit_kib.min(worker.outbox_limit_kib)).min();
        let room = u64::from(room_kib.unwrap_or(0)) * 1024 / ENVELOPE_BYTES;
        let events = (room / 4).clamp(1, MAX_WINDOW);
        let portion = (events / (2 * u64::from(symbols.max(1)))).max(1) as u32;
        Self { events, portion }
    }
}

/// When the feed sends an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As soon as there is room for it.
    Fast,
    /// So many a second, each at its own time whatever became of those before: a feed that nobody can slow down.
    PerSecond(NonZeroU64),
}

impl Pace {
    /// How many events are due by now.
    fn due(self, started: Instant) -> usize {
        match self {
            Self::Fast => usize::MAX,
            Self::PerSecond(rate) => events_due(rate, started.elapsed().as_nanos() as u64),
        }
    }
}

/// How many events are due so many nanoseconds after the start; the first one is at once.
fn events_due(rate: NonZeroU64, elapsed_ns: u64) -> usize {
    1 + (u128::from(elapsed_ns) * u128::from(rate.get()) / u128::from(NANOSECONDS_A_SECOND)) as usize
}

/// The time that the event with this index is due, in nanoseconds after the start.
fn due_ns(rate: NonZeroU64, index: usize) -> u64 {
    (index as u128 * u128::from(NANOSECONDS_A_SECOND)).div_ceil(u128::from(rate.get())) as u64
}

/// How a feed ended.
pub(crate) enum Ended {
    /// All events were applied; this is when the first one was sent.
    Done { started: Instant },
    /// A book stopped before that.
    BookStopped { symbol: usize, reason: StopReason },
}

/// Sends the events of the workload to the books, in order.
pub(crate) struct Feed {
    workload: Arc<Workload>,
    window: Window,
    pace: Pace,
    /// What times are counted from.
    origin: Instant,
    /// Where others see how many events were sent.
    sent: Arc<AtomicU64>,
    ended: Sender<Ended>,
    books: Vec<ActorRef<BookMsg>>,
    started: Instant,
    /// The index of the next event.
    next: usize,
    applied: u64,
    /// Whether a `Continue` is on its way.
    continues: bool,
    is_settling: bool,
}

/// What the feed understands.
pub(crate) enum FeedMsg {
    /// Send all events to these books, one per symbol.
    Start(Vec<ActorRef<BookMsg>>),
    /// Go on with the next chunk.
    Continue,
    /// A book has applied so many more events.
    Applied(u32),
    /// The book of this symbol stopped.
    BookStopped(usize, StopReason),
}

impl Actor for Feed {
    type Msg = FeedMsg;

    fn handle(&mut self, msg: FeedMsg, ctx: &mut Context<'_, FeedMsg>) {
        match msg {
            FeedMsg::Start(books) => self.start(books, ctx),
            FeedMsg::Continue => self.continues = false,
            FeedMsg::Applied(events) => self.applied += u64::from(events),
            FeedMsg::BookStopped(symbol, reason) => {
                // Nobody listens any more when the engine shuts down.
                let _ = self.ended.send(Ended::BookStopped { symbol, reason });
                return;
            }
        }
        if !self.continues {
            self.send_chunk(ctx);
        }
    }
}

impl Feed {
    /// A feed that shows in `sent` how far it is, and says by `ended` when all is applied.
    pub(crate) fn new(
        workload: Arc<Workload>,
        (window, pace, origin): (Window, Pace, Instant),
        sent: Arc<AtomicU64>,
        ended: Sender<Ended>,
    ) -> Self {
        Self {
            workload,
            window,
            pace,
            origin,
            sent,
            ended,
            books: Vec::new(),
            started: origin,
            next: 0,
            applied: 0,
            continues: false,
            is_settling: false,
        }
    }

    fn start(&mut self, books: Vec<ActorRef<BookMsg>>, ctx: &mut Context<'_, FeedMsg>) {
        for (symbol, book) in books.iter().enumerate() {
            ctx.watch(*book, move |terminated| FeedMsg::BookStopped(symbol, terminated.reason));
        }
        self.books = books;
        self.started = Instant::now();
    }

    /// Sends what is due and fits the window, up to a chunk; then sees to it that it goes on.
    fn send_chunk(&mut self, ctx: &mut Context<'_, FeedMsg>) {
        let total = self.workload.events().len();
        let due = self.pace.due(self.started).min(total);
        let room = (self.window.events + self.applied).saturating_sub(self.next as u64) as usize;
        let end = due.min(self.next + room.min(CHUNK_EVENTS));
        let was_full = self.send_until(end, ctx);
        self.sent.store(self.next as u64, Ordering::Relaxed);
        if self.next == total {
            self.settle(ctx);
        } else if was_full || (self.next as u64) < self.window.events + self.applied {
            // Otherwise an acknowledgement brings it back here.
            self.continues = true;
            ctx.tell(ctx.me(), FeedMsg::Continue);
        }
    }

    /// Sends the events up to the index `end`. Returns whether one found no room; it is sent again later.
    fn send_until(&mut self, end: usize, ctx: &mut Context<'_, FeedMsg>) -> bool {
        while self.next < end {
            let event = self.workload.events()[self.next];
            let sent_ns = self.stamp(self.next);
            let book = self.books[usize::from(event.symbol)];
            if let Err(TryTellError::Full(_)) = ctx.try_tell(book, BookMsg::Apply { event, sent_ns }) {
                return true;
            }
            // To a book that has stopped nothing is sent, and its end is told by the watch.
            self.next += 1;
        }
        false
    }

    /// The time that the latency of an event counts from, if it is to be measured, in nanoseconds after the origin.
    fn stamp(&self, index: usize) -> Option<NonZeroU64> {
        match self.pace {
            Pace::Fast if index.is_multiple_of(STAMPED_ONE_IN) => nanoseconds_since(self.origin),
            Pace::Fast => None,
            // When it was to be sent and not when it was: an event that the feed is late with has waited.
            Pace::PerSecond(rate) => {
                let start_ns = self.started.duration_since(self.origin).as_nanos() as u64;
                NonZeroU64::new(start_ns + due_ns(rate, index))
            }
        }
    }

    /// After the last event: has the books acknowledge what they hold back, and ends when all is acknowledged.
    fn settle(&mut self, ctx: &mut Context<'_, FeedMsg>) {
        if !self.is_settling {
            self.is_settling = true;
            for book in &self.books {
                ctx.tell(*book, BookMsg::Settle);
            }
        }
        if self.applied == self.next as u64 {
            // From now on the books may stop: it would be told to a feed that has stopped too.
            for book in &self.books {
                ctx.unwatch(*book);
            }
            // Who waits for the end has given up if nobody listens.
            let _ = self.ended.send(Ended::Done { started: self.started });
        }
    }
}

/// The time since `origin`; never 0, as the clock has gone on since then.
fn nanoseconds_since(origin: Instant) -> Option<NonZeroU64> {
    NonZeroU64::new(origin.elapsed().as_nanos() as u64)
}

/// The book of one symbol, its record and its latencies.
pub(crate) struct BookActor {
    symbol: u16,
    book: TrackedBook,
    feed: ActorRef<FeedMsg>,
    market: ActorRef<MarketMsg>,
    origin: Instant,
    latency_ns: Histogram<u64>,
    portion: u32,
    unacknowledged: u32,
    settled: Option<Instant>,
}

/// What a book actor has come to.
pub(crate) struct BookRecord {
    pub(crate) result: BookResult,
    pub(crate) latency_ns: Histogram<u64>,
    /// When its last event had been applied.
    pub(crate) settled: Option<Instant>,
}

/// What a book understands.
pub(crate) enum BookMsg {
    /// Apply the symbol's next event; it was sent at this time after the origin, if its latency is to be measured.
    Apply { event: Event, sent_ns: Option<NonZeroU64> },
    /// No more events come: acknowledge the rest.
    Settle,
    /// Tell what it has come to.
    Report(Reply<BookRecord>),
}

const _: () = assert!(size_of::<BookMsg>() <= 40, "an event fits a cache line of a lane, with its header");

impl BookActor {
    /// The book of `symbol`, which tells `feed` what it has applied and `market` its best prices.
    pub(crate) fn new(
        symbol: u16,
        book: TrackedBook,
        (feed, market): (ActorRef<FeedMsg>, ActorRef<MarketMsg>),
        origin: Instant,
        window: Window,
    ) -> Self {
        let (latency_ns, portion) = (latency_histogram(), window.portion);
        Self { symbol, book, feed, market, origin, latency_ns, portion, unacknowledged: 0, settled: None }
    }

    #[inline]
    fn apply(&mut self, event: &Event, sent_ns: Option<NonZeroU64>, ctx: &mut Context<'_, BookMsg>) {
        if let Some(best) = self.book.apply(event) {
            ctx.tell(self.market, MarketMsg::Quote { symbol: self.symbol, best });
        }
        if let Some(sent_ns) = sent_ns {
            let now_ns = self.origin.elapsed().as_nanos() as u64;
            self.latency_ns.saturating_record(now_ns.saturating_sub(sent_ns.get()));
        }
        self.unacknowledged += 1;
        if self.unacknowledged >= self.portion {
            self.acknowledge(ctx);
        }
    }

    fn acknowledge(&mut self, ctx: &mut Context<'_, BookMsg>) {
        ctx.tell(self.feed, FeedMsg::Applied(std::mem::take(&mut self.unacknowledged)));
    }
}

impl Actor for BookActor {
    type Msg = BookMsg;

    fn started(&mut self, ctx: &mut Context<'_, BookMsg>) {
        ctx.tell(self.market, MarketMsg::Quote { symbol: self.symbol, best: self.book.best() });
    }

    #[inline]
    fn handle(&mut self, msg: BookMsg, ctx: &mut Context<'_, BookMsg>) {
        match msg {
            BookMsg::Apply { event, sent_ns } => self.apply(&event, sent_ns, ctx),
            BookMsg::Settle => {
                self.settled = Some(Instant::now());
                if self.unacknowledged > 0 {
                    self.acknowledge(ctx);
                }
            }
            BookMsg::Report(reply) => {
                let (result, latency_ns) = (self.book.result(), self.latency_ns.clone());
                reply.send(ctx, BookRecord { result, latency_ns, settled: self.settled });
            }
        }
    }
}

/// Keeps the latest best prices of each symbol.
pub(crate) struct Market {
    quotes: Vec<Best>,
}

/// What market data understands.
pub(crate) enum MarketMsg {
    /// The best prices of a symbol.
    Quote { symbol: u16, best: Best },
    /// Tell the latest best prices of all symbols.
    Report(Reply<Vec<Best>>),
}

impl MarketMsg {
    /// Messages with the same key take each other's place in a mailbox that conflates. All questions have one key, and
    /// only one is ever asked.
    pub(crate) fn key(&self) -> u64 {
        match self {
            Self::Quote { symbol, .. } => u64::from(*symbol),
            Self::Report(_) => u64::MAX,
        }
    }
}

impl Market {
    /// Market data for so many symbols, without a price yet.
    pub(crate) fn new(symbols: u16) -> Self {
        Self { quotes: vec![Best { bid: Level::NO_BID, ask: Level::NO_ASK }; usize::from(symbols)] }
    }
}

impl Actor for Market {
    type Msg = MarketMsg;

    fn handle(&mut self, msg: MarketMsg, ctx: &mut Context<'_, MarketMsg>) {
        match msg {
            MarketMsg::Quote { symbol, best } => self.quotes[usize::from(symbol)] = best,
            MarketMsg::Report(reply) => reply.send(ctx, self.quotes.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hippodrome::config::WorkerConfig;

    #[test]
    fn the_window_leaves_room_and_the_books_never_hold_it_back() {
        for (limit_kib, symbols) in [(16, 1), (16, 64), (64, 8), (16_384, 1), (16_384, 64)] {
            let mut config = Config::default();
            config.workers = vec![WorkerConfig::default(); 2];
            config.defaults.outbox_limit_kib = limit_kib;
            let Window { events, portion } = Window::for_config(&config, symbols);
            let held_back = u64::from(symbols) * (u64::from(portion) - 1);
            assert!(portion > 0 && held_back < events, "{limit_kib} KiB, {symbols} symbols: {events}, {portion}");
            assert!(3 * events * ENVELOPE_BYTES < u64::from(limit_kib) * 1024, "{limit_kib} KiB: {events}");
            assert!(events <= MAX_WINDOW);
        }
    }

    #[test]
    fn an_event_is_due_at_its_time_and_not_before() {
        let rate = NonZeroU64::new(3).unwrap();
        assert_eq!([0, 1].map(|elapsed_ns| events_due(rate, elapsed_ns)), [1, 1]);
        for index in 1..10 {
            let time_ns = due_ns(rate, index);
            assert_eq!([time_ns - 1, time_ns].map(|elapsed_ns| events_due(rate, elapsed_ns)), [index, index + 1]);
        }
        assert_eq!(Pace::Fast.due(Instant::now()), usize::MAX);
    }
}
