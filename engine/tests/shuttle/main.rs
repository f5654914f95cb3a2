//! The whole engine under a scheduler: workers, ports, handles and those who end it are threads of shuttle's, of which
//! one runs at a time, and which one is decided anew wherever they touch what they share. After each execution the promises
//! must hold. Needs `RUSTFLAGS='--cfg shuttle'`.
//!
//! `HIPPODROME_EXECUTIONS` and `HIPPODROME_SEED` set how many schedules each scheduler tries, and which. A schedule that
//! fails is kept in a file, whose name is printed; `HIPPODROME_REPLAY` names one to run it again, with the test's name.
#![cfg(shuttle)]

mod ledger;
mod models;
mod mutants;

use std::env;
use std::path::PathBuf;
use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

/// Schedules that each scheduler tries.
const EXECUTIONS: usize = 1000;

/// How often the second scheduler changes its mind about who is the most important.
const DEPTH: usize = 4;

/// More steps than any model needs, many times over: who takes them waits for something that does not come.
const STEPS_MAX: usize = 300_000;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable} = {text:?}: {error}")))
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 1 << 19;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true;
    config.failure_persistence = match env::var(hippodrome_ringbuf::scheduled::MUTANT) {
        Ok(_) => FailurePersistence::None,
        Err(_) => FailurePersistence::File(Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")))),
    };
    config
}

fn run(scheduler: impl Scheduler + 'static, model: fn()) -> usize {
    Runner::new(scheduler, config()).run(model)
}

/// Runs a model under schedules at random, then under such as keep priorities and change them a few times.
fn explore(name: &str, model: fn()) {
    if let Ok(path) = env::var("HIPPODROME_REPLAY") {
        let schedule = ReplayScheduler::new_from_file(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        run(schedule, model);
        return;
    }
    let executions = number("HIPPODROME_EXECUTIONS").map_or(EXECUTIONS, |number| number as usize);
    let seed = number("HIPPODROME_SEED").unwrap_or(1);
    let begun = Instant::now();
    let random = run(RandomScheduler::new_from_seed(seed, executions), model);
    let priorities = run(PctScheduler::new_from_seed(seed, DEPTH, executions), model);
    println!(
        "{name}: {random} executions at random, {priorities} by priorities of depth {DEPTH}, seed {seed}, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
}
