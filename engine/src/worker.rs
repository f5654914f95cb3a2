//! A worker: a core with its duty cycle, and how it waits when a turn did nothing.

use std::fmt;
use std::time::Duration;

use hippodrome_ringbuf::doorbell::Woken;

use crate::config::WaitStrategy;
use crate::core::{Core, POLLED};
use crate::plan::{Configured, Plan};
use crate::shared::Phase;
use crate::sync::{Backoff, thread};

/// The longest that a worker parks: what bounds a defect, were there one.
const LONGEST_PARK: Duration = Duration::from_millis(10);

/// One worker of a [hosted](crate::Builder::seats) engine: the program runs it by calling [`poll`](Self::poll).
///
/// It stays on the thread that made it. Dropping it without a shutdown abandons its actors: they are dropped, and what
/// was queued for them is counted as dead letters.
pub struct Worker {
    pub(crate) core: Box<Core>,
    is_finished: bool,
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Worker({})", self.core.index)
    }
}

impl Worker {
    pub(crate) fn new(core: Box<Core>) -> Self {
        core.bell.attach_current_thread();
        Self { core, is_finished: false }
    }

    /// The worker's index.
    #[must_use]
    pub fn index(&self) -> usize {
        self.core.index
    }

    /// Runs turns until one found nothing to do, or `budget` messages were handled; the last turn may go beyond by what
    /// the configuration allows one. Never waits. Returns how many were handled.
    ///
    /// # Panics
    /// If called from a handler, which would run actors within actors.
    pub fn poll(&mut self, budget: u64) -> u64 {
        let before = self.core.counters.handled;
        let _polled = Polled::enter(&self.core);
        // A busy worker looks at the clock once in many turns, and a host may poll for only one turn a frame.
        self.look_at_time();
        while self.turn(Configured) && self.core.counters.handled - before < budget {}
        self.core.counters.handled - before
    }

    /// Whether the engine has ended and this worker's part is done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Shows the worker's statistics.
    pub(crate) fn publish(&mut self) {
        self.core.publish_all();
    }

    /// Runs one turn, of what the plan allows; first, maybe, what is due by now. Returns whether it found anything to do.
    #[cfg(feature = "sim")]
    pub(crate) fn step(&mut self, plan: impl Plan, looks_at_time: bool) -> bool {
        let _polled = Polled::enter(&self.core);
        let before = self.core.counters.progress();
        if looks_at_time {
            self.look_at_time();
        }
        let worked = self.turn(plan);
        worked || self.core.counters.progress() != before
    }

    fn look_at_time(&mut self) {
        if self.core.phase != Phase::Ending && !self.core.timers.is_empty() {
            self.core.look_at_time();
        }
    }

    fn turn<P: Plan>(&mut self, plan: P) -> bool {
        if self.core.phase == Phase::Ending {
            self.is_finished = self.is_finished || self.core.try_end();
            return false;
        }
        let worked = self.core.turn(plan);
        if self.core.phase != Phase::Running {
            self.core.report_quiet();
        }
        worked
    }

    /// Runs until the engine ends, waiting as configured.
    pub(crate) fn run(mut self) {
        let _polled = Polled::enter(&self.core);
        let mut waiting = Waiting::new(&self.core);
        while !self.is_finished {
            if self.turn(Configured) {
                waiting.reset();
            } else {
                waiting.wait(&mut self.core);
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.is_finished {
            self.core.abandon();
        }
    }
}

/// Marks the thread as polling a worker, while it lives.
struct Polled;

impl Polled {
    fn enter(core: &Core) -> Self {
        POLLED.with(|polled| {
            let mut polled = polled.borrow_mut();
            assert!(polled.is_none(), "a worker was polled from a handler of a worker");
            *polled = Some(core.orphans.clone());
        });
        Self
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        POLLED.with(|polled| *polled.borrow_mut() = None);
    }
}

/// How a worker waits: the state of its strategy between turns that did nothing.
struct Waiting {
    strategy: WaitStrategy,
    spins: u32,
    idle: u32,
    /// Whether other workers may need this core: then even a busy-spinning one lets them have it now and then.
    shares_core: bool,
}

/// Idle turns after which a busy-spinning worker that shares its core yields once.
const SPINS_BEFORE_SHARING: u32 = 64;

impl Waiting {
    fn new(core: &Core) -> Self {
        let settings = &core.settings;
        Self {
            strategy: settings.wait,
            spins: settings.spins,
            idle: 0,
            shares_core: core.shared.is_oversubscribed(core.index),
        }
    }

    fn reset(&mut self) {
        self.idle = 0;
    }

    fn wait(&mut self, core: &mut Core) {
        self.idle = self.idle.saturating_add(1);
        // While the engine ends, nobody rings for every step: look again soon.
        if core.phase != Phase::Running {
            return thread::yield_now();
        }
        let patience = if self.shares_core { self.spins.min(SPINS_BEFORE_SHARING) } else { self.spins };
        match self.strategy {
            WaitStrategy::BusySpin if self.shares_core && self.idle.is_multiple_of(SPINS_BEFORE_SHARING) => {
                thread::yield_now();
            }
            _ if self.idle < patience => core.spin(),
            WaitStrategy::BusySpin => core.spin(),
            WaitStrategy::SpinThenYield => thread::yield_now(),
            WaitStrategy::SpinThenPark => core.park(),
        }
    }
}

/// Looks at what can come from other threads between two turns of an idle worker.
const LOOKS: u32 = 64;

impl Core {
    /// Looks for something to come, closely and not for long: a turn has more to do than that, and a pause of the
    /// processor lasts as long as a message needs from core to core.
    fn spin(&mut self) {
        for _ in 0..LOOKS {
            if self.is_called() {
                return;
            }
        }
    }

    /// Parks until somebody rings, the next timer is due, or the longest park is over.
    fn park(&mut self) {
        if self.unwatch_all() {
            return;
        }
        let timeout = match self.timers.next_deadline_ns() {
            Some(deadline_ns) => Duration::from_nanos(deadline_ns.saturating_sub(self.clock.now_ns())),
            None => LONGEST_PARK,
        };
        if timeout.is_zero() {
            return self.look_at_time();
        }
        self.counters.parks += 1;
        self.publish_counters();
        self.show_pulse(0);
        let woken = self.bell.clone().park(timeout.min(LONGEST_PARK));
        if woken == Woken::TimedOut {
            self.check_unwatched();
            self.look_at_time();
        }
    }
}

/// Waits a little between looks at something that another thread does.
pub(crate) fn snooze(backoff: &Backoff) {
    if backoff.is_completed() {
        thread::sleep(Duration::from_micros(100));
    } else {
        backoff.snooze();
    }
}
