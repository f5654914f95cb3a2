//! Deadlocks: actors that ask in a circle, and mailboxes that are full in a circle. No core stops; a circle of asks is
//! reported, once, with the actors in it, and nothing else is.

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use common::{PATIENCE, next, settle};
use hippodrome::{
    Actor, ActorRef, Address, AskError, Builder, Context, DeadLetterCounts, DeadLetterReason, Engine, Handle, Host,
    MailboxSpec, ManualClock, On, Overflow, Props, Reply, Restart, Stop, SystemEvent, TryTellError, WaitCycle, from_fn,
};

/// The threshold of the hosts, which are on a clock that stands still.
const THRESHOLD: Duration = Duration::from_millis(100);
/// How long a keeper's asks wait.
const ASKS_WAIT: Duration = Duration::from_secs(60);

/// Keeps the replies that it owes.
struct Keeper {
    owed: Vec<Reply<u64>>,
    answers: Sender<Result<u64, AskError>>,
}

enum Keep {
    /// Ask this one.
    Ask(ActorRef<Keep>),
    Question(Reply<u64>),
    Answered(Result<u64, AskError>),
    /// Answer everybody.
    Answer,
    Fail,
}

impl Actor for Keeper {
    type Msg = Keep;

    fn handle(&mut self, msg: Keep, ctx: &mut Context<'_, Keep>) {
        match msg {
            Keep::Ask(whom) => ctx.ask_within(ASKS_WAIT, whom, Keep::Question, Keep::Answered),
            Keep::Question(reply) => self.owed.push(reply),
            Keep::Answered(answer) => self.answers.send(answer).expect("the test listens"),
            Keep::Answer => self.owed.drain(..).for_each(|reply| reply.send(ctx, 7)),
            Keep::Fail => std::panic::resume_unwind(Box::new("as planned")),
        }
    }
}

struct Keepers {
    actors: Vec<ActorRef<Keep>>,
    answers: Receiver<Result<u64, AskError>>,
}

/// Keepers that are spread over all workers, every other one with a mailbox of its own.
fn keepers(handle: &Handle, count: usize) -> Keepers {
    let (sender, answers) = mpsc::channel();
    let keeper = |n| {
        let props = Props::on(On::Worker(n % handle.workers())).restart(Restart::up_to(5, PATIENCE));
        let mailbox = MailboxSpec::bounded(NonZeroUsize::new(2000).unwrap());
        let props = if n % 4 > 1 { props.mailbox(mailbox) } else { props };
        let sender = sender.clone();
        handle.spawn(props, move || Keeper { owed: Vec::new(), answers: sender.clone() }).unwrap()
    };
    Keepers { actors: (0..count).map(keeper).collect(), answers }
}

impl Keepers {
    fn ask(&self, handle: &Handle, asker: usize, asked: usize) {
        handle.tell(self.actors[asker], Keep::Ask(self.actors[asked]));
    }

    fn addresses<const N: usize>(&self, of: [usize; N]) -> Vec<Address> {
        of.map(|n| self.actors[n].address()).to_vec()
    }
}

/// The actors of a cycle, from the lowest address on.
fn actors(cycle: &WaitCycle) -> Vec<Address> {
    cycle.actors().iter().map(|waiter| waiter.actor).collect()
}

/// The same, beginning with the actor that is there first.
fn from(first: Address, cycle: &WaitCycle) -> Vec<Address> {
    let mut actors = actors(cycle);
    let at = actors.iter().position(|actor| *actor == first).expect("it is in the cycle");
    actors.rotate_left(at);
    actors
}

/// Tells the test which cycles are reported.
struct Listener(Sender<(WaitCycle, Duration)>);

impl Actor for Listener {
    type Msg = (WaitCycle, Duration);

    fn started(&mut self, ctx: &mut Context<'_, Self::Msg>) {
        ctx.subscribe(|event: &SystemEvent| match event {
            SystemEvent::WaitCycle { cycle, waiting } => Some((cycle.clone(), *waiting)),
            _ => None,
        });
    }

    fn handle(&mut self, found: Self::Msg, _ctx: &mut Context<'_, Self::Msg>) {
        self.0.send(found).expect("the test listens");
    }
}

type Reports = Receiver<(WaitCycle, Duration)>;

