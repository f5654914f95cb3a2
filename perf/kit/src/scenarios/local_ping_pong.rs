//! Two actors on one thread pass one message to and fro.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |           ---- Token --->                 |
//!   |  Player 0                  Player 1       |
//!   |           <--- Token ----                 |
//!   +-------------------------------------------+
//! ```
//!
//! There is never more than one message, so that nothing can be done in batches. It carries a value that every pass
//! changes, and the player that gets it for the last time ends the run.

use std::sync::{Arc, OnceLock};

use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{ACTOR_PEERS, Case, Gate, Scenario};
use crate::token::Token;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "local_ping_pong",
    about: "two actors on one thread pass one message to and fro",
    unit: "message",
    cores: 1,
    cases: &[Case { payload_bytes: 32, actors: 2, messages: 5_000_000 }],
    expected: |case| Found { units: case.messages, checksum: expected(case.messages) },
    gates: &[Gate::TimesAsFast { via: None, than: ACTOR_PEERS, times: 15.0 }],
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let messages = case.messages;
    let main = move |finish| Umpire::<P> { finish, players: Arc::default(), first: None, messages };
    P::run(Run { main: Box::new(main), set_up: Some(Umpired::SetUp), go: Umpired::Serve }, cores)
}

/// The message that is served to player 0.
fn served(messages: u64) -> Token {
    Token { hops_left: messages - 1, ..Token::default() }
}

/// What the message's value must be when it has come so often.
fn expected(messages: u64) -> u64 {
    (1..messages).fold(served(messages), |token, pass| token.passed_by((pass - 1) % 2)).value
}

/// Who brings the players together, and serves.
struct Umpire<P: Platform> {
    finish: Arc<Finish>,
    players: Players<P>,
    first: Option<P::Ref<Player<P>>>,
    messages: u64,
}

enum Umpired {
    SetUp,
    Serve,
}

type Players<P> = Arc<OnceLock<[<P as Platform>::Ref<Player<P>>; 2]>>;

impl<P: Platform> Role<P> for Umpire<P> {
    type Msg = Umpired;

    fn receive(&mut self, message: Umpired, context: &mut P::Context<'_, Self>) {
        match (message, &self.first) {
            (Umpired::Serve, Some(first)) => context.tell(first, served(self.messages)),
            _ => {
                let player = |number| Player {
                    number,
                    opponent: None,
                    players: self.players.clone(),
                    finish: self.finish.clone(),
                };
                let both = [0, 1].map(|number| context.spawn(Place::Here, player(number)));
                self.first = Some(both[0].clone());
                self.players.get_or_init(|| both);
            }
        }
    }
}

struct Player<P: Platform> {
    number: u64,
    opponent: Option<P::Ref<Player<P>>>,
    players: Players<P>,
    finish: Arc<Finish>,
}

impl<P: Platform> Role<P> for Player<P> {
    type Msg = Token;

    #[inline]
    fn receive(&mut self, token: Token, context: &mut P::Context<'_, Self>) {
        if token.hops_left == 0 {
            self.finish.set(token.sequence + 1, token.value);
            return;
        }
        let opponent = self.opponent.get_or_insert_with(|| self.players.wait()[1 - self.number as usize].clone());
        context.tell(opponent, token.passed_by(self.number));
    }
}
