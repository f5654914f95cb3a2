//! Giving a snapshot to the `metrics` facade.

use std::slice;

use metrics::{Label, Unit, counter, describe_counter, describe_gauge, gauge};

use super::snapshot::reason_key;
use super::{Quantiles, Stats, WorkerStats};
use crate::dead_letter::{DeadLetterCounts, DeadLetterReason};

/// A number of a worker: its metric's name, its unit, what it is, and where it is found.
type OfWorker = (&'static str, Unit, &'static str, fn(&WorkerStats) -> u64);

const WORKER_COUNTERS: [OfWorker; 10] = [
    ("hippodrome_handled_total", Unit::Count, "Messages handled by actors", |worker| worker.handled),
    ("hippodrome_sent_total", Unit::Count, "Messages and answers sent by actors", |worker| worker.sent),
    ("hippodrome_flushed_total", Unit::Count, "Batches published to other workers", |worker| worker.flushed),
    ("hippodrome_turns_total", Unit::Count, "Turns of the duty cycle", |worker| worker.turns),
    ("hippodrome_idle_turns_total", Unit::Count, "Turns that found nothing to do", |worker| worker.idle_turns),
    ("hippodrome_parks_total", Unit::Count, "How often the worker parked", |worker| worker.parks),
    ("hippodrome_panics_total", Unit::Count, "Panics of actors", |worker| worker.panics),
    ("hippodrome_contained_panics_total", Unit::Count, "Panics that ended nothing", |worker| worker.contained_panics),
    ("hippodrome_rescued_wakeups_total", Unit::Count, "Wake-ups that were missed", |worker| worker.rescued_wakeups),
    ("hippodrome_lost_orders_total", Unit::Count, "Orders to other workers that were lost", |worker| {
        worker.lost_orders
    }),
];

const WORKER_GAUGES: [OfWorker; 8] = [
    ("hippodrome_actors", Unit::Count, "Actors that live on the worker", |worker| worker.actors),
    ("hippodrome_local_ring_bytes", Unit::Bytes, "What waits in the local ring", |worker| worker.local_ring_bytes),
    ("hippodrome_ingress_bytes", Unit::Bytes, "What waits in the ingress", |worker| worker.ingress_bytes),
    ("hippodrome_lanes_bytes", Unit::Bytes, "What waits for other workers", |worker| worker.lanes_bytes),
    ("hippodrome_local_ring_high_water_bytes", Unit::Bytes, "The most that the local ring held", |worker| {
        worker.local_ring_high_water_bytes
    }),
    ("hippodrome_outbox_high_water_bytes", Unit::Bytes, "The most that an outbox held", |worker| {
        worker.outbox_high_water_bytes
    }),
    ("hippodrome_mailbox_high_water", Unit::Count, "The most that a private mailbox held", |worker| {
        worker.mailbox_high_water
    }),
    ("hippodrome_timers_high_water", Unit::Count, "The most timers armed at once", |worker| worker.timers_high_water),
];

const DEAD_LETTERS: &str = "hippodrome_dead_letters_total";
const LOST_EVENTS: &str = "hippodrome_lost_events_total";
const UPTIME: &str = "hippodrome_uptime_seconds";
const TYPE_HANDLED: &str = "hippodrome_actor_handled_total";
const TYPE_SENT: &str = "hippodrome_actor_sent_total";
const WAITING: &str = "hippodrome_waiting_nanoseconds";
const HANDLING: &str = "hippodrome_handling_nanoseconds";

/// The `worker` of what happened outside of all workers.
const OUTSIDE: &str = "outside";

