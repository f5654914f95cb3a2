//! Every interleaving of a lane of eight lines, of which seven hold messages at once.
//!
//! Each model brings its lane to an interesting place on one thread, and then lets two threads meet there.

use std::time::Duration;

use loom::thread;

use super::*;
use crate::envelope::PlainKind;
use crate::envelope::probe::{LINE, Probe, TWO_LINES, assert_dropped, dropped, explore, take};

type Ends = (Producer<PlainKind>, Consumer<PlainKind>);

fn smallest() -> Ends {
    lane(MIN_LANE_BYTES, std::sync::Arc::new(Doorbell::new()), Signal::Flag(0)).unwrap()
}

/// A lane through which `lines` messages of a line each have gone: the numbers from 0 on.
fn after(lines: u64) -> Ends {
    let (mut producer, mut consumer) = smallest();
    for number in 0..lines {
        push::<LINE>(&mut producer, number);
        let _ = producer.publish();
        receive(&mut consumer, number..number + 1);
    }
    (producer, consumer)
}

/// Writes a message, as soon as there is room for it.
fn push<const WORDS: usize>(producer: &mut Producer<PlainKind>, number: u64) {
    let mut message = Probe::<WORDS>::new(number);
    // SAFETY: the kind is the probe's, which may be sent anywhere.
    while let Err((refused, back)) = unsafe { producer.push(Probe::<WORDS>::KIND, number, message) } {
        assert_eq!(refused, Refused::Full);
        message = back;
        thread::yield_now();
    }
}

fn push_and_publish<const WORDS: usize>(producer: &mut Producer<PlainKind>, number: u64) {
    push::<WORDS>(producer, number);
    assert_eq!(producer.publish(), Published::Seen);
}

/// Reads the messages of these numbers, and gives the room of each back at once.
fn receive(consumer: &mut Consumer<PlainKind>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        receive_one(consumer, number);
        consumer.release();
    }
}

fn receive_one(consumer: &mut Consumer<PlainKind>, number: u64) {
    loop {
        if let Some((kind, tag, message)) = consumer.pop() {
            // SAFETY: `pop` gives each message once, and only probes were pushed.
            return unsafe { take(kind, tag, message, number) };
        }
        thread::yield_now();
    }
}

/// Lets `write` run against a reader of the messages `first..end`, in a lane made by `start`.
fn race(start: fn() -> Ends, write: fn(&mut Producer<PlainKind>), first: u64, end: u64) {
    explore(3, move || {
        let (mut producer, mut consumer) = start();
        let writer = thread::spawn(move || {
            write(&mut producer);
            producer
        });
        receive(&mut consumer, first..end);
        assert!(consumer.front().is_none());
        assert!(writer.join().unwrap().is_drained());
        end
    });
}

#[test]
fn single_messages_arrive_in_order() {
    race(smallest, |producer| (0..3).for_each(|number| push_and_publish::<1>(producer, number)), 0, 3);
}

#[test]
fn a_batch_of_several_arrives_at_once() {
    let write = |producer: &mut Producer<_>| {
        push::<1>(producer, 0);
        push::<LINE>(producer, 1);
        push_and_publish::<0>(producer, 2);
        push::<0>(producer, 3);
        push_and_publish::<0>(producer, 4);
    };
    race(smallest, write, 0, 5);
}

#[test]
fn bytes_of_earlier_laps_are_not_taken_for_stamps() {
    // The first message lies over the word where, a lap later, the reader looks for the second stamp.
    let start = || {
        let (mut producer, mut consumer) = smallest();
        push_and_publish::<TWO_LINES>(&mut producer, 0);
        receive(&mut consumer, 0..1);
        for number in 1..7 {
            push_and_publish::<LINE>(&mut producer, number);
            receive(&mut consumer, number..number + 1);
        }
        (producer, consumer)
    };
    let write = |producer: &mut Producer<_>| {
        push_and_publish::<LINE>(producer, 7);
        push_and_publish::<TWO_LINES>(producer, 8);
        push_and_publish::<0>(producer, 9);
    };
    race(start, write, 7, 10);
}

