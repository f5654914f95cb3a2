//! Promise 2: every accepted message is handled exactly once or reported exactly once as a dead letter, and dropped
//! exactly once, through stops, restarts, panics, overflow and shutdown.
//!
//! Each message carries a token that notes its own fate. Actors do at random whatever an actor can do, on rings as small
//! as they may be; in the end the tokens' fates must equal the engine's own counts.

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hippodrome::{
    Actor, ActorRef, Ask, Backoff, Context, DeadLetterCounts, DeadLetterReason, Engine, Handle, MailboxSpec, On,
    Overflow, Port, PortError, Props, Reply, Restart, Stats, Stop, TryTellError, WaitStrategy, from_fn,
};
use support::{Ledger, PATIENCE, Random, StepClock, Summary, Token, make_tiny, panic_quietly};

/// What all actors of one run know.
struct World {
    ledger: &'static Ledger,
    known: Mutex<Vec<ActorRef<Msg>>>,
    known_bulky: Mutex<Vec<ActorRef<Bulky>>>,
    seed: u64,
    born: AtomicU64,
    /// Whether there are timers and notices, whose messages may go without a report. Without them the counts are exact.
    has_quiet: bool,
}

enum Msg {
    Work(Token),
    Question(Token, Reply<Token>),
    Answer(Token),
}

/// A message of another size and alignment, so that rings wrap at odd places.
#[repr(align(32))]
struct Bulky {
    token: Token,
    ballast: [u64; 50],
}

/// An event of the program's own.
struct Beat;

impl Msg {
    fn into_token(self) -> Token {
        match self {
            Self::Work(token) | Self::Question(token, _) | Self::Answer(token) => token,
        }
    }
}

impl World {
    fn new(seed: u64, fuel: usize, has_quiet: bool) -> Arc<Self> {
        Arc::new(Self {
            ledger: Ledger::leak(fuel),
            known: Mutex::default(),
            known_bulky: Mutex::default(),
            seed,
            born: AtomicU64::new(0),
            has_quiet,
        })
    }

    fn random(&self) -> Random {
        Random::new(self.seed.wrapping_mul(1_000_003).wrapping_add(self.born.fetch_add(1, Ordering::Relaxed)))
    }

    /// An actor that lives or has lived.
    fn any(&self, random: &mut Random) -> ActorRef<Msg> {
        random.pick(&self.known.lock().unwrap())
    }

    fn any_bulky(&self, random: &mut Random) -> Option<ActorRef<Bulky>> {
        let known = self.known_bulky.lock().unwrap();
        (!known.is_empty()).then(|| random.pick(&known))
    }

    fn learn(&self, actor: ActorRef<Msg>) {
        self.known.lock().unwrap().push(actor);
    }
}

struct Node {
    world: Arc<World>,
    random: Random,
    kept: Vec<Reply<Token>>,
}

