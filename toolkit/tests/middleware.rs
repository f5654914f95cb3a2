//! Middleware: the order of layers, and what those that ship with it let through, in virtual time.

mod accounts;
#[path = "middleware/breaking.rs"]
mod breaking;
#[path = "middleware/limits.rs"]
mod limits;
#[path = "middleware/measuring.rs"]
mod measuring;

use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use accounts::{Accounts, Entry};
use hippodrome::sim::{Faults, Sim, explore, explore_with};
use hippodrome::{Actor, ActorRef, Batch, Context, Engine, MailboxSpec, On, Props, Restart, Stop, from_fn};
use hippodrome_toolkit::behaviour::Behaviours;
use hippodrome_toolkit::middleware::{
    Breaker, BreakerLimits, CircuitBreaker, Deadline, Layers, Metrics, Middleware, RateLimit, Tracing,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Tells when it is called, and when what is inside of it has returned.
struct Telling(&'static str, Sender<String>);

impl Telling {
    fn around<R>(&self, what: &str, run: impl FnOnce() -> R) -> R {
        self.1.send(format!("{} {what}", self.0)).unwrap();
        let result = run();
        self.1.send(format!("{} {what} done", self.0)).unwrap();
        result
    }
}

impl<M: Send + 'static> Middleware<M> for Telling {
    fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>)) {
        self.around("handles", || next(msg, ctx));
    }

    fn started(&mut self, ctx: &mut Context<'_, M>, next: impl FnOnce(&mut Context<'_, M>)) {
        self.around("starts", || next(ctx));
    }

    fn stopped(&mut self, ctx: &mut Context<'_, M>, next: impl FnOnce(&mut Context<'_, M>)) {
        self.around("stops", || next(ctx));
    }
}

/// A layer of which nothing is written.
struct Silent;

impl Middleware<u64> for Silent {}

struct Inner(Sender<String>);

impl Actor for Inner {
    type Msg = u64;

    fn handle(&mut self, n: u64, _: &mut Context<'_, u64>) {
        self.0.send(format!("actor handles {n}")).unwrap();
        if n == 13 {
            std::panic::resume_unwind(Box::new("a panic of the test's"));
        }
    }

    fn started(&mut self, _: &mut Context<'_, u64>) {
        self.0.send("actor starts".into()).unwrap();
    }

    fn stopped(&mut self, _: &mut Context<'_, u64>) {
        self.0.send("actor stops".into()).unwrap();
    }
}

#[test]
fn the_last_layer_is_the_outermost_around_messages_and_lifecycle() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let (sender, seen) = mpsc::channel();
    let (inside, outside) = (sender.clone(), sender.clone());
    let factory = (move || Inner(sender.clone()))
        .layer(move || Telling("inside", inside.clone()))
        .layer(|| Silent)
        .layer(move || Telling("outside", outside.clone()));
    let actor = handle.spawn(On::Worker(1), factory).unwrap();
    handle.tell(actor, 7);
    handle.stop(actor, Stop::AfterQueued).unwrap();
    handle.watch(actor).unwrap().wait(PATIENCE).unwrap();
    let around = |what: &str, inner: &str| {
        [
            format!("outside {what}"),
            format!("inside {what}"),
            format!("actor {inner}"),
            format!("inside {what} done"),
            format!("outside {what} done"),
        ]
    };
    let expected = [around("starts", "starts"), around("handles", "handles 7"), around("stops", "stops")].concat();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), expected);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn layers_are_made_anew_with_the_actor() {
    explore(20, |sim| {
        let (sender, seen) = mpsc::channel();
        let (layer, made) = (sender.clone(), sender.clone());
        let factory = (move || Inner(sender.clone())).layer(move || {
            made.send("made".into()).unwrap();
            Telling("layer", layer.clone())
        });
        let props = Props::on(On::Worker(0)).restart(Restart::up_to(1, PATIENCE));
        let actor = sim.handle().spawn(props, factory).unwrap();
        [1, 13, 2].into_iter().for_each(|n| sim.handle().tell(actor, n));
        sim.run_until_idle().unwrap();
        let start = ["made", "layer starts", "actor starts", "layer starts done"];
        let seen: Vec<String> = seen.try_iter().collect();
        let expected = [
            &start[..],
            &["layer handles", "actor handles 1", "layer handles done", "layer handles", "actor handles 13"],
            &start,
            &["layer handles", "actor handles 2", "layer handles done"],
        ];
        assert_eq!(seen, expected.concat());
    });
}

/// Handles its messages by batches alone.
struct Batching(Sender<u64>);

impl Actor for Batching {
    type Msg = u64;

    fn handle(&mut self, _: u64, _: &mut Context<'_, u64>) {
        panic!("it takes batches");
    }

