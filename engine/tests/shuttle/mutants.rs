//! The proof that the models can fail: each write to what threads share, and each wake-up, is left out in turn, and a
//! model must notice. What none of them notices is listed here, with the reason.
//!
//! Structure was taken out by hand as well. Noticed: a park without the second look, a lane's end, a lane's or an ingress's
//! message or an order that does not ring, draining that does not wait for what is on the way out, an end that does not
//! wait until all have dropped what they did not read. Not noticed yet: draining that looks at the workers once instead
//! of twice, that does not wait for lanes, the ingress or orders, or for all workers to have reached it; dropping before
//! all have stopped handling. A turn takes all that up before it tells that it is quiet, so that it would need rarer schedules.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hippodrome_ringbuf::scheduled::{self, MUTANT};

use crate::models;

/// Schedules of each kind that a mutant is tried with.
const EXECUTIONS: usize = 500;

/// A mutant that takes so long has been noticed: the engine does not go on.
const HANG: Duration = Duration::from_secs(60);

/// How a model took a mutant.
#[derive(PartialEq)]
enum Outcome {
    Passed,
    Failed,
    Hung,
}

/// Runs one model in a process of its own: what a mutant breaks may be memory.
fn outcome(model: &str, site: &str) -> Outcome {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", &format!("models::{model}")]).env(MUTANT, site);
    command.env("HIPPODROME_EXECUTIONS", EXECUTIONS.to_string()).env_remove("HIPPODROME_REPLAY");
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("this program runs");
    watch(child)
}

fn watch(mut child: Child) -> Outcome {
    let begun = Instant::now();
    loop {
        match child.try_wait().expect("the child is ours") {
            Some(status) if status.success() => return Outcome::Passed,
            Some(_) => return Outcome::Failed,
            None if begun.elapsed() > HANG => {
                child.kill().expect("the child is ours");
                child.wait().expect("the child is ours");
                return Outcome::Hung;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// The line of the source that a site is in.
fn source(site: &str) -> String {
    let (file, line) = site.rsplit_once(':').expect("a site is a file and a line");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let line: usize = line.parse().expect("a line is a number");
    text.lines().nth(line - 1).expect("the line is there").trim().to_owned()
}

/// Sites that no model notices: a file, what the line says, and why.
const SURVIVORS: [(&str, &str, &str); 5] = [
    ("engine/src/running.rs", "self.type_index.store", "only the watchdog reads it, which needs time to pass"),
    ("engine/src/start.rs", "NEXT.fetch_update", "a number that two engines would share, and no model has two"),
    ("engine/src/stats.rs", "stats.pulse.store", "as above"),
    ("ringbuf/src/doorbell.rs", "self.sources[word as usize].swap", "a source that is heard again is found empty"),
    ("ringbuf/src/oneshot/state.rs", "fetch_sub(REGISTERED", "memory that is not recycled, which loom's models find"),
];

fn reason(site: &str) -> Option<&'static str> {
    let file = site.rsplit_once(':').map_or(site, |(file, _)| file);
    let source = source(site);
    let listed = SURVIVORS.iter().find(|(path, text, _)| *path == file && source.contains(text));
    listed.map(|(_, _, why)| *why)
}

#[test]
fn each_write_matters() {
    if std::env::var_os("HIPPODROME_REPLAY").is_some() {
        return;
    }
    models::ALL.iter().for_each(|(name, model)| crate::explore(name, *model));
    let (mut killed, mut unexplained) = (0, Vec::new());
    let sites = scheduled::sites();
    for (site, what) in &sites {
        let killer = models::ALL.iter().find(|(model, _)| outcome(model, site) != Outcome::Passed);
        match (killer, reason(site)) {
            (Some((model, _)), _) => {
                killed += 1;
                println!("{site} {what}: killed by {model}");
            }
            (None, Some(why)) => println!("{site} {what}: survives: {why}"),
            (None, None) => {
                println!("{site} {what}: SURVIVES: {}", source(site));
                unexplained.push(site);
            }
        }
    }
    println!("{} sites, {killed} killed, {} unexplained", sites.len(), unexplained.len());
    assert!(unexplained.is_empty(), "no model notices: {unexplained:?}");
}