impl Node {
    fn factory(world: &Arc<World>) -> impl FnMut() -> Self + Send + 'static {
        let world = world.clone();
        move || {
            let mut random = world.random();
            if random.once_in(40) {
                panic_quietly();
            }
            Self { world: world.clone(), random, kept: Vec::new() }
        }
    }

    fn act(&mut self, ctx: &mut Context<'_, Msg>) {
        let (world, ledger) = (self.world.clone(), self.world.ledger);
        let to = world.any(&mut self.random);
        match self.random.below(100) {
            0..30 => {
                if let Some(token) = ledger.try_token() {
                    ctx.tell(to, Msg::Work(token));
                }
            }
            30..42 => {
                if let Some(token) = ledger.try_token()
                    && let Err(error) = ctx.try_tell(to, Msg::Work(token))
                {
                    error.into_message().into_token().given_back();
                }
            }
            42..48 => {
                let batch: Vec<_> = (0..self.random.below(20)).map_while(|_| ledger.try_token()).collect();
                let count = batch.len();
                assert!(ctx.tell_batch(to, batch.into_iter().map(Msg::Work)) <= count);
            }
            48..54 => self.tell_bulky(ctx),
            54..68 => self.ask(to, ctx),
            68..74 if world.has_quiet => {
                if let Some(token) = ledger.try_token() {
                    let delay = Duration::from_micros(self.random.below(5000) as u64);
                    if let Err(message) = ctx.send_after(delay, Msg::Work(token.quiet())) {
                        message.into_token().given_back();
                    }
                }
            }
            74..80 => self.spawn(ctx),
            80..83 => ctx.stop(to, self.random.pick(&[Stop::Now, Stop::AfterQueued, Stop::Kill])),
            83 => ctx.stop_self(),
            84..87 if world.has_quiet && ledger.spend() => {
                ctx.watch(to, move |_| Msg::Work(ledger.token().quiet()));
            }
            87 => ctx.subscribe(move |_: &Beat| ledger.try_token().map(Msg::Work)),
            88..90 => {
                ctx.publish(Beat);
            }
            _ => {
                if let Some(reply) = self.kept.pop()
                    && let Some(token) = ledger.try_token()
                {
                    reply.send(ctx, token);
                }
            }
        }
    }

    fn tell_bulky(&mut self, ctx: &mut Context<'_, Msg>) {
        let Some(to) = self.world.any_bulky(&mut self.random) else { return };
        for _ in 0..self.random.below(8) {
            let Some(token) = self.world.ledger.try_token() else { return };
            if let Err(error) = ctx.try_tell(to, bulky(token)) {
                error.into_message().token.given_back();
            }
        }
    }

    fn ask(&mut self, to: ActorRef<Msg>, ctx: &mut Context<'_, Msg>) {
        let ledger = self.world.ledger;
        // One for the message that says that there is no answer, one for the question.
        if !ledger.spend() || !ledger.spend() {
            return;
        }
        let timeout = Duration::from_micros(self.random.pick(&[1, 500, 1_000_000]));
        let map = move |answer| match answer {
            Ok(token) => Msg::Answer(token),
            Err(_) => Msg::Work(ledger.token()),
        };
        ctx.ask_within(timeout, to, |reply| Msg::Question(ledger.token(), reply), map);
    }

    fn spawn(&mut self, ctx: &mut Context<'_, Msg>) {
        if self.random.once_in(4) {
            let world = self.world.clone();
            let props = Props::on(On::RoundRobin).restart(Restart::up_to(3, Duration::from_secs(1)));
            if let Ok(bulky) = ctx.spawn(props, Heavy::factory(&world)) {
                world.known_bulky.lock().unwrap().push(bulky);
            }
        } else if let Ok(child) = ctx.spawn(props(&mut self.random), Self::factory(&self.world)) {
            self.world.learn(child);
        }
    }
}

impl Actor for Node {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Msg>) {
        for _ in 0..self.random.below(4) {
            self.act(ctx);
        }
        if self.random.once_in(30) {
            panic_quietly();
        }
        match msg {
            Msg::Work(token) | Msg::Answer(token) => token.handled(),
            Msg::Question(token, reply) => {
                match self.random.below(8) {
                    0 => drop(reply),
                    1..4 => self.kept.push(reply),
                    _ => {
                        if let Some(answer) = self.world.ledger.try_token() {
                            reply.send(ctx, answer);
                        }
                    }
                }
                token.handled();
            }
        }
    }

    fn started(&mut self, ctx: &mut Context<'_, Msg>) {
        self.act(ctx);
        if self.random.once_in(40) {
            panic_quietly();
        }
    }

    fn stopped(&mut self, ctx: &mut Context<'_, Msg>) {
        self.act(ctx);
        if self.random.once_in(10) {
            panic_quietly();
        }
    }
}

/// Takes bulky messages.
struct Heavy {
    random: Random,
}

impl Heavy {
    fn factory(world: &Arc<World>) -> impl FnMut() -> Self + Send + 'static {
        let world = world.clone();
        move || Self { random: world.random() }
    }
}

impl Actor for Heavy {
    type Msg = Bulky;

    fn handle(&mut self, msg: Bulky, _ctx: &mut Context<'_, Bulky>) {
        assert_eq!(msg.ballast, [msg.token.id() as u64; 50], "the message came out as it went in");
        if self.random.once_in(50) {
            panic_quietly();
        }
        msg.token.handled();
    }
}

fn bulky(token: Token) -> Bulky {
    let ballast = [token.id() as u64; 50];
    Bulky { token, ballast }
}

fn key(message: &Msg) -> u64 {
    match message {
        Msg::Work(token) | Msg::Answer(token) | Msg::Question(token, _) => token.id() as u64 % 3,
    }
}

