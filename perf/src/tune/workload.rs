//! The workload that settings are found for: who talks to whom, how much, and what it is to be good at.
//!
//! ```text
//!   pairs         0 ▶ 1   2 ▶ 3     the even worker sends to the odd one; one that is left over, to itself
//!   ring          0 ▶ 1 ▶ 2 ▶ 0     the first worker sends, and everyone passes on
//!   all-to-all    0 ⇄ 1 ⇄ 2 ⇄ 0     every worker sends to every other in turn
//!   fan-in        1 ▶ 0 ◀ 2         all others send to the first worker
//!   local         0 ↺   1 ↺         every worker sends to itself
//! ```

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

/// The sizes of message that are built in, in words of eight bytes.
pub(super) const WORDS: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// The most messages a second: one each ten nanoseconds.
const RATE_MAX: u64 = 100_000_000;

/// What is measured, in one run of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Workload {
    /// Workers, 1 to 64.
    pub(super) workers: usize,
    /// The size of a message that was asked for, 8 to 1024.
    pub(super) payload_bytes: u32,
    /// How often messages are sent.
    pub(super) rate: Rate,
    /// Who sends to whom.
    pub(super) talk: Talk,
    /// What is to be as good as possible.
    pub(super) goal: Goal,
}

/// How actors talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Talk {
    /// Each even worker sends to the next one
    Pairs,
    /// Messages go once round all workers
    Ring,
    /// Every worker sends to every other
    AllToAll,
    /// All others send to the first worker
    FanIn,
    /// Actors talk on their own worker only
    Local,
}

/// What is to be as good as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Goal {
    /// As many messages a second as possible; needs the rate `max`
    Throughput,
    /// As short a time as possible from when a message was to be sent to when it is handled, for 99 of 100 messages;
    /// needs a rate
    Latency,
}

/// How often messages are sent, by all senders together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    /// As soon as there is room.
    Max,
    /// So many a second, each at its own time.
    PerSecond(NonZeroU64),
}

/// A text that is no [`Rate`].
#[derive(Debug, thiserror::Error)]
#[error("allowed is a whole number of messages a second from 1 to {RATE_MAX}, or max")]
pub(super) struct NotARate;

/// Things that do not go together on the command line.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkloadError {
    #[error(
        "--goal latency with --rate max: latency is measured at a rate; allowed is --rate N, such as --rate 100000"
    )]
    LatencyWithoutRate,
    #[error("--goal throughput with --rate {0}: at a rate the throughput is the rate; allowed is --rate max")]
    ThroughputAtRate(NonZeroU64),
    #[error(
        "--rate {rate} with --budget {budget_seconds}: a run needs {MESSAGES_MIN} messages and there are {RUNS_MIN} \
         runs at least; allowed at this rate is a budget of {needed_seconds} seconds or more"
    )]
    TooSeldom {
        /// Messages a second.
        rate: NonZeroU64,
        /// The budget that was given.
        budget_seconds: u64,
        /// The least that is needed.
        needed_seconds: u64,
    },
}

/// The least messages of a run at a rate, so that two of them are slower than the figure of 99%.
const MESSAGES_MIN: u64 = 200;

/// The least runs that the budget must have time for, where messages are seldom.
const RUNS_MIN: u64 = 30;

/// A run takes so much of the budget, within limits.
const RUNS_PLANNED: u32 = 400;
const RUN_MIN: Duration = Duration::from_millis(4);
const RUN_MAX: Duration = Duration::from_millis(250);

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let rate = text.parse().ok().filter(|rate: &NonZeroU64| rate.get() <= RATE_MAX);
        rate.map(Self::PerSecond).ok_or(NotARate)
    }
}

impl Workload {
    /// Checks what no option can check for itself.
    ///
    /// # Errors
    /// The goal does not fit the rate, or so few messages come that the budget is too short for them.
    pub(super) fn validate(self, budget_seconds: u64) -> Result<Self, WorkloadError> {
        match (self.goal, self.rate) {
            (Goal::Latency, Rate::Max) => Err(WorkloadError::LatencyWithoutRate),
            (Goal::Throughput, Rate::PerSecond(rate)) => Err(WorkloadError::ThroughputAtRate(rate)),
            (Goal::Throughput, Rate::Max) => Ok(self),
            (Goal::Latency, Rate::PerSecond(rate)) => {
                let needed_seconds = (MESSAGES_MIN * RUNS_MIN).div_ceil(rate.get());
                if needed_seconds > budget_seconds {
                    return Err(WorkloadError::TooSeldom { rate, budget_seconds, needed_seconds });
                }
                Ok(self)
            }
        }
    }

