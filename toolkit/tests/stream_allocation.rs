//! A stream allocates nothing per element in the steady state: not within an island, not across boundaries on one worker
//! or two, not for an answer of an actor, and not for an element of a feed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hippodrome::{Engine, On, Reply, from_fn};
use hippodrome_toolkit::stream::{Runnable, Source, Stage};

const PATIENCE: Duration = Duration::from_secs(30);

/// Counts allocations of all threads while it is switched on.
struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn note() {
    if COUNTS.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    ALLOCATIONS.store(0, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    wait_for(elements);
    COUNTS.store(false, Ordering::Relaxed);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    running.cancel().unwrap();
    let _ = running.wait(PATIENCE);
    assert_eq!(allocations, 0, "{what} allocates");
}

fn counted(source: Source<impl Stage<Item = u64>>, seen: Arc<AtomicU64>) -> Runnable<()> {
    source.for_each(move |_| _ = seen.fetch_add(1, Ordering::Relaxed))
}

/// One test, since the count is of the whole process: the harness allocates when a test ends.
#[test]
fn no_element_allocates_in_the_steady_state() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
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
