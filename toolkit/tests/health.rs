//! Health checks: who is reported as what, and who is made anew.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hippodrome::sim::{Faults, Sim, explore};
use hippodrome::{
    Actor, ActorRef, AskError, Context, Engine, Handle, On, Props, Reply, Restart, Stop, SystemEvent, from_fn,
};
use hippodrome_toolkit::health::{Check, Health, HealthEvent, HealthMessage, HealthMonitor, HealthTable, OnFailure};

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3600);

const PERIOD: Duration = Duration::from_millis(100);

/// Answers, until it is wedged: then it keeps the replies of all who ask, for as long as it lives.
struct Patient {
    is_wedged: bool,
    kept: VecDeque<Reply<()>>,
}

enum Call {
    Alive(Reply<()>),
    Wedge,
    Recover,
}

impl Actor for Patient {
    type Msg = Call;

    fn handle(&mut self, call: Call, ctx: &mut Context<'_, Call>) {
        match call {
            Call::Alive(reply) if self.is_wedged => self.kept.push_back(reply),
            Call::Alive(reply) => reply.send(ctx, ()),
            Call::Wedge => self.is_wedged = true,
            Call::Recover => self.is_wedged = false,
        }
    }
}

/// A patient, and how often it was made.
fn patient(handle: &Handle, on: On, restarts: u32) -> (ActorRef<Call>, Arc<AtomicU64>) {
    let made = Arc::new(AtomicU64::new(0));
    let count = made.clone();
    let patient = handle.spawn(Props::on(on).restart(Restart::up_to(restarts, FOREVER)), move || {
        count.fetch_add(1, Ordering::Relaxed);
        Patient { is_wedged: false, kept: VecDeque::new() }
    });
    (patient.unwrap(), made)
}

/// Three misses of a period each, with a deadline of half of it.
fn check(actor: ActorRef<Call>) -> Check {
    Check::asking(actor, Call::Alive).every(PERIOD).deadline(PERIOD / 2).failures(3)
}

fn spawn(handle: &Handle, on: On, monitor: HealthMonitor) -> ActorRef<HealthMessage> {
    handle.spawn(on, move || monitor.clone()).unwrap()
}

fn table(sim: &mut Sim, monitor: ActorRef<HealthMessage>) -> HealthTable {
    sim.ask(monitor, HealthMessage::table).unwrap()
}

/// What is compared of an event.
fn brief(events: Vec<HealthEvent>) -> Vec<(Health, u32, OnFailure)> {
    events.iter().map(|event| (event.health, event.failures, event.done)).collect()
}

#[test]
fn those_who_answer_are_healthy_and_nothing_is_reported() {
    explore(50, |sim| {
        let handle = sim.handle();
        let probe = sim.probe::<HealthEvent>();
        let (asked, _) = patient(&handle, On::Worker(0), 0);
        let (pinged, _) = patient(&handle, On::Worker(1), 0);
        let pings = Check::ping(pinged).named("pinged").every(PERIOD).deadline(PERIOD / 2);
        let monitor =
            HealthMonitor::new().check(check(asked).named("asked")).check(pings).report_to(probe.actor(), |e| e);
        let monitor = spawn(&handle, On::Worker(1), monitor);
        sim.advance(Duration::from_millis(1050)).unwrap();
        let table = table(sim, monitor);
        assert_eq!(table.rows.iter().map(|row| row.name).collect::<Vec<_>>(), ["asked", "pinged"]);
        for actor in [asked, pinged] {
            let row = table.of(actor).unwrap();
            assert_eq!((row.health, row.failures_total, row.answers, row.orders), (Health::Healthy, 0, 11, 0));
            assert_eq!(row.round_trip_ns, Some(0), "virtual time stands still while actors run");
            // The first was at the start; the timers' grid is a millisecond.
            assert!(row.answered_ns.is_some_and(|ns| (1_000_000_000..1_050_000_000).contains(&ns)), "{row:?}");
        }
        probe.expect_none(sim);
        assert_eq!(sim.stats().dead_letters().total(), 0);
    });
}

