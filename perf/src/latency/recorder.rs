//! Where the handler writes down what it measures: preallocated histograms, one set for each second.
//!
//! A message belongs to the second in which it was due. The first set is of the warm-up.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::arrivals::SECOND_NS;

/// The longest time that is told apart from longer ones: no message can be later, as runs are short and cut off.
const LONGEST_NS: u64 = 300 * SECOND_NS;

/// An empty histogram of nanoseconds up to five minutes, exact to three digits.
pub(crate) fn nanoseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are constants that are allowed")
}

/// The three times of each message, in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// From when it was to be sent to the end of its handling.
    pub(crate) latency_ns: Histogram<u64>,
    /// From when it was to be sent to the start of its handling.
    pub(crate) waiting_ns: Histogram<u64>,
    /// From the start to the end of its handling.
    pub(crate) handling_ns: Histogram<u64>,
}

impl Times {
    /// Without a message.
    pub(crate) fn new() -> Self {
        Self { latency_ns: nanoseconds(), waiting_ns: nanoseconds(), handling_ns: nanoseconds() }
    }

    /// Without a message, and with memory that has been written to: the first messages do not wait for pages.
    fn in_memory() -> Self {
        let mut times = Self::new();
        for histogram in [&mut times.latency_ns, &mut times.waiting_ns, &mut times.handling_ns] {
            histogram.saturating_record(LONGEST_NS);
            histogram.reset();
        }
        times
    }

    #[inline(always)]
    fn record(&mut self, due_ns: u64, started_ns: u64, ended_ns: u64) {
        self.latency_ns.saturating_record(ended_ns.saturating_sub(due_ns));
        self.waiting_ns.saturating_record(started_ns.saturating_sub(due_ns));
        self.handling_ns.saturating_record(ended_ns.saturating_sub(started_ns));
    }

    /// Adds those of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.latency_ns, &other.latency_ns),
            (&mut self.waiting_ns, &other.waiting_ns),
            (&mut self.handling_ns, &other.handling_ns),
        ];
        for (sum, part) in pairs {
            sum.add(part).expect("all of them have the same bounds");
        }
    }

    /// How many messages they are of.
    pub(crate) fn len(&self) -> u64 {
        self.latency_ns.len()
    }
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length {
    /// What is not counted, at the beginning.
    pub(crate) warm_up: Duration,
    /// What is counted.
    pub(crate) measured: Duration,
}

impl Length {
    /// Both, in nanoseconds.
    pub(crate) fn total_ns(self) -> u64 {
        nanos(self.warm_up) + nanos(self.measured)
    }
}

/// A duration that came from the command line: far under the 584 years that fit.
pub(crate) fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// Takes down the times of messages, which come in the order of their due times.
#[derive(Debug)]
pub(crate) struct Recorder {
    intervals: Vec<Times>,
    current: usize,
    /// When the current interval ends; 0 before the first message.
    ends_ns: u64,
    length: Length,
    ended_ns: u64,
}

impl Recorder {
    /// Allocates everything, and writes to it.
    pub(crate) fn new(length: Length) -> Self {
        let seconds = nanos(length.measured).div_ceil(SECOND_NS) as usize;
        let intervals = (0..=seconds).map(|_| Times::in_memory()).collect();
        Self { intervals, current: 0, ends_ns: 0, length, ended_ns: 0 }
    }

    /// Takes down a message that was due, and whose handling started and ended, at these times.
    #[inline(always)]
    pub(crate) fn record(&mut self, due_ns: u64, started_ns: u64, ended_ns: u64) {
        if due_ns >= self.ends_ns {
            self.advance(due_ns);
        }
        self.intervals[self.current].record(due_ns, started_ns, ended_ns);
        self.ended_ns = ended_ns;
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

    /// What was taken down.
    pub(crate) fn finish(self) -> Record {
        Record { intervals: self.intervals, ended_ns: self.ended_ns }
    }
}

/// What a recorder has taken down.
#[derive(Debug)]
pub(crate) struct Record {
    /// First that of the warm-up, then one for each second that was begun.
    pub(crate) intervals: Vec<Times>,
    /// When the last message had been handled.
    pub(crate) ended_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_in_the_second_in_which_it_was_due() {
        let length = Length { warm_up: Duration::from_millis(500), measured: Duration::from_millis(1_500) };
        let mut recorder = Recorder::new(length);
        let start_ns = 7_000;
        for due_ms in [0, 499, 500, 1_499, 1_500, 1_999] {
            let due_ns = start_ns + due_ms * 1_000_000;
            recorder.record(due_ns, due_ns + 10, due_ns + 30);
        }
        let record = recorder.finish();
        assert_eq!(record.intervals.iter().map(Times::len).collect::<Vec<_>>(), [2, 2, 2]);
        assert_eq!(record.ended_ns, start_ns + 1_999_000_030);
        let mut all = Times::new();
        record.intervals.iter().for_each(|times| all.add(times));
        assert_eq!((all.latency_ns.max(), all.waiting_ns.max(), all.handling_ns.max()), (30, 10, 20));
    }

    #[test]
    fn without_a_warm_up_nothing_is_in_its_interval() {
        let length = Length { warm_up: Duration::ZERO, measured: Duration::from_secs(1) };
        let mut recorder = Recorder::new(length);
        recorder.record(5, 6, 7);
        assert_eq!(recorder.finish().intervals.iter().map(Times::len).collect::<Vec<_>>(), [0, 1]);
    }
}
