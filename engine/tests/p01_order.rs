//! Promise 1: messages from one sender to one receiver arrive in the order sent: on one core, across cores, from a port
//! and from one thread's handle.
//!
//! Every message says who sent it and its number among those of this sender; a receiver that misses one or gets one too
//! early says so. The rings are tiny, so that lanes overflow into outboxes all the time.

mod support;

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hippodrome::{
    Actor, ActorRef, Backoff, Context, Engine, Handle, MailboxSpec, On, Overflow, Props, Reply, Restart, Stop,
    TryTellError, from_fn,
};
use support::{PATIENCE, Random, make_tiny, panic_quietly, tiny};

/// The number of a message among those of one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbered {
    sender: usize,
    number: u64,
}

/// Checks the numbers, and says when it has seen all that each sender was to send.
struct Checker {
    next: Vec<u64>,
    each: u64,
    done: Sender<Result<(), String>>,
}

impl Checker {
    fn spawn(handle: &Handle, props: Props<Numbered>, senders: usize, each: u64) -> (ActorRef<Numbered>, Done) {
        let (done, receiver) = channel();
        let factory = move || Checker { next: vec![0; senders], each, done: done.clone() };
        (handle.spawn(props, factory).unwrap(), Done(receiver))
    }
}

impl Actor for Checker {
    type Msg = Numbered;

    fn handle(&mut self, msg: Numbered, _ctx: &mut Context<'_, Numbered>) {
        let expected = &mut self.next[msg.sender];
        if *expected != msg.number {
            self.done.send(Err(format!("{expected} was to come, not {msg:?}"))).unwrap();
        }
        *expected = msg.number + 1;
        if self.next.iter().all(|next| *next == self.each) {
            self.done.send(Ok(())).unwrap();
        }
    }
}

struct Done(Receiver<Result<(), String>>);

impl Done {
    fn wait(&self) {
        self.0.recv_timeout(PATIENCE).expect("all messages arrive").unwrap();
    }
}

/// Sends numbered messages in bursts, by `try_tell`, so that it goes on where it was refused.
struct Flooder {
    to: ActorRef<Numbered>,
    sender: usize,
    number: u64,
    each: u64,
    random: Random,
}

impl Flooder {
    fn spawn(handle: &Handle, on: On, to: ActorRef<Numbered>, sender: usize, each: u64) {
        let random = Random::new(sender as u64);
        let factory = move || Self { to, sender, number: 0, each, random: random.clone() };
        let flooder = handle.spawn(on, factory).unwrap();
        handle.tell_within(PATIENCE, flooder, ()).unwrap();
    }
}

impl Actor for Flooder {
    type Msg = ();

