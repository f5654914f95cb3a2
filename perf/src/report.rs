//! `perf report`: what was measured, and the machine it was measured on, as one HTML page.
//!
//! # Trade-offs
//!
//! The page is one file that loads nothing and runs no script, so it can be mailed, archived and printed, and is the
//! same in ten years. The price is that nothing in it can be sorted or zoomed; the data itself stays in the files that
//! it is made from.
//!
//! # How it works
//!
//! `inputs` reads and checks the files, `page` puts the sections in order: `scenarios`, `latency`, `matrix`, `machine`.
//! They draw with `bars` and `plot`, on axes of `scale`, in the words of `amount`. All text that was read goes through
//! `html::escaped`.
//!
//! # How to use
//!
//! ```text
//! perf run all --format json > run.jsonl
//! perf latency --format json > latency.jsonl
//! perf topology --format json > topology.json
//! perf report --run run.jsonl --latency latency.jsonl --topology topology.json --out report.html
//! ```

mod amount;
mod bars;
mod html;
mod inputs;
mod latency;
mod machine;
mod matrix;
mod page;
mod plot;
mod scale;
mod scenarios;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::ValueEnum;
use hippodrome_affinity::CoreSet;
use hippodrome_perf_kit::Failure;
use serde::Serialize;

use crate::environment::{Check, Environment};
use crate::topology::parse_cores;
use crate::whole_file::{self, Existing};
use inputs::{Matrix, Run};
use page::Contents;

/// What to report, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What `perf run --format json` has printed
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// What `perf latency --format json` has printed
    #[arg(long, value_name = "FILE")]
    latency: Option<PathBuf>,
    /// What `perf topology --format json` has printed
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    /// The page to write
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Print the machine, and what is wrong with it for low latency, and write no page
    #[arg(long, conflicts_with = "out")]
    environment: bool,
    /// How --environment prints
    #[arg(long, value_name = "FORMAT", requires = "environment")]
    format: Option<Format>,
    /// The cores of the workers, such as 2-7: what is wrong is looked for there. By default those that were measured,
    /// or all but the first physical core
    #[arg(long, value_name = "LIST", value_parser = parse_cores)]
    cores: Option<CoreSet>,
    /// Where to find /proc and /sys: below a directory that was captured on another machine
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// How the environment is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// The files that a page is made from. Of what is missing, the page says which command makes it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inputs<'a> {
    /// Lines of `perf run --format json`.
    pub(crate) run: Option<&'a Path>,
    /// Lines of `perf latency --format json`.
    pub(crate) latency: Option<&'a Path>,
    /// What `perf topology --format json` has printed.
    pub(crate) topology: Option<&'a Path>,
}

/// Why the page cannot be written.
#[derive(Debug, thiserror::Error)]
enum OutputError {
    #[error("--out {}: a file is needed, as in report.html", .0.display())]
    NoFile(PathBuf),
    #[error("--out {}: {source}", .file.display())]
    Unwritable { file: PathBuf, source: io::Error },
    #[error("--root {}: not a directory", .0.display())]
    NoRoot(PathBuf),
}

/// Writes the page, or prints the environment.
pub(crate) fn main(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.root.is_dir() {
        return Err(OutputError::NoRoot(arguments.root.clone()).into());
    }
    let inputs = Inputs {
        run: arguments.run.as_deref(),
        latency: arguments.latency.as_deref(),
        topology: arguments.topology.as_deref(),
    };
    let contents = contents(&inputs, arguments.cores.as_ref(), &arguments.root)?;
    if arguments.environment {
        return print(&contents.environment, arguments.format.unwrap_or(Format::Text));
    }
    store(&contents.page(SystemTime::now()), &arguments.out)?;
    writeln!(io::stdout(), "{}", arguments.out.display())?;
    Ok(())
}

/// Writes a page of these files and of this machine. What was there before is replaced in one step.
///
/// # Errors
/// A file cannot be read, a line of it is malformed, or the page cannot be written.
pub(crate) fn write(inputs: &Inputs<'_>, out: &Path) -> Result<(), Failure> {
    store(&contents(inputs, None, Path::new("/"))?.page(SystemTime::now()), out)
}

fn contents(inputs: &Inputs<'_>, cores: Option<&CoreSet>, root: &Path) -> Result<Contents, Failure> {
    let run = inputs.run.map(Run::read).transpose()?;
    let latency = inputs.latency.map(inputs::read_latency).transpose()?;
    let matrix = inputs.topology.map(Matrix::read).transpose()?;
    let measured = || {
        let latency = latency.as_deref().map(inputs::cores_of).unwrap_or_default();
        run.as_ref().map(Run::cores).unwrap_or_default().union(&latency)
    };
    let workers = cores.cloned().unwrap_or_else(measured);
    let environment = Environment::read(root, &workers);
    Ok(Contents { run, latency, matrix, environment })
}

fn print(environment: &Environment, format: Format) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Facts<'a> {
        #[serde(flatten)]
        environment: &'a Environment,
        checks: Vec<Check>,
    }
    let mut out = io::stdout().lock();
    match format {
        Format::Text => write!(out, "{environment}")?,
        Format::Json => {
            let facts = Facts { environment, checks: environment.checks() };
            writeln!(out, "{}", serde_json::to_string(&facts)?)?;
        }
    }
    Ok(out.flush()?)
}

/// Gives the page its file.
fn store(page: &str, out: &Path) -> Result<(), Failure> {
    if out.file_name().is_none() || out.is_dir() {
        return Err(OutputError::NoFile(out.to_owned()).into());
    }
    let stored = whole_file::write(out, page.as_bytes(), Existing::Replace);
    stored.map_err(|source| OutputError::Unwritable { file: out.to_owned(), source }.into())
}

#[cfg(test)]
mod tests;
