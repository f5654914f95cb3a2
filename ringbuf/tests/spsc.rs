//! The single-producer ring: limits, layouts, batches, closing, panics, a model, and two threads.

#![cfg(not(loom))]

mod ledger;
mod rounds;

use std::collections::VecDeque;
use std::mem;
use std::thread;

use hippodrome_ringbuf::spsc::{self, Consumer, Producer};
use hippodrome_ringbuf::{CapacityError, ClaimError, PopError, PushError};
use ledger::{Ledger, Random, Tracked, panics, quiet_panic};
use proptest::prelude::*;
use rounds::rounds;

#[test]
fn every_capacity_is_exact() {
    for capacity in (1..=33).chain([100, 1000]) {
        let (mut producer, mut consumer) = spsc::ring(capacity).unwrap();
        assert_eq!((producer.capacity(), consumer.capacity()), (capacity, capacity));
        for lap in 0..3 {
            for value in 0..capacity {
                assert_eq!(producer.len(), value);
                producer.push(lap + value).unwrap();
            }
            assert_eq!(producer.push(9), Err(PushError::Full(9)));
            assert_eq!(producer.claim(1).err(), Some(ClaimError::Full));
            for value in 0..capacity {
                assert_eq!(consumer.len(), capacity - value);
                assert_eq!(consumer.pop(), Ok(lap + value));
            }
            assert_eq!(consumer.pop(), Err(PopError::Empty));
            assert!(producer.is_empty() && consumer.is_empty());
        }
    }
}

#[test]
fn bad_capacities_are_errors() {
    assert_eq!(spsc::ring::<u8>(0).err(), Some(CapacityError::Zero));
    let error = spsc::ring::<u8>(usize::MAX).unwrap_err();
    assert_eq!(error, CapacityError::TooLarge { capacity: usize::MAX, limit: 1 << 30 });
    assert_eq!(error.to_string(), format!("ring capacity {}: at most 1073741824 is allowed", usize::MAX));
}

#[test]
fn values_without_size_are_counted() {
    struct Nothing<'a>(&'a ());
    let unit = ();
    let (mut producer, mut consumer) = spsc::ring(3).unwrap();
    for _ in 0..3 {
        assert!(producer.push(()).is_ok());
    }
    assert_eq!(producer.push(()), Err(PushError::Full(())));
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.chunk(9).unwrap().as_slices(), (&[(), ()][..], &[][..]));
    assert_eq!(consumer.chunk(9).unwrap().into_iter().count(), 2);
    assert_eq!(consumer.pop(), Err(PopError::Empty));
    // Borrowed values need not outlive anything but the ring.
    let (mut producer, mut consumer) = spsc::ring(1).unwrap();
    assert!(producer.push(Nothing(&unit)).is_ok());
    assert_eq!(consumer.pop().map(|nothing| *nothing.0), Ok(()));
}

#[test]
fn large_and_aligned_values_keep_their_place() {
    #[repr(align(64))]
    struct Line(u8);
    #[repr(align(128))]
    struct Pair(u8);
    #[repr(align(4096))]
    struct Page(u8);
    struct Large([u64; 1000], u8);

    fn check<T>(make: impl Fn(u8) -> T, get: impl Fn(&T) -> u8) {
        let (mut producer, mut consumer) = spsc::ring(3).unwrap();
        for round in 0..9 {
            let mut claim = producer.claim(2).unwrap();
            assert_eq!(claim.fill([make(round), make(round + 100)]), 2);
            claim.publish();
            let chunk = consumer.chunk(2).unwrap();
            let (first, second) = chunk.as_slices();
            let found: Vec<_> = first.iter().chain(second).collect();
            assert_eq!([get(found[0]), get(found[1])], [round, round + 100]);
            assert!(found.iter().all(|&value| (value as *const T).addr().is_multiple_of(align_of::<T>())));
            chunk.commit(1);
            assert_eq!(consumer.pop().map(|value| get(&value)), Ok(round + 100));
        }
    }
    check(Line, |value| value.0);
    check(Pair, |value| value.0);
    check(Page, |value| value.0);
    check(
        |value| Large([value as u64; 1000], value),
        |value| {
            assert!(value.0.iter().all(|&word| word == value.1 as u64));
            value.1
        },
    );
}

