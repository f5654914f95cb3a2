//! The one-shot channel on real threads: what is promised of its memory, its races and its panics.
#![cfg(not(loom))]

mod rounds;

use crossbeam_queue::ArrayQueue;
use hippodrome_ringbuf::oneshot::{Closed, Pool, Receiver, Sender, WaitError};
use rounds::rounds;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;
use std::time::Duration;

/// Long enough never to end a test that works.
const AMPLE: Duration = Duration::from_secs(60);

/// Counts, for each thread, its allocations and the bytes that it has allocated and not freed.
struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is; the counters are plain cells without a destructor, and
// touching them allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE_BYTES.set(LIVE_BYTES.get() + layout.size() as i64);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE_BYTES.set(LIVE_BYTES.get() - layout.size() as i64);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Counts how often it was dropped.
#[derive(Debug)]
struct Tracked {
    id: u64,
    drops: Arc<AtomicUsize>,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Relaxed);
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Woken {
    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn poll<T>(receiver: &mut Receiver<T>, waker: &Waker) -> Poll<Result<T, Closed>> {
    Pin::new(receiver).poll(&mut Context::from_waker(waker))
}

/// A cell is in the free list, and none is lost.
fn assert_recycled(pool: &Pool) {
    let counts = pool.counts();
    assert_eq!(counts.allocated, counts.freed + counts.free, "a cell is still in use: {counts:?}");
}

#[test]
fn a_sender_is_one_pointer_wide() {
    assert_eq!(size_of::<Sender<[u64; 100]>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Sender<[u64; 100]>>>(), size_of::<usize>());
    assert_eq!(size_of::<Receiver<[u64; 100]>>(), size_of::<usize>());
}

#[test]
fn handles_may_cross_threads() {
    fn crosses<T: Send + Sync + Unpin>() {}
    crosses::<Sender<Cell<u64>>>();
    crosses::<Receiver<Cell<u64>>>();
    crosses::<Arc<Pool>>();
}

// ---- memory ----

/// One of every way in which a channel can go, on one thread.
fn every_way(pool: &Arc<Pool>, waker: &Waker) {
    let (sender, mut receiver) = pool.channel();
    assert_eq!(sender.send(1_u64), Ok(()));
    assert_eq!(receiver.try_take(), Some(Ok(1)));

    let (sender, receiver) = pool.channel();
    assert_eq!(sender.send([2_u64; 50]), Ok(()));
    assert_eq!(receiver.wait(AMPLE), Ok([2; 50]));

    let (sender, mut receiver) = pool.channel();
    assert_eq!(poll(&mut receiver, waker), Poll::Pending);
    assert_eq!(poll(&mut receiver, waker), Poll::Pending);
    assert_eq!(sender.send(3_u8), Ok(()));
    assert_eq!(poll(&mut receiver, waker), Poll::Ready(Ok(3)));

    let (sender, receiver) = pool.channel::<u64>();
    drop(sender);
    assert_eq!(receiver.wait(AMPLE), Err(WaitError::Closed));

    let (sender, receiver) = pool.channel();
    assert_eq!(receiver.wait(Duration::from_micros(50)), Err(WaitError::TimedOut));
    assert_eq!(sender.send(4_u32), Err(4));

    let (sender, receiver) = pool.channel();
    drop(receiver);
    assert_eq!(sender.send(()), Err(()));
}

#[test]
fn the_steady_state_of_one_thread_allocates_nothing() {
    let pool = Pool::new(8);
    let waker = Waker::from(Arc::new(Woken::default()));
    every_way(&pool, &waker);
    let (warm, before) = (pool.counts(), ALLOCATIONS.get());
    for _ in 0..rounds(1_000) {
        every_way(&pool, &waker);
    }
    assert_eq!(ALLOCATIONS.get(), before);
    assert_eq!(pool.counts(), warm);
}

#[test]
fn the_steady_state_of_two_threads_allocates_nothing() {
    const ASKS: u64 = rounds(20_000);
    let pool = Pool::new(8);
    let asked = ArrayQueue::<Sender<u64>>::new(1);
    // The sender may still be on its way out of one cell while the receiver asks for the next.
    let cells: Vec<_> = (0..8).map(|_| pool.channel::<u64>()).collect();
    drop(cells);

    thread::scope(|scope| {
        let answering = scope.spawn(|| {
            let before = ALLOCATIONS.get();
            for answer in 0..ASKS {
                let sender = loop {
                    match asked.pop() {
                        Some(sender) => break sender,
                        None => thread::yield_now(),
                    }
                };
                // Now and then the asking thread gets the time to park.
                if answer.is_multiple_of(64) {
                    thread::sleep(Duration::from_micros(100));
                }
                sender.send(answer).expect("the receiver waits");
            }
            ALLOCATIONS.get() - before
        });

        // This one parks, and so makes the thread's waker.
        let (_sender, receiver) = pool.channel::<u64>();
        assert_eq!(receiver.wait(Duration::from_micros(100)), Err(WaitError::TimedOut));
        let before = ALLOCATIONS.get();
        for ask in 0..ASKS {
            let (sender, receiver) = pool.channel();
            asked.push(sender).expect("the queue has room for the one sender there is");
            assert_eq!(receiver.wait(AMPLE), Ok(ask));
        }
        assert_eq!(ALLOCATIONS.get(), before);
        assert_eq!(answering.join().unwrap(), 0);
    });
    assert_eq!(pool.counts().allocated, 8);
    assert_recycled(&pool);
}

#[test]
fn a_full_list_frees_and_an_empty_one_allocates() {
    let pool = Pool::new(2);
    let channels: Vec<_> = (0..5).map(|_| pool.channel::<u64>()).collect();
    assert_eq!((pool.counts().allocated, pool.counts().free), (5, 0));
    drop(channels);
    assert_eq!((pool.counts().freed, pool.counts().free), (3, 2));
    let _one = pool.channel::<u64>();
    assert_eq!((pool.counts().allocated, pool.counts().free), (5, 1));
}

#[test]
fn a_pool_without_room_recycles_nothing() {
    let pool = Pool::new(0);
    for round in 1..=3 {
        drop(pool.channel::<u64>());
        assert_eq!((pool.counts().allocated, pool.counts().freed, pool.counts().free), (round, round, 0));
    }
}

#[test]
fn one_class_serves_all_types_of_its_size() {
    let pool = Pool::new(4);
    drop(pool.channel::<u64>());
    drop(pool.channel::<[u8; 24]>());
    drop(pool.channel::<()>());
    assert_eq!(pool.counts().allocated, 1);
    drop(pool.channel::<[u8; 64]>());
    assert_eq!(pool.counts().allocated, 2);
}

#[test]
fn cells_outlive_the_last_handle_of_their_pool() {
    let before = LIVE_BYTES.get();
    let pool = Pool::new(4);
    let (free, used) = (pool.channel::<u64>(), pool.channel::<String>());
    drop(free);
    let (sender, receiver) = used;
    drop(pool);
    assert_eq!(sender.send("still here".to_owned()), Ok(()));
    assert_eq!(receiver.wait(AMPLE).as_deref(), Ok("still here"));
    assert_eq!(LIVE_BYTES.get(), before, "pool, free cells and used cells are freed");
}

/// Every way in which a value can go through a channel, for its size and alignment's sake.
fn goes_through<T: Send + PartialEq + std::fmt::Debug>(make: fn() -> T) {
    let before = LIVE_BYTES.get();
    {
        let pool = Pool::new(2);
        for _ in 0..3 {
            let (sender, mut receiver) = pool.channel();
            assert_eq!(sender.send(make()), Ok(()));
            assert_eq!(receiver.try_take(), Some(Ok(make())));
            assert_eq!(receiver.try_take(), Some(Err(Closed)), "taken once");

            let (sender, receiver) = pool.channel();
            drop(receiver);
            assert!(sender.is_abandoned());
            assert_eq!(sender.send(make()), Err(make()));

            let (sender, receiver) = pool.channel();
            assert_eq!(sender.send(make()), Ok(()));
            drop(receiver);
        }
        assert_recycled(&pool);
    }
    assert_eq!(LIVE_BYTES.get(), before);
}

#[test]
fn values_of_every_size_and_alignment() {
    #[derive(Debug, PartialEq)]
    #[repr(align(128))]
    struct OfTwoLines(u8);

    #[derive(Debug, PartialEq)]
    #[repr(align(256))]
    struct OverAligned([u8; 300]);

    #[derive(Debug, PartialEq)]
    #[repr(align(256))]
    struct OverAlignedNothing;

    goes_through(|| ());
    goes_through(|| 7_u8);
    goes_through(|| "on the heap".to_owned());
    goes_through(|| [7_u8; 4068]);
    goes_through(|| [7_u8; 4069]);
    goes_through(|| [7_u64; 1024]);
    goes_through(|| OfTwoLines(7));
    goes_through(|| OverAligned([7; 300]));
    goes_through(|| OverAlignedNothing);
}

#[test]
fn a_value_lies_where_its_alignment_asks() {
    #[repr(align(256))]
    struct Aligned(u8);

    let pool = Pool::new(2);
    let (sender, receiver) = pool.channel();
    assert!(sender.send(Aligned(9)).is_ok());
    let value = receiver.wait(AMPLE).unwrap();
    assert_eq!((&raw const value).addr() % 256, 0);
    assert_eq!(value.0, 9);
    assert_eq!((pool.counts().allocated, pool.counts().freed), (1, 1), "over-aligned: a block of its own");
}

// ---- waiting ----

#[test]
fn a_dropped_sender_is_known_at_once() {
    let pool = Pool::new(4);
    let (sender, receiver) = pool.channel::<u64>();
    let waiting = thread::spawn(move || receiver.wait(AMPLE));
    drop(sender);
    assert_eq!(waiting.join().unwrap(), Err(WaitError::Closed));
    assert_recycled(&pool);
}

#[test]
fn a_sender_rebuilt_from_its_pointer_closes() {
    let pool = Pool::new(4);
    let (sender, mut receiver) = pool.channel::<String>();
    let raw = sender.into_raw();
    assert_eq!(receiver.try_take(), None);
    // SAFETY: the pointer comes from a `Sender<String>` and is used once.
    drop(unsafe { Sender::<String>::from_raw(raw) });
    assert_eq!(receiver.try_take(), Some(Err(Closed)));
    assert_recycled(&pool);
}

#[test]
fn no_time_at_all_still_takes_what_is_there() {
    let pool = Pool::new(4);
    let (sender, receiver) = pool.channel();
    assert_eq!(sender.send(5), Ok(()));
    assert_eq!(receiver.wait(Duration::ZERO), Ok(5));
    let (sender, receiver) = pool.channel::<u64>();
    assert_eq!(receiver.wait(Duration::ZERO), Err(WaitError::TimedOut));
    assert_eq!(sender.send(6), Err(6));
}

#[test]
fn a_wait_without_an_end() {
    let (sender, receiver) = Pool::new(4).channel();
    let waiting = thread::spawn(move || receiver.wait(Duration::MAX));
    thread::sleep(Duration::from_millis(5));
    assert_eq!(sender.send(8), Ok(()));
    assert_eq!(waiting.join().unwrap(), Ok(8));
}

#[test]
fn unparks_meant_for_others_do_not_end_a_wait() {
    let pool = Pool::new(4);
    let (sender, receiver) = pool.channel();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let answer = receiver.wait(AMPLE);
            done.store(true, SeqCst);
            answer
        });
        for _ in 0..1_000 {
            waiting.thread().unpark();
            thread::yield_now();
        }
        assert!(!done.load(SeqCst));
        assert_eq!(sender.send(9), Ok(()));
        assert_eq!(waiting.join().unwrap(), Ok(9));
    });
}

