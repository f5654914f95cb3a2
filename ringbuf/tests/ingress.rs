//! An ingress against a queue of what should be in it, and between real threads.

#![cfg(not(loom))]

mod messages;
mod rounds;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
use hippodrome_ringbuf::ingress::{Receiver, Sender, ingress};
use hippodrome_ringbuf::lane::{CapacityError, MIN_LANE_BYTES, Refused, max_envelope_bytes};
use hippodrome_ringbuf::{HEADER_BYTES, envelope_bytes};
use messages::{Filled, Ledger, Ring, SHAPES, TestKind, assert_explodes, dice, layout, push, push_tracked, take};
use proptest::prelude::*;
use rounds::rounds;

fn ingress_of(bytes: usize) -> (Sender<TestKind>, Receiver<TestKind>) {
    ingress(bytes, Arc::new(Doorbell::new()), Signal::Flag(0)).unwrap()
}

/// Takes the next message out, and says its tag.
fn pop(receiver: &mut Receiver<TestKind>) -> Option<u64> {
    receiver.pop_with(|kind, tag, message| {
        // SAFETY: `pop_with` gives each message once.
        unsafe { take(kind, tag, message) };
        tag
    })
}

#[test]
fn a_capacity_that_is_not_allowed_is_named() {
    for bytes in [0, 100, 256, 3 << 10, usize::MAX] {
        let error = ingress::<TestKind>(bytes, Arc::new(Doorbell::new()), Signal::Flag(0)).err();
        assert_eq!(error, Some(CapacityError { bytes }));
    }
}

#[test]
#[should_panic(expected = "flag 16 is not below 16")]
fn a_signal_that_no_bell_knows_is_found_before_it_rings() {
    let _ = ingress::<TestKind>(MIN_LANE_BYTES, Arc::new(Doorbell::new()), Signal::Flag(16));
}

proptest! {
    #[test]
    fn an_ingress_is_a_queue(
        bits in 9_u32..17,
        // Shapes are pushed, everything above pops as many.
        steps in prop::collection::vec(0..SHAPES + 4, 1..500),
    ) {
        let (mut sender, mut receiver) = ingress_of(1 << bits);
        let limit = max_envelope_bytes(1 << bits);
        let mut tags = VecDeque::new();
        let mut next_tag = 0;
        for step in steps {
            if step >= SHAPES {
                for _ in SHAPES..=step {
                    prop_assert_eq!(pop(&mut receiver), tags.pop_front());
                }
            } else {
                let bytes = envelope_bytes(layout(step));
                match push(&mut sender, step, next_tag) {
                    Ok(()) => {
                        prop_assert!(bytes <= limit);
                        tags.push_back(next_tag);
                        next_tag += 1;
                    }
                    Err(Refused::Full) => prop_assert!(bytes <= limit && !tags.is_empty()),
                    Err(refused) => prop_assert_eq!(refused, Refused::TooLarge { bytes, limit }),
                }
            }
            prop_assert_eq!(receiver.is_drained(), tags.is_empty());
            prop_assert_eq!(sender.depth_bytes() == 0, tags.is_empty());
        }
        while let Some(tag) = pop(&mut receiver) {
            prop_assert_eq!(Some(tag), tags.pop_front());
        }
        prop_assert!(tags.is_empty());
    }
}

#[test]
fn the_largest_envelope_fits_wherever_the_lap_stands_and_a_larger_one_comes_back() {
    const LARGEST: usize = max_envelope_bytes(1024) - HEADER_BYTES;
    const LARGER: usize = LARGEST + 1;
    let (mut sender, mut receiver) = ingress_of(1024);
    for tag in 0..1000 {
        // SAFETY: the kinds are of these types.
        unsafe {
            let message = Filled::<u8, LARGER>::new(tag);
            let (refused, back) = Ring::push(&mut sender, Filled::<u8, LARGER>::KIND, tag, message).err().unwrap();
            assert_eq!(
                refused,
                Refused::TooLarge { bytes: max_envelope_bytes(1024) + 8, limit: LARGEST + HEADER_BYTES }
            );
            back.check(tag);
            let message = Filled::<u8, LARGEST>::new(tag);
            assert!(Ring::push(&mut sender, Filled::<u8, LARGEST>::KIND, tag, message).is_ok());
        }
        assert_eq!(pop(&mut receiver), Some(tag));
        if tag % 3 == 0 {
            push(&mut sender, 0, 0).unwrap();
            assert_eq!(pop(&mut receiver), Some(0));
        }
    }
}

/// The tag of a sender's message: its sender, and its place in that sender's order.
fn tag(sender: u64, order: u64) -> u64 {
    sender << 32 | order
}

fn send(mut sender: Sender<TestKind>, number: u64, count: u64) {
    let mut dice = dice(number + 1);
    for order in 0..count {
        while let Err(refused) = push(&mut sender, dice(9) as usize, tag(number, order)) {
            assert_eq!(refused, Refused::Full);
            thread::yield_now();
        }
    }
}

