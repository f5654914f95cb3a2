//! What happened in an engine between two snapshots.

use std::collections::BTreeMap;

use hippodrome::DeadLetterReason;
use hippodrome::stats::{ActorTypeSnapshot, Quantiles, Snapshot, WorkerSnapshot};
use serde::Serialize;

/// An engine in one interval.
#[derive(Clone, Debug, Serialize)]
pub(super) struct View {
    pub(super) engine: String,
    pub(super) process: u32,
    pub(super) uptime_seconds: f64,
    /// The interval's length.
    pub(super) seconds: f64,
    pub(super) actors: u64,
    pub(super) messages_per_second: f64,
    pub(super) lost_events: u64,
    pub(super) workers: Vec<WorkerView>,
    /// Over all workers, the busiest first.
    pub(super) actor_types: Vec<ActorTypeView>,
    /// By reason; those that never happened are left out.
    pub(super) dead_letters: Vec<DeadLetterView>,
}

/// One worker in one interval.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WorkerView {
    pub(super) worker: usize,
    pub(super) core: Option<u32>,
    /// It did not answer, and these are older figures.
    pub(super) is_late: bool,
    /// Turns that found something to do, of all turns; none if there was no turn.
    pub(super) busy: Option<f64>,
    /// Turns that found nothing to do, of all turns.
    pub(super) idle: Option<f64>,
    /// The share of the time that handlers ran, if it was measured.
    pub(super) handling: Option<f64>,
    pub(super) turns_per_second: f64,
    pub(super) messages_per_second: f64,
    pub(super) parks_per_second: f64,
    /// What waits in the local ring and the ingress.
    pub(super) queued_bytes: u64,
    /// What it sent that other workers have not read.
    pub(super) lanes_bytes: u64,
    /// Since the engine started.
    pub(super) waiting_p99_ns: Option<u64>,
    /// Since the engine started.
    pub(super) handling_p99_ns: Option<u64>,
    /// Since the engine started.
    pub(super) dead_letters: u64,
    /// Since the engine started.
    pub(super) panics: u64,
}

/// A type of actor in one interval.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ActorTypeView {
    pub(super) actor_type: String,
    pub(super) messages_per_second: f64,
    /// Its share of all messages that were handled.
    pub(super) share: f64,
    /// Since the engine started, on the worker where it is worst.
    pub(super) waiting_p99_ns: Option<u64>,
    /// Since the engine started, on the worker where it is worst.
    pub(super) handling_p99_ns: Option<u64>,
}

/// Messages that could not be handled for one reason.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DeadLetterView {
    pub(super) reason: String,
    /// Since the engine started.
    pub(super) count: u64,
    pub(super) per_second: f64,
}

impl View {
    /// What happened from one snapshot to the next; nothing can be said if they are not of the same engine.
    pub(super) fn between(before: &Snapshot, after: &Snapshot) -> Option<Self> {
        let is_same = before.process == after.process
            && before.engine == after.engine
            && before.workers.len() == after.workers.len()
            && before.uptime_ns < after.uptime_ns;
        let seconds = after.uptime_ns.saturating_sub(before.uptime_ns) as f64 / 1e9;
        let workers = before.workers.iter().zip(&after.workers).enumerate();
        is_same.then(|| Self {
            engine: after.engine.clone(),
            process: after.process,
            uptime_seconds: after.uptime_ns as f64 / 1e9,
            seconds,
            actors: sum(after.workers.iter().map(|worker| worker.stats.actors)),
            messages_per_second: rate(handled(before), handled(after), seconds),
            lost_events: after.lost_events,
            workers: workers.map(|(index, pair)| WorkerView::between(index, pair, seconds)).collect(),
            actor_types: types_between(before, after, seconds),
            dead_letters: dead_letters_between(before, after, seconds),
        })
    }
}

fn handled(snapshot: &Snapshot) -> u64 {
    sum(snapshot.workers.iter().map(|worker| worker.stats.handled))
}

