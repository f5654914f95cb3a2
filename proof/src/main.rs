//! Attacks Hippodrome's promises, each command in another way. A promise that is not kept ends with exit code 1, a wrong
//! argument with 2.
#![forbid(unsafe_code)]

mod mutants;

use std::fmt::Display;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use proof::{overload, sim, soak};

/// Attacks Hippodrome's promises, and prints what held.
#[derive(Debug, Parser)]
#[command(name = "proof", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Weaken each atomic operation of the rings in turn: a model must fail for each
    Mutants(mutants::Arguments),
    /// Offer ten times what the engine can do, and account for every message and for the memory
    Overload(overload::Arguments),
    /// Run the workload in simulations, and check all promises after every step
    Sim(sim::Arguments),
    /// Run the workload on real threads, with every wait strategy and more workers than cores
    Soak(soak::Arguments),
}

fn main() -> ExitCode {
    match &Arguments::parse().command {
        Command::Mutants(arguments) => mutants::main(arguments),
        Command::Overload(arguments) => said(overload::main(arguments)),
        Command::Sim(arguments) => said(sim::main(arguments)),
        Command::Soak(arguments) => said(soak::main(arguments)),
    }
}

/// Says what did not hold.
fn said(outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("proof: {failure}");
            ExitCode::FAILURE
        }
    }
}
