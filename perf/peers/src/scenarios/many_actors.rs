//! 100,000 actors on one thread pass 10,000 tokens on.
//!
//! ```text
//!   +--- core ------------------------------------------------+
//!   |  Runner 0   Runner 1   Runner 2  ...  Runner 99,999     |
//!   |     |                                                   |
//!   |     +-- Token --> Runner 7,919 -- Token --> 15,838 ...  |
//!   +---------------------------------------------------------+
//! ```
//!
//! Every tenth actor starts with a token. Whoever gets one counts it, changes its value and passes it on to the actor
//! 7919 places farther round. The stride is prime, so that each token visits them all and no two neighbours follow one
//! another: what is measured is the cost of an actor that is not in the cache.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hippodrome::{ActorRef, On};

use crate::cores::{Cores, on_core};
use crate::finish::{Finish, Finished};
use crate::sample::{Failure, Sample, WrongResult};
use crate::scenario::{Gate, Scenario, Subject};
use crate::token::Token;

pub(crate) static SCENARIO: Scenario = Scenario {
    name: "many_actors",
    unit: "message",
    count: 5_000_000,
    needs_two_cores: false,
    subjects: &[Subject { name: "hippodrome", run: hippodrome }, Subject { name: "actix", run: actix }],
    peer: Some("actix"),
    gates: &[Gate::RatioAtLeast("hippodrome", 8.0)],
};

const ACTORS: u64 = 100_000;
const STRIDE: u64 = 7919;
/// Every so many actors start with a token.
const TOKEN_SPACING: u64 = 10;
const TOKENS: u64 = ACTORS / TOKEN_SPACING;

/// How often each token comes to an actor, and how many messages that makes in all.
fn visits(messages: u64) -> (u64, u64) {
    let visits = messages.div_ceil(TOKENS);
    (visits, visits * TOKENS)
}

/// The tokens, each with the number of the actor that starts with it.
fn tokens(visits: u64) -> impl Iterator<Item = (u64, Token)> {
    (0..ACTORS)
        .step_by(TOKEN_SPACING as usize)
        .map(move |actor| (actor, Token { sequence: actor, value: actor, hops_left: visits - 1, origin: actor }))
}

fn next_of(actor: u64) -> u64 {
    (actor + STRIDE) % ACTORS
}

/// The sum of the values that the tokens must have in the end.
fn expected(visits: u64) -> u64 {
    let ends = tokens(visits).map(|(start, token)| {
        let pass = |(actor, token): (u64, Token), _| (next_of(actor), token.passed_by(actor));
        (1..visits).fold((start, token), pass).1.value
    });
    ends.fold(0, u64::wrapping_add)
}

/// What all runners have done together. It is touched when a token ends and when a runner goes, never in between.
#[derive(Debug, Default)]
struct Tally {
    tokens_ended: AtomicU64,
    values: AtomicU64,
    counted: AtomicU64,
    finish: Finish,
}

impl Tally {
    /// Returns whether it was the last token.
    #[cold]
    fn end(&self, token: Token, messages: u64) -> bool {
        let values = self.values.fetch_add(token.value, Ordering::Relaxed).wrapping_add(token.value);
        let is_last = self.tokens_ended.fetch_add(1, Ordering::Relaxed) + 1 == TOKENS;
        if is_last {
            self.finish.set(messages, values);
        }
        is_last
    }

    /// What was found, after all runners have gone and so have said how many messages they counted.
    fn finished(&self, messages: u64) -> Result<Finished, WrongResult> {
        let counted = self.counted.load(Ordering::Relaxed);
        if counted != messages {
            return Err(WrongResult::Count { expected: messages, found: counted });
        }
        self.finish.get()
    }
}

struct Runner<Address> {
    number: u64,
    next: Address,
    counted: u64,
    messages: u64,
    tally: Arc<Tally>,
}

impl<Address> Runner<Address> {
    fn new(number: u64, next: Address, messages: u64, tally: Arc<Tally>) -> Self {
        Self { number, next, counted: 0, messages, tally }
    }

    #[inline(always)]
    fn take(&mut self, token: Token) -> Option<Token> {
        self.counted += 1;
        (token.hops_left > 0).then(|| token.passed_by(self.number))
    }
}

