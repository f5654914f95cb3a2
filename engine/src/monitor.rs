//! The monitor: a thread that writes events to the log, and watches for workers that stall and for actors that wait on
//! each other.

use std::sync::Arc;
use std::time::Duration;

use crate::bus::BusReader;
use crate::deadlock::watchdog::CycleWatchdog;
use crate::event::SystemEvent;
use crate::failure::contained;
use crate::shared::{Phase, Shared};
use crate::stop::StopReason;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{AtomicBool, Instant, Ordering};

/// How often the monitor looks.
const INTERVAL: Duration = Duration::from_millis(2);

/// The monitor's thread; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Monitor {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Monitor {
    pub(crate) fn start(shared: Arc<Shared>, mut log: BusReader) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let name = format!("{}-log", shared.config.name);
        let thread = thread::Builder::new().name(name).spawn(move || {
            let mut watchdog = Watchdog::new(&shared);
            let mut cycles = CycleWatchdog::new(&shared);
            while !stopped.load(Ordering::Acquire) {
                // A subscriber of the log that panics loses what it was shown; the log goes on.
                contained(|| log_events(&mut log));
                watchdog.look(&shared);
                cycles.look(&shared);
                thread::park_timeout(INTERVAL);
            }
            contained(|| log_events(&mut log));
        })?;
        Ok(Self { thread: Some(thread), stop })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The engine's end is not the place to pass a panic on.
            let _ = thread.join();
        }
    }
}

/// Finds workers whose turns do not end.
struct Watchdog {
    pulses: Vec<Pulse>,
    threshold: Duration,
}

struct Pulse {
    turns: u64,
    since: Instant,
    is_reported: bool,
}

impl Watchdog {
    fn new(shared: &Shared) -> Self {
        let pulse = || Pulse { turns: 0, since: Instant::now(), is_reported: false };
        Self {
            pulses: shared.workers.iter().map(|_| pulse()).collect(),
            threshold: Duration::from_millis(shared.config.stall_threshold_ms.into()),
        }
    }

    /// A worker shows the number of each turn, and 0 while it is parked: one whose number stays the same for long is in
    /// a turn that does not end.
    fn look(&mut self, shared: &Shared) {
        if shared.phase() == Phase::Ending {
            return;
        }
        for (worker, pulse) in self.pulses.iter_mut().enumerate() {
            let turns = shared.workers[worker].stats.pulse.load(Ordering::Relaxed);
            if turns != pulse.turns {
                *pulse = Pulse { turns, since: Instant::now(), is_reported: false };
            } else if pulse.since.elapsed() >= self.threshold && turns > 0 && !pulse.is_reported {
                pulse.is_reported = true;
                let actor_type = shared.workers[worker].running.actor_type();
                shared.publish(SystemEvent::WorkerStalled { worker, actor_type, stalled: pulse.since.elapsed() });
            }
        }
    }
}

/// Writes the system events that came to the log.
pub(crate) fn log_events(log: &mut BusReader) {
    log.system_events(|event| match event {
        SystemEvent::Started { actor, actor_type } => tracing::debug!(%actor, actor_type, "actor started"),
        SystemEvent::Stopped { actor, actor_type, reason: reason @ StopReason::Panicked(_) } => {
            tracing::error!(%actor, actor_type, %reason, "actor stopped");
        }
        SystemEvent::Stopped { actor, actor_type, reason } => {
            tracing::debug!(%actor, actor_type, %reason, "actor stopped");
        }
        SystemEvent::Suspended { actor, actor_type, reason: reason @ StopReason::Panicked(_) } => {
            tracing::error!(%actor, actor_type, %reason, "actor suspended");
        }
        SystemEvent::Suspended { actor, actor_type, reason } => {
            tracing::debug!(%actor, actor_type, %reason, "actor suspended");
        }
        SystemEvent::Restarted { actor, actor_type, restart } => {
            tracing::warn!(%actor, actor_type, restart, "actor restarted");
        }
        SystemEvent::RestartsExhausted { actor, actor_type, max } => {
            tracing::error!(%actor, actor_type, max, "actor restarted too often");
        }
        SystemEvent::DeadLetter { to, message, reason } => tracing::info!(%to, message, %reason, "dead letter"),
        SystemEvent::MailboxOverflow { actor, message, reason } => {
            tracing::warn!(%actor, message, %reason, "mailbox overflow");
        }
        SystemEvent::WorkerStalled { worker, actor_type, stalled } => {
            tracing::error!(worker, actor_type, stalled_ms = stalled.as_millis() as u64, "worker stalled");
        }
        SystemEvent::WaitCycle { cycle, waiting } => {
            tracing::error!(%cycle, waiting_ms = waiting.as_millis() as u64, "actors wait on each other");
        }
        SystemEvent::Unpinned { worker, core } => tracing::warn!(worker, core, "worker not pinned"),
    });
}
