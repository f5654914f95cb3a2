//! A thread's port to an actor: a batch is pushed into the lane, then the worker takes it out and the actor handles it.
//!
//! ```text
//!   Port == 256 x Token ==> +--- core ---+
//!                           |    Sink    |
//!                           +------------+
//! ```

use std::time::Duration;

use hippodrome::{ActorRef, On, Port};
use hippodrome_benches::{Bench, Token};

use crate::flood::{self, CHUNK, spawn_sink};
use crate::scenario::{Found, Scenario};

pub(crate) struct FromPort {
    /// Before the engine, which is to end after it.
    port: Port,
    bench: Bench,
    sink: ActorRef<Token>,
    sent: u64,
    found: Found,
}

impl Scenario for FromPort {
    fn new() -> Self {
        let bench = Bench::new();
        let handle = bench.handle();
        let found = Found::default();
        let sink = spawn_sink(&handle, On::Worker(0), found.clone());
        Self { port: handle.port().expect("a port is free"), bench, sink, sent: 0, found }
    }

    fn run(&mut self, units: u64) {
        let end = self.sent + units;
        while self.sent < end {
            let first = self.sent;
            self.sent = (first + CHUNK).min(end);
            self.port.tell_batch(Duration::ZERO, self.sink, (first..self.sent).map(Token::numbered));
            self.bench.run();
        }
    }

    fn check(self) {
        assert_eq!(self.found.get(), flood::expected());
    }
}
