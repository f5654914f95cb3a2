//! Running a simulation: steps, idleness, time, and the end.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use crate::address::{ActorRef, Address};
use crate::cell::Lifecycle;
use crate::clock::Clock;
use crate::context::reason_of;
use crate::core::Core;
use crate::error::AskError;
use crate::handle::Ask;
use crate::reply::Reply;
use crate::shared::Phase;
use crate::shutdown::{Ending, Report, ShutdownError};
use crate::sim::Sim;
use crate::sim::busy::StillBusy;
use crate::sim::faults::InjectedPanic;
use crate::sim::schedule::{Choice, Sight, has_missed, has_work};
use crate::sim::trace::Place;
use crate::sim::world::{Entered, count_failure};
use crate::stop::Stop;
use crate::supervise::{Task, head_of, nanos};
use crate::worker::Worker;

/// What was done in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A worker had a turn.
    Turn {
        /// Its index.
        worker: usize,
        /// How many messages its actors handled.
        handled: u64,
    },
    /// A worker stopped looking by itself, until it is called.
    Parked {
        /// Its index.
        worker: usize,
    },
    /// A fault: an actor is to stop.
    Stopped {
        /// Who.
        actor: Address,
        /// How.
        how: Stop,
    },
    /// A fault: an actor is to fail between two messages.
    Failed {
        /// Who.
        actor: Address,
    },
    /// Nothing: there is nothing to do until a message comes from outside or time moves on.
    Idle,
}

/// While it ends, a simulation gets so long for what would be in order, in real time: forever. Its steps are limited.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

impl Sim {
    /// Takes one decision: one worker has one turn, or a fault is made.
    ///
    /// # Panics
    /// If a worker was not told of something that waits for it, which is a defect of the engine.
    pub fn step(&mut self) -> Step {
        if self.has_ended() {
            return Step::Idle;
        }
        let choice = {
            let random = &mut self.world.borrow_mut().random;
            self.schedule.choose(self.steps + 1, &mut self.workers, random)
        };
        let Some(choice) = choice else {
            self.check_wake_ups();
            return Step::Idle;
        };
        self.steps += 1;
        let step = match choice {
            Choice::Sweep(worker) => self.sweep(worker),
            Choice::Turn(worker) => {
                self.pass_time();
                self.fault().unwrap_or_else(|| self.turn_or_park(worker))
            }
        };
        self.trace_events();
        step
    }

    /// Whether there is nothing to do until a message comes from outside or time moves on. Once [`step`](Self::step) has
    /// found this out, it stays so until then.
    pub fn is_idle(&mut self) -> bool {
        self.has_ended()
            || self.schedule.has_swept() && !self.workers.iter_mut().any(|worker| has_work(&mut worker.core))
    }

    /// Runs until there is nothing to do. Time does not move on for it. Returns how many steps that took.
    ///
    /// # Errors
    /// If that takes more than the [limit](crate::sim::Builder::step_limit) of steps; the error says what still runs.
    pub fn run_until_idle(&mut self) -> Result<u64, StillBusy> {
        let before = self.steps;
        self.run_until(Duration::ZERO, || false)?;
        Ok(self.steps - before)
    }

    /// Runs so many steps, or fewer if there is nothing to do any more. Returns how many.
    pub fn run_for_steps(&mut self, steps: u64) -> u64 {
        (0..steps).take_while(|_| self.step() != Step::Idle).count() as u64
    }

    /// Lets `time` pass: fires the timers that are due meanwhile, one deadline after the other, and runs until there is
    /// nothing to do before, between and after.
    ///
    /// # Errors
    /// As for [`run_until_idle`](Self::run_until_idle); the time is then that of the deadline at which it happened.
    pub fn advance(&mut self, time: Duration) -> Result<(), StillBusy> {
        self.run_until(time, || false).map(|_| ())
    }

