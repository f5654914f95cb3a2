//! Promise 10: run on one thread from a seed, the same inputs give the same order of handling.
//!
//! Actors do at random what actors can do; all randomness is the engine's own, from its seed. What each handles is
//! written down with the time and the actor's address, and must be the same, byte for byte, whenever it is done again.

mod support;

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hippodrome::{
    Actor, ActorRef, AskError, Backoff, Context, Engine, Handle, MailboxSpec, ManualClock, MissedTick, On, Overflow,
    Props, Reply, Restart, Stop, SystemEvent,
};
use support::{Random, make_tiny, panic_quietly};

#[derive(Default)]
struct World {
    trace: Mutex<String>,
    known: Mutex<Vec<ActorRef<Msg>>>,
}

enum Msg {
    Work(u64),
    Question(u64, Reply<u64>),
    Answered(Result<u64, AskError>),
    Later(u64),
    Tick,
    Gone(String),
    Event(&'static str),
}

impl Msg {
    fn describe(&self) -> String {
        match self {
            Self::Work(number) => format!("work {number}"),
            Self::Question(number, _) => format!("question {number}"),
            Self::Answered(answer) => format!("answer {answer:?}"),
            Self::Later(number) => format!("later {number}"),
            Self::Tick => "tick".to_owned(),
            Self::Gone(whom) => format!("gone {whom}"),
            Self::Event(event) => format!("event {event}"),
        }
    }
}

struct Node {
    world: Arc<World>,
    kept: Option<Reply<u64>>,
    ticks: u32,
}

impl Node {
    fn factory(world: &Arc<World>) -> impl FnMut() -> Self + Send + 'static {
        let world = world.clone();
        move || Self { world: world.clone(), kept: None, ticks: 0 }
    }

    /// Writes a line. The engine's number is left out: each engine of a process has its own.
    fn trace(&self, ctx: &Context<'_, Msg>, what: &str) {
        let me = ctx.me().address();
        let (now, worker, slot, generation) = (ctx.now_ns(), me.worker(), me.slot(), me.generation());
        writeln!(self.world.trace.lock().unwrap(), "{now} {worker}/{slot}.{generation} {what}").unwrap();
    }

    fn act(&mut self, ctx: &mut Context<'_, Msg>) {
        let (kind, number) = (ctx.random() % 40, ctx.random() % 1000);
        let to = {
            let known = self.world.known.lock().unwrap();
            known[number as usize % known.len()]
        };
        match kind {
            0..16 => ctx.tell(to, Msg::Work(number)),
            16..18 => {
                if let Err(error) = ctx.try_tell(to, Msg::Work(number)) {
                    self.trace(ctx, &format!("{error:?}"));
                }
            }
            18..25 => {
                let timeout = Duration::from_micros(100 * (number % 50));
                ctx.ask_within(timeout, to, |reply| Msg::Question(number, reply), Msg::Answered);
            }
            25..29 => {
                let _ = ctx.send_after(Duration::from_micros(number * 3), Msg::Later(number));
            }
            29 => {
                let _ = ctx.send_every(Duration::from_micros(500 + number), MissedTick::Skip, || Msg::Tick);
            }
            30..33 => {
                if let Ok(child) = ctx.spawn(props(number), Self::factory(&self.world)) {
                    self.world.known.lock().unwrap().push(child);
                }
            }
            33 => ctx.stop(to, [Stop::Now, Stop::AfterQueued, Stop::Kill][number as usize % 3]),
            34..36 => ctx.watch(to, |terminated| {
                let actor = terminated.actor;
                Msg::Gone(format!("{}/{}.{}, {}", actor.worker(), actor.slot(), actor.generation(), terminated.reason))
            }),
            36 => ctx.subscribe(|event: &SystemEvent| match event {
                SystemEvent::Restarted { .. } => Some(Msg::Event("restarted")),
                SystemEvent::Stopped { .. } => Some(Msg::Event("stopped")),
                _ => None,
            }),
            37 if number < 300 => panic_quietly(),
            _ => drop(self.kept.take()),
        }
    }
}

impl Actor for Node {
    type Msg = Msg;

    fn started(&mut self, ctx: &mut Context<'_, Msg>) {
        self.trace(ctx, "started");
    }

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Msg>) {
        self.trace(ctx, &msg.describe());
        match msg {
            Msg::Work(number) | Msg::Later(number) => (0..number % 3).for_each(|_| self.act(ctx)),
            Msg::Question(number, reply) => match number % 3 {
                0 => self.kept = Some(reply),
                _ => reply.send(ctx, number + 1),
            },
            Msg::Tick => {
                self.ticks += 1;
                if self.ticks > 20 {
                    ctx.stop_self();
                }
            }
            Msg::Answered(_) | Msg::Gone(_) | Msg::Event(_) => {}
        }
    }

    fn stopped(&mut self, ctx: &mut Context<'_, Msg>) {
        self.trace(ctx, "stopped");
    }
}