/// A ring whose values lie around the end of its storage, with the ids from 0.
fn wrapped(ledger: &Ledger, capacity: usize, offset: usize, count: usize) -> (Producer<Tracked>, Consumer<Tracked>) {
    let (mut producer, mut consumer) = spsc::ring(capacity).unwrap();
    let other = Ledger::default();
    for value in other.values(offset) {
        assert!(producer.push(value).is_ok());
        assert!(consumer.pop().is_ok());
    }
    for value in ledger.values(count) {
        assert!(producer.push(value).is_ok());
    }
    (producer, consumer)
}

fn ids(values: impl IntoIterator<Item = Tracked>) -> Vec<usize> {
    values.into_iter().map(|value| value.id).collect()
}

#[test]
fn a_claim_publishes_at_once_or_not_at_all() {
    let ledger = Ledger::default();
    let (mut producer, mut consumer) = spsc::ring(4).unwrap();
    let mut claim = producer.claim(3).unwrap();
    assert_eq!((claim.len(), claim.remaining(), claim.is_empty()), (0, 3, true));
    assert!(claim.write(ledger.value()).is_ok());
    assert_eq!(claim.fill(ledger.values(9)), 2);
    assert_eq!(claim.write(ledger.value()).map_err(|value| value.id), Err(10));
    assert!(consumer.is_empty());
    assert_eq!(claim.publish(), 3);
    assert_eq!(consumer.len(), 3);

    // One slot is free, whatever was asked for.
    let mut claim = producer.claim(usize::MAX).unwrap();
    assert_eq!(claim.remaining(), 1);
    assert!(claim.write(ledger.value()).is_ok());
    drop(claim);
    assert_eq!(consumer.len(), 3);
    assert_eq!(producer.claim(0).unwrap().publish(), 0);
    assert_eq!(producer.claim(1).unwrap().publish(), 0);

    assert_eq!(ids(consumer.chunk(9).unwrap()), [0, 1, 2]);
    ledger.assert_each_dropped_once();
}

#[test]
fn a_chunk_is_consumed_as_far_as_it_is_committed() {
    let ledger = Ledger::default();
    let (_producer, mut consumer) = wrapped(&ledger, 8, 5, 6);
    let chunk = consumer.chunk(usize::MAX).unwrap();
    let (first, second) = chunk.as_slices();
    assert_eq!((first.len(), second.len()), (3, 3));
    assert!(first.iter().chain(second).map(|value| value.id).eq(0..6));
    drop(chunk);
    assert_eq!((consumer.len(), ledger.dropped()), (6, 0));
    consumer.chunk(6).unwrap().commit(0);
    assert_eq!((consumer.len(), ledger.dropped()), (6, 0));
    consumer.chunk(6).unwrap().commit(4);
    assert_eq!((consumer.len(), ledger.dropped()), (2, 4));
    assert_eq!(ids(consumer.chunk(6).unwrap().into_iter().take(1)), [4]);
    assert!(consumer.chunk(0).unwrap().is_empty());
    consumer.chunk(6).unwrap().commit(usize::MAX);
    assert_eq!(consumer.chunk(6).err(), Some(PopError::Empty));
    ledger.assert_each_dropped_once();
}

#[test]
fn closing_is_seen_by_both_sides() {
    let (mut producer, mut consumer) = spsc::ring(2).unwrap();
    producer.push(1).unwrap();
    assert!(!producer.is_closed() && !consumer.is_closed());
    consumer.close();
    assert!(producer.is_closed() && !consumer.is_closed());
    assert_eq!(producer.push(2), Err(PushError::Closed(2)));
    assert_eq!(producer.claim(1).err(), Some(ClaimError::Closed));
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.pop(), Err(PopError::Empty));
    drop(producer);
    assert!(consumer.is_closed());
    assert_eq!(consumer.pop(), Err(PopError::Closed));
    assert_eq!(consumer.chunk(1).err(), Some(PopError::Closed));

    let (mut producer, consumer) = spsc::ring(1).unwrap();
    producer.push(1).unwrap();
    drop(consumer);
    // Closed goes before full.
    assert_eq!(producer.push(2), Err(PushError::Closed(2)));

    let (mut producer, mut consumer) = spsc::ring(2).unwrap();
    producer.claim(2).unwrap().fill([1, 2]);
    producer.push(3).unwrap();
    drop(producer);
    assert_eq!(consumer.chunk(2).unwrap().as_slices().0, [3]);
    assert_eq!(consumer.pop(), Ok(3));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
}

