//! A question goes to another core, and its answer comes back.
//!
//! ```text
//!   actor    Asker on the first core -- Question --> Answerer on the second
//!                                   <-- answer ---
//!
//!   thread   thread on the first core -- Question --> Answerer on the second
//!                                    <-- answer ---
//! ```
//!
//! Each answer carries the value of its question on, and the next question the value of the answer, so that there is
//! never more than one. The latencies are those of 32 asks that are timed together, divided by 32, as the raw round
//! trip is measured: reading the clock costs as much as a round trip does. The first quarter of them is not recorded.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::cross_ping_pong::returned;
use crate::finish::Found;
use crate::raw::ROUND_TRIPS_PER_TIMING;
use crate::sample::{Sample, latencies};
use crate::scenario::{Case, Gate, Scenario};
use crate::token::Token;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "ask",
    about: "a question goes to another core, and its answer comes back",
    unit: "ask",
    cores: 2,
    cases: &[Case { payload_bytes: 32, actors: 2, messages: 50_000 }],
    expected: |case| {
        let last = (0..case.messages).fold(Token::default(), |last, ask| answer(question(ask, last)));
        Found { units: case.messages, checksum: last.value }
    },
    gates: &[Gate::RawRoundTrips { via: Some("actor"), at_most: 2.2 }],
};

/// The answer to a question.
#[inline(always)]
#[must_use]
pub fn answer(question: Token) -> Token {
    returned(question)
}

#[inline(always)]
fn question(ask: u64, last: Token) -> Token {
    Token { sequence: ask, value: last.value, hops_left: 1, origin: 0 }
}

/// The asker's part: what it asks, and how long the answers took.
#[derive(Debug)]
pub struct Questions {
    total: u64,
    answered: u64,
    last: Token,
    started: Instant,
    /// When the asks that are timed together began.
    timing: Instant,
    took: Duration,
    latency_ns: Histogram<u64>,
}

impl Questions {
    /// So many, the first one of them now.
    #[must_use]
    pub fn start(total: u64) -> Self {
        let now = Instant::now();
        Self {
            total,
            answered: 0,
            last: Token::default(),
            started: now,
            timing: now,
            took: Duration::ZERO,
            latency_ns: latencies(),
        }
    }

    /// The next question; `None` when all were answered.
    #[inline(always)]
    #[must_use]
    pub fn next(&self) -> Option<Token> {
        (self.answered < self.total).then(|| question(self.answered, self.last))
    }

    /// Takes the answer to the last question.
    #[inline(always)]
    pub fn answered(&mut self, answer: Token) {
        self.last = answer;
        self.answered += 1;
        if self.answered.is_multiple_of(ROUND_TRIPS_PER_TIMING) || self.answered == self.total {
            self.record();
        }
    }

    fn record(&mut self) {
        let now = Instant::now();
        self.took = now - self.started;
        if self.answered > self.total / 4 && self.answered.is_multiple_of(ROUND_TRIPS_PER_TIMING) {
            let took = now - self.timing;
            self.latency_ns.saturating_record(took.as_nanos() as u64 / ROUND_TRIPS_PER_TIMING);
        }
        self.timing = now;
    }

    /// What it came to.
    #[must_use]
    pub fn sample(self) -> Sample {
        let found = Found { units: self.answered, checksum: self.last.value };
        Sample::new(self.started, (self.started + self.took, found)).with_latency(self.latency_ns)
    }
}
