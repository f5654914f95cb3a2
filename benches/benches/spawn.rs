//! Actors that are spawned and stopped.
//!
//! ```text
//!   outside   thread -- spawn --> worker
//!
//!   child     Parent -- spawn, stop --> Child
//! ```

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hippodrome::{Context, Handle, On, Stop, from_fn};
use hippodrome_benches::Bench;

/// Actors of one iteration.
const ACTORS: u64 = 1_000;

fn spawn_idle(handle: &Handle) {
    handle.spawn(On::Worker(0), || from_fn(|(), _| ())).expect("there is room for an actor");
}

fn outside(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("spawn/outside");
    group.throughput(Throughput::Elements(ACTORS));
    group.bench_function("into_a_fresh_engine", |bencher| {
        // The engine is made before each iteration and dropped after it, both outside the time.
        let routine = |mut bench: Bench| {
            let handle = bench.handle();
            for _ in 0..ACTORS {
                spawn_idle(&handle);
            }
            bench.run();
            bench
        };
        bencher.iter_batched(Bench::new, routine, BatchSize::PerIteration);
    });
    group.finish();
}

fn child(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("spawn/child");
    group.throughput(Throughput::Elements(ACTORS));
    let mut bench = Bench::new();
    let handle = bench.handle();
    let parent = handle.spawn(On::Worker(0), || {
        from_fn(|children: u64, ctx: &mut Context<'_, u64>| {
            for _ in 0..children {
                let child = ctx.spawn(On::Here, || from_fn(|(), _| ()));
                ctx.stop(child.expect("there is room for an actor"), Stop::Now);
            }
        })
    });
    let parent = parent.expect("there is room for an actor");
    group.bench_function("and_stop", |bencher| {
        bencher.iter(|| {
            handle.tell(parent, ACTORS);
            assert_eq!(bench.run(), 1);
        });
    });
    group.finish();
}

criterion_group!(benches, outside, child);
criterion_main!(benches);
