//! An exchange whose actors can be killed: gateways, a risk check, a matcher for each symbol, market data, and a
//! supervisor.
//!
//! ```text
//!                requests            requests           requests
//!   traders ───────────────▶ gateway ─────────▶ risk ────────────▶ matcher ──quotes──▶ market data
//!      ▲                      │    ▲             │ ▲                  │                (conflated)
//!      └──── so many answered ┘    └── reports ──┘ └───── reports ────┘
//! ```
//!
//! Traders send orders and cancels at times that were fixed before the run, as `perf latency` does; a latency is from the
//! time at which a request was to be sent until its gateway has the answer. A matcher writes what it accepts to a journal
//! before its book changes. When it panics it is made anew from the journal, and so is risk from its ledger; what was in
//! hand goes on, or is a dead letter of which its trader is told. After the run an independent replay of the journals must
//! give the same trades, the same books with the same queues at each price, and the same positions, and each request must
//! have ended in one way.

#![forbid(unsafe_code)]

mod arguments;
mod book;
mod flow;
mod gateway;
mod journal;
mod kill;
mod ledger;
mod market_data;
mod matcher;
mod order;
mod order_index;
mod pipeline;
mod replay;
mod report;
mod risk;
mod supervisor;
mod traders;
mod verdict;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use hippodrome::config::Config;
use hippodrome_examples::{Format, MAX_DEFAULT_WORKERS, default_workers, pinned_workers, write_disagreements};

use crate::arguments::{Arguments, ArgumentsError};
use crate::pipeline::PipelineError;
use crate::replay::Replay;
use crate::report::Report;
use crate::verdict::disagreements;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a run that the independent replay does not agree with.
const DISAGREES: u8 = 1;
/// The exit code of a run that could not be made; clap uses it for wrong arguments too.
const FAILED: u8 = 2;

/// The messages of a worker's own ring that it handles in a turn, where requests are sent at a rate: traders who wait for
/// the time tell themselves to go on all the while, and short turns let their requests out at once.
const PACED_TURN_BUDGET: u32 = 8;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Arguments(#[from] ArgumentsError),
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
            eprintln!("exchange: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Makes the run and prints its report; whether the independent replay agrees.
fn run(arguments: &Arguments) -> Result<bool, RunError> {
    let run = arguments.run()?;
    let outcome = run.execute(engine_config(arguments))?;
    let journals = outcome.matchers.iter().map(|matcher| matcher.journal().entries());
    let replay = Replay::of(outcome.states.len(), run.settings.accounts, journals);
    let disagreements = disagreements(&outcome, &replay);

    let report = Report::new(&run, &outcome);
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Text => report.write_text(&disagreements, &mut out)?,
        Format::Json => report.write_json(&mut out)?,
    }
    out.flush()?;
    write_disagreements("exchange", &disagreements, &mut io::stderr().lock())?;
    Ok(disagreements.is_empty())
}

/// What the engine is to be.
fn engine_config(arguments: &Arguments) -> Config {
    let mut config = arguments.cores.as_ref().map_or_else(|| default_workers(MAX_DEFAULT_WORKERS), pinned_workers);
    if arguments.rate.is_some() {
        config.turn_budget = PACED_TURN_BUDGET;
    }
    config
}
