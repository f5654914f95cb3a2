//! Host-driven engines: the program owns the workers and runs them from its own loop.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::bus::BusReader;
use crate::core::{Core, Parts};
use crate::deadlock::watchdog::HostWatchdog;
use crate::deadlock::{WaitCycle, cycles_among, waits_among};
use crate::handle::Handle;
use crate::monitor::log_events;
use crate::shared::Shared;
use crate::shutdown::{Ending, Report, ShutdownError};
use crate::stats::Stats;
use crate::worker::Worker;

/// A worker that has not been given to a thread yet; see [`Builder::seats`](crate::Builder::seats).
pub struct Seat {
    parts: Parts,
}

impl Seat {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Makes the worker, on the thread that calls: it stays there.
    #[must_use]
    pub fn take(self) -> Worker {
        Worker::new(Core::new(self.parts))
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Seat({})", self.parts.index)
    }
}

/// An engine on one thread, run by that thread's own loop: for games, tests and deterministic replays.
///
/// With a [`ManualClock`](crate::ManualClock) and inputs from that thread alone, the same inputs give the same order of
/// handling, always.
///
/// # Examples
/// ```
/// use hippodrome::{Engine, On, from_fn};
///
/// # fn main() -> Result<(), hippodrome::Error> {
/// let mut host = Engine::builder().unpinned_workers(2).host()?;
/// let handle = host.handle();
/// let (seen, log) = std::sync::mpsc::channel();
/// let actor = handle.spawn(On::Worker(1), move || {
///     let seen = seen.clone();
///     from_fn(move |n: u32, _ctx| {
///         seen.send(n).ok();
///     })
/// })?;
/// handle.tell(actor, 7);
/// host.poll(1_000);
/// assert_eq!(log.try_recv(), Ok(7));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Host {
    workers: Vec<Worker>,
    log: BusReader,
    cycles: HostWatchdog,
    shared: Arc<Shared>,
}

impl Host {
    pub(crate) fn new((shared, seats, log): (Arc<Shared>, Vec<Seat>, BusReader)) -> Self {
        let cycles = HostWatchdog::new(&shared);
        Self { workers: seats.into_iter().map(Seat::take).collect(), log, cycles, shared }
    }

    /// A handle, for any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.shared.clone())
    }

    /// Polls all workers in turn until none finds anything to do, or about `budget` messages were handled. Never waits.
    /// Returns how many were handled.
    pub fn poll(&mut self, budget: u64) -> u64 {
        let mut handled = 0;
        loop {
            let mut progress = 0;
            for worker in &mut self.workers {
                progress += worker.poll(budget.saturating_sub(handled + progress).max(1));
            }
            handled += progress;
            if progress == 0 || handled >= budget {
                break;
            }
        }
        if self.cycles.is_due(&self.shared) {
            let threshold_ns = self.shared.config.wait_cycle_threshold_ns();
            let waits = waits_among(&self.workers, threshold_ns);
            self.cycles.judge(waits, &self.shared);
        }
        log_events(&mut self.log);
        handled
    }

    /// Looks for actors that wait on each other, and have done so for at least `waiting` by the engine's clock: now, and
    /// whatever the configuration says. No two of the cycles have an actor in common; every knot has one at least.
    ///
    /// By itself a host looks in [`poll`](Self::poll) now and then, and reports what it finds as
    /// [`SystemEvent::WaitCycle`](crate::SystemEvent::WaitCycle).
    ///
    /// Costs a look at each entry for an ask, of which there are as many as were ever waiting at once.
    #[must_use]
    pub fn wait_cycles(&self, waiting: Duration) -> Vec<WaitCycle> {
        cycles_among(&self.workers, waiting)
    }

    /// A snapshot of the statistics.
    pub fn stats(&mut self) -> Stats {
        self.workers.iter_mut().for_each(Worker::publish);
        self.shared.stats()
    }

    /// Ends the engine as [`Engine::shutdown`](crate::Engine::shutdown) does, polling the workers meanwhile.
    ///
    /// # Errors
    /// If the deadline was over first; the error has the report.
    pub fn shutdown(mut self, deadline: Duration) -> Result<Report, ShutdownError> {
        let ending = Ending::in_order(self.shared.clone(), deadline);
        self.end(ending)
    }

    /// Ends the engine at once. The report says what was left.
    pub fn abort(mut self) -> Report {
        let ending = Ending::at_once(self.shared.clone());
        self.end(ending).unwrap_or_else(|error| error.report().clone())
    }

    fn end(&mut self, mut ending: Ending) -> Result<Report, ShutdownError> {
        while !ending.step() {
            self.workers.iter_mut().for_each(|worker| {
                worker.poll(1024);
            });
            log_events(&mut self.log);
        }
        ending.finish()
    }
}
