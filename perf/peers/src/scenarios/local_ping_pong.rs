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
use std::time::{Duration, Instant};

use hippodrome::{ActorRef, On};

use crate::cores::{Cores, on_core};
use crate::finish::Finish;
use crate::sample::{Failure, Sample};
use crate::scenario::{Gate, Scenario, Subject};
use crate::token::Token;

pub(crate) static SCENARIO: Scenario = Scenario {
    name: "local_ping_pong",
    unit: "message",
    count: 5_000_000,
    needs_two_cores: false,
    subjects: &[Subject { name: "hippodrome", run: hippodrome }, Subject { name: "actix", run: actix }],
    peer: Some("actix"),
    gates: &[Gate::RatioAtLeast("hippodrome", 12.0)],
};

/// The message that is served to player 0.
fn served(messages: u64) -> Token {
    Token { hops_left: messages - 1, ..Token::default() }
}

/// What the message's value must be when it has come so often.
fn expected(messages: u64) -> u64 {
    (1..messages).fold(served(messages), |token, pass| token.passed_by((pass - 1) % 2)).value
}

struct Player<Address> {
    number: u64,
    opponent: Address,
    finish: Arc<Finish>,
}

impl<Address> Player<Address> {
    /// The message to send back, or `None` after the last one.
    #[inline(always)]
    fn play(&self, token: Token) -> Option<Token> {
        if token.hops_left == 0 {
            self.finish.set(token.sequence + 1, token.value);
            return None;
        }
        Some(token.passed_by(self.number))
    }
}

impl hippodrome::Actor for Player<ActorRef<Token>> {
    type Msg = Token;

    fn handle(&mut self, token: Token, ctx: &mut hippodrome::Context<'_, Token>) {
        if let Some(answer) = self.play(token) {
            ctx.tell(self.opponent, answer);
        }
    }
}

fn hippodrome(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    let checksum = expected(messages);
    on_core(cores.first, || {
        let mut host = super::on_one_thread().host()?;
        let handle = host.handle();
        let finish = Arc::new(Finish::default());
        let players = Arc::new(OnceLock::new());
        let spawn = |number| {
            let (finish, players) = (finish.clone(), players.clone());
            // It runs when the host is polled; then both addresses are known.
            handle.spawn(On::Worker(0), move || {
                let both: &[_; 2] = players.wait();
                Player { number, opponent: both[1 - number as usize], finish: finish.clone() }
            })
        };
        let both = [spawn(0)?, spawn(1)?];
        players.get_or_init(|| both);
        host.poll(u64::MAX);

        let started = Instant::now();
        handle.tell(both[0], served(messages));
        super::run(&mut host);
        let ns = finish.get()?.ns_per_message(started, messages, checksum)?;
        host.shutdown(Duration::from_secs(10))?;
        Ok(Sample::local(ns))
    })
}

/// An Actix player: a type of its own, because its opponent's address names the opponent's type.
struct Opponent(Player<actix::Addr<Opponent>>);

impl actix::Actor for Opponent {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Token> for Opponent {
    type Result = ();

    fn handle(&mut self, token: Token, _: &mut Self::Context) {
        match self.0.play(token) {
            Some(answer) => self.0.opponent.do_send(answer),
            None => actix::System::current().stop(),
        }
    }
}

fn actix(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    use actix::AsyncContext as _;
    let checksum = expected(messages);
    on_core(cores.first, || {
        let system = actix::System::new();
        let finish = Arc::new(Finish::default());
        let first = system.block_on(async {
            let contexts = [actix::Context::<Opponent>::new(), actix::Context::new()];
            let both = contexts.each_ref().map(|context| context.address());
            for (number, context) in contexts.into_iter().enumerate() {
                let opponent = both[1 - number].clone();
                context.run(Opponent(Player { number: number as u64, opponent, finish: finish.clone() }));
            }
            both[0].clone()
        });

        let started = Instant::now();
        first.do_send(served(messages));
        system.run()?;
        Ok(Sample::local(finish.get()?.ns_per_message(started, messages, checksum)?))
    })
}
