//! Market data that nobody is behind of: two feeds give quotes by the hundred thousand, and a strategy that takes its time
//! has the newest of each symbol whenever it looks.
//!
//! Each feed is a thread with a port of its own. A quote is written over the earlier one of its symbol, and the strategy is
//! told by one message for any number of quotes. In the middle it fails and is restarted, and begins with what is there.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use hippodrome::{Actor, ActorRef, Context, Engine, Handle, On, Props, Reply, Restart};
use hippodrome_examples::thousands;
use hippodrome_toolkit::latest::{self, BoardReader, BoardRef, BoardWriter, Notice};

const SYMBOLS: usize = 100;
const FEEDS: u64 = 2;
const QUOTES: u64 = 500_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// What a feed says of a symbol: its own number, and how many it has given before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quote {
    feed: u64,
    number: u64,
}

struct Strategy {
    board: BoardReader<Quote>,
    /// By symbol.
    newest: Vec<Option<Quote>>,
    looks: u64,
}

enum Trade {
    Quotes(Notice),
    Fail,
    Report(Reply<(Vec<Option<Quote>>, u64)>),
}

impl Actor for Strategy {
    type Msg = Trade;

    fn started(&mut self, _: &mut Context<'_, Trade>) {
        self.board.newest(|symbol, quote| self.newest[symbol] = Some(*quote));
    }

    fn handle(&mut self, msg: Trade, ctx: &mut Context<'_, Trade>) {
        match msg {
            Trade::Quotes(notice) => {
                self.looks += 1;
                self.board.take(notice, |symbol, quote| self.newest[symbol] = Some(*quote));
                // It thinks about each look.
                black_box((0..100_000_u64).fold(0, |sum, number| sum ^ black_box(number)));
            }
            Trade::Fail => std::panic::resume_unwind(Box::new("on purpose")),
            Trade::Report(reply) => reply.send(ctx, (self.newest.clone(), self.looks)),
        }
    }
}

/// Gives all quotes of one feed, to the symbols in turn. Returns how many nobody had when they were replaced.
fn feed(number: u64, writer: BoardWriter<Quote>, handle: &Handle, strategy: ActorRef<Trade>) -> u64 {
    let mut port = handle.port().expect("a port is free");
    let mut board = BoardRef::new(writer, strategy, Trade::Quotes);
    for count in 0..QUOTES {
        let quote = Quote { feed: number, number: count };
        // A message that is refused is sent with one of the next quotes.
        let _ = board.write(&mut port, count as usize % SYMBOLS, quote);
    }
    while board.remind(&mut port).is_err() {
        thread::yield_now();
    }
    board.conflated()
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let engine = Engine::builder().unpinned_workers(1).start()?;
    let handle = engine.handle();
    let (writers, board) = latest::board(SYMBOLS, FEEDS as usize)?;
    let props = Props::on(On::Worker(0)).restart(Restart::up_to(1, PATIENCE));
    let strategy = handle.spawn(props, move || Strategy {
        board: board.reader().expect("an actor gives it back when it is dropped"),
        newest: vec![None; SYMBOLS],
        looks: 0,
    })?;

    let conflated: u64 = thread::scope(|scope| {
        let handle = &handle;
        let feeds =
            (0..FEEDS).zip(writers).map(|(number, writer)| scope.spawn(move || feed(number, writer, handle, strategy)));
        let feeds: Vec<_> = feeds.collect();
        handle.tell(strategy, Trade::Fail);
        feeds.into_iter().map(|feed| feed.join().expect("a feed does not panic")).sum()
    });
    // The newest quote of a symbol is the last that one of the feeds gave for it.
    let last = |symbol: usize| QUOTES - SYMBOLS as u64 + symbol as u64;
    let is_right = |newest: &[Option<Quote>]| {
        (0..SYMBOLS).all(|symbol| newest[symbol].is_some_and(|quote| quote.number == last(symbol)))
    };
    // A question by a handle may overtake what a port has told: the strategy has them all soon, and not at once.
    let deadline = Instant::now() + PATIENCE;
    let (newest, looks) = loop {
        let (newest, looks) = handle.ask(strategy, Trade::Report).wait(PATIENCE)?;
        if is_right(&newest) || Instant::now() > deadline {
            break (newest, looks);
        }
        thread::yield_now();
    };
    engine.shutdown(PATIENCE)?;

    println!("quotes     {:>10}", thousands(FEEDS * QUOTES));
    println!("conflated  {:>10}", thousands(conflated));
    println!("looks      {:>10}  since the restart", thousands(looks));
    if !is_right(&newest) {
        println!("The strategy is WRONG about some symbol: {newest:?}");
        return Ok(ExitCode::FAILURE);
    }
    println!("The strategy has the last quote of each of {SYMBOLS} symbols.");
    Ok(ExitCode::SUCCESS)
}
