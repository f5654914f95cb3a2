//! `perf top`: watches a running program through the socket on which its engine serves its statistics.
//!
//! The engine listens if its configuration has a `stats_socket`; what comes through it is described at
//! [`hippodrome::stats`]. Everything shown is the difference between two snapshots, but for the quantiles, the dead
//! letters and the numbers of actors, which are of the engine's whole life.

mod columns;
mod feed;
mod figures;
mod screen;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use clap::ValueEnum;
use hippodrome_perf_kit::Failure;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};

use feed::{Feed, News};
use state::State;
use view::View;

/// How long the view waits for a key before it looks at anything else.
const LOOK: Duration = Duration::from_millis(50);

/// What to watch, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The socket that the engine's configuration names as `stats_socket`
    #[arg(value_name = "SOCKET")]
    socket: PathBuf,

    /// Milliseconds between two snapshots, 50 to 60000
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    interval: u64,

    /// Print what happened in one interval, and exit
    #[arg(long)]
    once: bool,

    /// How it is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text, requires = "once")]
    format: Format,
}

/// How one interval is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people
    Text,
    /// One JSON object
    Json,
}

/// Watches until the user has enough, or for one interval.
pub(crate) fn main(arguments: &Arguments) -> Result<(), Failure> {
    let interval = Duration::from_millis(arguments.interval);
    if arguments.once {
        return once(&mut Feed::connect(&arguments.socket, interval)?, arguments.format);
    }
    if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        return Err("the view needs a terminal; --once prints one interval without".into());
    }
    let feed = Feed::connect(&arguments.socket, interval)?;
    let news = feed.follow()?;
    let ends = Arc::new(AtomicBool::new(false));
    for signal in signal_hook::consts::TERM_SIGNALS {
        signal_hook::flag::register(*signal, ends.clone())?;
    }
    let _restored = Restored;
    let terminal = ratatui::try_init()?;
    watch(terminal, &news, &ends, State::new())
}

/// Prints what happens between two snapshots.
fn once(feed: &mut Feed, format: Format) -> Result<(), Failure> {
    let first = feed.next()?;
    let second = feed.next()?;
    let view = View::between(&first, &second)
        .ok_or("the two snapshots are not of the same engine, or no time passed between them")?;
    let mut out = io::stdout().lock();
    match format {
        Format::Text => write!(out, "{}", columns::text(&view))?,
        Format::Json => writeln!(out, "{}", serde_json::to_string(&view)?)?,
    }
    Ok(out.flush()?)
}

/// Puts the terminal back as it was, however the view ends. A panic does it earlier, before its message is printed.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn watch(
    mut terminal: DefaultTerminal,
    news: &Receiver<News>,
    ends: &AtomicBool,
    mut state: State,
) -> Result<(), Failure> {
    let mut is_stale = true;
    while !ends.load(Ordering::Relaxed) && !state.is_done() {
        for news in news.try_iter().take(feed::WAITING_MAX) {
            state.hear(news);
            is_stale = true;
        }
        if std::mem::take(&mut is_stale) {
            terminal.draw(|frame| screen::draw(frame, &mut state))?;
        }
        if event::poll(LOOK)? {
            if let Event::Key(key) = event::read()? {
                state.press(key);
            }
            is_stale = true;
        }
    }
    Ok(())
}
