//! Every interleaving of a bell with its ringers and its worker.
//!
//! The worker is always a spawned thread: the bell must not wake one that waits for another's end.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;

use super::*;

fn model(body: impl Fn() + Sync + Send + 'static) {
    crate::explore::explore(Some(3), body);
}

/// Parks until all of `signals` have rung, and does `seen` for each.
fn answer(bell: &Doorbell, signals: &[Signal], mut seen: impl FnMut(Signal)) {
    let mut missing = signals.to_vec();
    while !missing.is_empty() {
        // A park that somebody ended leaves something to take; one that is not ended blocks the model for ever.
        let woken = bell.park(Duration::MAX);
        assert!(bell.is_rung() || woken == Woken::TimedOut);
        bell.take(|signal| {
            missing.retain(|&other| other != signal);
            seen(signal);
        });
    }
}

/// What was written before the ringing; the worker reads it when it has seen the signal.
struct News(UnsafeCell<u32>);

// SAFETY: loom checks each access; the models fail if two of them are not ordered.
unsafe impl Sync for News {}
// SAFETY: as above.
unsafe impl Send for News {}

/// Each of `signals` is rung by a thread of its own.
fn ring_with_news(signals: [Signal; 2]) {
    model(move || {
        let bell = Arc::new(Doorbell::new());
        let news = Arc::new(signals.map(|signal| (signal, News(UnsafeCell::new(0)))));
        let worker = thread::spawn({
            let (bell, news) = (bell.clone(), news.clone());
            move || {
                answer(&bell, &signals, |signal| {
                    let (_, word) = news.iter().find(|(other, _)| *other == signal).unwrap();
                    // SAFETY: loom checks that the write came before.
                    word.0.with(|word| assert_eq!(unsafe { *word }, 1));
                });
            }
        });
        let tell = |bell: &Doorbell, (signal, word): &(Signal, News)| {
            // SAFETY: loom checks that nobody reads yet.
            word.0.with_mut(|word| unsafe { *word = 1 });
            bell.ring(*signal);
        };
        let other = thread::spawn({
            let (bell, news) = (bell.clone(), news.clone());
            move || tell(&bell, &news[1])
        });
        tell(&bell, &news[0]);
        other.join().unwrap();
        worker.join().unwrap();
        bell.take(|signal| panic!("{signal:?} was taken before"));
    });
}

#[test]
fn a_worker_wakes_for_a_source_and_a_flag() {
    ring_with_news([Signal::Source(511), Signal::Flag(15)]);
}

#[test]
fn a_worker_wakes_for_two_sources_of_one_word() {
    ring_with_news([Signal::Source(64), Signal::Source(127)]);
}

#[test]
fn a_worker_wakes_for_every_ringing_of_one_source() {
    model(|| {
        let bell = Arc::new(Doorbell::new());
        // How often it was rung: read anew for each signal, since two of them may become one.
        let rung = Arc::new(loom::sync::atomic::AtomicU64::new(0));
        let worker = thread::spawn({
            let (bell, rung) = (bell.clone(), rung.clone());
            move || {
                bell.attach_current_thread();
                let mut seen = 0;
                while seen < 2 {
                    bell.park(Duration::MAX);
                    bell.take(|signal| {
                        assert_eq!(signal, Signal::Source(0));
                        seen = rung.load(Ordering::Relaxed);
                    });
                }
            }
        });
        for _ in 0..2 {
            rung.fetch_add(1, Ordering::Relaxed);
            bell.ring(Signal::Source(0));
        }
        worker.join().unwrap();
    });
}

#[test]
fn what_rang_is_taken_once() {
    model(|| {
        let bell = Arc::new(Doorbell::new());
        let ringer = thread::spawn({
            let bell = bell.clone();
            move || bell.ring(Signal::Source(3))
        });
        let mut seen = 0;
        bell.take(|_| seen += 1);
        ringer.join().unwrap();
        bell.take(|_| seen += 1);
        bell.take(|_| seen += 1);
        assert_eq!(seen, 1);
    });
}

#[test]
fn a_park_that_ends_in_time_loses_no_ring() {
    model(|| {
        let bell = Arc::new(Doorbell::new());
        let signals = [Signal::Source(5), Signal::Flag(0)];
        let worker = thread::spawn({
            let bell = bell.clone();
            move || {
                let mut seen = Vec::new();
                // The time is over in the same moment: whoever rings now may see a worker that is parked, or not any
                // more, or not yet.
                match bell.park(Duration::ZERO) {
                    Woken::TimedOut => {}
                    Woken::AtOnce | Woken::Rung => {
                        bell.take(|signal| seen.push(signal));
                        assert!(!seen.is_empty(), "what woke the worker is there to be taken");
                    }
                }
                // Somebody may still wake a worker that has gone on. It may not sleep for ever for that.
                let missing: Vec<_> = signals.into_iter().filter(|signal| !seen.contains(signal)).collect();
                answer(&bell, &missing, |_| ());
            }
        });
        signals.into_iter().for_each(|signal| bell.ring(signal));
        worker.join().unwrap();
    });
}
