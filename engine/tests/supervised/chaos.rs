//! Families at random, in simulation and on threads: whatever parents decide and whatever befalls their children, each
//! message is handled once or reported once, and the engine ends in order.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hippodrome::sim::{Faults, explore_with};
use hippodrome::{Actor, ActorRef, ChildEvent, Context, Engine, MailboxSpec, On, Props, Restart, Stop, from_fn};

use crate::common::{PATIENCE, eventually};

/// What became of the numbers and of the parent's orders, beyond all lives.
#[derive(Clone, Debug, Default)]
struct Counts {
    sent: Arc<AtomicU64>,
    handled: Arc<AtomicU64>,
    ends: Arc<AtomicU64>,
}

enum Order {
    Told(ChildEvent),
    /// Send a number to each child, and do something at random.
    Go,
}

/// Keeps four children, in all kinds of ways.
struct Parent {
    children: Vec<ActorRef<u64>>,
    counts: Counts,
}

impl Parent {
    fn spawn(&mut self, ctx: &mut Context<'_, Order>) {
        let handled = self.counts.handled.clone();
        let factory = move || {
            let handled = handled.clone();
            from_fn(move |n: u64, ctx: &mut Context<'_, u64>| {
                handled.fetch_add(1, Ordering::Relaxed);
                match n % 41 {
                    0 => ctx.stop_self(),
                    1 => ctx.fail_self("at random"),
                    2 => _ = ctx.spawn(On::RoundRobin, || from_fn(|(), _ctx| ())),
                    _ => {}
                }
            })
        };
        let mut props = Props::on(On::RoundRobin);
        if ctx.random().is_multiple_of(2) {
            props = props.mailbox(MailboxSpec::bounded(NonZeroUsize::new(8).unwrap()));
        }
        if ctx.random().is_multiple_of(4) {
            props = props.restart(Restart::up_to(1, Duration::from_secs(1)));
        }
        if let Ok(child) = ctx.supervise(props, factory, Order::Told) {
            self.children.push(child);
        }
    }

    fn ended(&mut self, child: ActorRef<u64>, ctx: &mut Context<'_, Order>) {
        self.counts.ends.fetch_add(1, Ordering::Relaxed);
        match ctx.random() % 4 {
            0 => {
                self.children.retain(|other| *other != child);
                ctx.release_child(child);
                self.spawn(ctx);
            }
            1 => ctx.restart_child(child, Duration::from_micros(500)),
            _ => ctx.restart_child(child, Duration::ZERO),
        }
    }

    fn at_random(&mut self, ctx: &mut Context<'_, Order>) {
        let Some(child) = self.children.get(ctx.random() as usize % 4).copied() else { return };
        match ctx.random() % 12 {
            0 => ctx.stop(child, Stop::Now),
            1 => ctx.stop(child, Stop::AfterQueued),
            2 => ctx.stop(child, Stop::Kill),
            3 => {
                // Whatever it does, it ends for good.
                self.children.retain(|other| *other != child);
                ctx.stop(child, Stop::AfterQueued);
                ctx.release_child(child);
                self.spawn(ctx);
            }
            4 => ctx.restart_child(child, Duration::ZERO),
            _ => {}
        }
    }
}

impl Actor for Parent {
    type Msg = Order;

    fn started(&mut self, ctx: &mut Context<'_, Order>) {
        (0..4).for_each(|_| self.spawn(ctx));
    }

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Told(ChildEvent::Started { .. }) => {}
            Order::Told(ChildEvent::Ended { child, .. }) => {
                let child = self.children.iter().copied().find(|known| known.address() == child);
                if let Some(child) = child {
                    self.ended(child, ctx);
                }
            }
            Order::Go => {
                self.counts.handled.fetch_add(1, Ordering::Relaxed);
                self.counts.sent.fetch_add(self.children.len() as u64, Ordering::Relaxed);
                for n in 0..self.children.len() {
                    let number = ctx.random();
                    ctx.tell(self.children[n], number);
                }
                self.at_random(ctx);
            }
        }
    }
}

/// How many orders the parent is sent.
const ROUNDS: u64 = 300;

fn parent(counts: &Counts) -> impl FnMut() -> Parent + Send + 'static {
    let counts = counts.clone();
    move || Parent { children: Vec::new(), counts: counts.clone() }
}

#[test]
fn each_number_has_one_fate_in_simulation() {
    let faults = Faults::chaos().panics_after(0).stops(200).failures(200);
    let ends = AtomicU64::new(0);
    explore_with(
        100,
        |builder| builder.faults(faults),
        |sim| {
            let counts = Counts::default();
            let parent = sim.handle().spawn(On::Worker(0), parent(&counts)).unwrap();
            sim.spare(parent);
            for round in 0..ROUNDS {
                sim.handle().tell(parent, Order::Go);
                sim.run_for_steps(round % 9);
                if round % 50 == 0 {
                    sim.advance(Duration::from_millis(1)).unwrap();
                }
            }
            sim.run_until_idle().unwrap();
            sim.advance(Duration::from_millis(10)).unwrap();
            let report = sim.shutdown().unwrap();
            assert_eq!(report.actors_left, 0);
            counts.check(report.dead_letters.total());
            ends.fetch_add(counts.ends.load(Ordering::Relaxed), Ordering::Relaxed);
        },
    );
    assert!(ends.load(Ordering::Relaxed) > 2000, "{ends:?}");
}

impl Counts {
    #[track_caller]
    fn check(&self, dead: u64) {
        let sent = ROUNDS + self.sent.load(Ordering::Relaxed);
        assert_eq!(self.handled.load(Ordering::Relaxed) + dead, sent);
        assert_eq!(sent, 5 * ROUNDS, "there are always four of them");
    }
}

#[test]
fn each_number_has_one_fate_on_threads() {
    for _ in 0..5 {
        let counts = Counts::default();
        let engine = Engine::builder().unpinned_workers(3).start().unwrap();
        let handle = engine.handle();
        let parent = handle.spawn(On::Worker(0), parent(&counts)).unwrap();
        for round in 0..ROUNDS {
            // Not all at once: its children are to end in between.
            eventually("the parent came so far", || counts.sent.load(Ordering::Relaxed) >= 4 * round);
            handle.tell_within(PATIENCE, parent, Order::Go).expect("there is room before long");
        }
        let report = engine.shutdown(PATIENCE).unwrap();
        assert!(report.drained && report.stopped_in_order, "{report:?}");
        counts.check(report.dead_letters.total());
        assert!(counts.ends.load(Ordering::Relaxed) > 0, "{counts:?}");
    }
}
