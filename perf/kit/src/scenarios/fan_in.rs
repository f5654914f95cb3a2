//! Several producers send to one consumer on another core.
//!
//! ```text
//!   +--- core 0 --------+        +--- core 1 ---+
//!   |  Producer 0  ==================>          |
//!   |  Producer 1  ==================>  Funnel  |
//!   |  ...         ==================>          |
//!   +-------------------+        +--------------+
//! ```
//!
//! The producers are threads with a port each, threads with a handle, workers, or actors of one worker. There are two
//! cores, so more producers than one share the first: what is measured with several is how well they get past each
//! other, not how well they run at once.
//!
//! The consumer takes a checksum for each producer in the order its messages come, so a message that overtook another
//! of the same producer is found.

use std::sync::{Arc, OnceLock};

use super::threads::produce_and_consume;
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::{Token, digest};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "fan_in",
    about: "1 to 8 producers on one core send to one consumer on another",
    unit: "message",
    cores: 2,
    cases: &[case(4), case(1), case(2), case(8)],
    expected: |case| found(case.actors, case.messages),
    gates: &[],
};

const fn case(producers: u64) -> Case {
    Case { payload_bytes: 32, actors: producers, messages: 2_000_000 }
}

/// Messages of one producer on their way at once.
pub const WINDOW: u64 = 1024;
/// Messages that are sent for one credit.
pub const CHUNK: u64 = 256;

/// The messages of this producer: all together there are as many as the case says.
pub fn messages_of(case: &Case, producer: u64) -> impl Iterator<Item = Token> + Send + use<> {
    (0..count_of(case, producer)).map(move |sequence| numbered(producer, sequence))
}

fn count_of(case: &Case, producer: u64) -> u64 {
    case.messages / case.actors + u64::from(producer < case.messages % case.actors)
}

#[inline(always)]
fn numbered(producer: u64, sequence: u64) -> Token {
    Token { origin: producer, ..Token::numbered(sequence) }
}

/// What the consumer must find.
fn found(producers: u64, messages: u64) -> Found {
    let case = Case { payload_bytes: 32, actors: producers, messages };
    let mut funnel = Funnel::new(&case, Arc::default());
    (0..producers).flat_map(|producer| messages_of(&case, producer)).for_each(|token| funnel.count(token));
    funnel.found()
}

/// The consumer.
#[derive(Debug)]
pub struct Funnel {
    /// By producer.
    digests: Box<[u64]>,
    received: u64,
    expected: u64,
    finish: Arc<Finish>,
}

impl Funnel {
    /// One that expects all messages of the case.
    #[must_use]
    pub fn new(case: &Case, finish: Arc<Finish>) -> Self {
        let digests = vec![0; case.actors as usize].into();
        Self { digests, received: 0, expected: case.messages, finish }
    }

    /// Takes a message. Returns whether it was the last one.
    #[inline(always)]
    pub fn take(&mut self, token: Token) -> bool {
        self.count(token);
        let is_last = self.received == self.expected;
        if is_last {
            let found = self.found();
            self.finish.set(found.units, found.checksum);
        }
        is_last
    }

    #[inline(always)]
    fn count(&mut self, token: Token) {
        let so_far = &mut self.digests[token.origin as usize];
        *so_far = digest(*so_far, token.value.wrapping_add(token.sequence));
        self.received += 1;
    }

    fn found(&self) -> Found {
        Found { units: self.received, checksum: self.digests.iter().fold(0, |sum, one| digest(sum, *one)) }
    }
}

/// Runs it once between threads: each of `send` sends a message of one producer, and `receive` waits for one.
///
/// # Errors
/// The threads cannot be pinned.
#[inline]
pub fn between_threads<S: FnMut(Token) + Send>(
    case: &Case,
    cores: &Cores,
    send: impl IntoIterator<Item = S>,
    mut receive: impl FnMut() -> Token + Send,
) -> Result<Sample, Failure> {
    let finish = Arc::new(Finish::default());
    let mut funnel = Funnel::new(case, finish.clone());
    let producers = send.into_iter().zip(0..).map(|(send, number)| move || messages_of(case, number).for_each(send));
    produce_and_consume(cores, &finish, producers.collect(), || while !funnel.take(receive()) {})
}

