//! Savina's Count: a producer tells a counter a million times to count, then asks for the result.
//!
//! ```text
//!             -- increment, increment, ..., retrieve -->
//!   Producer                                              Counter
//!             <--------------- result -----------------
//! ```
//!
//! The published producer sends everything in one go. This one sends a chunk and then tells itself to go on, so that
//! what is queued stays small; and each increment carries its number, of which the counter takes a checksum. `messages`
//! are the increments.

use std::sync::Arc;

use super::{CHUNK, GATES};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::digest;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_count",
    about: "Savina Count: a producer tells a counter to count, then asks for the result",
    unit: "message",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 2, messages: 1_000_000 }],
    expected: |case| Found { units: case.messages, checksum: (0..case.messages).fold(0, digest) },
    gates: GATES,
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let total = case.messages;
    let main = move |finish| Producer::<P> { counter: None, finish, sent: 0, total };
    P::run(Run { main: Box::new(main), set_up: Some(Produce::SetUp), go: Produce::Go }, cores)
}

enum Produce {
    SetUp,
    /// Send the next chunk.
    Go,
    Result(Found),
}

struct Producer<P: Platform> {
    counter: Option<P::Ref<Counter<P>>>,
    finish: Arc<Finish>,
    sent: u64,
    total: u64,
}

impl<P: Platform> Producer<P> {
    fn send_chunk(&mut self, context: &mut P::Context<'_, Self>) {
        let Some(counter) = &self.counter else { return };
        let first = self.sent;
        self.sent = (first + CHUNK).min(self.total);
        context.tell_all(counter, (first..self.sent).map(Count::Increment));
        if self.sent < self.total {
            context.tell(&context.me(), Produce::Go);
        } else {
            context.tell(counter, Count::Retrieve);
        }
    }
}

impl<P: Platform> Role<P> for Producer<P> {
    type Msg = Produce;

    #[inline]
    fn receive(&mut self, message: Produce, context: &mut P::Context<'_, Self>) {
        match message {
            Produce::SetUp => {
                let producer = context.me();
                self.counter = Some(context.spawn(Place::Here, Counter { producer, found: Found::default() }));
            }
            Produce::Go => self.send_chunk(context),
            Produce::Result(found) => self.finish.set(found.units, found.checksum),
        }
    }
}

enum Count {
    Increment(u64),
    Retrieve,
}

struct Counter<P: Platform> {
    producer: P::Ref<Producer<P>>,
    found: Found,
}

impl<P: Platform> Role<P> for Counter<P> {
    type Msg = Count;

    #[inline]
    fn receive(&mut self, message: Count, context: &mut P::Context<'_, Self>) {
        match message {
            Count::Increment(number) => {
                self.found.units += 1;
                self.found.checksum = digest(self.found.checksum, number);
            }
            Count::Retrieve => context.tell(&self.producer, Produce::Result(self.found)),
        }
    }
}
