//! What is wrong with a machine for low latency, why it matters, and what mends it.
//!
//! A check looks at one thing and always answers: what it found, how bad that is, and, if it is not good, how to mend
//! it. What could not be read is unknown, not good.

mod cores;
mod system;

use hippodrome_affinity::CoreSet;
use serde::Serialize;

use super::Environment;

/// How well something suits low latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// It stalls messages for a time that shows: tens of microseconds and more.
    Bad,
    /// It costs something, or makes figures vary.
    CouldBeBetter,
    /// It could not be read.
    Unknown,
    /// Nothing is to be done.
    Good,
}

impl Severity {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::CouldBeBetter => "could be better",
            Self::Unknown => "unknown",
            Self::Good => "good",
        }
    }
}

/// What mends something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mend {
    /// A command of a root shell, which holds until the machine starts anew.
    Run(String),
    /// Parameters for the kernel's command line, which hold from the next start.
    Boot(String),
    /// What no command can do, or what is to be weighed first.
    Note(String),
}

impl Mend {
    fn run(command: impl Into<String>) -> Self {
        Self::Run(command.into())
    }

    fn boot(parameters: impl Into<String>) -> Self {
        Self::Boot(parameters.into())
    }

    fn note(note: impl Into<String>) -> Self {
        Self::Note(note.into())
    }

    /// What to do, before the text itself; nothing before a note.
    pub(crate) fn label(&self) -> Option<&'static str> {
        match self {
            Self::Run(_) => Some("run as root"),
            Self::Boot(_) => Some("kernel parameters"),
            Self::Note(_) => None,
        }
    }

    /// The command, the parameters or the note.
    pub(crate) fn text(&self) -> &str {
        let (Self::Run(text) | Self::Boot(text) | Self::Note(text)) = self;
        text
    }
}

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// The thing.
    pub(crate) about: &'static str,
    /// How well it is.
    pub(crate) severity: Severity,
    /// What it is.
    pub(crate) found: String,
    /// Why it matters, in one line.
    pub(crate) why: &'static str,
    /// What mends it; nothing if it is good or unknown.
    pub(crate) mend: Vec<Mend>,
}

impl Check {
    fn good(self, found: impl Into<String>) -> Self {
        Self { severity: Severity::Good, found: found.into(), ..self }
    }

    fn could_be_better(self, found: impl Into<String>, mend: impl Into<Vec<Mend>>) -> Self {
        Self { severity: Severity::CouldBeBetter, found: found.into(), mend: mend.into(), ..self }
    }

    fn bad(self, found: impl Into<String>, mend: impl Into<Vec<Mend>>) -> Self {
        Self { severity: Severity::Bad, found: found.into(), mend: mend.into(), ..self }
    }
}

/// A check of which nothing is known yet.
fn check(about: &'static str, why: &'static str) -> Check {
    Check { about, severity: Severity::Unknown, found: "the system does not tell".to_owned(), why, mend: Vec::new() }
}

/// All checks, the worst first.
pub(super) fn all(environment: &Environment) -> Vec<Check> {
    let mut checks: Vec<Check> =
        cores::CHECKS.iter().chain(system::CHECKS).filter_map(|check| check(environment)).collect();
    checks.sort_by_key(|check| check.severity);
    checks
}

/// `none` for no core; for sentences.
fn cores_in_words(cores: &CoreSet) -> String {
    match cores.len() {
        0 => "no core".to_owned(),
        1 => format!("core {cores}"),
        _ => format!("cores {cores}"),
    }
}