#[test]
fn a_wait_while_the_thread_ends() {
    struct AsksAtTheEnd(RefCell<Option<(Receiver<u64>, mpsc::Sender<u64>)>>);

    impl Drop for AsksAtTheEnd {
        fn drop(&mut self) {
            let (receiver, result) = self.0.take().expect("set by the thread");
            result.send(receiver.wait(AMPLE).expect("answered")).expect("the test listens");
        }
    }

    thread_local! {
        static LAST: AsksAtTheEnd = const { AsksAtTheEnd(RefCell::new(None)) };
    }

    let pool = Pool::new(4);
    let (sender, receiver) = pool.channel();
    let (result, results) = mpsc::channel();
    let other_pool = Arc::clone(&pool);
    thread::spawn(move || {
        LAST.with(|last| last.0.replace(Some((receiver, result))));
        // The thread's waker is made after `LAST`, and so it is gone before it.
        let (_sender, receiver) = other_pool.channel::<u64>();
        assert_eq!(receiver.wait(Duration::from_micros(1)), Err(WaitError::TimedOut));
    });
    thread::sleep(Duration::from_millis(5));
    assert_eq!(sender.send(10), Ok(()));
    assert_eq!(results.recv(), Ok(10));
}

/// A seeded generator (xorshift); the low bits are good enough to choose by.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[derive(Default)]
struct Tally {
    asked: AtomicU64,
    made: AtomicU64,
    delivered: AtomicU64,
    returned: AtomicU64,
    received: AtomicU64,
    dropped_unseen: AtomicU64,
    drops: Arc<AtomicUsize>,
}