    /// Asks an actor, and runs until the answer is there. Where there is nothing else to do, time moves on to the next
    /// timer, by up to the configuration's `ask_timeout_ms` in all.
    ///
    /// # Errors
    /// [`Unanswered`](AskError::Unanswered) as soon as the reply is dropped, [`TimedOut`](AskError::TimedOut) if there is
    /// nothing to do any more for that time, or the limit of steps is over.
    pub fn ask<M, T>(&mut self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Result<T, AskError>
    where
        M: Send + 'static,
        T: Send + 'static,
    {
        let timeout = Duration::from_millis(self.shared.config.ask_timeout_ms.into());
        let ask = self.handle().ask(to, make);
        self.wait(ask, timeout)
    }

    /// Waits for an answer, or for an actor's end, by running the simulation as [`ask`](Self::ask) does.
    ///
    /// # Errors
    /// As for [`ask`](Self::ask).
    pub fn wait<T: Send + 'static>(&mut self, ask: Ask<T>, timeout: Duration) -> Result<T, AskError> {
        let mut ask = pin!(ask);
        let mut answer = None;
        let _ = self.run_until(timeout, || {
            if let Poll::Ready(ready) = ask.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
                answer = Some(ready);
            }
            answer.is_some()
        });
        answer.unwrap_or(Err(AskError::TimedOut))
    }

    /// Ends the engine in order: nothing more is accepted, what was accepted is handled, and the actors stop from the
    /// leaves up. Time moves on as far as waits before restarts need it. What the simulation counts and traces can be looked
    /// at afterwards.
    ///
    /// # Errors
    /// If that takes more than the limit of steps; what was left is dropped then, and the error has the report.
    pub fn shutdown(&mut self) -> Result<Report, ShutdownError> {
        self.world.borrow_mut().trace.line(format_args!("shutdown"));
        let mut ending = Ending::in_order(self.shared.clone(), PATIENCE);
        let last = self.steps.saturating_add(self.step_limit);
        while !ending.step() {
            if self.steps >= last && self.shared.phase() != Phase::Ending {
                ending = Ending::at_once(self.shared.clone());
            }
            self.step_ending();
        }
        self.trace_events();
        ending.finish()
    }

    /// Ends the engine at once. The report says what was left.
    pub fn abort(&mut self) -> Report {
        let mut ending = Ending::at_once(self.shared.clone());
        while !ending.step() {
            self.step_ending();
        }
        self.trace_events();
        ending.finish().unwrap_or_else(|error| error.report().clone())
    }

    /// Runs until `done`, or until there is nothing to do any more for `time`, by which time moves on as far as timers need
    /// it. Returns whether it is done. `done` is asked before each step.
    ///
    /// # Errors
    /// As for [`run_until_idle`](Self::run_until_idle), counted anew whenever time moves on.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::sim::Sim;
    /// use hippodrome::{On, from_fn};
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let probe = sim.probe::<u64>();
    /// let listener = probe.actor();
    /// let echo = sim.handle().spawn(On::Worker(0), move || from_fn(move |n: u64, ctx| ctx.tell(listener, n))).unwrap();
    /// (0..9).for_each(|n| sim.handle().tell(echo, n));
    /// let mut seen = Vec::new();
    /// let done = sim.run_until(Duration::ZERO, || {
    ///     seen.extend(probe.drain());
    ///     seen.len() >= 3
    /// });
    /// assert_eq!(done, Ok(true));
    /// ```
    pub fn run_until(&mut self, time: Duration, mut done: impl FnMut() -> bool) -> Result<bool, StillBusy> {
        let end_ns = self.clock.now_ns().saturating_add(nanos(time));
        let mut steps = 0;
        while !done() {
            if self.step() != Step::Idle {
                steps += 1;
                if steps >= self.step_limit && !self.is_idle() {
                    return Err(StillBusy::new(steps, &mut self.workers, &self.world.borrow()));
                }
            } else if self.clock.now_ns() >= end_ns {
                return Ok(false);
            } else {
                steps = 0;
                self.move_time(end_ns);
            }
        }
        Ok(true)
    }

    /// Moves time on to the next timer, and no further than `end_ns`.
    fn move_time(&mut self, end_ns: u64) {
        let now_ns = self.clock.now_ns();
        let deadlines = self.workers.iter().filter_map(|worker| worker.core.timers.next_deadline_ns());
        let next_ns = deadlines.min().filter(|at| *at > now_ns && *at < end_ns);
        let mut world = self.world.borrow_mut();
        let jitter = world.faults.timer_jitter;
        let to_ns = next_ns.map_or(end_ns, |at| at.saturating_add(world.random.time_ns(jitter)).min(end_ns));
        self.clock.advance(Duration::from_nanos(to_ns - now_ns));
        world.trace.line(format_args!("time {to_ns}"));
    }

    /// A step takes some time, if there is that fault.
    fn pass_time(&mut self) {
        let mut world = self.world.borrow_mut();
        let step_time = world.faults.step_time;
        let passed_ns = world.random.time_ns(step_time);
        if passed_ns > 0 {
            self.clock.advance(Duration::from_nanos(passed_ns));
        }
    }

    fn sweep(&mut self, worker: usize) -> Step {
        let (handled, worked) = self.turn(worker, &Sight::whole());
        self.schedule.swept(worker, worked);
        Step::Turn { worker, handled }
    }

    fn turn_or_park(&mut self, worker: usize) -> Step {
        let core = &mut self.workers[worker].core;
        let may_park = core.phase == Phase::Running && !has_work(core);
        let mut world = self.world.borrow_mut();
        if may_park && world.random.once_in(2) {
            world.trace.line(format_args!("{} {} {worker}: parks", self.steps, self.clock.now_ns()));
            core.unwatch_all();
            return Step::Parked { worker };
        }
        let faults = world.faults;
        let sight = self.schedule.sight(worker, self.steps, &mut world.random, &faults);
        world.injected.delays += u64::from(!sight.publishes);
        drop(world);
        let (handled, _) = self.turn(worker, &sight);
        Step::Turn { worker, handled }
    }

    /// Runs one turn. Returns how many messages were handled, and whether anything was done.
    fn turn(&mut self, worker: usize, sight: &Sight) -> (u64, bool) {
        let now_ns = self.clock.now_ns();
        self.world.borrow_mut().trace.line(format_args!("{} {now_ns} {worker}: {sight}", self.steps));
        let _entered = Entered::enter(&self.world);
        let worker = &mut self.workers[worker];
        let before = worker.core.counters.handled;
        let worked = worker.step(sight, sight.looks_at_time);
        (worker.core.counters.handled - before, worked)
    }

    /// Makes a fault that concerns no message, if there is to be one.
    fn fault(&mut self) -> Option<Step> {
        let mut world = self.world.borrow_mut();
        let faults = world.faults;
        let (stops, fails) = (world.random.once_in(faults.stops), world.random.once_in(faults.failures));
        if !stops && !fails {
            return None;
        }
        let worker = world.random.below(self.workers.len() as u64) as usize;
        let core = &mut self.workers[worker].core;
        let running = core.slots.heads().map(head_of).filter(|head| head.lifecycle == Lifecycle::Running);
        let targets: Vec<_> = running.map(|head| head.me).filter(|actor| !world.is_spared(*actor)).collect();
        if targets.is_empty() {
            return None;
        }
        let actor = targets[world.random.below(targets.len() as u64) as usize];
        let line = |what| format!("{} {} {worker}: fault: {} {what}", self.steps, self.clock.now_ns(), Place(actor));
        if stops {
            let how = [Stop::Now, Stop::AfterQueued, Stop::Kill][world.random.below(3) as usize];
            world.trace.line(format_args!("{}, {how:?}", line("is to stop")));
            world.injected.stops += 1;
            core.order(Task::Stop { actor: actor.tag, how, reason: reason_of(how) });
            return Some(Step::Stopped { actor, how });
        }
        world.trace.line(format_args!("{}", line("fails")));
        core.order(Task::Call(Box::new(move |core| fail(core, actor))));
        Some(Step::Failed { actor })
    }

    /// Goes on with the end of the engine.
    fn step_ending(&mut self) {
        if self.shared.phase() == Phase::Ending {
            for worker in 0..self.workers.len() {
                self.steps += 1;
                self.turn(worker, &Sight::whole());
            }
        } else if self.step() == Step::Idle {
            // Each worker is to say once more that it is quiet; some wait for the time of a restart.
            self.schedule.sweep_again();
            self.steps += 1;
            if self.workers.iter().any(|worker| worker.core.timers.next_deadline_ns().is_some()) {
                self.move_time(u64::MAX);
            }
        }
        self.trace_events();
    }

    /// Whether the engine was shut down or aborted.
    fn has_ended(&self) -> bool {
        self.workers.iter().all(Worker::is_finished)
    }

    fn trace_events(&mut self) {
        self.world.borrow_mut().trace_events();
    }

    fn check_wake_ups(&mut self) {
        let missed = self.workers.iter_mut().position(|worker| has_missed(&mut worker.core));
        if let Some(worker) = missed {
            self.fail(&format!("a wake-up was missed: something waits for worker {worker}, which was not told"));
        }
    }
}

/// Lets an actor fail.
fn fail(core: &mut Core, actor: Address) {
    if let Some(head) = core.slots.head(actor.tag)
        && head_of(head).is_alive()
    {
        count_failure();
        core.fail_actor(head, Box::new(InjectedPanic));
    }
}
