//! Every interleaving of an ingress of eight lines.
//!
//! Each model brings its ring to an interesting place on one thread, and then lets the threads meet there.

use std::time::Duration;

use loom::thread;

use super::*;
use crate::envelope::PlainKind;
use crate::envelope::probe::{LINE, Probe, TWO_LINES, assert_dropped, explore, take};
use crate::lane::MIN_LANE_BYTES;

type Ends = (Sender<PlainKind>, Receiver<PlainKind>);

fn smallest() -> Ends {
    ingress(MIN_LANE_BYTES, std::sync::Arc::new(Doorbell::new()), Signal::Flag(0)).unwrap()
}

/// An ingress through which `lines` messages of a line each have gone: the numbers from 0 on.
fn after(lines: u64) -> Ends {
    let (sender, mut receiver) = smallest();
    for number in 0..lines {
        push::<LINE>(&sender, number);
        assert_eq!(receive_one(&mut receiver), number);
    }
    (sender, receiver)
}

/// An ingress without room: it holds the messages 0 to 3.
fn full() -> Ends {
    let (sender, receiver) = smallest();
    (0..4).for_each(|number| push::<TWO_LINES>(&sender, number));
    (sender, receiver)
}

/// Whether the message was accepted; waits for room.
fn try_push<const WORDS: usize>(sender: &Sender<PlainKind>, number: u64) -> bool {
    let mut message = Probe::<WORDS>::new(number);
    loop {
        // SAFETY: the kind is the probe's, which may be sent anywhere.
        match unsafe { sender.push(Probe::<WORDS>::KIND, number, message) } {
            Ok(()) => return true,
            Err((Refused::Closed, _)) => return false,
            Err((Refused::Full, back)) => message = back,
            Err((refused, _)) => panic!("{refused}"),
        }
        thread::yield_now();
    }
}

fn push<const WORDS: usize>(sender: &Sender<PlainKind>, number: u64) {
    assert!(try_push::<WORDS>(sender, number));
}

/// Reads a message, which says its number.
fn try_receive(receiver: &mut Receiver<PlainKind>) -> Option<u64> {
    receiver.pop_with(|kind, tag, message| {
        // SAFETY: `pop_with` gives each message once, and only probes were pushed.
        unsafe { take(kind, tag, message, tag) };
        tag
    })
}

fn receive_one(receiver: &mut Receiver<PlainKind>) -> u64 {
    loop {
        if let Some(number) = try_receive(receiver) {
            return number;
        }
        thread::yield_now();
    }
}

/// Lets two senders run against a receiver that reads the messages `first..end`, in a ring made by `start`. The first
/// sender's are those before `middle`: each sender's come in order.
fn race(start: fn() -> Ends, writes: [fn(&Sender<PlainKind>); 2], first: u64, middle: u64, end: u64) {
    explore(2, move || {
        let (sender, mut receiver) = start();
        let senders = writes.map(|write| {
            let sender = sender.clone();
            thread::spawn(move || write(&sender))
        });
        let mut next = [first, middle];
        for _ in first..end {
            let number = receive_one(&mut receiver);
            let from = usize::from(number >= middle);
            assert_eq!(number, next[from]);
            next[from] += 1;
        }
        assert_eq!(next, [middle, end]);
        assert!(receiver.is_drained() && receiver.front().is_none());
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        end
    });
}

#[test]
fn senders_keep_their_own_order() {
    race(
        smallest,
        [|sender| (0..2).for_each(|n| push::<1>(sender, n)), |sender| push::<TWO_LINES>(sender, 2)],
        0,
        2,
        3,
    );
}

#[test]
fn a_claim_goes_on_in_the_next_lap() {
    race(|| after(7), [|sender| push::<TWO_LINES>(sender, 7), |sender| push::<LINE>(sender, 8)], 7, 8, 9);
}