    fn handle_batch(&mut self, first: u64, mut rest: Batch<'_, u64>) {
        assert!(rest.is_over() && rest.next().is_none(), "it is alone");
        self.0.send(first).unwrap();
    }
}

#[test]
fn a_layered_actor_gets_batches_of_one() {
    let mut sim = Sim::new(6);
    let (sender, seen) = mpsc::channel();
    let factory =
        (move || Batching(sender.clone())).layer(|| Silent).layer(|| RateLimit::per_second(7)).layer(|| Silent);
    let actor = sim.handle().spawn(On::Worker(0), factory).unwrap();
    let starter = move |(), ctx: &mut Context<'_, ()>| assert_eq!(ctx.tell_batch(actor, 0..10), 10);
    let starter = sim.handle().spawn(On::Worker(0), move || from_fn(starter)).unwrap();
    sim.handle().tell(starter, ());
    sim.run_until_idle().unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
    assert_eq!(sim.stats().dead_letters().total(), 3);
}

/// Handles in two ways in turn, under layers.
struct Turning {
    behaviours: Behaviours<Self>,
    log: ActorRef<(bool, u64)>,
}

impl Turning {
    fn even(&mut self, n: u64, ctx: &mut Context<'_, u64>) {
        self.behaviours.replace(Self::odd);
        ctx.tell(self.log, (false, n));
    }

    fn odd(&mut self, n: u64, ctx: &mut Context<'_, u64>) {
        self.behaviours.replace(Self::even);
        ctx.tell(self.log, (true, n));
    }
}

impl Actor for Turning {
    type Msg = u64;

    fn handle(&mut self, n: u64, ctx: &mut Context<'_, u64>) {
        self.behaviours.current()(self, n, ctx);
    }
}

#[test]
fn behaviours_and_layers_combine() {
    let mut sim = Sim::new(4);
    let probe = sim.probe();
    let log = probe.actor();
    let factory = (move || Turning { behaviours: Behaviours::new(Turning::even), log })
        .layer(|| RateLimit::per_second(3))
        .layer(|| Tracing::named("turning"));
    let actor = sim.handle().spawn(On::Worker(0), factory).unwrap();
    (0..5).for_each(|n| sim.handle().tell(actor, n));
    sim.run_until_idle().unwrap();
    assert_eq!(probe.drain(), [(false, 0), (true, 1), (false, 2)], "what is refused changes nothing");
}

struct Item {
    entry: Entry,
    until_ns: u64,
}

/// Two actors with all layers there are, one of which fails when its number says so; each message is accounted for.
fn run_accounts(sim: &mut Sim) {
    let accounts = Accounts::new();
    let mailbox = MailboxSpec::bounded(std::num::NonZeroUsize::new(16).unwrap());
    let props = [Props::on(On::Worker(0)), Props::on(On::Worker(1)).mailbox(mailbox)];
    let actors = props.map(|props| {
        let limits = BreakerLimits {
            failures: 2,
            within: Duration::from_millis(5),
            cool_down: Duration::from_millis(1),
            trials: 2,
        };
        let breaker = Breaker::new(limits);
        let factory = (|| {
            from_fn(|item: Item, _ctx| {
                if item.entry.number() % 11 == 7 {
                    std::panic::resume_unwind(Box::new("a panic of the test's"));
                }
                item.entry.handle();
            })
        })
        .layer(move || CircuitBreaker::new(&breaker))
        .layer(|| RateLimit::new(10, Duration::from_millis(1)))
        .layer(|| Deadline::by(|item: &Item| item.until_ns))
        .layer(|| Metrics::named("accountable"))
        .layer(|| Tracing::named("accountable"));
        let props = props.restart(Restart::up_to(20, Duration::from_millis(5)));
        sim.handle().spawn(props, factory).unwrap()
    });
    let mut choice = sim.seed();
    for n in 0..300_u64 {
        choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let until_ns = if choice >> 60 == 0 { 0 } else { u64::MAX };
        sim.handle().tell(actors[(choice >> 40) as usize % 2], Item { entry: accounts.entry(), until_ns });
        sim.run_for_steps(choice >> 32 & 3);
        if n % 50 == 49 {
            sim.advance(Duration::from_millis(2)).unwrap();
        }
    }
    sim.run_until_idle().unwrap();
    let report = sim.shutdown().unwrap();
    accounts.check_simulated(&report, &sim.injected());
    assert!(accounts.handled() > 0);
}

#[test]
fn each_message_is_handled_or_reported_whatever_layers_do() {
    explore(20, run_accounts);
}

#[test]
fn each_message_is_handled_or_reported_in_chaos() {
    explore_with(50, |builder| builder.faults(Faults::chaos()), run_accounts);
}
