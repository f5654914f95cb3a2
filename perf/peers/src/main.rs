//! Hippodrome beside other actor engines and rings: the same work, in one run, on the same cores.
//!
//! Each scenario has several subjects. They take turns, each turn is one sample, and every sample's result is checked.
//! See `README.md` for the commands and for how to read the output.

mod allocator;
mod arguments;
mod cores;
mod finish;
mod raw;
mod report;
mod sample;
mod scenario;
mod scenarios;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Format};
use crate::sample::Failure;

/// The same allocator for all subjects.
#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("hippodrome-peers: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let cores = cores::Cores::choose(&arguments.cores)?;
    let mut reports = Vec::new();
    for scenario in arguments.scenarios()? {
        if scenario.needs_two_cores && cores.second.is_none() {
            eprintln!("{}: left out, because there is only one core", scenario.name);
            continue;
        }
        let report = scenario.measure(arguments, &cores)?;
        if arguments.format == Format::Text {
            println!("{report}");
        }
        reports.push(report);
    }
    if arguments.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    }
    Ok(())
}
