//! Counts all scenarios and prints what a unit of each costs beside its limit.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use crate::limits::{ALL, FLOOD, Limit, MIDDLEWARE};
use crate::scenario::UNITS;

/// Set for the process that is to be gungraun's.
const COUNTS: &str = "HIPPODROME_COUNTS_INSTRUCTIONS";

/// Whether this is that process.
pub(crate) fn is_gungraun() -> bool {
    env::var_os(COUNTS).is_some()
}

/// How gungraun's process ends if a limit was exceeded and nothing else went wrong.
const REGRESSED: i32 = 3;

/// By how much whole runs of the same work may differ: actors of other types lie elsewhere in memory.
const NOISE: u64 = UNITS / 100;

/// Runs gungraun in a process of its own, since it ends its process when a limit is exceeded, and prints a line for
/// each scenario as it is counted.
///
/// # Errors
/// Gungraun's process cannot be started or read.
pub(crate) fn print() -> io::Result<ExitCode> {
    let mut gungraun = Command::new(env::current_exe()?);
    gungraun.args(env::args_os().skip(1)).arg("--output-format=json").env(COUNTS, "1").stdout(Stdio::piped());
    let mut gungraun = gungraun.spawn()?;
    let mut rows = 0;
    let mut faults = Vec::new();
    let mut flood = None;
    for line in gungraun.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line?;
        let Some((limit, total)) = counted(&line) else {
            println!("{line}");
            continue;
        };
        if rows == 0 {
            println!("{:<14}{:>12}{:>10}   a", "scenario", "instructions", "at most");
        }
        rows += 1;
        let Limit { scenario, unit, instructions: most } = limit;
        let found = total as f64 / UNITS as f64;
        println!("{scenario:<14}{found:>12.2}{most:>10.2}   {unit}");
        if scenario == FLOOD.scenario {
            flood = Some(total);
        } else if scenario == MIDDLEWARE.scenario && flood.is_some_and(|flood| total > flood + NOISE) {
            faults.push(format!("{scenario}: layers that do nothing cost {found:.2} instructions, more than a flood"));
        }
        if total > limit.total() {
            faults.push(format!("{scenario}: {found:.2} instructions a {unit}; at most {most:.2} are allowed"));
        } else if total < UNITS {
            faults.push(format!("{scenario}: {total} instructions in all; the count has missed the work"));
        }
    }
    let status = gungraun.wait()?;
    let is_explained = status.success() || (status.code() == Some(REGRESSED) && !faults.is_empty());
    if !is_explained {
        faults.push("gungraun could not count everything; benches/README.md says what it needs".to_owned());
    }
    faults.iter().for_each(|fault| eprintln!("error: {fault}"));
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Which scenario one of gungraun's lines is about, and the instructions of its run.
fn counted(line: &str) -> Option<(Limit, u64)> {
    let benchmark: Value = serde_json::from_str(line).ok()?;
    let limit = ALL.iter().copied().find(|limit| benchmark["id"] == limit.scenario)?;
    let values = benchmark.pointer("/profiles/0/data/total/metrics/Ir/values")?;
    Some((limit, values["new"].as_u64()?))
}
