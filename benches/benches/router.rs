//! What a router adds to a tell: the same messages to eight sinks of one core, in turn by hand and through routers.
//!
//! ```text
//!   Spreader -- by hand or router --> Sink 0 .. Sink 7
//! ```

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hippodrome::{ActorRef, Context, Handle, On, Props, from_fn};
use hippodrome_benches::{Bench, Token};
use hippodrome_toolkit::group::Group;
use hippodrome_toolkit::router::{ConsistentHashing, LeastLoaded, Pool, Random, RoundRobin, Router};

const SINKS: usize = 8;

/// Messages of one iteration.
const MESSAGES: u64 = 256;

fn sinks(handle: &Handle) -> [ActorRef<Token>; SINKS] {
    let spawn = |_| {
        let sink = handle.spawn(On::Worker(0), || {
            let mut sum = 0_u64;
            from_fn(move |token: Token, _ctx| sum = std::hint::black_box(sum.wrapping_add(token.value())))
        });
        sink.expect("there is room for an actor")
    };
    std::array::from_fn(spawn)
}

/// Measures an actor that sends all messages of an iteration by `tell`, which handles so many for each.
fn measure<F>(criterion: &mut Criterion, name: &str, bench: &mut Bench, handled_each: u64, tell: F)
where
    F: FnMut(&mut Context<'_, u64>, u64) + Clone + Send + 'static,
{
    let handle = bench.handle();
    let spreader = handle.spawn(On::Worker(0), move || {
        let mut tell = tell.clone();
        from_fn(move |messages: u64, ctx: &mut Context<'_, u64>| (0..messages).for_each(|number| tell(ctx, number)))
    });
    let spreader = spreader.expect("there is room for an actor");
    let mut group = criterion.benchmark_group("router");
    group.throughput(Throughput::Elements(MESSAGES));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            handle.tell(spreader, MESSAGES);
            assert_eq!(bench.run(), 1 + handled_each * MESSAGES);
        });
    });
    group.finish();
}

fn routers(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let sinks = sinks(&bench.handle());
    measure(criterion, "by_hand", &mut bench, 1, move |ctx, number| {
        ctx.tell(sinks[number as usize % SINKS], Token::numbered(number));
    });
    let mut round_robin = Router::over(sinks, RoundRobin::default()).expect("there are sinks");
    measure(criterion, "round_robin", &mut bench, 1, move |ctx, number| {
        round_robin.tell(ctx, Token::numbered(number));
    });
    let mut random = Router::over(sinks, Random::default()).expect("there are sinks");
    measure(criterion, "random", &mut bench, 1, move |ctx, number| random.tell(ctx, Token::numbered(number)));
    let by_value = ConsistentHashing::by(|token: &Token| token.value());
    let mut hashing = Router::over(sinks, by_value).expect("there are sinks");
    measure(criterion, "consistent_hashing", &mut bench, 1, move |ctx, number| {
        hashing.tell(ctx, Token::numbered(number));
    });
}

fn pool(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let pool = Pool::of(SINKS, LeastLoaded::default())
        .routees(|_| Props::on(On::Worker(0)))
        .spawn(&bench.handle(), || from_fn(|token: Token, _ctx| _ = std::hint::black_box(token)))
        .expect("there is room for a pool");
    bench.run();
    let mut least_loaded = pool.router();
    measure(criterion, "least_loaded", &mut bench, 1, move |ctx, number| {
        least_loaded.tell(ctx, Token::numbered(number));
    });
}

fn group(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let handle = bench.handle();
    let group = Group::spawn(&handle, On::Worker(0)).expect("there is room for a group");
    for sink in sinks(&handle) {
        assert!(group.join(&mut &handle, sink));
    }
    bench.run();
    let mut publisher = group.publisher();
    measure(criterion, "publish_to_8", &mut bench, SINKS as u64, move |ctx, number| {
        publisher.publish(ctx, Token::numbered(number));
    });
}

criterion_group!(benches, routers, pool, group);
criterion_main!(benches);
