//! A snapshot for other programs: versioned, small, and through `serde`.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ActorTypeStats, Stats, WorkerStats};
use crate::dead_letter::{DeadLetterCounts, DeadLetterReason};

/// What a program shows of an engine to others: a line of JSON on the [local socket](super), or anything else that
/// `serde` writes. All counts are since the engine started.
///
/// # Examples
/// ```
/// use hippodrome::Engine;
/// use hippodrome::stats::Snapshot;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut host = Engine::builder().unpinned_workers(1).host()?;
/// let text = serde_json::to_string(&Snapshot::from(&host.stats()))?;
/// assert!(text.starts_with(r#"{"version":1,"engine":"hippodrome","process":"#));
/// let read: Snapshot = serde_json::from_str(&text)?;
/// assert_eq!(read.workers[0].stats.handled, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// [`Snapshot::VERSION`] of who wrote it. It changes when a field goes or means something else, not when one is new.
    pub version: u32,
    /// The engine's name.
    pub engine: String,
    /// The number of the process that the engine is in.
    pub process: u32,
    /// How long ago the engine started.
    pub uptime_ns: u64,
    /// Events that did not fit the event ring.
    pub lost_events: u64,
    /// Messages from outside that could not be accepted or handled, by reason.
    pub outside_dead_letters: DeadLetterCounts,
    /// By worker.
    pub workers: Vec<WorkerSnapshot>,
    /// By type of actor and worker.
    pub actor_types: Vec<ActorTypeSnapshot>,
}

/// One worker in a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerSnapshot {
    /// Its counts; in JSON they are members of the worker itself.
    #[serde(flatten)]
    pub stats: WorkerStats,
    /// The worker did not answer in time: it is in a long turn, or nobody polls it. These are the counts that it showed
    /// last.
    #[serde(default)]
    pub is_late: bool,
    /// How long messages waited that its actors handled, if histograms are switched on.
    pub waiting_ns: Option<Quantiles>,
    /// How long its actors' handlers took, if histograms are switched on.
    pub handling_ns: Option<Quantiles>,
}

/// One type of actor on one worker in a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActorTypeSnapshot {
    /// The worker's index.
    pub worker: usize,
    /// The actor's Rust type.
    pub actor_type: String,
    /// Messages handled.
    pub handled: u64,
    /// Messages and answers sent.
    pub sent: u64,
    /// How long messages waited, if histograms are switched on.
    pub waiting_ns: Option<Quantiles>,
    /// How long handlers took, if histograms are switched on.
    pub handling_ns: Option<Quantiles>,
}

/// What is shown of a histogram, in nanoseconds. All are 0 while nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Quantiles {
    /// How many messages.
    pub count: u64,
    /// All their times together.
    pub total: u64,
    /// The median.
    pub p50: u64,
    /// All but one in a hundred were as fast as this.
    pub p99: u64,
    /// All but one in a thousand.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl Snapshot {
    /// The version that this engine writes.
    pub const VERSION: u32 = 1;
}

impl From<&Stats> for Snapshot {
    fn from(stats: &Stats) -> Self {
        let worker = |(index, worker): (usize, &WorkerStats)| {
            let types = stats.actor_types.iter().filter(|entry| entry.worker == index);
            WorkerSnapshot {
                stats: worker.clone(),
                is_late: false,
                waiting_ns: of_all(types.clone().filter_map(|entry| entry.waiting_ns.as_ref())),
                handling_ns: of_all(types.filter_map(|entry| entry.handling_ns.as_ref())),
            }
        };
        Self {
            version: Self::VERSION,
            engine: stats.engine.clone(),
            process: std::process::id(),
            uptime_ns: stats.uptime.as_nanos().try_into().unwrap_or(u64::MAX),
            lost_events: stats.lost_events,
            outside_dead_letters: stats.outside_dead_letters,
            workers: stats.workers.iter().enumerate().map(worker).collect(),
            actor_types: stats.actor_types.iter().map(ActorTypeSnapshot::from).collect(),
        }
    }
}

impl From<&ActorTypeStats> for ActorTypeSnapshot {
    fn from(entry: &ActorTypeStats) -> Self {
        Self {
            worker: entry.worker,
            actor_type: entry.actor_type.to_owned(),
            handled: entry.handled,
            sent: entry.sent,
            waiting_ns: entry.waiting_ns.as_ref().map(Quantiles::from),
            handling_ns: entry.handling_ns.as_ref().map(Quantiles::from),
        }
    }
}

impl From<&Histogram<u64>> for Quantiles {
    fn from(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            count: histogram.len(),
            total: (histogram.mean() * histogram.len() as f64) as u64,
            p50: histogram.value_at_quantile(0.5),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

/// The quantiles of all of them together; `None` if there is none.
fn of_all<'a>(mut histograms: impl Iterator<Item = &'a Histogram<u64>>) -> Option<Quantiles> {
    let mut all = histograms.next()?.clone();
    for histogram in histograms {
        all.add(histogram).expect("the histograms of an engine have the same bounds");
    }
    Some(Quantiles::from(&all))
}

/// A reason's name for other programs, such as `mailbox_full`.
pub(super) fn reason_key(reason: DeadLetterReason) -> String {
    reason.to_string().replace(' ', "_")
}

/// A map from a reason's name, such as `mailbox_full`, to its count, without those that are 0.
impl Serialize for DeadLetterCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = DeadLetterReason::ALL.into_iter().map(|reason| (reason, self.get(reason)));
        serializer
            .collect_map(counts.filter(|(_, count)| *count > 0).map(|(reason, count)| (reason_key(reason), count)))
    }
}

/// Reasons that this version does not know are left out.
impl<'de> Deserialize<'de> for DeadLetterCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let mut counts = Self::default();
        for reason in DeadLetterReason::ALL {
            counts.set(reason, read.get(&reason_key(reason)).copied().unwrap_or(0));
        }
        Ok(counts)
    }
}
