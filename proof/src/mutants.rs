//! `proof mutants`: shows that the models of the rings fail when anything in the rings is weaker than it is.
//!
//! The models are built once. A first run of each writes down the sites that it comes by: the places of atomic
//! operations and fences in the source. A mutant is a site and a change that makes it weaker. Each mutant runs the
//! models that come by its site, the quickest first, until one fails: then the mutant is *killed*. One that all models
//! survive is a defect of the models or of the rings, unless [`equivalent`] says why nobody can tell it from the
//! original. A fence that several rings share has to be missed by the models of each.

mod change;
mod equivalent;
mod killer;
mod models;
mod report;
mod site;
mod source;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use change::{Change, changes};
use killer::Killer;
use models::{Model, Models};
use site::Site;
use source::Sources;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only the mutants whose line contains this
    #[arg(long, default_value = "")]
    filter: String,
    /// How many models run at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Print the models with their bounds and executions, the sites and the mutants, and run none of these
    #[arg(long)]
    list: bool,
    /// Print the models with their bounds and executions, and run no mutant
    #[arg(long)]
    models: bool,
    /// Leave out the mutants that are listed as equivalent: they run all models, which takes most of the time
    #[arg(long)]
    without_equivalent: bool,
    /// Only every M-th mutant, from the N-th on: `--sample 3/8`
    #[arg(long, value_parser = Sample::parse, value_name = "N/M")]
    sample: Option<Sample>,
}

/// Every `every`-th mutant from the `from`-th on.
#[derive(Clone, Copy, Debug)]
struct Sample {
    from: usize,
    every: usize,
}

impl Sample {
    fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(from, every)| Some((from.parse().ok()?, every.parse().ok()?)));
        match parsed {
            Some((from, every)) if from < every => Ok(Self { from, every }),
            _ => Err(format!("{text} is not N/M with N below M")),
        }
    }
}

/// What went wrong with the run itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{what}: {error}")]
    Io { what: String, error: std::io::Error },
    #[error("the models do not build")]
    Build,
    #[error("{model} fails without any mutant:\n{output}")]
    Model { model: String, output: String },
    #[error("the line of a site is not understood: {line}")]
    Site { line: String },
}

impl Failure {
    /// Says what was being done when an operation of the system failed.
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |error| Self::Io { what, error }
    }
}

/// A site and what is to be changed there.
#[derive(Debug)]
struct Mutant {
    site: Site,
    /// The place in the source, for people.
    place: source::Place,
    change: Change,
    /// The models that come by the site, the quickest first.
    models: Vec<usize>,
}

/// Runs the command.
pub(crate) fn main(arguments: &Arguments) -> ExitCode {
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("proof mutants: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything held.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let began = Instant::now();
    let models = Models::build()?;
    let surveyed = each(arguments.jobs, models.names(), |name| models.survey(name));
    let surveyed = surveyed.into_iter().collect::<Result<Vec<_>, _>>()?;
    report::models(&surveyed);
    if arguments.models {
        return Ok(true);
    }
    let sources = Sources::read()?;
    let sites = sites(&surveyed);
    let problems = problems(&sources, &sites);
    let mutants = mutants(arguments, &sources, &sites, &surveyed);
    if arguments.list {
        report::list(&sites, &mutants);
        problems.iter().for_each(|problem| println!("{problem}"));
        return Ok(problems.is_empty());
    }
    let outcomes = each(arguments.jobs, &mutants, |mutant| {
        let killer = Killer { models: &models, surveyed: &surveyed };
        let outcome = killer.attack(mutant);
        report::mutant(mutant, &outcome);
        outcome
    });
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(report::totals(&sites, &mutants, &outcomes, &problems, began.elapsed()))
}

/// Which models come by each site.
fn sites(surveyed: &[Model]) -> BTreeMap<Site, Vec<usize>> {
    let mut sites: BTreeMap<Site, Vec<usize>> = BTreeMap::new();
    for (index, model) in surveyed.iter().enumerate() {
        for site in &model.sites {
            sites.entry(site.clone()).or_default().push(index);
        }
    }
    for models in sites.values_mut() {
        models.sort_by_key(|&index| surveyed[index].time);
    }
    sites
}

/// What in the source no model comes by, what the source does not show, and entries of [`equivalent`] for code that is
/// not there any more.
fn problems(sources: &Sources, sites: &BTreeMap<Site, Vec<usize>>) -> Vec<String> {
    let mut problems = Vec::new();
    for (place, operation) in sources.operations() {
        if !sites.keys().any(|site| place.is_of(site)) {
            problems.push(format!("NEVER REACHED  {operation}"));
        }
    }
    for site in sites.keys() {
        if !sources.operations().any(|(place, _)| place.is_of(site)) {
            problems.push(format!("NOT IN THE SOURCE  {site}"));
        }
    }
    for entry in equivalent::EQUIVALENT {
        let known = sites.keys().filter_map(|site| sources.place(site)).any(|place| entry.is_at(&place));
        if !known {
            problems.push(format!("STALE  no such line for the equivalent mutants of {}: {}", entry.file, entry.code));
        }
    }
    problems
}

fn mutants(
    arguments: &Arguments,
    sources: &Sources,
    sites: &BTreeMap<Site, Vec<usize>>,
    surveyed: &[Model],
) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (site, models) in sites {
        let Some(place) = sources.place(site) else { continue };
        for change in changes(site) {
            mutants.push(Mutant { site: site.clone(), place: place.clone(), change, models: models.clone() });
        }
    }
    mutants.retain(|mutant| {
        let line = mutant.to_string();
        line.contains(&arguments.filter) || mutant.models.iter().any(|&model| surveyed[model].name == arguments.filter)
    });
    if arguments.without_equivalent {
        mutants.retain(|mutant| equivalent::reason(&mutant.place, &mutant.change).is_none());
    }
    if let Some(Sample { from, every }) = arguments.sample {
        mutants = mutants.into_iter().skip(from).step_by(every).collect();
    }
    mutants
}

impl std::fmt::Display for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}  {}", self.place, self.change)
    }
}

/// Does something with each item, on so many threads, and gives the results in the items' order.
fn each<'a, T: Sync, R: Send>(jobs: usize, items: &'a [T], act: impl Fn(&'a T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    *results[index].lock().expect("no other thread writes this result") = Some(act(item));
                }
            });
        }
    });
    let taken = results.into_iter().map(|result| result.into_inner().expect("as above").expect("each item was done"));
    taken.collect()
}

/// How long a model may take under a mutant that takes `time` without one: a mutant can make for many more executions.
fn patience(time: Duration) -> Duration {
    Duration::from_secs(10) + 10 * time
}