fn props(random: &mut Random) -> Props<Msg> {
    let second = Duration::from_secs(1);
    let backoff = Backoff::exponential(Duration::from_micros(100), Duration::from_millis(2));
    let restart = match random.below(5) {
        0 => Restart::Stop,
        1 => Restart::Escalate,
        2 => Restart::up_to(3, second),
        3 => Restart::up_to(1000, second),
        _ => Restart::Restart { max: 1000, within: second, backoff },
    };
    let props = Props::on(random.pick(&[On::Here, On::LeastActors, On::RoundRobin])).restart(restart);
    let capacity = 1 + random.below(4);
    let overflow = match random.below(10) {
        0 => Overflow::Reject,
        1 => Overflow::DropNewest,
        2 => Overflow::DropOldest,
        3 => Overflow::Conflate(key),
        4 => Overflow::Grow(capacity + random.below(5)),
        _ => return props,
    };
    props.mailbox(MailboxSpec::bounded(NonZeroUsize::new(capacity).unwrap()).overflow(overflow))
}

fn builder(random: &mut Random) -> hippodrome::Builder {
    let workers = 1 + random.below(4);
    let (turn, lane) = (random.pick(&[1, 3, 64, 1024]), random.pick(&[1, 5, 256]));
    let (spins, roomy, max_asks) = (random.pick(&[0, 3, 2000]), random.once_in(3), random.pick(&[2, 40]));
    Engine::builder().unpinned_workers(workers).configure(|config| {
        make_tiny(config);
        if roomy {
            config.defaults.local_ring_limit_kib = 256;
            config.defaults.outbox_limit_kib = 256;
        }
        config.defaults.spins = spins;
        config.turn_budget = turn;
        config.lane_budget = lane;
        config.max_actors = 60;
        config.max_timers = 80;
        config.max_asks = max_asks;
        config.max_ports = 4;
        config.event_capacity = 64;
    })
}

fn spawn_roots(world: &Arc<World>, handle: &Handle, random: &mut Random) {
    // The first one does nothing by itself, so that the others know somebody when they start.
    let calm = |msg: Msg, _: &mut Context<'_, Msg>| msg.into_token().handled();
    world.learn(handle.spawn(On::Worker(0), move || from_fn(calm)).expect("the engine has just started"));
    for _ in 0..3 + random.below(8) {
        world.learn(handle.spawn(props(random), Node::factory(world)).expect("there is room for the first actors"));
    }
    world.known_bulky.lock().unwrap().push(handle.spawn(On::RoundRobin, Heavy::factory(world)).unwrap());
}

/// Whether the engine still accepts messages.
fn note<T>(result: Result<(), TryTellError<T>>, token: impl FnOnce(T) -> Token) -> bool {
    match result {
        Ok(()) => true,
        Err(TryTellError::Full(message)) => {
            token(message).given_back();
            true
        }
        Err(error) => {
            token(error.into_message()).given_back();
            false
        }
    }
}

/// One thing that a thread outside may do. Returns whether the engine still accepts messages.
fn outside(
    world: &World,
    random: &mut Random,
    handle: &Handle,
    port: &mut Port,
    asks: &mut Vec<Ask<Token>>,
    patience: Duration,
) -> bool {
    let (to, ledger) = (world.any(random), world.ledger);
    let Some(token) = ledger.try_token() else { return false };
    match random.below(8) {
        0 => handle.tell(to, Msg::Work(token)),
        1 => port.tell(to, Msg::Work(token)),
        2 => return note(handle.try_tell(to, Msg::Work(token)), Msg::into_token),
        3 => return note(port.try_tell(to, Msg::Work(token)), Msg::into_token),
        4 => asks.push(handle.ask(to, |reply| Msg::Question(token, reply))),
        5 => asks.push(port.ask(to, |reply| Msg::Question(token, reply))),
        6 => {
            if let Some(to) = world.any_bulky(random) {
                return note(port.try_tell(to, bulky(token)), |bulky| bulky.token);
            }
            token.given_back();
        }
        _ => {
            let more = (0..random.below(100)).map_while(|_| ledger.try_token());
            let batch: Vec<_> = std::iter::once(token).chain(more).collect();
            let mut left = batch.into_iter();
            let messages = std::iter::from_fn(|| left.next().map(Msg::Work));
            match random.once_in(2) {
                true => handle.tell_batch(patience, to, messages),
                false => port.tell_batch(patience, to, messages),
            };
            left.for_each(Token::given_back);
        }
    }
    true
}

