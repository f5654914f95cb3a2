//! How the models are explored: each execution is counted, and each model says how many there were.

use std::sync::atomic::{AtomicU64, Ordering};

/// Runs `body` in every interleaving with at most so many preemptions (all interleavings, if `None`), and prints how
/// many there were. `LOOM_MAX_PREEMPTIONS` takes the place of the bound.
///
/// A preemption is a switch away from a thread that could go on. Every one more takes several times as long with three
/// threads; bugs rarely need more than three.
pub(crate) fn explore(preemptions: Option<usize>, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemptions);
    // Outside the model: it is the same in all executions.
    let executions = std::sync::Arc::new(AtomicU64::new(0));
    builder.check({
        let executions = executions.clone();
        move || {
            executions.fetch_add(1, Ordering::Relaxed);
            body();
        }
    });
    let bound = builder.preemption_bound.map_or("any number of".to_owned(), |bound| format!("at most {bound}"));
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a model");
    println!("explored {name}: {} executions, {bound} preemptions", executions.load(Ordering::Relaxed));
}
