//! The matcher of one symbol: an actor that keeps a book, and can be killed at any moment without losing it.
//!
//! A request is *in hand* while it is handled. It is accepted when it is in the [`Journal`], and only then the book
//! changes and reports are sent. A matcher that starts, for the first time or again, takes the latest snapshot of its
//! book and applies what the journal has behind it. Then it looks at what its predecessor had in hand:
//!
//! * It is the journal's last entry: it was accepted. It is applied as well, and the reports that were not sent are sent.
//! * It is not: nothing has come of it, and the engine has reported it as a dead letter. Its trader is told that, by way
//!   of risk, which gives its lots back.
//!
//! A snapshot is taken every so many entries, so that a restart takes as long as these do, however long the journal is.

use hippodrome::{Actor, ActorRef, Context};
use hippodrome_examples::Lease;
use hippodrome_toolkit::latest::{BoardWriter, Notice};

use crate::book::Book;
use crate::journal::Journal;
use crate::kill::{Kills, Moment, kill_at};
use crate::order::{Action, Quote, Reason, Report, Request, What};
use crate::risk::RiskMsg;

/// Entries of the journal from one snapshot to the next: some hundred microseconds of a restart.
const SNAPSHOT_EVERY: usize = 8192;

/// What of a matcher outlives its panics. The book is made anew whenever the actor is.
#[derive(Debug)]
pub(crate) struct Kept {
    journal: Journal,
    book: Book,
    snapshots: [Snapshot; 2],
    /// The snapshot that is whole; the other one may be being written.
    latest: usize,
    /// The request that is being handled.
    in_hand: Option<Request>,
    /// How many reports of the journal's last entry were sent.
    told: usize,
    /// Where market data reads.
    board: BoardWriter<Quote>,
    kills: Kills,
    /// Requests in hand at a panic that were accepted, and done after it.
    recovered: u64,
    /// Those that were not, and are dead letters.
    lost: u64,
}

#[derive(Debug)]
struct Snapshot {
    book: Book,
    /// How many entries of the journal it has.
    entries: usize,
}

impl Kept {
    /// A matcher's beginning, with all memory that it will need: for so many requests, and resting orders at once.
    pub(crate) fn new(requests: usize, orders: usize, board: BoardWriter<Quote>, kills: Kills) -> Self {
        let snapshot = || Snapshot { book: Book::with_capacity(orders), entries: 0 };
        Self {
            journal: Journal::with_capacity(requests),
            book: Book::with_capacity(orders),
            snapshots: [snapshot(), snapshot()],
            latest: 0,
            in_hand: None,
            told: 0,
            board,
            kills,
            recovered: 0,
            lost: 0,
        }
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// Quotes that newer ones replaced before market data came to them.
    pub(crate) fn conflated(&self) -> u64 {
        self.board.conflated()
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills.done()
    }

    pub(crate) fn recovered(&self) -> u64 {
        self.recovered
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Accepts a request and does it. `tell` is given the reports.
    #[inline]
    fn accept(&mut self, request: &Request, mut tell: impl FnMut(Report)) {
        let kill = self.kills.at(u64::from(request.id));
        self.in_hand = Some(*request);
        let may_rest = matches!(request.action, Action::Limit { .. });
        let refusal = if !self.journal.has_room() {
            Some(Reason::JournalFull)
        } else if may_rest && !self.book.has_room() {
            Some(Reason::BookFull)
        } else {
            None
        };
        if let Some(reason) = refusal {
            // Nothing of it is written down, so that every moment is before that.
            kill_at(Moment::Before, kill.and(Some(Moment::Before)));
            tell(Report::without_trade(request, What::Rejected(reason)));
        } else {
            kill_at(Moment::Before, kill);
            self.told = 0;
            self.journal.append(*request);
            kill_at(Moment::After, kill);
            self.book.apply(request, |report| {
                tell(report);
                self.told += 1;
                kill_at(Moment::Amid, kill);
            });
        }
        self.in_hand = None;
        if self.journal.entries().len() >= self.snapshots[self.latest].entries + SNAPSHOT_EVERY {
            self.take_snapshot();
        }
    }

    #[cold]
    fn take_snapshot(&mut self) {
        let spare = 1 - self.latest;
        self.snapshots[spare].book.copy_without_index(&self.book);
        self.snapshots[spare].entries = self.journal.entries().len();
        self.latest = spare;
    }

    /// Makes the book anew, and sees to what was in hand. `tell` is given the reports that were not sent.
    fn recover(&mut self, mut tell: impl FnMut(Report)) {
        let Snapshot { book, entries } = &self.snapshots[self.latest];
        self.book.copy_without_index(book);
        self.book.find_again();
        let accepted = self.in_hand.filter(|request| self.journal.ends_with(request));
        let behind = &self.journal.entries()[*entries..];
        for request in &behind[..behind.len() - usize::from(accepted.is_some())] {
            self.book.apply(request, |_| {});
        }
        if let Some(request) = accepted {
            let mut number = 0;
            self.book.apply(&request, |report| {
                if number >= self.told {
                    tell(report);
                    self.told += 1;
                }
                number += 1;
            });
            self.recovered += 1;
        } else if let Some(request) = &self.in_hand {
            tell(Report::without_trade(request, What::Lost));
            self.lost += 1;
        }
        self.in_hand = None;
    }
}

/// The actor.
pub(crate) struct Matcher {
    symbol: u16,
    kept: Lease<Kept>,
    risk: ActorRef<RiskMsg>,
    market: ActorRef<Notice>,
    /// What it has quoted last.
    quoted: Quote,
}

impl Matcher {
    pub(crate) fn new(symbol: u16, kept: Lease<Kept>, (risk, market): (ActorRef<RiskMsg>, ActorRef<Notice>)) -> Self {
        Self { symbol, kept, risk, market, quoted: Quote::default() }
    }

    /// Writes the best prices if they have changed, and tells market data unless it is about to look anyway.
    #[inline]
    fn quote(&mut self, ctx: &mut Context<'_, Request>) {
        let quote = self.kept.book.quote();
        if quote != self.quoted {
            self.quoted = quote;
            let written = self.kept.board.write(usize::from(self.symbol), quote);
            debug_assert!(written.is_ok(), "the board has a key for each symbol");
            if let Some(notice) = self.kept.board.notice() {
                ctx.tell(self.market, notice);
            }
        }
    }
}

impl Actor for Matcher {
    type Msg = Request;

    fn started(&mut self, ctx: &mut Context<'_, Request>) {
        let risk = self.risk;
        self.kept.recover(|report| ctx.tell(risk, RiskMsg::Report(report)));
        self.quote(ctx);
    }

    #[inline]
    fn handle(&mut self, request: Request, ctx: &mut Context<'_, Request>) {
        let risk = self.risk;
        self.kept.accept(&request, |report| ctx.tell(risk, RiskMsg::Report(report)));
        self.quote(ctx);
    }
}

#[cfg(test)]
mod tests;
