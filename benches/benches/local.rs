//! Actors on one worker, on one thread: a flood, a ping-pong, asks.
//!
//! ```text
//!   flood       Flooder -- 256 x Token --> Sink
//!
//!   ping_pong   Player <-- one Token --> Player
//!
//!   ask         Asker -- question --> Squarer
//!                 ^                      |
//!                 +------- answer -------+
//! ```

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hippodrome::{ActorRef, AskError, Handle, On, Reply, from_fn};
use hippodrome_benches::{Bench, Token};

/// Messages of one iteration.
const MESSAGES: u64 = 1024;

fn spawn_sink(handle: &Handle) -> ActorRef<Token> {
    let sink = handle.spawn(On::Worker(0), || {
        let mut sum = 0_u64;
        from_fn(move |token: Token, _| {
            sum = black_box(sum.wrapping_add(token.payload[0]));
        })
    });
    sink.expect("there is room for an actor")
}

/// Sends a batch to the sink for each message.
struct Flood {
    batch: u64,
}

fn flood(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("local/flood");
    group.throughput(Throughput::Elements(MESSAGES));
    for batch in [1, 16, 256] {
        let mut bench = Bench::new();
        let handle = bench.handle();
        let sink = spawn_sink(&handle);
        let flooder = handle.spawn(On::Worker(0), move || {
            from_fn(move |Flood { batch }, ctx| {
                let tokens = (0..batch).map(|n| Token { hops_left: 0, payload: [n; 3] });
                ctx.tell_batch(sink, tokens);
            })
        });
        let flooder = flooder.expect("there is room for an actor");
        let handled = MESSAGES + MESSAGES / batch;
        group.bench_with_input(BenchmarkId::from_parameter(batch), &batch, |bencher, &batch| {
            bencher.iter(|| {
                for _ in 0..MESSAGES / batch {
                    handle.tell(flooder, Flood { batch });
                }
                assert_eq!(bench.run(), handled);
            });
        });
    }
    group.finish();
}

/// A message of a ping-pong, or whom to play with.
enum Play {
    With(ActorRef<Play>),
    Ball([u64; 3]),
}

fn spawn_player(handle: &Handle) -> ActorRef<Play> {
    let player = handle.spawn(On::Worker(0), || {
        let mut opponent = None;
        from_fn(move |play: Play, ctx| match play {
            Play::With(other) => opponent = Some(other),
            Play::Ball([left, ..]) => {
                if let Some(opponent) = opponent
                    && left > 1
                {
                    ctx.tell(opponent, Play::Ball([left - 1; 3]));
                }
            }
        })
    });
    player.expect("there is room for an actor")
}

fn ping_pong(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("local/ping_pong");
    group.throughput(Throughput::Elements(MESSAGES));
    let mut bench = Bench::new();
    let handle = bench.handle();
    let (one, other) = (spawn_player(&handle), spawn_player(&handle));
    handle.tell(one, Play::With(other));
    handle.tell(other, Play::With(one));
    assert_eq!(bench.run(), 2);
    group.bench_function("two_actors", |bencher| {
        bencher.iter(|| {
            handle.tell(one, Play::Ball([MESSAGES; 3]));
            assert_eq!(bench.run(), MESSAGES);
        });
    });
    group.finish();
}

/// What the asker is told.
enum Asking {
    Ask(u64),
    Answered(Result<u64, AskError>),
}

/// What the squarer is asked.
struct Square(u64, Reply<u64>);

fn ask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("local/ask");
    group.throughput(Throughput::Elements(MESSAGES));
    let mut bench = Bench::new();
    let handle = bench.handle();
    let squarer = handle.spawn(On::Worker(0), || from_fn(|Square(n, reply), ctx| reply.send(ctx, n * n)));
    let squarer = squarer.expect("there is room for an actor");
    // One question after the other, each sent by the answer to the one before.
    let asker = handle.spawn(On::Worker(0), move || {
        let mut left = 0;
        from_fn(move |asking, ctx| {
            left = match asking {
                Asking::Ask(questions) => questions,
                Asking::Answered(answer) => {
                    assert!(black_box(answer).is_ok());
                    left - 1
                }
            };
            if left > 0 {
                ctx.ask(squarer, |reply| Square(left, reply), Asking::Answered);
            }
        })
    });
    let asker = asker.expect("there is room for an actor");
    group.bench_function("one_by_one", |bencher| {
        bencher.iter(|| {
            handle.tell(asker, Asking::Ask(MESSAGES));
            // Each question and its answer, and the message that began it.
            assert_eq!(bench.run(), 2 * MESSAGES + 1);
        });
    });
    group.finish();
}

criterion_group!(benches, flood, ping_pong, ask);
criterion_main!(benches);
