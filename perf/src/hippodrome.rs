//! Hippodrome itself, as a subject: the programs of all scenarios, and what only it can do.

mod ask;
mod cross_flood;
mod fan_in;
mod oversubscribed;
mod spawn;
#[cfg(test)]
mod tests;
mod timers;
mod wake_up;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hippodrome::{Actor, ActorRef, Builder, Engine, Handle, Host, On, Reply, WaitStrategy, from_fn};
use hippodrome_affinity::CoreId;
use hippodrome_perf_kit::scenarios::{baselines, programs};
use hippodrome_perf_kit::{Context, Cores, Failure, Finish, Place, Platform, Role, Run, Sample, Subject, on_core};

/// The name in all scenarios.
pub(crate) const NAME: &str = "hippodrome";

/// Everything that Hippodrome does, and what the machine itself takes.
pub(crate) fn subjects() -> Vec<Subject> {
    let own = [
        ask::SUBJECTS,
        spawn::SUBJECTS,
        cross_flood::SUBJECTS,
        fan_in::SUBJECTS,
        timers::SUBJECTS,
        wake_up::SUBJECTS,
        oversubscribed::SUBJECTS,
    ];
    let own = own.into_iter().flatten().copied();
    programs::<Hippodrome>(NAME).into_iter().chain(own).chain(baselines()).collect()
}

/// Longer than an engine takes to end once everything is handled.
const PATIENCE: Duration = Duration::from_secs(60);

/// The programs' platform: a role is an actor in the shared ring of its core.
pub(crate) struct Hippodrome;

impl Platform for Hippodrome {
    type Ref<R: Role<Self>> = ActorRef<R::Msg>;
    type Context<'a, R: Role<Self>> = hippodrome::Context<'a, R::Msg>;

    fn run<R: Role<Self>>(run: Run<R, R::Msg>, cores: &Cores) -> Result<Sample, Failure> {
        match cores.second {
            None => on_core(cores.first, || on_one_core(run)),
            Some(second) => on_two_cores(run, cores.first, second),
        }
    }
}

/// An actor that plays a role.
struct Player<R>(R);

impl<R: Role<Hippodrome>> Actor for Player<R> {
    type Msg = R::Msg;

    #[inline]
    fn handle(&mut self, message: R::Msg, context: &mut hippodrome::Context<'_, R::Msg>) {
        self.0.receive(message, context);
    }
}

/// The factory of an actor that is never restarted, and so is made once.
fn once<R>(role: R) -> impl FnMut() -> Player<R> {
    let mut role = Some(role);
    move || Player(role.take().expect("an actor that is not restarted is made once"))
}

impl<R: Role<Hippodrome>> Context<Hippodrome, R> for hippodrome::Context<'_, R::Msg> {
    #[inline(always)]
    fn me(&self) -> ActorRef<R::Msg> {
        self.me()
    }

    #[inline(always)]
    fn tell<To: Role<Hippodrome>>(&mut self, to: &ActorRef<To::Msg>, message: To::Msg) {
        self.tell(*to, message);
    }

    #[inline(always)]
    fn tell_all<To: Role<Hippodrome>>(&mut self, to: &ActorRef<To::Msg>, messages: impl IntoIterator<Item = To::Msg>) {
        self.tell_batch(*to, messages);
    }

    fn spawn<New: Role<Hippodrome>>(&mut self, place: Place, actor: New) -> ActorRef<New::Msg> {
        let on = match place {
            Place::Here => On::Here,
            Place::Core(number) => On::Worker(number % self.handle().workers()),
        };
        // A program that cannot have its actors ends unfinished, which is an error.
        self.spawn(on, once(actor)).expect("the engine has room for the actors of every scenario")
    }

    fn stop(&mut self) {
        self.stop_self();
    }
}

/// An engine with one worker, for the calling thread's own loop.
pub(crate) fn one_worker() -> Builder {
    Engine::builder().unpinned_workers(1).configure(|config| config.stall_threshold_ms = STALL_MS)
}

/// An engine with a pinned worker on each of these cores, which never lets go of it.
pub(crate) fn pinned_workers(cores: impl IntoIterator<Item = CoreId>) -> Builder {
    Engine::builder()
        .workers(cores.into_iter().map(CoreId::get))
        .wait(WaitStrategy::BusySpin)
        .configure(|config| config.stall_threshold_ms = STALL_MS)
}

/// Some scenarios set up in one long turn, which is not worth a report.
const STALL_MS: u32 = 60_000;

/// Runs everything that a sample counts. It has a name of its own for tools that count instructions.
#[inline(never)]
pub(crate) fn poll(host: &mut Host) {
    host.poll(u64::MAX);
}

fn on_one_core<R: Role<Hippodrome>>(run: Run<R, R::Msg>) -> Result<Sample, Failure> {
    let mut host = one_worker().host()?;
    let handle = host.handle();
    let finish = Arc::new(Finish::default());
    let main = handle.spawn(On::Worker(0), once((run.main)(finish.clone())))?;
    if let Some(set_up) = run.set_up {
        handle.tell(main, set_up);
    }
    host.poll(u64::MAX);

    let started = Instant::now();
    handle.tell(main, run.go);
    poll(&mut host);
    let sample = Sample::new(started, finish.get()?);
    host.shutdown(PATIENCE)?;
    Ok(sample)
}

fn on_two_cores<R: Role<Hippodrome>>(run: Run<R, R::Msg>, first: CoreId, second: CoreId) -> Result<Sample, Failure> {
    let engine = pinned_workers([first, second]).start()?;
    let handle = engine.handle();
    let finish = Arc::new(Finish::default());
    let main = handle.spawn(On::Worker(0), once((run.main)(finish.clone())))?;
    if let Some(set_up) = run.set_up {
        handle.tell(main, set_up);
        settle(&handle)?;
    }

    let started = Instant::now();
    handle.tell(main, run.go);
    let sample = Sample::new(started, finish.wait()?);
    engine.shutdown(PATIENCE)?;
    Ok(sample)
}

/// Waits until the second worker has done what the first one ordered so far: a question goes the same way.
fn settle(handle: &Handle) -> Result<(), Failure> {
    let far = handle.spawn(On::Worker(1), || from_fn(|reply: Reply<()>, ctx| reply.send(ctx, ())))?;
    let near = handle.spawn(On::Worker(0), move || from_fn(move |reply: Reply<()>, ctx| ctx.tell(far, reply)))?;
    Ok(handle.ask(near, |reply| reply).wait(PATIENCE)?)
}