#[test]
fn a_claim_may_outlast_the_consumer() {
    let ledger = Ledger::default();
    let (mut producer, consumer) = spsc::ring(2).unwrap();
    let mut claim = producer.claim(2).unwrap();
    claim.fill(ledger.values(2));
    drop(consumer);
    assert_eq!(claim.publish(), 2);
    drop(producer);
    ledger.assert_each_dropped_once();
}

#[test]
fn what_is_left_is_dropped_with_the_ring() {
    for offset in 0..4 {
        // By the consumer, by the last handle, and each with a value whose drop panics.
        for bomb in [None, Some(0), Some(1), Some(2), Some(3)] {
            let ledger = Ledger::default();
            let (producer, consumer) = wrapped(&ledger, 4, offset, 4);
            bomb.inspect(|&id| ledger.panic_when_dropped(id));
            assert_eq!(panics(|| drop(consumer)), bomb.is_some());
            ledger.assert_each_dropped_once();
            drop(producer);
            ledger.assert_each_dropped_once();

            let ledger = Ledger::default();
            let (mut producer, consumer) = wrapped(&ledger, 4, offset, 0);
            let mut claim = producer.claim(4).unwrap();
            claim.fill(ledger.values(4));
            drop(consumer);
            claim.publish();
            bomb.inspect(|&id| ledger.panic_when_dropped(id));
            assert_eq!(ledger.dropped(), 0);
            assert_eq!(panics(|| drop(producer)), bomb.is_some());
            ledger.assert_each_dropped_once();
        }
    }
}

#[test]
fn a_panic_in_a_filling_iterator_leaves_the_ring_usable() {
    let ledger = Ledger::default();
    let (mut producer, mut consumer) = wrapped(&ledger, 4, 2, 1);
    assert!(panics(|| {
        let mut claim = producer.claim(3).unwrap();
        let mut values = ledger.values(2).into_iter();
        claim.fill(std::iter::from_fn(|| Some(values.next().unwrap_or_else(|| quiet_panic()))));
        claim.publish()
    }));
    assert_eq!(ledger.dropped(), 2);

    // A claim that survives the panic still has what was written.
    let mut claim = producer.claim(3).unwrap();
    assert!(panics(|| claim.fill(std::iter::once(ledger.value()).chain(std::iter::from_fn(|| quiet_panic())))));
    assert_eq!(claim.len(), 1);
    claim.fill(ledger.values(1));
    assert_eq!(claim.publish(), 2);
    assert_eq!(ids(consumer.chunk(9).unwrap()), [0, 3, 4]);
    ledger.assert_each_dropped_once();
}

#[test]
fn a_panic_in_a_clone_leaves_the_ring_usable() {
    struct Clonable(Tracked, Ledger, usize);
    impl Clone for Clonable {
        fn clone(&self) -> Self {
            if self.2 == 0 {
                quiet_panic();
            }
            Self(self.1.value(), self.1.clone(), self.2 - 1)
        }
    }
    let ledger = Ledger::default();
    let (mut producer, mut consumer) = spsc::ring(4).unwrap();
    let template = [2, 1, 0].map(|clones| Clonable(ledger.value(), ledger.clone(), clones));
    assert!(panics(|| {
        let mut claim = producer.claim(3).unwrap();
        claim.fill(template.iter().cloned());
        claim.publish()
    }));
    assert!(consumer.is_empty());
    assert!(producer.push(template[0].clone()).is_ok());
    assert_eq!(consumer.pop().map(|value| value.0.id), Ok(5));
    drop(template);
    ledger.assert_each_dropped_once();
}

