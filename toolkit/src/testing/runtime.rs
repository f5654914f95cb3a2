//! What runs the actors of a test.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use hippodrome::sim::{Sim, StillBusy, explore};
use hippodrome::{Address, Ask, AskError, Engine, Handle};

/// How long an expectation of an engine waits if nothing else is said.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often an expectation of an engine looks.
const LOOK: Duration = Duration::from_micros(200);

/// What runs the actors of a test: a simulation, whose time is virtual, or an engine.
pub trait Runtime {
    /// A handle, to spawn and to send with.
    fn handle(&self) -> Handle;

    /// How long an expectation waits if nothing else is said: in a simulation as long as there is something to do without
    /// time moving on; for an engine five seconds.
    fn patience(&self) -> Duration;

    /// Lets the actors run until `done` or for `time`. Returns whether it is done. A simulation comes to this end as soon
    /// as there is nothing to do any more for that time.
    ///
    /// # Errors
    /// If a simulation does not become idle within its limit of steps.
    fn run_until(&mut self, time: Duration, done: &mut dyn FnMut() -> bool) -> Result<bool, StillBusy>;

    /// Leaves this actor alone when faults are made.
    fn spare(&mut self, actor: Address);

    /// What a test that fails panics with: `why`, and what else there is to say of the run.
    fn failure(&mut self, why: &str) -> String;
}

/// What knows the place of the test: a call through the trait itself does not.
impl dyn Runtime + '_ {
    /// Fails the test, with all that there is to say of the run.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn fail(&mut self, why: &str) -> ! {
        panic!("{}", self.failure(why))
    }

    /// [`run_until`](Runtime::run_until), where it fails the test that a simulation does not become idle.
    #[track_caller]
    pub(crate) fn wait(&mut self, time: Duration, mut done: impl FnMut() -> bool) -> bool {
        match self.run_until(time, &mut done) {
            Ok(is_done) => is_done,
            Err(busy) => self.fail(&busy.to_string()),
        }
    }

    /// What comes of an ask within the time.
    #[track_caller]
    pub(crate) fn answer<T: Send + 'static>(
        &mut self,
        ask: Ask<T>,
        time: Duration,
    ) -> Result<Result<T, AskError>, Waited> {
        let mut ask = pin!(ask);
        let mut answer = None;
        self.wait(time, || {
            if let Poll::Ready(ready) = ask.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                answer = Some(ready);
            }
            answer.is_some()
        });
        answer.ok_or(Waited(time))
    }
}

/// For how long nothing came.
pub(crate) struct Waited(pub(crate) Duration);

impl fmt::Display for Waited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return formatter.write_str(", and there was nothing left to do");
        }
        write!(formatter, " in {:?}", self.0)
    }
}

impl Runtime for Sim {
    fn handle(&self) -> Handle {
        Sim::handle(self)
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn run_until(&mut self, time: Duration, done: &mut dyn FnMut() -> bool) -> Result<bool, StillBusy> {
        Sim::run_until(self, time, done)
    }

    fn spare(&mut self, actor: Address) {
        Sim::spare(self, actor);
    }

    fn failure(&mut self, why: &str) -> String {
        Sim::failure(self, why)
    }
}

impl Runtime for Engine {
    fn handle(&self) -> Handle {
        Engine::handle(self)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn run_until(&mut self, time: Duration, done: &mut dyn FnMut() -> bool) -> Result<bool, StillBusy> {
        let begun = Instant::now();
        loop {
            if done() {
                return Ok(true);
            }
            let left = time.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            thread::sleep(left.min(LOOK));
        }
    }

    fn spare(&mut self, _: Address) {}

    fn failure(&mut self, why: &str) -> String {
        why.to_owned()
    }
}

/// Runs a test in simulations with the seeds from 0 to `seeds`, as [`explore`] does, and then once on two real workers.
///
/// # Panics
/// If the test does; if the engine cannot be started, or does not shut down within five seconds.
///
/// # Examples
/// ```
/// use hippodrome_toolkit::testing::{Probe, everywhere};
///
/// everywhere(10, |runtime| {
///     let probe = Probe::new(runtime);
///     runtime.handle().tell(probe.actor(), "hello");
///     probe.expect_eq(runtime, "hello");
/// });
/// ```
#[track_caller]
pub fn everywhere(seeds: u64, mut test: impl FnMut(&mut dyn Runtime)) {
    explore(seeds, |sim| test(sim));
    let mut engine = match Engine::builder().unpinned_workers(2).start() {
        Ok(engine) => engine,
        Err(error) => panic!("no engine can be started: {error}"),
    };
    test(&mut engine);
    if let Err(error) = engine.shutdown(PATIENCE) {
        panic!("the engine does not shut down: {error}");
    }
}

/// The answer of an actor. It is waited for five seconds, of virtual time in a simulation.
///
/// # Panics
/// If there is none.
///
/// # Examples
/// ```
/// use hippodrome::{On, Reply, from_fn};
/// use hippodrome_toolkit::testing::{everywhere, expect_answer};
///
/// everywhere(10, |runtime| {
///     let handle = runtime.handle();
///     let answers = handle.spawn(On::Worker(0), || from_fn(|reply: Reply<u64>, ctx| reply.send(ctx, 42))).unwrap();
///     assert_eq!(expect_answer(runtime, handle.ask(answers, |reply| reply)), 42);
/// });
/// ```
#[track_caller]
pub fn expect_answer<T: Send + 'static>(runtime: &mut dyn Runtime, ask: Ask<T>) -> T {
    let wanted = std::any::type_name::<T>();
    match runtime.answer(ask, PATIENCE) {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => runtime.fail(&format!("expected an answer, {wanted}; there is none: {error}")),
        Err(waited) => runtime.fail(&format!("expected an answer, {wanted}; none came{waited}")),
    }
}
