//! Prints the machine as the engine sees it: packages, caches, cores, and which of them may be used.
//!
//! Scenarios, reports and tuning will be commands of this program; what is measured beside peers today is in
//! `perf/peers`.

use std::process::ExitCode;

use hippodrome_affinity::Topology;

fn main() -> ExitCode {
    match Topology::detect() {
        Ok(topology) => {
            println!("{topology}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("perf: {error}");
            ExitCode::from(2)
        }
    }
}
