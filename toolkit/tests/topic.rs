//! Topics: who hears what, and what becomes of events that do not fit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use hippodrome::sim::{Sim, explore};
use hippodrome::{Actor, ActorRef, Context, Engine, Handle, On, Props, Restart, from_fn};
use hippodrome_toolkit::topic::{TOPIC_EVENT_BYTES, Topic};

#[derive(Clone, Copy, Debug, PartialEq)]
struct Price(u64);

const EURUSD: Topic<Price> = Topic::named("prices/EURUSD");
const EURCHF: Topic<Price> = Topic::named("prices/EURCHF");

/// The same name for another type of event is another topic.
const COUNTS: Topic<u64> = Topic::named("prices/EURUSD");

/// Tells a listener of every even price of its topic, and panics when it is told to.
struct Subscriber {
    topic: Topic<Price>,
    listener: ActorRef<u64>,
}

impl Actor for Subscriber {
    type Msg = Option<u64>;

    fn started(&mut self, ctx: &mut Context<'_, Option<u64>>) {
        self.topic.subscribe(ctx, |Price(price)| (price % 2 == 0).then_some(Some(*price)));
    }

    fn handle(&mut self, price: Option<u64>, ctx: &mut Context<'_, Option<u64>>) {
        match price {
            Some(price) => ctx.tell(self.listener, price),
            None => panic!("told to panic"),
        }
    }
}

fn subscribe(handle: &Handle, on: On, topic: Topic<Price>, listener: ActorRef<u64>) -> ActorRef<Option<u64>> {
    let props = Props::on(on).restart(Restart::up_to(3, Duration::from_secs(60)));
    handle.spawn(props, move || Subscriber { topic, listener }).unwrap()
}

#[test]
fn subscribers_hear_their_topic_alone_on_every_worker() {
    explore(30, |sim| {
        let handle = sim.handle();
        let probes: Vec<_> = (0..4).map(|_| sim.probe()).collect();
        for (n, probe) in probes.iter().enumerate() {
            let topic = if n < 3 { EURUSD } else { EURCHF };
            subscribe(&handle, On::Worker(n % 2), topic, probe.actor());
        }
        sim.run_until_idle().unwrap();
        let publisher = handle.spawn(On::Worker(1), || {
            from_fn(|price: u64, ctx: &mut Context<'_, u64>| {
                assert!(EURUSD.publish(ctx, Price(price)) && COUNTS.publish(ctx, 2));
            })
        });
        let publisher = publisher.unwrap();
        (0..10).for_each(|price| handle.tell(publisher, price));
        assert!(EURCHF.publish_from_outside(&handle, Price(100)));
        sim.run_until_idle().unwrap();
        for probe in &probes[..3] {
            assert_eq!(probe.drain(), [0, 2, 4, 6, 8]);
        }
        assert_eq!(probes[3].drain(), [100]);
    });
}

#[test]
fn a_restarted_subscriber_subscribes_again_and_hears_each_event_once() {
    let mut sim = Sim::new(1);
    let (handle, probe) = (sim.handle(), sim.probe());
    let subscriber = subscribe(&handle, On::Worker(0), EURUSD, probe.actor());
    sim.run_until_idle().unwrap();
    handle.tell(subscriber, None);
    sim.run_until_idle().unwrap();
    assert!(EURUSD.publish_from_outside(&handle, Price(4)));
    assert_eq!(probe.expect(&mut sim), 4);
    probe.expect_none(&mut sim);
}

/// Counts how many of them live.
struct Alive(Arc<AtomicU64>);

impl Alive {
    fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn what_does_not_fit_the_bus_is_counted_and_every_event_is_dropped() {
    let topic: Topic<Alive> = Topic::named("alive");
    let alive = Arc::new(AtomicU64::new(0));
    let mut sim = Sim::builder(2).configure(|config| config.event_capacity = 64).build().unwrap();
    let handle = sim.handle();
    sim.run_until_idle().unwrap();
    let fitted = (0..200).filter(|_| topic.publish_from_outside(&handle, Alive::new(&alive))).count() as u64;
    assert!((1..=64).contains(&fitted), "{fitted}");
    assert_eq!(sim.stats().lost_events, 200 - fitted);
    assert_eq!(alive.load(Ordering::Relaxed), fitted);
    sim.shutdown().unwrap();
    drop((sim, handle));
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn an_event_may_have_as_many_bytes_as_it_says() {
    let topic: Topic<[u8; TOPIC_EVENT_BYTES]> = Topic::named("large");
    let sim = Sim::new(3);
    assert!(topic.publish_from_outside(&sim.handle(), [7; TOPIC_EVENT_BYTES]));
}

#[test]
fn real_workers_hear_each_other_and_the_threads_outside() {
    const EVENTS: u64 = 500;
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let (told, seen) = mpsc::channel();
    let (started, is_started) = mpsc::channel();
    for worker in 0..2 {
        let (told, started) = (told.clone(), started.clone());
        let listen = move || Listener { told: told.clone(), started: started.clone() };
        handle.spawn(On::Worker(worker), listen).unwrap();
    }
    (0..2).for_each(|_| is_started.recv_timeout(Duration::from_secs(30)).unwrap());
    let publisher = handle.spawn(On::Worker(0), || {
        from_fn(|price: u64, ctx: &mut Context<'_, u64>| assert!(EURUSD.publish(ctx, Price(price))))
    });
    let publisher = publisher.unwrap();
    for price in 0..EVENTS {
        handle.tell(publisher, 2 * price);
        assert!(EURUSD.publish_from_outside(&handle, Price(2 * price + 1)));
        for _ in 0..4 {
            seen.recv_timeout(Duration::from_secs(30)).expect("an event is heard");
        }
    }
    engine.shutdown(Duration::from_secs(30)).unwrap();
    assert!(seen.try_recv().is_err(), "an event was heard twice");
}

/// Tells the test of each event.
struct Listener {
    told: mpsc::Sender<Price>,
    started: mpsc::Sender<()>,
}

impl Actor for Listener {
    type Msg = Price;

    fn started(&mut self, ctx: &mut Context<'_, Price>) {
        EURUSD.subscribe(ctx, |price| Some(*price));
        self.started.send(()).expect("the test listens");
    }

    fn handle(&mut self, price: Price, _ctx: &mut Context<'_, Price>) {
        self.told.send(price).expect("the test listens");
    }
}
