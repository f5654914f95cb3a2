//! Lanes against a queue of what should be in them, and between real threads.

#![cfg(not(loom))]

mod messages;
mod rounds;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
use hippodrome_ringbuf::lane::{
    CapacityError, Consumer, MAX_LANE_BYTES, MIN_LANE_BYTES, Producer, Published, Refused, lane, max_envelope_bytes,
};
use hippodrome_ringbuf::{HEADER_BYTES, JUMP_TAG, Kind, end_of, envelope_bytes, header_at, message_at, tag_at};
use messages::{Filled, Ledger, SHAPES, TestKind, assert_explodes, dice, layout, push, push_raw, push_tracked, take};
use proptest::prelude::*;
use rounds::rounds;

type Ends = (Producer<TestKind>, Consumer<TestKind>);

fn lane_of(bytes: usize) -> Ends {
    lane(bytes, Arc::new(Doorbell::new()), Signal::Flag(0)).unwrap()
}

/// Takes the next message out, and says its tag.
fn pop(consumer: &mut Consumer<TestKind>) -> Option<u64> {
    let (kind, tag, message) = consumer.pop()?;
    // SAFETY: `pop` gives each message once.
    unsafe { take(kind, tag, message) };
    Some(tag)
}

/// Reads the rest of a batch in place, as a worker's turn does, at most so many messages.
fn read_run(consumer: &mut Consumer<TestKind>, most: usize, mut seen: impl FnMut(u64)) {
    let Some(front) = consumer.front() else { return };
    let mut envelope = front.as_ptr();
    for _ in 0..most {
        // SAFETY: up to the back lie envelopes and jumps, and this is where one begins.
        if envelope == consumer.back() || unsafe { tag_at(envelope) } == JUMP_TAG {
            break;
        }
        // SAFETY: as above: it is an envelope, of which the message is moved out once.
        let (kind, tag) = unsafe {
            let header = header_at::<TestKind>(envelope);
            (&*header.kind, header.tag)
        };
        let message = message_at(envelope, kind.layout());
        // SAFETY: as above.
        unsafe { take(kind, tag, message) };
        seen(tag);
        envelope = end_of(message, kind.layout());
    }
    // SAFETY: everything before `envelope` was moved out.
    unsafe { consumer.set_front(envelope) };
}

#[test]
fn a_capacity_that_is_not_allowed_is_named() {
    for bytes in [0, 1, 256, 511, 513, 768, 1000, MAX_LANE_BYTES + 1, MAX_LANE_BYTES * 2, usize::MAX] {
        let error = lane::<TestKind>(bytes, Arc::new(Doorbell::new()), Signal::Flag(0)).err();
        assert_eq!(error, Some(CapacityError { bytes }));
        let text = CapacityError { bytes }.to_string();
        for part in [bytes, MIN_LANE_BYTES, MAX_LANE_BYTES] {
            assert!(text.contains(&part.to_string()), "{text}");
        }
    }
    for bytes in [MIN_LANE_BYTES, 1024, 1 << 20] {
        assert!(lane::<TestKind>(bytes, Arc::new(Doorbell::new()), Signal::Flag(0)).is_ok());
    }
}

#[test]
#[should_panic(expected = "source 512 is not below 512")]
fn a_signal_that_no_bell_knows_is_found_before_it_rings() {
    let _ = lane::<TestKind>(MIN_LANE_BYTES, Arc::new(Doorbell::new()), Signal::Source(512));
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    PushRaw(usize),
    PushUntilRefused(usize),
    Publish,
    Pop(usize),
    ReadRun(usize),
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..SHAPES).prop_map(Step::Push),
        4 => (0..SHAPES).prop_map(Step::PushRaw),
        1 => (0..SHAPES).prop_map(Step::PushUntilRefused),
        6 => Just(Step::Publish),
        4 => (1_usize..8).prop_map(Step::Pop),
        4 => (1_usize..8).prop_map(Step::ReadRun),
        6 => Just(Step::Release),
    ]
}

/// A lane and what should be in it.
struct Pair {
    producer: Producer<TestKind>,
    consumer: Consumer<TestKind>,
    unpublished: VecDeque<u64>,
    published: VecDeque<u64>,
    next_tag: u64,
}

impl Pair {
    fn push(&mut self, shape: usize, raw: bool) -> Result<(), Refused> {
        let tag = self.next_tag;
        let pushed = if raw { push_raw(&mut self.producer, shape, tag) } else { push(&mut self.producer, shape, tag) };
        let (bytes, limit) = (envelope_bytes(layout(shape)), self.producer.max_envelope_bytes());
        match pushed {
            Ok(()) => {
                self.unpublished.push_back(tag);
                self.next_tag += 1;
            }
            Err(Refused::Full) => assert!(self.producer.depth_bytes() + self.producer.unpublished_bytes() > 0),
            Err(refused) => assert_eq!(refused, Refused::TooLarge { bytes, limit }),
        }
        assert!(bytes <= limit || pushed == Err(Refused::TooLarge { bytes, limit }));
        pushed
    }