    fn handle(&mut self, _: (), ctx: &mut Context<'_, ()>) {
        let end = (self.number + 1 + self.random.below(700) as u64).min(self.each);
        while self.number < end {
            let message = Numbered { sender: self.sender, number: self.number };
            match ctx.try_tell(self.to, message) {
                Ok(()) => self.number += 1,
                Err(TryTellError::Full(back)) => {
                    assert_eq!(back, message);
                    break;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        if self.number < self.each {
            // The local ring may be full of messages to the receiver; a timer has reserved room.
            ctx.send_after(Duration::ZERO, ()).unwrap();
        }
    }
}

fn private(worker: usize, capacity: usize) -> Props<Numbered> {
    Props::on(On::Worker(worker)).mailbox(MailboxSpec::bounded(NonZeroUsize::new(capacity).unwrap()))
}

#[test]
fn on_one_core_and_across_cores_in_both_directions() {
    const EACH: u64 = 20_000;
    let engine = tiny(2).configure(|config| config.timer_resolution_us = 10).start().unwrap();
    let handle = engine.handle();
    // Each receiver is flooded from its own core and from the other, at the same time.
    let receivers: Vec<_> =
        (0..2).map(|worker| Checker::spawn(&handle, Props::on(On::Worker(worker)), 4, EACH)).collect();
    for (receiver, _) in &receivers {
        for sender in 0..4 {
            Flooder::spawn(&handle, On::Worker(sender % 2), *receiver, sender, EACH);
        }
    }
    receivers.iter().for_each(|(_, done)| done.wait());
    let outbox = handle.stats().workers.iter().map(|worker| worker.outbox_high_water_bytes).max();
    assert!(outbox > Some(0), "no lane has overflowed, so this has tested little");
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(report.dead_letters.total(), 0);
}

/// The same on one thread, where each interleaving of turns and budgets is one of a seed.
#[test]
fn in_any_interleaving_of_turns() {
    for seed in 0..60 {
        const EACH: u64 = 2000;
        let mut random = Random::new(seed);
        let (workers, turn, lane) = (1 + random.below(3), random.pick(&[1, 7, 64, 1024]), random.pick(&[1, 3, 256]));
        let builder = Engine::builder().unpinned_workers(workers).configure(|config| {
            make_tiny(config);
            (config.turn_budget, config.lane_budget) = (turn, lane);
        });
        let clock = support::StepClock::new(Duration::from_micros(20));
        let mut host = builder.clock(std::sync::Arc::new(clock)).host().unwrap();
        let handle = host.handle();
        let receivers: Vec<_> =
            (0..workers).map(|worker| Checker::spawn(&handle, Props::on(On::Worker(worker)), workers, EACH)).collect();
        for (receiver, _) in &receivers {
            for sender in 0..workers {
                Flooder::spawn(&handle, On::Worker(sender), *receiver, sender, EACH);
                host.poll(1 + random.next() % 50);
            }
        }
        for (_, done) in &receivers {
            let mut rounds = 0;
            let result = loop {
                match done.0.try_recv() {
                    Ok(result) => break result,
                    Err(_) => host.poll(1 + random.next() % 3000),
                };
                rounds += 1;
                assert!(rounds < 1_000_000, "seed {seed}: messages are missing");
            };
            result.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        let report = host.shutdown(PATIENCE).unwrap();
        assert_eq!(report.dead_letters.total(), 0, "seed {seed}");
    }
}

#[test]
fn from_ports_and_from_threads_that_share_a_handle() {
    const EACH: u64 = 6000;
    let engine = tiny(2).start().unwrap();
    let handle = engine.handle();
    let shared = Checker::spawn(&handle, Props::on(On::Worker(0)), 4, EACH);
    let mailbox = Checker::spawn(&handle, private(1, 100_000), 4, EACH);
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (handle, to) = (engine.handle(), [shared.0, mailbox.0]);
            scope.spawn(move || {
                let mut random = Random::new(sender as u64);
                let mut port = (sender < 2).then(|| handle.port().unwrap());
                let mut next = [0; 2];
                while next.iter().any(|next| *next < EACH) {
                    let which = random.below(2);
                    let start = next[which];
                    let batch = if random.once_in(3) { 1 + random.below(300) as u64 } else { 1 };
                    let end = (start + batch).min(EACH);
                    let messages = (start..end).map(|number| Numbered { sender, number });
                    next[which] = end;
                    if batch == 1 {
                        for message in messages {
                            match &mut port {
                                Some(port) => port.tell_within(PATIENCE, to[which], message).unwrap(),
                                None => handle.tell_within(PATIENCE, to[which], message).unwrap(),
                            }
                        }
                    } else {
                        let sent = match &mut port {
                            Some(port) => port.tell_batch(PATIENCE, to[which], messages),
                            None => handle.tell_batch(PATIENCE, to[which], messages),
                        };
                        assert_eq!(sent as u64, end - start);
                    }
                }
            });
        }
    });
    shared.1.wait();
    mailbox.1.wait();
    assert_eq!(engine.shutdown(PATIENCE).unwrap().dead_letters.total(), 0);
}

/// Into a private mailbox messages come in two ways: straight from its own core, and by lane from others.
#[test]
fn through_private_mailboxes() {
    const EACH: u64 = 8000;
    let grown =
        private(0, 2).mailbox(MailboxSpec::bounded(NonZeroUsize::new(2).unwrap()).overflow(Overflow::Grow(100_000)));
    for props in [private(0, 100_000), grown] {
        let engine = tiny(2).configure(|config| config.timer_resolution_us = 10).start().unwrap();
        let handle = engine.handle();
        let (receiver, done) = Checker::spawn(&handle, props, 4, EACH);
        for sender in 0..4 {
            Flooder::spawn(&handle, On::Worker(sender % 2), receiver, sender, EACH);
        }
        done.wait();
        assert_eq!(engine.shutdown(PATIENCE).unwrap().dead_letters.total(), 0);
    }
}

/// From its own core a full mailbox gives a message back, and the sender goes on with the same one.
#[test]
fn through_a_full_private_mailbox_of_the_same_core() {
    const EACH: u64 = 5000;
    let engine = tiny(1).configure(|config| config.timer_resolution_us = 10).start().unwrap();
    let handle = engine.handle();
    let (receiver, done) = Checker::spawn(&handle, private(0, 3), 2, EACH);
    for sender in 0..2 {
        Flooder::spawn(&handle, On::Worker(0), receiver, sender, EACH);
    }
    done.wait();
    assert_eq!(engine.shutdown(PATIENCE).unwrap().dead_letters.total(), 0);
}

/// Tells and answers of one actor to another arrive in the order in which they were sent: on one core, and across two.
#[test]
fn of_tells_and_answers() {
    enum Question {
        Ask(Reply<u64>, ActorRef<Asker>),
    }
    enum Asker {
        Start(ActorRef<Question>),
        Told(u64),
        Answered(u64),
    }
    for answering_worker in 0..2 {
        const ROUNDS: u64 = 3000;
        let engine = tiny(2).start().unwrap();
        let handle = engine.handle();
        let answerer = || {
            let mut number = 0;
            from_fn(move |Question::Ask(reply, asker), ctx: &mut Context<'_, Question>| {
                // One tell before the answer and one after it; all three have their numbers in this order.
                ctx.tell(asker, Asker::Told(number));
                reply.send(ctx, number + 1);
                ctx.tell(asker, Asker::Told(number + 2));
                number += 3;
            })
        };
        let (done, result) = channel();
        let asker = move || {
            let (done, mut next, mut to) = (done.clone(), 0, None);
            from_fn(move |msg, ctx: &mut Context<'_, Asker>| {
                let number = match msg {
                    Asker::Start(answerer) => {
                        to = Some(answerer);
                        None
                    }
                    Asker::Told(number) | Asker::Answered(number) => Some(number),
                };
                if let Some(number) = number {
                    if number != next {
                        done.send(Err(format!("{next} was to come, not {number}"))).unwrap();
                    }
                    next = number + 1;
                }
                if next == 3 * ROUNDS {
                    done.send(Ok(())).unwrap();
                } else if next % 30 == 0 {
                    // Ten questions at once, so that answers and tells are on their way together.
                    let me = ctx.me();
                    for _ in 0..10 {
                        let map = |answer: Result<u64, _>| Asker::Answered(answer.unwrap());
                        ctx.ask(to.unwrap(), |reply| Question::Ask(reply, me), map);
                    }
                }
            })
        };
        let answerer = handle.spawn(On::Worker(answering_worker), answerer).unwrap();
        let asker = handle.spawn(On::Worker(0), asker).unwrap();
        handle.tell(asker, Asker::Start(answerer));
        Done(result).wait();
        assert_eq!(engine.shutdown(PATIENCE).unwrap().dead_letters.total(), 0);
    }
}

