//! The flood, told through a client that `#[hippodrome::actor]` has made, and the same program written by hand.
//!
//! ```text
//!   +--- core -------------------------------------+
//!   |  Feeder -- 256 x client.take() --> Taker     |
//!   |    ^  |                                      |
//!   |    +--+ Send                                 |
//!   +----------------------------------------------+
//! ```

use std::time::Duration;

use hippodrome::{Actor, ActorRef, Ask, Context, Handle, On, Reply};
use hippodrome_benches::{Bench, Token, digest};

use crate::flood::{CHUNK, Send, expected};
use crate::scenario::{Found, Scenario, UNITS, WARM_UP};

/// Takes a checksum, and leaves it when everything has come.
struct Taker {
    received: u64,
    digest: u64,
    found: Found,
}

/// How many have come: a type of its own, so that the code of no other scenario's answer is shared with this one's.
#[derive(Debug, PartialEq)]
pub(crate) struct Received(u64);

impl Taker {
    fn new(found: Found) -> Self {
        Self { received: 0, digest: 0, found }
    }
}

#[hippodrome::actor]
impl Taker {
    fn take(&mut self, token: Token) {
        self.received += 1;
        self.digest = digest(self.digest, token.value());
        if self.received == WARM_UP + UNITS {
            self.found.set(self.digest);
        }
    }

    fn count(&self) -> Received {
        Received(self.received)
    }
}

/// The same, by hand.
struct PlainTaker(Taker);

pub(crate) enum Take {
    Token(Token),
    Count(Reply<Received>),
}

impl Actor for PlainTaker {
    type Msg = Take;

    fn handle(&mut self, msg: Take, ctx: &mut Context<'_, Take>) {
        match msg {
            Take::Token(token) => self.0.take(token),
            Take::Count(reply) => reply.send(ctx, self.0.count()),
        }
    }
}

/// A way to tell a taker.
pub(crate) trait Way: Copy + std::marker::Send + 'static {
    fn spawn(handle: &Handle, found: Found) -> Self;
    fn take(self, ctx: &mut Context<'_, Send>, token: Token);
    fn count(self, handle: &Handle) -> Ask<Received>;
}

impl Way for TakerClient {
    fn spawn(handle: &Handle, found: Found) -> Self {
        handle.spawn(On::Worker(0), move || Taker::new(found.clone())).expect("there is room for an actor").into()
    }

    #[inline(always)]
    fn take(self, ctx: &mut Context<'_, Send>, token: Token) {
        TakerClient::take(self, ctx, token);
    }

    fn count(self, handle: &Handle) -> Ask<Received> {
        TakerClient::count(self, handle)
    }
}

impl Way for ActorRef<Take> {
    fn spawn(handle: &Handle, found: Found) -> Self {
        let taker = handle.spawn(On::Worker(0), move || PlainTaker(Taker::new(found.clone())));
        taker.expect("there is room for an actor")
    }

    #[inline(always)]
    fn take(self, ctx: &mut Context<'_, Send>, token: Token) {
        ctx.tell(self, Take::Token(token));
    }

    fn count(self, handle: &Handle) -> Ask<Received> {
        handle.ask(self, Take::Count)
    }
}

/// Sends a chunk, one after the other, and then tells itself to go on.
struct Feeder<W> {
    taker: W,
    sent: u64,
}

impl<W: Way> Actor for Feeder<W> {
    type Msg = Send;

    fn handle(&mut self, Send(left): Send, ctx: &mut Context<'_, Send>) {
        let first = self.sent;
        self.sent += left.min(CHUNK);
        for number in first..self.sent {
            self.taker.take(ctx, Token::numbered(number));
        }
        if left > CHUNK {
            ctx.tell(ctx.me(), Send(left - CHUNK));
        }
    }
}

pub(crate) struct Fed<W> {
    bench: Bench,
    handle: Handle,
    feeder: ActorRef<Send>,
    taker: W,
    found: Found,
}

/// Through the client.
pub(crate) type Client = Fed<TakerClient>;

/// By hand.
pub(crate) type ByHand = Fed<ActorRef<Take>>;

impl<W: Way> Scenario for Fed<W> {
    fn new() -> Self {
        let bench = Bench::new();
        let handle = bench.handle();
        let found = Found::default();
        let taker = W::spawn(&handle, found.clone());
        let feeder = handle.spawn(On::Worker(0), move || Feeder { taker, sent: 0 });
        let feeder = feeder.expect("there is room for an actor");
        Self { bench, handle, feeder, taker, found }
    }

    fn run(&mut self, units: u64) {
        self.handle.tell(self.feeder, Send(units));
        self.bench.run();
    }

    fn check(mut self) {
        assert_eq!(self.found.get(), expected());
        let count = self.taker.count(&self.handle);
        self.bench.run();
        assert_eq!(count.wait(Duration::from_secs(1)), Ok(Received(WARM_UP + UNITS)));
    }
}
