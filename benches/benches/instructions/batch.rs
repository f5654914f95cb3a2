//! One actor floods another on one core, which takes what is at hand in batches.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |  Flooder -- 256 x Token --> Gatherer      |
//!   |    ^  |                     one batch     |
//!   |    +--+ Send                              |
//!   +-------------------------------------------+
//! ```

use hippodrome::{Actor, ActorRef, Batch, Context, Handle, On};
use hippodrome_benches::{Bench, Token, digest};

use crate::flood::{Send, expected, spawn_flooder};
use crate::scenario::{Found, Scenario, UNITS, WARM_UP};

/// Takes a checksum over each batch, and leaves it when everything has come.
struct Gatherer {
    received: u64,
    digest: u64,
    found: Found,
}

impl Actor for Gatherer {
    type Msg = Token;

    fn handle(&mut self, token: Token, _: &mut Context<'_, Token>) {
        self.received += 1;
        self.digest = digest(self.digest, token.value());
    }

    fn handle_batch(&mut self, first: Token, rest: Batch<'_, Token>) {
        rest.for_each_behind(first, |token, ctx| self.handle(token, ctx));
        if self.received == WARM_UP + UNITS {
            self.found.set(self.digest);
        }
    }
}

pub(crate) struct InBatches {
    bench: Bench,
    handle: Handle,
    flooder: ActorRef<Send>,
    found: Found,
}

impl Scenario for InBatches {
    fn new() -> Self {
        let bench = Bench::new();
        let handle = bench.handle();
        let found = Found::default();
        let finds = found.clone();
        let sink = handle.spawn(On::Worker(0), move || Gatherer { received: 0, digest: 0, found: finds.clone() });
        let flooder = spawn_flooder(&handle, On::Worker(0), sink.expect("there is room for an actor"));
        Self { bench, handle, flooder, found }
    }

    fn run(&mut self, units: u64) {
        self.handle.tell(self.flooder, Send(units));
        self.bench.run();
    }

    fn check(self) {
        assert_eq!(self.found.get(), expected());
    }
}
