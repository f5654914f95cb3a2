//! Where whoever measures writes down what it finds: preallocated, apart for each second.
//!
//! Something belongs to the second in which it was due. The first interval is the warm-up.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::arrivals::SECOND_NS;

/// The longest time that is told apart from longer ones: five minutes.
const LONGEST_NS: u64 = 300 * SECOND_NS;

/// An empty histogram of nanoseconds up to five minutes, exact to three digits.
///
/// # Panics
/// Never: its bounds are constants that are allowed.
#[must_use]
pub fn nanoseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are constants that are allowed")
}

/// What is found in one interval.
pub trait Tally {
    /// An empty one, all of whose memory has been written to: what comes first does not wait for pages.
    fn in_memory() -> Self;
}

impl Tally for Histogram<u64> {
    /// That of [`nanoseconds`].
    fn in_memory() -> Self {
        let mut histogram = nanoseconds();
        histogram.saturating_record(LONGEST_NS);
        histogram.reset();
        histogram
    }
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// What is not counted, at the beginning.
    pub warm_up: Duration,
    /// What is counted.
    pub measured: Duration,
}

impl Length {
    /// Both, in nanoseconds.
    #[must_use]
    pub fn total_ns(self) -> u64 {
        nanos(self.warm_up) + nanos(self.measured)
    }
}

/// A duration that came from the command line: far under the 584 years that fit.
#[must_use]
pub fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// Takes down what was found, a `T` for each interval. What comes is nearly in the order of due times: something that is
/// due before an interval that has begun is counted in that one.
#[derive(Debug)]
pub struct Recorder<T> {
    intervals: Vec<T>,
    current: usize,
    /// When the current interval ends; 0 before the first message.
    ends_ns: u64,
    length: Length,
}

impl<T: Tally> Recorder<T> {
    /// Allocates everything, and writes to it.
    #[must_use]
    pub fn new(length: Length) -> Self {
        let seconds = nanos(length.measured).div_ceil(SECOND_NS) as usize;
        let intervals = (0..=seconds).map(|_| T::in_memory()).collect();
        Self { intervals, current: 0, ends_ns: 0, length }
    }

    /// Where something is to be written down that was due at this time.
    #[inline(always)]
    pub fn due_at(&mut self, due_ns: u64) -> &mut T {
        if due_ns >= self.ends_ns {
            self.advance(due_ns);
        }
        &mut self.intervals[self.current]
    }

    /// Goes on to the interval of this time. The first message begins the first one.
    #[cold]
    fn advance(&mut self, due_ns: u64) {
        if self.ends_ns == 0 {
            self.ends_ns = due_ns + nanos(self.length.warm_up);
        }
        while due_ns >= self.ends_ns {
            let is_last = self.current + 1 == self.intervals.len();
            if is_last {
                self.ends_ns = u64::MAX;
                break;
            }
            self.current += 1;
            self.ends_ns += SECOND_NS;
        }
    }

    /// What was taken down so far: first that of the warm-up, then that of each second.
    #[must_use]
    pub fn intervals(&self) -> &[T] {
        &self.intervals
    }

    /// The same, to keep.
    #[must_use]
    pub fn finish(self) -> Vec<T> {
        self.intervals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many were due in each interval.
    fn counts(length: Length, due_ns: &[u64]) -> Vec<u64> {
        let mut recorder = Recorder::<Histogram<u64>>::new(length);
        due_ns.iter().for_each(|due_ns| recorder.due_at(*due_ns).saturating_record(30));
        recorder.finish().iter().map(Histogram::len).collect()
    }

    #[test]
    fn each_message_is_in_the_second_in_which_it_was_due() {
        let length = Length { warm_up: Duration::from_millis(500), measured: Duration::from_millis(1_500) };
        let due_ns = [0, 499, 500, 1_499, 1_500, 1_999].map(|due_ms| 7_000 + due_ms * 1_000_000);
        assert_eq!(counts(length, &due_ns), [2, 2, 2]);
    }

    #[test]
    fn one_that_comes_late_stays_in_the_interval_that_has_begun() {
        let length = Length { warm_up: Duration::from_millis(500), measured: Duration::from_secs(1) };
        let due_ns = [0, 500, 499, 501].map(|due_ms| due_ms * 1_000_000 + 1);
        assert_eq!(counts(length, &due_ns), [1, 3]);
    }

    #[test]
    fn without_a_warm_up_nothing_is_in_its_interval() {
        let length = Length { warm_up: Duration::ZERO, measured: Duration::from_secs(1) };
        assert_eq!(counts(length, &[5]), [0, 1]);
    }
}
