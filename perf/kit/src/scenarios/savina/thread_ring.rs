//! Savina's ThreadRing: a token goes round 100 actors, 100,000 times from one to the next.
//!
//! ```text
//!   Node 0 -- token --> Node 1 -- token --> ... --> Node 99
//!     ^                                                |
//!     +--------------------- token --------------------+
//! ```
//!
//! Each node changes the token by its number, and the one that gets it for the last time ends the run. `messages` are
//! the passes.

use std::sync::Arc;

use super::GATES;
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::Token;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_thread_ring",
    about: "Savina ThreadRing: a token goes round a ring of 100 actors",
    unit: "message",
    cores: 1,
    cases: &[Case { payload_bytes: 32, actors: 100, messages: 100_000 }],
    expected: |case| Found {
        units: case.messages,
        checksum: (0..case.messages).fold(served(case), |token, pass| token.passed_by(pass % case.actors)).value,
    },
    gates: GATES,
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let main = |finish| Node::<P> { number: 0, next: None, finish };
    let set_up = Some(Ring::SetUp { actors: case.actors });
    P::run(Run { main: Box::new(main), set_up, go: Ring::Token(served(case)) }, cores)
}

/// What the first node gets. It has not been passed yet.
fn served(case: &Case) -> Token {
    Token { hops_left: case.messages, ..Token::default() }
}

enum Ring {
    /// To the first node: make the others.
    SetUp {
        actors: u64,
    },
    Token(Token),
}

struct Node<P: Platform> {
    number: u64,
    next: Option<P::Ref<Self>>,
    finish: Arc<Finish>,
}

impl<P: Platform> Role<P> for Node<P> {
    type Msg = Ring;

    #[inline]
    fn receive(&mut self, message: Ring, context: &mut P::Context<'_, Self>) {
        match message {
            Ring::SetUp { actors } => {
                let mut next = context.me();
                for number in (1..actors).rev() {
                    let node = Node { number, next: Some(next), finish: self.finish.clone() };
                    next = context.spawn(Place::Here, node);
                }
                self.next = Some(next);
            }
            Ring::Token(token) if token.hops_left == 0 => self.finish.set(token.sequence, token.value),
            Ring::Token(token) => {
                if let Some(next) = &self.next {
                    context.tell(next, Ring::Token(token.passed_by(self.number)));
                }
            }
        }
    }
}