#[test]
fn one_that_does_not_answer_is_made_anew_by_its_own_policy() {
    explore(50, |sim| {
        let handle = sim.handle();
        let probe = sim.probe::<HealthEvent>();
        let (patient, made) = patient(&handle, On::Worker(0), 1);
        let checks = check(patient).on_failure(OnFailure::Restart);
        let monitor = spawn(&handle, On::Worker(1), HealthMonitor::new().check(checks).report_to(probe.actor(), |e| e));
        sim.advance(Duration::from_millis(250)).unwrap();
        handle.tell(patient, Call::Wedge);
        sim.advance(Duration::from_millis(1000)).unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 2);
        let unresponsive = (Health::Unresponsive, 3, OnFailure::Restart);
        assert_eq!(brief(probe.drain()), [unresponsive, (Health::Healthy, 0, OnFailure::Report)]);
        let row = table(sim, monitor).rows[0];
        assert_eq!((row.health, row.failures, row.failures_total, row.orders), (Health::Healthy, 0, 3, 1));
        // Its policy grants no other restart.
        handle.tell(patient, Call::Wedge);
        sim.advance(Duration::from_millis(1000)).unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 2);
        assert_eq!(brief(probe.drain()), [unresponsive, (Health::Stopped, 0, OnFailure::Report)]);
        assert_eq!(table(sim, monitor).rows[0].health, Health::Stopped);
        let handled = sim.stats().handled();
        sim.advance(Duration::from_secs(10)).unwrap();
        assert_eq!(sim.stats().handled(), handled, "it is not checked any more");
    });
}

