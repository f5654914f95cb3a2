//! Instructions of the message path, counted under valgrind by gungraun and held against committed limits.
//!
//! A time depends on the machine and on what else runs on it; a count of instructions hardly does, so it can be
//! checked anywhere. It tells nothing of cache misses and of waiting for other cores: for those there is the measuring
//! program.
//!
//! Each scenario is a program on one thread which does the same in each run. It warms up, then a hundred thousand units
//! of its work are counted, then its result is checked.
//!
//! ```text
//! cargo bench -p hippodrome-benches --features instructions --bench instructions
//! ```
//!
//! prints the table; it needs valgrind and gungraun-runner, as the README says. Without `--bench`, which cargo adds, or
//! with `--test`, each scenario runs once, without them, and nothing is counted.

mod ask;
mod batch;
mod behaviours;
mod client;
mod counted;
mod flood;
mod lane;
mod latest;
mod limits;
mod middleware;
mod ping_pong;
mod port;
mod router;
mod scenario;
mod stream;
mod supervised;
mod table;
mod timers;
mod workers;

use std::env;
use std::process::ExitCode;

use hippodrome_toolkit::router::{Random, RoundRobin};
use scenario::{Scenario, UNITS, ready};

fn main() -> ExitCode {
    let has = |wanted: &str| env::args().any(|argument| argument == wanted);
    if table::is_gungraun() || has("--gungraun-run") {
        counted::run();
        return ExitCode::SUCCESS;
    }
    if has("--bench") && !has("--test") {
        return table::print().unwrap_or_else(|error| {
            eprintln!("error: the instructions cannot be counted: {error}");
            ExitCode::FAILURE
        });
    }
    try_out::<flood::Flood>("flood");
    try_out::<ping_pong::PingPong>("ping_pong");
    try_out::<lane::Lane>("lane");
    try_out::<port::FromPort>("port");
    try_out::<workers::Workers>("workers");
    try_out::<ask::Ask>("ask");
    try_out::<timers::Timers>("timers");
    try_out::<batch::InBatches>("batch");
    try_out::<supervised::Supervised<false>>("supervised");
    try_out::<supervised::Supervised<true>>("retried");
    try_out::<router::Spread<router::Direct>>("direct");
    try_out::<router::Spread<router::Routed<RoundRobin, 1>>>("routed");
    try_out::<router::Spread<router::InTurn>>("in_turn");
    try_out::<router::Spread<router::Routed<RoundRobin>>>("round_robin");
    try_out::<router::Spread<router::Routed<Random>>>("random");
    try_out::<router::Spread<router::Routed<router::ByNumber>>>("hashing");
    try_out::<router::LeastLoad>("least_load");
    try_out::<flood::Flood<middleware::Nothing>>("middleware");
    try_out::<flood::Flood<middleware::InTime>>("deadline");
    try_out::<flood::Flood<middleware::Limited>>("rate_limit");
    try_out::<flood::Flood<middleware::Broken>>("breaker");
    try_out::<flood::Flood<middleware::Traced>>("spans");
    try_out::<flood::Flood<middleware::Measured>>("metrics");
    try_out::<flood::Flood<behaviours::Changing>>("behaviours");
    try_out::<flood::Flood<behaviours::Turning>>("machine");
    try_out::<client::ByHand>("by_hand");
    try_out::<client::Client>("client");
    try_out::<latest::Taken>("latest");
    try_out::<latest::Conflated>("conflated");
    ExitCode::SUCCESS
}

fn try_out<S: Scenario>(name: &str) {
    let mut scenario: S = ready();
    scenario.run(UNITS);
    scenario.check();
    println!("{name}: its result is right");
}
