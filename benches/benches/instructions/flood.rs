//! One actor floods another on one core: a local tell, and its handling.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |  Flooder -- 256 x Token --> Sink          |
//!   |    ^  |                                   |
//!   |    +--+ Send                              |
//!   +-------------------------------------------+
//! ```

use std::marker::PhantomData;

use hippodrome::{Actor, ActorRef, Context, Handle, On};
use hippodrome_benches::{Bench, Token, digest};

use crate::scenario::{Found, Scenario, UNITS, WARM_UP};

/// Messages that are sent before the sink has its turn.
pub(crate) const CHUNK: u64 = 256;

/// Sends so many messages.
pub(crate) struct Send(pub(crate) u64);

/// Sends a chunk, and then tells itself to go on.
struct Flooder {
    sink: ActorRef<Token>,
    sent: u64,
}

impl Actor for Flooder {
    type Msg = Send;

    fn handle(&mut self, Send(left): Send, ctx: &mut Context<'_, Send>) {
        let first = self.sent;
        self.sent += left.min(CHUNK);
        ctx.tell_batch(self.sink, (first..self.sent).map(Token::numbered));
        if left > CHUNK {
            ctx.tell(ctx.me(), Send(left - CHUNK));
        }
    }
}

pub(crate) fn spawn_flooder(handle: &Handle, on: On, sink: ActorRef<Token>) -> ActorRef<Send> {
    handle.spawn(on, move || Flooder { sink, sent: 0 }).expect("there is room for an actor")
}

/// Takes a checksum, and leaves it when everything has come.
pub(crate) struct Sink {
    received: u64,
    digest: u64,
    found: Found,
}

impl Actor for Sink {
    type Msg = Token;

    fn handle(&mut self, token: Token, _: &mut Context<'_, Token>) {
        self.received += 1;
        self.digest = digest(self.digest, token.value());
        if self.received == WARM_UP + UNITS {
            self.found.set(self.digest);
        }
    }
}

impl Sink {
    pub(crate) fn new(found: Found) -> Self {
        Self { received: 0, digest: 0, found }
    }
}

pub(crate) fn spawn_sink(handle: &Handle, on: On, found: Found) -> ActorRef<Token> {
    let sink = handle.spawn(on, move || Sink::new(found.clone()));
    sink.expect("there is room for an actor")
}

/// What is flooded.
pub(crate) trait Target {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token>;
}

/// The sink and nothing else.
pub(crate) struct Plain;

impl Target for Plain {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        spawn_sink(handle, On::Worker(0), found)
    }
}

/// What a sink must find.
pub(crate) fn expected() -> u64 {
    (0..WARM_UP + UNITS).fold(0, |so_far, number| digest(so_far, Token::numbered(number).value()))
}

pub(crate) struct Flood<T = Plain> {
    bench: Bench,
    handle: Handle,
    flooder: ActorRef<Send>,
    found: Found,
    target: PhantomData<T>,
}

impl<T: Target> Scenario for Flood<T> {
    fn new() -> Self {
        let bench = Bench::new();
        let handle = bench.handle();
        let found = Found::default();
        let sink = T::spawn(&handle, found.clone());
        let flooder = spawn_flooder(&handle, On::Worker(0), sink);
        Self { bench, handle, flooder, found, target: PhantomData }
    }

    fn run(&mut self, units: u64) {
        self.handle.tell(self.flooder, Send(units));
        self.bench.run();
    }

    fn check(self) {
        assert_eq!(self.found.get(), expected());
    }
}
