//! What becomes of the ticks of a periodic timer that were not handled in time.

/// What a periodic timer does when one or more of its ticks have passed before it was handled.
///
/// A periodic timer that is armed at time *s* with a period *p* has its ticks on the grid *s*, *s + p*, *s + 2p* and
/// so on. A busy worker may come to the tick at *s* only after some of those that follow it have passed as well. The
/// policy then says which tick is next. `Skip` and `Burst` stay on the grid, however late each tick is handled, so
/// they do not drift; `Delay` moves the grid.
///
/// # Examples
///
/// A tick was planned for time 100 with a period of 10 and is handled at 137, when those at 110, 120 and 130 have
/// passed:
///
/// ```
/// use hippodrome::MissedTick;
///
/// assert_eq!(MissedTick::Skip.next_deadline(100, 10, 137), (140, 3));
/// assert_eq!(MissedTick::Burst.next_deadline(100, 10, 137), (110, 0));
/// assert_eq!(MissedTick::Delay.next_deadline(100, 10, 137), (147, 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum MissedTick {
    /// Missed ticks never fire; the next one is the first of the grid that has not passed. For work whose latest run
    /// makes the earlier ones needless, such as a heartbeat or a snapshot.
    #[default]
    Skip,
    /// Every missed tick fires, one right after the other, until the timer has caught up. For work that must be done
    /// once per tick, such as counting time.
    Burst,
    /// The period is counted from the moment the tick is handled, so that ticks are never closer than a period. For
    /// work that needs its pause, such as polling a service.
    Delay,
}

impl MissedTick {
    /// The deadline that follows a tick planned for `scheduled_ns` and handled at `now_ns`, and how many ticks between
    /// the two will never fire.
    ///
    /// A tick counts as missed if its time is before `now_ns`; one for exactly `now_ns` can still fire. With `Burst`
    /// the count is always 0, because every tick fires. So with `Skip` and `Burst`, the ticks that were handled and
    /// those that were missed add up to the grid's.
    ///
    /// A `period_ns` of 0 counts as 1. A deadline past the end of time is `u64::MAX`. Pure, and O(1) for any delay.
    #[must_use]
    pub fn next_deadline(self, scheduled_ns: u64, period_ns: u64, now_ns: u64) -> (u64, u64) {
        let period_ns = period_ns.max(1);
        let late_ns = now_ns.saturating_sub(scheduled_ns);
        let passed = late_ns.saturating_sub(1) / period_ns;
        match self {
            Self::Skip => {
                let periods = passed.saturating_add(1);
                (scheduled_ns.saturating_add(periods.saturating_mul(period_ns)), passed)
            }
            Self::Burst => (scheduled_ns.saturating_add(period_ns), 0),
            Self::Delay => (now_ns.saturating_add(period_ns), passed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::MissedTick;

    const ALL: [MissedTick; 3] = [MissedTick::Skip, MissedTick::Burst, MissedTick::Delay];

    #[test]
    fn a_tick_in_time_is_followed_by_the_next_of_the_grid() {
        assert_eq!(MissedTick::Skip.next_deadline(100, 10, 100), (110, 0));
        assert_eq!(MissedTick::Skip.next_deadline(100, 10, 109), (110, 0));
        assert_eq!(MissedTick::Burst.next_deadline(100, 10, 109), (110, 0));
        assert_eq!(MissedTick::Delay.next_deadline(100, 10, 109), (119, 0));
    }

    #[test]
    fn a_tick_for_this_very_moment_is_not_missed() {
        assert_eq!(MissedTick::Skip.next_deadline(100, 10, 110), (110, 0));
        assert_eq!(MissedTick::Skip.next_deadline(100, 10, 111), (120, 1));
        assert_eq!(MissedTick::Delay.next_deadline(100, 10, 110), (120, 0));
    }

    #[test]
    fn a_clock_behind_the_schedule_misses_nothing() {
        assert_eq!(MissedTick::Skip.next_deadline(100, 10, 40), (110, 0));
        assert_eq!(MissedTick::Burst.next_deadline(100, 10, 40), (110, 0));
        assert_eq!(MissedTick::Delay.next_deadline(100, 10, 40), (50, 0));
    }

    #[test]
    fn the_end_of_time_and_an_empty_period_are_no_special_case() {
        for policy in ALL {
            assert_eq!(policy.next_deadline(u64::MAX, u64::MAX, u64::MAX), (u64::MAX, 0));
            assert_eq!(policy.next_deadline(5, 0, 5), (6, 0));
        }
        assert_eq!(MissedTick::Skip.next_deadline(0, 1, u64::MAX), (u64::MAX, u64::MAX - 1));
        assert_eq!(MissedTick::Skip.next_deadline(0, u64::MAX - 1, u64::MAX), (u64::MAX, 1));
    }

    proptest! {
        /// Whatever the delays, Skip stays on the grid and never plans a tick for the past, Burst fires every tick, and
        /// both account for each tick of the grid.
        #[test]
        fn skip_and_burst_never_drift(
            start in 0_u64..1 << 40,
            period in 1_u64..1 << 20,
            delays in prop::collection::vec(0_u64..1 << 24, 1..50),
        ) {
            let (mut skip, mut burst, mut accounted) = (start, start, 0);
            for (handled, &delay) in delays.iter().enumerate() {
                let now = skip + delay;
                let (next, missed) = MissedTick::Skip.next_deadline(skip, period, now);
                prop_assert!(next >= now && next > skip && next - now.min(next) <= period);
                accounted += 1 + missed;
                prop_assert_eq!(next, start + accounted * period);
                skip = next;

                let (next, missed) = MissedTick::Burst.next_deadline(burst, period, burst + delay);
                prop_assert_eq!((next, missed), (start + (handled as u64 + 1) * period, 0));
                burst = next;
            }
        }

        /// Delay keeps a whole period free between the handling of one tick and the next.
        #[test]
        fn delay_counts_from_now(scheduled in 0_u64..1 << 40, period in 1_u64..1 << 20, late in 0_u64..1 << 24) {
            let now = scheduled + late;
            let (next, missed) = MissedTick::Delay.next_deadline(scheduled, period, now);
            prop_assert_eq!(next, now + period);
            // As many as Skip would have dropped.
            prop_assert_eq!(missed, MissedTick::Skip.next_deadline(scheduled, period, now).1);
        }
    }
}
