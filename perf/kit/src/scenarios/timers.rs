//! Timers are armed, fire, and are armed again.
//!
//! ```text
//!   +--- core ------------------------------------------+
//!   |  100,000 alarms:  arm --> up to 1 ms --> fire     |
//!   |                    ^                       |      |
//!   |                    +-----------------------+      |
//!   +---------------------------------------------------+
//! ```
//!
//! Every alarm has one timer, as a connection has that is watched for silence. The delays are spread evenly from 1 to
//! 1,000 microseconds, on the real clock. Going once round so many alarms takes longer than that, so what fires is
//! overdue and nobody waits for the clock: the figure is what it costs to arm a timer, to find it due, and to get its
//! message handled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::finish::{Finish, Found};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "timers",
    about: "100,000 or a million timers on one thread fire and are armed again",
    unit: "timer",
    cores: 1,
    cases: &[
        Case { payload_bytes: 16, actors: 100_000, messages: 2_000_000 },
        Case { payload_bytes: 16, actors: 1_000_000, messages: 4_000_000 },
    ],
    expected: |case| Found { units: case.messages, checksum: expected(case) },
    gates: &[],
};

/// The longest delay.
const LONGEST_US: u64 = 1_000;

/// All alarms of a case, which fire as often as it says between them.
pub fn alarms(case: &Case) -> impl Iterator<Item = Alarm> + use<> {
    let (alarms, each, more) = (case.actors, case.messages / case.actors, case.messages % case.actors);
    (0..alarms).map(move |number| Alarm { number, fired: 0, times: each + u64::from(number < more) })
}

fn expected(case: &Case) -> u64 {
    alarms(case).flat_map(|alarm| (0..alarm.times).map(move |time| alarm.value(time))).fold(0, u64::wrapping_add)
}

/// Whoever has a timer.
#[derive(Clone, Copy, Debug)]
pub struct Alarm {
    number: u64,
    fired: u64,
    times: u64,
}

impl Alarm {
    /// How long until it is to fire next, and the message that it then gets; nothing if it has fired often enough.
    #[inline]
    #[must_use]
    pub fn next(&self) -> Option<(Duration, u64)> {
        let spread = self.value(self.fired) >> 32;
        (self.fired < self.times).then(|| (Duration::from_micros(1 + spread % LONGEST_US), self.fired))
    }

    /// It has fired, with this message.
    #[inline]
    pub fn fire(&mut self, message: u64, tally: &Tally) {
        tally.count(self.value(message));
        self.fired += 1;
    }

    /// A number that stands for one firing (Fibonacci hashing).
    #[inline]
    fn value(&self, time: u64) -> u64 {
        (self.number + time * 0x1_0001 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// Counts what has fired, on one thread.
#[derive(Debug)]
pub struct Tally {
    expected: u64,
    fired: AtomicU64,
    sum: AtomicU64,
    finish: Arc<Finish>,
}

impl Tally {
    /// One that sets `finish` when all timers of the case have fired.
    #[must_use]
    pub fn new(case: &Case, finish: Arc<Finish>) -> Arc<Self> {
        Arc::new(Self { expected: case.messages, fired: AtomicU64::new(0), sum: AtomicU64::new(0), finish })
    }

    #[inline]
    fn count(&self, value: u64) {
        // One thread counts, so nothing gets in between a load and its store.
        let sum = self.sum.load(Ordering::Relaxed).wrapping_add(value);
        let fired = self.fired.load(Ordering::Relaxed) + 1;
        self.sum.store(sum, Ordering::Relaxed);
        self.fired.store(fired, Ordering::Relaxed);
        if fired == self.expected {
            self.finish.set(fired, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarms_fire_as_often_as_the_case_says_with_delays_that_are_spread() {
        let case = Case { actors: 1_000, messages: 10_007, ..SCENARIO.cases[0] };
        let finish = Arc::<Finish>::default();
        let tally = Tally::new(&case, finish.clone());
        let mut delays = Vec::new();
        for mut alarm in alarms(&case) {
            while let Some((delay, message)) = alarm.next() {
                delays.push(delay);
                alarm.fire(message, &tally);
            }
        }
        assert_eq!(finish.get().unwrap().1, (SCENARIO.expected)(&case));
        delays.sort_unstable();
        let (least, most) = (delays[0], delays[delays.len() - 1]);
        assert!(least >= Duration::from_micros(1) && most <= Duration::from_millis(1));
        delays.dedup();
        assert!(delays.len() > 900, "{} different delays", delays.len());
    }

    #[test]
    fn a_wrong_or_a_missing_message_is_found() {
        let case = Case { actors: 1, messages: 2, ..SCENARIO.cases[0] };
        let finish = Arc::<Finish>::default();
        let tally = Tally::new(&case, finish.clone());
        let mut alarm = alarms(&case).next().unwrap();
        alarm.fire(0, &tally);
        assert!(finish.get().is_err());
        alarm.fire(0, &tally);
        assert_ne!(finish.get().unwrap().1, (SCENARIO.expected)(&case));
    }
}