/// All together; what is beyond any number is the largest, for a server may say anything.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn rate(before: u64, after: u64, seconds: f64) -> f64 {
    after.saturating_sub(before) as f64 / seconds
}

impl WorkerView {
    fn between(worker: usize, (before, after): (&WorkerSnapshot, &WorkerSnapshot), seconds: f64) -> Self {
        let (old, new) = (&before.stats, &after.stats);
        let turns = new.turns.saturating_sub(old.turns);
        let idle = (turns > 0).then(|| new.idle_turns.saturating_sub(old.idle_turns) as f64 / turns as f64);
        let handling = before.handling_ns.zip(after.handling_ns);
        Self {
            worker,
            core: new.core,
            is_late: after.is_late,
            busy: idle.map(|idle| 1.0 - idle),
            idle,
            handling: handling.map(|(before, after)| rate(before.total, after.total, seconds) / 1e9),
            turns_per_second: turns as f64 / seconds,
            messages_per_second: rate(old.handled, new.handled, seconds),
            parks_per_second: rate(old.parks, new.parks, seconds),
            queued_bytes: new.local_ring_bytes.saturating_add(new.ingress_bytes),
            lanes_bytes: new.lanes_bytes,
            waiting_p99_ns: p99(after.waiting_ns),
            handling_p99_ns: p99(after.handling_ns),
            dead_letters: new.dead_letters.total(),
            panics: new.panics,
        }
    }
}

/// None where nothing was recorded.
fn p99(quantiles: Option<Quantiles>) -> Option<u64> {
    quantiles.filter(|quantiles| quantiles.count > 0).map(|quantiles| quantiles.p99)
}

fn types_between(before: &Snapshot, after: &Snapshot, seconds: f64) -> Vec<ActorTypeView> {
    let all = handled(after).saturating_sub(handled(before)).max(1) as f64;
    let old: BTreeMap<_, _> =
        before.actor_types.iter().map(|entry| ((entry.worker, &entry.actor_type), entry.handled)).collect();
    let mut types: BTreeMap<&str, Vec<&ActorTypeSnapshot>> = BTreeMap::new();
    for entry in &after.actor_types {
        types.entry(&entry.actor_type).or_default().push(entry);
    }
    let show = |(actor_type, entries): (&str, Vec<&ActorTypeSnapshot>)| {
        let was = |entry: &ActorTypeSnapshot| old.get(&(entry.worker, &entry.actor_type)).copied().unwrap_or(0);
        let handled = sum(entries.iter().map(|entry| entry.handled.saturating_sub(was(entry))));
        ActorTypeView {
            actor_type: actor_type.to_owned(),
            messages_per_second: handled as f64 / seconds,
            share: handled as f64 / all,
            waiting_p99_ns: entries.iter().filter_map(|entry| p99(entry.waiting_ns)).max(),
            handling_p99_ns: entries.iter().filter_map(|entry| p99(entry.handling_ns)).max(),
        }
    };
    let mut views: Vec<_> = types.into_iter().map(show).collect();
    views.sort_by(|one, other| other.messages_per_second.total_cmp(&one.messages_per_second));
    views
}

fn dead_letters_between(before: &Snapshot, after: &Snapshot, seconds: f64) -> Vec<DeadLetterView> {
    let count = |snapshot: &Snapshot, reason| {
        let inside = snapshot.workers.iter().map(|worker| worker.stats.dead_letters.get(reason));
        sum(inside.chain([snapshot.outside_dead_letters.get(reason)]))
    };
    let show = |reason: DeadLetterReason| {
        let (old, new) = (count(before, reason), count(after, reason));
        DeadLetterView { reason: reason.to_string(), count: new, per_second: rate(old, new, seconds) }
    };
    DeadLetterReason::ALL.into_iter().map(show).filter(|view| view.count > 0).collect()
}
