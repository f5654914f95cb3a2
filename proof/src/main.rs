//! Attacks Hippodrome's promises, each command in another way. A promise that is not kept ends with exit code 1, a wrong
//! argument with 2.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use proof::{overload, sim, soak};

/// Attacks Hippodrome's promises.
#[derive(Debug, Parser)]
#[command(name = "proof", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the workload on real threads, with every wait strategy and more workers than cores
    Soak(soak::Arguments),
    /// Run the workload in simulations, and check all promises after every step
    Sim(sim::Arguments),
    /// Offer ten times what the engine can do, and account for every message and for the memory
    Overload(overload::Arguments),
}

fn main() -> ExitCode {
    let done = match &Arguments::parse().command {
        Command::Soak(arguments) => soak::main(arguments),
        Command::Sim(arguments) => sim::main(arguments),
        Command::Overload(arguments) => overload::main(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("proof: {failure}");
            ExitCode::FAILURE
        }
    }
}
