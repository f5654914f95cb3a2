//! How long a receiver that has nothing to do takes to begin with a message, and what it costs to be idle.
//!
//! ```text
//!   thread on core 0 -- a Wake, 1 ms, a Wake, 1 ms, ... -- 300 ms, a Wake --> Sleeper on core 1
//! ```
//!
//! The sender pauses when a message has been taken, so that the receiver goes to sleep, if it does that at all. A
//! latency is the time from the sender's clock, right before it sends, to the receiver's, right as it begins with the
//! message. The last message comes after a longer pause, over which the receiver's thread takes its own processor time:
//! the share of a core that waiting costs. It is not counted.
//!
//! `futex` is the least that waking a thread takes on Linux, and is measured in turn with the others.

mod cpu_time;
#[cfg(target_os = "linux")]
mod futex;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::threads::produce_and_consume;
use crate::cores::Cores;
use crate::finish::Finish;
use crate::platform::{Platform, Role};
use crate::sample::{Failure, Sample, latencies};
use crate::scenario::{Case, Gate, Scenario};
use crate::token::{Token, digest, found_in_flood};

#[cfg(target_os = "linux")]
pub use futex::FUTEX;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "wake_up",
    about: "an idle receiver is woken by a message, once a millisecond, and by none",
    unit: "message",
    cores: 2,
    cases: &[Case { payload_bytes: 32, actors: 0, messages: 500 }],
    expected: |case| found_in_flood(case.messages),
    gates: &[
        Gate::LatencyTimes { via: Some("spin-then-park"), of: "futex", at_most: 1.3 },
        Gate::IdleShare { via: Some("spin-then-park"), at_most: 0.01 },
    ],
};

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(1);
/// How long a message may take before the next one is sent all the same.
const PATIENCE: Duration = Duration::from_secs(10);
/// Without any message.
const IDLE: Duration = Duration::from_millis(300);

/// A message, and when it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Wake {
    sent: Instant,
    sequence: u64,
    value: u64,
}

const _: () = assert!(size_of::<Wake>() == 32);

/// What a sleeper has seen.
#[derive(Debug)]
struct Night {
    latency_ns: Histogram<u64>,
    idle_share: Option<f64>,
}

/// Who sends to a sleeper, and learns what it has seen.
#[derive(Clone, Debug)]
pub struct Caller {
    messages: u64,
    /// How many messages the sleeper has taken.
    taken: Arc<AtomicU64>,
    night: Arc<OnceLock<Night>>,
}

impl Caller {
    /// Sends all messages of the case, and the last one, each after its pause.
    pub fn call_all(&self, mut tell: impl FnMut(Wake)) {
        self.call_counted(&mut tell);
        self.call_last(tell);
    }

    /// Sends the messages that are counted, each after a pause that begins when the one before has been taken.
    pub fn call_counted(&self, mut tell: impl FnMut(Wake)) {
        for sequence in 0..self.messages {
            let patience = Instant::now() + PATIENCE;
            while self.taken.load(Ordering::Relaxed) < sequence && Instant::now() < patience {
                std::thread::sleep(PAUSE / 10);
            }
            std::thread::sleep(PAUSE);
            tell(Wake::now(sequence));
        }
    }

    /// Sends the one that ends the idle time.
    pub fn call_last(&self, mut tell: impl FnMut(Wake)) {
        std::thread::sleep(IDLE);
        tell(Wake::now(self.messages));
    }

    /// The sample with what the sleeper has seen.
    #[must_use]
    pub fn complete(&self, sample: Sample) -> Sample {
        match self.night.get() {
            Some(night) => Sample { idle_share: night.idle_share, ..sample.with_latency(night.latency_ns.clone()) },
            None => sample,
        }
    }
}

impl Wake {
    fn now(sequence: u64) -> Self {
        let value = Token::numbered(sequence).value;
        Self { sent: Instant::now(), sequence, value }
    }
}

/// The receiver.
#[derive(Debug)]
pub struct Sleeper {
    expected: u64,
    received: u64,
    digest: u64,
    latency_ns: Histogram<u64>,
    /// When the last counted message came, and the processor time that the thread had taken by then.
    idle_since: (Instant, Option<Duration>),
    caller: Caller,
    finish: Arc<Finish>,
}

impl Sleeper {
    /// One that expects the messages of this case, and who is to send them. It sets `finish` when it has the last one.
    #[must_use]
    pub fn new(case: &Case, finish: Arc<Finish>) -> (Self, Caller) {
        let caller = Caller { messages: case.messages, taken: Arc::default(), night: Arc::default() };
        let sleeper = Self {
            expected: case.messages,
            received: 0,
            digest: 0,
            latency_ns: latencies(),
            idle_since: (Instant::now(), None),
            caller: caller.clone(),
            finish,
        };
        (sleeper, caller)
    }

    /// Takes a message. Returns whether it was the last one.
    #[inline]
    pub fn take(&mut self, wake: Wake) -> bool {
        let now = Instant::now();
        if wake.sequence == self.expected {
            self.end(now);
            return true;
        }
        self.latency_ns.saturating_record(now.saturating_duration_since(wake.sent).as_nanos() as u64);
        self.digest = digest(self.digest, wake.value);
        self.received += 1;
        // It orders nothing: it only lets the caller's next pause begin.
        self.caller.taken.store(self.received, Ordering::Relaxed);
        if self.received == self.expected {
            self.idle_since = (now, cpu_time::of_this_thread());
        }
        false
    }

    fn end(&mut self, now: Instant) {
        let (since, busy) = self.idle_since;
        let busy = busy.zip(cpu_time::of_this_thread()).map(|(before, after)| after.saturating_sub(before));
        let idle_share = busy.map(|busy| busy.as_secs_f64() / now.duration_since(since).as_secs_f64());
        self.caller.night.get_or_init(|| Night { latency_ns: self.latency_ns.clone(), idle_share });
        self.finish.set(self.received, self.digest);
    }
}

impl<P: Platform> Role<P> for Sleeper {
    type Msg = Wake;

    fn receive(&mut self, wake: Wake, _: &mut P::Context<'_, Self>) {
        self.take(wake);
    }
}

/// Runs it once between two threads: `tell` sends a message, `wait` gives all that come to the sleeper.
///
/// # Errors
/// The threads cannot be pinned.
pub fn between_threads(
    case: &Case,
    cores: &Cores,
    tell: impl FnMut(Wake) + Send,
    wait: impl FnOnce(Sleeper) + Send,
) -> Result<Sample, Failure> {
    let finish = Arc::new(Finish::default());
    let (sleeper, caller) = Sleeper::new(case, finish.clone());
    let send = || caller.call_all(tell);
    Ok(caller.complete(produce_and_consume(cores, &finish, vec![send], || wait(sleeper))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_is_not_counted() {
        let case = Case { messages: 3, ..SCENARIO.cases[0] };
        let finish = Arc::<Finish>::default();
        let (mut sleeper, caller) = Sleeper::new(&case, finish.clone());
        let started = Instant::now();
        let is_last: Vec<bool> = (0..4).map(|sequence| sleeper.take(Wake::now(sequence))).collect();
        assert_eq!(is_last, [false, false, false, true]);
        let sample = caller.complete(Sample::new(started, finish.get().unwrap()));
        assert_eq!(sample.found, (SCENARIO.expected)(&case));
        assert_eq!(sample.latency_ns.unwrap().len(), 3);
        assert_eq!(sample.idle_share.is_some(), cfg!(unix));
    }
}