/// The answers that came, and those that did not.
fn take_answers(asks: Vec<Ask<Token>>) {
    for ask in asks {
        if let Ok(token) = ask.wait(Duration::ZERO) {
            token.handled();
        }
    }
}

/// The tokens' fates must be what the engine says they are.
fn compare(context: &str, summary: Summary, answered_outside: u64, stats: &Stats) {
    let dead_letters = stats.dead_letters();
    let panicked = dead_letters.get(DeadLetterReason::Panicked);
    assert_eq!(
        summary.handled - answered_outside + panicked,
        stats.handled(),
        "{context}: handled\n{summary:?}\n{}",
        shown(&dead_letters)
    );
    let reported: u64 = DeadLetterReason::ALL.iter().map(|reason| dead_letters.get(*reason)).sum();
    let accounted = summary.dead..=summary.dead + summary.quiet;
    assert!(
        accounted.contains(&reported),
        "{context}: {reported} dead letters, {accounted:?} expected\n{summary:?}\n{}",
        shown(&dead_letters)
    );
    assert_eq!(stats.rescued_wakeups(), 0, "{context}");
}

/// In an engine that ended in order, no worker has missed what another ordered.
fn no_order_was_lost(context: &str, stats: &Stats) {
    let lost: u64 = stats.workers.iter().map(|worker| worker.lost_orders).sum();
    assert_eq!(lost, 0, "{context}: orders were lost");
}

fn shown(counts: &DeadLetterCounts) -> String {
    DeadLetterReason::ALL.iter().map(|reason| format!("{reason}: {}\n", counts.get(*reason))).collect()
}

fn answered(asks: Vec<Ask<Token>>, ledger: &Ledger) -> u64 {
    let before = ledger.handled();
    take_answers(asks);
    ledger.handled() - before
}

fn hosted_run(seed: u64) -> DeadLetterCounts {
    let mut random = Random::new(seed);
    let world = World::new(seed, 600, seed % 2 == 1);
    let clock = Arc::new(StepClock::new(Duration::from_micros(20)));
    let mut host = builder(&mut random).clock(clock).host().unwrap();
    let handle = host.handle();
    spawn_roots(&world, &handle, &mut random);
    let mut port = handle.port().unwrap();
    let mut asks = Vec::new();
    for _ in 0..random.below(30) {
        for _ in 0..random.below(20) {
            outside(&world, &mut random, &handle, &mut port, &mut asks, Duration::ZERO);
        }
        host.poll(1 + random.next() % 60);
    }
    let context = format!("hosted, seed {seed}");
    match seed / 2 % 4 {
        0 => {
            let report = host.shutdown(PATIENCE).unwrap_or_else(|error| panic!("{context}: {error}: {error:?}"));
            assert!(report.left.is_empty(), "{context}: {report:?}");
            no_order_was_lost(&context, &handle.stats());
        }
        1 => {
            let _ = host.shutdown(Duration::ZERO);
        }
        2 => {
            let report = host.abort();
            let left: u64 = report.left.iter().map(|left| left.count).sum();
            assert!(left <= report.dead_letters.get(DeadLetterReason::Shutdown), "{context}: {report:?}");
        }
        _ => drop(host),
    }
    if let Some(token) = world.ledger.try_token() {
        assert!(!note(handle.try_tell(world.any(&mut random), Msg::Work(token)), Msg::into_token), "{context}");
    }
    drop(port);
    let answered = answered(asks, world.ledger);
    let stats = handle.stats();
    compare(&context, world.ledger.settle(&context), answered, &stats);
    stats.dead_letters()
}

#[test]
fn each_message_has_one_fate_on_one_thread() {
    let mut seen = [0; DeadLetterReason::ALL.len()];
    for seed in 0..2000 {
        let counts = hosted_run(seed);
        seen.iter_mut().zip(DeadLetterReason::ALL).for_each(|(seen, reason)| *seen += counts.get(reason));
    }
    // The seeds have gone wherever the engine itself can lose a message; `Unreachable` needs a second one, and the rest are
    // for what stands in front of actors.
    let elsewhere =
        [DeadLetterReason::Unreachable, DeadLetterReason::Refused, DeadLetterReason::Expired, DeadLetterReason::Outrun];
    for (seen, reason) in seen.iter().zip(DeadLetterReason::ALL) {
        assert!(*seen > 0 || elsewhere.contains(&reason), "no message was dead by reason of: {reason}");
    }
}

