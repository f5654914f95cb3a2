//! What becomes of a message at which its actor panics: each is handled, in quarantine, or reported, and once.

#[path = "common/waiting.rs"]
mod waiting;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::sim::{Faults, Sim, explore, explore_with};
use hippodrome::{
    Actor, ActorRef, Batch, Context, DeadLetterReason, Engine, Handle, MailboxSpec, On, Props, Restart, Stop,
};
use hippodrome_toolkit::machine::{Machine, StateMachine, Transition};
use hippodrome_toolkit::stash::{Stash, Stashing};
use hippodrome_toolkit::supervision::{
    ChildRef, ChildSpec, Quarantine, QuarantineOrder, Quarantined, Retry, Retrying, Strategy, Supervisor,
};
use parking_lot::Mutex;
use waiting::{PATIENCE, eventually};

const HOUR: Duration = Duration::from_secs(3600);

/// A message that makes its actor panic so many times.
#[derive(Clone, Debug)]
struct Job {
    number: u64,
    panics: u32,
}

/// What was handled to the end, in order, and how often each message was tried.
#[derive(Default)]
struct Book {
    handled: Vec<u64>,
    tries: BTreeMap<u64, u32>,
}

#[derive(Clone, Default)]
struct Books(Arc<Mutex<Book>>);

struct Clerk(Books);

impl Actor for Clerk {
    type Msg = Job;

    fn handle(&mut self, job: Job, _ctx: &mut Context<'_, Job>) {
        let mut book = self.0.0.lock();
        let tries = book.tries.entry(job.number).or_default();
        *tries += 1;
        if *tries <= job.panics {
            drop(book);
            resume_unwind(Box::new(format!("job {}", job.number)));
        }
        book.handled.push(job.number);
    }
}

fn clerk(retry: Retry<Job>, books: &Books) -> impl FnMut() -> Retrying<Clerk> + Send + 'static {
    let books = books.clone();
    retry.wrap(move || Clerk(books.clone()))
}

fn tell(handle: &Handle, clerk: ActorRef<Job>, panics: &[u32]) {
    for (number, panics) in (1..).zip(panics) {
        handle.tell(clerk, Job { number, panics: *panics });
    }
}

/// An actor that is made anew as often as it takes.
fn patient(worker: usize) -> Props<Job> {
    Props::on(On::Worker(worker)).restart(Restart::up_to(1000, HOUR))
}

fn panicked(sim: &mut Sim) -> u64 {
    sim.stats().dead_letters().get(DeadLetterReason::Panicked)
}

#[test]
fn a_message_is_tried_again_before_those_behind_it() {
    explore(50, |sim| {
        for mailbox in [false, true] {
            let books = Books::default();
            let props =
                if mailbox { patient(1).mailbox(MailboxSpec::bounded(16.try_into().unwrap())) } else { patient(1) };
            let before = panicked(sim);
            let clerk = sim.handle().spawn(props, clerk(Retry::times(2), &books)).unwrap();
            tell(&sim.handle(), clerk, &[0, 2, 0, 1, 3, 0]);
            sim.run_until_idle().unwrap();
            let book = books.0.lock();
            assert_eq!(book.handled, [1, 2, 3, 4, 6], "in order, without the one that panics three times");
            assert_eq!(book.tries.values().copied().collect::<Vec<_>>(), [1, 3, 1, 2, 3, 1]);
            assert_eq!(panicked(sim) - before, 1);
        }
        let report = sim.shutdown().unwrap();
        assert_eq!(report.dead_letters.total(), 2);
    });
}

/// Handles its messages by batches alone.
struct Batching(Clerk);

impl Actor for Batching {
    type Msg = Job;

    fn handle(&mut self, _: Job, _: &mut Context<'_, Job>) {
        panic!("it takes batches");
    }

    fn handle_batch(&mut self, first: Job, mut rest: Batch<'_, Job>) {
        assert!(rest.is_over() && rest.next().is_none(), "it is alone");
        self.0.handle(first, &mut rest.context());
    }
}