    /// How long one run is to take.
    pub(super) fn run_length(&self, budget: Duration) -> Duration {
        let length = (budget / RUNS_PLANNED).clamp(RUN_MIN, RUN_MAX);
        match self.rate {
            Rate::Max => length,
            Rate::PerSecond(rate) => length.max(Duration::from_secs_f64(MESSAGES_MIN as f64 / rate.get() as f64)),
        }
    }

    /// The size of a message that is measured, in words: the next one that is built in.
    pub(super) fn words(&self) -> usize {
        let wanted = self.payload_bytes.div_ceil(8) as usize;
        WORDS.into_iter().find(|words| *words >= wanted).unwrap_or(WORDS[WORDS.len() - 1])
    }

    /// The workers that each worker sends to, by index; empty for one that only receives or passes on.
    pub(super) fn routes(&self) -> Vec<Vec<usize>> {
        let workers = self.workers;
        let others = |from| -> Vec<usize> { (0..workers).filter(|to| *to != from || workers == 1).collect() };
        let route = |from: usize| match self.talk {
            Talk::Pairs if !from.is_multiple_of(2) => vec![],
            Talk::Pairs if from + 1 == workers => vec![from],
            Talk::Pairs => vec![from + 1],
            Talk::Ring if from == 0 => vec![1 % workers],
            Talk::Ring => vec![],
            Talk::AllToAll => others(from),
            Talk::FanIn if from > 0 || workers == 1 => vec![0],
            Talk::FanIn => vec![],
            Talk::Local => vec![from],
        };
        (0..workers).map(route).collect()
    }

    /// Whether a message goes on until it is back at the worker that it came from.
    pub(super) fn passes_on(&self) -> bool {
        self.talk == Talk::Ring
    }

    /// The pairs of different workers that send to each other, in either direction; each once.
    pub(super) fn links(&self) -> Vec<(usize, usize)> {
        let mut links: Vec<(usize, usize)> = match self.talk {
            Talk::Ring => (0..self.workers).map(|from| (from, (from + 1) % self.workers)).collect(),
            _ => self.routes().iter().enumerate().flat_map(|(from, to)| to.iter().map(move |to| (from, *to))).collect(),
        };
        links.iter_mut().for_each(|(a, b)| (*a, *b) = ((*a).min(*b), (*a).max(*b)));
        links.retain(|(a, b)| a != b);
        links.sort_unstable();
        links.dedup();
        links
    }

    /// Whether any worker ever waits for something to come: an actor that sends at a rate looks at the clock all the
    /// time instead.
    pub(super) fn has_waiting_workers(&self) -> bool {
        self.rate == Rate::Max || self.routes().iter().any(Vec::is_empty)
    }
}

impl Goal {
    /// What the figures are.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "ns a message",
            Self::Latency => "ns at 99%",
        }
    }

    /// The name of the figure for programs.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Throughput => "ns_per_message",
            Self::Latency => "latency_ns_p99",
        }
    }

    /// What a figure that is so many times smaller amounts to: `+25.0% messages a second`.
    pub(super) fn gain(self, times: f64) -> String {
        format!("{} {}", self.percent(times), self.gained())
    }

    /// The same without what it is a share of.
    pub(super) fn percent(self, times: f64) -> String {
        let share = match self {
            Self::Throughput => times - 1.0,
            Self::Latency => 1.0 / times - 1.0,
        };
        // Adding zero makes one of the zero that is below it.
        format!("{:+.1}%", (share * 1000.0).round() / 10.0 + 0.0)
    }

    /// What a gain is a share of.
    pub(super) fn gained(self) -> &'static str {
        match self {
            Self::Throughput => "messages a second",
            Self::Latency => "latency at 99%",
        }
    }
}