    fn publish(&mut self) {
        assert_eq!(self.producer.publish(), Published::Seen);
        self.published.append(&mut self.unpublished);
    }

    /// Brings the lane to where it is empty, and every message finds room that is not too large for ever.
    fn empty(&mut self) {
        self.publish();
        while let Some(tag) = pop(&mut self.consumer) {
            assert_eq!(Some(tag), self.published.pop_front());
        }
        assert!(self.published.is_empty());
        self.consumer.release();
        assert!(self.producer.is_drained());
        assert_eq!(self.producer.depth_bytes(), 0);
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Push(shape) => drop(self.push(shape, false)),
            Step::PushRaw(shape) => drop(self.push(shape, true)),
            Step::PushUntilRefused(shape) => while self.push(shape, false).is_ok() {},
            Step::Publish => self.publish(),
            Step::Pop(most) => {
                for _ in 0..most {
                    assert_eq!(pop(&mut self.consumer), self.published.pop_front());
                }
            }
            Step::ReadRun(most) => {
                assert_eq!(self.consumer.front().is_some(), !self.published.is_empty());
                let published = &mut self.published;
                read_run(&mut self.consumer, most, |tag| assert_eq!(Some(tag), published.pop_front()));
            }
            Step::Release => self.consumer.release(),
        }
        assert_eq!(self.producer.unpublished_bytes() == 0, self.unpublished.is_empty());
    }
}

proptest! {
    #[test]
    fn a_lane_is_a_queue(bits in 9_u32..17, steps in prop::collection::vec(step(), 1..400)) {
        let (producer, consumer) = lane_of(1 << bits);
        let (unpublished, published) = (VecDeque::new(), VecDeque::new());
        let mut pair = Pair { producer, consumer, unpublished, published, next_tag: 0 };
        for (at, step) in steps.iter().enumerate() {
            pair.run(step);
            if at % 50 == 49 {
                pair.empty();
                let fits = envelope_bytes(layout(at % SHAPES)) <= pair.producer.max_envelope_bytes();
                prop_assert_eq!(pair.push(at % SHAPES, false).is_ok(), fits, "an empty lane has room");
            }
        }
        pair.empty();
    }

    #[test]
    fn a_dropped_lane_drops_what_is_in_it(
        bits in 9_u32..13,
        steps in prop::collection::vec(0_usize..5, 1..200),
        producer_first: bool,
    ) {
        let ledger = Ledger::new(steps.len());
        let (mut producer, mut consumer) = lane_of(1 << bits);
        let (mut made, mut read) = (0, 0);
        for step in steps {
            match step {
                0 | 1 => made += usize::from(push_tracked(&mut producer, &ledger, made, false).is_ok()),
                2 => assert_eq!(producer.publish(), Published::Seen),
                3 => read += usize::from(pop(&mut consumer).is_some()),
                _ => consumer.release(),
            }
        }
        ledger.assert_dropped(0..read);
        if producer_first {
            drop(producer);
            drop(consumer);
        } else {
            drop(consumer);
            drop(producer);
        }
        ledger.assert_dropped(0..made);
    }
}

#[test]
fn the_largest_envelope_fits_wherever_the_lap_stands_and_a_larger_one_comes_back() {
    const LARGEST: usize = max_envelope_bytes(MIN_LANE_BYTES) - HEADER_BYTES;
    const LARGER: usize = LARGEST + 8;
    let (mut producer, mut consumer) = lane_of(MIN_LANE_BYTES);
    for tag in 0..1000 {
        // SAFETY: the kinds are of these types.
        unsafe {
            let message = Filled::<u8, LARGER>::new(tag);
            let (refused, back) = producer.push(Filled::<u8, LARGER>::KIND, tag, message).err().unwrap();
            let limit = producer.max_envelope_bytes();
            assert_eq!(refused, Refused::TooLarge { bytes: limit + 8, limit });
            assert!(refused.to_string().contains(&limit.to_string()));
            back.check(tag);
            let raw = producer.push_raw(Filled::<u8, LARGER>::KIND, tag, (&raw const back).cast());
            assert_eq!(raw, Err(refused));
            let message = Filled::<u8, LARGEST>::new(tag);
            assert!(producer.push(Filled::<u8, LARGEST>::KIND, tag, message).is_ok());
        }
        assert_eq!(producer.publish(), Published::Seen);
        assert_eq!(pop(&mut consumer), Some(tag));
        // Each round begins in another line of the lap.
        if tag % 3 == 0 {
            consumer.release();
            push(&mut producer, 0, 0).unwrap();
            assert_eq!(producer.publish(), Published::Seen);
            assert_eq!(pop(&mut consumer), Some(0));
        }
        consumer.release();
    }
}

