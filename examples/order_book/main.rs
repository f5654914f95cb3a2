//! Limit order books of several symbols, kept from a feed of events and checked after every one.
//!
//! The events are those of a LOBSTER message file or of a seeded generator in the same form. Each goes to the book of
//! its symbol, which keeps the shares at each price and tells market data its best prices when they change. The feed,
//! the books and market data are actors on several cores. An independent book, with other data structures and on one thread, applies the same events; the two must agree on the
//! best prices after every event and on every level at the end.

#![forbid(unsafe_code)]

mod actors;
mod arguments;
mod book;
mod digest;
mod event;
mod flow;
mod live_orders;
mod lobster;
mod outcome;
mod pipeline;
mod progress;
mod reference;
mod report;
mod tracked;
mod workload;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use hippodrome::config::{Config, ConfigError};
use hippodrome_examples::{Format, MAX_DEFAULT_WORKERS, default_workers, pinned_workers, write_disagreements};

use crate::actors::Pace;
use crate::arguments::Arguments;
use crate::flow::Settings;
use crate::lobster::LobsterError;
use crate::outcome::disagreements;
use crate::pipeline::PipelineError;
use crate::progress::{Progress, Style};
use crate::reference::Inconsistent;
use crate::report::Report;
use crate::workload::Workload;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a run that differs from the independent book.
const DISAGREES: u8 = 1;
/// The exit code of a run that could not be made; clap uses it for wrong arguments too.
const FAILED: u8 = 2;

/// The messages of a worker's own ring that it handles in a turn, where events are sent at a rate.
const PACED_TURN_BUDGET: u32 = 4;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Lobster(#[from] LobsterError),
    #[error("the generated flow is inconsistent: {0}")]
    Inconsistent(#[from] Inconsistent),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error("the report cannot be written: {0}")]
    Output(#[from] io::Error),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DISAGREES),
        Err(error) => {
            eprintln!("order_book: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Makes the run and prints its report; whether the independent book agrees.
fn run(arguments: &Arguments) -> Result<bool, RunError> {
    let style = Style::for_stderr(arguments.progress);
    let config = engine_config(arguments)?;
    let workload = Arc::new(load(arguments, style)?);
    let total = workload.events().len() as u64;
    let pace = arguments.rate.map_or(Pace::Fast, Pace::PerSecond);
    let outcome = pipeline::run(&workload, config, pace, &mut Progress::start("books", total, style))?;
    let expected = reference::replay(&workload, &mut Progress::start("independent book", total, style))?;
    let disagreements = disagreements(&outcome, &expected);

    let report = Report::new(&workload, &outcome);
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Text => report.write_text(&workload, &disagreements, &mut out)?,
        Format::Json => report.write_json(&mut out)?,
    }
    out.flush()?;
    write_disagreements("order_book", &disagreements, &mut io::stderr().lock())?;
    Ok(disagreements.is_empty())
}

/// What the engine is to be.
fn engine_config(arguments: &Arguments) -> Result<Config, ConfigError> {
    if let Some(file) = &arguments.config {
        return Config::from_file(file);
    }
    let mut config = arguments.cores.as_ref().map_or_else(|| default_workers(MAX_DEFAULT_WORKERS), pinned_workers);
    if arguments.rate.is_some() {
        // A feed that waits for the time tells itself to go on all the while; short turns let its events out at once.
        config.turn_budget = PACED_TURN_BUDGET;
    }
    Ok(config)
}

/// All events of the run, before the first of them is applied.
fn load(arguments: &Arguments, style: Style) -> Result<Workload, RunError> {
    if let Some(messages) = &arguments.messages {
        let slice = lobster::read(messages, arguments.book.as_deref(), arguments.depth)?;
        return Ok(Workload::from_files(slice));
    }
    let Arguments { events, seed, symbols, .. } = *arguments;
    let mut progress = Progress::start("generator", events, style);
    Ok(Workload::generate(Settings { events, seed, symbols }, &mut progress))
}
