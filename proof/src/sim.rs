//! Simulations: the workload on one thread and in virtual time, with a seed for all that threads would decide.
//!
//! # What
//! Rounds, each a simulated engine of its own with rings, budgets, a workload and faults of its seed: delayed
//! publications, mailboxes that are full early, actors that are stopped or fail between two messages, late timers. After every step, which is one turn of one worker, everything is checked that holds in every
//! state; at rest, and after the end, everything else.
//!
//! # How to use
//! ```text
//! cargo run --release -p proof -- sim --steps 1000000
//! cargo run --release -p proof -- sim --seed 42 --rounds 1 --trace trace.txt
//! ```
//! The last line of the output has the hash of all traces: the same arguments give the same on any machine.

mod round;

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

pub use round::{Ending, Failure, Outcome, Round};

use crate::soak::sabotage;
use crate::workload::{Sabotage, Summary};

/// What is simulated, and how much of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The seed of the first round; each further round takes the next number
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Rounds are begun until there were so many steps
    #[arg(long, default_value_t = 1_000_000)]
    pub steps: u64,
    /// Ends after so many rounds, even if there are steps left
    #[arg(long)]
    pub rounds: Option<u64>,
    /// Checks what holds in every state after every so manyth step
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub check_every: u64,
    /// Plays a defect in each round, to see it found: lose, double, reorder, corrupt or misroute
    #[arg(long, value_parser = sabotage)]
    pub sabotage: Option<Sabotage>,
    /// Writes the trace of all rounds to this file
    #[arg(long)]
    pub trace: Option<PathBuf>,
}

/// Rounds between two lines of output.
const SHOWN_ROUNDS: u64 = 200;

/// Simulates, and prints what was done.
///
/// # Errors
/// At the first promise that is not kept, with the command that repeats the round.
pub fn main(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut totals = Totals::default();
    let mut rounds = 0;
    while totals.steps < arguments.steps && arguments.rounds.is_none_or(|most| rounds < most) {
        let seed = arguments.seed + rounds;
        let trace = arguments
            .trace
            .as_ref()
            .map(|path| File::options().append(rounds > 0).create(true).write(true).truncate(rounds == 0).open(path));
        let writer = trace.transpose()?.map(BufWriter::new);
        match (Round { seed, check_every: arguments.check_every, sabotage: arguments.sabotage }).run(writer) {
            Ok(outcome) => totals.add(&outcome),
            Err(failure) => {
                let repeat = format!("cargo run --release -p proof -- sim --seed {seed} --rounds 1");
                return Err(format!("seed {seed}: {failure}\nto repeat: {repeat}").into());
            }
        }
        rounds += 1;
        if rounds.is_multiple_of(SHOWN_ROUNDS) {
            println!("{rounds} rounds, {} steps, {} checks", totals.steps, totals.checks);
        }
    }
    totals.print(rounds);
    Ok(())
}

/// All rounds together.
#[derive(Debug, Default)]
struct Totals {
    steps: u64,
    checks: u64,
    rests: u64,
    /// By ending.
    endings: [u64; 3],
    injected: [u64; 4],
    summary: Summary,
    hash: u64,
}

impl Totals {
    fn add(&mut self, outcome: &Outcome) {
        self.steps += outcome.steps;
        self.checks += outcome.checks;
        self.rests += outcome.rests;
        self.endings[outcome.ending as usize] += 1;
        let injected = outcome.injected;
        let counts = [injected.delays, injected.refusals, injected.stops, injected.failures];
        self.injected.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        self.summary.add(&outcome.summary);
        self.hash = (self.hash.rotate_left(5) ^ outcome.trace_hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn print(&self, rounds: u64) {
        let [resting, working, aborted] = self.endings;
        let [delays, refusals, stops, failures] = self.injected;
        println!("{rounds} rounds, {} steps, {} checks between steps, {} at rest", self.steps, self.checks, self.rests);
        println!("ended: {resting} at rest, {working} by a shutdown in the middle of the work, {aborted} by an abort");
        println!(
            "faults: {delays} delayed publications, {refusals} mailboxes full early, {stops} stops, {failures} failures"
        );
        println!("{}; {} panics", self.summary, self.summary.panics);
        println!(
            "rescued wake-ups: {}; violations: 0; hash of all traces: {:016x}",
            self.summary.rescued_wakeups, self.hash
        );
    }
}
