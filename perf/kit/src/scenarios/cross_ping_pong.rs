//! One message goes to another core and back.
//!
//! ```text
//!   actors      Server on core 0 <==== one Token ====> Returner on core 1
//!
//!   rings       thread on core 0 <== two rings, one Token ==> thread on core 1
//!
//!   two-words   thread on core 0 --- a word on its line ---> thread on core 1
//!                                <-- a word on another -----
//! ```
//!
//! The raw round trip bounces one word on one line: whoever has just read it owns it, or nearly. Any pair of one-way
//! channels needs two lines, each always written by the same core and polled by the other. `two-words` is that and
//! nothing else: the least that channels of any kind can take.
//!
//! The latencies are means of 32 round trips that are timed together, as the raw ones are: reading the clock costs as
//! much as a round trip does. The first quarter is not recorded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_utils::CachePadded;
use hdrhistogram::Histogram;

use super::threads::produce_and_consume;
use super::timings::Timings;
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Gate, Scenario, Subject};
use crate::token::Token;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "cross_ping_pong",
    about: "one message goes to another core and back",
    unit: "round trip",
    cores: 2,
    cases: &[Case { payload_bytes: 32, actors: 2, messages: 50_000 }],
    expected: |case| Found { units: case.messages, checksum: expected(case.messages) },
    gates: &[Gate::RawRoundTrips { via: None, at_most: 1.6 }],
};

/// The least that one-way channels can take.
pub const TWO_WORDS: Subject = Subject::new("cross_ping_pong", "two-words", two_words);

/// What is sent for this round trip, with the value that came back before.
#[inline(always)]
fn served(round_trip: u64, value: u64) -> Token {
    Token { sequence: round_trip, value, hops_left: 1, origin: 0 }
}

/// What is sent back.
#[inline(always)]
#[must_use]
pub fn returned(token: Token) -> Token {
    token.passed_by(token.sequence)
}

/// What the value must be after so many round trips.
fn expected(round_trips: u64) -> u64 {
    (0..round_trips).fold(0, |value, trip| returned(served(trip, value)).value)
}

/// Runs it once between actors.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let recorded = Arc::new(OnceLock::new());
    let (timings, latency_ns) = (Timings::new(case.messages), recorded.clone());
    let main = move |finish| {
        let server = Server { returner: Arc::default(), timings, latency_ns, finish };
        Umpire::<P> { server: Some(server), address: None }
    };
    let sample = P::run(Run { main: Box::new(main), set_up: Some(Umpired::SetUp), go: Umpired::Start }, cores)?;
    // Kept by the server too, where the platform has not dropped its actors yet.
    Ok(Sample { latency_ns: recorded.get().cloned(), ..sample })
}

/// Who brings the two together, and starts them.
struct Umpire<P: Platform> {
    server: Option<Server<P>>,
    address: Option<P::Ref<Server<P>>>,
}

/// What an umpire is told.
enum Umpired {
    SetUp,
    Start,
}

impl<P: Platform> Role<P> for Umpire<P> {
    type Msg = Umpired;

    fn receive(&mut self, _: Umpired, context: &mut P::Context<'_, Self>) {
        if let Some(server) = self.server.take() {
            let known = server.returner.clone();
            let address = context.spawn(Place::Core(0), server);
            let returner = context.spawn(Place::Core(1), Returner(address.clone()));
            known.get_or_init(|| returner);
            self.address = Some(address);
        } else if let Some(server) = &self.address {
            context.tell(server, served(0, 0));
        }
    }
}

/// Serves, times, and serves again.
struct Server<P: Platform> {
    returner: Arc<OnceLock<P::Ref<Returner<P>>>>,
    timings: Timings,
    latency_ns: Arc<OnceLock<Histogram<u64>>>,
    finish: Arc<Finish>,
}

impl<P: Platform> Role<P> for Server<P> {
    type Msg = Token;

    /// The first message has not been returned by anybody: it only starts the game.
    #[inline]
    fn receive(&mut self, token: Token, context: &mut P::Context<'_, Self>) {
        if token.hops_left > 0 {
            self.timings.start();
        } else if self.timings.count() {
            self.timings.latency_ns.take().map(|latency_ns| self.latency_ns.set(latency_ns));
            self.finish.set(self.timings.round_trips, token.value);
            return;
        }
        if let Some(returner) = self.returner.get() {
            context.tell(returner, served(self.timings.round_trips, token.value));
        }
    }
}

/// Sends back what it gets.
struct Returner<P: Platform>(P::Ref<Server<P>>);

impl<P: Platform> Role<P> for Returner<P> {
    type Msg = Token;

    #[inline]
    fn receive(&mut self, token: Token, context: &mut P::Context<'_, Self>) {
        context.tell(&self.0, returned(token));
    }
}

/// Runs it once between two threads: `round_trip` sends a message and takes what comes back, `send_back` does its part
/// for so many messages.
///
/// # Errors
/// The threads cannot be pinned.
pub fn between_threads(
    case: &Case,
    cores: &Cores,
    mut round_trip: impl FnMut(Token) -> Token + Send,
    send_back: impl FnOnce(u64) + Send,
) -> Result<Sample, Failure> {
    let (finish, mut timings) = (Finish::default(), Timings::new(case.messages));
    let serve = || {
        let mut value = 0;
        timings.start();
        loop {
            value = round_trip(served(timings.round_trips, value)).value;
            if timings.count() {
                return finish.set(timings.round_trips, value);
            }
        }
    };
    let sample = produce_and_consume(cores, &finish, vec![serve], || send_back(case.messages))?;
    Ok(Sample { latency_ns: timings.latency_ns, ..sample })
}

/// Only numbers go to and fro, so the value is passed on by the sender.
fn two_words(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (there, back) = (CachePadded::new(AtomicU64::new(0)), CachePadded::new(AtomicU64::new(0)));
    let round_trip = |token: Token| {
        there.store(token.sequence + 1, Ordering::Release);
        while back.load(Ordering::Acquire) != token.sequence + 1 {}
        returned(token)
    };
    let send_back = |round_trips| {
        for number in 1..=round_trips {
            while there.load(Ordering::Acquire) != number {}
            back.store(number, Ordering::Release);
        }
    };
    between_threads(case, cores, round_trip, send_back)
}
