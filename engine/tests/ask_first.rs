//! Asking several actors for one answer: every way in which such an ask can end.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, dead, engine, eventually, next};
use hippodrome::sim::{Faults, Sim, explore, explore_with};
use hippodrome::{
    Actor, ActorRef, AskError, Context, DeadLetterReason, Handle, On, Props, Reply, Restart, Stop, SystemEvent, from_fn,
};

/// What an [`Oracle`] understands.
enum Question {
    Name(Reply<u64>),
    Keep(Reply<u64>),
    AnswerKept,
    DropKept,
    GiveAway(Reply<u64>),
}

/// Answers its name, at once or later or not at all.
struct Oracle {
    name: u64,
    kept: Vec<Reply<u64>>,
    given_away: Sender<Reply<u64>>,
}

impl Actor for Oracle {
    type Msg = Question;

    fn handle(&mut self, msg: Question, ctx: &mut Context<'_, Question>) {
        match msg {
            Question::Name(reply) => reply.send(ctx, self.name),
            Question::Keep(reply) => self.kept.push(reply),
            Question::AnswerKept => self.kept.drain(..).for_each(|reply| reply.send(ctx, self.name)),
            Question::DropKept => self.kept.clear(),
            Question::GiveAway(reply) => self.given_away.send(reply).expect("the test listens"),
        }
    }
}

/// Oracles named from 0, on the workers in turn.
fn oracles(handle: &Handle, count: usize) -> (Vec<ActorRef<Question>>, Receiver<Reply<u64>>) {
    let (given_away, gifts) = mpsc::channel();
    let oracle = |name| {
        let given_away = given_away.clone();
        let on = On::Worker(name as usize % handle.workers());
        let make = move || Oracle { name, kept: Vec::new(), given_away: given_away.clone() };
        handle.spawn(Props::on(on), make).unwrap()
    };
    ((0..count as u64).map(oracle).collect(), gifts)
}

/// What an [`Asker`] understands.
enum Asking {
    Ask { to: Vec<ActorRef<Question>>, timeout: Duration, make: fn(Reply<u64>) -> Question },
    Answer(Result<u64, AskError>),
    Panic,
}

/// Asks, and tells the test what arrives.
struct Asker(Sender<Result<u64, AskError>>);

impl Actor for Asker {
    type Msg = Asking;

    fn handle(&mut self, msg: Asking, ctx: &mut Context<'_, Asking>) {
        match msg {
            Asking::Ask { to, timeout, make } => ctx.ask_first(timeout, to, make, Asking::Answer),
            Asking::Answer(answer) => self.0.send(answer).expect("the test listens"),
            Asking::Panic => panic!("told to panic"),
        }
    }
}

fn asker(handle: &Handle) -> (ActorRef<Asking>, Receiver<Result<u64, AskError>>) {
    let (told, answers) = mpsc::channel();
    let props = Props::on(On::Worker(0)).restart(Restart::up_to(10, Duration::from_secs(60)));
    (handle.spawn(props, move || Asker(told.clone())).unwrap(), answers)
}

/// Longer than any test: an ask that ends does not end by this.
const LONG: Duration = Duration::from_secs(3600);

/// A simulation without faults, an asker and its oracles.
struct Stage {
    handle: Handle,
    oracles: Vec<ActorRef<Question>>,
    gifts: Receiver<Reply<u64>>,
    asker: ActorRef<Asking>,
    answers: Receiver<Result<u64, AskError>>,
}

impl Stage {
    fn new(sim: &mut Sim, count: usize) -> Self {
        let handle = sim.handle();
        let (oracles, gifts) = oracles(&handle, count);
        let (asker, answers) = asker(&handle);
        Self { handle, oracles, gifts, asker, answers }
    }

    fn ask(&self, sim: &mut Sim, timeout: Duration, make: fn(Reply<u64>) -> Question) {
        self.handle.tell(self.asker, Asking::Ask { to: self.oracles.clone(), timeout, make });
        sim.run_until_idle().unwrap();
    }

