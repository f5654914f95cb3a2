//! A flood from one core to another, with messages of several sizes.
//!
//! ```text
//!   port     thread on core 0 ==== a port's lane ====> Drain on core 1
//!
//!   actors   Source on core 0 == 256 messages a credit ==> Counter on core 1
//!                          ^                                  |
//!                          +------------- Credit -------------+
//!
//!   a ring   thread on core 0 == push ==> pop ==> thread on core 1
//! ```
//!
//! All rings have room for about 1024 messages, and a source sends no more than that before it gets credit; what actors
//! are sent through has the size that their engine gives it. The consumer adds up all words of every message, and takes
//! a checksum over the sums in the order they come.

use std::marker::PhantomData;
use std::sync::Arc;

use super::threads::produce_and_consume;
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Gate, Scenario};
use crate::token::{Sink, Token, digest};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "cross_flood",
    about: "one core floods another, with messages of 8 to 1024 bytes",
    unit: "message",
    cores: 2,
    cases: &[case(32, 5_000_000), case(8, 5_000_000), case(64, 5_000_000), case(256, 2_000_000), case(1024, 500_000)],
    expected: |case| found(case.payload_bytes, case.messages),
    gates: &[
        Gate::TimesAsFast { via: Some("port"), than: &["rtrb"], times: 1.2 },
        Gate::TimesAsFast { via: Some("actors"), than: &["rtrb"], times: 1.2 },
        Gate::TimesAsFast { via: Some("port"), than: &["crossbeam"], times: 5.0 },
        Gate::TimesAsFast { via: Some("actors"), than: &["crossbeam"], times: 5.0 },
    ],
};

const fn case(payload_bytes: u32, messages: u64) -> Case {
    Case { payload_bytes, actors: 0, messages }
}

/// Messages on their way at once.
pub const WINDOW: u64 = 1024;
/// Messages that are sent for one credit.
const CHUNK: u64 = 256;

/// A message of so many words of 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Load<WORDS> {
    /// The message of this number.
    #[inline(always)]
    #[must_use]
    pub fn numbered(sequence: u64) -> Self {
        let first = Token::numbered(sequence).value;
        Self(std::array::from_fn(|word| first.wrapping_add(word as u64)))
    }

    /// The sum of all its words.
    #[inline(always)]
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
    }
}

/// What must be found of so many messages of so many bytes.
fn found(payload_bytes: u32, messages: u64) -> Found {
    let words = u64::from(payload_bytes / 8);
    let sum = |sequence| words.wrapping_mul(Token::numbered(sequence).value).wrapping_add(words * (words - 1) / 2);
    Found { units: messages, checksum: (0..messages).fold(0, |so_far, sequence| digest(so_far, sum(sequence))) }
}

/// One way to do it, for messages of any size.
pub trait Flood {
    /// Sends so many messages of `WORDS` words.
    ///
    /// # Errors
    /// That of whatever sends them.
    fn flood<const WORDS: usize>(messages: u64, cores: &Cores) -> Result<Sample, Failure>;
}

/// A size that no flood is compiled for.
#[derive(Debug, thiserror::Error)]
#[error("messages of {0} bytes: allowed is 8, 32, 64, 256 or 1024")]
struct NoSuchSize(u32);

/// Runs it once, with messages of the case's size.
///
/// # Errors
/// The flood's, or no flood is compiled for this size.
pub fn run<F: Flood>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    match case.payload_bytes {
        8 => F::flood::<1>(case.messages, cores),
        32 => F::flood::<4>(case.messages, cores),
        64 => F::flood::<8>(case.messages, cores),
        256 => F::flood::<32>(case.messages, cores),
        1024 => F::flood::<128>(case.messages, cores),
        bytes => Err(NoSuchSize(bytes).into()),
    }
}

