//! Asking: from handles, ports and handlers; every way in which an ask can end.

mod common;

use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, block_on, dead, engine, eventually, next, take};
use hippodrome::{
    Actor, ActorRef, AskError, Context, DeadLetterReason, Engine, Handle, MailboxSpec, On, Overflow, Props, Reply,
    Restart, Stop, from_fn,
};

/// What an [`Oracle`] understands.
enum Question {
    Square(u64, Reply<u64>),
    Ignore(Reply<u64>),
    Keep(Reply<u64>),
    AnswerKept(u64),
    GiveAway(Reply<u64>),
    Forward(ActorRef<Question>, u64, Reply<u64>),
    Panic(Reply<u64>),
}

/// Answers, or fails to in one of many ways.
struct Oracle {
    kept: Vec<Reply<u64>>,
    given_away: Sender<Reply<u64>>,
}

impl Actor for Oracle {
    type Msg = Question;

    fn handle(&mut self, msg: Question, ctx: &mut Context<'_, Question>) {
        match msg {
            Question::Square(n, reply) => reply.send(ctx, n * n),
            Question::Ignore(reply) => drop(reply),
            Question::Keep(reply) => self.kept.push(reply),
            Question::AnswerKept(n) => self.kept.drain(..).for_each(|reply| reply.send(ctx, n)),
            Question::GiveAway(reply) => self.given_away.send(reply).expect("the test listens"),
            Question::Forward(to, n, reply) => ctx.tell(to, Question::Square(n, reply)),
            Question::Panic(_reply) => panic!("asked to panic"),
        }
    }
}

fn oracle(handle: &Handle, on: On) -> (ActorRef<Question>, Receiver<Reply<u64>>) {
    let (given_away, gifts) = mpsc::channel();
    let oracle = handle.spawn(on, move || Oracle { kept: Vec::new(), given_away: given_away.clone() });
    (oracle.unwrap(), gifts)
}

/// Makes a question of the right to answer it.
type Make = Box<dyn FnOnce(Reply<u64>) -> Question + Send>;

/// What an [`Asker`] understands.
enum Asking {
    Ask { to: ActorRef<Question>, timeout: Duration, make: Make },
    Answer(Result<u64, AskError>),
    Panic,
}

/// Asks, and tells the test what arrives.
struct Asker(Sender<Result<u64, AskError>>);

impl Actor for Asker {
    type Msg = Asking;

    fn handle(&mut self, msg: Asking, ctx: &mut Context<'_, Asking>) {
        match msg {
            Asking::Ask { to, timeout, make } => ctx.ask_within(timeout, to, make, Asking::Answer),
            Asking::Answer(answer) => self.0.send(answer).expect("the test listens"),
            Asking::Panic => panic!("told to panic"),
        }
    }
}

/// Longer than any test: an ask that ends does not end by this.
const FOREVER: Duration = Duration::from_secs(3600);

struct Scene {
    handle: Handle,
    asker: ActorRef<Asking>,
    answers: Receiver<Result<u64, AskError>>,
}

impl Scene {
    /// An asker on worker 0.
    fn new(handle: Handle, props: impl Into<Props<Asking>>) -> Self {
        let (sender, answers) = mpsc::channel();
        let asker = handle.spawn(props, move || Asker(sender.clone())).unwrap();
        Self { handle, asker, answers }
    }

    fn ask(
        &self,
        to: ActorRef<Question>,
        timeout: Duration,
        make: impl FnOnce(Reply<u64>) -> Question + Send + 'static,
    ) {
        self.handle.tell(self.asker, Asking::Ask { to, timeout, make: Box::new(make) });
    }
}

