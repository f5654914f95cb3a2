//! The `metrics` facade: what an exported snapshot gives to a recorder.

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use common::{host, settle};
use hippodrome::{Engine, On, Stop, from_fn};
use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Keeps the latest value of each metric, under its name and labels.
#[derive(Default)]
struct Kept {
    values: Arc<Mutex<BTreeMap<String, f64>>>,
    described: Mutex<Vec<String>>,
}

struct Cell(String, Arc<Mutex<BTreeMap<String, f64>>>);

impl Cell {
    fn keep(&self, value: f64) {
        self.1.lock().unwrap().insert(self.0.clone(), value);
    }
}

impl CounterFn for Cell {
    fn increment(&self, _value: u64) {
        panic!("{}: totals are given, not differences", self.0);
    }

    fn absolute(&self, value: u64) {
        self.keep(value as f64);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, _value: f64) {
        panic!("{}: values are set", self.0);
    }

    fn decrement(&self, _value: f64) {
        panic!("{}: values are set", self.0);
    }

    fn set(&self, value: f64) {
        self.keep(value);
    }
}

impl Kept {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Cell(format!("{} {}", key.name(), labels.join(" ")), self.values.clone()))
    }

    fn value(&self, metric: &str) -> Option<f64> {
        self.values.lock().unwrap().get(metric).copied()
    }

    fn names(&self) -> Vec<String> {
        let values = self.values.lock().unwrap();
        let mut names: Vec<_> = values.keys().filter_map(|key| key.split(' ').next()).map(str::to_owned).collect();
        names.dedup();
        names
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        assert!(unit.is_some() && !text.is_empty());
        self.described.lock().unwrap().push(key.as_str().to_owned());
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe_counter(key, unit, text);
    }

    fn describe_histogram(&self, key: KeyName, _unit: Option<Unit>, _text: SharedString) {
        panic!("{}: there are no histograms", key.as_str());
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        panic!("{}: there are no histograms", key.name());
    }
}

#[test]
fn a_snapshot_goes_to_the_recorder_with_its_labels() {
    let (mut host, _clock) = host(2);
    let handle = host.handle();
    let ignore = || from_fn(|_: u64, _ctx| ());
    let gone = handle.spawn(On::Worker(1), ignore).unwrap();
    handle.stop(gone, Stop::Now).unwrap();
    let kept_actor = handle.spawn(On::Worker(1), ignore).unwrap();
    settle(&mut host);
    handle.tell(gone, 0);
    (0..5).for_each(|n| handle.tell(kept_actor, n));
    settle(&mut host);
    let recorder = Kept::default();
    let stats = host.stats();
    metrics::with_local_recorder(&recorder, || stats.export());

    let of = |name: &str, labels: &str| recorder.value(&format!("{name} engine=hippodrome {labels}"));
    assert_eq!(of("hippodrome_handled_total", "worker=1 core=none"), Some(5.0));
    assert_eq!(of("hippodrome_handled_total", "worker=0 core=none"), Some(0.0));
    assert_eq!(of("hippodrome_actors", "worker=1 core=none"), Some(1.0));
    assert_eq!(of("hippodrome_dead_letters_total", "worker=1 core=none reason=stopped"), Some(1.0));
    assert_eq!(of("hippodrome_dead_letters_total", "worker=1 core=none reason=mailbox_full"), Some(0.0));
    assert_eq!(of("hippodrome_dead_letters_total", "worker=outside core=none reason=full"), Some(0.0));
    let actor_type = stats.actor_types[0].actor_type;
    let labels = format!("worker=1 core=none actor_type={actor_type}");
    assert_eq!(of("hippodrome_actor_handled_total", &labels), Some(5.0));
    assert_eq!(of("hippodrome_waiting_nanoseconds", &format!("{labels} quantile=0.99")), None, "no histograms");

    // Whatever is given is described, and named in the documentation.
    let described = recorder.described.lock().unwrap();
    let documentation = include_str!("../src/stats/export.rs");
    for name in recorder.names() {
        assert!(described.contains(&name), "{name}");
    }
    for name in described.iter() {
        assert!(documentation.contains(&format!("`{name}`")), "{name} is in no list");
    }
}

#[test]
fn quantiles_are_given_when_histograms_are_on() {
    let mut host = Engine::builder().unpinned_workers(1).histograms(true).host().unwrap();
    let handle = host.handle();
    let actor = handle.spawn(On::Worker(0), || from_fn(|_: u64, _ctx| ())).unwrap();
    (0..100).for_each(|n| handle.tell(actor, n));
    settle(&mut host);
    let recorder = Kept::default();
    let stats = host.stats();
    metrics::with_local_recorder(&recorder, || stats.export());
    let entry = &stats.actor_types[0];
    let handling = entry.handling_ns.as_ref().unwrap();
    for (quantile, value) in
        [("0.5", handling.value_at_quantile(0.5)), ("0.99", handling.value_at_quantile(0.99)), ("1", handling.max())]
    {
        let labels =
            format!("engine=hippodrome worker=0 core=none actor_type={} quantile={quantile}", entry.actor_type);
        let given = recorder.value(&format!("hippodrome_handling_nanoseconds {labels}"));
        assert_eq!(given, Some(value as f64));
        assert!(recorder.value(&format!("hippodrome_waiting_nanoseconds {labels}")).is_some());
    }
}

#[test]
fn without_a_recorder_nothing_happens() {
    let (mut host, _clock) = host(1);
    host.stats().export();
}
