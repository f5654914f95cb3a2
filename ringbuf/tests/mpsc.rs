//! The many-producer ring: limits, layouts, batches, closing, panics, a model, and several threads.

#![cfg(not(loom))]

mod ledger;
mod rounds;

use std::collections::VecDeque;
use std::mem;
use std::thread;

use hippodrome_ringbuf::mpsc::{self, Consumer, Producer};
use hippodrome_ringbuf::{CapacityError, ClaimError, PopError, PushError};
use ledger::{Ledger, Random, Tracked, panics, quiet_panic};
use proptest::prelude::*;
use rounds::rounds;

#[test]
fn every_capacity_is_exact() {
    for capacity in (1..=33).chain([100, 1000]) {
        let (producer, mut consumer) = mpsc::ring(capacity).unwrap();
        assert_eq!((producer.capacity(), consumer.capacity()), (capacity, capacity));
        for lap in 0..3 {
            for value in 0..capacity {
                assert_eq!(producer.len(), value);
                producer.push(lap + value).unwrap();
            }
            assert_eq!(producer.push(9), Err(PushError::Full(9)));
            assert_eq!(producer.push_all(&mut [9].into_iter()), Err(ClaimError::Full));
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
    assert_eq!(mpsc::ring::<u8>(0).err(), Some(CapacityError::Zero));
    assert_eq!(
        mpsc::ring::<u8>(usize::MAX).err(),
        Some(CapacityError::TooLarge { capacity: usize::MAX, limit: 1 << 30 })
    );
}

#[test]
fn values_of_any_layout_keep_their_place() {
    #[repr(align(4096))]
    struct Page(u8);
    struct Large([u64; 1000], u8);

    fn check<T>(make: impl Fn(u8) -> T, get: impl Fn(&T) -> u8) {
        let (producer, mut consumer) = mpsc::ring(3).unwrap();
        for round in 0..9 {
            assert!(producer.push(make(round)).is_ok());
            assert_eq!(producer.push_all(&mut [make(round + 100), make(round)].into_iter()), Ok(2));
            assert!(producer.push(make(0)).is_err());
            let found: Vec<_> = consumer.drain(9).unwrap().map(|value| get(&value)).collect();
            assert_eq!(found, [round, round + 100, round]);
        }
    }
    check(Page, |value| value.0);
    check(
        |value| Large([value as u64; 1000], value),
        |value| {
            assert!(value.0.iter().all(|&word| word == value.1 as u64));
            value.1
        },
    );

    let (producer, mut consumer) = mpsc::ring(2).unwrap();
    assert_eq!(producer.push_all(&mut [(); 3].into_iter()), Ok(2));
    assert_eq!(consumer.drain(9).unwrap().count(), 2);
}

/// A ring whose values lie around the end of its storage, with the ids from 0.
fn wrapped(ledger: &Ledger, capacity: usize, offset: usize, count: usize) -> (Producer<Tracked>, Consumer<Tracked>) {
    let (producer, mut consumer) = mpsc::ring(capacity).unwrap();
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

/// An iterator that claims to have `promised` values, gives what it has, and then ends or panics.
struct Promise {
    promised: usize,
    values: std::vec::IntoIter<Tracked>,
    panics: bool,
}

impl Promise {
    fn new(promised: usize, values: Vec<Tracked>, panics: bool) -> Self {
        Self { promised, values: values.into_iter(), panics }
    }
}

impl Iterator for Promise {
    type Item = Tracked;

    fn next(&mut self) -> Option<Tracked> {
        let value = self.values.next();
        if value.is_none() && self.panics {
            quiet_panic();
        }
        value
    }
}

impl ExactSizeIterator for Promise {
    fn len(&self) -> usize {
        self.promised
    }
}

#[test]
fn a_batch_takes_no_more_than_fits() {
    let ledger = Ledger::default();
    let (producer, mut consumer) = wrapped(&ledger, 5, 6, 1);
    let mut values = ledger.values(6).into_iter();
    assert_eq!(producer.push_all(&mut values), Ok(4));
    assert_eq!(values.len(), 2);
    assert_eq!(producer.push_all(&mut values), Err(ClaimError::Full));
    assert_eq!(ids(consumer.drain(2).unwrap()), [0, 1]);
    assert_eq!(producer.push_all(&mut values), Ok(2));
    assert_eq!(producer.push_all(&mut values), Ok(0));
    assert_eq!(ids(consumer.drain(9).unwrap()), [2, 3, 4, 5, 6]);
    ledger.assert_each_dropped_once();
}

#[test]
fn slots_that_an_iterator_leaves_unfilled_are_skipped() {
    for panicking in [false, true] {
        for given in 0..3 {
            let ledger = Ledger::default();
            let (producer, mut consumer) = wrapped(&ledger, 4, 3, 1);
            let mut values = Promise::new(3, ledger.values(given), panicking);
            let panicked = panics(|| assert_eq!(producer.push_all(&mut values), Ok(given)));
            assert_eq!(panicked, panicking);
            // The unfilled slots are taken until the consumer has come by.
            assert_eq!(producer.len(), 4);
            let late = ledger.value().id;
            assert_eq!(consumer.pop().map(|value| value.id), Ok(0));
            assert!(producer.push(ledger.value()).is_ok());
            let expected: Vec<_> = (1..=given).chain([late + 1]).collect();
            assert_eq!(ids(consumer.drain(9).unwrap()), expected);
            assert_eq!(consumer.pop().err(), Some(PopError::Empty));
            assert!(consumer.is_empty());
            assert_eq!(producer.push_all(&mut ledger.values(4).into_iter()), Ok(4));
            drop(consumer);
            ledger.assert_each_dropped_once();
        }
    }
}

#[test]
fn a_ring_of_nothing_but_void_slots_becomes_free() {
    let ledger = Ledger::default();
    let (producer, mut consumer) = mpsc::ring(3).unwrap();
    assert_eq!(producer.push_all(&mut Promise::new(3, vec![], false)), Ok(0));
    assert!(matches!(producer.push(ledger.value()), Err(PushError::Full(_))));
    assert_eq!(consumer.pop().err(), Some(PopError::Empty));
    assert!(producer.push(ledger.value()).is_ok());
    assert_eq!(producer.push_all(&mut Promise::new(3, vec![], false)), Ok(0));
    drop(producer);
    assert_eq!(ids(consumer.drain(9).unwrap()), [1]);
    assert_eq!(consumer.pop().err(), Some(PopError::Closed));
    ledger.assert_each_dropped_once();
}

#[test]
fn closing_is_seen_by_both_sides() {
    let (producer, mut consumer) = mpsc::ring(2).unwrap();
    let second = producer.clone();
    second.push(1).unwrap();
    assert!(!producer.is_closed() && !consumer.is_closed());
    consumer.close();
    assert!(producer.is_closed() && second.is_closed() && !consumer.is_closed());
    assert_eq!(producer.push(2), Err(PushError::Closed(2)));
    assert_eq!(second.push_all(&mut [2].into_iter()), Err(ClaimError::Closed));
    assert_eq!(consumer.pop(), Ok(1));
    drop(producer);
    assert_eq!(consumer.pop(), Err(PopError::Empty));
    drop(second);
    assert!(consumer.is_closed());
    assert_eq!(consumer.pop(), Err(PopError::Closed));
    assert_eq!(consumer.drain(1).err(), Some(PopError::Closed));

    let (producer, consumer) = mpsc::ring(1).unwrap();
    producer.push(1).unwrap();
    drop(consumer);
    // Closed goes before full.
    assert_eq!(producer.push(2), Err(PushError::Closed(2)));
}

#[test]
fn what_is_left_is_dropped_with_the_ring() {
    for offset in 0..4 {
        for bomb in [None, Some(0), Some(1), Some(2), Some(3)] {
            let ledger = Ledger::default();
            let (producer, consumer) = wrapped(&ledger, 4, offset, 4);
            bomb.inspect(|&id| ledger.panic_when_dropped(id));
            assert_eq!(panics(|| drop(consumer)), bomb.is_some());
            ledger.assert_each_dropped_once();
            drop(producer);
            ledger.assert_each_dropped_once();
        }
    }
}

/// Values that are pushed while their batch sees the consumer go are left to the last handle.
#[test]
fn what_was_pushed_too_late_is_dropped_with_the_last_handle() {
    for bomb in [None, Some(0), Some(1), Some(2)] {
        let ledger = Ledger::default();
        let (producer, consumer) = wrapped(&ledger, 4, 2, 0);
        let mut consumer = Some(consumer);
        let mut values = ledger.values(3).into_iter().inspect(|_| drop(consumer.take()));
        assert_eq!(producer.push_all(&mut values), Ok(3));
        drop(values);
        assert_eq!(ledger.dropped(), 0);
        bomb.inspect(|&id| ledger.panic_when_dropped(id));
        assert_eq!(panics(|| drop(producer)), bomb.is_some());
        ledger.assert_each_dropped_once();
    }
}

#[test]
fn a_panic_while_draining_keeps_the_rest() {
    let ledger = Ledger::default();
    let (producer, mut consumer) = wrapped(&ledger, 4, 3, 4);
    assert!(panics(|| {
        for value in consumer.drain(4).unwrap() {
            if value.id == 1 {
                quiet_panic();
            }
        }
    }));
    assert_eq!((ledger.dropped(), producer.len()), (2, 2));
    ledger.panic_when_dropped(2);
    assert!(panics(|| drop(consumer.pop())));
    assert_eq!(producer.len(), 1);
    assert_eq!(ids(consumer.drain(4).unwrap()), [3]);
    ledger.assert_each_dropped_once();
}

#[test]
fn a_forgotten_drain_doubles_nothing() {
    let ledger = Ledger::default();
    let (producer, mut consumer) = wrapped(&ledger, 4, 3, 4);
    let mut values = consumer.drain(4).unwrap();
    assert_eq!(values.next().map(|value| value.id), Some(0));
    mem::forget(values);
    assert_eq!(producer.len(), 4);
    assert_eq!(consumer.pop().map(|value| value.id), Ok(1));
    assert_eq!(producer.len(), 2);
    let mut values = consumer.drain(4).unwrap();
    assert_eq!(values.next().map(|value| value.id), Some(2));
    mem::forget(values);
    drop(consumer);
    drop(producer);
    ledger.assert_each_dropped_once();
}

/// An iterator may push to the ring that it fills; what it pushes comes after the batch.
#[test]
fn a_batch_may_push_to_its_own_ring() {
    let (producer, mut consumer) = mpsc::ring(4).unwrap();
    let mut values = [1, 2].into_iter().inspect(|value| producer.push(value + 10).unwrap());
    assert_eq!(producer.push_all(&mut values), Ok(2));
    assert_eq!(consumer.drain(9).unwrap().collect::<Vec<_>>(), [1, 2, 11, 12]);
}

#[derive(Debug, Clone)]
enum Step {
    Push { producer: usize },
    PushAll { producer: usize, promised: usize, given: usize, panics: bool },
    Pop,
    Drain { max: usize, take: usize, panics: bool },
    Clone { producer: usize },
    DropProducer { producer: usize },
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let producer = 0..3usize;
    let step = prop_oneof![
        20 => producer.clone().prop_map(|producer| Step::Push { producer }),
        20 => (producer.clone(), 0..9usize, 0..9usize, any::<bool>())
            .prop_map(|(producer, promised, given, panics)| Step::PushAll { producer, promised, given, panics }),
        20 => Just(Step::Pop),
        20 => (0..9usize, 0..9usize, any::<bool>()).prop_map(|(max, take, panics)| Step::Drain { max, take, panics }),
        4 => producer.clone().prop_map(|producer| Step::Clone { producer }),
        3 => producer.prop_map(|producer| Step::DropProducer { producer }),
        1 => Just(Step::Close),
    ];
    proptest::collection::vec(step, 0..120)
}

/// A ring beside a queue that is plainly right. Void slots are `None`.
struct Model {
    capacity: usize,
    ledger: Ledger,
    producers: Vec<Producer<Tracked>>,
    consumer: Consumer<Tracked>,
    closed: bool,
    queue: VecDeque<Option<usize>>,
}

impl Model {
    fn new(capacity: usize) -> Self {
        let (producer, consumer) = mpsc::ring(capacity).unwrap();
        let (ledger, queue) = (Ledger::default(), VecDeque::new());
        Self { capacity, ledger, producers: vec![producer], consumer, closed: false, queue }
    }

    /// Drops void slots at the head, as the consumer does, and says what popping gives.
    fn pop_expected(&mut self) -> Result<usize, PopError> {
        let nothing = if self.producers.is_empty() { PopError::Closed } else { PopError::Empty };
        loop {
            match self.queue.pop_front() {
                Some(Some(id)) => return Ok(id),
                Some(None) => {}
                None => return Err(nothing),
            }
        }
    }

    fn push(&mut self, producer: usize) {
        let Some(producer) = self.producers.get(producer) else { return };
        let value = self.ledger.value();
        let id = value.id;
        match producer.push(value) {
            Ok(()) => self.queue.push_back(Some(id)),
            Err(PushError::Closed(value)) => assert!(self.closed && value.id == id),
            Err(PushError::Full(value)) => {
                assert!(!self.closed && self.queue.len() == self.capacity && value.id == id);
            }
        }
    }

    fn push_all(&mut self, producer: usize, promised: usize, given: usize, panicking: bool) {
        let Some(producer) = self.producers.get(producer) else { return };
        let values = self.ledger.values(given);
        let ids: Vec<_> = values.iter().map(|value| value.id).collect();
        let claimed = promised.min(self.capacity - self.queue.len());
        let written = claimed.min(given);
        let expected = match (self.closed, promised, claimed) {
            (true, _, _) => Err(ClaimError::Closed),
            (_, 1.., 0) => Err(ClaimError::Full),
            _ => Ok(written),
        };
        let mut values = Promise::new(promised, values, panicking);
        let panicked = panics(|| assert_eq!(producer.push_all(&mut values), expected));
        assert_eq!(panicked, panicking && expected.is_ok() && claimed > given);
        if expected.is_ok() {
            self.queue.extend(ids[..written].iter().map(|&id| Some(id)));
            self.queue.extend((written..claimed).map(|_| None));
        }
    }

    fn drain(&mut self, max: usize, take: usize, panicking: bool) {
        // Void slots at the head are skipped even if nothing is taken afterwards.
        let expected_first = self.pop_expected();
        if let Ok(id) = expected_first {
            self.queue.push_front(Some(id));
        }
        let drain = match self.consumer.drain(max) {
            Ok(drain) => drain,
            Err(error) => return assert_eq!(expected_first, Err(error)),
        };
        let mut found = Vec::new();
        let panicked = panics(|| {
            for value in drain.take(take) {
                found.push(value.id);
                if panicking {
                    quiet_panic();
                }
            }
        });
        let limit = if panicking { 1 } else { usize::MAX };
        let mut expected = Vec::new();
        while expected.len() < max.min(take).min(limit) {
            match self.pop_expected() {
                Ok(id) => expected.push(id),
                Err(_) => break,
            }
        }
        assert_eq!(panicked, panicking && !expected.is_empty());
        assert_eq!(found, expected);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push { producer } => self.push(producer),
            Step::PushAll { producer, promised, given, panics } => self.push_all(producer, promised, given, panics),
            Step::Pop => {
                let expected = self.pop_expected();
                assert_eq!(self.consumer.pop().map(|value| value.id), expected);
            }
            Step::Drain { max, take, panics } => self.drain(max, take, panics),
            Step::Clone { producer } => {
                let clone = self.producers.get(producer).cloned();
                self.producers.extend(clone);
            }
            Step::DropProducer { producer } if producer < self.producers.len() => {
                self.producers.swap_remove(producer);
            }
            Step::DropProducer { .. } => {}
            Step::Close => {
                self.consumer.close();
                self.closed = true;
            }
        }
        assert_eq!(self.consumer.len(), self.queue.len());
        assert_eq!(self.consumer.is_closed(), self.producers.is_empty());
    }
}

proptest! {
    #[test]
    fn a_ring_behaves_like_a_queue(capacity in 1..7usize, steps in steps(), consumer_goes_first in any::<bool>()) {
        let mut model = Model::new(capacity);
        for step in steps {
            model.step(step);
        }
        let Model { ledger, producers, consumer, .. } = model;
        if consumer_goes_first {
            drop(consumer);
            drop(producers);
        } else {
            drop(producers);
            drop(consumer);
        }
        ledger.assert_each_dropped_once();
    }
}

/// A value that says who sent it, and as which one.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    sender: usize,
    order: u64,
}

/// Numbers that panic now and then instead of giving the next one, which is not lost by that.
struct Flaky {
    sender: usize,
    orders: std::ops::Range<u64>,
    random: Random,
}

impl Iterator for Flaky {
    type Item = Numbered;

    fn next(&mut self) -> Option<Numbered> {
        if self.random.below(50) == 0 {
            quiet_panic();
        }
        self.orders.next().map(|order| Numbered { sender: self.sender, order })
    }
}

impl ExactSizeIterator for Flaky {
    fn len(&self) -> usize {
        ((self.orders.end - self.orders.start) as usize).min(9)
    }
}

/// Sends numbered values, singly and in batches whose iterator may panic.
fn send(producer: &Producer<Numbered>, sender: usize, count: u64) {
    let mut values = Flaky { sender, orders: 0..count, random: Random(sender as u64 + 1) };
    while !values.orders.is_empty() {
        let before = values.orders.start;
        if values.random.below(2) == 0 {
            if producer.push(Numbered { sender, order: before }).is_ok() {
                values.orders.start += 1;
            }
        } else {
            panics(|| producer.push_all(&mut values));
        }
        if values.orders.start == before {
            thread::yield_now();
        }
    }
}

#[test]
fn threads_keep_the_order_of_each_sender() {
    const SENDERS: usize = 3;
    for (capacity, count) in [(1, 2_000), (3, 5_000), (64, 30_000)] {
        let count = rounds(count);
        let (producer, mut consumer) = mpsc::ring(capacity).unwrap();
        let mut next = [0; SENDERS];
        let mut expect = |value: Numbered| {
            assert_eq!(value.order, next[value.sender]);
            next[value.sender] += 1;
        };
        thread::scope(|scope| {
            // Two senders share a handle, the third has its own.
            let shared = std::sync::Arc::new(producer.clone());
            let second = std::sync::Arc::clone(&shared);
            scope.spawn(move || send(&shared, 0, count));
            scope.spawn(move || send(&second, 1, count));
            scope.spawn(move || send(&producer, 2, count));
            let mut random = Random(5);
            loop {
                let error = match random.below(2) {
                    0 => consumer.pop().map(&mut expect).err(),
                    _ => consumer.drain(1 + random.below(20)).map(|drain| drain.for_each(&mut expect)).err(),
                };
                match error {
                    None => {}
                    Some(PopError::Empty) => thread::yield_now(),
                    Some(PopError::Closed) => break,
                }
            }
        });
        assert_eq!(next, [count; SENDERS]);
    }
}

#[test]
fn values_are_dropped_once_when_the_consumer_leaves_early() {
    for seed in 1..=50 {
        let ledger = Ledger::default();
        let (producer, mut consumer) = mpsc::ring(4).unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                let (producer, ledger) = (producer.clone(), ledger.clone());
                scope.spawn(move || {
                    loop {
                        match producer.push(ledger.value()) {
                            Err(PushError::Closed(_)) => return,
                            Err(PushError::Full(_)) => thread::yield_now(),
                            Ok(()) => {}
                        }
                    }
                });
            }
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
