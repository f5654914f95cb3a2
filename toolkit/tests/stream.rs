//! Streams on real workers: every operator, and random graphs with boundaries, against what iterators give.

mod graphs;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use graphs::{Op, model, put};
use hippodrome::{Engine, On, Reply, from_fn};
use hippodrome_toolkit::stream::{OfferError, Runnable, Running, Source, Stage, StreamError, StreamFailure};
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_secs(30);

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::builder().unpinned_workers(2).start().unwrap());

fn run<T: Send + 'static>(stream: Runnable<T>) -> Running<T> {
    stream.run(&ENGINE.handle()).unwrap()
}

/// The result of a stream that drops nothing.
fn whole<T: Send + 'static>(stream: Runnable<T>) -> T {
    let running = run(stream);
    let control = running.control();
    let result = running.wait(PATIENCE).unwrap();
    assert_eq!(control.dropped(), 0);
    result
}

/// All elements of a source that is not cut short.
fn all<T: Send + 'static>(source: Source<impl Stage<Item = T>>) -> Vec<T> {
    whole(source.collect(usize::MAX))
}

fn any_op() -> impl Strategy<Value = Op> {
    let few = || prop::collection::vec(0..1000_u64, 0..400);
    prop_oneof![
        Just(Op::Map),
        (1..5_u64).prop_map(Op::Filter),
        (1..5_u64).prop_map(Op::FilterMap),
        (0..3_u64).prop_map(Op::FlatMap),
        Just(Op::Scan),
        (0..1500_u64).prop_map(Op::Take),
        (0..2000_u64).prop_map(Op::TakeWhile),
        (0..300_u64).prop_map(Op::Skip),
        (1..100_usize).prop_map(Op::Batch),
        (0..2_usize).prop_map(Op::Boundary),
        (0..2_usize).prop_map(Op::Boundary),
        few().prop_map(Op::Concat),
        few().prop_map(Op::Zip),
        (0..2_usize).prop_map(Op::Diamond),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_graph_gives_what_iterators_give(
        input in prop::collection::vec(0..1000_u64, 0..2000),
        ops in prop::collection::vec(any_op(), 0..7),
    ) {
        let expected = ops.iter().cloned().fold(input.clone(), model);
        let source = ops.into_iter().fold(Source::iter(input).boxed(), put);
        let found = run(source.collect(usize::MAX)).wait(PATIENCE);
        prop_assert_eq!(found, Ok(expected));
    }

    #[test]
    fn a_merge_keeps_the_order_of_each_input(lengths in prop::collection::vec(0..1500_u64, 2..5), far in any::<bool>()) {
        let source = |number: usize, length: u64| {
            let source = Source::iter(0..length).map(move |n| (number, n)).on(On::Worker(number % 2));
            if far { source.boundary(On::Worker(0)).boxed() } else { source.boxed() }
        };
        let sources = lengths.iter().enumerate().map(|(number, length)| source(number, *length));
        let merged = sources.reduce(|one, other| one.merge(other).boxed()).unwrap();
        let mut found: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        all(merged).into_iter().for_each(|(number, n)| found.entry(number).or_default().push(n));
        for (number, length) in lengths.iter().enumerate() {
            prop_assert_eq!(found.remove(&number).unwrap_or_default(), (0..*length).collect::<Vec<_>>());
        }
    }
}

#[test]
fn sources_give_what_they_are_made_of() {
    let mut left = 3;
    let counted = move || {
        left -= 1;
        (left >= 0).then_some(left)
    };
    assert_eq!(all(Source::from_fn(counted)), [2, 1, 0]);
    let fibonacci = Source::unfold((0_u64, 1_u64), |(a, b)| {
        (*a, *b) = (*b, *a + *b);
        Some(*a)
    });
    assert_eq!(whole(fibonacci.take(8).collect(100)), [1, 1, 2, 3, 5, 8, 13, 21]);
    assert!(all(Source::empty::<u64>()).is_empty());
    let failure = run(Source::failing::<u64>("the disk is gone").ignore()).wait(PATIENCE);
    assert_eq!(failure.unwrap_err().to_string(), "a source has failed: the disk is gone");
}

#[test]
fn sinks_give_their_results() {
    let seen = Arc::new(AtomicU64::new(0));
    let sum = seen.clone();
    whole(Source::iter(1..=100_u64).for_each(move |n| _ = sum.fetch_add(n, Ordering::Relaxed)));
    assert_eq!(seen.load(Ordering::Relaxed), 5050);
    assert_eq!(whole(Source::iter(0..1000).fold(0, |sum, n| *sum += n)), 499_500);
    assert_eq!(whole(Source::iter(0..1000).count()), 1000);
    whole(Source::iter(0..1000).ignore());
    assert_eq!(whole(Source::empty::<u64>().head()), None);
    assert_eq!(whole(Source::iter(7..).head()), Some(7));
    assert_eq!(whole(Source::iter(7..).collect(3)), [7, 8, 9]);
    assert_eq!(whole(Source::iter(7..).collect(0)), [0_u64; 0]);
}

#[test]
fn a_sink_that_wants_no_more_ends_what_is_above_it() {
    let made = Arc::new(AtomicU64::new(0));
    let counter = made.clone();
    let source = Source::iter(0_u64..).inspect(move |_| _ = counter.fetch_add(1, Ordering::Relaxed));
    let running = run(source.boundary(On::Worker(0)).map(|n| n + 1).boundary(On::Worker(1)).take(1000).count());
    let control = running.control();
    assert_eq!(running.wait(PATIENCE), Ok(1000));
    assert_eq!(made.load(Ordering::Relaxed), 1000 + control.dropped());
}

#[test]
fn each_branch_of_a_broadcast_gets_all() {
    let [a, b, c] = Source::iter(0..10_000_u64).broadcast();
    let sum = a.on(On::Worker(0)).fold(0, |sum, n| *sum += n);
    let count = b.on(On::Worker(1)).count();
    let evens = c.filter(|n| n % 2 == 0).collect(usize::MAX);
    let ((sum, count), evens) = whole(sum.with(count).with(evens));
    assert_eq!((sum, count), (49_995_000, 10_000));
    assert_eq!(evens, (0..10_000).step_by(2).collect::<Vec<_>>());
}

#[test]
fn a_branch_that_wants_no_more_is_left_out() {
    let [a, b] = Source::iter(0..10_000_u64).broadcast();
    let running = run(a.head().with(b.on(On::Worker(1)).count()));
    assert_eq!(running.wait(PATIENCE), Ok((Some(0), 10_000)));
}

#[test]
fn a_balance_gives_each_element_to_one_branch() {
    let branches: [_; 3] = Source::iter(0..30_000_u64).balance();
    let mut worker = 0;
    let [a, b, c] = branches.map(|branch| {
        worker += 1;
        branch.on(On::Worker(worker % 2)).map(move |n| (worker, n))
    });
    let found = all(a.boundary(On::Here).merge(b.boundary(On::Here)).merge(c.boundary(On::Here)));
    let mut numbers: Vec<u64> = found.iter().map(|(_, n)| *n).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..30_000).collect::<Vec<_>>());
    for worker in 1..=3 {
        let of_branch: Vec<u64> = found.iter().filter(|(by, _)| *by == worker).map(|(_, n)| *n).collect();
        assert!(!of_branch.is_empty(), "branch {worker} got nothing");
        assert!(of_branch.is_sorted());
    }
}

