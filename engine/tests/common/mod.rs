//! What the feature tests share: patience, and small actors.

#![allow(dead_code, reason = "each test program uses a part of this")]

pub(crate) mod source;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use hippodrome::{DeadLetterReason, Engine, Handle, Host, ManualClock};

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The next thing that an actor tells a test.
#[track_caller]
pub(crate) fn next<T>(from: &Receiver<T>) -> T {
    from.recv_timeout(PATIENCE).expect("nothing came")
}

/// The next `count` things that actors tell a test.
#[track_caller]
pub(crate) fn take<T>(from: &Receiver<T>, count: usize) -> Vec<T> {
    (0..count).map(|_| next(from)).collect()
}

/// An engine whose workers are not pinned, so that tests which run at the same time do not stand in line.
pub(crate) fn engine(workers: usize) -> Engine {
    Engine::builder().unpinned_workers(workers).start().expect("the engine starts")
}

/// A host on a clock that stands still.
pub(crate) fn host(workers: usize) -> (Host, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let host = Engine::builder().unpinned_workers(workers).clock(clock.clone()).host().expect("the host is made");
    (host, clock)
}

/// Polls a host until it has nothing to do.
pub(crate) fn settle(host: &mut Host) {
    while host.poll(u64::MAX) > 0 {}
}

/// How many messages became dead letters for this reason.
pub(crate) fn dead(handle: &Handle, reason: DeadLetterReason) -> u64 {
    handle.stats().dead_letters().get(reason)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor: runs one future on the calling thread.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let deadline = Instant::now() + PATIENCE;
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            return output;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "the future was not woken");
        thread::park_timeout(left);
    }
}