impl<Address> Drop for Runner<Address> {
    fn drop(&mut self) {
        self.tally.counted.fetch_add(self.counted, Ordering::Relaxed);
    }
}

impl hippodrome::Actor for Runner<ActorRef<Token>> {
    type Msg = Token;

    fn handle(&mut self, token: Token, ctx: &mut hippodrome::Context<'_, Token>) {
        match self.take(token) {
            Some(token) => ctx.tell(self.next, token),
            None => drop(self.tally.end(token, self.messages)),
        }
    }
}

type Addresses = Arc<OnceLock<Vec<ActorRef<Token>>>>;

/// Hands out the tokens.
struct Starter(Addresses);

/// Each token is to visit so many actors.
struct Start(u64);

impl hippodrome::Actor for Starter {
    type Msg = Start;

    fn handle(&mut self, Start(visits): Start, ctx: &mut hippodrome::Context<'_, Start>) {
        let all = self.0.wait();
        for (actor, token) in tokens(visits) {
            ctx.tell(all[actor as usize], token);
        }
    }
}

fn hippodrome(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    let (visits, messages) = visits(messages);
    let checksum = expected(visits);
    on_core(cores.first, || {
        let mut host = super::on_one_thread().configure(super::without_stall_reports).host()?;
        let handle = host.handle();
        let tally = Arc::new(Tally::default());
        let all = Addresses::default();
        let mut addresses = Vec::with_capacity(ACTORS as usize);
        for number in 0..ACTORS {
            let (tally, all) = (tally.clone(), all.clone());
            // It runs when the host is polled; then all addresses are known.
            addresses.push(handle.spawn(On::Worker(0), move || {
                Runner::new(number, all.wait()[next_of(number) as usize], messages, tally.clone())
            })?);
        }
        all.get_or_init(|| addresses);
        let starter = handle.spawn(On::Worker(0), move || Starter(all.clone()))?;
        host.poll(u64::MAX);

        let started = Instant::now();
        handle.tell(starter, Start(visits));
        super::run(&mut host);
        host.shutdown(Duration::from_secs(60))?;
        Ok(Sample::local(tally.finished(messages)?.ns_per_message(started, messages, checksum)?))
    })
}

/// An Actix runner: a type of its own, because the next one's address names that one's type.
struct ActixRunner(Runner<actix::Addr<ActixRunner>>);

impl actix::Actor for ActixRunner {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Token> for ActixRunner {
    type Result = ();

    fn handle(&mut self, token: Token, _: &mut Self::Context) {
        match self.0.take(token) {
            Some(token) => self.0.next.do_send(token),
            None if self.0.tally.end(token, self.0.messages) => actix::System::current().stop(),
            None => {}
        }
    }
}

fn actix(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    use actix::AsyncContext as _;
    let (visits, messages) = visits(messages);
    let checksum = expected(visits);
    on_core(cores.first, || {
        let system = actix::System::new();
        let tally = Arc::new(Tally::default());
        let all = system.block_on(async {
            let contexts: Vec<_> = (0..ACTORS).map(|_| actix::Context::<ActixRunner>::new()).collect();
            let all: Vec<_> = contexts.iter().map(|context| context.address()).collect();
            for (number, context) in (0..).zip(contexts) {
                let next = all[next_of(number) as usize].clone();
                context.run(ActixRunner(Runner::new(number, next, messages, tally.clone())));
            }
            all
        });
        // All have started when this one, which was started last, has: what that takes is no part of the figure.
        system.block_on(async { all[ACTORS as usize - 1].send(Ready).await })?;

        let started = Instant::now();
        for (actor, token) in tokens(visits) {
            all[actor as usize].do_send(token);
        }
        system.run()?;
        drop(all);
        Ok(Sample::local(tally.finished(messages)?.ns_per_message(started, messages, checksum)?))
    })
}

/// Answered by an Actix runner that has started.
struct Ready;

impl actix::Message for Ready {
    type Result = ();
}

impl actix::Handler<Ready> for ActixRunner {
    type Result = ();

    fn handle(&mut self, _: Ready, _: &mut Self::Context) {}
}
