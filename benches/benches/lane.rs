//! Rings of envelopes: the lane from one thread to a worker, and a worker's own local ring.
//!
//! ```text
//!   Producer == envelopes of 32-byte messages ==> Consumer      on one thread
//!
//!   LocalRing: push ==> front
//! ```

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hippodrome_benches::Token;
use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
use hippodrome_ringbuf::lane::{Consumer, Producer, lane};
use hippodrome_ringbuf::{LocalRing, PlainKind};

static TOKEN: PlainKind = PlainKind::of::<Token>();
const BATCH: u64 = 256;
const LANE_BYTES: usize = 64 * 1024;
const TAG: u64 = 7;

fn ends() -> (Producer<PlainKind>, Consumer<PlainKind>) {
    lane(LANE_BYTES, Arc::new(Doorbell::new()), Signal::Source(0)).expect("a valid capacity")
}

fn push(producer: &mut Producer<PlainKind>) {
    // SAFETY: `TOKEN` describes the message, and the tag is not that of a jump.
    unsafe { producer.push(&TOKEN, TAG, black_box(Token::default())) }.expect("there is room");
}

fn push_local(ring: &mut LocalRing<PlainKind>) {
    // SAFETY: as above; the message may be dropped anywhere.
    unsafe { ring.push(&TOKEN, TAG, black_box(Token::default())) }.expect("there is room");
}

/// Moves the message at `message` out.
fn take((_, tag, message): (&'static PlainKind, u64, *mut u8)) {
    // SAFETY: the rings of this benchmark carry tokens only, and give each message once.
    black_box((tag, unsafe { message.cast::<Token>().read() }));
}

fn lanes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lane");
    let (mut producer, mut consumer) = ends();
    group.throughput(Throughput::Elements(1));
    group.bench_function("single", |bencher| {
        bencher.iter(|| {
            push(&mut producer);
            let _ = black_box(producer.publish());
            consumer.pop().map(take).expect("a message was published");
            consumer.release();
        });
    });
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("batch", |bencher| {
        bencher.iter(|| {
            for _ in 0..BATCH {
                push(&mut producer);
            }
            let _ = black_box(producer.publish());
            while let Some(envelope) = consumer.pop() {
                take(envelope);
            }
            consumer.release();
        });
    });
    group.bench_function("published_one_by_one", |bencher| {
        bencher.iter(|| {
            for _ in 0..BATCH {
                push(&mut producer);
                let _ = black_box(producer.publish());
            }
            while let Some(envelope) = consumer.pop() {
                take(envelope);
            }
            consumer.release();
        });
    });
    group.finish();
}

fn local_ring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("local_ring");
    let mut ring = LocalRing::new(LANE_BYTES, LANE_BYTES);
    group.throughput(Throughput::Elements(1));
    group.bench_function("single", |bencher| {
        bencher.iter(|| {
            push_local(&mut ring);
            ring.pop().map(take).expect("a message was pushed");
        });
    });
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("batch", |bencher| {
        bencher.iter(|| {
            for _ in 0..BATCH {
                push_local(&mut ring);
            }
            while let Some(envelope) = ring.pop() {
                take(envelope);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, lanes, local_ring);
criterion_main!(benches);
