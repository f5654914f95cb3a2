//! Every Savina program finds what its sequential model says, whatever the order in which the actors have their turns.
//!
//! The programs run on an engine that exists for this test alone: one thread, one queue for each pair of actors, and an
//! order of turns that is the order of sending or comes from a seed. Nothing is kept but what every engine promises:
//! messages from one actor to another arrive in the order sent.

use std::any::Any;
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use hippodrome_affinity::CoreId;
use hippodrome_perf_kit::scenarios::{SCENARIOS, savina};
use hippodrome_perf_kit::{
    Case, Context, Cores, Failure, Finish, Found, Place, Platform, Role, Run, Sample, Scenario, Subject,
};

/// An engine whose order of turns is known.
struct Reference;

/// How it takes turns, and what came of it.
#[derive(Clone, Copy, Default)]
struct Turns {
    /// The seed of the order of turns; `None` for the order of sending.
    seed: Option<u64>,
    /// The number of a message that gets lost.
    lost: Option<u64>,
    /// After so many messages the run is given up.
    patience: Option<u64>,
    /// Messages in queues, at most.
    most_queued: usize,
    /// All messages that were sent.
    sent: u64,
}

thread_local! {
    /// The platform has no other way to be told: its functions are given to the programs by type.
    static TURNS: Cell<Turns> = Cell::default();
}

struct Address<R>(usize, PhantomData<fn() -> R>);

impl<R> Clone for Address<R> {
    fn clone(&self) -> Self {
        Self(self.0, PhantomData)
    }
}

type Delivery = Box<dyn FnOnce(&mut World)>;

/// The index of nobody: who sends the first messages.
const OUTSIDE: usize = usize::MAX;

struct World {
    actors: Vec<Option<Box<dyn Any>>>,
    /// What is under way, in the order of sending, if that is the order of turns.
    queue: VecDeque<Delivery>,
    /// Otherwise, what is under way from one actor to another.
    queues: HashMap<(usize, usize), VecDeque<Delivery>>,
    /// And the pair of each message, in any order.
    pairs: Vec<(usize, usize)>,
    turns: Turns,
    random: u64,
}

impl World {
    fn new(turns: Turns) -> Self {
        Self {
            actors: Vec::new(),
            queue: VecDeque::new(),
            queues: HashMap::new(),
            pairs: Vec::new(),
            turns,
            random: turns.seed.unwrap_or_default(),
        }
    }

    fn spawn<R: Role<Reference>>(&mut self, actor: R) -> Address<R> {
        self.actors.push(Some(Box::new(actor)));
        Address(self.actors.len() - 1, PhantomData)
    }

    fn send<R: Role<Reference>>(&mut self, from: usize, to: usize, message: R::Msg) {
        self.turns.sent += 1;
        if self.turns.lost == Some(self.turns.sent) {
            return;
        }
        let delivery: Delivery = Box::new(move |world| world.deliver::<R>(to, message));
        if self.turns.seed.is_some() {
            self.queues.entry((from, to)).or_default().push_back(delivery);
            self.pairs.push((from, to));
        } else {
            self.queue.push_back(delivery);
        }
        self.turns.most_queued = self.turns.most_queued.max(self.queue.len() + self.pairs.len());
    }

    fn deliver<R: Role<Reference>>(&mut self, to: usize, message: R::Msg) {
        let mut actor = self.actors[to].take().expect("an actor that has ended was told something");
        let mut turn = Turn { world: self, me: to, stops: false, role: PhantomData };
        actor.downcast_mut::<R>().expect("an address knows its role").receive(message, &mut turn);
        if !turn.stops {
            self.actors[to] = Some(actor);
        }
    }

    /// Delivers one message after the other, until there is none or too many have been sent.
    fn run(&mut self) {
        while let Some(delivery) = self.next() {
            if self.turns.patience.is_some_and(|patience| self.turns.sent > patience) {
                return;
            }
            delivery(self);
        }
    }

    fn next(&mut self) -> Option<Delivery> {
        if self.pairs.is_empty() {
            return self.queue.pop_front();
        }
        // Xorshift. Any message's pair may be next, and the pair's first message is: so the order of each pair is kept.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let pair = self.pairs.swap_remove((self.random % self.pairs.len() as u64) as usize);
        let queue = self.queues.get_mut(&pair)?;
        let delivery = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&pair);
        }
        delivery
    }
}

struct Turn<'a, R> {
    world: &'a mut World,
    me: usize,
    stops: bool,
    role: PhantomData<fn() -> R>,
}

impl<R: Role<Reference>> Context<Reference, R> for Turn<'_, R> {
    fn me(&self) -> Address<R> {
        Address(self.me, PhantomData)
    }

    fn tell<To: Role<Reference>>(&mut self, to: &Address<To>, message: To::Msg) {
        self.world.send::<To>(self.me, to.0, message);
    }

    fn spawn<New: Role<Reference>>(&mut self, _: Place, actor: New) -> Address<New> {
        self.world.spawn(actor)
    }

    fn stop(&mut self) {
        self.stops = true;
    }
}

impl Platform for Reference {
    type Ref<R: Role<Self>> = Address<R>;
    type Context<'a, R: Role<Self>> = Turn<'a, R>;

