//! Models of the protocol, of which loom explores every interleaving.
//!
//! Loom itself fails a model that misses a wake-up (a deadlock), touches a slot or a value without an ordering that
//! allows it, leaks a cell, or frees one twice.

use super::{Closed, Pool, Receiver, Sender};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::pin::Pin;
use std::sync::Arc;
// These count what happened and take no part in the protocol, so they need not be explored.
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

/// Counts how often it was dropped.
#[derive(Debug)]
struct Value(Arc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// What a task waits for. (Not a parked thread: loom takes a late unpark of a thread that joins another amiss.)
#[derive(Default)]
struct Signal {
    given: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn wait(&self) {
        let mut given = self.given.lock().unwrap();
        while !*given {
            given = self.changed.wait(given).unwrap();
        }
        *given = false;
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        *self.given.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// Polls `polls` times before it waits, and again when it is woken.
fn block_on(mut receiver: Receiver<Value>, polls: usize) -> Result<Value, Closed> {
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    loop {
        for _ in 0..polls {
            if let Poll::Ready(answer) = Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker)) {
                return answer;
            }
        }
        signal.wait();
    }
}

fn poll(receiver: &mut Receiver<Value>, woken: &Arc<Woken>) -> Poll<Result<Value, Closed>> {
    let waker = Waker::from(Arc::clone(woken));
    Pin::new(receiver).poll(&mut Context::from_waker(&waker))
}

/// What one side does, given its end of the channel and the value to send.
type SenderSide = fn(Sender<Value>, Value) -> bool;
type ReceiverSide = fn(Receiver<Value>, &Arc<Woken>) -> bool;

fn answers(sender: Sender<Value>, value: Value) -> bool {
    sender.send(value).is_ok()
}

fn closes(sender: Sender<Value>, value: Value) -> bool {
    drop((sender, value));
    false
}

fn abandons(receiver: Receiver<Value>, _: &Arc<Woken>) -> bool {
    drop(receiver);
    false
}

fn polls_and_abandons(mut receiver: Receiver<Value>, woken: &Arc<Woken>) -> bool {
    matches!(poll(&mut receiver, woken), Poll::Ready(Ok(_)))
}

/// Runs the two sides at once, and lets `judge` see whether the sender thought its answer delivered, whether the
/// receiver got one, and how often the counting waker was woken.
fn explore(sender_side: SenderSide, receiver_side: ReceiverSide, judge: fn(bool, bool, usize)) {
    crate::explore::explore(None, move || {
        let (dropped, woken) = (Arc::new(AtomicUsize::new(0)), Arc::new(Woken::default()));
        let pool = Pool::new(4);
        let (sender, receiver) = pool.channel();
        let value = Value(Arc::clone(&dropped));
        let other = thread::spawn(move || sender_side(sender, value));
        let received = receiver_side(receiver, &woken);
        let delivered = other.join().unwrap();
        judge(delivered, received, woken.0.load(Relaxed));
        assert_eq!(dropped.load(Relaxed), 1, "the value is dropped exactly once");
        assert_eq!(Arc::strong_count(&woken), 1, "no waker is left");
        assert_eq!((pool.counts().allocated, pool.counts().freed), (1, 1), "the cell is released");
        assert_eq!(Arc::strong_count(&pool), 1, "the cell's hold on the pool is released");
    });
}

#[test]
fn an_answer_wakes_a_future() {
    explore(
        answers,
        |receiver, _| block_on(receiver, 1).is_ok(),
        |delivered, received, _| assert!(delivered && received),
    );
}

#[test]
fn a_close_wakes_a_future() {
    explore(closes, |receiver, _| block_on(receiver, 1).is_ok(), |_, received, _| assert!(!received));
}

/// The future moves to another task, whose waker is the one that counts from then on.
fn polls_with_two_wakers(mut receiver: Receiver<Value>, woken: &Arc<Woken>) -> bool {
    match poll(&mut receiver, woken) {
        Poll::Ready(answer) => answer.is_ok(),
        Poll::Pending => block_on(receiver, 1).is_ok(),
    }
}

#[test]
fn an_answer_wakes_the_latest_waker() {
    explore(answers, polls_with_two_wakers, |delivered, received, _| assert!(delivered && received));
}

#[test]
fn a_close_wakes_the_latest_waker() {
    explore(closes, polls_with_two_wakers, |_, received, _| assert!(!received));
}

#[test]
fn polling_again_with_the_same_waker_keeps_it() {
    explore(
        answers,
        |receiver, _| block_on(receiver, 2).is_ok(),
        |delivered, received, _| assert!(delivered && received),
    );
}

#[test]
fn an_answer_and_a_drop_at_once() {
    explore(answers, abandons, |_, _, woken| assert_eq!(woken, 0));
}

#[test]
fn an_answer_and_a_drop_after_a_poll_at_once() {
    explore(answers, polls_and_abandons, |delivered, received, woken| {
        assert!(delivered || !received);
        assert!(woken <= 1);
    });
}

#[test]
fn both_dropped_at_once() {
    explore(closes, abandons, |_, _, _| ());
}

#[test]
fn both_dropped_at_once_after_a_poll() {
    explore(closes, polls_and_abandons, |_, received, woken| {
        assert!(!received);
        assert!(woken <= 1);
    });
}

/// What a wait does whose time is up.
fn gives_up(mut receiver: Receiver<Value>, _: &Arc<Woken>) -> bool {
    matches!(receiver.give_up(), Some(Ok(_)))
}

fn polls_and_gives_up(mut receiver: Receiver<Value>, woken: &Arc<Woken>) -> bool {
    matches!(poll(&mut receiver, woken), Poll::Ready(Ok(_))) || gives_up(receiver, woken)
}

#[test]
fn an_answer_and_a_timeout_agree() {
    explore(answers, gives_up, |delivered, received, _| assert_eq!(delivered, received));
    explore(answers, polls_and_gives_up, |delivered, received, _| assert_eq!(delivered, received));
}

#[test]
fn an_answer_that_is_seen_is_there() {
    explore(
        answers,
        |mut receiver, _| {
            let first = receiver.try_take();
            let seen = matches!(first, Some(Ok(_)));
            assert!(seen || first.is_none());
            assert!(!seen || matches!(receiver.try_take(), Some(Err(Closed))), "an answer is taken once");
            seen || gives_up(receiver, &Arc::default())
        },
        |delivered, received, _| assert_eq!(delivered, received),
    );
}

#[test]
fn an_abandoned_sender_gets_its_value_back() {
    explore(
        |sender, value| {
            if sender.is_abandoned() {
                // Once true it stays true, and the value comes back.
                sender.send(value).expect_err("the receiver is gone");
                return false;
            }
            sender.send(value).is_ok()
        },
        gives_up,
        |delivered, received, _| assert_eq!(delivered, received),
    );
}
