//! A ball between two actors on two cores: how long a message takes there and back.
//!
//! One ball is in play, so nothing is batched and nothing waits: each round trip is two messages, each of which has to
//! find the other worker looking. The first tenth of the rounds warms up and is not counted.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use hippodrome::config::Config;
use hippodrome::{Actor, ActorRef, Context, Engine, Error, On, Reply};
use hippodrome_affinity::CoreSet;
use hippodrome_examples::{Latency, default_workers, parse_cores, pinned_workers, thousands};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a run that could not be made; clap uses it for wrong arguments too.
const FAILED: u8 = 2;
/// What a round may take at the most before the run is given up, on average; far more than on a single shared core.
const PATIENCE_A_ROUND: Duration = Duration::from_millis(1);
/// The longest round trip that is told apart from longer ones.
const MAX_ROUND_NS: u64 = 60_000_000_000;

/// Send a ball to and fro between two actors on two cores.
///
/// Exits with 0, or with 2 when the run could not be made.
#[derive(Debug, Parser)]
#[command(name = "ping_pong")]
struct Arguments {
    /// Round trips to measure
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000_000),
    )]
    rounds: u32,

    /// The two cores, such as 0,1
    #[arg(long, value_name = "A,B", value_parser = parse_two_cores)]
    cores: Option<CoreSet>,
}

/// Two cores, no fewer and no more.
fn parse_two_cores(text: &str) -> Result<CoreSet, String> {
    let cores = parse_cores(text).map_err(|error| error.to_string())?;
    if cores.len() == 2 { Ok(cores) } else { Err(format!("the list names {} cores, and 2 are needed", cores.len())) }
}

/// Serves the ball, and measures each round trip.
struct Ping {
    pong: ActorRef<Ball>,
    match_on: Option<Match>,
}

/// The rounds that are being played.
struct Match {
    reply: Reply<Score>,
    warm_up: u32,
    left: u32,
    round_ns: Histogram<u64>,
    started: Instant,
    served: Instant,
}

/// What a match came to.
struct Score {
    round_ns: Histogram<u64>,
    elapsed: Duration,
}

enum Play {
    /// Play so many rounds, after so many to warm up.
    Serve { warm_up: u32, rounds: u32, reply: Reply<Score> },
    /// The ball is back.
    Return,
}

/// The ball on its way to the other side, with where it comes from.
struct Ball(ActorRef<Play>);

impl Actor for Ping {
    type Msg = Play;

    fn handle(&mut self, msg: Play, ctx: &mut Context<'_, Play>) {
        match msg {
            Play::Serve { warm_up, rounds, reply } => {
                let round_ns = Histogram::new_with_max(MAX_ROUND_NS, 3).expect("the bounds are constants it allows");
                let now = Instant::now();
                self.match_on = Some(Match { reply, warm_up, left: rounds, round_ns, started: now, served: now });
            }
            Play::Return => self.count(ctx),
        }
        if self.match_on.is_some() {
            ctx.tell(self.pong, Ball(ctx.me()));
        }
    }
}

impl Ping {
    /// Counts a round, and ends the match after the last one.
    fn count(&mut self, ctx: &mut Context<'_, Play>) {
        let Some(current) = &mut self.match_on else { return };
        // One reading of the clock a round: the end of one is the start of the next.
        let now = Instant::now();
        if current.warm_up > 0 {
            current.warm_up -= 1;
            current.started = now;
        } else {
            current.round_ns.saturating_record(now.duration_since(current.served).as_nanos() as u64);
            current.left -= 1;
        }
        current.served = now;
        if current.left == 0
            && let Some(Match { reply, round_ns, started, .. }) = self.match_on.take()
        {
            reply.send(ctx, Score { round_ns, elapsed: now.duration_since(started) });
        }
    }
}

/// Sends the ball back.
struct Pong;

impl Actor for Pong {
    type Msg = Ball;

    fn handle(&mut self, Ball(ping): Ball, ctx: &mut Context<'_, Ball>) {
        ctx.tell(ping, Play::Return);
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = arguments.cores.as_ref().map_or_else(|| default_workers(2), pinned_workers);
    match play(config, arguments.rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ping_pong: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Plays the match and prints its score.
fn play(config: Config, rounds: u32) -> Result<(), Error> {
    let engine = Engine::from_config(config).start()?;
    let handle = engine.handle();
    let pong = handle.spawn(On::Worker(1), || Pong)?;
    let ping = handle.spawn(On::Worker(0), move || Ping { pong, match_on: None })?;
    let warm_up = rounds / 10;
    let patience = Duration::from_secs(60) + PATIENCE_A_ROUND * (warm_up + rounds);
    let Score { round_ns, elapsed } =
        handle.ask(ping, |reply| Play::Serve { warm_up, rounds, reply }).wait(patience)?;
    let places: Vec<String> =
        handle.cores().iter().map(|core| core.map_or("any".to_owned(), |core| core.to_string())).collect();
    let report = engine.shutdown(Duration::from_secs(5))?;

    println!("ping-pong: {} rounds between cores {}\n", thousands(round_ns.len()), places.join(" and "));
    let messages_a_second = 2.0 * round_ns.len() as f64 / elapsed.as_secs_f64();
    println!("  msgs/s       {:>10}", thousands(messages_a_second as u64));
    println!("  dead letters {:>10}\n", thousands(report.dead_letters.total()));
    println!("{}", Latency::of(&round_ns).named("round trip"));
    Ok(())
}