struct Ask {
    id: u64,
    sender: Sender<Tracked>,
}

fn answer_all(asks: &Mutex<mpsc::Receiver<Ask>>, tally: &Tally, seed: u64) {
    let mut random = Random(seed);
    loop {
        let ask = asks.lock().unwrap().recv();
        let Ok(Ask { id, sender }) = ask else { return };
        match random.below(8) {
            0 => {
                drop(sender);
                continue;
            }
            1 => thread::sleep(Duration::from_micros(random.below(200))),
            2 => thread::yield_now(),
            _ => {}
        }
        tally.made.fetch_add(1, Relaxed);
        match sender.send(Tracked { id, drops: Arc::clone(&tally.drops) }) {
            Ok(()) => tally.delivered.fetch_add(1, Relaxed),
            Err(value) => {
                assert_eq!(value.id, id);
                tally.returned.fetch_add(1, Relaxed)
            }
        };
    }
}

fn ask_all(pool: &Arc<Pool>, asks: &mpsc::Sender<Ask>, tally: &Tally, seed: u64, count: u64) {
    let mut random = Random(seed);
    let woken = Waker::from(Arc::new(Woken::default()));
    for id in (seed << 32..).take(count as usize) {
        let (sender, mut receiver) = pool.channel();
        asks.send(Ask { id, sender }).expect("the answering threads live on");
        tally.asked.fetch_add(1, Relaxed);
        let answer = match random.below(6) {
            0 => receiver.wait(Duration::from_micros(random.below(60))).ok(),
            1 => block_on(receiver).ok(),
            2 => match poll(&mut receiver, &woken) {
                Poll::Ready(answer) => answer.ok(),
                Poll::Pending => block_on(receiver).ok(),
            },
            3 => {
                // Cancelled: an answer that has come by then is dropped with the receiver.
                let seen = poll(&mut receiver, &woken);
                tally.dropped_unseen.fetch_add(u64::from(seen.is_pending()), Relaxed);
                match seen {
                    Poll::Ready(answer) => answer.ok(),
                    Poll::Pending => None,
                }
            }
            _ => receiver.wait(AMPLE).ok(),
        };
        if let Some(value) = answer {
            assert_eq!(value.id, id, "the answer belongs to the ask");
            tally.received.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn many_asks_of_many_threads() {
    ask_and_answer(&Pool::new(16));
}

/// Where every cell is freed after its use, an access that comes too late is what a sanitizer can see.
#[test]
fn many_asks_of_many_threads_without_recycling() {
    ask_and_answer(&Pool::new(0));
}

fn ask_and_answer(pool: &Arc<Pool>) {
    const ASKS_EACH: u64 = 10_000;
    let tally = Tally::default();
    let (asks, asked) = mpsc::channel();
    let asked = Mutex::new(asked);
    thread::scope(|scope| {
        for seed in 1..=2 {
            let (asked, tally) = (&asked, &tally);
            scope.spawn(move || answer_all(asked, tally, seed));
        }
        for seed in 11..=13 {
            let (tally, asks) = (&tally, asks.clone());
            scope.spawn(move || ask_all(pool, &asks, tally, seed, ASKS_EACH));
        }
        drop(asks);
    });
    let [asked, made, delivered, returned, received, unseen] =
        [&tally.asked, &tally.made, &tally.delivered, &tally.returned, &tally.received, &tally.dropped_unseen]
            .map(|count| count.load(Relaxed));
    assert_eq!(asked, 3 * ASKS_EACH);
    assert_eq!(made, delivered + returned);
    assert!(received <= delivered && delivered <= received + unseen, "only a cancelled ask loses a delivered answer");
    assert!(received > 0 && returned > 0 && made < asked, "the seeds reach each way");
    assert_eq!(tally.drops.load(Relaxed) as u64, made, "every value is dropped exactly once");
    assert_recycled(pool);
}

/// The sharpest race: both act on the channel at the same moment.
#[test]
fn an_answer_and_a_timeout_at_once_agree() {
    let pool = Pool::new(4);
    let both = Barrier::new(2);
    for round in 0..rounds(3_000) {
        let drops = Arc::new(AtomicUsize::new(0));
        let (sender, receiver) = pool.channel();
        let value = Tracked { id: round, drops: Arc::clone(&drops) };
        let (delivered, received) = thread::scope(|scope| {
            let sending = scope.spawn(|| {
                both.wait();
                sender.send(value).is_ok()
            });
            both.wait();
            let received = receiver.wait(Duration::from_nanos(round % 3 * 200)).is_ok();
            (sending.join().unwrap(), received)
        });
        assert_eq!(delivered, received, "what was delivered was received, and the other way around");
        assert_eq!(drops.load(SeqCst), 1);
    }
    assert_recycled(&pool);
}

// ---- futures ----

#[test]
fn a_future_gets_the_answer() {
    let pool = Pool::new(4);
    let (sender, receiver) = pool.channel();
    let answering = thread::spawn(move || sender.send("an answer".to_owned()));
    assert_eq!(block_on(receiver).as_deref(), Ok("an answer"));
    assert_eq!(answering.join().unwrap(), Ok(()));
    let (sender, receiver) = pool.channel::<u64>();
    let closing = thread::spawn(move || drop(sender));
    assert_eq!(block_on(receiver), Err(Closed));
    closing.join().unwrap();
}

#[test]
fn a_poll_too_many_does_no_harm() {
    let waker = Waker::noop();
    let (sender, mut receiver) = Pool::new(4).channel();
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(poll(&mut receiver, waker), Poll::Ready(Ok(1)));
    assert_eq!(poll(&mut receiver, waker), Poll::Ready(Err(Closed)));
    assert_eq!(receiver.wait(AMPLE), Err(WaitError::Closed));
}

#[test]
fn only_the_latest_waker_is_woken_and_none_is_kept() {
    let wakers: [Arc<Woken>; 3] = Default::default();
    let (sender, mut receiver) = Pool::new(4).channel();
    for woken in &wakers {
        assert_eq!(poll(&mut receiver, &Waker::from(Arc::clone(woken))), Poll::Pending);
    }
    assert_eq!(wakers.each_ref().map(Arc::strong_count), [1, 1, 2], "a waker that was replaced is dropped");
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(wakers.each_ref().map(|woken| woken.count()), [0, 0, 1]);
    assert_eq!(wakers.each_ref().map(Arc::strong_count), [1, 1, 1]);
    assert_eq!(receiver.try_take(), Some(Ok(1)));
}

#[test]
fn dropping_the_future_cancels() {
    let (pool, woken) = (Pool::new(4), Arc::new(Woken::default()));
    let (sender, mut receiver) = pool.channel();
    assert_eq!(poll(&mut receiver, &Waker::from(Arc::clone(&woken))), Poll::Pending);
    assert!(!sender.is_abandoned());
    drop(receiver);
    assert_eq!(Arc::strong_count(&woken), 1, "a task that has gone is not kept alive by the sender");
    assert!(sender.is_abandoned());
    assert_eq!(sender.send("late"), Err("late"));
    assert_eq!(woken.count(), 0);
    assert_recycled(&pool);
}

/// An executor may run the task within `wake`: the sender must have let go of the cell by then.
#[test]
fn a_waker_that_takes_the_answer_at_once() {
    #[derive(Default)]
    struct RunsInline {
        receiver: Mutex<Option<Receiver<String>>>,
        answer: Mutex<Option<Result<String, Closed>>>,
    }

    impl Wake for RunsInline {
        fn wake(self: Arc<Self>) {
            let receiver = self.receiver.lock().unwrap().take();
            *self.answer.lock().unwrap() = receiver.and_then(|mut receiver| receiver.try_take());
        }
    }

    let (pool, task) = (Pool::new(4), Arc::new(RunsInline::default()));
    let (sender, mut receiver) = pool.channel();
    assert_eq!(poll(&mut receiver, &Waker::from(Arc::clone(&task))), Poll::Pending);
    *task.receiver.lock().unwrap() = Some(receiver);
    assert_eq!(sender.send("inline".to_owned()), Ok(()));
    assert_eq!(task.answer.lock().unwrap().take(), Some(Ok("inline".to_owned())));
    assert_recycled(&pool);
}

// ---- panics ----

fn panics<R>(run: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

#[derive(PartialEq)]
enum Fault {
    Clone,
    Wake,
    Drop,
}

/// A waker that panics in one function of its vtable, and counts its clones and how many of them ended.
struct Faulty {
    fault: Fault,
    clones: AtomicUsize,
    ends: AtomicUsize,
}

impl Faulty {
    const fn new(fault: Fault) -> Self {
        Self { fault, clones: AtomicUsize::new(0), ends: AtomicUsize::new(0) }
    }

    /// Not a clone: it ends uncounted, and without a panic, as it is never dropped.
    fn waker(&'static self) -> std::mem::ManuallyDrop<Waker> {
        let raw = RawWaker::new(std::ptr::from_ref(self).cast(), &FAULTY);
        // SAFETY: the functions of the vtable are thread-safe and take the pointer for what it is, a `&'static Faulty`.
        std::mem::ManuallyDrop::new(unsafe { Waker::from_raw(raw) })
    }

    fn of(data: *const ()) -> &'static Self {
        // SAFETY: only `waker` makes wakers with this vtable, of a `&'static Faulty`.
        unsafe { &*data.cast() }
    }

    fn check(&self, fault: Fault) {
        assert!(self.fault != fault, "the fault of this waker");
    }

    fn all_ended(&self) -> bool {
        self.clones.load(SeqCst) == self.ends.load(SeqCst)
    }
}

static FAULTY: RawWakerVTable = RawWakerVTable::new(
    |data| {
        Faulty::of(data).check(Fault::Clone);
        Faulty::of(data).clones.fetch_add(1, SeqCst);
        RawWaker::new(data, &FAULTY)
    },
    |data| {
        Faulty::of(data).ends.fetch_add(1, SeqCst);
        Faulty::of(data).check(Fault::Wake);
    },
    |data| Faulty::of(data).check(Fault::Wake),
    |data| {
        Faulty::of(data).ends.fetch_add(1, SeqCst);
        Faulty::of(data).check(Fault::Drop);
    },
);

#[test]
fn a_waker_that_panics_when_woken() {
    static ANSWERED: Faulty = Faulty::new(Fault::Wake);
    static CLOSED: Faulty = Faulty::new(Fault::Wake);
    let pool = Pool::new(4);

    let (sender, mut receiver) = pool.channel();
    assert_eq!(poll(&mut receiver, &ANSWERED.waker()), Poll::Pending);
    assert!(panics(|| sender.send("delivered")));
    assert_eq!(receiver.try_take(), Some(Ok("delivered")));
    assert!(ANSWERED.all_ended());

    let (sender, mut receiver) = pool.channel::<u64>();
    assert_eq!(poll(&mut receiver, &CLOSED.waker()), Poll::Pending);
    assert!(panics(|| drop(sender)));
    assert_eq!(receiver.try_take(), Some(Err(Closed)));
    assert!(CLOSED.all_ended());
    assert_recycled(&pool);
}

#[test]
fn a_waker_that_panics_when_cloned() {
    static FAULTY: Faulty = Faulty::new(Fault::Clone);
    let (pool, first) = (Pool::new(4), Arc::new(Woken::default()));
    let (sender, mut receiver) = pool.channel();
    assert_eq!(poll(&mut receiver, &Waker::from(Arc::clone(&first))), Poll::Pending);
    assert!(panics(|| poll(&mut receiver, &FAULTY.waker())));
    assert_eq!(Arc::strong_count(&first), 1);
    assert_eq!(poll(&mut receiver, &Waker::from(Arc::clone(&first))), Poll::Pending, "the receiver stays usable");
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(first.count(), 1);
    assert_eq!(receiver.try_take(), Some(Ok(1)));
    assert_recycled(&pool);
}

#[test]
fn a_waker_that_panics_when_dropped() {
    static REPLACED: Faulty = Faulty::new(Fault::Drop);
    static ABANDONED: Faulty = Faulty::new(Fault::Drop);
    let (pool, second) = (Pool::new(4), Arc::new(Woken::default()));

    let (sender, mut receiver) = pool.channel();
    assert_eq!(poll(&mut receiver, &REPLACED.waker()), Poll::Pending);
    assert!(panics(|| poll(&mut receiver, &Waker::from(Arc::clone(&second)))));
    assert!(REPLACED.all_ended());
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(second.count(), 1, "the new waker was registered before the old one was dropped");
    assert_eq!(receiver.try_take(), Some(Ok(1)));

    let (sender, mut receiver) = pool.channel();
    assert_eq!(poll(&mut receiver, &ABANDONED.waker()), Poll::Pending);
    assert!(panics(|| drop(receiver)));
    assert!(ABANDONED.all_ended());
    assert_eq!(sender.send(2), Err(2));
    assert_recycled(&pool);
}

#[test]
fn a_value_that_panics_when_dropped() {
    struct Bomb(Arc<AtomicUsize>);

    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
            panic!("the fault of this value");
        }
    }

    let (pool, drops) = (Pool::new(4), Arc::new(AtomicUsize::new(0)));
    let (sender, receiver) = pool.channel();
    assert!(sender.send(Bomb(Arc::clone(&drops))).is_ok());
    assert!(panics(|| drop(receiver)));
    assert_eq!(drops.load(SeqCst), 1);
    assert_recycled(&pool);
}