/// An actor that panics now and then and is made anew after a while: what came meanwhile is handled before what comes
/// later, and nothing but the message that panicked is missing.
#[test]
fn across_restarts() {
    struct Fragile {
        done: Sender<Result<(), String>>,
        panic_every: u64,
        seen: std::sync::Arc<std::sync::Mutex<[u64; 2]>>,
    }
    const EACH: u64 = 3000;
    impl Actor for Fragile {
        type Msg = Numbered;
        fn handle(&mut self, msg: Numbered, _: &mut Context<'_, Numbered>) {
            let mut seen = self.seen.lock().unwrap();
            let expected = &mut seen[msg.sender];
            if *expected != msg.number {
                self.done.send(Err(format!("{expected} was to come, not {msg:?}"))).unwrap();
            }
            *expected = msg.number + 1;
            if seen.iter().all(|seen| *seen == EACH) {
                self.done.send(Ok(())).unwrap();
            }
            drop(seen);
            if msg.number % self.panic_every == 100 {
                panic_quietly();
            }
        }
    }
    for backoff in [Backoff::NONE, Backoff::fixed(Duration::from_micros(300))] {
        for mailbox in [None, Some(MailboxSpec::bounded(NonZeroUsize::new(10_000).unwrap()))] {
            let engine = Engine::builder().unpinned_workers(2).configure(|config| {
                make_tiny(config);
                // Room for all that is held while the actor is being restarted.
                config.defaults.local_ring_limit_kib = 4096;
                config.timer_resolution_us = 10;
            });
            let engine = engine.start().unwrap();
            let handle = engine.handle();
            let (done, result) = channel();
            let seen = std::sync::Arc::<std::sync::Mutex<[u64; 2]>>::default();
            let restart = Restart::Restart { max: u32::MAX, within: Duration::from_secs(60), backoff };
            let mut props = Props::on(On::Worker(0)).restart(restart);
            if let Some(mailbox) = mailbox {
                props = props.mailbox(mailbox);
            }
            let factory = move || Fragile { done: done.clone(), panic_every: 500, seen: seen.clone() };
            let receiver = handle.spawn(props, factory).unwrap();
            for sender in 0..2 {
                Flooder::spawn(&handle, On::Worker(sender), receiver, sender, EACH);
            }
            Done(result).wait();
            let report = engine.shutdown(PATIENCE).unwrap();
            assert_eq!(report.dead_letters.get(hippodrome::DeadLetterReason::Panicked), 2 * 6);
            assert_eq!(report.dead_letters.total(), 2 * 6);
        }
    }
}