fn listen(handle: &Handle) -> Reports {
    let (sender, reports) = mpsc::channel();
    let listener = handle.spawn(On::Worker(0), move || Listener(sender.clone())).unwrap();
    // On the same worker, so that it answers when the listener has started.
    let probe = || from_fn(|reply: Reply<()>, ctx: &mut Context<'_, _>| reply.send(ctx, ()));
    let probe = handle.spawn(On::SameAs(listener.address()), probe).unwrap();
    let answered = handle.ask(probe, |reply| reply);
    handle.stop(probe, Stop::AfterQueued).unwrap();
    drop(answered);
    reports
}

/// A host on a clock that stands still, and what it reports.
struct Hosted {
    host: Host,
    handle: Handle,
    clock: Arc<ManualClock>,
    reports: Reports,
}

fn hosted(configure: impl FnOnce(Builder) -> Builder) -> Hosted {
    let clock = Arc::new(ManualClock::default());
    let builder = Engine::builder().unpinned_workers(2).clock(clock.clone());
    let builder = builder.configure(|config| config.wait_cycle_threshold_ms = THRESHOLD.as_millis() as u32);
    let mut host = configure(builder).host().unwrap();
    let handle = host.handle();
    let reports = listen(&handle);
    settle(&mut host);
    Hosted { host, handle, clock, reports }
}

impl Hosted {
    /// Lets time pass, and everything happen that is due.
    fn pass(&mut self, time: Duration) -> Vec<(WaitCycle, Duration)> {
        self.clock.advance(time);
        (0..3).for_each(|_| settle(&mut self.host));
        self.reports.try_iter().collect()
    }
}

/// An engine on threads, and what it reports.
fn threaded(workers: usize) -> (Engine, Handle, Reports) {
    let builder = Engine::builder().unpinned_workers(workers).configure(|config| config.wait_cycle_threshold_ms = 20);
    let engine = builder.start().unwrap();
    let handle = engine.handle();
    let reports = listen(&handle);
    (engine, handle, reports)
}

#[test]
fn two_that_wait_on_each_other_are_reported_once_when_they_have_waited_long() {
    let mut hosted = hosted(|builder| builder);
    let two = keepers(&hosted.handle, 2);
    two.ask(&hosted.handle, 0, 1);
    assert_eq!(hosted.pass(THRESHOLD / 2), []);
    two.ask(&hosted.handle, 1, 0);
    assert_eq!(hosted.pass(Duration::ZERO), []);
    assert_eq!(hosted.pass(THRESHOLD - Duration::from_millis(1)), [], "the second ask is younger");
    let reports = hosted.pass(THRESHOLD / 2);
    let [(cycle, waiting)] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(actors(cycle), two.addresses([0, 1]));
    assert!(*waiting >= THRESHOLD && *waiting < 2 * THRESHOLD, "{waiting:?}");
    assert!(cycle.actors().iter().all(|waiter| waiter.actor_type == std::any::type_name::<Keeper>()));
    let [a, b] = two.addresses([0, 1])[..] else { panic!() };
    let name = std::any::type_name::<Keeper>();
    assert_eq!(cycle.to_string(), format!("{a} ({name}) -> {b} ({name}) -> {a}"));
    for _ in 0..10 {
        assert_eq!(hosted.pass(THRESHOLD), [], "it is known");
    }
    assert_eq!(hosted.host.wait_cycles(Duration::ZERO), std::slice::from_ref(cycle));
    // The asks end by their timeouts, and with them the cycle; if it comes again, it is reported again.
    assert_eq!(hosted.pass(ASKS_WAIT), []);
    assert_eq!(two.answers.try_iter().collect::<Vec<_>>(), [Err(AskError::TimedOut); 2]);
    assert_eq!(hosted.host.wait_cycles(Duration::ZERO), []);
    two.ask(&hosted.handle, 0, 1);
    two.ask(&hosted.handle, 1, 0);
    assert_eq!(hosted.pass(Duration::ZERO), []);
    let again = hosted.pass(2 * THRESHOLD);
    assert_eq!(again.iter().map(|(cycle, _)| cycle).collect::<Vec<_>>(), [cycle]);
    hosted.host.shutdown(PATIENCE).unwrap();
}

#[test]
fn three_over_two_workers_are_reported_in_the_order_of_asking() {
    let (engine, handle, reports) = threaded(2);
    let three = keepers(&handle, 3);
    [(0, 2), (2, 1), (1, 0)].iter().for_each(|(asker, asked)| three.ask(&handle, *asker, *asked));
    let (cycle, waiting) = next(&reports);
    let expected = three.addresses([0, 2, 1]);
    assert_eq!(from(expected[0], &cycle), expected);
    assert!(waiting >= Duration::from_millis(20));
    // The knot is undone by the first answer; all that were asked are answered.
    three.actors.iter().for_each(|actor| handle.tell(*actor, Keep::Answer));
    (0..3).for_each(|_| assert_eq!(next(&three.answers), Ok(7)));
    engine.shutdown(PATIENCE).unwrap();
    assert!(reports.try_recv().is_err(), "reported once");
}

#[test]
fn one_that_asks_itself_waits_on_itself() {
    let mut hosted = hosted(|builder| builder);
    let one = keepers(&hosted.handle, 1);
    one.ask(&hosted.handle, 0, 0);
    hosted.pass(Duration::ZERO);
    let reports = hosted.pass(THRESHOLD);
    assert_eq!(reports.iter().map(|(cycle, _)| actors(cycle)).collect::<Vec<_>>(), [one.addresses([0])]);
    hosted.host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_long_chain_is_no_cycle() {
    let mut hosted = hosted(|builder| builder);
    let chain = keepers(&hosted.handle, 1_000);
    (0..999).for_each(|n| chain.ask(&hosted.handle, n, n + 1));
    // All of them ask the last one, too.
    (0..999).for_each(|n| chain.ask(&hosted.handle, n, 999));
    for _ in 0..5 {
        assert_eq!(hosted.pass(THRESHOLD), []);
    }
    // It becomes one of a thousand by one more ask.
    chain.ask(&hosted.handle, 999, 0);
    hosted.pass(Duration::ZERO);
    let reports = hosted.pass(2 * THRESHOLD);
    let [(cycle, _)] = &reports[..] else { panic!("{} reports", reports.len()) };
    assert!(cycle.actors().iter().any(|waiter| waiter.actor == chain.actors[999].address()));
    hosted.host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_cycle_that_is_undone_before_the_threshold_is_not_reported() {
    let mut hosted = hosted(|builder| builder);
    let three = keepers(&hosted.handle, 3);
    (0..3).for_each(|n| three.ask(&hosted.handle, n, (n + 1) % 3));
    assert_eq!(hosted.pass(Duration::ZERO), []);
    assert_eq!(hosted.pass(THRESHOLD - Duration::from_millis(1)), []);
    assert_eq!(hosted.host.wait_cycles(Duration::ZERO).len(), 1, "it is there");
    assert_eq!(hosted.host.wait_cycles(THRESHOLD).len(), 0, "and not for long");
    hosted.handle.tell(three.actors[2], Keep::Answer);
    assert_eq!(hosted.pass(THRESHOLD), []);
    assert_eq!(three.answers.try_iter().collect::<Vec<_>>(), [Ok(7)]);
    hosted.host.shutdown(PATIENCE).unwrap();
}

#[test]
fn every_asker_waits_that_lives_the_life_in_which_it_asked() {
    for fate in ["restarted", "stopped", "neither"] {
        let mut hosted = hosted(|builder| builder);
        let three = keepers(&hosted.handle, 3);
        (0..3).for_each(|n| three.ask(&hosted.handle, n, (n + 1) % 3));
        hosted.pass(Duration::ZERO);
        match fate {
            "restarted" => hosted.handle.tell(three.actors[1], Keep::Fail),
            "stopped" => hosted.handle.stop(three.actors[1], Stop::Now).unwrap(),
            _ => {}
        }
        hosted.pass(Duration::ZERO);
        assert_eq!(hosted.pass(2 * THRESHOLD).len(), usize::from(fate == "neither"), "{fate}");
        hosted.host.shutdown(PATIENCE).unwrap();
    }
}

#[test]
fn disjoint_cycles_are_reported_each() {
    let (engine, handle, reports) = threaded(2);
    let ten = keepers(&handle, 10);
    // A pair, three, one alone; and a chain that leads into the pair and goes on from the three.
    let asks = [(0, 1), (1, 0), (2, 3), (3, 4), (4, 2), (5, 5), (6, 7), (7, 0), (3, 8), (8, 9)];
    asks.iter().for_each(|(asker, asked)| ten.ask(&handle, *asker, *asked));
    let mut found: Vec<_> = (0..3).map(|_| next(&reports).0).collect();
    found.sort_by_key(|cycle| cycle.actors().len());
    assert_eq!(actors(&found[0]), ten.addresses([5]));
    assert_eq!(from(ten.actors[0].address(), &found[1]), ten.addresses([0, 1]));
    assert_eq!(from(ten.actors[2].address(), &found[2]), ten.addresses([2, 3, 4]));
    engine.shutdown(PATIENCE).unwrap();
    assert!(reports.try_recv().is_err(), "nothing else was reported");
}

#[test]
fn a_cycle_is_found_among_thousands_of_asks() {
    let (engine, handle, reports) = threaded(2);
    let many = keepers(&handle, 1_000);
    // Askers that wait for one who waits for nobody; then the cycle.
    (1..1_000).for_each(|n| (0..5).for_each(|_| many.ask(&handle, n, 0)));
    [(998, 999), (999, 997), (997, 998)].iter().for_each(|(asker, asked)| many.ask(&handle, *asker, *asked));
    let expected = many.addresses([998, 999, 997]);
    assert_eq!(from(expected[0], &next(&reports).0), expected);
    engine.shutdown(PATIENCE).unwrap();
    assert!(reports.try_recv().is_err(), "nothing else was reported");
}

#[test]
fn the_cores_go_on_meanwhile() {
    let (engine, handle, reports) = threaded(2);
    let two = keepers(&handle, 2);
    two.ask(&handle, 0, 1);
    two.ask(&handle, 1, 0);
    next(&reports);
    // A ball that two actors pass on, in each case on both workers, while the two wait.
    let (done, is_done) = mpsc::channel();
    let ends: Vec<ActorRef<(u64, ActorRef<u64>)>> = (0..2)
        .map(|worker| {
            let done = done.clone();
            let end = move || {
                let done = done.clone();
                from_fn(move |(left, to): (u64, ActorRef<u64>), ctx: &mut Context<'_, _>| {
                    ctx.tell(to, left);
                    done.send(()).expect("the test listens");
                })
            };
            handle.spawn(On::Worker(worker), end).unwrap()
        })
        .collect();
    let (hops, hopped) = mpsc::channel();
    let hopper = handle.spawn(On::Worker(1), move || {
        let hops = hops.clone();
        from_fn(
            move |left: u64, ctx: &mut Context<'_, u64>| {
                if left == 0 { hops.send(()).expect("the test listens") } else { ctx.tell(ctx.me(), left - 1) }
            },
        )
    });
    let hopper = hopper.unwrap();
    ends.iter().for_each(|end| handle.tell(*end, (10_000, hopper)));
    (0..2).for_each(|_| next(&is_done));
    (0..2).for_each(|_| next(&hopped));
    // The waiting actors themselves handle what comes.
    handle.tell(two.actors[1], Keep::Answer);
    assert_eq!(next(&two.answers), Ok(7));
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn nobody_looks_if_the_configuration_says_so() {
    let mut hosted = hosted(|builder| builder.configure(|config| config.wait_cycle_threshold_ms = 0));
    let two = keepers(&hosted.handle, 2);
    two.ask(&hosted.handle, 0, 1);
    two.ask(&hosted.handle, 1, 0);
    hosted.pass(Duration::ZERO);
    (0..10).for_each(|_| assert_eq!(hosted.pass(THRESHOLD), []));
    assert_eq!(hosted.host.wait_cycles(Duration::ZERO).len(), 1, "whoever asks is told");
    hosted.host.shutdown(PATIENCE).unwrap();
}

/// Passes everything on to the next, twice: what is in the circle doubles until all mailboxes are full.
struct Doubler {
    next: Option<ActorRef<Pass>>,
    counts: Sender<Counted>,
}

#[derive(Clone, Copy)]
enum Pass {
    To(ActorRef<Pass>),
    /// A message that may be passed on so many times.
    On(u32, u64),
}

/// What happened to the copies that one handler made.
struct Counted {
    tried: u64,
    full: u64,
}

impl Actor for Doubler {
    type Msg = Pass;

    fn handle(&mut self, msg: Pass, ctx: &mut Context<'_, Pass>) {
        match msg {
            Pass::To(next) => {
                self.next = Some(next);
                self.counts.send(Counted { tried: 0, full: 0 }).expect("the test listens");
            }
            Pass::On(hops, key) => {
                let mut counted = Counted { tried: 0, full: 0 };
                if hops > 0 {
                    let next = self.next.expect("the circle was closed first");
                    for copy in 0..2 {
                        counted.tried += 1;
                        let refused = ctx.try_tell(next, Pass::On(hops - 1, key * 2 + copy));
                        counted.full += u64::from(matches!(refused, Err(TryTellError::Full(_))));
                    }
                }
                self.counts.send(counted).expect("the test listens");
            }
        }
    }
}

const KEY: fn(&Pass) -> u64 = |pass| match pass {
    Pass::To(_) => u64::MAX,
    Pass::On(_, key) => key % 5,
};

/// Sends messages around a circle of mailboxes that are too small for them. Returns how many were sent by the test, and
/// what the handlers count.
fn send_around(
    handle: &Handle,
    overflow: Overflow<Pass>,
    places: &[usize],
    settle: impl FnOnce(),
) -> (u64, Receiver<Counted>) {
    let (counts, counted) = mpsc::channel();
    let doubler = |worker: &usize| {
        let mailbox = MailboxSpec::bounded(NonZeroUsize::new(3).unwrap()).overflow(overflow);
        let counts = counts.clone();
        let props = Props::on(On::Worker(*worker)).mailbox(mailbox);
        handle.spawn(props, move || Doubler { next: None, counts: counts.clone() }).unwrap()
    };
    let circle: Vec<_> = places.iter().map(doubler).collect();
    for (n, actor) in circle.iter().enumerate() {
        handle.tell(*actor, Pass::To(circle[(n + 1) % circle.len()]));
    }
    settle();
    common::take(&counted, circle.len());
    circle.iter().for_each(|actor| handle.tell(*actor, Pass::On(16, 1)));
    (circle.len() as u64, counted)
}

/// Checks that every message was handled, given back, or is a dead letter, and that the mailboxes were full.
fn check_around(sent: u64, counted: &Receiver<Counted>, dead: &DeadLetterCounts, context: &str) {
    let (mut handled, mut tried, mut full) = (0, 0, 0);
    for counted in counted.try_iter() {
        handled += 1;
        tried += counted.tried;
        full += counted.full;
    }
    let reasons = [
        DeadLetterReason::MailboxFull,
        DeadLetterReason::DroppedNewest,
        DeadLetterReason::DroppedOldest,
        DeadLetterReason::Conflated,
    ];
    let dropped: u64 = reasons.iter().map(|reason| dead.get(*reason)).sum();
    assert_eq!(sent + tried, handled + full + dropped, "{context}: {dead:?}");
    assert_eq!(dead.total() + dead.get(DeadLetterReason::Conflated), dropped, "{context}: {dead:?}");
    assert!(full + dropped > 0, "{context}: the mailboxes were full");
    assert!(handled > 2 * sent, "{context}: and messages went around nevertheless");
}

fn policies() -> [Overflow<Pass>; 5] {
    [Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest, Overflow::Conflate(KEY), Overflow::Grow(6)]
}

const CIRCLES: [&[usize]; 4] = [&[0], &[0, 0], &[0, 1], &[0, 1, 1, 0]];

#[test]
fn full_mailboxes_in_a_circle_stop_no_core() {
    for overflow in policies() {
        for places in CIRCLES {
            let engine = Engine::builder().unpinned_workers(2).start().unwrap();
            let (sent, counted) = send_around(&engine.handle(), overflow, places, || ());
            // Which handles what was accepted.
            let report = engine.shutdown(PATIENCE).unwrap();
            check_around(sent, &counted, &report.dead_letters, &format!("{overflow:?}: {places:?}"));
        }
    }
}

#[test]
fn full_mailboxes_in_a_circle_stop_no_host() {
    for overflow in policies() {
        for places in CIRCLES {
            let (mut host, _clock) = common::host(2);
            let (sent, counted) = send_around(&host.handle(), overflow, places, || settle(&mut host));
            settle(&mut host);
            assert_eq!(host.wait_cycles(Duration::ZERO), [], "nobody waits");
            let dead = host.stats().dead_letters();
            check_around(sent, &counted, &dead, &format!("{overflow:?}: {places:?}"));
            assert_eq!(host.shutdown(PATIENCE).unwrap().dead_letters, dead);
        }
    }
}