/// Sends the tags below `count` in batches of random sizes; a full lane is published before it is tried again.
fn send(mut producer: Producer<TestKind>, count: u64, shapes: &[usize], seed: u64) {
    let mut dice = dice(seed);
    for tag in 0..count {
        while let Err(refused) = push(&mut producer, shapes[dice(shapes.len() as u64) as usize], tag) {
            assert_eq!(refused, Refused::Full);
            assert_eq!(producer.publish(), Published::Seen);
            thread::yield_now();
        }
        if dice(8) == 0 {
            assert_eq!(producer.publish(), Published::Seen);
        }
    }
}

/// Reads the tags below `count` in order, and gives room back in slices of random sizes.
fn receive(mut consumer: Consumer<TestKind>, count: u64, seed: u64) {
    let (mut dice, mut next) = (dice(seed), 0);
    loop {
        let last = consumer.is_ended();
        let before = next;
        read_run(&mut consumer, 1 + dice(100) as usize, |tag| {
            assert_eq!(tag, next);
            next += 1;
        });
        if dice(4) == 0 {
            consumer.release();
        }
        if next == before {
            consumer.release();
            if last {
                break assert_eq!(next, count);
            }
            thread::yield_now();
        }
    }
}

#[test]
fn a_million_messages_arrive_in_order() {
    for (seed, bytes, count, shapes) in [
        (1, 1 << 16, 1_000_000, &[0, 1, 2, 3, 4, 8][..]),
        (2, 1 << 12, 300_000, &[0, 1, 2, 3, 4, 5, 8, 9][..]),
        (3, 1 << 16, 20_000, &[2, 6, 7, 9, 10][..]),
        (4, MIN_LANE_BYTES, 50_000, &[0, 2, 4, 8][..]),
    ] {
        let count = rounds(count);
        let (producer, consumer) = lane_of(bytes);
        thread::scope(|scope| {
            scope.spawn(|| send(producer, count, shapes, seed));
            receive(consumer, count, seed + 100);
        });
    }
}

#[test]
fn a_worker_that_parks_misses_nothing() {
    const COUNT: u64 = rounds(20_000);
    let bell = Arc::new(Doorbell::new());
    let (producer, mut consumer) = lane(4096, bell.clone(), Signal::Source(300)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| send(producer, COUNT, &[0, 2, 4, 8], 7));
        let mut next = 0;
        loop {
            while let Some(tag) = pop(&mut consumer) {
                assert_eq!(tag, next);
                next += 1;
            }
            consumer.release();
            if consumer.unwatch() {
                consumer.watch();
                continue;
            }
            if consumer.is_ended() && consumer.front().is_none() {
                break;
            }
            // Far longer than any run of the tests: what wakes the worker is the bell.
            bell.park(Duration::from_secs(3600));
            bell.take(|signal| assert_eq!(signal, Signal::Source(300)));
            consumer.watch();
        }
        assert_eq!(next, COUNT);
    });
}

#[test]
fn each_message_is_read_or_reclaimed_when_the_consumer_goes() {
    const COUNT: usize = 200;
    for seed in 0..rounds(300) {
        let ledger = Ledger::new(COUNT);
        let (mut producer, mut consumer) = lane_of(2048);
        let mut dice = dice(seed + 1);
        let reads = dice(100);
        let reader = thread::spawn(move || {
            for tag in 0..reads {
                loop {
                    if let Some(popped) = pop(&mut consumer) {
                        break assert_eq!(popped, tag);
                    }
                    consumer.release();
                    thread::yield_now();
                }
            }
            if reads.is_multiple_of(2) {
                consumer.close();
                while pop(&mut consumer).is_some() {}
            }
        });
        let mut made = 0;
        while made < COUNT && !producer.is_closed() {
            match push_tracked(&mut producer, &ledger, made, false) {
                Ok(()) => made += 1,
                Err(_) => thread::yield_now(),
            }
            if dice(5) == 0 && producer.publish() == Published::Closed {
                break;
            }
        }
        let _ = producer.publish();
        if made == COUNT {
            while !producer.is_closed() {
                thread::yield_now();
            }
        }
        let mut last = None;
        producer.reclaim(|kind, tag, message| {
            assert!(last.replace(tag) < Some(tag), "in order");
            // SAFETY: `reclaim` gives each message once.
            unsafe { take(kind, tag, message) };
        });
        reader.join().unwrap();
        ledger.assert_dropped(0..made);
        drop(producer);
        ledger.assert_dropped(0..made);
    }
}

