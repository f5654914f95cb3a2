//! One round of the soak: an engine, a workload, threads that feed it, and all checks.

use std::thread;
use std::time::{Duration, Instant};

use hippodrome::{Engine, Handle, PortError, Report, ShutdownError, SpawnError, StartError, WaitStrategy};

use crate::workload::{Plan, Sabotage, Sender, Summary, Violations, Workload, configuration};

/// A round of the soak.
#[derive(Clone, Debug)]
pub struct Round {
    /// All but the threads' timing follows from this.
    pub seed: u64,
    /// How the workers wait.
    pub wait: WaitStrategy,
    /// How many there are.
    pub workers: usize,
    /// How long it lasts, at least one burst.
    pub length: Duration,
    /// A defect to be played.
    pub sabotage: Option<Sabotage>,
    /// How long is waited for a message to come to its end; then it is lost.
    pub patience: Duration,
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
    /// What the ledger says.
    pub summary: Summary,
    /// How often the workload was fed and came to rest.
    pub bursts: u64,
    /// How it ended.
    pub ending: Ending,
}

impl Outcome {
    /// Wake-ups that were missed.
    #[must_use]
    pub fn rescued(&self) -> u64 {
        self.summary.rescued_wakeups
    }
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
    /// A thread got no port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A promise was not kept.
    #[error(transparent)]
    Violations(#[from] Violations),
    /// The engine did not end in order.
    #[error(transparent)]
    Shutdown(#[from] ShutdownError),
    /// The engine ended in order, but its report does not say so.
    #[error("the report of the shutdown: {0:?}")]
    Report(Box<Report>),
}

/// How long is waited for what must come. Generous, so that a loaded machine fails nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a thread outside waits for room, and for the answer to an ask.
const SENDER_PATIENCE: Duration = Duration::from_micros(200);

/// The fuel that each thread feeds in a burst, in so many portions.
const BURST_FUEL: u32 = 200_000;
const PORTIONS: u32 = 40;

impl Round {
    /// Runs it.
    ///
    /// # Errors
    /// At the first promise that is not kept.
    pub fn run(&self) -> Result<Outcome, Failure> {
        let mut config = configuration(self.seed, self.workers);
        config.defaults.wait = self.wait;
        let mut plan = Plan::new(self.seed, &config);
        plan.sabotage = self.sabotage;
        let engine = Engine::from_config(config).start()?;
        let handle = engine.handle();
        let mut workload = Workload::start(&handle, plan)?;
        wait_until(PATIENCE, || workload.is_ready());
        let (begun, mut bursts) = (Instant::now(), 0);
        while bursts == 0 || begun.elapsed() < self.length {
            self.burst(&mut workload, &handle)?;
            rest(&mut workload, &handle, self.patience)?;
            workload.renew();
            bursts += 1;
        }
        let ending = [Ending::Resting, Ending::Working, Ending::Aborted][(self.seed % 3) as usize];
        let summary = self.end(engine, workload, ending)?;
        Ok(Outcome { summary, bursts, ending })
    }

    /// Threads of each kind feed the workload; meanwhile what holds in every state is checked.
    fn burst(&self, workload: &mut Workload, handle: &Handle) -> Result<(), Failure> {
        let senders = senders(workload)?;
        workload.feed(BURST_FUEL / PORTIONS);
        thread::scope(|scope| {
            let threads: Vec<_> = senders.into_iter().map(|sender| scope.spawn(|| feed(sender))).collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                workload.check_always(&handle.stats())?;
                thread::sleep(Duration::from_millis(2));
            }
            Ok(())
        })
    }

    fn end(&self, engine: Engine, mut workload: Workload, ending: Ending) -> Result<Summary, Failure> {
        let handle = engine.handle();
        let threads = match ending {
            Ending::Resting => Vec::new(),
            Ending::Working | Ending::Aborted => {
                workload.feed(BURST_FUEL / PORTIONS);
                senders(&workload)?.into_iter().map(|sender| thread::spawn(|| feed(sender))).collect()
            }
        };
        if ending != Ending::Resting {
            thread::sleep(Duration::from_micros(self.seed % 7 * 300));
        }
        let report = match ending {
            Ending::Aborted => engine.abort(),
            Ending::Resting | Ending::Working => engine.shutdown(PATIENCE)?,
        };
        for thread in threads {
            // It has no reason to panic but a defect, which shows.
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        let is_in_order = report.drained && report.stopped_in_order && report.actors_left == 0;
        // What a port sends in the very moment of closing may be reported as left.
        let is_fine = match ending {
            Ending::Resting => is_in_order && report.left.is_empty(),
            Ending::Working => is_in_order,
            Ending::Aborted => report.stuck_workers.is_empty(),
        };
        if !is_fine {
            return Err(Failure::Report(Box::new(report)));
        }
        Ok(workload.check_ended(&report, &handle.stats())?)
    }
}

/// One of each kind.
fn senders(workload: &Workload) -> Result<Vec<Sender>, PortError> {
    let mut port = workload.port_sender();
    // The number of a port that was dropped is free when the last worker has let go of its lane.
    wait_until(PATIENCE, || {
        if matches!(port, Err(PortError::TooMany { .. })) {
            port = workload.port_sender();
        }
        !matches!(port, Err(PortError::TooMany { .. }))
    });
    let port = port?;
    Ok(vec![workload.sender().patient(SENDER_PATIENCE), port.patient(SENDER_PATIENCE)])
}

fn feed(mut sender: Sender) {
    for _ in 0..PORTIONS {
        if !sender.send(BURST_FUEL / PORTIONS) {
            return;
        }
    }
}

/// Waits until nothing is on its way and everything was found right. What is on its way for longer than anybody's patience
/// is lost.
fn rest(workload: &mut Workload, handle: &Handle, patience: Duration) -> Result<Summary, Violations> {
    let mut found = workload.check_quiet(&handle.stats());
    wait_until(patience, || {
        // Restarts may be waiting still, and events on their way: one look at which all is right is what counts.
        if found.is_err() && workload.is_idle() {
            found = workload.check_quiet(&handle.stats());
        }
        found.is_ok()
    });
    // What is on its way still has not ended, and is found as lost.
    found.or_else(|_| workload.check_quiet(&handle.stats()))
}

/// Waits until it is so, or for long.
fn wait_until(patience: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > patience {
            return;
        }
        thread::sleep(Duration::from_micros(200));
    }
}
