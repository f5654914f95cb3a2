//! The loop's time: 60 frames a second on a grid that does not drift, and how well it was kept.

use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hippodrome::MissedTick;

/// Ticks of the world in a second.
pub(crate) const TICKS_A_SECOND: u32 = 60;
/// How long a tick is.
pub(crate) const TICK: Duration = Duration::from_nanos(TICK_NS);

const TICK_NS: u64 = 1_000_000_000 / TICKS_A_SECOND as u64;
/// The longest drift or frame that is told apart from longer ones.
const MAX_NS: u64 = 60_000_000_000;

/// When each frame is due, and the record of those that were.
pub(crate) struct Frames {
    started: Instant,
    /// When the next frame is due, in nanoseconds after the start.
    due_ns: u64,
    missed: u64,
    drift_ns: Histogram<u64>,
    work_ns: Histogram<u64>,
}

impl Frames {
    /// The first frame is due after one tick.
    pub(crate) fn start() -> Self {
        let histogram = || Histogram::new_with_max(MAX_NS, 3).expect("the bounds are constants that it allows");
        Self { started: Instant::now(), due_ns: TICK_NS, missed: 0, drift_ns: histogram(), work_ns: histogram() }
    }

    /// Sleeps until the next frame is due. Frames whose time has passed meanwhile are missed, and never run.
    pub(crate) fn wait(&mut self) {
        let due = self.started + Duration::from_nanos(self.due_ns);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let now_ns = self.started.elapsed().as_nanos() as u64;
        self.drift_ns.saturating_record(now_ns.saturating_sub(self.due_ns));
        let (next_ns, missed) = MissedTick::Skip.next_deadline(self.due_ns, TICK_NS, now_ns);
        self.due_ns = next_ns;
        self.missed += missed;
    }

    /// Records how long a frame's work took.
    pub(crate) fn count(&mut self, work: Duration) {
        self.work_ns.saturating_record(work.as_nanos() as u64);
    }

    /// Frames that were not run because their time had passed.
    pub(crate) const fn missed(&self) -> u64 {
        self.missed
    }

    /// How late each frame began, in nanoseconds.
    pub(crate) const fn drift_ns(&self) -> &Histogram<u64> {
        &self.drift_ns
    }

    /// How long each frame's work took, in nanoseconds.
    pub(crate) const fn work_ns(&self) -> &Histogram<u64> {
        &self.work_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_missed_frames_add_up_to_the_grid() {
        let mut frames = Frames::start();
        frames.wait();
        thread::sleep(3 * TICK);
        frames.wait();
        let run = frames.drift_ns().len();
        assert_eq!(run, 2);
        // The next frame is the one after all that were run or missed.
        assert_eq!(frames.due_ns, (run + frames.missed() + 1) * TICK_NS);
        assert!(frames.missed() >= 1);
    }
}