/// A stop "after what is queued" lets the actor handle all that its sender has sent before it. Of what is sent later
/// each message is handled as well, still in order, or is a dead letter.
#[test]
fn of_messages_and_a_stop() {
    const BEFORE: u64 = 200;
    const AFTER: u64 = 50;
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum From {
        SameCore,
        OtherCore,
        Handle,
    }
    for from in [From::SameCore, From::OtherCore, From::Handle] {
        for capacity in [None, Some(1000)] {
            let context = format!("{from:?}, mailbox {capacity:?}");
            // Room in the ingress for all of it.
            let engine = tiny(2).configure(|config| config.defaults.ingress_kib = 64).start().unwrap();
            let handle = engine.handle();
            let (seen, numbers) = channel();
            let mut props = Props::on(On::Worker(0));
            if let Some(capacity) = capacity {
                props = props.mailbox(MailboxSpec::bounded(NonZeroUsize::new(capacity).unwrap()));
            }
            let receiver = handle
                .spawn(props, move || {
                    let seen = seen.clone();
                    from_fn(move |number: u64, _: &mut Context<'_, u64>| seen.send(number).unwrap())
                })
                .unwrap();
            let ended = handle.watch(receiver).unwrap();
            if from == From::Handle {
                (0..BEFORE).for_each(|number| handle.tell(receiver, number));
                handle.stop(receiver, Stop::AfterQueued).unwrap();
                (BEFORE..BEFORE + AFTER).for_each(|number| handle.tell(receiver, number));
            } else {
                let worker = usize::from(from == From::OtherCore);
                let sender = handle
                    .spawn(On::Worker(worker), move || {
                        from_fn(move |_: (), ctx: &mut Context<'_, ()>| {
                            (0..BEFORE).for_each(|number| ctx.tell(receiver, number));
                            ctx.stop(receiver, Stop::AfterQueued);
                            (BEFORE..BEFORE + AFTER).for_each(|number| ctx.tell(receiver, number));
                        })
                    })
                    .unwrap();
                handle.tell(sender, ());
            }
            ended.wait(PATIENCE).unwrap();
            let report = engine.shutdown(PATIENCE).unwrap();
            let seen: Vec<_> = numbers.try_iter().collect();
            assert!(seen.len() as u64 >= BEFORE, "{context}: only {} were handled", seen.len());
            assert!(seen.iter().copied().eq(0..seen.len() as u64), "{context}: {seen:?}");
            assert_eq!(seen.len() as u64 + report.dead_letters.total(), BEFORE + AFTER, "{context}");
        }
    }
}
