//! One round: a simulated engine, a workload, and all checks.

use std::io;
use std::time::Duration;

use hippodrome::sim::{Faults, Injected, Sim, Step, StillBusy};
use hippodrome::{PortError, Report, ShutdownError, SpawnError, StartError, Stats};

use crate::workload::{Plan, Random, Sabotage, Sender, Summary, Violations, Workload, configuration};

/// A round of simulation. All of it follows from the seed.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// The seed.
    pub seed: u64,
    /// What holds in every state is checked after every so manyth step.
    pub check_every: u64,
    /// A defect to be played.
    pub sabotage: Option<Sabotage>,
}

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At rest.
    Resting,
    /// By a shutdown in the middle of the work.
    Working,
    /// By an abort in the middle of the work.
    Aborted,
}

/// What came of a round.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Steps of the simulation.
    pub steps: u64,
    /// Checks between two steps.
    pub checks: u64,
    /// Checks at rest.
    pub rests: u64,
    /// How it ended.
    pub ending: Ending,
    /// The faults that were made.
    pub injected: Injected,
    /// What the ledger says.
    pub summary: Summary,
    /// The hash of the trace.
    pub trace_hash: u64,
}

/// A round that did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The engine did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The workload did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// There was no port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The simulation did not become idle.
    #[error(transparent)]
    Busy(#[from] StillBusy),
    /// A promise was not kept.
    #[error("step {step}: {violations}\nthe last lines of the trace:\n{tail}")]
    Violations {
        /// In this step or before.
        step: u64,
        /// What is wrong.
        violations: Violations,
        /// The last lines of the trace.
        tail: String,
    },
    /// The same, after the end.
    #[error("after the end: {0}")]
    Ended(Violations),
    /// The engine did not end in order.
    #[error(transparent)]
    Shutdown(#[from] ShutdownError),
    /// The engine ended in order, but its report does not say so.
    #[error("the report of the shutdown: {0:?}")]
    Report(Box<Report>),
    /// The trace was not written.
    #[error("the trace: {0}")]
    Trace(#[from] io::Error),
}

/// Fuel of a burst, fed in so many portions.
const PORTION_FUEL: usize = 150;
const PORTIONS: usize = 12;

/// Steps between two portions, at most.
const PORTION_STEPS: usize = 60;

/// Virtual time in which everything must have come to rest: restarts, asks and timers are waited for.
const REST: Duration = Duration::from_secs(600);

/// How far it moves at once.
const REST_PART: Duration = Duration::from_millis(20);

impl Round {
    /// Runs it.
    ///
    /// # Errors
    /// At the first promise that is not kept.
    pub fn run(self, trace: Option<impl io::Write + 'static>) -> Result<Outcome, Failure> {
        let mut random = Random::new(self.seed ^ 0x51);
        let config = configuration(self.seed, random.pick([1, 2, 2, 3, 4]));
        let mut plan = Plan::new(self.seed, &config);
        plan.sabotage = self.sabotage;
        let faults = faults(&mut random, plan.has_storms);
        let builder = Sim::builder(self.seed).configure(|simulated| *simulated = config);
        let sim = match trace {
            Some(trace) => builder.trace_to(trace).build()?,
            None => builder.build()?,
        };
        let workload = Workload::start(&sim.handle(), plan)?;
        let mut running = Running { sim, workload, check_every: self.check_every, checks: 0, rests: 0 };
        running.sim.spare(running.workload.auditor());
        running.sim.run_until_idle()?;
        running.sim.set_faults(faults);
        for _ in 0..1 + random.below(3) {
            running.burst(&mut random)?;
            running.rest()?;
            running.workload.renew();
        }
        let ending = random.pick([Ending::Resting, Ending::Working, Ending::Aborted]);
        if ending != Ending::Resting {
            running.burst(&mut random)?;
        }
        running.end(ending)
    }
}

/// Faults of all kinds but panics of which the ledger would have to know: the workload's handlers and factories panic by
/// themselves.
fn faults(random: &mut Random, has_storms: bool) -> Faults {
    let storms = if has_storms { random.pick([0, 300, 3000]) } else { 0 };
    Faults::none()
        .delays(random.pick([0, 2, 10]))
        .refusals(random.pick([0, 5, 50]))
        .stops(storms)
        .failures(random.pick([0, 100, 1000]))
        .step_time(random.pick([Duration::ZERO, Duration::from_micros(30)]))
        .timer_jitter(random.pick([Duration::ZERO, Duration::from_millis(5)]))
}

struct Running {
    sim: Sim,
    workload: Workload,
    check_every: u64,
    checks: u64,
    rests: u64,
}

impl Running {
    /// Feeds the workload by a handle and by a port, and lets it work meanwhile.
    fn burst(&mut self, random: &mut Random) -> Result<(), Failure> {
        self.workload.feed(PORTION_FUEL as u32);
        let mut senders: Vec<Sender> = vec![self.workload.sender(), self.workload.port_sender()?];
        for _ in 0..PORTIONS {
            let fuel = 1 + random.below(PORTION_FUEL) as u32;
            let sender = random.below(senders.len());
            senders[sender].send(fuel);
            for _ in 0..random.below(PORTION_STEPS) {
                self.step()?;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Step, Failure> {
        let step = self.sim.step();
        if self.sim.steps().is_multiple_of(self.check_every) {
            let stats = self.stats();
            self.checks += 1;
            self.workload.check_always(&stats).map_err(|violations| self.failure(violations))?;
        }
        Ok(step)
    }

    /// Runs until nothing is on its way and everything was found right.
    fn rest(&mut self) -> Result<Summary, Failure> {
        let end = self.sim.now() + REST;
        loop {
            while self.step()? != Step::Idle {}
            let stats = self.stats();
            let found = self.workload.check_quiet(&stats);
            self.rests += 1;
            match found {
                Ok(summary) if self.workload.is_idle() => return Ok(summary),
                // What has not come to its end by now never will.
                Err(violations) if self.sim.now() >= end => return Err(self.failure(violations)),
                _ => self.sim.advance(REST_PART)?,
            }
        }
    }

    fn end(self, ending: Ending) -> Result<Outcome, Failure> {
        let Self { mut sim, mut workload, checks, rests, .. } = self;
        sim.set_faults(Faults::none());
        let report = match ending {
            Ending::Resting | Ending::Working => sim.shutdown()?,
            Ending::Aborted => sim.abort(),
        };
        let is_in_order = report.drained && report.stopped_in_order && report.actors_left == 0;
        let is_fine = match ending {
            Ending::Resting => is_in_order && report.left.is_empty(),
            Ending::Working => is_in_order,
            Ending::Aborted => report.stuck_workers.is_empty(),
        };
        if !is_fine {
            return Err(Failure::Report(Box::new(report)));
        }
        sim.flush_trace()?;
        let injected = sim.injected();
        let stats = without(sim.stats(), injected);
        let (steps, trace_hash) = (sim.steps(), sim.trace_hash());
        // With the workers go the asks that were still waiting, and what they have of the workload.
        drop(sim);
        let summary = workload.check_ended(&report, &stats).map_err(Failure::Ended)?;
        Ok(Outcome { steps, checks, rests, ending, injected, summary, trace_hash })
    }

    fn stats(&mut self) -> Stats {
        without(self.sim.stats(), self.sim.injected())
    }

    fn failure(&self, violations: Violations) -> Failure {
        Failure::Violations { step: self.sim.steps(), violations, tail: self.sim.trace_tail().join("\n") }
    }
}

/// The statistics without the panics that the simulation made, of which the ledger does not know.
fn without(mut stats: Stats, injected: Injected) -> Stats {
    let mut made = injected.failures;
    for worker in &mut stats.workers {
        let taken = worker.panics.min(made);
        worker.panics -= taken;
        made -= taken;
    }
    stats
}