#[test]
fn a_panic_in_a_drop_leaves_the_ring_usable() {
    for bomb in 0..4 {
        let ledger = Ledger::default();
        let (mut producer, mut consumer) = wrapped(&ledger, 4, 2, 4);
        ledger.panic_when_dropped(bomb);
        // The whole chunk is consumed, and its slots are free.
        assert!(panics(|| consumer.chunk(4).unwrap().commit_all()));
        ledger.assert_each_dropped_once();
        let mut claim = producer.claim(4).unwrap();
        assert_eq!(claim.fill(ledger.values(4)), 4);
        ledger.panic_when_dropped(4 + bomb);
        assert!(panics(|| drop(claim)));
        ledger.assert_each_dropped_once();
        assert!(producer.push(ledger.value()).is_ok());
        assert_eq!(consumer.pop().map(|value| value.id), Ok(8));
        assert!(consumer.is_empty());
    }
}

#[test]
fn a_panic_while_iterating_keeps_the_rest() {
    let ledger = Ledger::default();
    let (mut producer, mut consumer) = wrapped(&ledger, 4, 3, 4);
    assert!(panics(|| {
        for value in consumer.chunk(4).unwrap() {
            if value.id == 1 {
                quiet_panic();
            }
        }
    }));
    assert_eq!(ledger.dropped(), 2);
    assert_eq!(producer.claim(4).unwrap().remaining(), 2);
    assert_eq!(ids(consumer.chunk(4).unwrap()), [2, 3]);
    ledger.assert_each_dropped_once();
}

#[test]
fn a_forgotten_iterator_doubles_nothing() {
    let ledger = Ledger::default();
    let (mut producer, mut consumer) = wrapped(&ledger, 4, 3, 4);
    let mut values = consumer.chunk(4).unwrap().into_iter();
    assert_eq!(values.len(), 4);
    assert_eq!(values.next().map(|value| value.id), Some(0));
    mem::forget(values);
    // The slot is handed over with the next one.
    assert_eq!(producer.claim(4).err(), Some(ClaimError::Full));
    assert_eq!(consumer.pop().map(|value| value.id), Ok(1));
    assert_eq!(producer.claim(4).unwrap().remaining(), 2);
    let mut values = consumer.chunk(4).unwrap().into_iter();
    assert_eq!(values.next().map(|value| value.id), Some(2));
    mem::forget(values);
    drop(consumer);
    drop(producer);
    ledger.assert_each_dropped_once();
}

#[test]
fn a_forgotten_claim_publishes_nothing() {
    let (mut producer, mut consumer) = spsc::ring(2).unwrap();
    let mut claim = producer.claim(2).unwrap();
    claim.fill([1, 2]);
    mem::forget(claim);
    assert_eq!(consumer.pop(), Err(PopError::Empty));
    producer.claim(2).unwrap().fill([3, 4]);
    producer.push(5).unwrap();
    assert_eq!(consumer.pop(), Ok(5));
}

#[derive(Debug, Clone)]
enum Step {
    Push,
    Claim { max: usize, fill: usize, end: ClaimEnd },
    Pop,
    Look { max: usize },
    Commit { max: usize, count: usize, bomb: Option<usize> },
    Iterate { max: usize, take: usize, panics: bool },
    Close,
    DropProducer,
}

#[derive(Debug, Clone, Copy)]
enum ClaimEnd {
    Publish,
    Drop,
    IteratorPanics,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![4 => Just(ClaimEnd::Publish), 1 => Just(ClaimEnd::Drop), 1 => Just(ClaimEnd::IteratorPanics)];
    let step = prop_oneof![
        20 => Just(Step::Push),
        20 => (0..9usize, 0..9usize, end).prop_map(|(max, fill, end)| Step::Claim { max, fill, end }),
        20 => Just(Step::Pop),
        10 => (0..9usize).prop_map(|max| Step::Look { max }),
        10 => (0..9usize, 0..9usize, proptest::option::of(0..4usize))
            .prop_map(|(max, count, bomb)| Step::Commit { max, count, bomb }),
        10 => (0..9usize, 0..9usize, any::<bool>())
            .prop_map(|(max, take, panics)| Step::Iterate { max, take, panics }),
        1 => Just(Step::Close),
        1 => Just(Step::DropProducer),
    ];
    proptest::collection::vec(step, 0..120)
}

