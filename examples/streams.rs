//! A stream of trades: lines are parsed on one worker, and prices averaged by volume, a window at a time, on another.
//!
//! ```text
//!   +----- worker 0 -----+        +-------------- worker 1 --------------+
//!   |  lines . parse     | -----> |  windows of 100 . average . highest  |
//!   +--------------------+        +--------------------------------------+
//! ```

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use hippodrome::{Engine, On};
use hippodrome_toolkit::stream::{OnFailure, Source, Stage};

/// Lines of the feed. Every thousandth one is damaged.
const LINES: u64 = 200_000;

/// Trades of a window.
const WINDOW: usize = 100;

#[derive(Clone, Copy)]
struct Trade {
    cents: u64,
    volume: u64,
}

/// A line of the feed: a price in cents that wanders, and a volume.
fn line(number: u64) -> String {
    let noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    if number % 1000 == 999 { format!("{noise}:?") } else { format!("{}:{}", 10_000 + noise % 500, 1 + noise % 90) }
}

fn parse(line: String) -> Result<Trade, String> {
    let trade = line
        .split_once(':')
        .and_then(|(cents, volume)| Some(Trade { cents: cents.parse().ok()?, volume: volume.parse().ok()? }));
    trade.ok_or(line)
}

/// The average of a window's prices, each as often as it was traded.
fn average(trades: &[Trade]) -> u64 {
    let (value, volume) = trades
        .iter()
        .fold((0, 0), |(value, volume), trade| (value + trade.cents * trade.volume, volume + trade.volume));
    value / volume
}

/// What is found of the windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    windows: u64,
    highest: u64,
    sum: u64,
}

impl Found {
    fn add(&mut self, average: u64) {
        self.windows += 1;
        self.highest = self.highest.max(average);
        self.sum += average;
    }
}

/// A flow: windows of trades to their averages.
fn averages(trades: Source<impl Stage<Item = Trade>>) -> Source<impl Stage<Item = u64>> {
    trades.batch(WINDOW).map(|window| average(&window))
}

/// The same without a stream.
fn expected() -> Found {
    let trades: Vec<Trade> = (0..LINES).map(line).filter_map(|line| parse(line).ok()).collect();
    let mut found = Found::default();
    trades.chunks(WINDOW).for_each(|window| found.add(average(window)));
    found
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let engine = Engine::builder().unpinned_workers(2).start()?;
    let trades = Source::iter((0..LINES).map(line)).on(On::Worker(0));
    let trades = trades.try_map(parse).named("parse").on_failure(OnFailure::Resume);
    let found = trades.boundary(On::Worker(1)).via(averages).fold(Found::default(), Found::add);
    let began = Instant::now();
    let running = found.run(&engine.handle())?;
    let control = running.control();
    let found = running.wait(Duration::from_secs(120))?;
    let rate = LINES as f64 / began.elapsed().as_secs_f64();
    println!("lines        {LINES}, {:.1} million a second", rate / 1e6);
    println!("damaged      {}", control.dropped());
    println!("windows      {}, the highest average is {:.2}", found.windows, found.highest as f64 / 100.0);
    engine.shutdown(Duration::from_secs(5))?;
    let is_right = found == expected() && control.dropped() == LINES / 1000;
    println!("{}", if is_right { "The loop without a stream finds the same." } else { "That is wrong." });
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
