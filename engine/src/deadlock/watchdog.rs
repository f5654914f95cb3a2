//! Who looks for cycles, and when: the monitor's thread for workers with threads of their own, a host for its own.

use std::time::{Duration, Instant};

use hippodrome_ringbuf::doorbell::Signal;

use crate::core::flag;
use crate::deadlock::cycles::cycles;
use crate::deadlock::waits::Wait;
use crate::deadlock::{WaitCycle, Waiter};
use crate::event::SystemEvent;
use crate::shared::{Phase, Shared};

/// The longest and the shortest time between two looks.
const LONGEST: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(2);

/// The most cycles that are reported after one look; the others follow after the next ones.
const REPORTS_MAX: usize = 64;

/// The time between two looks: a few of them in the time after which a wait is worth a report.
fn interval(shared: &Shared) -> Option<Duration> {
    let threshold = Duration::from_millis(shared.config.wait_cycle_threshold_ms.into());
    (!threshold.is_zero()).then(|| (threshold / 2).clamp(SHORTEST, LONGEST))
}

/// Looks at workers that run meanwhile.
pub(crate) struct CycleWatchdog {
    /// `None` if the configuration wants none of it.
    interval: Option<Duration>,
    next_look: Instant,
    /// Since when the workers have been asked to show their waits, if they have not all answered.
    asked: Option<Instant>,
    /// What they showed at the last look.
    earlier: Vec<Wait>,
    reported: Reported,
}

impl CycleWatchdog {
    pub(crate) fn new(shared: &Shared) -> Self {
        let interval = interval(shared);
        let next_look = Instant::now() + interval.unwrap_or_default();
        Self { interval, next_look, asked: None, earlier: Vec::new(), reported: Reported::default() }
    }

    /// Asks the workers when it is time, and looks for cycles when they have answered. Never waits.
    pub(crate) fn look(&mut self, shared: &Shared) {
        let Some(interval) = self.interval else { return };
        let now = Instant::now();
        match self.asked {
            None if now >= self.next_look && shared.phase() != Phase::Ending => {
                for worker in &shared.workers {
                    worker.waits.ask();
                    worker.bell.ring(Signal::Flag(flag::WAITS));
                }
                self.asked = Some(now);
            }
            // One that stalls is left out until it answers again.
            Some(since) if now - since >= interval || shared.workers.iter().all(|worker| !worker.waits.is_asked()) => {
                self.judge(shared);
                self.asked = None;
                self.next_look = now + interval;
            }
            _ => {}
        }
    }

    /// Reports the cycles of those asks that were there at the last look and are there now.
    fn judge(&mut self, shared: &Shared) {
        let mut waits = Vec::new();
        for worker in shared.workers.iter().filter(|worker| !worker.waits.is_asked()) {
            worker.waits.collect(&mut waits);
        }
        waits.sort_unstable_by_key(Wait::which);
        let earlier = std::mem::replace(&mut self.earlier, waits);
        let stays = |wait: &&Wait| earlier.binary_search_by_key(&wait.which(), Wait::which).is_ok();
        let mut lasting: Vec<_> = self.earlier.iter().filter(stays).copied().collect();
        self.reported.report(cycles(&mut lasting), shared);
    }
}

/// Looks at workers that stand still meanwhile.
#[derive(Debug)]
pub(crate) struct HostWatchdog {
    interval_ns: Option<u64>,
    next_look_ns: u64,
    reported: Reported,
}

impl HostWatchdog {
    pub(crate) fn new(shared: &Shared) -> Self {
        let interval_ns = interval(shared).map(crate::supervise::nanos);
        Self { interval_ns, next_look_ns: 0, reported: Reported::default() }
    }

    /// Whether it is time for a look, by the engine's clock.
    pub(crate) fn is_due(&mut self, shared: &Shared) -> bool {
        let Some(interval_ns) = self.interval_ns else { return false };
        let now_ns = shared.clock.now_ns();
        let is_due = now_ns >= self.next_look_ns;
        if is_due {
            self.next_look_ns = now_ns.saturating_add(interval_ns);
        }
        is_due
    }

    /// Reports the cycles in what all workers show at one moment.
    pub(crate) fn judge(&mut self, mut waits: Vec<Wait>, shared: &Shared) {
        self.reported.report(cycles(&mut waits), shared);
    }
}

/// The cycles that were found at the last look, which are not reported again.
#[derive(Debug, Default)]
struct Reported(Vec<WaitCycle>);

impl Reported {
    fn report(&mut self, found: Vec<Vec<Wait>>, shared: &Shared) {
        let mut news = 0;
        let mut known = Vec::with_capacity(found.len());
        for waits in found {
            let cycle = WaitCycle::new(waits.iter().map(|wait| wait.asker).collect::<Vec<Waiter>>());
            if !self.0.contains(&cycle) {
                if news == REPORTS_MAX {
                    continue;
                }
                news += 1;
                let youngest_ns = waits.iter().map(|wait| wait.since_ns).max().unwrap_or(0);
                let waiting = Duration::from_nanos(shared.clock.now_ns().saturating_sub(youngest_ns));
                shared.publish(SystemEvent::WaitCycle { cycle: cycle.clone(), waiting });
            }
            known.push(cycle);
        }
        self.0 = known;
    }
}