/// A ring beside a queue that is plainly right.
struct Model {
    capacity: usize,
    ledger: Ledger,
    producer: Option<Producer<Tracked>>,
    consumer: Consumer<Tracked>,
    closed: bool,
    queue: VecDeque<usize>,
}

impl Model {
    fn new(capacity: usize) -> Self {
        let (producer, consumer) = spsc::ring(capacity).unwrap();
        let (ledger, queue) = (Ledger::default(), VecDeque::new());
        Self { capacity, ledger, producer: Some(producer), consumer, closed: false, queue }
    }

    fn nothing(&self) -> PopError {
        if self.producer.is_some() { PopError::Empty } else { PopError::Closed }
    }

    fn push(&mut self) {
        let Some(producer) = &mut self.producer else { return };
        let value = self.ledger.value();
        let id = value.id;
        match producer.push(value) {
            Ok(()) => self.queue.push_back(id),
            Err(PushError::Closed(value)) => assert!(self.closed && value.id == id),
            Err(PushError::Full(value)) => {
                assert!(!self.closed && self.queue.len() == self.capacity && value.id == id);
            }
        }
        assert!(self.queue.len() <= self.capacity);
    }

    fn claim(&mut self, max: usize, fill: usize, end: ClaimEnd) {
        let Some(producer) = &mut self.producer else { return };
        let free = self.capacity - self.queue.len();
        let mut claim = match producer.claim(max) {
            Ok(claim) => claim,
            Err(ClaimError::Closed) => return assert!(self.closed),
            Err(ClaimError::Full) => return assert!(free == 0 && max > 0 && !self.closed),
        };
        assert!(!self.closed);
        assert_eq!(claim.remaining(), max.min(free));
        let values = self.ledger.values(fill);
        let ids: Vec<_> = values.iter().map(|value| value.id).collect();
        let written = claim.fill(values);
        assert_eq!(written, max.min(free).min(fill));
        match end {
            ClaimEnd::Publish => {
                assert_eq!(claim.publish(), written);
                self.queue.extend(&ids[..written]);
            }
            ClaimEnd::Drop => drop(claim),
            ClaimEnd::IteratorPanics => {
                let room = claim.remaining() > 0;
                let panicked = panics(move || {
                    claim.fill(std::iter::from_fn(|| quiet_panic()));
                });
                assert_eq!(panicked, room);
            }
        }
    }

    fn pop(&mut self) {
        let expected = self.queue.pop_front().ok_or(self.nothing());
        assert_eq!(self.consumer.pop().map(|value| value.id), expected);
    }

    fn look(&mut self, max: usize) {
        let nothing = self.nothing();
        match self.consumer.chunk(max) {
            Ok(chunk) => {
                let (first, second) = chunk.as_slices();
                assert_eq!(chunk.len(), first.len() + second.len());
                let found: Vec<_> = first.iter().chain(second).map(|value| value.id).collect();
                assert!(found.iter().eq(self.queue.iter().take(max)));
            }
            Err(error) => assert!(error == nothing && self.queue.is_empty() && max > 0),
        }
    }

    fn commit(&mut self, max: usize, count: usize, bomb: Option<usize>) {
        let Ok(chunk) = self.consumer.chunk(max) else { return };
        let committed = count.min(chunk.len());
        let gone: Vec<_> = self.queue.drain(..committed).collect();
        let bomb = bomb.and_then(|index| gone.get(index));
        bomb.inspect(|&&id| self.ledger.panic_when_dropped(id));
        assert_eq!(panics(|| chunk.commit(count)), bomb.is_some());
    }

