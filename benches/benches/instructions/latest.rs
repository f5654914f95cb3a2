//! The latest value: one actor writes, another on its core is told and takes it. With one write for each take, the cost of
//! the whole way, beside that of a tell; with many, what a write costs that replaces another.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |  Feed -- WRITES x Token --> [cell]        |
//!   |    ^  |                       ^           |
//!   |    +--+ Send     -- notice --> Viewer     |
//!   +-------------------------------------------+
//! ```

use hippodrome::{Actor, ActorRef, Context, Handle, On};
use hippodrome_benches::{Bench, Token, digest};
use hippodrome_toolkit::latest::{self, LatestReader, LatestRef, Notice};

use crate::flood::Send;
use crate::scenario::{Found, Scenario, UNITS, WARM_UP};

/// Writes so many values, and then tells itself to go on.
struct Feed<const WRITES: u64> {
    cell: LatestRef<Token, Notice>,
    written: u64,
}

impl<const WRITES: u64> Actor for Feed<WRITES> {
    type Msg = Send;

    fn handle(&mut self, Send(left): Send, ctx: &mut Context<'_, Send>) {
        let first = self.written;
        self.written += left.min(WRITES);
        for number in first..self.written {
            self.cell.write(ctx, Token::numbered(number)).expect("there is room for the notice");
        }
        if left > WRITES {
            ctx.tell(ctx.me(), Send(left - WRITES));
        }
    }
}

/// Takes a checksum, and leaves it when the last value has come.
struct Viewer {
    cell: LatestReader<Token>,
    digest: u64,
    found: Found,
}

impl Actor for Viewer {
    type Msg = Notice;

    fn handle(&mut self, notice: Notice, _: &mut Context<'_, Notice>) {
        let token = self.cell.take(notice).expect("there is a value for each notice");
        self.digest = digest(self.digest, token.value());
        if *token == Token::numbered(WARM_UP + UNITS - 1) {
            self.found.set(self.digest);
        }
    }
}

fn spawn<const WRITES: u64>(handle: &Handle, found: Found) -> ActorRef<Send> {
    let (mut writers, cell) = latest::cell(1).expect("one writer is allowed");
    let viewer = handle.spawn(On::Worker(0), move || {
        let cell = cell.reader().expect("there is no other reader");
        Viewer { cell, digest: 0, found: found.clone() }
    });
    let viewer = viewer.expect("there is room for an actor");
    let mut cell = writers.pop().map(|writer| LatestRef::new(writer, viewer, |notice| notice));
    let feed = handle.spawn(On::Worker(0), move || {
        let cell = cell.take().expect("it is not restarted");
        Feed::<WRITES> { cell, written: 0 }
    });
    feed.expect("there is room for an actor")
}

pub(crate) struct Latest<const WRITES: u64> {
    bench: Bench,
    handle: Handle,
    feed: ActorRef<Send>,
    found: Found,
}

/// Each value is taken.
pub(crate) type Taken = Latest<1>;

/// One of 250 is taken, the others are conflated.
pub(crate) type Conflated = Latest<250>;

impl<const WRITES: u64> Scenario for Latest<WRITES> {
    fn new() -> Self {
        let bench = Bench::new();
        let handle = bench.handle();
        let found = Found::default();
        let feed = spawn::<WRITES>(&handle, found.clone());
        Self { bench, handle, feed, found }
    }

    fn run(&mut self, units: u64) {
        self.handle.tell(self.feed, Send(units));
        self.bench.run();
    }

    fn check(self) {
        let taken = (1..=(WARM_UP + UNITS) / WRITES).map(|look| Token::numbered(look * WRITES - 1).value());
        assert_eq!(self.found.get(), taken.fold(0, digest));
    }
}
