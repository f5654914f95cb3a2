//! What came out of a workload.

use std::fmt;

use hippodrome::{DeadLetterCounts, DeadLetterReason};

/// What came out of a workload, when nothing was on its way and everything was right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Messages made.
    pub messages: u64,
    /// Handled, without those whose handler panicked.
    pub handled: u64,
    /// Taken without a handler: answers, and what `started` and `stopped` had to send.
    pub taken: u64,
    /// Given back to their senders.
    pub refused: u64,
    /// Dropped, all of them reported.
    pub dead: u64,
    /// Dropped with a timer or a notice; reported or not.
    pub quiet: u64,
    /// Never sent: asks whose actor had gone.
    pub unsent: u64,
    /// Asks with an answer.
    pub asks_answered: u64,
    /// Asks that were told that there is none.
    pub asks_failed: u64,
    /// Actors and threads that there were.
    pub actors: u64,
    /// Actors made anew after a panic.
    pub restarts: u64,
    /// Panics thrown.
    pub panics: u64,
    /// Pairs of a sender and a receiver, of those that are not forgotten.
    pub pairs: u64,
    /// Streams of these pairs.
    pub streams: u64,
    /// Of the order in which messages came to each actor.
    pub digest: u64,
    /// By the engine's count.
    pub dead_letters: DeadLetterCounts,
    /// Events that did not fit the event ring.
    pub lost_events: u64,
    /// Wake-ups that were missed.
    pub rescued_wakeups: u64,
    /// Whether the event stream was checked too.
    pub is_audited: bool,
}

impl Summary {
    /// Adds what came out of another workload; all but the digest, the reasons and what is true or not.
    pub fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.handled += other.handled;
        self.taken += other.taken;
        self.refused += other.refused;
        self.dead += other.dead;
        self.quiet += other.quiet;
        self.unsent += other.unsent;
        self.asks_answered += other.asks_answered;
        self.asks_failed += other.asks_failed;
        self.actors += other.actors;
        self.restarts += other.restarts;
        self.panics += other.panics;
        self.pairs += other.pairs;
        self.streams += other.streams;
        self.lost_events += other.lost_events;
        self.rescued_wakeups += other.rescued_wakeups;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} messages of {} actors: {} handled, {} taken, {} refused, {} dead, {} quiet; {} asks answered, {} not; \
             {} restarts",
            self.messages,
            self.actors,
            self.handled,
            self.taken,
            self.refused,
            self.dead,
            self.quiet,
            self.asks_answered,
            self.asks_failed,
            self.restarts
        )?;
        for reason in DeadLetterReason::ALL {
            let count = self.dead_letters.get(reason);
            if count > 0 {
                write!(formatter, "; {reason}: {count}")?;
            }
        }
        Ok(())
    }
}