impl fmt::Display for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pairs => "pairs",
            Self::Ring => "ring",
            Self::AllToAll => "all-to-all",
            Self::FanIn => "fan-in",
            Self::Local => "local",
        })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
        })
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.workers == 1 { "" } else { "s" };
        write!(f, "{} worker{plural}, {}, messages of {} bytes", self.workers, self.talk, self.payload_bytes)?;
        let measured = self.words() * 8;
        if measured != self.payload_bytes as usize {
            write!(f, " (measured with {measured})")?;
        }
        match self.rate {
            Rate::Max => f.write_str(", as fast as possible"),
            Rate::PerSecond(rate) => write!(f, ", {rate} a second"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two workers at full speed.
    pub(in crate::tune) fn workload(workers: usize, talk: Talk) -> Workload {
        Workload { workers, payload_bytes: 32, rate: Rate::Max, talk, goal: Goal::Throughput }
    }

    /// The same at a rate.
    pub(in crate::tune) fn paced(workers: usize, talk: Talk, rate: u64) -> Workload {
        let rate = Rate::PerSecond(NonZeroU64::new(rate).unwrap());
        Workload { rate, goal: Goal::Latency, ..workload(workers, talk) }
    }

    #[test]
    fn a_rate_is_a_number_or_max() {
        assert_eq!("max".parse::<Rate>().unwrap(), Rate::Max);
        assert_eq!("5".parse::<Rate>().unwrap(), Rate::PerSecond(NonZeroU64::new(5).unwrap()));
        for text in ["0", "-1", "1.5", "", "fast", "100000001"] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_talk_has_a_sender_whatever_the_workers() {
        for talk in Talk::value_variants() {
            for workers in 1..=5 {
                let routes = workload(workers, *talk).routes();
                assert_eq!(routes.len(), workers);
                assert!(routes.iter().any(|to| !to.is_empty()), "{talk} of {workers}");
                assert!(routes.iter().flatten().all(|to| *to < workers));
            }
        }
        assert_eq!(workload(3, Talk::Pairs).routes(), [vec![1], vec![], vec![2]]);
        assert_eq!(workload(3, Talk::FanIn).routes(), [vec![], vec![0], vec![0]]);
        assert_eq!(workload(3, Talk::AllToAll).routes(), [vec![1, 2], vec![0, 2], vec![0, 1]]);
    }

    #[test]
    fn links_are_between_different_workers_and_counted_once() {
        assert_eq!(workload(3, Talk::Ring).links(), [(0, 1), (0, 2), (1, 2)]);
        assert_eq!(workload(2, Talk::Ring).links(), [(0, 1)]);
        assert_eq!(workload(3, Talk::FanIn).links(), [(0, 1), (0, 2)]);
        assert_eq!(workload(5, Talk::Pairs).links(), [(0, 1), (2, 3)]);
        assert!(workload(4, Talk::Local).links().is_empty());
        assert!(workload(1, Talk::AllToAll).links().is_empty());
    }

    #[test]
    fn the_goal_and_the_rate_have_to_fit() {
        let refused = |workload: Workload, budget| workload.validate(budget).unwrap_err().to_string();
        let latency = Workload { goal: Goal::Latency, ..workload(2, Talk::Pairs) };
        assert!(refused(latency, 30).starts_with("--goal latency with --rate max"));
        let throughput = Workload { goal: Goal::Throughput, ..paced(2, Talk::Pairs, 7) };
        assert!(refused(throughput, 30).starts_with("--goal throughput with --rate 7"));
        let seldom = refused(paced(2, Talk::Pairs, 10), 30);
        assert!(seldom.ends_with("allowed at this rate is a budget of 600 seconds or more"), "{seldom}");
        assert!(paced(2, Talk::Pairs, 10).validate(600).is_ok());
        assert!(workload(2, Talk::Pairs).validate(1).is_ok());
    }

    #[test]
    fn a_size_between_two_is_measured_with_the_larger_one() {
        for (bytes, words) in [(8, 1), (9, 2), (32, 4), (33, 8), (1000, 128), (1024, 128)] {
            assert_eq!(Workload { payload_bytes: bytes, ..workload(1, Talk::Local) }.words(), words);
        }
        let odd = Workload { payload_bytes: 100, ..workload(2, Talk::Pairs) };
        assert_eq!(odd.to_string(), "2 workers, pairs, messages of 100 bytes (measured with 128), as fast as possible");
    }

    #[test]
    fn who_sends_at_a_rate_never_waits() {
        assert!(workload(2, Talk::AllToAll).has_waiting_workers());
        assert!(!paced(2, Talk::AllToAll, 1000).has_waiting_workers());
        assert!(!paced(1, Talk::Pairs, 1000).has_waiting_workers());
        assert!(paced(2, Talk::Pairs, 1000).has_waiting_workers());
        assert!(paced(3, Talk::FanIn, 1000).has_waiting_workers());
    }

    #[test]
    fn gains_are_stated_for_what_they_are_gains_of() {
        assert_eq!(Goal::Throughput.gain(1.25), "+25.0% messages a second");
        assert_eq!(Goal::Latency.gain(1.25), "-20.0% latency at 99%");
        assert_eq!(Goal::Throughput.percent(0.9999), "+0.0%");
    }
}
