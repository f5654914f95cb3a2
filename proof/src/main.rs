//! Attacks Hippodrome's promises, and prints what held.

mod mutants;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

fn main() -> ExitCode {
    match &Arguments::parse().command {
        Command::Mutants(arguments) => mutants::main(arguments),
    }
}
