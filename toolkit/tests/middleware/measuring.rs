//! Spans and metrics.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hippodrome::sim::Sim;
use hippodrome::{Actor, Context, On, Props, Restart, from_fn};
use hippodrome_toolkit::middleware::{Layers, Metrics, Tracing};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tracing::Level;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

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

/// Keeps the spans that are entered.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<String>>>);

/// The text of a span, kept with it.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "address" {
            self.0 += &format!(" {}={value:?}", field.name());
        }
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let mut text = Text(attributes.metadata().name().to_owned());
        attributes.record(&mut text);
        context.span(id).unwrap().extensions_mut().insert(text);
    }

    fn on_enter(&self, id: &Id, context: LayerContext<'_, S>) {
        let span = context.span(id).unwrap();
        if span.metadata().target() == "hippodrome_toolkit::middleware" {
            self.0.lock().unwrap().push(span.extensions().get::<Text>().unwrap().0.clone());
        }
    }

    fn on_exit(&self, id: &Id, context: LayerContext<'_, S>) {
        if context.span(id).unwrap().metadata().target() == "hippodrome_toolkit::middleware" {
            self.0.lock().unwrap().push("exit".into());
        }
    }
}

/// The spans of an actor that gets three messages, of which the third panics, while nothing below this level is wanted.
fn spans_at(level: Level) -> Vec<String> {
    let spans = Spans::default();
    let filter = tracing_subscriber::filter::LevelFilter::from_level(level);
    let subscriber = Registry::default().with(spans.clone().with_filter(filter));
    tracing::subscriber::with_default(subscriber, || {
        let mut sim = Sim::new(1);
        let actor = sim.handle().spawn(On::Worker(0), (|| Fragile).layer(|| Tracing::named("fragile"))).unwrap();
        [1, 2].into_iter().for_each(|n| sim.handle().tell(actor, n));
        sim.run_until_idle().unwrap();
        sim.handle().stop(actor, hippodrome::Stop::Now).unwrap();
        sim.run_until_idle().unwrap();
        let other = sim.handle().spawn(On::Worker(0), (|| Fragile).layer(|| Tracing::named("other"))).unwrap();
        sim.handle().tell(other, 4);
        sim.run_until_idle().unwrap();
    });
    std::mem::take(&mut spans.0.lock().unwrap())
}

#[test]
fn spans_are_opened_at_their_levels() {
    let started = |actor: &str| format!("started actor={actor:?}");
    let handle = |actor: &str| format!("handle actor={actor:?} message=\"u64\"");
    let stopped = format!("stopped actor={:?}", "fragile");
    let exit = || "exit".to_owned();
    assert_eq!(spans_at(Level::DEBUG), [started("fragile"), exit(), stopped.clone(), exit(), started("other"), exit()]);
    let messages = [handle("fragile"), exit(), handle("fragile"), exit()];
    let expected = [
        &[started("fragile"), exit()][..],
        &messages,
        &[stopped, exit(), started("other"), exit(), handle("other"), exit()],
    ];
    assert_eq!(spans_at(Level::TRACE), expected.concat(), "a span is left by a panic too");
    assert_eq!(spans_at(Level::INFO), Vec::<String>::new());
}
