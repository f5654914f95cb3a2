//! A stream of five stages on one worker: in one actor, and each stage in an actor of its own.
//!
//! ```text
//!   +------------------------ worker 0 -------------------------+
//!   |  stream_fused     iter . map . filter . scan . fold        |
//!   |                                                            |
//!   |  stream_islands   iter -> map -> filter -> scan -> fold    |
//!   |                        <-     <-        <-      <-         |
//!   +------------------------------------------------------------+
//! ```

use std::time::Duration;

use hippodrome::On;
use hippodrome_benches::{Bench, digest};
use hippodrome_toolkit::stream::{Runnable, Source};

use crate::scenario::{Scenario, UNITS, WARM_UP};

fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn is_kept(number: &u64) -> bool {
    number % 64 != 0
}

fn summed(sum: &mut u64, number: u64) -> u64 {
    *sum = sum.wrapping_add(number);
    *sum
}

fn fused(elements: u64) -> Runnable<u64> {
    let source = Source::iter(0..elements).map(mixed).filter(is_kept).scan(0, summed);
    source.fold(0, |so_far, number| *so_far = digest(*so_far, number))
}

fn islands(elements: u64) -> Runnable<u64> {
    let source = Source::iter(0..elements).boundary(On::Worker(0)).map(mixed).boundary(On::Worker(0));
    let source = source.filter(is_kept).boundary(On::Worker(0)).scan(0, summed).boundary(On::Worker(0));
    source.fold(0, |so_far, number| *so_far = digest(*so_far, number))
}

/// What comes out of so many elements.
fn expected(elements: u64) -> u64 {
    let mut sum = 0;
    let numbers = (0..elements).map(mixed).filter(is_kept).map(|number| summed(&mut sum, number));
    numbers.fold(0, digest)
}

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
