//! What the tests share: children that write down how they live, and a place for them that is real or simulated.

use std::sync::Arc;

use hippodrome::sim::Sim;
use hippodrome::{Actor, ActorRef, Context, Engine, Handle, Props};
use hippodrome_toolkit::supervision::{ChildRef, ChildSpec, Supervise, Supervisor};
use parking_lot::Mutex;

pub(crate) use crate::waiting::PATIENCE;
use crate::waiting::eventually;

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.lock().push(line.into());
    }

    /// What happened since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }

    pub(crate) fn read(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

/// A child: `(name` as its factory runs, `+name` as it starts, `-name` as it stops.
pub(crate) struct Worker {
    name: &'static str,
    log: Log,
}

pub(crate) enum Job {
    /// Writes a number down.
    Number(u64),
    Panic,
    StopSelf,
}

impl Actor for Worker {
    type Msg = Job;

    fn started(&mut self, _ctx: &mut Context<'_, Job>) {
        self.log.write(format!("+{}", self.name));
    }

    fn handle(&mut self, job: Job, ctx: &mut Context<'_, Job>) {
        match job {
            Job::Number(n) => self.log.write(format!("{} {n}", self.name)),
            Job::Panic => std::panic::resume_unwind(Box::new("a job")),
            Job::StopSelf => ctx.stop_self(),
        }
    }

    fn stopped(&mut self, _ctx: &mut Context<'_, Job>) {
        self.log.write(format!("-{}", self.name));
    }
}

pub(crate) fn worker(name: &'static str, log: &Log) -> impl FnMut() -> Worker + Send + 'static {
    let log = log.clone();
    move || {
        log.write(format!("({name}"));
        Worker { name, log: log.clone() }
    }
}

pub(crate) fn spec(name: &'static str, props: impl Into<Props<Job>>, log: &Log) -> ChildSpec<Job> {
    ChildSpec::new(name, props, worker(name, log))
}

/// Each as `(name`, `+name`.
pub(crate) fn starts(names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| [format!("({name}"), format!("+{name}")]).collect()
}

pub(crate) fn stops(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("-{name}")).collect()
}

/// An engine, real or simulated.
pub(crate) trait Place {
    fn handle(&self) -> Handle;
    /// Lets it run until something is so.
    fn until(&mut self, what: &str, is_so: impl FnMut() -> bool);
    /// Ends it, which is to be in order. How many messages became dead letters?
    fn end(self) -> u64;
}

impl Place for Engine {
    fn handle(&self) -> Handle {
        Engine::handle(self)
    }

    #[track_caller]
    fn until(&mut self, what: &str, is_so: impl FnMut() -> bool) {
        eventually(what, is_so);
    }

    fn end(self) -> u64 {
        self.shutdown(PATIENCE).expect("it ends in order").dead_letters.total()
    }
}

impl Place for &mut Sim {
    fn handle(&self) -> Handle {
        Sim::handle(self)
    }

    #[track_caller]
    fn until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        self.run_until_idle().expect("it becomes idle");
        assert!(is_so(), "it is idle, but not {what}");
    }

    fn end(self) -> u64 {
        self.shutdown().expect("it ends in order").dead_letters.total()
    }
}

/// A real engine with two workers.
pub(crate) fn real() -> Engine {
    Engine::builder().unpinned_workers(2).start().expect("the engine starts")
}

/// A supervisor with three children a, b and c on different workers.
pub(crate) struct Three {
    pub(crate) log: Log,
    pub(crate) refs: [ChildRef<Job>; 3],
    pub(crate) root: ActorRef<Supervise>,
}

pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];

impl Three {
    /// Spawns it; `with` may change the supervisor and each child's spec.
    pub(crate) fn spawn(
        handle: &Handle,
        supervisor: impl Fn() -> Supervisor + Send + 'static,
        child: impl Fn(&'static str, ChildSpec<Job>) -> ChildSpec<Job> + Send + 'static,
    ) -> Self {
        use hippodrome::On;
        let (log, refs) = (Log::default(), NAMES.map(|_| ChildRef::new()));
        let (noted, written) = (refs.clone(), log.clone());
        let root = handle.spawn(On::Worker(0), move || {
            NAMES.iter().zip(&noted).enumerate().fold(supervisor(), |supervisor, (n, (name, noted))| {
                supervisor.child(child(name, spec(name, On::Worker(n % 2), &written)).note(noted))
            })
        });
        Self { log, refs, root: root.expect("there is room") }
    }

    pub(crate) fn actor(&self, n: usize) -> ActorRef<Job> {
        self.refs[n].get().expect("it was spawned")
    }

    /// Waits until exactly this was written since the last look.
    #[track_caller]
    pub(crate) fn expect(&self, place: &mut impl Place, expected: &[String]) {
        let (mut last, log) = (Vec::new(), self.log.clone());
        let expects = format!("{expected:?} was written");
        let written = || {
            last = log.read();
            last.len() >= expected.len()
        };
        place.until(&expects, written);
        assert_eq!(self.log.take(), expected);
    }
}