#[test]
fn bytes_behind_a_jump_are_not_taken_for_stamps() {
    // A batch goes on from the lap's last line into the next, over the stamps of the first two.
    let start = || {
        let (mut producer, mut consumer) = after(6);
        push::<LINE>(&mut producer, 6);
        push_and_publish::<TWO_LINES>(&mut producer, 7);
        receive(&mut consumer, 6..8);
        for number in 8..13 {
            push_and_publish::<LINE>(&mut producer, number);
            receive(&mut consumer, number..number + 1);
        }
        (producer, consumer)
    };
    // Each of these three is looked for at a word where the batch lay: the first is small enough for the last line.
    let write = |producer: &mut Producer<_>| {
        push_and_publish::<0>(producer, 13);
        push_and_publish::<LINE>(producer, 14);
        push_and_publish::<LINE>(producer, 15);
    };
    race(start, write, 13, 16);
}

#[test]
fn a_jump_waits_for_room_behind_it() {
    // The next message would begin in the last line, and goes to the first two, of which one was not read.
    let start = || {
        let (mut producer, consumer) = after(1);
        (1..7).for_each(|number| push_and_publish::<LINE>(&mut producer, number));
        (producer, consumer)
    };
    race(start, |producer| (7..9).for_each(|number| push_and_publish::<TWO_LINES>(producer, number)), 1, 9);
}

/// A lane without room: it holds the messages 0 to 6, of a line each.
fn full() -> Ends {
    let (mut producer, consumer) = smallest();
    (0..7).for_each(|number| push_and_publish::<LINE>(&mut producer, number));
    // SAFETY: the kind is the probe's.
    assert!(unsafe { producer.push(Probe::<0>::KIND, 31, std::mem::ManuallyDrop::new(Probe::<0>::new(31))) }.is_err());
    (producer, consumer)
}

#[test]
fn a_full_lane_takes_more_after_a_release() {
    race(full, |producer| (7..9).for_each(|number| push_and_publish::<LINE>(producer, number)), 0, 9);
}

#[test]
fn a_consumer_that_goes_makes_room_for_a_producer_that_does_not_know() {
    explore(3, || {
        let (mut producer, consumer) = full();
        let reader = thread::spawn(move || drop(consumer));
        let mut message = Probe::<LINE>::new(7);
        loop {
            // SAFETY: the kind is the probe's, which may be sent anywhere.
            match unsafe { producer.push(Probe::<LINE>::KIND, 7, message) } {
                Ok(()) => break,
                Err((Refused::Full, back)) => message = back,
                Err((refused, _)) => {
                    assert_eq!(refused, Refused::Closed);
                    break;
                }
            }
            thread::yield_now();
        }
        drop(producer);
        reader.join().unwrap();
        8
    });
}

#[test]
fn who_sees_a_lane_drained_sees_what_was_done_before() {
    explore(3, || {
        let (mut producer, mut consumer) = smallest();
        let done = std::sync::Arc::new(Done(loom::cell::UnsafeCell::new(false)));
        let reader = thread::spawn({
            let done = done.clone();
            move || {
                receive_one(&mut consumer, 0);
                // SAFETY: the model checker sees to it that the producer does not look yet.
                done.0.with_mut(|done| unsafe { *done = true });
                consumer.release();
            }
        });
        push_and_publish::<0>(&mut producer, 0);
        while !producer.is_drained() {
            thread::yield_now();
        }
        // SAFETY: the model checker sees to it that the consumer's write came before.
        done.0.with(|done| assert!(unsafe { *done }));
        reader.join().unwrap();
        1
    });
}

/// What the consumer does with a message, where the producer can see it.
struct Done(loom::cell::UnsafeCell<bool>);

// SAFETY: loom checks each access; the model fails if two of them are not ordered.
unsafe impl Sync for Done {}
// SAFETY: as above.
unsafe impl Send for Done {}

#[test]
fn a_batch_waits_for_room_too() {
    // The first message goes to a line that was read, and nothing but the reader's release says so.
    let write = |producer: &mut Producer<_>| {
        push::<LINE>(producer, 7);
        push_and_publish::<LINE>(producer, 8);
    };
    race(full, write, 0, 9);
}

