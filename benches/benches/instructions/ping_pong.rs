//! Two actors on one core pass one message to and fro, so that nothing can be done in batches.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |           ---- Token --->                 |
//!   |  Player 0                  Player 1       |
//!   |           <--- Token ----                 |
//!   +-------------------------------------------+
//! ```

use std::sync::{Arc, OnceLock};

use hippodrome::{Actor, ActorRef, Context, Handle, On};
use hippodrome_benches::{Bench, Token};

use crate::scenario::{Found, Scenario, UNITS};

struct Player {
    number: u64,
    opponent: ActorRef<Token>,
    found: Found,
}

impl Actor for Player {
    type Msg = Token;

    fn handle(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        if token.hops_left == 0 {
            self.found.set(token.value());
        } else {
            ctx.tell(self.opponent, token.passed_by(self.number));
        }
    }
}

/// The message that player 0 is served, to come so often.
fn served(messages: u64) -> Token {
    Token { hops_left: messages - 1, ..Token::numbered(0) }
}

pub(crate) struct PingPong {
    bench: Bench,
    handle: Handle,
    first: ActorRef<Token>,
    found: Found,
}

impl Scenario for PingPong {
    fn new() -> Self {
        let bench = Bench::new();
        let handle = bench.handle();
        let found = Found::default();
        let players: Arc<OnceLock<[_; 2]>> = Arc::default();
        let spawn = |number: usize| {
            let (players, found) = (players.clone(), found.clone());
            // It is made when the worker is polled; then both addresses are known.
            let player = handle.spawn(On::Worker(0), move || {
                let opponent = players.wait()[1 - number];
                Player { number: number as u64, opponent, found: found.clone() }
            });
            player.expect("there is room for an actor")
        };
        let [first, _] = *players.get_or_init(|| [spawn(0), spawn(1)]);
        Self { bench, handle, first, found }
    }

    fn run(&mut self, units: u64) {
        self.handle.tell(self.first, served(units));
        self.bench.run();
    }

    fn check(self) {
        let last = (1..UNITS).fold(served(UNITS), |token, pass| token.passed_by((pass - 1) % 2));
        assert_eq!(self.found.get(), last.value());
    }
}
