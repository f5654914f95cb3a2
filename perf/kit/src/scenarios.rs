//! The scenarios, one a file, and the programs of those that consist of actors: the same roles for every platform.

pub mod ask;
pub mod cross_flood;
pub mod cross_ping_pong;
pub mod fan_in;
pub mod fan_out;
pub mod local_flood;
pub mod local_ping_pong;
pub mod many_actors;
pub mod oversubscribed;
pub mod savina;
pub mod spawn;
pub mod thread_ring;
pub mod threads;
pub mod timers;
mod timings;
pub mod wake_up;

use crate::platform::Platform;
use crate::scenario::{Scenario, Subject};

/// All scenarios, in the order in which they are run.
pub static SCENARIOS: &[&Scenario] = &[
    &local_flood::SCENARIO,
    &local_ping_pong::SCENARIO,
    &thread_ring::SCENARIO,
    &many_actors::SCENARIO,
    &cross_flood::SCENARIO,
    &cross_ping_pong::SCENARIO,
    &fan_in::SCENARIO,
    &fan_out::SCENARIO,
    &ask::SCENARIO,
    &spawn::SCENARIO,
    &timers::SCENARIO,
    &wake_up::SCENARIO,
    &oversubscribed::SCENARIO,
    &savina::ping_pong::SCENARIO,
    &savina::count::SCENARIO,
    &savina::fork_join_throughput::SCENARIO,
    &savina::fork_join_create::SCENARIO,
    &savina::thread_ring::SCENARIO,
    &savina::chameneos::SCENARIO,
    &savina::big::SCENARIO,
    &savina::fib::SCENARIO,
    &savina::dictionary::SCENARIO,
    &savina::sorted_list::SCENARIO,
    &savina::bounded_buffer::SCENARIO,
    &savina::philosophers::SCENARIO,
    &savina::sleeping_barber::SCENARIO,
    &savina::cigarette_smokers::SCENARIO,
    &savina::logistic_map::SCENARIO,
    &savina::banking::SCENARIO,
];

/// The programs, done by the platform of this name.
#[must_use]
pub fn programs<P: Platform>(name: &'static str) -> Vec<Subject> {
    let mut programs = vec![
        Subject::new("local_flood", name, local_flood::run::<P>),
        Subject::new("local_ping_pong", name, local_ping_pong::run::<P>),
        Subject::new("thread_ring", name, thread_ring::run::<P>),
        Subject::new("many_actors", name, many_actors::run::<P>),
        Subject::new("cross_flood", name, cross_flood::run::<cross_flood::Actors<P>>).via("actors"),
        Subject::new("cross_ping_pong", name, cross_ping_pong::run::<P>),
        Subject::new("fan_in", name, fan_in::run::<P>).via("actors"),
        Subject::new("fan_out", name, fan_out::run::<P>),
    ];
    programs.extend(savina::programs::<P>(name));
    programs
}

/// What the machine itself takes: the least that anybody can do.
#[must_use]
pub fn baselines() -> Vec<Subject> {
    vec![
        cross_ping_pong::TWO_WORDS,
        #[cfg(target_os = "linux")]
        wake_up::FUTEX,
    ]
}