#[test]
fn a_partition_gives_each_key_to_its_branch() {
    let [a, b, c] = Source::iter(0..9_999_u64).partition(|n| n / 10);
    let (found, _) = (a.collect(usize::MAX).with(b.collect(usize::MAX)).with(c.collect(usize::MAX)), ());
    let ((a, b), c) = whole(found);
    for (branch, found) in [a, b, c].into_iter().enumerate() {
        let expected: Vec<u64> = (0..9_999).filter(|n| n / 10 % 3 == branch as u64).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn branches_that_lead_nowhere_are_refused() {
    let [a, b] = Source::iter(0..10_u64).broadcast();
    let error = a.count().run(&ENGINE.handle()).unwrap_err();
    assert_eq!(error, StreamError::Unconnected { branches: 1 });
    assert_eq!(b.count().run(&ENGINE.handle()).unwrap_err(), StreamError::Unconnected { branches: 1 });
}

#[test]
fn an_island_that_cannot_be_placed_fails_the_stream() {
    let failure = run(Source::iter(0..10).boundary(On::Worker(9)).count()).wait(PATIENCE);
    assert!(matches!(failure, Err(StreamFailure::Spawn(_))), "{failure:?}");
}

#[test]
fn answers_come_in_order_or_as_they_come() {
    struct Square(u64, Reply<u64>);
    let squares = ENGINE.handle().spawn(On::Worker(1), || {
        // Answers in pairs, the second first.
        let mut kept: Option<Square> = None;
        from_fn(move |square: Square, ctx| match kept.take() {
            None => kept = Some(square),
            Some(first) => [square, first].map(|Square(n, reply)| reply.send(ctx, n * n)).into_iter().collect(),
        })
    });
    let squares = squares.unwrap();
    let expected: Vec<u64> = (0..2000).map(|n| n * n).collect();
    assert_eq!(all(Source::iter(0..2000).map_async(8, PATIENCE, squares, Square)), expected);
    let mut found = all(Source::iter(0..2000).map_async_unordered(8, PATIENCE, squares, Square));
    assert!(!found.is_sorted());
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn an_actor_is_told_each_element() {
    let (told, heard) = std::sync::mpsc::channel();
    let listener = ENGINE.handle().spawn(On::Worker(1), move || {
        let told = told.clone();
        from_fn(move |n: u64, _| told.send(n).unwrap())
    });
    whole(Source::iter(0..20_000_u64).on(On::Worker(0)).to_actor(listener.unwrap()));
    assert!(heard.iter().take(20_000).eq(0..20_000));
}

#[test]
fn a_feed_is_taken_from_in_order_and_holds_back() {
    let (feed, source) = Source::feed(100);
    assert!((0..100_u64).all(|n| feed.offer((0, n)).is_ok()), "the stream has not begun, and there is room for 100");
    assert_eq!(feed.offer((0, 100)), Err(OfferError::Full((0, 100))));
    let running = run(source.boundary(On::Worker(1)).collect(usize::MAX));
    let pushers: Vec<_> = (1..4)
        .map(|pusher| {
            let feed = feed.clone();
            std::thread::spawn(move || {
                for n in 0..5_000 {
                    while feed.offer((pusher, n)).is_err() {
                        std::thread::yield_now();
                    }
                    if n % 500 == 0 {
                        // The stream falls asleep meanwhile.
                        std::thread::sleep(Duration::from_millis(2));
                    }
                }
            })
        })
        .collect();
    drop(feed);
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    let found = running.wait(PATIENCE).unwrap();
    assert_eq!(found.len(), 100 + 3 * 5_000);
    for pusher in 0..4 {
        assert!(found.iter().filter(|(by, _)| *by == pusher).map(|(_, n)| n).is_sorted());
    }
}

#[test]
fn a_feed_of_a_stream_that_has_ended_says_so() {
    let (feed, source) = Source::feed(8);
    feed.offer(1_u64).unwrap();
    assert_eq!(run(source.head()).wait(PATIENCE), Ok(Some(1)));
    assert_eq!(feed.offer(2), Err(OfferError::Ended(2)));
}

#[test]
fn a_stream_is_a_future() {
    let running = run(Source::iter(0..100_u64).count());
    let waker = std::task::Waker::noop();
    let mut running = std::pin::pin!(running);
    let deadline = std::time::Instant::now() + PATIENCE;
    let found = loop {
        let polled = running.as_mut().poll(&mut std::task::Context::from_waker(waker));
        if let std::task::Poll::Ready(found) = polled {
            break found;
        }
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    };
    assert_eq!(found, Ok(100));
}

#[test]
fn an_actor_gets_the_result_of_a_stream_that_it_runs() {
    enum Message {
        Run(Reply<u64>),
        Ran(Result<u64, StreamFailure>),
    }
    let runner = ENGINE.handle().spawn(On::Worker(0), || {
        let mut asker = None;
        from_fn(move |message, ctx| match message {
            Message::Run(reply) => {
                asker = Some(reply);
                Source::iter(0..5000_u64).boundary(On::Worker(1)).count().run_in(ctx, Message::Ran).unwrap();
            }
            Message::Ran(result) => asker.take().unwrap().send(ctx, result.unwrap()),
        })
    });
    assert_eq!(ENGINE.handle().ask(runner.unwrap(), Message::Run).wait(PATIENCE), Ok(5000));
}

#[test]
fn a_stream_that_runs_on_can_be_cancelled() {
    let running = run(Source::iter(0_u64..).boundary(On::Worker(1)).ignore());
    let control = running.control();
    std::thread::sleep(Duration::from_millis(5));
    control.cancel().unwrap();
    assert_eq!(running.wait(PATIENCE), Err(StreamFailure::Stopped));
}

#[test]
fn an_engine_ends_with_endless_streams_in_it() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let source = || Source::iter(0_u64..).boundary(On::Worker(1)).map(|n| n + 1).boundary(On::Worker(0));
    let streams: Vec<_> = (0..3).map(|_| source().ignore().run(&engine.handle()).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(5));
    engine.shutdown(PATIENCE).unwrap();
    for stream in streams {
        assert_eq!(stream.wait(PATIENCE), Err(StreamFailure::Stopped));
    }
}
