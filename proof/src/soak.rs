//! The soak: the workload on real threads, for as long as one likes.
//!
//! # What
//! Rounds over every wait strategy and several numbers of workers, more than there are cores among them. Each round is an
//! engine of its own, with rings and budgets of its seed, and a workload that threads outside feed by handles, by ports
//! and with asks. All checks are made again and again; between them a round comes to rest, so that nothing may be missing.
//! A round ends at rest, in the middle of its work, or by an abort, and everything must be accounted for then too.
//!
//! # How it works
//! Nothing accumulates: an engine and its ledger go with the round, and within a round, what has gone is forgotten
//! whenever the round is at rest. So what the process needs at most in the first half of the rounds is about what it ever
//! needs, and more is a leak.
//!
//! # How to use
//! ```text
//! cargo run --release -p proof -- soak
//! cargo run --release -p proof -- soak --minutes 600 --workers 2,16 --strategies spin-then-park
//! ```

mod round;
mod table;

use std::fmt;
use std::time::{Duration, Instant};

use hippodrome::WaitStrategy;

use crate::memory::resident_bytes;
use crate::workload::Sabotage;

pub use round::{Ending, Failure, Outcome, Round};
use table::Totals;

/// What is soaked, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// For how many seconds
    #[arg(long, default_value_t = 60, conflicts_with = "minutes")]
    pub seconds: u64,
    /// For how many minutes instead
    #[arg(long)]
    pub minutes: Option<u64>,
    /// Where the randomness of the first round starts from; each further round takes the next number
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The numbers of workers, by turns
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: Vec<u16>,
    /// The wait strategies, by turns: busy-spin, spin-then-yield, spin-then-park, or all
    #[arg(long, value_delimiter = ',', default_value = "all", value_parser = strategies)]
    pub strategies: Vec<Strategies>,
    /// Ends after so many rounds, even if there is time left
    #[arg(long)]
    pub rounds: Option<u64>,
    /// Plays a defect in each round, to see it found: lose, double, reorder, corrupt or misroute
    #[arg(long, value_parser = sabotage)]
    pub sabotage: Option<Sabotage>,
}

/// One wait strategy, or all of them.
#[derive(Clone, Debug)]
pub struct Strategies(Vec<WaitStrategy>);

const ALL: [WaitStrategy; 3] = [WaitStrategy::BusySpin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark];

fn strategies(name: &str) -> Result<Strategies, String> {
    if name == "all" {
        return Ok(Strategies(ALL.to_vec()));
    }
    name.parse().map(|strategy| Strategies(vec![strategy])).map_err(|error| format!("{error}, or all"))
}

pub(crate) fn sabotage(name: &str) -> Result<Sabotage, String> {
    let found = Sabotage::ALL.into_iter().find(|sabotage| format!("{sabotage:?}").eq_ignore_ascii_case(name));
    found.ok_or_else(|| "allowed is lose, double, reorder, corrupt or misroute".to_owned())
}

/// The longest that a round lasts: so that hours have many.
const ROUND_LONGEST: Duration = Duration::from_secs(5);

/// How many cycles of rounds there are at least, if there is time.
const CYCLES: u32 = 4;

/// How much more memory in the second half of the rounds than in the first is no leak yet: the rounds' seeds differ, and
/// so does what an allocator keeps. However long a soak is, the limit is the same.
const GROWTH_LIMIT_BYTES: u64 = 32 << 20;

/// Soaks, and prints a line for each round and a table.
///
/// # Errors
/// At the first promise that is not kept, with the command that repeats the round.
pub fn main(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let length = Duration::from_secs(arguments.minutes.map_or(arguments.seconds, |minutes| 60 * minutes));
    let mut strategies: Vec<_> = arguments.strategies.iter().flat_map(|each| each.0.clone()).collect();
    strategies.dedup();
    let settings: Vec<_> = strategies
        .iter()
        .flat_map(|wait| arguments.workers.iter().map(|workers| (*wait, usize::from(*workers))))
        .collect();
    let slice = (length / CYCLES / settings.len() as u32).min(ROUND_LONGEST);
    let (begun, mut totals) = (Instant::now(), Totals::default());
    println!("{}", table::HEAD);
    for (number, (wait, workers)) in (0_u64..).zip(settings.iter().cycle()) {
        let is_over = begun.elapsed() >= length && number > 0;
        if is_over || arguments.rounds.is_some_and(|rounds| number >= rounds) {
            break;
        }
        let round = Round {
            seed: arguments.seed + number,
            wait: *wait,
            workers: *workers,
            length: slice,
            sabotage: arguments.sabotage,
            patience: round::PATIENCE,
        };
        let before = resident_bytes();
        let outcome = round.run();
        let after = resident_bytes();
        match &outcome {
            Ok(outcome) => println!("{}", table::line(&round, outcome, (before, after))),
            Err(failure) => println!("{}", repeat(&round, failure)),
        }
        totals.add(outcome, after);
        if totals.has_failed() {
            break;
        }
    }
    println!("\n{totals}");
    totals.judge(settings.len(), GROWTH_LIMIT_BYTES).map_err(Into::into)
}

/// The failure of a round, and how to repeat it.
fn repeat(round: &Round, failure: &Failure) -> impl fmt::Display {
    let Round { seed, wait, workers, length, .. } = round;
    let seconds = length.as_secs().max(1);
    format!(
        "seed {seed}, {wait}, {workers} workers: {failure}\nto repeat: cargo run --release -p proof -- soak --seed {seed} \
         --strategies {wait} --workers {workers} --rounds 1 --seconds {}",
        seconds * u64::from(CYCLES)
    )
}