/// Unlike one that is dropped, a consumer that finishes drops nothing by itself: each message is given to one of both.
#[test]
fn a_consumer_that_finishes_leaves_the_rest_to_the_producer() {
    for seed in 0..rounds(300) {
        const COUNT: u64 = 40;
        let ledger = Ledger::new(COUNT as usize);
        let (mut producer, consumer) = lane_of(4096);
        let pause = dice(seed + 1)(2000);
        let reader = thread::spawn(move || {
            (0..pause).for_each(|_| std::hint::spin_loop());
            let mut taken = 0;
            consumer.finish(|kind, tag, message| {
                assert_eq!(tag, taken, "in order");
                taken += 1;
                // SAFETY: `finish` gives each message once.
                unsafe { take(kind, tag, message) };
            });
            taken
        });
        let mut made = 0;
        while made < COUNT && push_tracked(&mut producer, &ledger, made as usize, false).is_ok() {
            made += 1;
            let _ = producer.publish();
        }
        let taken = reader.join().unwrap();
        let mut next = taken;
        producer.reclaim(|kind, tag, message| {
            assert_eq!(tag, next, "the rest begins where the consumer ended");
            next += 1;
            // SAFETY: `reclaim` gives each message once.
            unsafe { take(kind, tag, message) };
        });
        assert_eq!(next, made, "{taken} were taken by the consumer; some were dropped untold");
        ledger.assert_dropped(0..made as usize);
    }
}

#[test]
fn a_drop_that_panics_does_not_keep_the_others_from_theirs() {
    for explosive in [0, 7, 19] {
        for producer_first in [true, false] {
            let ledger = Ledger::new(20);
            let (mut producer, mut consumer) = lane_of(4096);
            (0..20).for_each(|number| push_tracked(&mut producer, &ledger, number, number == explosive).unwrap());
            assert_eq!(producer.publish(), Published::Seen);
            if explosive > 0 {
                assert_eq!(pop(&mut consumer), Some(0));
            }
            if producer_first {
                drop(producer);
                assert_explodes(|| drop(consumer));
            } else {
                assert_explodes(|| drop(consumer));
                ledger.assert_dropped(0..20);
                // The consumer has finished nevertheless: nobody waits for it.
                producer.reclaim(|_, tag, _| panic!("{tag} was dropped before"));
                drop(producer);
            }
            ledger.assert_dropped(0..20);
        }
    }
}

#[test]
fn a_reclaim_that_is_broken_off_drops_the_rest() {
    let ledger = Ledger::new(20);
    let (mut producer, consumer) = lane_of(4096);
    drop(consumer);
    (0..20).for_each(|number| push_tracked(&mut producer, &ledger, number, number == 7).unwrap());
    assert_eq!(producer.publish(), Published::Closed);
    // SAFETY: `reclaim` gives each message once.
    assert_explodes(|| producer.reclaim(|kind, tag, message| unsafe { take(kind, tag, message) }));
    ledger.assert_dropped(0..20);
    drop(producer);
    ledger.assert_dropped(0..20);
}

#[test]
fn a_producer_may_go_on_writing_until_it_is_refused() {
    let ledger = Ledger::new(100);
    let (mut producer, consumer) = lane_of(1024);
    drop(consumer);
    let (mut made, mut reclaimed) = (0, 0);
    let refused = loop {
        match push_tracked(&mut producer, &ledger, made, false) {
            Ok(()) => made += 1,
            Err(refused) => break refused,
        }
        if made % 2 == 0 {
            producer.reclaim(|kind, tag, message| {
                assert_eq!(tag, reclaimed);
                reclaimed += 1;
                // SAFETY: `reclaim` gives each message once.
                unsafe { take(kind, tag, message) };
            });
            ledger.assert_dropped(0..made);
        }
    };
    assert_eq!(refused, Refused::Closed);
    assert!(made > 2);
    drop(producer);
    ledger.assert_dropped(0..made);
}

#[test]
fn a_full_lane_behind_a_closed_consumer_says_closed() {
    let (mut producer, mut consumer) = lane_of(MIN_LANE_BYTES);
    producer.reclaim(|_, tag, _| panic!("{tag} is not in an open lane"));
    while push(&mut producer, 4, 0).is_ok() {}
    assert_eq!(push(&mut producer, 4, 0), Err(Refused::Full));
    consumer.close();
    assert!(producer.is_closed());
    assert!(!producer.is_finished(), "it may still read");
    assert_eq!(push(&mut producer, 4, 0), Err(Refused::Closed));
    assert_eq!(producer.publish(), Published::Closed);
    drop(consumer);
    assert!(producer.is_finished());
}
