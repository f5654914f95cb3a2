//! The flood of [`flood`](crate::flood), into a sink that a supervisor has started: it handles messages as any other. And
//! into one that would try a message again at which it panicked: that costs a clone of each, which is nothing for a
//! [`Token`](hippodrome_benches::Token), and a landing, which is nothing until it is used.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |  Supervisor                               |
//!   |      +---------------------> Sink         |
//!   |  Flooder -- 256 x Token -------^          |
//!   |    ^  |                                   |
//!   |    +--+ Send                              |
//!   +-------------------------------------------+
//! ```

use hippodrome::{ActorRef, Handle, On};
use hippodrome_benches::Bench;
use hippodrome_toolkit::supervision::{ChildRef, ChildSpec, Retry, Strategy, Supervisor};

use crate::flood::{Send, Sink, expected, spawn_flooder};
use crate::scenario::{Found, Scenario};

/// A flood into a sink that is supervised, and if it `RETRIES`, would try again.
pub(crate) struct Supervised<const RETRIES: bool> {
    bench: Bench,
    handle: Handle,
    flooder: ActorRef<Send>,
    found: Found,
}

impl<const RETRIES: bool> Scenario for Supervised<RETRIES> {
    fn new() -> Self {
        let mut bench = Bench::new();
        let handle = bench.handle();
        let (found, child) = (Found::default(), ChildRef::new());
        let (finds, noted) = (found.clone(), child.clone());
        let supervisor = handle.spawn(On::Worker(0), move || {
            let finds = finds.clone();
            let sink = move || Sink::new(finds.clone());
            let spec = if RETRIES {
                ChildSpec::new("sink", On::Here, Retry::times(1).wrap(sink))
            } else {
                ChildSpec::new("sink", On::Here, sink)
            };
            Supervisor::new(Strategy::OneForOne).child(spec.note(&noted))
        });
        supervisor.expect("there is room for an actor");
        bench.run();
        let flooder = spawn_flooder(&handle, On::Worker(0), child.get().expect("it is up"));
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
