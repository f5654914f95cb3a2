//! The scenarios as gungraun counts them: each in a process of its own under callgrind, which counts while `path` runs,
//! and so neither the setup nor the check.
#![allow(unreachable_pub, reason = "gungraun's macros make everything public")]

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};

use crate::ask::Ask;
use crate::batch::InBatches;
use crate::flood::Flood;
use crate::lane::Lane;
use crate::limits::{self, Limit};
use crate::ping_pong::PingPong;
use crate::port::FromPort;
use crate::scenario::{Scenario, UNITS, ready};
use crate::timers::Timers;
use crate::workers::Workers;

/// Counts instructions alone, and fails above the limit.
fn at_most(limit: Limit) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
    callgrind.hard_limits([(EventKind::Ir, limit.total())]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

#[library_benchmark(teardown = Scenario::check)]
#[bench::flood(args = (), setup = ready::<Flood>, config = at_most(limits::FLOOD))]
#[bench::ping_pong(args = (), setup = ready::<PingPong>, config = at_most(limits::PING_PONG))]
#[bench::lane(args = (), setup = ready::<Lane>, config = at_most(limits::LANE))]
#[bench::port(args = (), setup = ready::<FromPort>, config = at_most(limits::PORT))]
#[bench::workers(args = (), setup = ready::<Workers>, config = at_most(limits::WORKERS))]
#[bench::ask(args = (), setup = ready::<Ask>, config = at_most(limits::ASK))]
#[bench::timers(args = (), setup = ready::<Timers>, config = at_most(limits::TIMERS))]
#[bench::batch(args = (), setup = ready::<InBatches>, config = at_most(limits::BATCH))]
fn path<S: Scenario>(mut scenario: S) -> S {
    scenario.run(UNITS);
    scenario
}

library_benchmark_group!(name = paths, benchmarks = path);
main!(library_benchmark_groups = paths);

/// Gungraun's own main: gives the list above to the runner, or is what the runner has called.
pub(crate) fn run() {
    main();
}
