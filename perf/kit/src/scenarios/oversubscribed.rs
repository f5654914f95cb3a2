//! More threads than cores hand messages round.
//!
//! ```text
//!   core 0:   Station 0         Station 2
//!               |    ^            ^    |
//!               v    |            |    v
//!   core 1:   Station 1         Station 3     (one thread each; 64 tokens go 0, 1, 2, 3, 0, ...)
//! ```
//!
//! Each station is on a thread of its own, and the threads are pinned to the two cores in turn: a thread that waits
//! without letting go of its core keeps another one from what everybody waits for. Every token is handled so often that
//! all handlings together are as many as the case says; the checksum is over the values that the tokens end with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hippodrome_affinity::{CoreId, pin_current_thread};

use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::Token;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "oversubscribed",
    about: "4 or 8 threads on two cores hand 64 messages round",
    unit: "message",
    cores: 2,
    cases: &[case(4), case(8)],
    expected: |case| Found { units: case.messages, checksum: expected(case) },
    gates: &[],
};

const fn case(stations: u64) -> Case {
    Case { payload_bytes: 32, actors: stations, messages: 400_000 }
}

const TOKENS: u64 = 64;

/// The core of the station of this number.
///
/// # Errors
/// There is only one core.
pub fn core_of(station: u64, cores: &Cores) -> Result<CoreId, Failure> {
    let (first, second) = cores.pair()?;
    Ok(if station.is_multiple_of(2) { first } else { second })
}

/// The tokens, each with the number of the station where it begins.
pub fn tokens(case: &Case) -> impl Iterator<Item = (u64, Token)> + use<> {
    let (stations, each, more) = (case.actors, case.messages / TOKENS, case.messages % TOKENS);
    let handlings = move |token| each + u64::from(token < more);
    (0..TOKENS).filter(move |token| handlings(*token) > 0).map(move |token| {
        let begun = Token { value: token, hops_left: handlings(token) - 1, origin: token, sequence: 0 };
        (token % stations, begun)
    })
}

fn expected(case: &Case) -> u64 {
    let end = |(first, begun): (u64, Token)| {
        let hops = begun.hops_left;
        (0..hops).fold(begun, |token, hop| token.passed_by((first + hop) % case.actors)).value
    };
    tokens(case).map(end).fold(0, u64::wrapping_add)
}

/// Where the tokens end.
#[derive(Debug)]
pub struct Goal {
    expected: u64,
    handled: AtomicU64,
    sum: AtomicU64,
    finish: Arc<Finish>,
}

impl Goal {
    /// One that sets `finish` when all tokens of the case have ended.
    #[must_use]
    pub fn new(case: &Case, finish: Arc<Finish>) -> Arc<Self> {
        Arc::new(Self { expected: case.messages, handled: AtomicU64::new(0), sum: AtomicU64::new(0), finish })
    }

    /// Whether all tokens have ended.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.handled.load(Ordering::Acquire) == self.expected
    }

    fn end(&self, token: Token) {
        let handled = token.sequence + 1;
        self.sum.fetch_add(token.value, Ordering::Relaxed);
        // Release and acquire: whoever counts the last one sees all sums.
        if self.handled.fetch_add(handled, Ordering::AcqRel) + handled == self.expected {
            self.finish.set(self.expected, self.sum.load(Ordering::Relaxed));
        }
    }
}

/// What one thread does with tokens.
#[derive(Clone, Debug)]
pub struct Station {
    number: u64,
    goal: Arc<Goal>,
}

impl Station {
    /// The station of this number.
    #[must_use]
    pub fn new(number: u64, goal: Arc<Goal>) -> Self {
        Self { number, goal }
    }

    /// What the next station is to be sent; nothing, if the token has ended.
    #[inline]
    #[must_use]
    pub fn pass(&self, token: Token) -> Option<Token> {
        if token.hops_left == 0 {
            self.goal.end(token);
            return None;
        }
        Some(token.passed_by(self.number))
    }

    /// The work of a station's thread: passes on by `send` what it gets by `receive`, and tells the next station by
    /// `None` when all tokens have ended.
    pub fn work(&self, mut receive: impl FnMut() -> Option<Token>, mut send: impl FnMut(Option<Token>)) {
        while let Some(token) = receive() {
            match self.pass(token) {
                None if self.goal.is_reached() => break,
                None => {}
                passed => send(passed),
            }
        }
        send(None);
    }
}

/// Runs it once on threads of its own, one for each of `stations`, after `begin` has sent the tokens. The stations
/// return by themselves when all tokens have ended.
///
/// # Errors
/// A thread cannot be pinned.
pub fn on_threads<F: FnOnce() + Send>(
    cores: &Cores,
    finish: &Finish,
    stations: Vec<F>,
    begin: impl FnOnce(),
) -> Result<Sample, Failure> {
    let cores: Vec<CoreId> =
        (0..stations.len()).map(|number| core_of(number as u64, cores)).collect::<Result<_, _>>()?;
    std::thread::scope(|scope| {
        let working = stations.into_iter().zip(cores).map(|(work, core)| {
            scope.spawn(move || {
                let pinned = pin_current_thread(core);
                work();
                pinned
            })
        });
        let working: Vec<_> = working.collect();
        let started = Instant::now();
        begin();
        for thread in working {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(Sample::new(started, finish.get()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_are_handled_as_often_as_the_case_says() {
        for messages in [10, 1_000, 1_001] {
            let case = Case { messages, ..case(4) };
            let finish = Arc::<Finish>::default();
            let goal = Goal::new(&case, finish.clone());
            let mut handled = 0;
            for (first, mut token) in tokens(&case) {
                let mut number = first;
                loop {
                    handled += 1;
                    match Station::new(number, goal.clone()).pass(token) {
                        Some(passed) => (token, number) = (passed, (number + 1) % 4),
                        None => break,
                    }
                }
            }
            assert_eq!((handled, goal.is_reached()), (messages, true));
            assert_eq!(finish.get().unwrap().1, (SCENARIO.expected)(&case));
        }
    }
}