#[test]
fn each_sender_keeps_its_order() {
    for (senders, count, bytes) in
        [(1, 100_000, 1 << 16), (2, 60_000, 1 << 14), (3, 30_000, 1 << 12), (4, 10_000, 2048)]
    {
        let count = rounds(count);
        let (sender, mut receiver) = ingress_of(bytes);
        thread::scope(|scope| {
            for number in 0..senders {
                let sender = sender.clone();
                scope.spawn(move || send(sender, number, count));
            }
            let mut next = vec![0; senders as usize];
            for _ in 0..senders * count {
                let tag = loop {
                    match pop(&mut receiver) {
                        Some(tag) => break tag,
                        None => thread::yield_now(),
                    }
                };
                let order = &mut next[(tag >> 32) as usize];
                assert_eq!(tag as u32, *order);
                *order += 1;
            }
            assert!(next.iter().all(|&order| u64::from(order) == count));
            assert!(receiver.is_drained() && pop(&mut receiver).is_none());
        });
    }
}

#[test]
fn a_worker_that_parks_misses_nothing() {
    const COUNT: u64 = rounds(10_000);
    let bell = Arc::new(Doorbell::new());
    let (sender, mut receiver) = ingress(8192, bell.clone(), Signal::Flag(2)).unwrap();
    thread::scope(|scope| {
        for number in 0..3 {
            let sender = sender.clone();
            scope.spawn(move || send(sender, number, COUNT));
        }
        let mut read = 0;
        loop {
            while pop(&mut receiver).is_some() {
                read += 1;
            }
            if read == 3 * COUNT {
                break;
            }
            if receiver.unwatch() {
                receiver.watch();
                continue;
            }
            // Far longer than any run of the tests: what wakes the worker is the bell.
            bell.park(Duration::from_secs(3600));
            bell.take(|signal| assert_eq!(signal, Signal::Flag(2)));
            receiver.watch();
        }
    });
}

#[test]
fn a_message_is_accepted_and_dropped_or_given_back_when_the_receiver_goes() {
    const COUNT: usize = 200;
    for seed in 0..rounds(200) {
        let ledgers = [Ledger::new(COUNT), Ledger::new(COUNT)];
        let accepted = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let (sender, mut receiver) = ingress_of(2048);
        thread::scope(|scope| {
            for (ledger, accepted) in ledgers.iter().zip(&accepted) {
                let mut sender = sender.clone();
                scope.spawn(move || {
                    let mut made = 0;
                    while made < COUNT {
                        match push_tracked(&mut sender, ledger, made, false) {
                            Ok(()) => made += 1,
                            Err(Refused::Closed) => break,
                            Err(_) => thread::yield_now(),
                        }
                    }
                    assert!(made == COUNT || sender.is_closed());
                    accepted.store(made, Ordering::SeqCst);
                });
            }
            let mut read = 0;
            while read < dice(seed + 1)(2 * COUNT as u64) {
                match pop(&mut receiver) {
                    Some(_) => read += 1,
                    None => thread::yield_now(),
                }
            }
            drop(receiver);
        });
        // The ring's memory is still there, and nothing is in it.
        for (ledger, accepted) in ledgers.iter().zip(&accepted) {
            ledger.assert_dropped(0..accepted.load(Ordering::SeqCst));
        }
        assert_eq!(sender.depth_bytes(), 0);
    }
}

#[test]
fn what_was_accepted_before_closing_is_read() {
    let (mut sender, mut receiver) = ingress_of(1024);
    (0..4).for_each(|tag| push(&mut sender, 2, tag).unwrap());
    receiver.close();
    assert_eq!(push(&mut sender, 2, 4), Err(Refused::Closed));
    assert!(sender.is_closed() && sender.clone().is_closed());
    assert!(!receiver.is_drained());
    (0..4).for_each(|tag| assert_eq!(pop(&mut receiver), Some(tag)));
    assert!(receiver.is_drained());
    assert_eq!(pop(&mut receiver), None);
}

#[test]
fn a_message_that_was_only_looked_at_is_dropped_with_the_ring() {
    let ledger = Ledger::new(3);
    let (mut sender, mut receiver) = ingress_of(1024);
    (0..3).for_each(|number| push_tracked(&mut sender, &ledger, number, false).unwrap());
    assert_eq!(pop(&mut receiver), Some(0));
    assert!(receiver.unwatch());
    assert_eq!(receiver.front(), receiver.front());
    drop(receiver);
    ledger.assert_dropped(0..3);
}

#[test]
fn a_drop_that_panics_does_not_keep_the_others_from_theirs() {
    for explosive in [0, 5, 9] {
        let ledger = Ledger::new(10);
        let (mut sender, receiver) = ingress_of(4096);
        (0..10).for_each(|number| push_tracked(&mut sender, &ledger, number, number == explosive).unwrap());
        assert_explodes(|| drop(receiver));
        ledger.assert_dropped(0..10);
        assert_eq!(sender.depth_bytes(), 0);
    }
}

#[test]
fn a_message_whose_reader_panics_is_read_nevertheless() {
    let ledger = Ledger::new(3);
    let (mut sender, mut receiver) = ingress_of(1024);
    (0..3).for_each(|number| push_tracked(&mut sender, &ledger, number, number == 0).unwrap());
    assert_explodes(|| {
        pop(&mut receiver);
    });
    ledger.assert_dropped(0..1);
    assert_eq!(pop(&mut receiver), Some(1));
    drop(receiver);
    ledger.assert_dropped(0..3);
}
