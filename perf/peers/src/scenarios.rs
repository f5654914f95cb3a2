//! The scenarios, one a file.

mod cross_flood;
mod cross_ping_pong;
mod local_flood;
mod local_ping_pong;
mod many_actors;
mod spawn;

use hippodrome::{Builder, Config, Engine, Host, WaitStrategy};

use crate::scenario::Scenario;

/// All scenarios, in the order in which they are run.
pub(crate) static SCENARIOS: &[&Scenario] = &[
    &local_flood::SCENARIO,
    &local_ping_pong::SCENARIO,
    &many_actors::SCENARIO,
    &cross_flood::SCENARIO,
    &cross_ping_pong::SCENARIO,
    &spawn::SCENARIO,
];

/// An engine with one worker, for the calling thread's own loop.
fn on_one_thread() -> Builder {
    Engine::builder().unpinned_workers(1)
}

/// Runs everything that a sample counts. It has a name of its own for tools that count instructions.
#[inline(never)]
fn run(host: &mut Host) {
    host.poll(u64::MAX);
}

/// An engine with a pinned worker on each of these cores, which never lets go of it.
fn on_cores(cores: impl IntoIterator<Item = hippodrome_affinity::CoreId>) -> Builder {
    Engine::builder().workers(cores.into_iter().map(|core| core.get())).wait(WaitStrategy::BusySpin)
}

/// Nothing but what is measured: the workers' stalls are part of some scenarios.
fn without_stall_reports(config: &mut Config) {
    config.stall_threshold_ms = 60_000;
}