#[test]
fn any_thread_asks_blocking_or_as_a_future() {
    let engine = engine(2);
    let handle = engine.handle();
    let (oracle, _) = oracle(&handle, On::Worker(1));
    thread::scope(|scope| {
        for n in 1..=3 {
            let handle = handle.clone();
            scope.spawn(move || {
                for k in 0..100 {
                    let asked = n * k;
                    let make = |reply| Question::Square(asked, reply);
                    assert_eq!(handle.ask(oracle, make).wait(PATIENCE), Ok(asked * asked));
                    assert_eq!(block_on(handle.ask(oracle, make)), Ok(asked * asked));
                }
            });
        }
    });
    let mut port = handle.port().unwrap();
    assert_eq!(port.ask(oracle, |reply| Question::Square(7, reply)).wait(PATIENCE), Ok(49));
    assert_eq!(block_on(port.ask(oracle, |reply| Question::Square(8, reply))), Ok(64));
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn several_asks_are_under_way_in_one_future() {
    let engine = engine(2);
    let handle = engine.handle();
    let (oracle, _) = oracle(&handle, On::Worker(1));
    let answers = block_on(async {
        let asks: Vec<_> = (0..10).map(|n| handle.ask(oracle, move |reply| Question::Square(n, reply))).collect();
        let mut answers = Vec::new();
        for ask in asks {
            answers.push(ask.await);
        }
        answers
    });
    assert_eq!(answers, (0..10).map(|n| Ok(n * n)).collect::<Vec<_>>());
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_future_is_woken_when_its_answer_comes_late() {
    let engine = engine(1);
    let handle = engine.handle();
    let (oracle, _) = oracle(&handle, On::Worker(0));
    let ask = handle.ask(oracle, Question::Keep);
    let later = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        handle.tell(oracle, Question::AnswerKept(5));
    });
    assert_eq!(block_on(ask), Ok(5));
    later.join().unwrap();
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn the_answer_to_an_actor_is_one_of_its_messages() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle(), On::Worker(0));
    for worker in 0..2 {
        let (oracle, _) = oracle(&scene.handle, On::Worker(worker));
        for n in 0..100 {
            scene.ask(oracle, FOREVER, move |reply| Question::Square(n, reply));
        }
        assert_eq!(take(&scene.answers, 100), (0..100).map(|n| Ok(n * n)).collect::<Vec<_>>());
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn the_right_to_answer_can_be_sent_on() {
    let engine = engine(3);
    let scene = Scene::new(engine.handle(), On::Worker(0));
    let (first, gifts) = oracle(&scene.handle, On::Worker(1));
    let (second, _) = oracle(&scene.handle, On::Worker(2));
    // To another actor.
    let ask = scene.handle.ask(first, move |reply| Question::Forward(second, 3, reply));
    assert_eq!(ask.wait(PATIENCE), Ok(9));
    scene.ask(first, FOREVER, move |reply| Question::Forward(second, 4, reply));
    assert_eq!(next(&scene.answers), Ok(16));
    // To a thread outside.
    let ask = scene.handle.ask(first, Question::GiveAway);
    assert_eq!(next(&gifts).send_from_outside(25), Ok(()));
    assert_eq!(ask.wait(PATIENCE), Ok(25));
    scene.ask(first, FOREVER, Question::GiveAway);
    assert_eq!(next(&gifts).send_from_outside(36), Ok(()));
    assert_eq!(next(&scene.answers), Ok(36));
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_reply_that_is_dropped_ends_its_ask_at_once() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle(), On::Worker(0));
    for worker in 0..2 {
        let (oracle, gifts) = oracle(&scene.handle, On::Worker(worker));
        // By a handler.
        assert_eq!(scene.handle.ask(oracle, Question::Ignore).wait(FOREVER), Err(AskError::Unanswered));
        assert_eq!(block_on(scene.handle.ask(oracle, Question::Ignore)), Err(AskError::Unanswered));
        scene.ask(oracle, FOREVER, Question::Ignore);
        assert_eq!(next(&scene.answers), Err(AskError::Unanswered));
        // By a thread outside.
        let ask = scene.handle.ask(oracle, Question::GiveAway);
        drop(next(&gifts));
        assert_eq!(ask.wait(FOREVER), Err(AskError::Unanswered));
        scene.ask(oracle, FOREVER, Question::GiveAway);
        drop(next(&gifts));
        assert_eq!(next(&scene.answers), Err(AskError::Unanswered));
        // With the state of an actor that stops.
        let ask = scene.handle.ask(oracle, Question::Keep);
        scene.ask(oracle, FOREVER, Question::Keep);
        // Both questions have been kept when this one is answered: they came first, each from its own worker or thread.
        eventually("both questions were handled", || handled(&scene.handle, "Oracle") >= 7 * (worker as u64 + 1));
        scene.handle.stop(oracle, Stop::Now).unwrap();
        assert_eq!(ask.wait(FOREVER), Err(AskError::Unanswered));
        assert_eq!(next(&scene.answers), Err(AskError::Unanswered));
        // By the engine, since the actor has gone.
        assert_eq!(scene.handle.ask(oracle, Question::Keep).wait(FOREVER), Err(AskError::Unanswered));
        scene.ask(oracle, FOREVER, Question::Keep);
        assert_eq!(next(&scene.answers), Err(AskError::Unanswered));
    }
    assert_eq!(dead(&scene.handle, DeadLetterReason::Stopped), 4, "the questions to actors that have gone");
    engine.shutdown(PATIENCE).unwrap();
}