#[test]
fn room_is_given_back_within_a_batch() {
    // The first message ends within a line: that line stays the reader's, and the last of the new messages, of which
    // the next stamp would be there, waits for the second message.
    let start = || {
        let (mut producer, consumer) = smallest();
        push::<{ LINE + 1 }>(&mut producer, 0);
        push::<TWO_LINES>(&mut producer, 1);
        push::<{ LINE + 1 }>(&mut producer, 2);
        push_and_publish::<TWO_LINES>(&mut producer, 3);
        (producer, consumer)
    };
    let write = |producer: &mut Producer<_>| {
        push_and_publish::<LINE>(producer, 4);
        push_and_publish::<0>(producer, 5);
        push_and_publish::<LINE>(producer, 6);
    };
    race(start, write, 0, 7);
}

#[test]
fn a_closing_consumer_drops_or_leaves_each_message() {
    explore(3, || {
        let (mut producer, mut consumer) = smallest();
        push_and_publish::<0>(&mut producer, 0);
        let reader = thread::spawn(move || {
            receive_one(&mut consumer, 0);
        });
        push::<TWO_LINES>(&mut producer, 1);
        let first = producer.publish();
        push::<0>(&mut producer, 2);
        let second = producer.publish();
        if first == Published::Closed {
            assert_eq!(second, Published::Closed, "closed for good");
        }
        if second == Published::Closed {
            producer.reclaim(|kind, tag, message| {
                // SAFETY: `reclaim` gives each message once, and only probes were pushed.
                unsafe { take(kind, tag, message, tag) };
            });
            assert_dropped(3);
        }
        reader.join().unwrap();
        // Nothing is left for the memory's owner, as long as the producer did what it was told.
        assert_dropped(3);
        assert!(producer.is_drained() && producer.depth_bytes() == 0);
        3
    });
}

#[test]
fn what_was_written_behind_a_closed_consumer_is_reclaimed() {
    explore(3, || {
        let (mut producer, mut consumer) = smallest();
        push_and_publish::<0>(&mut producer, 0);
        let reader = thread::spawn(move || {
            consumer.close();
            // Neither of these opens it again.
            consumer.watch();
            while let Some((kind, tag, message)) = consumer.pop() {
                // SAFETY: `pop` gives each message once, and only probes were pushed.
                unsafe { take(kind, tag, message, tag) };
            }
            let _ = consumer.unwatch();
        });
        while !producer.is_closed() {
            thread::yield_now();
        }
        push::<0>(&mut producer, 1);
        let mut numbers = Vec::new();
        producer.reclaim(|kind, tag, message| {
            numbers.push(tag);
            // SAFETY: `reclaim` gives each message once, and only probes were pushed.
            unsafe { take(kind, tag, message, tag) };
        });
        assert!(numbers.is_sorted());
        assert_dropped(2);
        reader.join().unwrap();
        2
    });
}

#[test]
fn the_last_messages_of_a_producer_are_seen() {
    explore(3, || {
        let (mut producer, mut consumer) = smallest();
        let writer = thread::spawn(move || {
            push_and_publish::<0>(&mut producer, 0);
            push::<LINE>(&mut producer, 1);
        });
        let mut number = 0;
        loop {
            let last = consumer.is_ended();
            while let Some((kind, tag, message)) = consumer.pop() {
                // SAFETY: `pop` gives each message once, and only probes were pushed.
                unsafe { take(kind, tag, message, number) };
                number += 1;
            }
            if last {
                break;
            }
            thread::yield_now();
        }
        assert_eq!(number, 2);
        writer.join().unwrap();
        2
    });
}

#[test]
fn both_ends_go_at_once() {
    explore(3, || {
        let (mut producer, consumer) = after(7);
        push_and_publish::<0>(&mut producer, 7);
        push::<TWO_LINES>(&mut producer, 8);
        let reader = thread::spawn(move || drop(consumer));
        drop(producer);
        reader.join().unwrap();
        assert_eq!(dropped(), 9);
        9
    });
}