    fn tell(&self, sim: &mut Sim, oracle: usize, question: Question) {
        self.handle.tell(self.oracles[oracle], question);
        sim.run_until_idle().unwrap();
    }
}

/// How many messages of a simulation became dead letters for this reason.
fn buried(sim: &mut Sim, reason: DeadLetterReason) -> u64 {
    sim.stats().dead_letters().get(reason)
}

#[test]
fn the_first_answer_arrives_and_the_others_are_counted_as_outrun() {
    let mut winners = HashMap::new();
    explore(50, |sim| {
        let stage = Stage::new(sim, 3);
        let events = sim.probe();
        let to = events.actor();
        let subscribe = move |(): (), ctx: &mut Context<'_, ()>| {
            ctx.subscribe(move |event: &SystemEvent| {
                assert!(!matches!(event, SystemEvent::DeadLetter { .. }), "an event of a dead letter: {event:?}");
                None
            });
            ctx.tell(to, ());
        };
        let listener = stage.handle.spawn(On::Worker(1), move || from_fn(subscribe)).unwrap();
        stage.handle.tell(listener, ());
        events.expect(sim);

        stage.ask(sim, LONG, Question::Name);
        *winners.entry(stage.answers.try_recv().unwrap().unwrap()).or_insert(0) += 1;
        assert!(stage.answers.try_recv().is_err(), "a second answer arrived");
        assert_eq!(buried(sim, DeadLetterReason::Outrun), 2);
        assert_eq!(buried(sim, DeadLetterReason::LateReply), 0);
        assert_eq!(sim.stats().dead_letters().total(), 0);
    });
    assert!(winners.len() > 1, "the same oracle wins whatever the order of things: {winners:?}");
}

#[test]
fn only_when_all_replies_were_dropped_the_ask_is_unanswered() {
    let sim = &mut Sim::new(1);
    let stage = Stage::new(sim, 3);
    stage.ask(sim, LONG, Question::Keep);
    stage.tell(sim, 0, Question::DropKept);
    stage.tell(sim, 2, Question::DropKept);
    assert!(stage.answers.try_recv().is_err(), "one could still answer");
    stage.tell(sim, 1, Question::DropKept);
    assert_eq!(stage.answers.try_recv(), Ok(Err(AskError::Unanswered)));
}

#[test]
fn one_answer_is_enough_when_the_others_are_dropped() {
    let sim = &mut Sim::new(2);
    let stage = Stage::new(sim, 3);
    stage.ask(sim, LONG, Question::Keep);
    stage.tell(sim, 0, Question::DropKept);
    stage.tell(sim, 2, Question::DropKept);
    stage.tell(sim, 1, Question::AnswerKept);
    assert_eq!(stage.answers.try_recv(), Ok(Ok(1)));
    assert_eq!(buried(sim, DeadLetterReason::Outrun), 0);
}

#[test]
fn replies_that_threads_drop_or_use_count_too() {
    let sim = &mut Sim::new(3);
    let stage = Stage::new(sim, 2);
    for answers in [false, true] {
        stage.ask(sim, LONG, Question::GiveAway);
        drop(stage.gifts.try_recv().unwrap());
        sim.run_until_idle().unwrap();
        assert!(stage.answers.try_recv().is_err());
        let last = stage.gifts.try_recv().unwrap();
        if answers {
            last.send_from_outside(7).unwrap()
        } else {
            drop(last)
        }
        sim.run_until_idle().unwrap();
        assert_eq!(stage.answers.try_recv(), Ok(if answers { Ok(7) } else { Err(AskError::Unanswered) }));
    }
}

