//! Measures Hippodrome beside its peers, shows its latency under load, and tunes its pinning for a machine.
//!
//! See `README.md` for the commands and for how to read what they print.

mod hippodrome;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hippodrome_perf_kit::allocator::Counting;

/// The same allocator for all subjects.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures Hippodrome, shows its latency, and tunes its pinning.
#[derive(Debug, Parser)]
#[command(name = "perf", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure scenarios, each subject in turn
    Run(run::Arguments),
}

fn main() -> ExitCode {
    let done = match &Arguments::parse().command {
        Command::Run(arguments) => run::main(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => complain(&*failure),
    }
}

fn complain(failure: &(dyn std::error::Error + Send + Sync)) -> ExitCode {
    eprintln!("perf: {failure}");
    ExitCode::from(2)
}
