//! How often a supervisor restarts, and how long it waits before.

use std::collections::VecDeque;
use std::time::Duration;

use hippodrome::{Backoff, Context};

use crate::duration::nanos;

/// How chance changes the wait before a restart, so that those who failed together do not come back together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// Half of the wait is certain, the other half is anything up to it.
    Equal,
    /// Anything up to the whole wait.
    Full,
}

impl Jitter {
    /// The wait, as this number out of all has it.
    pub(crate) fn apply(self, wait: Duration, random: u64) -> Duration {
        let share =
            |of: Duration| Duration::from_nanos(((u128::from(nanos(of)) * (u128::from(random) + 1)) >> 64) as u64);
        match self {
            Self::None => wait,
            Self::Equal => wait / 2 + share(wait / 2),
            Self::Full => share(wait),
        }
    }
}

/// At most so many restarts in so long a time.
#[derive(Debug)]
pub(crate) struct Intensity {
    max: u32,
    within: Duration,
    restarts_ns: VecDeque<u64>,
}

impl Intensity {
    pub(crate) fn new(max: u32, within: Duration) -> Self {
        Self { max, within, restarts_ns: VecDeque::new() }
    }

    /// Counts a restart now. Returns whether it is granted.
    pub(crate) fn grants(&mut self, now_ns: u64) -> bool {
        let within_ns = self.within.as_nanos();
        while self.restarts_ns.front().is_some_and(|at| u128::from(now_ns.saturating_sub(*at)) >= within_ns) {
            self.restarts_ns.pop_front();
        }
        // Those that are granted are all that need be remembered.
        let granted = self.restarts_ns.len() < self.max as usize;
        if granted {
            self.restarts_ns.push_back(now_ns);
        }
        granted
    }

    pub(crate) fn max(&self) -> u32 {
        self.max
    }

    pub(crate) fn within(&self) -> Duration {
        self.within
    }
}

/// The waits before the restarts of one child.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    /// Restarts since it last lived for as long as the window.
    in_a_row: u32,
}

impl Waits {
    /// The wait before the next restart, of a child that was up for so long.
    pub(crate) fn next<M: Send + 'static>(
        &mut self,
        up: Duration,
        window: Duration,
        (backoff, jitter): (Backoff, Jitter),
        ctx: &mut Context<'_, M>,
    ) -> Duration {
        if up >= window {
            self.in_a_row = 0;
        }
        let wait = backoff.wait(self.in_a_row);
        self.in_a_row = self.in_a_row.saturating_add(1);
        if wait.is_zero() { wait } else { jitter.apply(wait, ctx.random()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn jitter_stays_within_its_bounds(wait_ns in any::<u32>(), random in any::<u64>()) {
            let wait = Duration::from_nanos(wait_ns.into());
            prop_assert_eq!(Jitter::None.apply(wait, random), wait);
            prop_assert!(Jitter::Full.apply(wait, random) <= wait);
            let equal = Jitter::Equal.apply(wait, random);
            prop_assert!(wait / 2 <= equal && equal <= wait);
        }

        #[test]
        fn never_more_restarts_than_granted_in_any_window(
            max in 0_u32..5,
            within in 1_u64..50,
            steps in prop::collection::vec(0_u64..20, 0..100),
        ) {
            let mut intensity = Intensity::new(max, Duration::from_nanos(within));
            let (mut now, mut granted) = (0, Vec::new());
            for step in steps {
                now += step;
                let recent = granted.iter().filter(|at| now - **at < within).count();
                let grants = intensity.grants(now);
                prop_assert_eq!(grants, recent < max as usize);
                if grants {
                    granted.push(now);
                }
            }
        }
    }

    #[test]
    fn jitter_uses_the_whole_range() {
        let wait = Duration::from_secs(1);
        assert_eq!(Jitter::Full.apply(wait, 0), Duration::ZERO);
        assert_eq!(Jitter::Full.apply(wait, u64::MAX), wait);
        assert_eq!(Jitter::Equal.apply(wait, 0), wait / 2);
        assert_eq!(Jitter::Equal.apply(wait, u64::MAX), wait);
    }
}
