//! Measures Hippodrome beside its peers, shows its latency under load, and tunes its pinning for a machine.
//!
//! See `README.md` for the commands and for how to read what they print.

mod environment;
mod hippodrome;
mod latency;
mod report;
mod run;
mod top;
mod topology;
mod tune;
mod whole_file;

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
    /// Measure latency at rising rates of arrivals, from the times at which messages were to be sent
    Latency(latency::Arguments),
    /// Write what was measured, and the machine it was measured on, as one HTML page
    Report(report::Arguments),
    /// Print the machine as the engine sees it, and the round trip between each two cores
    Topology(topology::Arguments),
    /// Find the engine's best settings for a workload on this machine
    Tune(tune::Arguments),
    /// Watch a running program
    Top(top::Arguments),
}

fn main() -> ExitCode {
    let done = match &Arguments::parse().command {
        Command::Run(arguments) => run::main(arguments),
        Command::Latency(arguments) => latency::main(arguments),
        Command::Report(arguments) => report::main(arguments),
        Command::Topology(arguments) => topology::main(arguments),
        Command::Tune(arguments) => tune::main(arguments),
        Command::Top(arguments) => top::main(arguments),
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
