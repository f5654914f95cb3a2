//! What becomes of a stream whose stage fails: in each place, by an error and by a panic, with each policy.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hippodrome::{DeadLetterReason, Engine, On, Reply, from_fn};
use hippodrome_toolkit::stream::{BoxedStage, OnFailure, Runnable, Sink, Source, StreamFailure};

const PATIENCE: Duration = Duration::from_secs(30);

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::builder().unpinned_workers(2).start().unwrap());

/// The result of a stream, and how many elements it dropped.
fn outcome<T: Send + 'static>(stream: Runnable<T>) -> (Result<T, StreamFailure>, u64) {
    let running = stream.run(&ENGINE.handle()).unwrap();
    let control = running.control();
    (running.wait(PATIENCE), control.dropped())
}

fn stage_failed(stage: &'static str, text: &str) -> StreamFailure {
    StreamFailure::Stage { stage, text: text.to_owned() }
}

/// Panics, without the noise of it.
fn fail(text: impl Into<String>) -> ! {
    std::panic::resume_unwind(Box::new(text.into()))
}

/// Lets all numbers but one pass.
fn but(bad: u64, text: &'static str) -> impl FnMut(u64) -> u64 + Send + 'static {
    move |n| if n == bad { fail(text) } else { n }
}

/// What fails on each element whose last digit is 5: by an error, or by a panic in each kind of stage.
const FAILING: [&str; 6] = ["try_map", "map", "filter", "filter_map", "flat_map", "scan"];

fn failing(source: Source<BoxedStage<u64>>, stage: &str) -> Source<BoxedStage<u64>> {
    fn checked(n: u64) -> u64 {
        if n % 10 == 5 { fail(format!("bad {n}")) } else { n }
    }
    match stage {
        "try_map" => source.try_map(|n| if n % 10 == 5 { Err(format!("bad {n}")) } else { Ok(n) }).boxed(),
        "map" => source.map(checked).boxed(),
        "filter" => source.filter(|n| checked(*n) == *n).boxed(),
        "filter_map" => source.filter_map(|n| Some(checked(n))).boxed(),
        "flat_map" => source.flat_map(|n| [checked(n)]).boxed(),
        "scan" => source.scan((), |(), n| checked(n)).boxed(),
        _ => unreachable!(),
    }
}

/// The numbers to 100 through a stage that fails, above, between and below two boundaries.
fn in_each_place(stage: &str, policy: OnFailure) -> [Source<BoxedStage<u64>>; 3] {
    let numbers = || Source::iter(0..100_u64).boxed();
    let boundary = |source: Source<BoxedStage<u64>>, worker| source.boundary(On::Worker(worker)).boxed();
    let failing = |source| failing(source, stage).on_failure(policy).boxed();
    [
        boundary(boundary(failing(numbers()), 0), 1),
        boundary(failing(boundary(numbers(), 0)), 1),
        failing(boundary(boundary(numbers(), 0), 1)),
    ]
}

#[test]
fn a_stream_that_is_to_stop_ends_with_the_failure() {
    for stage in FAILING {
        for source in in_each_place(stage, OnFailure::Stop) {
            let (result, dropped) = outcome(source.count());
            assert_eq!(result, Err(stage_failed(stage, "bad 5")));
            assert!(dropped >= 1);
        }
    }
}

#[test]
fn a_stream_without_a_policy_stops() {
    for stage in FAILING {
        let (result, dropped) = outcome(failing(Source::iter(0..100_u64).boxed(), stage).count());
        assert_eq!((result, dropped), (Err(stage_failed(stage, "bad 5")), 1));
    }
}

#[test]
fn a_stream_that_is_to_go_on_drops_the_element_alone() {
    let expected: Vec<u64> = (0..100).filter(|n| n % 10 != 5).collect();
    for policy in [OnFailure::Resume, OnFailure::Restart] {
        for stage in FAILING {
            for source in in_each_place(stage, policy) {
                assert_eq!(outcome(source.collect(1000)), (Ok(expected.clone()), 10), "{stage} {policy:?}");
            }
        }
    }
}

#[test]
fn state_is_kept_or_made_afresh() {
    let sums = |policy| {
        let source = Source::iter(1..=6_u64);
        let source = source.scan(0, |sum, n| {
            *sum += n;
            *sum
        });
        // The sums are 1, 3, 6, 10, ...
        let source = source.try_map(|sum| if sum == 6 { Err("six") } else { Ok(sum) });
        outcome(source.on_failure(policy).collect(100))
    };
    assert_eq!(sums(OnFailure::Resume), (Ok(vec![1, 3, 10, 15, 21]), 1));
    assert_eq!(sums(OnFailure::Restart), (Ok(vec![1, 3, 4, 9, 15]), 1));
    let batches = |policy| {
        let source = Source::iter(1..=6_u64).map(but(5, "five"));
        outcome(source.batch(3).on_failure(policy).collect(100))
    };
    assert_eq!(batches(OnFailure::Resume), (Ok(vec![vec![1, 2, 3], vec![4, 6]]), 1));
    assert_eq!(batches(OnFailure::Restart), (Ok(vec![vec![1, 2, 3], vec![6]]), 2), "4 was in the batch");
}

#[test]
fn a_sink_has_a_policy_of_its_own() {
    let sum = |policy| Sink::fold(0, |sum, n| *sum += but(3, "three")(n)).on_failure(policy);
    let numbers = || Source::iter(0..=4_u64).boundary(On::Worker(1));
    for policy in [OnFailure::Resume, OnFailure::Restart] {
        assert_eq!(outcome(numbers().to(sum(policy))), (Ok(1 + 2 + 4), 1), "{policy:?}");
    }
    let stopped = (Err(stage_failed("fold", "three")), 2);
    assert_eq!(outcome(numbers().to(sum(OnFailure::Stop))), stopped);
    // The source's policy is for what is above it, the sink's for itself.
    let unguarded = || Sink::fold(0, |sum, n| *sum += but(3, "three")(n));
    assert_eq!(outcome(numbers().on_failure(OnFailure::Resume).to(unguarded())), stopped);
    let above = numbers().map(but(3, "three")).to(sum(OnFailure::Resume));
    assert_eq!(outcome(above).0, Err(stage_failed("map", "three")));
    // The inner one is nearer.
    assert_eq!(outcome(numbers().to(sum(OnFailure::Resume).on_failure(OnFailure::Stop))), (Ok(7), 1));
}

#[test]
fn the_part_that_is_nearest_decides() {
    let source = |inner, outer| {
        let source = failing(Source::iter(0..100_u64).boxed(), "map").on_failure(inner);
        outcome(source.map(but(50, "fifty")).on_failure(outer).count())
    };
    assert_eq!(source(OnFailure::Resume, OnFailure::Stop), (Err(stage_failed("map", "fifty")), 6));
    assert_eq!(source(OnFailure::Stop, OnFailure::Resume), (Err(stage_failed("map", "bad 5")), 1));
    assert_eq!(source(OnFailure::Restart, OnFailure::Resume), (Ok(89), 11));
}

#[test]
fn a_failure_has_the_name_of_its_part() {
    let named = |stage| {
        let source = failing(Source::iter(0..10_u64).boxed(), stage).named("parse");
        outcome(source.map(|n| n).named("later").count()).0
    };
    for stage in FAILING {
        assert_eq!(named(stage), Err(stage_failed("parse", "bad 5")));
    }
    assert_eq!(named("map").unwrap_err().to_string(), "parse has failed: bad 5");
}

#[test]
fn sinks_and_sources_that_panic_stop_the_stream() {
    let (result, _) = outcome(Source::iter(0..10_u64).map(|n| n).for_each({
        let mut three = but(3, "three");
        move |n| _ = three(n)
    }));
    assert_eq!(result, Err(stage_failed("for_each", "three")));
    let (result, _) = outcome(Source::iter(0..10_u64).fold((), {
        let mut three = but(3, "three");
        move |(), n| _ = three(n)
    }));
    assert_eq!(result, Err(stage_failed("fold", "three")));
    let broken = std::iter::from_fn(|| -> Option<u64> { fail("broken") });
    assert_eq!(outcome(Source::iter(broken).count()).0, Err(stage_failed("an iterator", "broken")));
}

#[test]
fn a_source_that_panics_on_and_on_does_not_block_its_core() {
    let broken = std::iter::from_fn(|| -> Option<u64> { fail("broken") });
    let stream = Source::iter(broken).on(On::Worker(0)).on_failure(OnFailure::Resume).count();
    let running = stream.run(&ENGINE.handle()).unwrap();
    let echo = ENGINE.handle().spawn(On::Worker(0), || from_fn(|reply: Reply<()>, ctx| reply.send(ctx, ())));
    assert_eq!(ENGINE.handle().ask(echo.unwrap(), |reply| reply).wait(PATIENCE), Ok(()));
    running.cancel().unwrap();
    assert_eq!(running.wait(PATIENCE), Err(StreamFailure::Stopped));
}

#[test]
fn an_ask_without_an_answer_is_a_failure_of_its_element() {
    struct Ask(u64, Reply<u64>);
    let oracle = ENGINE.handle().spawn(On::Worker(1), || {
        from_fn(|Ask(n, reply), ctx| {
            if n % 10 != 5 {
                reply.send(ctx, n);
            }
        })
    });
    let oracle = oracle.unwrap();
    let answers = move |policy| {
        outcome(Source::iter(0..100_u64).map_async(4, PATIENCE, oracle, Ask).on_failure(policy).collect(100))
    };
    let expected: Vec<u64> = (0..100).filter(|n| n % 10 != 5).collect();
    assert_eq!(answers(OnFailure::Resume), (Ok(expected), 10));
    let (result, dropped) = answers(OnFailure::Stop);
    assert!(matches!(result, Err(StreamFailure::Stage { stage: "map_async", .. })), "{result:?}");
    // The element itself, and those that were asked about meanwhile.
    assert!((1..=4).contains(&dropped), "{dropped}");
}

#[test]
fn an_actor_that_has_stopped_fails_the_stream_that_tells_it() {
    let seen = std::sync::Arc::new(AtomicU64::new(0));
    let counter = seen.clone();
    let listener = ENGINE.handle().spawn(On::Worker(0), move || {
        let counter = counter.clone();
        from_fn(move |n: u64, ctx: &mut hippodrome::Context<'_, u64>| {
            counter.fetch_add(1, Ordering::Relaxed);
            if n == 10 {
                ctx.stop_self();
            }
        })
    });
    let (result, _) = outcome(Source::iter(0_u64..).on(On::Worker(0)).to_actor(listener.unwrap()));
    assert_eq!(result, Err(stage_failed("a sink", "the actor has stopped")));
    assert_eq!(seen.load(Ordering::Relaxed), 11);
}

#[test]
fn what_is_dropped_is_a_dead_letter() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    for stage in ["map", "try_map"] {
        let source = failing(Source::iter(0..100_u64).boxed(), stage).on_failure(OnFailure::Resume);
        assert_eq!(source.count().run(&engine.handle()).unwrap().wait(PATIENCE), Ok(90));
    }
    let dead = engine.shutdown(PATIENCE).unwrap().dead_letters;
    assert_eq!((dead.get(DeadLetterReason::Panicked), dead.get(DeadLetterReason::Refused), dead.total()), (10, 10, 20));
}