#[test]
fn who_has_stopped_is_left_out() {
    let sim = &mut Sim::new(4);
    let stage = Stage::new(sim, 3);
    for oracle in [0, 2] {
        stage.handle.stop(stage.oracles[oracle], Stop::Now).unwrap();
    }
    stage.ask(sim, LONG, Question::Name);
    assert_eq!(stage.answers.try_recv(), Ok(Ok(1)));
    assert_eq!(buried(sim, DeadLetterReason::Stopped), 2);
    stage.handle.stop(stage.oracles[1], Stop::Now).unwrap();
    stage.ask(sim, LONG, Question::Name);
    assert_eq!(stage.answers.try_recv(), Ok(Err(AskError::Unanswered)));
}

#[test]
fn an_ask_of_nobody_is_unanswered() {
    let sim = &mut Sim::new(5);
    let stage = Stage::new(sim, 0);
    stage.ask(sim, LONG, Question::Name);
    assert_eq!(stage.answers.try_recv(), Ok(Err(AskError::Unanswered)));
}

#[test]
fn an_ask_that_timed_out_wants_no_answer() {
    let sim = &mut Sim::new(6);
    let stage = Stage::new(sim, 2);
    stage.ask(sim, Duration::from_millis(5), Question::Keep);
    sim.advance(Duration::from_millis(20)).unwrap();
    assert_eq!(stage.answers.try_recv(), Ok(Err(AskError::TimedOut)));
    stage.tell(sim, 0, Question::AnswerKept);
    stage.tell(sim, 1, Question::DropKept);
    assert!(stage.answers.try_recv().is_err());
    assert_eq!(buried(sim, DeadLetterReason::Outrun), 1);
}

#[test]
fn a_restarted_asker_gets_no_answer_of_its_former_life() {
    let sim = &mut Sim::new(7);
    let stage = Stage::new(sim, 2);
    stage.ask(sim, LONG, Question::Keep);
    stage.handle.tell(stage.asker, Asking::Panic);
    sim.run_until_idle().unwrap();
    stage.tell(sim, 0, Question::AnswerKept);
    stage.tell(sim, 1, Question::AnswerKept);
    assert!(stage.answers.try_recv().is_err());
    assert_eq!(buried(sim, DeadLetterReason::Outrun), 2);
    stage.ask(sim, LONG, Question::Name);
    assert!(stage.answers.try_recv().unwrap().is_ok());
}

/// An entry is used again at once: neither an answer nor a drop that belongs to its last use may touch the next.
#[test]
fn what_is_left_of_an_ask_does_not_touch_the_next_one() {
    let sim = &mut Sim::new(8);
    let stage = Stage::new(sim, 3);
    stage.ask(sim, LONG, Question::Keep);
    stage.tell(sim, 0, Question::AnswerKept);
    assert_eq!(stage.answers.try_recv(), Ok(Ok(0)));
    stage.ask(sim, LONG, Question::GiveAway);
    stage.tell(sim, 1, Question::AnswerKept);
    stage.tell(sim, 2, Question::DropKept);
    let gifts: Vec<_> = stage.gifts.try_iter().collect();
    assert_eq!(gifts.len(), 3);
    let mut gifts = gifts.into_iter();
    drop(gifts.next());
    drop(gifts.next());
    sim.run_until_idle().unwrap();
    assert!(stage.answers.try_recv().is_err(), "the ask ended before its last reply was dropped");
    drop(gifts.next());
    sim.run_until_idle().unwrap();
    assert_eq!(stage.answers.try_recv(), Ok(Err(AskError::Unanswered)));
    assert_eq!(buried(sim, DeadLetterReason::Outrun), 1);
}

#[test]
fn without_room_for_the_ask_nobody_is_asked() {
    let mut sim = Sim::builder(9).configure(|config| config.max_asks = 1).build().unwrap();
    let stage = Stage::new(&mut sim, 2);
    stage.ask(&mut sim, LONG, Question::Keep);
    stage.ask(&mut sim, LONG, Question::Name);
    assert_eq!(stage.answers.try_recv(), Ok(Err(AskError::TooMany)));
    assert!(stage.answers.try_recv().is_err());
    stage.tell(&mut sim, 0, Question::AnswerKept);
    assert_eq!(stage.answers.try_recv(), Ok(Ok(0)));
}

