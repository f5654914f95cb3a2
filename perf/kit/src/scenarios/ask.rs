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

use std::time::Instant;

use super::cross_ping_pong::returned;
use super::timings::Timings;
use crate::finish::Found;
use crate::sample::Sample;
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
    last: Token,
    started: Instant,
    ended: Instant,
    timings: Timings,
}

impl Questions {
    /// So many, the first one of them now.
    #[must_use]
    pub fn start(total: u64) -> Self {
        let timings = Timings::new(total);
        let now = Instant::now();
        Self { last: Token::default(), started: now, ended: now, timings }
    }

    /// The next question; `None` when all were answered.
    #[inline(always)]
    #[must_use]
    pub fn next(&self) -> Option<Token> {
        let answered = self.timings.round_trips;
        (answered < self.timings.total).then(|| question(answered, self.last))
    }

    /// Takes the answer to the last question.
    #[inline(always)]
    pub fn answered(&mut self, answer: Token) {
        self.last = answer;
        if self.timings.count() {
            self.ended = Instant::now();
        }
    }

    /// What it came to.
    #[must_use]
    pub fn sample(self) -> Sample {
        let found = Found { units: self.timings.round_trips, checksum: self.last.value };
        let sample = Sample::new(self.started, (self.ended, found));
        Sample { latency_ns: self.timings.latency_ns, ..sample }
    }
}
