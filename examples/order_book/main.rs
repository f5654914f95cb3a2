//! Limit order books of several symbols, kept from a feed of events and checked after every one.
//!
//! The events are those of a LOBSTER message file or of a seeded generator in the same form. Each goes to the book of
//! its symbol, which keeps the shares at each price and tells market data its best prices when they change. An
//! independent book, with other data structures and on one thread, applies the same events; the two must agree on the
//! best prices after every event and on every level at the end.

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
mod random;
mod reference;
mod report;
mod tracked;
mod workload;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Format};
use crate::flow::Settings;
use crate::lobster::LobsterError;
use crate::outcome::disagreements;
use crate::progress::{Progress, Style};
use crate::reference::Inconsistent;
use crate::report::{Report, write_disagreements};
use crate::workload::Workload;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a run that differs from the independent book.
const DISAGREES: u8 = 1;
/// The exit code of a run that could not be made; clap uses it for wrong arguments too.
const FAILED: u8 = 2;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Lobster(#[from] LobsterError),
    #[error("the generated flow is inconsistent: {0}")]
    Inconsistent(#[from] Inconsistent),
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
    let workload = load(arguments, style)?;
    let total = workload.events().len() as u64;
    let outcome = pipeline::run(&workload, &mut Progress::start("books", total, style));
    let expected = reference::replay(&workload, &mut Progress::start("independent book", total, style))?;
    let disagreements = disagreements(&outcome, &expected);

    let report = Report::new(&workload, &outcome);
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Text => report.write_text(&workload, &disagreements, &mut out)?,
        Format::Json => report.write_json(&mut out)?,
    }
    out.flush()?;
    write_disagreements(&disagreements, &mut io::stderr().lock())?;
    Ok(disagreements.is_empty())
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