/// Reads all there is, until the producer has gone; parks whenever there is nothing to read. Nobody but the producer
/// wakes it, so that a wake-up that is missed blocks the model for ever.
fn read_and_park(consumer: &mut Consumer<PlainKind>, bell: &Doorbell) -> u64 {
    let mut number = 0;
    loop {
        while let Some((kind, tag, message)) = consumer.pop() {
            // SAFETY: `pop` gives each message once, and only probes were pushed.
            unsafe { take(kind, tag, message, number) };
            number += 1;
        }
        consumer.release();
        if consumer.unwatch() {
            consumer.watch();
            continue;
        }
        if consumer.is_ended() && consumer.front().is_none() {
            return number;
        }
        bell.park(Duration::MAX);
        bell.take(|signal| assert_eq!(signal, Signal::Source(70)));
        consumer.watch();
    }
}

#[test]
fn a_parked_worker_misses_no_publication() {
    explore(3, || {
        let bell = std::sync::Arc::new(Doorbell::new());
        let (mut producer, mut consumer) = lane(MIN_LANE_BYTES, bell.clone(), Signal::Source(70)).unwrap();
        // The worker is the spawned thread: the bell must not wake one that waits for another's end.
        let worker = thread::spawn(move || assert_eq!(read_and_park(&mut consumer, &bell), 2));
        push_and_publish::<0>(&mut producer, 0);
        push_and_publish::<0>(&mut producer, 1);
        // The producer stays until all was read: its going would wake the worker too.
        while !producer.is_drained() {
            thread::yield_now();
        }
        drop(producer);
        worker.join().unwrap();
        2
    });
}

/// What a worker is ordered to attach: a lane that another thread made for itself.
type Orders = std::sync::Arc<loom::sync::Mutex<Option<Consumer<PlainKind>>>>;

const ORDER: Signal = Signal::Flag(1);

/// A thread opens a lane to a worker, sends two messages and closes it. `serve` is what the worker does with the
/// consumer, once it has it; the worker has nothing else to wake for.
fn open_a_lane(serve: fn(Consumer<PlainKind>, &Doorbell)) {
    explore(3, move || {
        let bell = std::sync::Arc::new(Doorbell::new());
        let orders = Orders::default();
        let worker = thread::spawn({
            let (bell, orders) = (bell.clone(), orders.clone());
            move || {
                let mut is_ordered = false;
                while !is_ordered {
                    bell.park(Duration::MAX);
                    bell.take(|signal| is_ordered |= signal == ORDER);
                }
                let consumer = orders.lock().unwrap().take();
                serve(consumer.expect("an order comes before its signal"), &bell);
            }
        });
        let (mut producer, consumer) = lane(MIN_LANE_BYTES, bell.clone(), Signal::Source(70)).unwrap();
        *orders.lock().unwrap() = Some(consumer);
        bell.ring(ORDER);
        for number in 0..2 {
            push::<0>(&mut producer, number);
            if producer.publish() == Published::Closed {
                // SAFETY: `reclaim` gives each message once, and only probes were pushed.
                producer.reclaim(|kind, tag, message| unsafe { take(kind, tag, message, tag) });
                assert_dropped(number + 1);
            }
        }
        drop(producer);
        worker.join().unwrap();
        2
    });
}

#[test]
fn a_lane_opened_to_a_running_worker_is_read_to_its_end() {
    open_a_lane(|mut consumer, bell| assert_eq!(read_and_park(&mut consumer, bell), 2));
}

#[test]
fn a_lane_opened_to_a_worker_that_ends_gives_each_message_to_one_side() {
    open_a_lane(|consumer, _| {
        let mut next = 0;
        consumer.finish(|kind, tag, message| {
            // SAFETY: `finish` gives each message once, and only probes were pushed.
            unsafe { take(kind, tag, message, next) };
            next += 1;
        });
    });
}

#[test]
fn a_lane_opened_to_a_worker_that_has_gone_takes_nothing() {
    open_a_lane(|consumer, _| drop(consumer));
}
