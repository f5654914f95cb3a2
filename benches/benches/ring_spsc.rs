//! A ring of values from one producer to one consumer, beside `rtrb`.
//!
//! ```text
//!   Producer == 48-byte values ==> Consumer      on one thread: what the operations cost in themselves
//! ```

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hippodrome_benches::Value;
use hippodrome_ringbuf::spsc;

const CAPACITY: usize = 1024;
const BATCH: usize = 256;
const VALUE: Value = [1, 2, 3, 4, 5, 6];

fn single(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring_spsc/push_pop");
    group.throughput(Throughput::Elements(1));
    let (mut producer, mut consumer) = spsc::ring::<Value>(CAPACITY).expect("a valid capacity");
    group.bench_function("hippodrome", |bencher| {
        bencher.iter(|| {
            producer.push(black_box(VALUE)).expect("the ring is empty");
            black_box(consumer.pop().expect("a value was pushed"))
        });
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Value>::new(CAPACITY);
    group.bench_function("rtrb", |bencher| {
        bencher.iter(|| {
            producer.push(black_box(VALUE)).expect("the ring is empty");
            black_box(consumer.pop().expect("a value was pushed"))
        });
    });
    group.finish();
}

fn run(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring_spsc/push_all_pop_all");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (mut producer, mut consumer) = spsc::ring::<Value>(CAPACITY).expect("a valid capacity");
    group.bench_function("hippodrome", |bencher| {
        bencher.iter(|| {
            for _ in 0..BATCH {
                producer.push(black_box(VALUE)).expect("there is room");
            }
            while let Ok(value) = consumer.pop() {
                black_box(value);
            }
        });
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Value>::new(CAPACITY);
    group.bench_function("rtrb", |bencher| {
        bencher.iter(|| {
            for _ in 0..BATCH {
                producer.push(black_box(VALUE)).expect("there is room");
            }
            while let Ok(value) = consumer.pop() {
                black_box(value);
            }
        });
    });
    group.finish();
}

fn batch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring_spsc/batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (mut producer, mut consumer) = spsc::ring::<Value>(CAPACITY).expect("a valid capacity");
    group.bench_function("hippodrome", |bencher| {
        bencher.iter(|| {
            let mut claim = producer.claim(BATCH).expect("the ring is empty");
            claim.fill((0..BATCH).map(|_| black_box(VALUE)));
            claim.publish();
            for value in consumer.chunk(BATCH).expect("values were published") {
                black_box(value);
            }
        });
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Value>::new(CAPACITY);
    group.bench_function("rtrb", |bencher| {
        bencher.iter(|| {
            let chunk = producer.write_chunk_uninit(BATCH).expect("the ring is empty");
            chunk.fill_from_iter((0..BATCH).map(|_| black_box(VALUE)));
            for value in consumer.read_chunk(BATCH).expect("values were published") {
                black_box(value);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, single, run, batch);
criterion_main!(benches);