#[test]
fn an_actor_that_takes_batches_gets_them_one_message_each() {
    explore(50, |sim| {
        let books = Books::default();
        let factory = Retry::times(2).wrap({
            let books = books.clone();
            move || Batching(Clerk(books.clone()))
        });
        let clerk = sim.handle().spawn(patient(0), factory).unwrap();
        let jobs = [0, 2, 0, 3, 0].into_iter().zip(1..).map(|(panics, number)| Job { number, panics });
        let starter = move |(), ctx: &mut Context<'_, ()>| assert_eq!(ctx.tell_batch(clerk, jobs.clone()), 5);
        let starter = sim.handle().spawn(On::Worker(0), move || hippodrome::from_fn(starter.clone())).unwrap();
        sim.handle().tell(starter, ());
        sim.run_until_idle().unwrap();
        assert_eq!(books.0.lock().handled, [1, 2, 3, 5]);
        assert_eq!(panicked(sim), 1);
    });
}

/// Keeps its jobs until job 0 comes.
struct Keeping {
    clerk: Clerk,
    is_open: bool,
    stash: Stash<Job>,
}

impl Stashing for Keeping {
    fn stash(&mut self) -> &mut Stash<Job> {
        &mut self.stash
    }
}

impl Actor for Keeping {
    type Msg = Job;

    fn handle(&mut self, job: Job, ctx: &mut Context<'_, Job>) {
        if job.number == 0 {
            self.is_open = true;
            self.clerk.handle(job, ctx);
            self.unstash_all(ctx);
        } else if self.is_open {
            self.clerk.handle(job, ctx);
        } else {
            self.stash.stash(ctx, job).unwrap();
        }
    }
}

/// The same as a state machine, whose state is whether it is open.
struct KeepingMachine {
    clerk: Clerk,
    stash: Stash<Job>,
}

impl Machine for KeepingMachine {
    type State = bool;
    type Msg = Job;

    fn handle(&mut self, is_open: &mut bool, job: Job, ctx: &mut Context<'_, Job>) -> Transition<bool> {
        if job.number == 0 {
            self.clerk.handle(job, ctx);
            return Transition::Goto(true);
        }
        if *is_open {
            self.clerk.handle(job, ctx);
        } else {
            self.stash.stash(ctx, job).unwrap();
        }
        Transition::Stay
    }

    fn stash(&mut self) -> Option<&mut Stash<Job>> {
        Some(&mut self.stash)
    }
}

/// The one that is tried again is the one that opened it. So the one that panicked is reported, as the engine reports one
/// without a retry.
fn a_panic_at_a_stashed_message<A: Actor<Msg = Job>>(make: impl Fn(Clerk) -> A + Clone + Send + 'static) {
    explore(20, |sim| {
        let (books, make) = (Books::default(), make.clone());
        let clerks = books.clone();
        let factory = Retry::times(2).wrap(move || make(Clerk(clerks.clone())));
        let clerk = sim.handle().spawn(patient(0), factory).unwrap();
        for (number, panics) in [(1, 0), (2, 1), (3, 0), (0, 0), (4, 0)] {
            sim.handle().tell(clerk, Job { number, panics });
        }
        sim.run_until_idle().unwrap();
        assert_eq!(books.0.lock().handled, [0, 1, 0, 4]);
        let dead = sim.stats().dead_letters();
        assert_eq!((panicked(sim), dead.get(DeadLetterReason::Stopped), dead.total()), (1, 1, 2));
    });
}

#[test]
fn a_stashed_message_that_panics_is_reported_though_another_is_tried_again() {
    a_panic_at_a_stashed_message(|clerk| Keeping { clerk, is_open: false, stash: Stash::with_limit(8) });
}

#[test]
fn so_is_one_that_a_machine_has_stashed() {
    a_panic_at_a_stashed_message(|clerk| {
        StateMachine::new(KeepingMachine { clerk, stash: Stash::with_limit(8) }, false)
    });
}