    fn iterate(&mut self, max: usize, take: usize, panicking: bool) {
        let Ok(chunk) = self.consumer.chunk(max) else { return };
        let taken = take.min(chunk.len());
        let expected: Vec<_> = self.queue.drain(..taken).collect();
        let mut found = Vec::new();
        let panicked = panics(|| {
            for value in chunk.into_iter().take(take) {
                found.push(value.id);
                if panicking && found.len() == taken {
                    quiet_panic();
                }
            }
        });
        assert_eq!(panicked, panicking && taken > 0);
        assert_eq!(found, expected);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push => self.push(),
            Step::Claim { max, fill, end } => self.claim(max, fill, end),
            Step::Pop => self.pop(),
            Step::Look { max } => self.look(max),
            Step::Commit { max, count, bomb } => self.commit(max, count, bomb),
            Step::Iterate { max, take, panics } => self.iterate(max, take, panics),
            Step::Close => {
                self.consumer.close();
                self.closed = true;
            }
            Step::DropProducer => self.producer = None,
        }
        assert_eq!(self.consumer.len(), self.queue.len());
        if let Some(producer) = &self.producer {
            assert_eq!((producer.len(), producer.is_closed()), (self.queue.len(), self.closed));
        }
    }
}

proptest! {
    #[test]
    fn a_ring_behaves_like_a_queue(capacity in 1..7usize, steps in steps(), consumer_goes_first in any::<bool>()) {
        let mut model = Model::new(capacity);
        for step in steps {
            model.step(step);
        }
        let Model { ledger, producer, consumer, .. } = model;
        if consumer_goes_first {
            drop(consumer);
            drop(producer);
        } else {
            drop(producer);
            drop(consumer);
        }
        ledger.assert_each_dropped_once();
    }
}

/// Sends the numbers below `count`, singly and in batches.
fn send(mut producer: Producer<u64>, count: u64, mut random: Random) {
    let mut values = 0..count;
    while values.start < values.end {
        let sent = match random.below(2) {
            0 => {
                let sent = producer.push(values.start).is_ok();
                values.start += sent as u64;
                sent
            }
            _ => producer.claim(1 + random.below(20)).is_ok_and(|mut claim| {
                claim.fill(&mut values);
                claim.publish() > 0
            }),
        };
        if !sent {
            thread::yield_now();
        }
    }
}

/// Receives until the ring is closed, in every way there is, and checks that the numbers come in order.
fn receive(mut consumer: Consumer<u64>, mut random: Random) -> u64 {
    let mut next = 0;
    let mut expect = |value: u64| {
        assert_eq!(value, next);
        next += 1;
    };
    loop {
        let error = match random.below(3) {
            0 => consumer.pop().map(&mut expect).err(),
            1 => consumer.chunk(1 + random.below(20)).map(|chunk| chunk.into_iter().for_each(&mut expect)).err(),
            _ => consumer
                .chunk(1 + random.below(20))
                .map(|chunk| {
                    let (first, second) = chunk.as_slices();
                    first.iter().chain(second).copied().for_each(&mut expect);
                    chunk.commit_all();
                })
                .err(),
        };
        match error {
            None => {}
            Some(PopError::Empty) => thread::yield_now(),
            Some(PopError::Closed) => return next,
        }
    }
}

#[test]
fn two_threads_keep_the_order() {
    const COUNT: u64 = rounds(100_000);
    for capacity in [1, 3, 64] {
        let (producer, consumer) = spsc::ring(capacity).unwrap();
        let count = thread::scope(|scope| {
            scope.spawn(|| send(producer, COUNT, Random(7)));
            receive(consumer, Random(11))
        });
        assert_eq!(count, COUNT);
    }
}

#[test]
fn values_are_dropped_once_when_the_consumer_leaves_early() {
    for seed in 1..=50 {
        let ledger = Ledger::default();
        let (mut producer, mut consumer) = spsc::ring(4).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut open = true;
                while open {
                    match producer.push(ledger.value()) {
                        Err(PushError::Closed(_)) => open = false,
                        Err(PushError::Full(_)) => thread::yield_now(),
                        Ok(()) => {}
                    }
                }
            });
            let mut left = Random(seed).below(40);
            while left > 0 {
                match consumer.pop() {
                    Ok(_) => left -= 1,
                    Err(_) => thread::yield_now(),
                }
            }
            drop(consumer);
        });
        drop(producer);
        ledger.assert_each_dropped_once();
    }
}