#[test]
fn one_that_does_not_answer_is_reported_once_until_it_does() {
    explore(50, |sim| {
        let handle = sim.handle();
        let probe = sim.probe::<HealthEvent>();
        let (patient, made) = patient(&handle, On::Worker(0), 1);
        let monitor = HealthMonitor::new().check(check(patient)).report_to(probe.actor(), |event| event);
        let monitor = spawn(&handle, On::Worker(1), monitor);
        handle.tell(patient, Call::Wedge);
        sim.advance(Duration::from_millis(2000)).unwrap();
        assert_eq!(brief(probe.drain()), [(Health::Unresponsive, 3, OnFailure::Report)]);
        assert!(table(sim, monitor).rows[0].failures > 3);
        // It is asked each tenth period in the end, and not 200 times.
        sim.advance(Duration::from_millis(18_000)).unwrap();
        assert!((20..40).contains(&table(sim, monitor).rows[0].failures_total));
        handle.tell(patient, Call::Recover);
        sim.advance(Duration::from_millis(1200)).unwrap();
        assert_eq!(brief(probe.drain()), [(Health::Healthy, 0, OnFailure::Report)]);
        // Two misses are not three.
        handle.tell(patient, Call::Wedge);
        sim.advance(Duration::from_millis(260)).unwrap();
        assert_eq!(table(sim, monitor).rows[0].health, Health::Failing);
        handle.tell(patient, Call::Recover);
        sim.advance(Duration::from_millis(500)).unwrap();
        assert_eq!(table(sim, monitor).rows[0].health, Health::Healthy);
        probe.expect_none(sim);
        assert_eq!(made.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn one_that_does_not_answer_can_be_stopped() {
    let mut sim = Sim::new(3);
    let handle = sim.handle();
    let probe = sim.probe::<HealthEvent>();
    let (patient, made) = patient(&handle, On::Worker(0), 9);
    let checks = check(patient).failures(1).on_failure(OnFailure::Stop);
    let monitor = spawn(&handle, On::Worker(0), HealthMonitor::new().check(checks).report_to(probe.actor(), |e| e));
    handle.tell(patient, Call::Wedge);
    sim.advance(Duration::from_secs(1)).unwrap();
    let events = brief(probe.drain());
    assert_eq!(events, [(Health::Unresponsive, 1, OnFailure::Stop), (Health::Stopped, 0, OnFailure::Report)]);
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert_eq!(table(&mut sim, monitor).rows[0].health, Health::Stopped);
}

#[test]
fn checks_come_and_go() {
    let mut sim = Sim::new(4);
    let handle = sim.handle();
    let (one, _) = patient(&handle, On::Worker(0), 0);
    let (other, _) = patient(&handle, On::Worker(1), 0);
    let monitor = spawn(&handle, On::Worker(1), HealthMonitor::new().check(check(one)));
    handle.tell(monitor, HealthMessage::add(check(other).named("other")));
    handle.tell(monitor, HealthMessage::remove(one));
    sim.advance(Duration::from_secs(1)).unwrap();
    let rows = table(&mut sim, monitor).rows;
    assert_eq!(
        rows.iter().map(|row| (row.actor, row.health)).collect::<Vec<_>>(),
        [(other.address(), Health::Healthy)]
    );
    // What takes the place of the one that went is another.
    handle.tell(monitor, HealthMessage::add(check(one).named("one")));
    handle.stop(one, Stop::Now).unwrap();
    sim.advance(Duration::from_secs(1)).unwrap();
    let table = table(&mut sim, monitor);
    assert_eq!(table.of(one).unwrap().health, Health::Stopped);
    assert_eq!(table.of(other).unwrap().health, Health::Healthy);
    let text = table.to_string();
    assert_eq!(text.lines().count(), 3);
    assert!(text.starts_with("name ") && text.contains("other ") && text.contains(" stopped "), "{text}");
}

#[test]
fn one_that_cannot_be_asked_has_not_failed() {
    let mut sim = Sim::builder(6).configure(|config| config.max_asks = 1).build().unwrap();
    let handle = sim.handle();
    let (wedged, _) = patient(&handle, On::Worker(0), 0);
    let (well, _) = patient(&handle, On::Worker(0), 0);
    // The one question that may wait is always this one's.
    let wedges = Check::asking(wedged, Call::Alive).every(PERIOD).deadline(FOREVER);
    handle.tell(wedged, Call::Wedge);
    let monitor = spawn(&handle, On::Worker(1), HealthMonitor::new().check(wedges));
    sim.advance(PERIOD).unwrap();
    handle.tell(monitor, HealthMessage::add(check(well)));
    sim.advance(Duration::from_secs(5)).unwrap();
    let row = *table(&mut sim, monitor).of(well).unwrap();
    assert_eq!((row.health, row.failures_total, row.answers), (Health::Unknown, 0, 0));
}

#[test]
fn one_for_which_there_is_no_timer_is_reported_as_unchecked() {
    let mut sim = Sim::builder(7).configure(|config| (config.max_timers, config.max_asks) = (1, 1)).build().unwrap();
    let handle = sim.handle();
    let probe = sim.probe::<HealthEvent>();
    let (patient, _) = patient(&handle, On::Worker(0), 0);
    let monitor = HealthMonitor::new().check(Check::ping(patient)).check(Check::ping(patient).named("second"));
    let monitor = spawn(&handle, On::Worker(1), monitor.report_to(probe.actor(), |event| event));
    sim.advance(PERIOD).unwrap();
    assert_eq!(brief(probe.drain()), [(Health::Unchecked, 0, OnFailure::Report)]);
    assert_eq!(table(&mut sim, monitor).rows[1].health, Health::Unchecked);
}

/// Through panics, stops and delays of everybody, the wedged are made anew, and when it is over all who live are well.
#[test]
fn all_who_live_are_well_when_the_faults_are_over() {
    let (mut orders, mut stopped) = (0, 0);
    explore(200, |sim| {
        let handle = sim.handle();
        let patients: Vec<_> = (0..4).map(|n| patient(&handle, On::Worker(n % 2), 1_000_000).0).collect();
        let checks = patients.iter().map(|patient| check(*patient).on_failure(OnFailure::Restart));
        let probe = sim.probe::<HealthEvent>();
        let monitor = checks.fold(HealthMonitor::new(), HealthMonitor::check).report_to(probe.actor(), |event| event);
        let props = Props::on(On::Worker(1)).restart(Restart::up_to(1_000_000, FOREVER));
        let monitor = handle.spawn(props, move || monitor.clone()).unwrap();
        // Somebody has to be left who can be asked.
        sim.set_faults(Faults::chaos().stops(0));
        for round in 0..6 {
            handle.tell(patients[round % 4], Call::Wedge);
            sim.advance(Duration::from_millis(300)).unwrap();
        }
        sim.spare(monitor);
        sim.set_faults(Faults::chaos());
        sim.advance(Duration::from_millis(300)).unwrap();
        sim.set_faults(Faults::none());
        sim.advance(Duration::from_secs(2)).unwrap();
        orders += probe.drain().iter().filter(|event| event.done == OnFailure::Restart).count();
        for row in table(sim, monitor).rows {
            let is_there = handle.ping(row.actor).unwrap();
            let expected = if sim.wait(is_there, PERIOD) == Ok(()) { Health::Healthy } else { Health::Stopped };
            assert_eq!(row.health, expected, "{row:?}");
            stopped += u32::from(expected == Health::Stopped);
        }
    });
    assert!(orders > 0 && stopped > 0, "{orders} orders, {stopped} stopped: both are to happen");
}

/// Hangs in its handler until the test lets it go on.
struct Hangs {
    began: mpsc::Sender<()>,
    gate: Receiver<()>,
}

impl Actor for Hangs {
    type Msg = ();

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {
        self.began.send(()).unwrap();
        self.gate.recv_timeout(PATIENCE).expect("the gate is opened");
    }
}

/// On real workers, with a handler that really hangs: it is named, it and its neighbours are stuck, and none of them is
/// made anew for it.
#[test]
fn a_handler_that_hangs_is_named_and_its_neighbours_are_left_alone() {
    let builder = Engine::builder().unpinned_workers(2).configure(|config| config.stall_threshold_ms = 50);
    let engine = builder.start().unwrap();
    let handle = engine.handle();
    let (told, events) = mpsc::channel();
    let (stalled, stalls) = mpsc::channel();
    // Reports reach whoever subscribes, and whoever is named.
    let named = handle.spawn(On::Worker(1), move || {
        let told = told.clone();
        from_fn(move |event: HealthEvent, _ctx| told.send(event).unwrap())
    });
    let (published, bus) = mpsc::channel();
    let listener = handle.spawn(On::Worker(1), move || {
        let (published, stalled) = (published.clone(), stalled.clone());
        let mut is_subscribed = false;
        from_fn(move |event: Option<HealthEvent>, ctx: &mut Context<'_, _>| {
            if !std::mem::replace(&mut is_subscribed, true) {
                ctx.subscribe(|event: &HealthEvent| Some(Some(*event)));
                let stalled = stalled.clone();
                ctx.subscribe(move |event: &SystemEvent| {
                    if let SystemEvent::WorkerStalled { worker: 0, actor_type, stalled: time } = event {
                        stalled.send((actor_type.unwrap_or_default(), *time)).unwrap();
                    }
                    None
                });
            }
            event.into_iter().for_each(|event| published.send(event).unwrap());
        })
    });
    let listener = listener.unwrap();
    handle.tell(listener, None);
    let (open, gate) = mpsc::channel();
    let (began, begins) = mpsc::channel();
    let gate = Mutex::new(Some(gate));
    let hanging = handle.spawn(On::Worker(0), move || Hangs {
        began: began.clone(),
        gate: gate.lock().unwrap().take().expect("it is made once"),
    });
    let hanging = hanging.unwrap();
    let (neighbour, made) = patient(&handle, On::Worker(0), 9);
    assert_eq!(handle.ping(listener).unwrap().wait(PATIENCE), Ok(()));

    let quick = |check: Check| check.every(Duration::from_millis(10)).deadline(Duration::from_millis(40)).failures(2);
    let monitor = HealthMonitor::new()
        .check(quick(Check::ping(hanging)).named("hanging"))
        .check(quick(Check::asking(neighbour, Call::Alive)).named("neighbour").on_failure(OnFailure::Restart))
        .report_to(named.unwrap(), |event| event);
    let monitor = spawn(&handle, On::Worker(1), monitor);
    handle.tell(hanging, ());
    begins.recv_timeout(PATIENCE).unwrap();

    // A machine that is busy may stall any worker for a while: the one that hangs is named before long.
    loop {
        let (actor_type, time) = stalls.recv_timeout(PATIENCE).unwrap();
        assert!(time >= Duration::from_millis(50));
        if actor_type == std::any::type_name::<Hangs>() {
            break;
        }
    }
    let stuck = |events: &Receiver<HealthEvent>| {
        let mut left = vec!["hanging", "neighbour"];
        while !left.is_empty() {
            let event = events.recv_timeout(PATIENCE).unwrap();
            assert_eq!(event.done, OnFailure::Report, "{event:?}");
            if event.health == Health::Stuck {
                left.retain(|name| *name != event.name);
            }
        }
    };
    stuck(&events);
    stuck(&bus);
    open.send(()).unwrap();
    loop {
        let table = handle.ask(monitor, HealthMessage::table).wait(PATIENCE).unwrap();
        if table.rows.iter().all(|row| row.health == Health::Healthy) {
            assert!(table.rows.iter().all(|row| row.orders == 0));
            break;
        }
    }
    assert_eq!(made.load(Ordering::Relaxed), 1, "the neighbour lives as before");
    assert_eq!(handle.ping(hanging).unwrap().wait(PATIENCE), Ok::<(), AskError>(()));
    engine.shutdown(PATIENCE).unwrap();
}