impl Stats {
    /// Gives the snapshot to the `metrics` facade: to the recorder that the program has installed, or to nobody if it has
    /// installed none. To be called at the program's own interval, from a thread that is not a worker.
    ///
    /// Every metric has the label `engine`, the engine's name.
    ///
    /// * Of the engine: the gauge `hippodrome_uptime_seconds` and the counter `hippodrome_lost_events_total`.
    /// * By `worker` and `core`, counters: `hippodrome_handled_total`, `hippodrome_sent_total`,
    ///   `hippodrome_flushed_total`, `hippodrome_turns_total`, `hippodrome_idle_turns_total`, `hippodrome_parks_total`,
    ///   `hippodrome_panics_total`, `hippodrome_contained_panics_total`, `hippodrome_rescued_wakeups_total` and
    ///   `hippodrome_lost_orders_total`.
    /// * By `worker` and `core`, gauges: `hippodrome_actors`, `hippodrome_local_ring_bytes`, `hippodrome_ingress_bytes`,
    ///   `hippodrome_lanes_bytes`, `hippodrome_local_ring_high_water_bytes`, `hippodrome_outbox_high_water_bytes`,
    ///   `hippodrome_mailbox_high_water` and `hippodrome_timers_high_water`.
    /// * By `worker`, `core` and `reason`, a counter: `hippodrome_dead_letters_total`.
    /// * By `worker`, `core` and `actor_type`, counters: `hippodrome_actor_handled_total` and
    ///   `hippodrome_actor_sent_total`.
    /// * By `worker`, `core`, `actor_type` and `quantile`, gauges: `hippodrome_waiting_nanoseconds` and
    ///   `hippodrome_handling_nanoseconds`.
    ///
    /// `worker` is an index, or `outside` for dead letters of other threads; `core` is a number, or `none`; `reason` is a
    /// [`DeadLetterReason`] such as `mailbox_full`; `quantile` is `0.5`, `0.99`, `0.999` or `1`, over the engine's whole
    /// life, and is there if histograms are switched on. The fields of [`WorkerStats`] say what each number is.
    ///
    /// # Cost
    /// Some lookups in the recorder for each worker and each type of actor: microseconds, on the thread that calls.
    ///
    /// # Examples
    /// ```
    /// # use hippodrome::Engine;
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), hippodrome::Error> {
    /// let engine = Engine::builder().unpinned_workers(1).start()?;
    /// let handle = engine.handle();
    /// let exporter = std::thread::spawn(move || {
    ///     while handle.is_running() {
    ///         handle.stats().export();
    ///         std::thread::sleep(Duration::from_millis(10));
    ///     }
    /// });
    /// engine.shutdown(Duration::from_secs(5))?;
    /// # exporter.join().unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(&self) {
        describe();
        let engine = Labels(vec![Label::new("engine", self.engine.clone())]);
        gauge!(UPTIME, engine.iter()).set(self.uptime.as_secs_f64());
        counter!(LOST_EVENTS, engine.iter()).absolute(self.lost_events);
        let outside = engine.with("worker", OUTSIDE).with("core", "none");
        export_dead_letters(&self.outside_dead_letters, &outside);
        let workers: Vec<Labels> = self
            .workers
            .iter()
            .enumerate()
            .map(|(index, worker)| {
                let core = worker.core.map_or_else(|| "none".to_owned(), |core| core.to_string());
                engine.with("worker", index.to_string()).with("core", core)
            })
            .collect();
        for (worker, labels) in self.workers.iter().zip(&workers) {
            for (name, _, _, value) in WORKER_COUNTERS {
                counter!(name, labels.iter()).absolute(value(worker));
            }
            for (name, _, _, value) in WORKER_GAUGES {
                gauge!(name, labels.iter()).set(value(worker) as f64);
            }
            export_dead_letters(&worker.dead_letters, labels);
        }
        for entry in &self.actor_types {
            let Some(labels) = workers.get(entry.worker) else { continue };
            let labels = labels.with("actor_type", entry.actor_type);
            counter!(TYPE_HANDLED, labels.iter()).absolute(entry.handled);
            counter!(TYPE_SENT, labels.iter()).absolute(entry.sent);
            for (name, histogram) in [(WAITING, &entry.waiting_ns), (HANDLING, &entry.handling_ns)] {
                if let Some(histogram) = histogram {
                    export_quantiles(name, &Quantiles::from(histogram), &labels);
                }
            }
        }
    }
}

fn export_dead_letters(counts: &DeadLetterCounts, labels: &Labels) {
    for reason in DeadLetterReason::ALL {
        counter!(DEAD_LETTERS, labels.with("reason", reason_key(reason)).iter()).absolute(counts.get(reason));
    }
}

fn export_quantiles(name: &'static str, quantiles: &Quantiles, labels: &Labels) {
    let Quantiles { p50, p99, p999, max, .. } = *quantiles;
    for (quantile, value_ns) in [("0.5", p50), ("0.99", p99), ("0.999", p999), ("1", max)] {
        gauge!(name, labels.with("quantile", quantile).iter()).set(value_ns as f64);
    }
}

/// Tells the recorder what each metric is. It may be another one than the last time.
fn describe() {
    for (name, unit, text, _) in WORKER_COUNTERS {
        describe_counter!(name, unit, text);
    }
    for (name, unit, text, _) in WORKER_GAUGES {
        describe_gauge!(name, unit, text);
    }
    describe_gauge!(UPTIME, Unit::Seconds, "How long ago the engine started");
    describe_counter!(LOST_EVENTS, Unit::Count, "Events that did not fit the event ring");
    describe_counter!(DEAD_LETTERS, Unit::Count, "Messages that could not be handled");
    describe_counter!(TYPE_HANDLED, Unit::Count, "Messages handled by actors of the type");
    describe_counter!(TYPE_SENT, Unit::Count, "Messages and answers sent by actors of the type");
    describe_gauge!(WAITING, Unit::Nanoseconds, "How long messages waited");
    describe_gauge!(HANDLING, Unit::Nanoseconds, "How long handlers took");
}

/// The labels of a metric.
struct Labels(Vec<Label>);

impl Labels {
    /// These, and one more.
    fn with(&self, key: &'static str, value: impl Into<metrics::SharedString>) -> Self {
        let more = Label::new(key, value);
        Self(self.0.iter().cloned().chain([more]).collect())
    }

    fn iter(&self) -> slice::Iter<'_, Label> {
        self.0.iter()
    }
}
