//! Where the handler writes down what it measures: three histograms for each second.

use hdrhistogram::Histogram;
use hippodrome_perf_kit::open_loop::{self, Length, Tally, nanoseconds};

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

impl Tally for Times {
    fn in_memory() -> Self {
        Self { latency_ns: Tally::in_memory(), waiting_ns: Tally::in_memory(), handling_ns: Tally::in_memory() }
    }
}

impl Times {
    /// Without a message.
    pub(crate) fn new() -> Self {
        Self { latency_ns: nanoseconds(), waiting_ns: nanoseconds(), handling_ns: nanoseconds() }
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

/// Takes down the times of messages, which come in the order of their due times.
#[derive(Debug)]
pub(crate) struct Recorder {
    intervals: open_loop::Recorder<Times>,
    ended_ns: u64,
}

impl Recorder {
    /// Allocates everything, and writes to it.
    pub(crate) fn new(length: Length) -> Self {
        Self { intervals: open_loop::Recorder::new(length), ended_ns: 0 }
    }

    /// Takes down a message that was due, and whose handling started and ended, at these times.
    #[inline(always)]
    pub(crate) fn record(&mut self, due_ns: u64, started_ns: u64, ended_ns: u64) {
        self.intervals.due_at(due_ns).record(due_ns, started_ns, ended_ns);
        self.ended_ns = ended_ns;
    }

    /// What was taken down.
    pub(crate) fn finish(self) -> Record {
        Record { intervals: self.intervals.finish(), ended_ns: self.ended_ns }
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_message_has_three_times_and_the_last_one_ends_the_record() {
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
}