#[test]
fn what_panics_each_time_goes_into_quarantine() {
    explore(50, |sim| {
        let books = Books::default();
        let quarantine = sim.handle().spawn(On::Worker(0), || Quarantine::<Job>::holding(2)).unwrap();
        let retry = Retry::times(1).then_quarantine(quarantine);
        let clerk = sim.handle().spawn(patient(1), clerk(retry, &books)).unwrap();
        tell(&sim.handle(), clerk, &[2, 0, 9, 1, 2]);
        sim.run_until_idle().unwrap();
        assert_eq!(books.0.lock().handled, [2, 4]);
        let held = sim.ask(quarantine, QuarantineOrder::Take).unwrap();
        let seen: Vec<_> = held.iter().map(|held| (held.message.number, held.panics, &*held.reason)).collect();
        assert_eq!(seen, [(3, 2, "job 3"), (5, 2, "job 5")], "the oldest had to go");
        assert!(held.iter().all(|held| held.actor == clerk.address()));
        let dead = sim.stats().dead_letters();
        assert_eq!((dead.get(DeadLetterReason::DroppedOldest), dead.total()), (1, 1));
        sim.shutdown().unwrap();
    });
}

#[test]
fn what_a_quarantine_holds_at_its_end_is_reported() {
    for how in [Stop::Now, Stop::Kill] {
        let mut sim = Sim::builder(1).build().unwrap();
        let quarantine = sim.handle().spawn(On::Worker(0), || Quarantine::<u64>::holding(8)).unwrap();
        for message in 0..3 {
            let quarantined = Quarantined { message, actor: quarantine.address(), panics: 1, reason: String::new() };
            sim.handle().tell(quarantine, quarantined.into());
        }
        sim.run_until_idle().unwrap();
        sim.handle().stop(quarantine, how).unwrap();
        sim.run_until_idle().unwrap();
        assert_eq!(panicked(&mut sim), 3);
        sim.shutdown().unwrap();
    }
}

/// A message that panics as it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("a drop"));
    }
}

#[test]
fn what_a_quarantine_holds_is_reported_although_it_panics_as_it_is_dropped() {
    let mut sim = Sim::builder(1).build().unwrap();
    let quarantine = sim.handle().spawn(On::Worker(0), || Quarantine::<Bomb>::holding(2)).unwrap();
    for _ in 0..3 {
        let (message, actor) = (Bomb, quarantine.address());
        sim.handle().tell(quarantine, Quarantined { message, actor, panics: 1, reason: String::new() }.into());
    }
    sim.run_until_idle().unwrap();
    sim.handle().stop(quarantine, Stop::Now).unwrap();
    sim.run_until_idle().unwrap();
    let dead = sim.shutdown().unwrap().dead_letters;
    assert_eq!((dead.get(DeadLetterReason::DroppedOldest), dead.get(DeadLetterReason::Panicked)), (1, 2));
}

/// A message for an actor in whose place quarantine cannot be.
struct Never;

impl From<Quarantined<Job>> for Never {
    fn from(_: Quarantined<Job>) -> Self {
        resume_unwind(Box::new("no quarantine"))
    }
}

#[test]
fn a_message_that_cannot_be_put_into_quarantine_is_reported() {
    let mut sim = Sim::builder(1).build().unwrap();
    let books = Books::default();
    let nowhere = sim.handle().spawn(On::Worker(0), || hippodrome::from_fn(|_: Never, _ctx| ())).unwrap();
    let clerk = sim.handle().spawn(patient(1), clerk(Retry::times(1).then_quarantine(nowhere), &books)).unwrap();
    tell(&sim.handle(), clerk, &[2, 0]);
    sim.run_until_idle().unwrap();
    assert_eq!(books.0.lock().handled, [2]);
    assert_eq!(sim.shutdown().unwrap().dead_letters.get(DeadLetterReason::Panicked), 1);
}

