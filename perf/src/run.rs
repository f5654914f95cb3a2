//! `perf run`: the same checked work for each subject, in turn.
//!
//! Each round takes one sample of each subject, so that a slow minute is slow for all; one round before the first does
//! not count. What goes across cores is bracketed by the raw round trip of a cache line, and dropped if that moved.

mod gate;
mod measure;
mod result;
mod text;

use std::io::{self, Write};

use clap::ValueEnum;
use hippodrome_perf_kit::scenarios::SCENARIOS;
use hippodrome_perf_kit::{Case, Cores, Failure, Scenario, Subject};

use self::gate::Verdict;
use self::measure::{Rounds, measure};
use self::result::{Line, Outcome};

/// What to measure, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A scenario's name, the beginning of several names such as `savina`, or `all`
    #[arg(default_value = "all")]
    scenario: String,
    /// Print the scenarios and who does them, and measure nothing
    #[arg(long)]
    list: bool,
    /// Only these subjects, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    subjects: Vec<String>,
    /// The cores to use: one, or two with a comma between them. By default the first two that the process may use
    #[arg(long, value_name = "CORES", value_delimiter = ',', num_args = 1..=2)]
    cores: Vec<u32>,
    /// The samples of each subject, after one round that is not counted, 1 to 10,000
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// The messages, round trips or actors of one sample, instead of the scenario's own number, 100 to 10^10
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=10_000_000_000))]
    messages: Option<u64>,
    /// Only the cases whose messages have so many bytes
    #[arg(long, value_name = "BYTES")]
    payload: Option<u32>,
    /// One sample and no round before it: for tools that count instructions
    #[arg(long, conflicts_with = "repeat")]
    once: bool,
    /// How the results are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

/// How the results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for each scenario, as soon as it is done.
    Text,
    /// One object a line.
    Json,
}

/// A command line that asks for something that there is not, or a measurement that cannot be believed.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("scenario {name:?}: allowed is all, the beginning of a name, or one of {allowed}")]
    Scenario { name: String, allowed: String },
    #[error("subject {name:?} does none of these scenarios: allowed is {allowed}{}", without_peers())]
    Subject { name: String, allowed: String },
    #[error("no case has messages of {bytes} bytes: allowed is {allowed}")]
    Payload { bytes: u32, allowed: String },
    #[error("{0} of the runs failed or found something else than they had to: see above")]
    Wrong(usize),
}

/// What to say about the peers where they are not built in.
fn without_peers() -> &'static str {
    if cfg!(feature = "peers") { "" } else { " (built without the feature `peers`, which brings the others)" }
}

/// Measures what the arguments ask for.
pub(crate) fn main(arguments: &Arguments) -> Result<(), Failure> {
    let plan = plan(arguments)?;
    if arguments.list {
        return Ok(text::list(&plan, &mut io::stdout().lock())?);
    }
    let cores = Cores::choose(&arguments.cores)?;
    let rounds = Rounds { warm_up: !arguments.once, samples: if arguments.once { 1 } else { arguments.repeat } };
    let mut wrong = 0;
    for Work { scenario, cases } in &plan {
        if scenario.cores > 1 && cores.second.is_none() {
            eprintln!("{}: left out, because there is only one core", scenario.name);
            continue;
        }
        let cores = if scenario.cores > 1 { cores } else { cores.single() };
        let mut outcomes = Vec::new();
        for (case, subjects) in cases {
            let outcome = measure(scenario, case, subjects, &cores, rounds);
            wrong += outcome.wrong();
            outcomes.push(outcome);
        }
        let verdicts = gate::judge(scenario, &outcomes);
        print(arguments.format, scenario, &outcomes, &verdicts)?;
    }
    if wrong > 0 { Err(RunError::Wrong(wrong).into()) } else { Ok(()) }
}

fn print(format: Format, scenario: &'static Scenario, outcomes: &[Outcome], verdicts: &[Verdict]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Text => text::table(scenario, outcomes, verdicts, &mut out)?,
        Format::Json => {
            for line in outcomes.iter().flat_map(|outcome| outcome.lines(scenario)) {
                writeln!(out, "{}", serde_json::to_string::<Line<'_>>(&line)?)?;
            }
            for verdict in verdicts {
                writeln!(out, "{}", serde_json::to_string(verdict)?)?;
            }
        }
    }
    out.flush()
}

/// A scenario with the cases that are to be measured, each with who does it.
struct Work {
    scenario: &'static Scenario,
    cases: Vec<(Case, Vec<Subject>)>,
}

/// Hippodrome, and the peers if they are built in.
fn subjects() -> Vec<Subject> {
    #[cfg_attr(not(feature = "peers"), allow(unused_mut, reason = "without peers nothing is added"))]
    let mut subjects = crate::hippodrome::subjects();
    #[cfg(feature = "peers")]
    subjects.extend(hippodrome_peers::subjects());
    subjects
}

/// What the arguments ask for; everything that can be wrong with them is found here.
fn plan(arguments: &Arguments) -> Result<Vec<Work>, RunError> {
    let wanted = &arguments.scenario;
    let exact = SCENARIOS.iter().any(|scenario| scenario.name == wanted);
    let is_named =
        |name: &str| wanted == "all" || if exact { name == wanted } else { name.starts_with(wanted.as_str()) };
    let named: Vec<&Scenario> = SCENARIOS.iter().copied().filter(|scenario| is_named(scenario.name)).collect();
    if named.is_empty() || wanted.is_empty() {
        let allowed = joined(SCENARIOS.iter().map(|scenario| scenario.name));
        return Err(RunError::Scenario { name: wanted.clone(), allowed });
    }
    let subjects: Vec<Subject> =
        subjects().into_iter().filter(|subject| named.iter().any(|one| one.name == subject.scenario)).collect();
    for name in &arguments.subjects {
        if !subjects.iter().any(|subject| subject.name == name) {
            return Err(RunError::Subject { name: name.clone(), allowed: joined(subjects.iter().map(|one| one.name)) });
        }
    }
    if let Some(bytes) = arguments.payload
        && !named.iter().any(|scenario| scenario.cases.iter().any(|case| case.payload_bytes == bytes))
    {
        let sizes = named.iter().flat_map(|scenario| scenario.cases).map(|case| case.payload_bytes.to_string());
        return Err(RunError::Payload { bytes, allowed: joined(sizes) });
    }
    let selected = |subject: &&Subject| {
        arguments.subjects.is_empty() || arguments.subjects.iter().any(|name| name == subject.name)
    };
    let work = named.into_iter().map(|scenario| {
        let cases =
            scenario.cases.iter().filter(|case| arguments.payload.is_none_or(|bytes| bytes == case.payload_bytes));
        let cases = cases.map(|case| Case { messages: arguments.messages.unwrap_or(case.messages), ..*case });
        let with_subjects = cases.map(|case| {
            let does = |subject: &&Subject| subject.scenario == scenario.name && (subject.does)(&case);
            (case, subjects.iter().filter(does).filter(selected).copied().collect())
        });
        let cases = with_subjects.filter(|(_, subjects): &(Case, Vec<Subject>)| !subjects.is_empty()).collect();
        Work { scenario, cases }
    });
    Ok(work.filter(|work| !work.cases.is_empty()).collect())
}

/// The different ones of these, in their order, with commas between them.
fn joined<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let mut joined: Vec<T> = Vec::new();
    for name in names {
        if !joined.iter().any(|one| one.as_ref() == name.as_ref()) {
            joined.push(name);
        }
    }
    joined.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
