//! A game server: a world of many entities in regions, each an actor on one of the cores, and players who see what is
//! around them.
//!
//! Regions move their entities 60 times a second, each on a grid of ticks that does not drift. An entity that crosses a
//! border is handed over by a message. A player is an entity with a session: the session looks at all regions that its
//! player sees a part of, each of which tells it once a tick what has changed there. All is whole numbers, so the sum of
//! all momentum must be at the end what it was at the start, and each entity must be there once; what each player sees is
//! compared with a look at all entities. Regions can be made to fail in the middle of a tick: what they hold outlives them.

#![forbid(unsafe_code)]

mod audit;
mod ground;
mod holding;
mod interest;
mod population;
mod region;
mod report;
mod session;
mod world;

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use hippodrome::config::Config;
use hippodrome::{ActorRef, Engine, Handle, ManualClock, On, Report as EngineReport};
use hippodrome_affinity::CoreSet;
use hippodrome_examples::{Format, Home, MAX_DEFAULT_WORKERS, default_workers, parse_cores, pinned_workers};
use parking_lot::Mutex;

use crate::audit::{Momentum, audit};
use crate::ground::REGIONS;
use crate::holding::Holding;
use crate::population::Entity;
use crate::region::{TICK, TICKS_A_SECOND};
use crate::report::Report;
use crate::session::View;
use crate::world::{Plan, World, WorldMsg};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a world that has lost something.
const WRONG: u8 = 1;
/// The exit code of a run that could not be made; clap uses it for wrong arguments too.
const FAILED: u8 = 2;
/// How long the end may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The steps of the engine's time: ticks are no earlier than they are due, and no later than this for its sake.
const TIMER_RESOLUTION_US: u32 = 50;
/// The idle turns before a worker sleeps. Few: a tick is some hundred microseconds away, and the cores have other work.
const SPINS: u32 = 100;
/// How often all regions send what is to be sent, at the end: entities that arrive, the players' places, whom they watch,
/// what they see there, each follow from the one before.
const SETTLING: u32 = 4;

/// Run a world of regions 60 times a second.
///
/// Exits with 0 when each entity is there once, with all momentum, and each player sees what is around it; with 1 when
/// not; and with 2 when the run could not be made.
#[derive(Debug, Parser)]
#[command(name = "game_server")]
struct Arguments {
    /// Ticks to run
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    ticks: u32,

    /// Entities in the world
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    entities: u32,

    /// Entities that are players
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    players: u32,

    /// Regions that fail in the middle of a tick, in the course of the run
    #[arg(long, value_name = "N", default_value_t = 0)]
    kill: u32,

    /// What the world follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Do not wait for the time: one thread runs all workers, each tick at once, always in the same way
    #[arg(long)]
    fast: bool,