#[test]
fn a_message_that_waits_for_a_life_that_never_comes_is_reported_once() {
    // Its actor stops at the panic, or is stopped while it backs off, or the engine ends meanwhile.
    let backoff = Restart::Restart { max: 9, within: HOUR, backoff: hippodrome::Backoff::fixed(HOUR) };
    for restart in [Restart::Stop, backoff] {
        for aborts in [false, true] {
            let mut sim = Sim::builder(1).build().unwrap();
            let books = Books::default();
            let props = Props::on(On::Worker(1)).restart(restart);
            let clerk = sim.handle().spawn(props, clerk(Retry::times(5), &books)).unwrap();
            tell(&sim.handle(), clerk, &[1, 0]);
            sim.run_until_idle().unwrap();
            let report = if aborts {
                sim.abort()
            } else {
                sim.handle().stop(clerk, Stop::Now).unwrap();
                sim.run_until_idle().unwrap();
                sim.shutdown().unwrap()
            };
            assert_eq!(report.dead_letters.get(DeadLetterReason::Panicked), 1);
            assert_eq!(report.dead_letters.total(), 2);
            assert!(books.0.lock().handled.is_empty());
        }
    }
}

#[test]
fn a_supervised_actor_tries_again_on_real_workers() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let quarantine = handle.spawn(On::Worker(0), || Quarantine::<Job>::holding(100)).unwrap();
    let (books, noted) = (Books::default(), ChildRef::new());
    let (written, child) = (books.clone(), noted.clone());
    handle
        .spawn(On::Worker(0), move || {
            let retry = Retry::times(2).then_quarantine(quarantine);
            let spec = ChildSpec::new("clerk", On::Worker(1), clerk(retry, &written));
            Supervisor::new(Strategy::OneForOne).intensity(1000, HOUR).child(spec.note(&child))
        })
        .unwrap();
    eventually("it is noted", || noted.get().is_some());
    let panics: Vec<u32> = (0..200).map(|n| if n % 10 == 3 { 3 } else { n % 3 }).collect();
    tell(&handle, noted.get().unwrap(), &panics);
    let poisoned: Vec<u64> = (1..).zip(&panics).filter(|(_, panics)| **panics > 2).map(|(number, _)| number).collect();
    let well: Vec<u64> = (1..).zip(&panics).filter(|(_, panics)| **panics <= 2).map(|(number, _)| number).collect();
    eventually("all that can be is handled", || books.0.lock().handled.len() == well.len());
    assert_eq!(books.0.lock().handled, well);
    let held = handle.ask(quarantine, QuarantineOrder::Take).wait(PATIENCE).unwrap();
    assert_eq!(held.iter().map(|held| held.message.number).collect::<Vec<_>>(), poisoned);
    assert_eq!(engine.shutdown(PATIENCE).unwrap().dead_letters.total(), 0);
}

/// Handled, in quarantine, or a dead letter: with stops, failures and panics at every place, but for those behind a
/// message that was handled, which the engine reports although nothing was lost.
#[test]
fn each_message_has_one_fate_in_chaos() {
    let faults = Faults::chaos().panics_after(0);
    let (mut handled, mut quarantined) = (0, 0);
    let check = |sim: &mut Sim| {
        let (handle, books) = (sim.handle(), Books::default());
        let quarantine = handle.spawn(On::Worker(0), || Quarantine::<Job>::holding(1000)).unwrap();
        sim.spare(quarantine);
        let retry = Retry::times(2).then_quarantine(quarantine);
        let clerk = handle.spawn(patient(1), clerk(retry, &books)).unwrap();
        let panics: Vec<u32> = (0..300).map(|n| n % 5).collect();
        for (number, panics) in (1..).zip(&panics) {
            handle.tell(clerk, Job { number, panics: *panics });
            sim.run_for_steps(number % 7);
        }
        sim.run_until_idle().unwrap();
        sim.advance(Duration::from_secs(1)).unwrap();
        let held = sim.ask(quarantine, QuarantineOrder::Take).unwrap();
        let report = sim.shutdown().unwrap();
        let mut once = books.0.lock().handled.clone();
        assert!(once.is_sorted(), "in order");
        handled += once.len();
        quarantined += held.len();
        once.extend(held.iter().map(|held| held.message.number));
        once.sort_unstable();
        let fates = once.len();
        once.dedup();
        assert_eq!(once.len(), fates, "nothing twice");
        assert_eq!(fates as u64 + report.dead_letters.total(), panics.len() as u64);
    };
    explore_with(60, |builder| builder.faults(faults), check);
    assert!(handled > 1000 && quarantined > 100, "{handled} handled, {quarantined} in quarantine");
}
