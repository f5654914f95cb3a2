//! The bell between real threads.

#![cfg(not(loom))]

mod rounds;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use hippodrome_ringbuf::doorbell::{Doorbell, MAX_SOURCES, Signal, Woken};
use proptest::prelude::*;
use rounds::rounds;

/// Far longer than any run of the tests.
const LONG: Duration = Duration::from_secs(3600);

fn taken(bell: &Doorbell) -> Vec<Signal> {
    let mut signals = Vec::new();
    bell.take(|signal| signals.push(signal));
    signals
}

proptest! {
    #[test]
    fn what_rang_is_taken_once_in_order(
        sources: BTreeSet<u16>,
        flags in prop::collection::btree_set(0_u8..16, 0..16),
        twice: bool,
    ) {
        let bell = Doorbell::default();
        let sources: BTreeSet<u16> = sources.into_iter().map(|source| source % MAX_SOURCES as u16).collect();
        let signals: Vec<Signal> =
            sources.into_iter().map(Signal::Source).chain(flags.into_iter().map(Signal::Flag)).collect();
        for _ in 0..1 + usize::from(twice) {
            signals.iter().rev().for_each(|&signal| bell.ring(signal));
        }
        prop_assert_eq!(bell.is_rung(), !signals.is_empty());
        prop_assert_eq!(taken(&bell), signals);
        prop_assert!(!bell.is_rung());
        prop_assert_eq!(taken(&bell), []);
    }
}

#[test]
fn every_source_and_flag_has_a_bit_of_its_own() {
    let bell = Doorbell::new();
    for source in 0..MAX_SOURCES as u16 {
        bell.ring(Signal::Source(source));
        assert_eq!(taken(&bell), [Signal::Source(source)]);
    }
    for flag in 0..16 {
        bell.ring(Signal::Flag(flag));
        assert_eq!(taken(&bell), [Signal::Flag(flag)]);
    }
}

#[test]
#[should_panic(expected = "source 512 is not below 512")]
fn a_source_beyond_the_last_is_named() {
    Doorbell::new().ring(Signal::Source(512));
}

#[test]
#[should_panic(expected = "flag 16 is not below 16")]
fn a_flag_beyond_the_last_is_named() {
    Doorbell::new().ring(Signal::Flag(16));
}

#[test]
fn a_rung_bell_does_not_park() {
    let bell = Doorbell::new();
    bell.attach_current_thread();
    for signal in [Signal::Source(64), Signal::Flag(0)] {
        bell.ring(signal);
        assert_eq!(bell.park(LONG), Woken::AtOnce);
        assert_eq!(bell.park(LONG), Woken::AtOnce, "until it is taken");
        assert_eq!(taken(&bell), [signal]);
    }
}

#[test]
fn a_park_ends_when_its_time_is_over() {
    let bell = Doorbell::new();
    assert_eq!(bell.park(Duration::ZERO), Woken::TimedOut);
    assert_eq!(bell.park(Duration::from_millis(1)), Woken::TimedOut);
    assert!(!bell.is_rung());
    // Nobody is parked now: the next ringing is seen all the same.
    bell.ring(Signal::Flag(1));
    assert_eq!(taken(&bell), [Signal::Flag(1)]);
}

#[test]
fn a_parked_thread_is_woken() {
    let bell = Arc::new(Doorbell::new());
    let worker = thread::spawn({
        let bell = bell.clone();
        move || {
            // A park may end for no reason; what ends this loop is the bell alone.
            while bell.park(LONG) == Woken::TimedOut {}
            taken(&bell)
        }
    });
    thread::sleep(Duration::from_millis(20));
    bell.ring(Signal::Source(17));
    assert_eq!(worker.join().unwrap(), [Signal::Source(17)]);
}

#[test]
fn no_ringing_is_missed_by_a_worker_that_parks() {
    const RINGERS: usize = 4;
    const ROUNDS: u64 = rounds(5_000);
    let bell = Arc::new(Doorbell::new());
    // Each ringer waits until its last ringing was seen: one that is missed stops the test.
    let rung: [AtomicU64; RINGERS] = Default::default();
    let seen: [AtomicU64; RINGERS] = Default::default();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            bell.attach_current_thread();
            while !stop.load(Ordering::Relaxed) {
                bell.park(LONG);
                bell.take(|signal| match signal {
                    Signal::Source(source) => {
                        let ringer = usize::from(source) / 100;
                        let now = rung[ringer].load(Ordering::Relaxed);
                        assert_eq!(now, seen[ringer].load(Ordering::Relaxed) + 1, "rung once, and seen once");
                        seen[ringer].store(now, Ordering::Release);
                    }
                    Signal::Flag(flag) => assert_eq!(flag, 15),
                });
            }
        });
        let ringers: Vec<_> = (0..RINGERS)
            .map(|ringer| {
                let (bell, rung, seen) = (&bell, &rung, &seen);
                scope.spawn(move || {
                    for round in 1..=ROUNDS {
                        rung[ringer].store(round, Ordering::Relaxed);
                        bell.ring(Signal::Source(ringer as u16 * 100));
                        while seen[ringer].load(Ordering::Acquire) != round {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
        stop.store(true, Ordering::Relaxed);
        bell.ring(Signal::Flag(15));
        worker.join().unwrap();
    });
}