impl<P: Platform> Role<P> for Funnel {
    type Msg = Token;

    #[inline]
    fn receive(&mut self, token: Token, _: &mut P::Context<'_, Self>) {
        self.take(token);
    }
}

/// Runs it once with actors.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let case = *case;
    let main = move |finish| Starter::<P> { case, finish, producers: Arc::default() };
    P::run(Run { main: Box::new(main), set_up: Some(Start::SetUp), go: Start::Go }, cores)
}

/// What a starter is told.
enum Start {
    SetUp,
    Go,
}

type Producers<P> = Arc<OnceLock<Vec<<P as Platform>::Ref<Producer<P>>>>>;

/// Brings everybody together, and gives the first credit.
struct Starter<P: Platform> {
    case: Case,
    finish: Arc<Finish>,
    producers: Producers<P>,
}

impl<P: Platform> Role<P> for Starter<P> {
    type Msg = Start;

    fn receive(&mut self, message: Start, context: &mut P::Context<'_, Self>) {
        match (message, self.producers.get()) {
            (Start::Go, Some(producers)) => {
                producers.iter().for_each(|producer| context.tell(producer, Credit(WINDOW)));
            }
            _ => {
                let funnel = Funnel::new(&self.case, self.finish.clone());
                let crediting = Crediting { funnel, producers: self.producers.clone() };
                let funnel = context.spawn(Place::Core(1), crediting);
                let producer = |number| {
                    let left = count_of(&self.case, number);
                    context.spawn(Place::Core(0), Producer { number, sent: 0, left, funnel: funnel.clone() })
                };
                let producers = (0..self.case.actors).map(producer).collect();
                self.producers.get_or_init(|| producers);
            }
        }
    }
}

/// So many more messages may be sent.
struct Credit(u64);

/// Sends as much as it has credit for.
struct Producer<P: Platform> {
    number: u64,
    sent: u64,
    left: u64,
    funnel: P::Ref<Crediting<P>>,
}

impl<P: Platform> Role<P> for Producer<P> {
    type Msg = Credit;

    #[inline]
    fn receive(&mut self, Credit(messages): Credit, context: &mut P::Context<'_, Self>) {
        let (first, count) = (self.sent, messages.min(self.left));
        (self.sent, self.left) = (first + count, self.left - count);
        let number = self.number;
        context.tell_all(&self.funnel, (first..first + count).map(move |sequence| numbered(number, sequence)));
    }
}

/// A funnel that gives credit.
struct Crediting<P: Platform> {
    funnel: Funnel,
    producers: Producers<P>,
}

impl<P: Platform> Role<P> for Crediting<P> {
    type Msg = Token;

    #[inline]
    fn receive(&mut self, token: Token, context: &mut P::Context<'_, Self>) {
        self.funnel.take(token);
        if (token.sequence + 1).is_multiple_of(CHUNK)
            && let Some(producers) = self.producers.get()
        {
            context.tell(&producers[token.origin as usize], Credit(CHUNK));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_producers_send_all_messages_between_them() {
        let case = Case { messages: 1_001, ..case(8) };
        let counts: Vec<usize> = (0..8).map(|producer| messages_of(&case, producer).count()).collect();
        assert_eq!((counts.iter().sum::<usize>(), counts[0], counts[7]), (1_001, 126, 125));
    }

    #[test]
    fn a_message_that_overtook_another_is_found() {
        let case = Case { messages: 4, ..case(2) };
        let finish = Arc::<Finish>::default();
        let mut funnel = Funnel::new(&case, finish.clone());
        let by_turns = [numbered(0, 0), numbered(1, 0), numbered(1, 1), numbered(0, 1)];
        assert_eq!(by_turns.map(|token| funnel.take(token)), [false, false, false, true]);
        assert_eq!(finish.get().unwrap().1, found(2, 4));

        let mut funnel = Funnel::new(&case, Arc::default());
        let overtaken = [numbered(0, 1), numbered(1, 0), numbered(1, 1), numbered(0, 0)];
        overtaken.into_iter().for_each(|token| funnel.count(token));
        assert_ne!(funnel.found(), found(2, 4));
    }
}