/// Messages handled by the actors whose type has this in its name.
fn handled(handle: &Handle, actor_type: &str) -> u64 {
    let stats = handle.stats();
    stats.actor_types.iter().filter(|entry| entry.actor_type.contains(actor_type)).map(|entry| entry.handled).sum()
}

#[test]
fn a_panic_on_the_way_to_the_answer_ends_the_ask() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle(), On::Worker(0));
    for worker in 0..2 {
        let (one, _) = oracle(&scene.handle, On::Worker(worker));
        assert_eq!(scene.handle.ask(one, Question::Panic).wait(FOREVER), Err(AskError::Unanswered));
        let (other, _) = oracle(&scene.handle, On::Worker(worker));
        scene.ask(other, FOREVER, Question::Panic);
        assert_eq!(next(&scene.answers), Err(AskError::Unanswered));
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn an_ask_whose_time_is_over_ends_with_another_error_and_its_answer_is_a_dead_letter() {
    let engine = engine(2);
    let scene = Scene::new(engine.handle(), On::Worker(0));
    for worker in 0..2 {
        let late = || dead(&scene.handle, DeadLetterReason::LateReply);
        let before = late();
        let (oracle, gifts) = oracle(&scene.handle, On::Worker(worker));
        let moment = Duration::from_millis(1);
        assert_eq!(scene.handle.ask(oracle, Question::Keep).wait(moment), Err(AskError::TimedOut));
        scene.ask(oracle, moment, Question::Keep);
        assert_eq!(next(&scene.answers), Err(AskError::TimedOut));
        // One that is given up without waiting.
        drop(scene.handle.ask(oracle, Question::Keep));
        scene.handle.tell(oracle, Question::AnswerKept(1));
        eventually("three answers were late", || late() == before + 3);
        // From a thread outside the answer comes back, or becomes a dead letter where it arrives.
        scene.ask(oracle, moment, Question::GiveAway);
        assert_eq!(next(&scene.answers), Err(AskError::TimedOut));
        assert_eq!(next(&gifts).send_from_outside(1), Ok(()), "it is on its way");
        eventually("a fourth answer was late", || late() == before + 4);
        let ask = scene.handle.ask(oracle, Question::GiveAway);
        let reply = next(&gifts);
        drop(ask);
        assert_eq!(reply.send_from_outside(5), Err(5));
        // The asker is none the worse for it.
        scene.ask(oracle, FOREVER, |reply| Question::Square(2, reply));
        assert_eq!(next(&scene.answers), Ok(4));
        assert_eq!(late(), before + 4);
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn the_configuration_says_how_long_an_ask_waits_that_says_nothing() {
    let engine = Engine::builder().unpinned_workers(1).configure(|config| config.ask_timeout_ms = 2).start().unwrap();
    let handle = engine.handle();
    let (oracle, _) = oracle(&handle, On::Worker(0));
    let (sender, answers) = mpsc::channel();
    let asker = handle.spawn(On::Worker(0), move || {
        let sender = sender.clone();
        from_fn(move |answer: Option<Result<u64, AskError>>, ctx: &mut Context<'_, _>| match answer {
            None => ctx.ask(oracle, Question::Keep, Some),
            Some(answer) => sender.send(answer).unwrap(),
        })
    });
    handle.tell(asker.unwrap(), None);
    assert_eq!(next(&answers), Err(AskError::TimedOut));
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_promise_is_kept_by_whoever_has_the_reply_or_ends() {
    let engine = Engine::builder().unpinned_workers(1).configure(|config| config.max_asks = 3).start().unwrap();
    let handle = engine.handle();
    let (gift, gifts) = mpsc::channel();
    let (sender, answers) = mpsc::channel();
    let actor = handle.spawn(On::Worker(0), move || {
        let (gift, sender) = (gift.clone(), sender.clone());
        from_fn(move |message: Result<Duration, Result<u64, AskError>>, ctx: &mut Context<'_, _>| match message {
            Ok(timeout) => gift.send(ctx.promise(timeout, Err)).unwrap(),
            Err(answer) => sender.send(answer).unwrap(),
        })
    });
    let actor = actor.unwrap();
    let promise = |timeout| {
        handle.tell(actor, Ok(timeout));
        next(&gifts)
    };
    let kept = promise(FOREVER);
    std::thread::spawn(move || kept.send_from_outside(42).unwrap()).join().unwrap();
    assert_eq!(next(&answers), Ok(42));
    drop(promise(FOREVER));
    assert_eq!(next(&answers), Err(AskError::Unanswered));
    let late = promise(Duration::from_millis(1));
    assert_eq!(next(&answers), Err(AskError::TimedOut));
    let before = dead(&handle, DeadLetterReason::LateReply);
    late.send_from_outside(1).unwrap();
    eventually("the answer was late", || dead(&handle, DeadLetterReason::LateReply) == before + 1);
    let waiting: Vec<Reply<u64>> = (0..3).map(|_| promise(FOREVER)).collect();
    let beyond = promise(FOREVER);
    assert_eq!(next(&answers), Err(AskError::TooMany));
    beyond.send_from_outside(1).unwrap();
    eventually("nobody waited for it", || dead(&handle, DeadLetterReason::LateReply) == before + 2);
    drop(waiting);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn what_is_not_passed_on_is_reported_by_who_kept_it() {
    let engine = engine(1);
    let handle = engine.handle();
    let actor = handle.spawn(On::Worker(0), || {
        from_fn(|message: String, ctx: &mut Context<'_, String>| {
            ctx.dead_letter(ctx.me(), message, DeadLetterReason::Refused);
        })
    });
    let actor = actor.unwrap();
    handle.tell(actor, "no".to_owned());
    handle.dead_letter(actor, 7_u64, DeadLetterReason::Expired);
    eventually("both are counted", || {
        dead(&handle, DeadLetterReason::Refused) == 1 && dead(&handle, DeadLetterReason::Expired) == 1
    });
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn an_answer_does_not_reach_a_later_life_of_the_asker() {
    let engine = engine(2);
    for worker in 0..2 {
        let props = Props::on(On::Worker(0)).restart(Restart::up_to(1, FOREVER));
        let scene = Scene::new(engine.handle(), props);
        let before = dead(&scene.handle, DeadLetterReason::LateReply);
        let (oracle, gifts) = oracle(&scene.handle, On::Worker(worker));
        scene.ask(oracle, FOREVER, Question::GiveAway);
        scene.ask(oracle, FOREVER, Question::GiveAway);
        scene.handle.tell(scene.asker, Asking::Panic);
        scene.ask(oracle, FOREVER, |reply| Question::Square(3, reply));
        assert_eq!(next(&scene.answers), Ok(9), "the restarted actor asks as before");
        let (answered, dropped) = (next(&gifts), next(&gifts));
        drop(dropped);
        assert_eq!(answered.send_from_outside(1), Ok(()));
        eventually("the answer was late", || dead(&scene.handle, DeadLetterReason::LateReply) == before + 1);
        scene.ask(oracle, FOREVER, |reply| Question::Square(4, reply));
        assert_eq!(next(&scene.answers), Ok(16), "nothing else came");
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn as_many_asks_wait_as_the_configuration_allows() {
    let engine = Engine::builder().unpinned_workers(2).configure(|config| config.max_asks = 2).start().unwrap();
    let scene = Scene::new(engine.handle(), On::Worker(0));
    let (oracle, _) = oracle(&scene.handle, On::Worker(1));
    for _ in 0..3 {
        for _ in 0..3 {
            scene.ask(oracle, FOREVER, Question::Keep);
        }
        assert_eq!(next(&scene.answers), Err(AskError::TooMany));
        // What waits is answered, and there is room again.
        eventually("both were asked", || handled(&scene.handle, "Oracle") % 3 == 2);
        scene.handle.tell(oracle, Question::AnswerKept(1));
        assert_eq!(take(&scene.answers, 2), [Ok(1), Ok(1)]);
    }
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn asks_end_with_their_engine() {
    let engine = engine(2);
    let handle = engine.handle();
    let (oracle, gifts) = oracle(&handle, On::Worker(1));
    let kept = handle.ask(oracle, Question::Keep);
    let given_away = handle.ask(oracle, Question::GiveAway);
    let scene = Scene::new(handle.clone(), On::Worker(0));
    scene.ask(oracle, FOREVER, Question::GiveAway);
    let (first, second) = (next(&gifts), next(&gifts));
    engine.shutdown(PATIENCE).unwrap();
    assert_eq!(kept.wait(FOREVER), Err(AskError::Unanswered));
    // A thread outside may still answer another, but no actor.
    let (mut answered, mut refused) = (0, 0);
    for reply in [first, second] {
        match reply.send_from_outside(3) {
            Ok(()) => answered += 1,
            Err(value) => {
                assert_eq!(value, 3);
                refused += 1;
            }
        }
    }
    assert_eq!((answered, refused), (1, 1));
    assert_eq!(given_away.wait(FOREVER), Ok(3));
    // Nobody is there to be asked.
    assert_eq!(handle.ask(oracle, Question::Keep).wait(FOREVER), Err(AskError::Unanswered));
}

#[test]
fn an_actor_of_another_engine_cannot_be_asked() {
    let (here, there) = (engine(1), engine(1));
    let (stranger, _) = oracle(&there.handle(), On::Worker(0));
    let scene = Scene::new(here.handle(), On::Worker(0));
    assert_eq!(scene.handle.ask(stranger, Question::Keep).wait(FOREVER), Err(AskError::Unanswered));
    scene.ask(stranger, FOREVER, Question::Keep);
    assert_eq!(next(&scene.answers), Err(AskError::Unanswered));
    assert_eq!(dead(&scene.handle, DeadLetterReason::Unreachable), 2);
    here.shutdown(PATIENCE).unwrap();
    there.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_full_mailbox_has_room_for_answers() {
    let (mut host, _clock) = common::host(2);
    let handle = host.handle();
    for worker in 0..2 {
        let (oracle, gifts) = oracle(&handle, On::Worker(worker));
        let mailbox = MailboxSpec::bounded(NonZeroUsize::MIN);
        let scene = Scene::new(handle.clone(), Props::on(On::Worker(0)).mailbox(mailbox));
        scene.ask(oracle, FOREVER, Question::GiveAway);
        common::settle(&mut host);
        // The mailbox holds one message; both of these and the answer come before it is run.
        let flooder = handle.spawn(On::Worker(0), {
            let (asker, gifts) = (scene.asker, std::sync::Mutex::new(Some(next(&gifts))));
            move || {
                let mut reply = gifts.lock().unwrap().take();
                from_fn(move |(), ctx: &mut Context<'_, ()>| {
                    for _ in 0..2 {
                        ctx.tell(asker, Asking::Answer(Ok(0)));
                    }
                    reply.take().unwrap().send(ctx, 1);
                })
            }
        });
        handle.tell(flooder.unwrap(), ());
        common::settle(&mut host);
        assert_eq!(take(&scene.answers, 2), [Ok(0), Ok(1)]);
        assert_eq!(host.stats().dead_letters().get(DeadLetterReason::MailboxFull), worker as u64 + 1);
    }
    host.shutdown(PATIENCE).unwrap();
}

/// An answer waits in the mailbox when ordinary messages come: it has its own room, takes none of theirs, and is not what
/// an overflow policy drops.
#[test]
fn an_answer_that_waits_is_no_part_of_an_overflow() {
    let policies: [(_, &[u64]); 5] = [
        (Overflow::Reject, &[9, 1]),
        (Overflow::DropNewest, &[9, 1]),
        (Overflow::DropOldest, &[9, 3]),
        (Overflow::Conflate(|_| 0), &[9, 3]),
        (Overflow::Grow(2), &[9, 1, 2]),
    ];
    for (overflow, expected) in policies {
        let (mut host, _clock) = common::host(1);
        let handle = host.handle();
        let (oracle, gifts) = oracle(&handle, On::Worker(0));
        let mailbox = MailboxSpec::bounded(NonZeroUsize::MIN).overflow(overflow);
        let scene = Scene::new(handle.clone(), Props::on(On::Worker(0)).mailbox(mailbox));
        scene.ask(oracle, FOREVER, Question::GiveAway);
        common::settle(&mut host);
        // First the answer is sent, then three messages, all before the mailbox is run.
        let flooder = handle.spawn(On::Worker(0), {
            let (asker, gifts) = (scene.asker, std::sync::Mutex::new(Some(next(&gifts))));
            move || {
                let mut reply = gifts.lock().unwrap().take();
                from_fn(move |(), ctx: &mut Context<'_, ()>| match reply.take() {
                    Some(reply) => {
                        reply.send(ctx, 9);
                        ctx.tell(ctx.me(), ());
                    }
                    None => (1..=3).for_each(|n| ctx.tell(asker, Asking::Answer(Ok(n)))),
                })
            }
        });
        handle.tell(flooder.unwrap(), ());
        common::settle(&mut host);
        let answers: Vec<_> = scene.answers.try_iter().map(Result::unwrap).collect();
        assert_eq!(answers, expected, "{overflow:?}");
        host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn an_ask_that_is_answered_at_once_arms_no_timer() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let scene = Scene::new(engine.handle(), On::Worker(0));
    let (oracle, _) = oracle(&scene.handle, On::Worker(0));
    for n in 0..100 {
        scene.ask(oracle, FOREVER, move |reply| Question::Square(n, reply));
        assert_eq!(next(&scene.answers), Ok(n * n));
    }
    assert_eq!(scene.handle.stats().workers[0].timers_high_water, 0);
    scene.ask(oracle, FOREVER, Question::Keep);
    eventually("the ask that waits has a timer", || scene.handle.stats().workers[0].timers_high_water == 1);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn an_ask_that_cannot_be_timed_is_not_made() {
    let engine = Engine::builder().unpinned_workers(2).configure(|config| config.max_timers = 2).start().unwrap();
    let scene = Scene::new(engine.handle(), On::Worker(0));
    let (oracle, _) = oracle(&scene.handle, On::Worker(1));
    for _ in 0..3 {
        scene.ask(oracle, FOREVER, Question::Keep);
    }
    assert_eq!(next(&scene.answers), Err(AskError::TooMany));
    eventually("two were asked", || handled(&scene.handle, "Oracle") == 2);
    scene.handle.tell(oracle, Question::AnswerKept(1));
    assert_eq!(take(&scene.answers, 2), [Ok(1), Ok(1)]);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_handles_promise_is_answered_by_whoever_has_its_reply() {
    let engine = engine(2);
    let handle = engine.handle();
    let (reply, ask) = handle.promise::<u64>();
    let mut reply = Some(reply);
    let answerer = handle.spawn(On::Worker(1), move || {
        let mut reply = reply.take();
        from_fn(move |n: u64, ctx| {
            if let Some(reply) = reply.take() {
                reply.send(ctx, n);
            }
        })
    });
    handle.tell(answerer.unwrap(), 7);
    assert_eq!(ask.wait(PATIENCE), Ok(7));
    let (reply, ask) = handle.promise::<u64>();
    drop(reply);
    assert_eq!(ask.wait(PATIENCE), Err(AskError::Unanswered));
    let (reply, ask) = handle.promise();
    drop(ask);
    assert_eq!(reply.send_from_outside(8), Err(8));
    engine.shutdown(PATIENCE).unwrap();
}
