//! One actor sends each of its messages to eight others, half of them on another core.
//!
//! ```text
//!   +--- first core ---------------+     +--- second core ------+
//!   |             -- Token --> Consumer 0                       |
//!   |            |                 |     |                      |
//!   |  Producer -+-- Token ------------------> Consumer 1       |
//!   |    ^       |   ...           |     |     ...              |
//!   |    |        -- Token ------------------> Consumer 7       |
//!   |    |                         |     |      |               |
//!   |    +--- Acknowledged, for every 64 -------+               |
//!   +------------------------------+     +----------------------+
//! ```
//!
//! The even consumers are on the producer's core and the odd ones on the other. A message goes to all of them before
//! the next one is made, so that what one of them gets does not come in runs. Each consumer acknowledges every 64
//! messages, and eight acknowledgements are the credit for 64 more to each: never are more than 1,024 on their way, to
//! all of them together. Each delivery counts as a message. Each consumer takes a checksum in the order of arrival, and
//! the last one's brings the run to its end.

use std::sync::Arc;

use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::{Token, digest, found_in_flood};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "fan_out",
    about: "one actor sends each message to eight others, half of them on another core",
    unit: "message",
    cores: 2,
    cases: &[Case { payload_bytes: 32, actors: 8, messages: 4_000_000 }],
    expected: |case| {
        let found = found_in_flood(each(case));
        Found { units: found.units * case.actors, checksum: found.checksum.wrapping_mul(case.actors) }
    },
    gates: &[],
};

/// Messages that a consumer acknowledges together.
const CHUNK: u64 = 64;
/// Chunks that the producer sends to each before the first acknowledgement.
const CREDIT: u64 = 2;

/// The messages of which every consumer gets one copy.
fn each(case: &Case) -> u64 {
    case.messages.div_ceil(case.actors)
}

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (actors, total) = (case.actors, each(case));
    let main = move |finish| Producer::<P> {
        actors,
        total,
        sent: 0,
        consumers: Vec::new(),
        acknowledgements: 0,
        done: 0,
        found: Found::default(),
        finish,
    };
    P::run(Run { main: Box::new(main), set_up: Some(Produce::SetUp), go: Produce::Go }, cores)
}

/// What the producer is told.
enum Produce {
    SetUp,
    Go,
    /// A consumer has got one more chunk.
    Acknowledged,
    /// A consumer has got the last chunk.
    Done(Found),
}

struct Producer<P: Platform> {
    actors: u64,
    /// The messages for each consumer, and how many of them were sent.
    total: u64,
    sent: u64,
    consumers: Vec<P::Ref<Consumer<P>>>,
    acknowledgements: u64,
    /// The consumers that have got everything, and what they found.
    done: usize,
    found: Found,
    finish: Arc<Finish>,
}

impl<P: Platform> Producer<P> {
    fn set_up(&mut self, context: &mut P::Context<'_, Self>) {
        for number in 0..self.actors {
            let consumer = Consumer { expected: self.total, found: Found::default(), producer: context.me() };
            self.consumers.push(context.spawn(Place::Core(number as usize % 2), consumer));
        }
    }

    fn send_chunk(&mut self, context: &mut P::Context<'_, Self>) {
        let first = self.sent;
        self.sent = (first + CHUNK).min(self.total);
        for token in (first..self.sent).map(Token::numbered) {
            for consumer in &self.consumers {
                context.tell(consumer, token);
            }
        }
    }

    /// Sends one more chunk to each for as many acknowledgements as there are consumers.
    fn acknowledged(&mut self, context: &mut P::Context<'_, Self>) {
        self.acknowledgements += 1;
        if self.acknowledgements.is_multiple_of(self.consumers.len() as u64) {
            self.send_chunk(context);
        }
    }

    fn done(&mut self, found: Found) {
        self.found.units += found.units;
        self.found.checksum = self.found.checksum.wrapping_add(found.checksum);
        self.done += 1;
        if self.done == self.consumers.len() {
            self.finish.set(self.found.units, self.found.checksum);
        }
    }
}

impl<P: Platform> Role<P> for Producer<P> {
    type Msg = Produce;

    #[inline]
    fn receive(&mut self, message: Produce, context: &mut P::Context<'_, Self>) {
        match message {
            Produce::SetUp => self.set_up(context),
            Produce::Go => (0..CREDIT).for_each(|_| self.send_chunk(context)),
            Produce::Acknowledged => self.acknowledged(context),
            Produce::Done(found) => self.done(found),
        }
    }
}

struct Consumer<P: Platform> {
    expected: u64,
    found: Found,
    producer: P::Ref<Producer<P>>,
}

impl<P: Platform> Role<P> for Consumer<P> {
    type Msg = Token;

    #[inline]
    fn receive(&mut self, token: Token, context: &mut P::Context<'_, Self>) {
        self.found.units += 1;
        self.found.checksum = digest(self.found.checksum, token.value);
        if self.found.units == self.expected {
            context.tell(&self.producer, Produce::Done(self.found));
        } else if self.found.units.is_multiple_of(CHUNK) {
            context.tell(&self.producer, Produce::Acknowledged);
        }
    }
}
