//! Metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hippodrome::sim::Sim;
use hippodrome::{Actor, Context, On, Props, Restart, from_fn};
use hippodrome_toolkit::middleware::{Layers, Metrics};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// Keeps what is counted and recorded, by name and label.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

struct Cell(String, Kept);

impl Cell {
    fn keep(&self, value: f64) {
        self.1.0.lock().unwrap().entry(self.0.clone()).or_default().push(value);
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.keep(value as f64);
    }

    fn absolute(&self, _: u64) {
        panic!("differences are given, not totals");
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.keep(value);
    }
}

impl Kept {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Cell(format!("{} {}", key.name(), labels.join(" ")), self.clone()))
    }

    fn values(&self, metric: &str) -> Vec<f64> {
        self.0.lock().unwrap().get(metric).cloned().unwrap_or_default()
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, unit: Option<Unit>, text: SharedString) {
        assert!(unit.is_some() && !text.is_empty());
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("{}: there are no gauges", key.as_str());
    }

    fn describe_histogram(&self, _: KeyName, unit: Option<Unit>, text: SharedString) {
        assert!(unit == Some(Unit::Seconds) && !text.is_empty());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.cell(key).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("{}: there are no gauges", key.name());
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

/// Panics with some of its messages.
struct Fragile;

impl Actor for Fragile {
    type Msg = u64;

    fn handle(&mut self, n: u64, _: &mut Context<'_, u64>) {
        if n % 5 == 4 {
            std::panic::resume_unwind(Box::new("a panic of the test's"));
        }
    }
}

#[test]
fn metrics_count_messages_and_panics_and_measure_time() {
    let kept = Kept::default();
    metrics::with_local_recorder(&kept.clone(), || {
        let mut sim = Sim::new(1);
        let props = Props::on(On::Worker(0)).restart(Restart::up_to(100, Duration::from_secs(1)));
        let actor = sim.handle().spawn(props, (|| Fragile).layer(|| Metrics::named("fragile"))).unwrap();
        (0..20).for_each(|n| sim.handle().tell(actor, n));
        sim.run_until_idle().unwrap();
    });
    assert_eq!(kept.values("hippodrome_middleware_handled_total actor=fragile"), vec![1.0; 16]);
    assert_eq!(kept.values("hippodrome_middleware_panics_total actor=fragile"), vec![1.0; 4]);
    // Virtual time stands still while an actor runs.
    assert_eq!(kept.values("hippodrome_middleware_handling_seconds actor=fragile"), vec![0.0; 16]);
}

#[test]
fn metrics_measure_on_the_clock_of_the_engine() {
    let clock = Arc::new(hippodrome::ManualClock::default());
    let kept = Kept::default();
    metrics::with_local_recorder(&kept.clone(), || {
        let mut host = hippodrome::Engine::builder().unpinned_workers(1).clock(clock.clone()).host().unwrap();
        let passes = clock.clone();
        let factory = move || {
            let passes = passes.clone();
            from_fn(move |time: Duration, _ctx| passes.advance(time))
        };
        let actor = host.handle().spawn(On::Worker(0), factory.layer(|| Metrics::named("slow"))).unwrap();
        host.handle().tell(actor, Duration::from_millis(250));
        host.handle().tell(actor, Duration::from_secs(2));
        host.poll(u64::MAX);
    });
    assert_eq!(kept.values("hippodrome_middleware_handling_seconds actor=slow"), [0.25, 2.0]);
}