/// Counts what it is told of.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl Count {
    fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// No ask ends twice, and each answer that was sent has arrived or is counted as outrun.
#[test]
fn in_chaos_an_ask_ends_once_and_no_answer_gets_lost_in_silence() {
    const ASKS: u64 = 60;
    let configure = |builder: hippodrome::sim::Builder| builder.workers(3).faults(Faults::chaos());
    let (mut won, mut all_outrun) = (0, 0);
    explore_with(60, configure, |sim| {
        let handle = sim.handle();
        let (sent, arrived) = (Count::default(), Count::default());
        let patient = Restart::up_to(1000, Duration::from_secs(60));
        let oracle = |worker| {
            let sent = sent.clone();
            let make = move || {
                let sent = sent.clone();
                from_fn(move |reply: Reply<u64>, ctx| {
                    sent.one();
                    reply.send(ctx, 1);
                })
            };
            handle.spawn(Props::on(On::Worker(worker)).restart(patient), make).unwrap()
        };
        let to: Vec<_> = (0..4).map(|n| oracle(n % 3)).collect();
        let probe = sim.probe();
        let (ends, arrives) = (probe.actor(), arrived.clone());
        // Each ask knows its number, which it tells the probe when it ends.
        let asker = handle.spawn(Props::on(On::Worker(1)).restart(patient), move || {
            let (to, arrives) = (to.clone(), arrives.clone());
            from_fn(move |message: (u64, Option<Result<u64, AskError>>), ctx: &mut Context<'_, _>| match message {
                (number, None) => {
                    let arrives = arrives.clone();
                    let map = move |end: Result<u64, AskError>| {
                        end.iter().for_each(|_| arrives.one());
                        (number, Some(end))
                    };
                    ctx.ask_first(Duration::from_millis(50), to.iter().copied(), |reply| reply, map);
                }
                (number, Some(end)) => ctx.tell(ends, (number, end)),
            })
        });
        let asker = asker.unwrap();
        for number in 0..ASKS {
            handle.tell(asker, (number, None));
            sim.run_for_steps(3);
        }
        sim.advance(Duration::from_secs(1)).unwrap();
        let mut seen = HashMap::new();
        for (number, end) in probe.drain() {
            assert_eq!(seen.insert(number, end), None, "ask {number} has ended twice");
        }
        let outrun = buried(sim, DeadLetterReason::Outrun);
        assert_eq!(sent.get(), arrived.get() + outrun, "answers sent, and what became of them");
        won += arrived.get();
        all_outrun += outrun;
    });
    assert!(won > ASKS && all_outrun > ASKS, "{won} answers arrived, {all_outrun} were outrun");
}

#[test]
fn across_real_workers_every_answer_arrives_or_is_outrun() {
    const ASKS: u64 = 500;
    let engine = engine(2);
    let handle = engine.handle();
    let (to, gifts) = oracles(&handle, 4);
    let (asker, answers) = asker(&handle);
    for _ in 0..ASKS {
        handle.tell(asker, Asking::Ask { to: to.clone(), timeout: LONG, make: Question::Name });
        assert!(next(&answers).is_ok());
    }
    eventually("the slower answers are counted", || dead(&handle, DeadLetterReason::Outrun) == 3 * ASKS);
    assert_eq!(handle.stats().dead_letters().total(), 0);

    // Threads race for the last word.
    for _ in 0..ASKS / 10 {
        handle.tell(asker, Asking::Ask { to: to.clone(), timeout: LONG, make: Question::GiveAway });
        let replies: Vec<_> = (0..4).map(|_| next(&gifts)).collect();
        thread::scope(|scope| {
            replies.into_iter().for_each(|reply| drop(scope.spawn(move || drop(reply))));
        });
        assert_eq!(next(&answers), Err(AskError::Unanswered));
    }
    engine.shutdown(PATIENCE).unwrap();
}