fn props(number: u64) -> Props<Msg> {
    let on = [On::Here, On::RoundRobin, On::LeastActors][number as usize % 3];
    let backoff = Backoff::exponential(Duration::from_micros(200), Duration::from_millis(2));
    let restart = match number / 3 % 3 {
        0 => Restart::Escalate,
        1 => Restart::up_to(100, Duration::from_secs(60)),
        _ => Restart::Restart { max: 100, within: Duration::from_secs(60), backoff },
    };
    let props = Props::on(on).restart(restart);
    let capacity = NonZeroUsize::new(1 + number as usize % 5).unwrap();
    match number / 9 % 4 {
        0 => props.mailbox(MailboxSpec::bounded(capacity).overflow(Overflow::DropOldest)),
        1 => props.mailbox(MailboxSpec::bounded(capacity)),
        _ => props,
    }
}

fn spawn_roots(world: &Arc<World>, handle: &Handle) {
    let patient = Restart::up_to(u32::MAX, Duration::from_secs(1));
    for root in 0..6 {
        let props = if root < 3 { Props::on(On::RoundRobin).restart(patient) } else { props(root) };
        world.known.lock().unwrap().push(handle.spawn(props, Node::factory(world)).unwrap());
    }
}

/// Runs the workload, with the same inputs for a seed: `inputs` says what comes in and when the host is polled, `seed`
/// is the engine's.
fn run(inputs: u64, seed: u64, workers: usize) -> String {
    let clock = Arc::new(ManualClock::default());
    let builder = Engine::builder().unpinned_workers(workers).clock(clock.clone()).configure(|config| {
        make_tiny(config);
        config.seed = seed;
        config.timer_resolution_us = 100;
        (config.turn_budget, config.lane_budget) = (16, 8);
        (config.max_actors, config.max_asks) = (64, 32);
    });
    let mut host = builder.host().unwrap();
    let (handle, world) = (host.handle(), Arc::<World>::default());
    spawn_roots(&world, &handle);
    let mut port = handle.port().unwrap();
    let mut random = Random::new(inputs);
    for _ in 0..150 {
        for _ in 0..random.below(12) {
            let to = random.pick(&world.known.lock().unwrap());
            match random.once_in(2) {
                true => handle.tell(to, Msg::Work(random.next() % 1000)),
                false => port.tell(to, Msg::Work(random.next() % 1000)),
            }
        }
        host.poll(random.next() % 200);
        clock.advance(Duration::from_micros(random.next() % 400));
    }
    drop(port);
    host.abort();
    std::mem::take(&mut world.trace.lock().unwrap())
}

fn first_difference(one: &str, other: &str) -> String {
    let lines = one.lines().zip(other.lines()).enumerate();
    let different = lines.into_iter().find(|(_, (one, other))| one != other);
    format!("{different:?}, of {} and {} lines", one.lines().count(), other.lines().count())
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..25 {
        for workers in 1..=3 {
            let first = run(seed, seed, workers);
            let again = run(seed, seed, workers);
            assert!(first == again, "seed {seed}, {workers} workers: {}", first_difference(&first, &again));
        }
    }
}

/// Neither another thread with an engine of its own nor an engine that was there before makes a difference.
#[test]
fn other_engines_of_the_process_make_no_difference() {
    let expected = run(1, 2, 3);
    let busy = Engine::builder().unpinned_workers(1).start().unwrap();
    let threads: Vec<_> = (0..2).map(|_| std::thread::spawn(|| run(1, 2, 3))).collect();
    for thread in threads {
        let trace = thread.join().unwrap();
        assert!(trace == expected, "{}", first_difference(&expected, &trace));
    }
    busy.abort();
}

#[test]
fn another_seed_gives_another_trace() {
    let mut traces: Vec<_> = (0..20).map(|seed| run(7, seed, 2)).collect();
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), 20, "with the same inputs the engine's own seed makes the difference");
}

/// The workload goes where the order could get lost: a trace without timers, restarts or answers would prove little.
#[test]
fn the_trace_has_everything_in_it() {
    let traces: String = (0..25).map(|seed| run(seed, seed, 2)).collect();
    let wanted = [
        "work",
        "later",
        "tick",
        "question",
        "answer Ok",
        "answer Err(TimedOut)",
        "answer Err(Unanswered)",
        "gone",
        "event restarted",
        "event stopped",
        "stopped",
    ];
    for what in wanted {
        let times = traces.lines().filter(|line| line.contains(what)).count();
        assert!(times >= 10, "{what:?} happened only {times} times");
    }
}
