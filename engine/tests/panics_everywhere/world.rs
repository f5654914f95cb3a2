//! An engine on threads or on a host, with a neighbour that counts, and values that panic when they are dropped.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use hippodrome::{
    ActorRef, Builder, Context, DeadLetterCounts, DeadLetterReason, Engine, Handle, Host, On, Report, Stats, from_fn,
};

use crate::common::{PATIENCE, eventually, settle, take};

/// Panics without a line on the test's output.
pub(crate) fn fail() -> ! {
    resume_unwind(Box::new("as planned"))
}

/// Counts how often it, or a clone of it, was dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Arc<AtomicU64>);

impl Drops {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn grenade(&self) -> Grenade {
        Grenade(Some(self.clone()))
    }
}

/// Panics when it is dropped, and counts it.
#[derive(Debug)]
pub(crate) struct Grenade(Option<Drops>);

impl Grenade {
    /// From here on its drop does nothing.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        if let Some(drops) = self.0.take() {
            drops.0.fetch_add(1, Ordering::SeqCst);
            drop(drops);
            fail();
        }
    }
}

/// What a panic may carry: its drop panics with another one, so many times.
pub(crate) struct Chain(pub(crate) u64);

impl Drop for Chain {
    fn drop(&mut self) {
        if self.0 > 0 {
            let next: Box<dyn Any + Send> = Box::new(Self(self.0 - 1));
            resume_unwind(next);
        }
    }
}

enum Run {
    Threads(Engine),
    Host(Box<Host>),
}

/// An engine of two workers.
pub(crate) struct World {
    run: Run,
    pub(crate) handle: Handle,
    neighbours: Vec<(ActorRef<u64>, Receiver<u64>)>,
    told: u64,
}

/// What is expected of the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) panics: u64,
    pub(crate) contained: u64,
    /// Dead letters because of panics.
    pub(crate) panicked: u64,
    /// All other dead letters.
    pub(crate) others: u64,
}

impl Counts {
    fn of(stats: &Stats) -> Self {
        let dead: DeadLetterCounts = stats.dead_letters();
        let panicked = dead.get(DeadLetterReason::Panicked);
        Self {
            panics: stats.workers.iter().map(|worker| worker.panics).sum(),
            contained: stats.workers.iter().map(|worker| worker.contained_panics).sum(),
            panicked,
            others: dead.total() - panicked + dead.get(DeadLetterReason::Conflated),
        }
    }
}

/// On threads, then on a host.
pub(crate) fn everywhere(case: impl Fn(World)) {
    everywhere_with(|builder| builder, case);
}

pub(crate) fn everywhere_with(configure: impl Fn(Builder) -> Builder, case: impl Fn(World)) {
    let builder = || configure(Engine::builder().unpinned_workers(2));
    case(World::new(Run::Threads(builder().start().unwrap())));
    case(World::new(Run::Host(Box::new(builder().host().unwrap()))));
}

impl World {
    fn new(run: Run) -> Self {
        let handle = match &run {
            Run::Threads(engine) => engine.handle(),
            Run::Host(host) => host.handle(),
        };
        let neighbour = |worker| {
            let (seen, noted): (Sender<u64>, _) = mpsc::channel();
            let actor = move || {
                let seen = seen.clone();
                from_fn(move |n: u64, _ctx: &mut Context<'_, u64>| seen.send(n).expect("the test listens"))
            };
            (handle.spawn(On::Worker(worker), actor).unwrap(), noted)
        };
        let neighbours = (0..2).map(neighbour).collect();
        Self { run, handle, neighbours, told: 0 }
    }

    /// Lets the engine do what it has to do.
    pub(crate) fn go_on(&mut self) {
        match &mut self.run {
            Run::Threads(_) => std::thread::sleep(Duration::from_millis(1)),
            Run::Host(host) => settle(host),
        }
    }

    pub(crate) fn stats(&mut self) -> Stats {
        match &mut self.run {
            Run::Threads(_) => self.handle.stats(),
            Run::Host(host) => host.stats(),
        }
    }

    pub(crate) fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        eventually(what, || {
            self.go_on();
            is_so(self)
        });
    }

    /// Gives each neighbour some messages.
    pub(crate) fn tell_neighbours(&mut self) {
        for _ in 0..10 {
            self.told += 1;
            self.neighbours.iter().for_each(|(neighbour, _)| self.handle.tell(*neighbour, self.told));
        }
    }

    /// Waits until this much was counted, and checks that the neighbours got all of theirs, in order.
    pub(crate) fn check(&mut self, expected: Counts) {
        self.tell_neighbours();
        let mut seen = Counts::default();
        let all = |counts: Counts| counts.panics + counts.contained + counts.panicked + counts.others;
        for _ in 0..30_000 {
            self.go_on();
            seen = Counts::of(&self.stats());
            if all(seen) >= all(expected) {
                break;
            }
        }
        assert_eq!(seen, expected);
        for (_, noted) in &self.neighbours {
            let told = 1..=self.told;
            let seen = match &self.run {
                Run::Threads(_) => take(noted, self.told as usize),
                Run::Host(_) => noted.try_iter().collect(),
            };
            assert_eq!(seen, told.collect::<Vec<_>>(), "the neighbours go on");
        }
        self.told = 0;
    }

    /// Checks the counts, ends the engine in order, and checks that nothing was counted meanwhile.
    pub(crate) fn end(mut self, expected: Counts) -> Report {
        self.check(expected);
        let report = match self.run {
            Run::Threads(engine) => engine.shutdown(PATIENCE).unwrap(),
            Run::Host(host) => host.shutdown(PATIENCE).unwrap(),
        };
        let panicked = report.dead_letters.get(DeadLetterReason::Panicked);
        assert_eq!(panicked, expected.panicked);
        let others = report.dead_letters.total() + report.dead_letters.get(DeadLetterReason::Conflated) - panicked;
        assert_eq!(others, expected.others, "{report:?}");
        assert_eq!((report.actors_left, report.left.len()), (0, 0), "{report:?}");
        report
    }

    /// Ends the engine at once. Returns what was left and what was contained by then.
    pub(crate) fn abort(self) -> Report {
        match self.run {
            Run::Threads(engine) => engine.abort(),
            Run::Host(host) => host.abort(),
        }
    }
}
