//! A hundred actors on one thread pass one message round and round.
//!
//! ```text
//!   +--- core ------------------------------------------------------+
//!   |  Member 0 -- Token --> Member 1 -- Token --> ... Member 99    |
//!   |     ^                                                |        |
//!   |     +------------------- Token ----------------------+        |
//!   +---------------------------------------------------------------+
//! ```
//!
//! There is never more than one message, and whoever gets it has not run for the last 99: all of them stay in the
//! nearest cache, and nothing else is to be gained. Every pass changes the message's value; the member that gets it for
//! the last time ends the run.

use std::sync::{Arc, OnceLock};

use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::Token;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "thread_ring",
    about: "a hundred actors on one thread pass one message round",
    unit: "message",
    cores: 1,
    cases: &[Case { payload_bytes: 32, actors: 100, messages: 1_000_000 }],
    expected: found,
    gates: &[],
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Founder::<P> { actors, messages, ring: Arc::default(), finish };
    P::run(Run { main: Box::new(main), set_up: Some(Order::SetUp), go: Order::Go }, cores)
}

/// The message as member 0 gets it first.
fn first(messages: u64) -> Token {
    Token { hops_left: messages - 1, ..Token::default() }
}

/// What must be found: how often it was passed, and its value in the end.
pub(super) fn found(case: &Case) -> Found {
    let Case { actors, messages, .. } = *case;
    let last = (1..messages).fold(first(messages), |token, pass| token.passed_by((pass - 1) % actors));
    Found { units: messages, checksum: last.value }
}

/// All members, known when the last of them is spawned.
type Ring<P> = Arc<OnceLock<Vec<<P as Platform>::Ref<Member<P>>>>>;

/// Who brings the members together, and starts the game.
struct Founder<P: Platform> {
    actors: u64,
    messages: u64,
    ring: Ring<P>,
    finish: Arc<Finish>,
}

enum Order {
    SetUp,
    Go,
}

impl<P: Platform> Role<P> for Founder<P> {
    type Msg = Order;

    fn receive(&mut self, message: Order, context: &mut P::Context<'_, Self>) {
        match message {
            Order::SetUp => {
                let member =
                    |number| Member { number, next: None, ring: self.ring.clone(), finish: self.finish.clone() };
                let members = (0..self.actors).map(|number| context.spawn(Place::Here, member(number))).collect();
                self.ring.get_or_init(|| members);
            }
            Order::Go => context.tell(&self.ring.wait()[0], first(self.messages)),
        }
    }
}

struct Member<P: Platform> {
    number: u64,
    next: Option<P::Ref<Member<P>>>,
    ring: Ring<P>,
    finish: Arc<Finish>,
}

impl<P: Platform> Role<P> for Member<P> {
    type Msg = Token;

    #[inline]
    fn receive(&mut self, token: Token, context: &mut P::Context<'_, Self>) {
        if token.hops_left == 0 {
            self.finish.set(token.sequence + 1, token.value);
            return;
        }
        let next = self.next.get_or_insert_with(|| {
            let ring = self.ring.wait();
            ring[(self.number as usize + 1) % ring.len()].clone()
        });
        context.tell(next, token.passed_by(self.number));
    }
}
