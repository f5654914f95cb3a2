//! The spans of middleware. A program of its own, with one test: which levels are wanted is known to the whole process.

use std::fmt;
use std::sync::{Arc, Mutex};

use hippodrome::sim::Sim;
use hippodrome::{Actor, Context, On, Stop};
use hippodrome_toolkit::middleware::{Layers, Tracing};
use tracing::Level;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// Panics with some of its messages.
struct Fragile;

impl Actor for Fragile {
    type Msg = u64;

    fn handle(&mut self, n: u64, _: &mut Context<'_, u64>) {
        if n == 4 {
            std::panic::resume_unwind(Box::new("a panic of the test's"));
        }
    }
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
        sim.handle().stop(actor, Stop::Now).unwrap();
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
