//! Attacks Hippodrome's promises.

use clap::Parser;

/// Attacks Hippodrome's promises.
#[derive(Debug, Parser)]
#[command(name = "proof", version)]
struct Arguments {}

fn main() {
    let Arguments {} = Arguments::parse();
}