    /// Run one worker on each of these cores, such as 0,2-5. By default on all allowed cores, at most 4
    #[arg(long, value_name = "LIST", value_parser = parse_cores, conflicts_with = "fast")]
    cores: Option<CoreSet>,

    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(WRONG),
        Err(error) => {
            eprintln!("game_server: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Makes the run and prints its report; whether the world is as it must be.
fn run(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    if arguments.players > arguments.entities {
        let Arguments { players, entities, .. } = arguments;
        return Err(format!("{players} players: they are entities, of which there are {entities}").into());
    }
    let (plan, momentum) = plan(arguments);
    let views = plan.views.clone();
    let holdings = plan.holdings.clone();
    let mut config = match &arguments.cores {
        Some(cores) => pinned_workers(cores),
        None => default_workers(if arguments.fast { 2 } else { MAX_DEFAULT_WORKERS }),
    };
    config.timer_resolution_us = TIMER_RESOLUTION_US;
    config.defaults.spins = SPINS;
    config.seed = arguments.seed;
    let workers = config.workers.len();
    let (engine, elapsed) = if arguments.fast { run_fast(config, plan)? } else { run_in_time(config, plan)? };

    let views: Vec<View> = views.iter().map(|view| std::mem::take(&mut *view.lock())).collect();
    let audit = audit(&holdings, &views, arguments.entities);
    let report = Report::new(arguments, workers, elapsed, &engine, &audit, momentum);
    match arguments.format {
        Format::Text => report.write_text(arguments.kill, &mut io::stdout())?,
        Format::Json => report.write_json(&mut io::stdout())?,
    }
    Ok(report.is_right(arguments.kill))
}

/// The entities in their regions, the failures in their ticks, and the sum of all momentum.
fn plan(arguments: &Arguments) -> (Plan, Momentum) {
    let mut holdings: Vec<_> = (0..REGIONS).map(Holding::new).collect();
    let mut random = arguments.seed;
    let mut all = Vec::with_capacity(arguments.entities as usize);
    for number in 0..arguments.entities {
        // SplitMix64 (Steele, Lea, Flood 2014).
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (random ^ random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        all.push(Entity::new(number, mixed ^ mixed >> 31));
    }
    for entity in &all {
        holdings[entity.place.region()].people.push(*entity);
    }
    for failure in (0..arguments.kill).rev() {
        // Spread over the run and over the world.
        let tick = u64::from(arguments.ticks) * u64::from(failure) / u64::from(arguments.kill);
        holdings[(failure as usize * 37 + 11) % REGIONS].failures.push(tick as u32);
    }
    let holdings: Vec<_> = holdings.into_iter().map(Home::new).collect();
    let views: Vec<_> = (0..arguments.players).map(|_| Arc::<Mutex<View>>::default()).collect();
    (Plan { holdings: holdings.into(), views: views.into(), ticks: arguments.ticks }, Momentum::of(&all))
}

/// Runs on a thread for each worker, 60 times a second.
fn run_in_time(config: Config, plan: Plan) -> Result<(EngineReport, Duration), Box<dyn std::error::Error>> {
    let time = Duration::from_secs(u64::from(plan.ticks) / TICKS_A_SECOND);
    let engine = Engine::from_config(config).start()?;
    let handle = engine.handle();
    let started = Instant::now();
    let world = handle.spawn(On::Worker(0), move || World::new(plan.clone()))?;
    handle.ask(world, WorldMsg::Finished).wait(2 * time + PATIENCE)?;
    let elapsed = started.elapsed();
    for _ in 0..SETTLING {
        wait_until_quiet(&handle);
        handle.tell(world, WorldMsg::Settle);
    }
    wait_until_quiet(&handle);
    Ok((engine.shutdown(PATIENCE)?, elapsed))
}

/// Waits until nothing has been handled for a while.
fn wait_until_quiet(handle: &Handle) {
    const LOOKS: u32 = 3;
    const PAUSE: Duration = Duration::from_millis(50);
    let mut handled = 0;
    let mut quiet = 0;
    while quiet < LOOKS {
        thread::sleep(PAUSE);
        let now = handle.stats().handled();
        quiet = if now == handled { quiet + 1 } else { 0 };
        handled = now;
    }
}

/// Runs on this thread, with a clock that goes on by a tick when all is done for the last one.
fn run_fast(config: Config, plan: Plan) -> Result<(EngineReport, Duration), Box<dyn std::error::Error>> {
    let ticks = plan.ticks;
    let clock = Arc::new(ManualClock::default());
    let mut host = Engine::from_config(config).clock(clock.clone()).host()?;
    let handle = host.handle();
    let started = Instant::now();
    let world: ActorRef<WorldMsg> = handle.spawn(On::Worker(0), move || World::new(plan.clone()))?;
    let mut finished = handle.ask(world, WorldMsg::Finished);
    let mut run_all = || while host.poll(u64::MAX) > 0 {};
    // A failed region begins anew a little later: some more than the ticks are needed.
    for _ in 0..2 * u64::from(ticks) + 100 {
        run_all();
        clock.advance(TICK);
        if let Poll::Ready(answer) = pin!(&mut finished).poll(&mut Context::from_waker(Waker::noop())) {
            answer?;
            break;
        }
    }
    let elapsed = started.elapsed();
    for _ in 0..SETTLING {
        run_all();
        handle.tell(world, WorldMsg::Settle);
    }
    run_all();
    Ok((host.shutdown(PATIENCE)?, elapsed))
}