/// Runs it once between two threads: `send` sends one message, `receive` waits for one.
///
/// # Errors
/// The threads cannot be pinned.
#[inline]
pub fn between_threads<const WORDS: usize>(
    messages: u64,
    cores: &Cores,
    send: impl FnMut(Load<WORDS>) + Send,
    mut receive: impl FnMut() -> Load<WORDS> + Send,
) -> Result<Sample, Failure> {
    let finish = Arc::new(Finish::default());
    let mut sink = Sink::new(messages, finish.clone());
    let flood = || (0..messages).map(Load::numbered).for_each(send);
    produce_and_consume(cores, &finish, vec![flood], || (0..messages).for_each(|_| sink.take(receive().sum())))
}

/// From actor to actor.
#[derive(Debug)]
pub struct Actors<P>(PhantomData<P>);

impl<P: Platform> Flood for Actors<P> {
    fn flood<const WORDS: usize>(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
        let main = move |finish| Source::<P, WORDS> { counter: None, finish, sent: 0, total: messages };
        P::run(Run { main: Box::new(main), set_up: Some(Credit::SetUp), go: Credit::Messages(WINDOW) }, cores)
    }
}

/// What a source is told.
enum Credit {
    SetUp,
    /// So many more messages may be sent.
    Messages(u64),
}

/// Sends as much as it has credit for.
struct Source<P: Platform, const WORDS: usize> {
    counter: Option<P::Ref<Counter<P, WORDS>>>,
    finish: Arc<Finish>,
    sent: u64,
    total: u64,
}

impl<P: Platform, const WORDS: usize> Role<P> for Source<P, WORDS> {
    type Msg = Credit;

    #[inline]
    fn receive(&mut self, credit: Credit, context: &mut P::Context<'_, Self>) {
        match (credit, &self.counter) {
            (Credit::Messages(messages), Some(counter)) => {
                let first = self.sent;
                self.sent = (first + messages).min(self.total);
                context.tell_all(counter, (first..self.sent).map(Load::numbered));
            }
            _ => {
                let counter = Counter { sink: Sink::new(self.total, self.finish.clone()), source: context.me() };
                self.counter = Some(context.spawn(Place::Core(1), counter));
            }
        }
    }
}

/// Takes messages, and gives credit for more.
struct Counter<P: Platform, const WORDS: usize> {
    sink: Sink,
    source: P::Ref<Source<P, WORDS>>,
}

impl<P: Platform, const WORDS: usize> Role<P> for Counter<P, WORDS> {
    type Msg = Load<WORDS>;

    #[inline]
    fn receive(&mut self, load: Load<WORDS>, context: &mut P::Context<'_, Self>) {
        self.sink.take(load.sum());
        if self.sink.received().is_multiple_of(CHUNK) {
            context.tell(&self.source, Credit::Messages(CHUNK));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_checksum_is_that_of_the_messages() {
        let sums = (0..100).map(|sequence| Load::<32>::numbered(sequence).sum());
        assert_eq!(found(256, 100), Found { units: 100, checksum: sums.fold(0, digest) });
        assert_eq!(size_of::<Load<128>>(), 1024);
    }

    #[test]
    fn every_size_of_the_scenario_is_compiled() {
        struct Nothing;
        impl Flood for Nothing {
            fn flood<const WORDS: usize>(messages: u64, _: &Cores) -> Result<Sample, Failure> {
                let now = std::time::Instant::now();
                Ok(Sample::new(now, (now, found(8 * WORDS as u32, messages))))
            }
        }
        let cores = Cores { first: hippodrome_affinity::CoreId::new(0).unwrap(), second: None };
        for case in SCENARIO.cases {
            let case = Case { messages: 10, ..*case };
            assert_eq!(run::<Nothing>(&case, &cores).unwrap().found, (SCENARIO.expected)(&case));
        }
        assert!(run::<Nothing>(&Case { payload_bytes: 33, ..SCENARIO.cases[0] }, &cores).is_err());
    }
}
