//! One actor floods another on one thread.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |           -- 256 x Token -->              |
//!   |  Flooder                      Sink        |
//!   |           <------- Go -------             |
//!   +-------------------------------------------+
//! ```
//!
//! The flooder sends the next chunk when the sink has taken one, so that what is queued stays small: on some engines a
//! message to oneself, or to an actor that is not yet due, would overtake the chunk. The sink takes a checksum over the
//! values in the order they come.

use std::sync::Arc;

use crate::cores::Cores;
use crate::finish::Finish;
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{ACTOR_PEERS, Case, Gate, Scenario};
use crate::token::{Sink, Token, found_in_flood};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "local_flood",
    about: "one actor floods another on one thread",
    unit: "message",
    cores: 1,
    cases: &[Case { payload_bytes: 32, actors: 2, messages: 5_000_000 }],
    expected: |case| found_in_flood(case.messages),
    gates: &[Gate::TimesAsFast { via: None, than: ACTOR_PEERS, times: 15.0 }],
};

/// Messages that the flooder sends before the sink has its turn.
const CHUNK: u64 = 256;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let messages = case.messages;
    let main = move |finish| Flooder::<P> { receiver: None, finish, sent: 0, total: messages };
    P::run(Run { main: Box::new(main), set_up: Some(Flood::SetUp), go: Flood::Go }, cores)
}

/// What a flooder is told.
enum Flood {
    SetUp,
    /// Send the next chunk.
    Go,
}

struct Flooder<P: Platform> {
    receiver: Option<P::Ref<Receiver<P>>>,
    finish: Arc<Finish>,
    sent: u64,
    total: u64,
}

impl<P: Platform> Role<P> for Flooder<P> {
    type Msg = Flood;

    #[inline]
    fn receive(&mut self, message: Flood, context: &mut P::Context<'_, Self>) {
        match (message, &self.receiver) {
            (Flood::Go, Some(receiver)) => {
                let first = self.sent;
                self.sent = (first + CHUNK).min(self.total);
                context.tell_all(receiver, (first..self.sent).map(Token::numbered));
            }
            _ => {
                let sink = Sink::new(self.total, self.finish.clone());
                self.receiver = Some(context.spawn(Place::Here, Receiver { sink, flooder: context.me() }));
            }
        }
    }
}

/// A sink that asks for the next chunk.
struct Receiver<P: Platform> {
    sink: Sink,
    flooder: P::Ref<Flooder<P>>,
}

impl<P: Platform> Role<P> for Receiver<P> {
    type Msg = Token;

    #[inline]
    fn receive(&mut self, token: Token, context: &mut P::Context<'_, Self>) {
        self.sink.take(token.value);
        if self.sink.received().is_multiple_of(CHUNK) {
            context.tell(&self.flooder, Flood::Go);
        }
    }
}
