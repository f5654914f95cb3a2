//! What the soak prints.

use std::fmt;

use hippodrome::DeadLetterReason;

use super::round::{Failure, Outcome, Round};
use crate::memory::mib;
use crate::workload::{Summary, Violation, Violations};

/// The head of the lines.
pub(super) const HEAD: &str = "  seed strategy        workers bursts   messages    handled       dead    refused   pairs \
                               actors restarts    asks  rescued   MiB before  MiB after  ended";

/// The line of a round that went well.
pub(super) fn line(round: &Round, outcome: &Outcome, resident: (Option<u64>, Option<u64>)) -> String {
    let Summary { messages, handled, dead, refused, pairs, actors, restarts, asks_answered, .. } = outcome.summary;
    format!(
        "{:>6} {:<15} {:>7} {:>6} {messages:>10} {handled:>10} {dead:>10} {refused:>10} {pairs:>7} {actors:>6} {restarts:>8} \
         {asks_answered:>7} {:>8} {:>12} {:>10}  {:?}",
        round.seed,
        round.wait.name(),
        round.workers,
        outcome.bursts,
        outcome.rescued(),
        mib(resident.0),
        mib(resident.1),
        outcome.ending
    )
}

/// What came of all rounds.
#[derive(Debug, Default)]
pub(super) struct Totals {
    rounds: u64,
    sum: Summary,
    dead_letters: [u64; DeadLetterReason::ALL.len()],
    wrong: Wrong,
    failure: Option<Failure>,
    /// The resident memory after each round.
    resident: Vec<u64>,
}

/// Violations by what they are.
#[derive(Debug, Default)]
struct Wrong {
    lost: u64,
    doubled: u64,
    reordered: u64,
    corrupted: u64,
    misrouted: u64,
    other: u64,
}

impl Wrong {
    fn count(&mut self, violations: &Violations) {
        for violation in violations.iter() {
            match violation {
                Violation::Lost { count, .. } => self.lost += count,
                Violation::Doubled { .. } => self.doubled += 1,
                Violation::Reordered { .. } => self.reordered += 1,
                Violation::Corrupted { .. } => self.corrupted += 1,
                Violation::Misrouted { .. } => self.misrouted += 1,
                _ => self.other += 1,
            }
        }
    }
}

impl Totals {
    pub(super) fn add(&mut self, outcome: Result<Outcome, Failure>, resident: Option<u64>) {
        self.rounds += 1;
        self.resident.extend(resident);
        match outcome {
            Ok(Outcome { summary, .. }) => {
                self.sum.add(&summary);
                for (sum, reason) in self.dead_letters.iter_mut().zip(DeadLetterReason::ALL) {
                    *sum += summary.dead_letters.get(reason);
                }
            }
            Err(failure) => {
                if let Failure::Violations(violations) = &failure {
                    self.wrong.count(violations);
                }
                self.failure = Some(failure);
            }
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The most resident memory in the first half of the rounds, and in the second.
    fn halves(&self) -> (Option<u64>, Option<u64>) {
        let (first, second) = self.resident.split_at(self.resident.len() / 2);
        (first.iter().copied().max(), second.iter().copied().max())
    }

    /// Whether all went well. The memory is judged if there were enough rounds to have seen every setting twice.
    pub(super) fn judge(self, settings: usize, growth_limit_bytes: u64) -> Result<(), String> {
        let (first, second) = self.halves();
        if let Some(failure) = self.failure {
            return Err(format!("a round failed: {failure}"));
        }
        let grown = first.zip(second).map_or(0, |(first, second)| second.saturating_sub(first));
        if self.resident.len() >= 2 * settings && grown > growth_limit_bytes {
            return Err(format!("the memory grew by {grown} bytes; {growth_limit_bytes} are allowed"));
        }
        Ok(())
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, sum, wrong, .. } = self;
        let Wrong { lost, doubled, reordered, corrupted, misrouted, other } = wrong;
        let mut row = |name: &str, value: String| writeln!(formatter, "{name:<28} {value}");
        row("rounds", rounds.to_string())?;
        row("messages", sum.messages.to_string())?;
        row("  handled", sum.handled.to_string())?;
        row("  given back to the sender", sum.refused.to_string())?;
        row("  dead, and reported", sum.dead.to_string())?;
        row("  cancelled with a timer", sum.quiet.to_string())?;
        row("pairs", sum.pairs.to_string())?;
        row("asks answered / not", format!("{} / {}", sum.asks_answered, sum.asks_failed))?;
        row("actors", sum.actors.to_string())?;
        row("panics / restarts", format!("{} / {}", sum.panics, sum.restarts))?;
        for (reason, count) in DeadLetterReason::ALL.iter().zip(self.dead_letters).filter(|(_, count)| *count > 0) {
            row(&format!("dead letters, {reason}"), count.to_string())?;
        }
        row("lost", lost.to_string())?;
        row("doubled", doubled.to_string())?;
        row("reordered", reordered.to_string())?;
        row("corrupted", corrupted.to_string())?;
        row("misrouted", misrouted.to_string())?;
        row("rescued wake-ups", sum.rescued_wakeups.to_string())?;
        row("other violations", other.to_string())?;
        let (first, second) = self.halves();
        let grown = first.zip(second).map(|(first, second)| second.saturating_sub(first));
        row("most MiB in the first half", mib(first))?;
        row("most MiB in the second half", mib(second))?;
        row("  MiB more", mib(grown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(resident: &[u64]) -> Result<(), String> {
        Totals { resident: resident.to_vec(), ..Totals::default() }.judge(2, 10)
    }

    #[test]
    fn memory_that_grows_is_found() {
        assert_eq!(judged(&[50, 100, 104, 99]), Ok(()));
        assert!(judged(&[50, 100, 111, 99]).is_err());
        assert_eq!(judged(&[50, 100, 150]), Ok(()), "not every setting was seen twice");
    }
}