    fn run<R: Role<Self>>(run: Run<R, R::Msg>, _: &Cores) -> Result<Sample, Failure> {
        let times = Arc::new(AtomicU32::new(0));
        let counted = times.clone();
        let finish = Arc::new(Finish::and_then(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        let mut world = World::new(TURNS.get());
        let main = world.spawn((run.main)(finish.clone()));
        if let Some(set_up) = run.set_up {
            world.deliver::<R>(main.0, set_up);
        }
        let started = Instant::now();
        world.send::<R>(OUTSIDE, main.0, run.go);
        world.run();
        TURNS.set(world.turns);
        assert!(times.load(Ordering::Relaxed) <= 1, "a run has one end");
        Ok(Sample::new(started, finish.get()?))
    }
}

fn scenario(name: &str) -> &'static Scenario {
    SCENARIOS.iter().find(|scenario| scenario.name == name).expect("every program is listed as a scenario")
}

fn program(name: &str) -> Subject {
    let mut programs = savina::programs::<Reference>("reference").into_iter();
    programs.find(|program| program.scenario == name).expect("every scenario has a program")
}

/// Runs it once with these turns.
fn found(name: &str, case: &Case, turns: Turns) -> (Result<Found, Failure>, Turns) {
    let cores = Cores { first: CoreId::new(0).expect("every machine has core 0"), second: None };
    TURNS.set(turns);
    let sample = (program(name).run)(case, &cores);
    (sample.map(|sample| sample.found), TURNS.get())
}

/// In the order of sending and in others, with little work and with all of it.
///
/// In the order of sending, as an engine with one queue has it, no more than so many messages may ever be queued.
#[track_caller]
fn check(name: &str, most_queued: usize) {
    let scenario = scenario(name);
    assert_eq!(scenario.cores, 1);
    let published = scenario.cases[0];
    for messages in [1, 2, 3, 5, 64, 1_000, published.messages] {
        let case = Case { messages, ..published };
        let expected = (scenario.expected)(&case);
        for seed in [None, Some(1), Some(2)].into_iter().take(if messages > 1_000 { 2 } else { 3 }) {
            let (found, turns) = found(name, &case, Turns { seed, ..Turns::default() });
            let found = found.unwrap_or_else(|error| panic!("{messages} units, turns from {seed:?}: {error}"));
            assert_eq!(found, expected, "{messages} units, turns from {seed:?}");
            assert!(seed.is_some() || turns.most_queued <= most_queued, "{} queued", turns.most_queued);
        }
    }
}

/// Losing a message is noticed, whichever it is, except for so many that an actor only has to hear.
#[track_caller]
fn check_losses(name: &str, only_heard: usize) {
    let scenario = scenario(name);
    let case = Case { messages: 5, ..scenario.cases[0] };
    let expected = (scenario.expected)(&case);
    let (_, Turns { sent, .. }) = found(name, &case, Turns::default());
    let is_noticed = |lost| {
        // Philosophers ask forever for a fork that does not come back.
        let turns = Turns { lost: Some(lost), patience: Some(10 * sent), ..Turns::default() };
        !found(name, &case, turns).0.is_ok_and(|found| found == expected)
    };
    // All of them take too long where a run is long: Banking closes a thousand accounts, one as the other.
    let unnoticed: Vec<u64> = (1..=sent).filter(|lost| *lost <= 20 && !is_noticed(*lost)).collect();
    assert_eq!(unnoticed.len(), only_heard, "of {sent} messages, {unnoticed:?}");
}

#[test]
fn ping_pong() {
    check("savina_ping_pong", 1);
    check_losses("savina_ping_pong", 0);
}

#[test]
fn count() {
    check("savina_count", 300);
    check_losses("savina_count", 0);
}

#[test]
fn fork_join_throughput() {
    check("savina_fork_join_throughput", 300);
    check_losses("savina_fork_join_throughput", 0);
}

#[test]
fn fork_join_create() {
    check("savina_fork_join_create", 600);
    check_losses("savina_fork_join_create", 0);
}

#[test]
fn thread_ring() {
    check("savina_thread_ring", 1);
    check_losses("savina_thread_ring", 0);
}

#[test]
fn chameneos() {
    check("savina_chameneos", 300);
    check_losses("savina_chameneos", 0);
}

#[test]
fn big() {
    check("savina_big", 300);
    check_losses("savina_big", 0);
}

#[test]
fn fib() {
    // A request for each of the ones that are added up, if all of them were asked at a time.
    check("savina_fib", 75_025);
    check_losses("savina_fib", 0);
}

#[test]
fn dictionary() {
    check("savina_dictionary", 300);
    check_losses("savina_dictionary", 0);
}

#[test]
fn sorted_list() {
    check("savina_sorted_list", 300);
    check_losses("savina_sorted_list", 0);
}

#[test]
fn bounded_buffer() {
    check("savina_bounded_buffer", 300);
    check_losses("savina_bounded_buffer", 0);
}

#[test]
fn philosophers() {
    check("savina_philosophers", 300);
    check_losses("savina_philosophers", 0);
}

#[test]
fn sleeping_barber() {
    check("savina_sleeping_barber", 300);
    // Customers only hear that they may wait or sit down, and the barber that he may sleep.
    check_losses("savina_sleeping_barber", 4);
}

#[test]
fn cigarette_smokers() {
    check("savina_cigarette_smokers", 300);
    check_losses("savina_cigarette_smokers", 0);
}

#[test]
fn logistic_map() {
    check("savina_logistic_map", 300);
    check_losses("savina_logistic_map", 0);
}

#[test]
fn banking() {
    check("savina_banking", 2_000);
    check_losses("savina_banking", 0);
}

#[test]
fn every_program_is_a_scenario_and_every_scenario_has_its_program() {
    let programs = savina::programs::<Reference>("reference");
    let programs: Vec<&str> = programs.iter().map(|program| program.scenario).collect();
    let scenarios = SCENARIOS.iter().map(|scenario| scenario.name).filter(|name| name.starts_with("savina_"));
    assert_eq!(programs, scenarios.collect::<Vec<_>>());
    assert_eq!(programs.len(), 16);
}
