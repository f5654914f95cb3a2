//! The scenarios as gungraun counts them: each in a process of its own under callgrind, which counts while `path` runs,
//! and so neither the setup nor the check.
#![allow(unreachable_pub, reason = "gungraun's macros make everything public")]

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use hippodrome_toolkit::router::{Random, RoundRobin};

use crate::ask::Ask;
use crate::batch::InBatches;
use crate::client::{ByHand, Client};
use crate::flood::Flood;
use crate::lane::Lane;
use crate::latest::{Conflated, Taken};
use crate::limits::{self, Limit};
use crate::ping_pong::PingPong;
use crate::port::FromPort;
use crate::router::{ByNumber, Direct, InTurn, LeastLoad, Routed, Spread};
use crate::scenario::{Scenario, UNITS, ready};
use crate::stream::{Fused, Islands};
use crate::supervised::Supervised;
use crate::timers::Timers;
use crate::workers::Workers;
use crate::{behaviours, middleware};

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
#[bench::supervised(args = (), setup = ready::<Supervised<false>>, config = at_most(limits::SUPERVISED))]
#[bench::retried(args = (), setup = ready::<Supervised<true>>, config = at_most(limits::RETRIED))]
#[bench::direct(args = (), setup = ready::<Spread<Direct>>, config = at_most(limits::DIRECT))]
#[bench::routed(args = (), setup = ready::<Spread<Routed<RoundRobin, 1>>>, config = at_most(limits::ROUTED))]
#[bench::in_turn(args = (), setup = ready::<Spread<InTurn>>, config = at_most(limits::IN_TURN))]
#[bench::round_robin(args = (), setup = ready::<Spread<Routed<RoundRobin>>>, config = at_most(limits::ROUND_ROBIN))]
#[bench::random(args = (), setup = ready::<Spread<Routed<Random>>>, config = at_most(limits::RANDOM))]
#[bench::hashing(args = (), setup = ready::<Spread<Routed<ByNumber>>>, config = at_most(limits::HASHING))]
#[bench::least_load(args = (), setup = ready::<LeastLoad>, config = at_most(limits::LEAST_LOAD))]
#[bench::middleware(args = (), setup = ready::<Flood<middleware::Nothing>>, config = at_most(limits::MIDDLEWARE))]
#[bench::deadline(args = (), setup = ready::<Flood<middleware::InTime>>, config = at_most(limits::DEADLINE))]
#[bench::rate_limit(args = (), setup = ready::<Flood<middleware::Limited>>, config = at_most(limits::RATE_LIMIT))]
#[bench::breaker(args = (), setup = ready::<Flood<middleware::Broken>>, config = at_most(limits::BREAKER))]
#[bench::spans(args = (), setup = ready::<Flood<middleware::Traced>>, config = at_most(limits::SPANS))]
#[bench::metrics(args = (), setup = ready::<Flood<middleware::Measured>>, config = at_most(limits::METRICS))]
#[bench::behaviours(args = (), setup = ready::<Flood<behaviours::Changing>>, config = at_most(limits::BEHAVIOURS))]
#[bench::machine(args = (), setup = ready::<Flood<behaviours::Turning>>, config = at_most(limits::MACHINE))]
#[bench::stream_fused(args = (), setup = ready::<Fused>, config = at_most(limits::STREAM_FUSED))]
#[bench::stream_islands(args = (), setup = ready::<Islands>, config = at_most(limits::STREAM_ISLANDS))]
#[bench::by_hand(args = (), setup = ready::<ByHand>, config = at_most(limits::BY_HAND))]
#[bench::client(args = (), setup = ready::<Client>, config = at_most(limits::CLIENT))]
#[bench::latest(args = (), setup = ready::<Taken>, config = at_most(limits::LATEST))]
#[bench::conflated(args = (), setup = ready::<Conflated>, config = at_most(limits::CONFLATED))]
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