#[test]
fn bytes_of_earlier_laps_are_not_taken_for_stamps() {
    // The first message lies over the word where, a lap later, the receiver looks for the second stamp.
    let start = || {
        let (sender, mut receiver) = smallest();
        push::<TWO_LINES>(&sender, 0);
        assert_eq!(receive_one(&mut receiver), 0);
        for number in 1..7 {
            push::<LINE>(&sender, number);
            assert_eq!(receive_one(&mut receiver), number);
        }
        (sender, receiver)
    };
    race(start, [|sender| push::<LINE>(sender, 7), |sender| push::<0>(sender, 8)], 7, 8, 9);
}

#[test]
fn a_full_ring_takes_more_after_a_release() {
    explore(3, || {
        let (sender, mut receiver) = full();
        let writer = thread::spawn(move || {
            push::<LINE>(&sender, 4);
            push::<TWO_LINES>(&sender, 5);
        });
        (0..6).for_each(|number| assert_eq!(receive_one(&mut receiver), number));
        writer.join().unwrap();
        6
    });
}

#[test]
fn two_senders_share_the_last_room() {
    explore(3, || {
        let (sender, mut receiver) = full();
        let others = [4, 5].map(|number| {
            let sender = sender.clone();
            thread::spawn(move || {
                // SAFETY: the kind is the probe's, which may be sent anywhere.
                unsafe { sender.push(Probe::<TWO_LINES>::KIND, number, Probe::<TWO_LINES>::new(number)) }.is_ok()
            })
        });
        assert_eq!(receive_one(&mut receiver), 0);
        let accepted = others.map(|other| other.join().unwrap());
        assert!(accepted != [true, true], "two lines were given back, not four");
        (1..4).for_each(|number| assert_eq!(receive_one(&mut receiver), number));
        let last = try_receive(&mut receiver);
        assert_eq!(accepted, [last == Some(4), last == Some(5)]);
        assert!(receiver.is_drained());
        6
    });
}

#[test]
fn a_closing_receiver_takes_or_refuses_each_message() {
    explore(3, || {
        let (sender, mut receiver) = smallest();
        push::<0>(&sender, 0);
        push::<0>(&sender, 1);
        let others = [2, 3].map(|number| {
            let sender = sender.clone();
            thread::spawn(move || try_push::<TWO_LINES>(&sender, number))
        });
        assert_eq!(try_receive(&mut receiver), Some(0));
        // What was only looked at is dropped with the rest.
        assert!(receiver.unwatch());
        drop(receiver);
        let _ = others.map(|other| other.join().unwrap());
        // The ring's memory is still there, and nothing is in it.
        assert_dropped(4);
        assert_eq!(sender.depth_bytes(), 0);
        assert!(sender.is_closed() && !try_push::<0>(&sender, 4));
        5
    });
}

#[test]
fn a_closed_ring_is_drained_once_all_claims_are_read() {
    explore(3, || {
        let (sender, mut receiver) = smallest();
        let other = thread::spawn(move || u64::from(try_push::<0>(&sender, 0)) + u64::from(try_push::<0>(&sender, 1)));
        receiver.close();
        let mut number = 0;
        while !receiver.is_drained() {
            assert_eq!(receive_one(&mut receiver), number);
            number += 1;
        }
        assert_eq!(other.join().unwrap(), number);
        2
    });
}

#[test]
fn a_parked_receiver_misses_no_message() {
    explore(2, || {
        let bell = std::sync::Arc::new(Doorbell::new());
        let (sender, mut receiver) = ingress(MIN_LANE_BYTES, bell.clone(), Signal::Flag(3)).unwrap();
        // The worker is a spawned thread: the bell must not wake one that waits for another's end.
        let worker = thread::spawn(move || {
            let mut read = 0;
            loop {
                while try_receive(&mut receiver).is_some() {
                    read += 1;
                }
                if read == 2 {
                    break;
                }
                if receiver.unwatch() {
                    receiver.watch();
                    continue;
                }
                bell.park(Duration::MAX);
                bell.take(|signal| assert_eq!(signal, Signal::Flag(3)));
                receiver.watch();
            }
        });
        let other = sender.clone();
        let writer = thread::spawn(move || push::<0>(&other, 0));
        push::<0>(&sender, 1);
        writer.join().unwrap();
        worker.join().unwrap();
        2
    });
}
