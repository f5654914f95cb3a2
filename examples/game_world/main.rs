//! A world of many entities, each an actor, on the thread of the program's own loop.
//!
//! The engine is hosted: it has no thread of its own, and the loop gives it each frame to run. A tick goes to the world
//! actor, which tells every entity to step, and whom it meets: the one that stepped before it in the same cell of a
//! grid. Entities that meet hand over momentum by messages, and rest a moment by a timer; those that change their cell
//! tell the world. All is whole numbers, so the sum of all momentum must be at the end what it was at the start: a
//! message that were lost or doubled would show.

#![forbid(unsafe_code)]

mod entity;
mod frames;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use hippodrome::config::Config;
use hippodrome::{Engine, Error, Host, ManualClock, On, Report};
use hippodrome_examples::{Latency, thousands};

use crate::frames::{Frames, TICK, TICKS_A_SECOND};
use crate::world::{Census, World, WorldMsg};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a world that has lost something.
const WRONG: u8 = 1;
/// The exit code of a run that could not be made; clap uses it for wrong arguments too.
const FAILED: u8 = 2;
/// More messages than any frame has.
const WHOLE_FRAME: u64 = u64::MAX;

/// Step a world of entities 60 times a second.
///
/// Exits with 0 when the world has kept its momentum and no message was lost, with 1 when not, and with 2 when the run
/// could not be made.
#[derive(Debug, Parser)]
#[command(name = "game_world")]
struct Arguments {
    /// Ticks to run
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    ticks: u32,

    /// Entities in the world
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    entities: u32,

    /// What the world follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Do not wait for the time: each tick is as long as it should be, on a clock that the program moves
    #[arg(long)]
    fast: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(WRONG),
        Err(error) => {
            eprintln!("game_world: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// What the loop has measured.
struct Run {
    frames: Frames,
    elapsed: Duration,
    census: Census,
    report: Report,
    /// Messages handled in the frames.
    handled: u64,
}

/// Makes the run and prints its report; whether the world is as it must be.
fn run(arguments: &Arguments) -> Result<bool, Error> {
    let mut config = Config::default();
    config.workers = vec![hippodrome::config::WorkerConfig::default()];
    config.seed = arguments.seed;
    let builder = Engine::from_config(config);
    let clock = arguments.fast.then(|| Arc::new(ManualClock::default()));
    let builder = match &clock {
        Some(clock) => builder.clock(clock.clone()),
        None => builder,
    };
    let run = play(builder.host()?, clock.as_deref(), arguments)?;
    print(arguments, &run);
    Ok(run.census.is_right() && run.report.dead_letters.total() == 0)
}

/// Populates the world and runs all its frames.
fn play(mut host: Host, clock: Option<&ManualClock>, arguments: &Arguments) -> Result<Run, Error> {
    let handle = host.handle();
    let (entities, seed) = (arguments.entities, arguments.seed);
    let world = handle.spawn(On::Worker(0), move || World::new(entities, seed))?;
    host.poll(WHOLE_FRAME);

    let mut handled = 0;
    let mut frames = Frames::start();
    let started = Instant::now();
    for _ in 0..arguments.ticks {
        match clock {
            Some(clock) => clock.advance(TICK),
            None => frames.wait(),
        }
        let began = Instant::now();
        handle.tell(world, WorldMsg::Tick);
        handled += host.poll(WHOLE_FRAME);
        frames.count(began.elapsed());
    }
    let elapsed = started.elapsed();
    let asked = handle.ask(world, WorldMsg::Count);
    host.poll(WHOLE_FRAME);
    // The answer is there: the host has nothing left to do.
    let census = asked.wait(Duration::ZERO)?;
    let report = host.shutdown(Duration::from_secs(10))?;
    Ok(Run { frames, elapsed, census, report, handled })
}

fn print(arguments: &Arguments, run: &Run) {
    let Run { frames, elapsed, census, report, handled } = run;
    let seconds = elapsed.as_secs_f64();
    let mode = if arguments.fast { "as fast as possible".to_owned() } else { format!("{TICKS_A_SECOND} a second") };
    println!("game world: {} entities, {} ticks, {mode}\n", thousands(arguments.entities.into()), arguments.ticks);
    println!("  ticks/s       {:>14.1}", f64::from(arguments.ticks) / seconds);
    println!("  messages      {:>14}  {} a second", thousands(*handled), thousands((*handled as f64 / seconds) as u64));
    println!("  pushes        {:>14}", thousands(census.totals.pushes_sent));
    println!("  missed ticks  {:>14}", thousands(frames.missed()));
    println!("  dead letters  {:>14}\n", thousands(report.dead_letters.total()));
    println!("{}", Latency::of(frames.work_ns()).named("work a tick"));
    if !arguments.fast {
        println!("{}", Latency::of(frames.drift_ns()).named("drift"));
    }
    println!("\n  state {:016x}", census.totals.fingerprint);
    if census.is_right() {
        println!("  Every push has arrived, and all momentum is still there.");
    } else {
        let Census { totals, momentum_at_start } = census;
        println!("  The momentum at the start was {momentum_at_start:?}; the end is WRONG: {totals:?}");
    }
}
