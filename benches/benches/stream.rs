//! A stream of five stages on one worker, on one thread: in one actor, and each stage in an actor of its own.
//!
//! ```text
//!   fused      iter . map . filter . scan . fold
//!
//!   islands    iter -> map -> filter -> scan -> fold
//!                   <-     <-        <-      <-
//! ```

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hippodrome_benches::Bench;
use hippodrome_benches::stream::{expected, fused, islands};
use hippodrome_toolkit::stream::Runnable;

/// Elements of one iteration: so many that what a stream costs once does not show.
const ELEMENTS: u64 = 1_000_000;

/// Makes a stream of so many elements.
type Make = fn(u64) -> Runnable<u64>;

fn five_stages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream/five_stages");
    group.throughput(Throughput::Elements(ELEMENTS)).sample_size(20);
    for (name, stream) in [("fused", fused as Make), ("islands", islands)] {
        let mut bench = Bench::new();
        let handle = bench.handle();
        let expected = expected(ELEMENTS);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let running = stream(ELEMENTS).run(&handle).expect("there is room for a stream");
                bench.run();
                assert_eq!(running.wait(Duration::ZERO), Ok(expected));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, five_stages);
criterion_main!(benches);
