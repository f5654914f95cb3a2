//! A stream of five stages on one worker: in one actor, and each stage in an actor of its own.
//!
//! ```text
//!   +------------------------- worker 0 ------------------------+
//!   |  stream_fused     iter . map . filter . scan . fold       |
//!   |                                                           |
//!   |  stream_islands   iter -> map -> filter -> scan -> fold   |
//!   |                        <-     <-        <-      <-        |
//!   +-----------------------------------------------------------+
//! ```

use std::time::Duration;

use hippodrome_benches::Bench;
use hippodrome_benches::stream::{expected, fused, islands};
use hippodrome_toolkit::stream::Runnable;

use crate::scenario::{Scenario, UNITS, WARM_UP};

/// Streams made in one of the two ways, one for each run.
struct Streams {
    bench: Bench,
    found: Vec<u64>,
}

impl Streams {
    fn new() -> Self {
        Self { bench: Bench::new(), found: Vec::with_capacity(2) }
    }

    fn run(&mut self, stream: Runnable<u64>) {
        let running = stream.run(&self.bench.handle()).expect("there is room for a stream");
        self.bench.run();
        self.found.push(running.wait(Duration::ZERO).expect("the stream has ended"));
    }

    fn check(&self) {
        assert_eq!(self.found, [WARM_UP, UNITS].map(expected));
    }
}

pub(crate) struct Fused(Streams);

impl Scenario for Fused {
    fn new() -> Self {
        Self(Streams::new())
    }

    fn run(&mut self, units: u64) {
        self.0.run(fused(units));
    }

    fn check(self) {
        self.0.check();
    }
}

pub(crate) struct Islands(Streams);

impl Scenario for Islands {
    fn new() -> Self {
        Self(Streams::new())
    }

    fn run(&mut self, units: u64) {
        self.0.run(islands(units));
    }

    fn check(self) {
        self.0.check();
    }
}
