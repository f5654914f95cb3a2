//! The command line.

use clap::{Parser, ValueEnum};

use crate::sample::Failure;
use crate::scenario::Scenario;
use crate::scenarios::SCENARIOS;

/// Measures Hippodrome beside other actor engines and rings.
#[derive(Debug, Parser)]
#[command(name = "hippodrome-peers", version)]
pub(crate) struct Arguments {
    /// A scenario's name, or `all`.
    #[arg(default_value = "all")]
    scenario: String,
    /// The samples of each subject, after one round that is not counted.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) repeat: u32,
    /// How the results are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Only this subject.
    #[arg(long)]
    subject: Option<String>,
    /// The messages, round trips or actors of one sample, instead of the scenario's own number.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000_000))]
    pub(crate) messages: Option<u64>,
    /// One sample and no round before it: for tools that count instructions.
    #[arg(long)]
    pub(crate) once: bool,
    /// The cores to use: one, or two with a comma between them. By default the first two that the process may use.
    #[arg(long, value_delimiter = ',', num_args = 1..=2)]
    pub(crate) cores: Vec<u32>,
}

/// How the results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for each scenario, as soon as it is done.
    Text,
    /// One array at the end.
    Json,
}

/// A name on the command line that means nothing.
#[derive(Debug, thiserror::Error)]
enum UnknownName {
    #[error("scenario {name:?}: allowed is all, {allowed}")]
    Scenario { name: String, allowed: String },
    #[error("subject {name:?} is in none of the scenarios: allowed is {allowed}")]
    Subject { name: String, allowed: String },
}

impl Arguments {
    /// The scenarios to run, in order.
    pub(crate) fn scenarios(&self) -> Result<Vec<&'static Scenario>, Failure> {
        let named =
            SCENARIOS.iter().copied().filter(|scenario| self.scenario == "all" || self.scenario == scenario.name);
        let named: Vec<_> = named.collect();
        if named.is_empty() {
            let allowed = SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
            return Err(UnknownName::Scenario { name: self.scenario.clone(), allowed }.into());
        }
        let with_subject = named.iter().filter(|scenario| scenario.subjects.iter().any(|one| self.selects(one.name)));
        let with_subject: Vec<_> = with_subject.copied().collect();
        match &self.subject {
            Some(name) if with_subject.is_empty() => {
                let subjects = named.iter().flat_map(|scenario| scenario.subjects).map(|subject| subject.name);
                let allowed = subjects.collect::<Vec<_>>().join(", ");
                Err(UnknownName::Subject { name: name.clone(), allowed }.into())
            }
            _ => Ok(with_subject),
        }
    }

    /// Whether the subject of this name is to be measured.
    pub(crate) fn selects(&self, subject: &str) -> bool {
        self.subject.as_deref().is_none_or(|name| name == subject)
    }

    /// The samples of each subject.
    pub(crate) fn samples(&self) -> u32 {
        if self.once { 1 } else { self.repeat }
    }
}