fn threaded_run(seed: u64) {
    let mut random = Random::new(seed ^ 0xABCD);
    let world = World::new(seed, 20_000, seed % 2 == 1);
    let wait = random.pick(&[WaitStrategy::SpinThenPark, WaitStrategy::SpinThenYield]);
    let engine = builder(&mut random).wait(wait).start().unwrap();
    let handle = engine.handle();
    spawn_roots(&world, &handle, &mut random);
    let senders: Vec<_> = (0..2)
        .map(|sender| {
            let (world, handle) = (world.clone(), engine.handle());
            std::thread::spawn(move || {
                let mut random = Random::new(seed * 31 + sender);
                let mut asks = Vec::new();
                let mut port = match handle.port() {
                    Ok(port) => port,
                    Err(PortError::Stopping) => return asks,
                    Err(error) => panic!("seed {seed}: {error}"),
                };
                let patience = Duration::from_micros(200);
                while outside(&world, &mut random, &handle, &mut port, &mut asks, patience) {
                    if random.once_in(20) {
                        // A few roots, so that there is always somebody to kill, and stops from outside.
                        if let Ok(actor) = handle.spawn(props(&mut random), Node::factory(&world)) {
                            world.learn(actor);
                        }
                        let how = random.pick(&[Stop::Now, Stop::AfterQueued, Stop::Kill]);
                        let _ = handle.stop(world.any(&mut random), how);
                    }
                }
                asks
            })
        })
        .collect();
    let context = format!("threads, seed {seed}");
    std::thread::sleep(Duration::from_micros(random.next() % 8000));
    match seed / 2 % 4 {
        0 | 1 => {
            let report = engine.shutdown(PATIENCE).unwrap_or_else(|error| panic!("{context}: {error}: {error:?}"));
            // A port that sends in the very moment of closing may have its last batch reported as left.
            assert!(report.drained && report.stopped_in_order, "{context}: {report:?}");
            no_order_was_lost(&context, &handle.stats());
        }
        2 => {
            let _ = engine.shutdown(Duration::from_micros(random.next() % 1000));
        }
        _ => {
            engine.abort();
        }
    }
    let asks = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    let answered = answered(asks, world.ledger);
    let stats = handle.stats();
    compare(&context, world.ledger.settle(&context), answered, &stats);
}

#[test]
fn each_message_has_one_fate_on_several_threads() {
    for seed in 0..200 {
        threaded_run(seed);
    }
}

/// The answer of an ask lies at every possible place of the local ring's segments, also at their very ends, and whoever
/// gets it orders a stop that waits behind what is queued. Nothing of what is queued may be skipped or read again.
#[test]
fn a_stop_behind_what_is_queued_skips_nothing() {
    struct Question(Reply<u64>);
    enum Asker {
        Go,
        Answered,
    }
    // A segment has 16 KiB, and the smallest message with its header 24 bytes.
    for before in 0..700 {
        let mut host = Engine::builder().unpinned_workers(1).host().unwrap();
        let (handle, ledger) = (host.handle(), Ledger::leak(4000));
        let sink = || from_fn(|token: Token, _: &mut Context<'_, Token>| token.handled());
        let (sink, victim) = (handle.spawn(On::Here, sink).unwrap(), handle.spawn(On::Here, sink).unwrap());
        let answerer = handle
            .spawn(On::Here, move || {
                from_fn(move |Question(reply), ctx: &mut Context<'_, Question>| {
                    (0..before).for_each(|_| ctx.tell(sink, ledger.token()));
                    reply.send(ctx, before);
                    // Enough for two more segments.
                    (0..1500).for_each(|_| ctx.tell(sink, ledger.token()));
                })
            })
            .unwrap();
        let asker = handle
            .spawn(On::Here, move || {
                from_fn(move |msg, ctx: &mut Context<'_, Asker>| match msg {
                    Asker::Go => ctx.ask(answerer, Question, |_| Asker::Answered),
                    Asker::Answered => ctx.stop(victim, Stop::AfterQueued),
                })
            })
            .unwrap();
        handle.tell(asker, Asker::Go);
        host.poll(1_000_000);
        let context = format!("{before} messages in front of the answer");
        assert_eq!(ledger.handled(), before + 1500, "{context}");
        host.shutdown(PATIENCE).unwrap();
        assert_eq!(ledger.settle(&context).dead, 0, "{context}");
    }
}
