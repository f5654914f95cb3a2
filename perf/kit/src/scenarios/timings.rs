//! Round trips that are timed by 32, as the raw ones are: reading the clock costs as much as a round trip.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::raw::ROUND_TRIPS_PER_TIMING;
use crate::sample::latencies;

/// So many round trips, of which the first quarter is not recorded.
#[derive(Debug)]
pub(super) struct Timings {
    /// When those began that are timed together.
    started: Instant,
    pub(super) round_trips: u64,
    pub(super) total: u64,
    /// The mean of each that were timed together; until it is taken, after the last round trip.
    pub(super) latency_ns: Option<Histogram<u64>>,
}

impl Timings {
    pub(super) fn new(total: u64) -> Self {
        Self { started: Instant::now(), round_trips: 0, total, latency_ns: Some(latencies()) }
    }

    /// The first round trip begins now.
    pub(super) fn start(&mut self) {
        self.started = Instant::now();
    }

    /// Counts a round trip. Returns whether it was the last one.
    #[inline(always)]
    pub(super) fn count(&mut self) -> bool {
        self.round_trips += 1;
        let is_last = self.round_trips == self.total;
        let left_over = self.round_trips % ROUND_TRIPS_PER_TIMING;
        if left_over == 0 || is_last {
            self.record(if left_over == 0 { ROUND_TRIPS_PER_TIMING } else { left_over });
        }
        is_last
    }

    #[inline(never)]
    fn record(&mut self, round_trips: u64) {
        let ns = self.started.elapsed().as_nanos() as u64;
        if self.round_trips > self.total / 4
            && let Some(latency_ns) = &mut self.latency_ns
        {
            latency_ns.saturating_record((ns + round_trips / 2) / round_trips);
        }
        self.started = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quarters_of_the_round_trips_are_recorded() {
        let mut timings = Timings::new(1_610);
        let recorded = |timings: &Timings| timings.latency_ns.as_ref().unwrap().len();
        let counts = (0..1_610).filter(|_| timings.count()).count();
        assert_eq!((counts, timings.round_trips), (1, 1_610));
        // 50 timings and one of the 10 that are left over; the first 12 end within the first quarter.
        assert_eq!(recorded(&timings), 51 - 12);
        let mut short = Timings::new(3);
        assert!(!short.count() && !short.count() && short.count());
        assert_eq!(recorded(&short), 1);
    }
}
