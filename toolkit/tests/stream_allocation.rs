//! A stream allocates nothing per element in the steady state: not within an island, not across boundaries on one worker
//! or two, not for an answer of an actor, and not for an element of a feed.

#[path = "common/allocations.rs"]
mod allocations;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use allocations::allocations_of_all;
use hippodrome::{Engine, On, Reply, from_fn};
use hippodrome_toolkit::stream::{Runnable, Source, Stage};

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs an endless stream, which counts its elements, and counts the allocations of many of them.
fn steady(what: &str, engine: &Engine, elements: u64, stream: impl FnOnce(Arc<AtomicU64>) -> Runnable<()>) {
    let seen = Arc::new(AtomicU64::new(0));
    let running = stream(seen.clone()).run(&engine.handle()).unwrap();
    let wait_for = |elements: u64| {
        let (target, deadline) = (seen.load(Ordering::Relaxed) + elements, Instant::now() + PATIENCE);
        while seen.load(Ordering::Relaxed) < target {
            assert!(Instant::now() < deadline, "{what}: the stream stands still");
            std::thread::yield_now();
        }
    };
    wait_for(elements);
    let allocations = allocations_of_all(|| wait_for(elements));
    running.cancel().unwrap();
    let _ = running.wait(PATIENCE);
    // What else the process does meanwhile, such as its watchdogs and snapshots of its counts, is not the stream's.
    assert!(allocations < elements / 1000, "{what} allocates: {allocations} times for {elements} elements");
}

fn counted(source: Source<impl Stage<Item = u64>>, seen: Arc<AtomicU64>) -> Runnable<()> {
    source.for_each(move |_| _ = seen.fetch_add(1, Ordering::Relaxed))
}

/// One test, since the count is of the whole process: the harness allocates when a test ends.
#[test]
fn no_element_allocates_in_the_steady_state() {
    // Room for a wake for every element: one that finds none allocates.
    let builder = Engine::builder().unpinned_workers(2).configure(|config| config.defaults.ingress_kib = 8192);
    let engine = builder.start().unwrap();
    let numbers = || Source::iter(0_u64..).on(On::Worker(0)).map(|n| n + 1);
    steady("an island", &engine, 100_000, |seen| counted(numbers().filter(|n| n % 2 == 0), seen));
    steady("a boundary on a worker", &engine, 100_000, |seen| counted(numbers().boundary(On::Worker(0)), seen));
    steady("a boundary between workers", &engine, 100_000, |seen| counted(numbers().boundary(On::Worker(1)), seen));
    steady("a graph", &engine, 100_000, |seen| {
        let [a, b] = numbers().balance();
        let (a, b) = (a.on(On::Worker(0)).boundary(On::Worker(1)), b.on(On::Worker(1)));
        counted(b.merge(a).zip(numbers()).map(|(a, b)| a ^ b).on(On::Worker(1)), seen)
    });
    let echo =
        engine.handle().spawn(On::Worker(1), || from_fn(|(n, reply): (u64, Reply<u64>), ctx| reply.send(ctx, n)));
    let echo = echo.unwrap();
    steady("an ask", &engine, 20_000, |seen| {
        counted(numbers().map_async(16, PATIENCE, echo, |n, reply| (n, reply)), seen)
    });
    let (feed, source) = Source::feed(256);
    let is_over = Arc::new(AtomicBool::new(false));
    let pusher = std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(Ordering::Relaxed) {
                if feed.offer(1_u64).is_err() {
                    std::thread::yield_now();
                }
            }
        }
    });
    steady("a feed", &engine, 20_000, |seen| counted(source, seen));
    is_over.store(true, Ordering::Relaxed);
    pusher.join().unwrap();
    engine.shutdown(PATIENCE).unwrap();
}
