//! An actor floods another on the next worker: a tell across cores, and its handling. One thread runs both workers, in
//! turn, a batch at a time.
//!
//! ```text
//!   +--- worker 0 ---+                       +--- worker 1 ---+
//!   |    Flooder     | == 256 x Token =====> |      Sink      |
//!   +----------------+                       +----------------+
//! ```

use hippodrome::{ActorRef, Handle, On};
use hippodrome_benches::Bench;

use crate::flood::{self, CHUNK, Send, spawn_flooder, spawn_sink};
use crate::scenario::{Found, Scenario};

pub(crate) struct Workers {
    bench: Bench,
    handle: Handle,
    flooder: ActorRef<Send>,
    found: Found,
}

impl Scenario for Workers {
    fn new() -> Self {
        let bench = Bench::with_workers(2);
        let handle = bench.handle();
        let found = Found::default();
        let sink = spawn_sink(&handle, On::Worker(1), found.clone());
        let flooder = spawn_flooder(&handle, On::Worker(0), sink);
        Self { bench, handle, flooder, found }
    }

    fn run(&mut self, units: u64) {
        let mut left = units;
        while left > 0 {
            let chunk = left.min(CHUNK);
            left -= chunk;
            self.handle.tell(self.flooder, Send(chunk));
            self.bench.run();
        }
    }

    fn check(self) {
        assert_eq!(self.found.get(), flood::expected());
    }
}
