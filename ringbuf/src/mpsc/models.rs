//! The interleavings of the protocol with up to [`PREEMPTIONS`] preemptions, at small capacities.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread;

use super::*;
use crate::explore::explore;

/// How often threads that could go on are interrupted. Every one more takes several times as long, with three threads;
/// bugs rarely need more than three.
const PREEMPTIONS: usize = 3;

/// Counts its drops outside the model, and holds its sender and its place in that sender's order.
struct Counted {
    sender: usize,
    order: usize,
    drops: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes a value of a sender, with its place in the order.
type Make<'a> = &'a dyn Fn(usize, usize) -> Counted;

/// A ring in each interleaving, and the check that as many values were dropped as `body` says it made.
fn with_ring(
    capacity: usize,
    body: impl Fn(Producer<Counted>, Consumer<Counted>, Make<'_>) -> usize + Send + Sync + 'static,
) {
    explore(Some(PREEMPTIONS), move || {
        let drops = Arc::new(AtomicUsize::new(0));
        let (producer, consumer) = ring(capacity).unwrap();
        let made = body(producer, consumer, &|sender, order| Counted { sender, order, drops: Arc::clone(&drops) });
        assert_eq!(drops.load(Ordering::Relaxed), made);
    });
}

/// What was popped of each sender's values.
#[derive(Default)]
struct Popped([Vec<usize>; 2]);

impl Popped {
    fn add(&mut self, value: Counted) {
        self.0[value.sender].push(value.order);
    }

    /// Pops so often, unless the ring is closed before.
    fn pop(&mut self, consumer: &mut Consumer<Counted>, times: usize) {
        for _ in 0..times {
            match consumer.pop() {
                Ok(value) => self.add(value),
                Err(PopError::Empty) => {}
                Err(PopError::Closed) => return,
            }
        }
    }

    /// Pops all that is left, when the producers are gone.
    fn pop_rest(&mut self, consumer: &mut Consumer<Counted>) {
        while let Ok(value) = consumer.pop() {
            self.add(value);
        }
        assert!(matches!(consumer.pop(), Err(PopError::Closed)));
    }
}

/// Tries to push each value, and says which were accepted.
fn push_each(
    producer: &Producer<Counted>,
    values: Vec<Counted>,
    refused: fn(&PushError<Counted>) -> bool,
) -> Vec<usize> {
    let mut accepted = Vec::new();
    for value in values {
        let order = value.order;
        match producer.push(value) {
            Ok(()) => accepted.push(order),
            Err(error) => assert!(refused(&error)),
        }
    }
    accepted
}

/// Two producers that try so many pushes each, beside so many pops. What was accepted is popped, in each producer's
/// order, and nothing else.
fn push_and_pop(capacity: usize, pushes: [usize; 2], pops: usize) {
    with_ring(capacity, move |producer, mut consumer, value| {
        let pushing = [0, 1].map(|sender| {
            let producer = producer.clone();
            let values: Vec<_> = (0..pushes[sender]).map(|order| value(sender, order)).collect();
            thread::spawn(move || push_each(&producer, values, |error| matches!(error, PushError::Full(_))))
        });
        drop(producer);
        let mut popped = Popped::default();
        popped.pop(&mut consumer, pops);
        let accepted = pushing.map(|pushing| pushing.join().unwrap());
        popped.pop_rest(&mut consumer);
        assert_eq!(popped.0, accepted);
        let total = pushes[0] + pushes[1];
        assert!(accepted[0].len() + accepted[1].len() >= capacity.min(total));
        total
    });
}

#[test]
fn push_and_pop_with_one_slot() {
    push_and_pop(1, [1, 1], 2);
}

#[test]
fn push_and_pop_with_two_slots() {
    push_and_pop(2, [2, 1], 2);
}

#[test]
fn a_producer_goes_by_what_another_has_seen() {
    // Both need room that the consumer is just giving back. The second to come need not look at the consumer's head
    // itself, and has been told of it by the first alone.
    with_ring(2, |producer, mut consumer, value| {
        assert!([value(0, 0), value(1, 0)].map(|value| producer.push(value).is_ok()) == [true, true]);
        let pushing = [0, 1].map(|sender| {
            let producer = producer.clone();
            let values = vec![value(sender, 1)];
            thread::spawn(move || push_each(&producer, values, |error| matches!(error, PushError::Full(_))))
        });
        drop(producer);
        let mut popped = Popped::default();
        popped.pop(&mut consumer, 2);
        assert_eq!(popped.0, [[0], [0]]);
        let accepted = pushing.map(|pushing| [vec![0], pushing.join().unwrap()].concat());
        popped.pop_rest(&mut consumer);
        assert_eq!(popped.0, accepted);
        4
    });
}

#[test]
fn a_batch_beside_a_push_is_seen_whole() {
    with_ring(2, |producer, mut consumer, value| {
        let batching = producer.clone();
        let batch = [value(0, 0), value(0, 1)];
        let pushing = thread::spawn(move || batching.push_all(&mut batch.into_iter()).unwrap_or(0));
        let pushed = producer.push(value(1, 0)).is_ok() as usize;
        drop(producer);

        let mut popped = Popped::default();
        if let Ok(drain) = consumer.drain(2) {
            drain.for_each(|value| popped.add(value));
        }
        let seen = popped.0[0].len();
        let batched = pushing.join().unwrap();
        // Half a batch is never seen.
        assert!(seen == 0 || seen == batched);
        popped.pop_rest(&mut consumer);
        assert_eq!(popped.0, [Vec::from_iter(0..batched), Vec::from_iter(0..pushed)]);
        3
    });
}

/// Promises two values and has one.
struct Short(Option<Counted>);

impl Iterator for Short {
    type Item = Counted;

    fn next(&mut self) -> Option<Counted> {
        self.0.take()
    }
}

impl ExactSizeIterator for Short {
    fn len(&self) -> usize {
        2
    }
}

#[test]
fn void_slots_are_skipped() {
    with_ring(2, |producer, mut consumer, value| {
        let batching = producer.clone();
        let short = value(0, 0);
        let single = value(1, 0);
        let pushing = [
            // Whatever the other producer has done, one slot is free.
            thread::spawn(move || batching.push_all(&mut Short(Some(short))).unwrap()),
            thread::spawn(move || producer.push(single).is_ok() as usize),
        ];
        let mut popped = Popped::default();
        popped.pop(&mut consumer, 2);
        let accepted = pushing.map(|pushing| Vec::from_iter(0..pushing.join().unwrap()));
        popped.pop_rest(&mut consumer);
        assert_eq!(popped.0, accepted);
        assert!(consumer.is_empty());
        2
    });
}

#[test]
fn the_consumer_closes_while_producers_push() {
    with_ring(2, |producer, mut consumer, value| {
        let pushing = [0, 1].map(|sender| {
            let producer = producer.clone();
            let values = vec![value(sender, 0)];
            thread::spawn(move || push_each(&producer, values, |error| matches!(error, PushError::Closed(_))))
        });
        drop(producer);
        consumer.close();
        let mut popped = Popped::default();
        popped.pop(&mut consumer, 1);
        let accepted = pushing.map(|pushing| pushing.join().unwrap());
        popped.pop_rest(&mut consumer);
        assert_eq!(popped.0, accepted);
        2
    });
}

#[test]
fn a_ring_that_was_closed_is_found_closed() {
    with_ring(2, |producer, mut consumer, value| {
        let closing = thread::spawn(move || consumer.close());
        let _ = producer.push(value(0, 0));
        closing.join().unwrap();
        assert!(matches!(producer.push(value(0, 1)), Err(PushError::Closed(_))));
        2
    });
}

#[test]
fn the_consumer_goes_while_producers_push() {
    with_ring(1, |producer, consumer, value| {
        let pushing = [0, 1].map(|sender| {
            let producer = producer.clone();
            let value = value(sender, 0);
            thread::spawn(move || drop(producer.push(value)))
        });
        drop(producer);
        drop(consumer);
        pushing.into_iter().for_each(|pushing| pushing.join().unwrap());
        2
    });
}

#[test]
fn the_last_producer_goes_while_the_consumer_pops() {
    with_ring(2, |producer, mut consumer, value| {
        let pushing = [0, 1].map(|sender| {
            let producer = producer.clone();
            let value = value(sender, 0);
            thread::spawn(move || assert!(producer.push(value).is_ok()))
        });
        drop(producer);
        let mut popped = Popped::default();
        match consumer.pop() {
            Ok(value) => popped.add(value),
            Err(error) => assert_eq!(error, PopError::Empty, "two values were overlooked"),
        }
        pushing.into_iter().for_each(|pushing| pushing.join().unwrap());
        popped.pop_rest(&mut consumer);
        assert_eq!(popped.0, [[0], [0]]);
        2
    });
}

#[test]
fn all_sides_go_with_values_in_the_ring() {
    with_ring(2, |producer, mut consumer, value| {
        let batch = [value(0, 0), value(0, 1)];
        let pushing = thread::spawn(move || {
            let _ = producer.push_all(&mut batch.into_iter());
        });
        drop(consumer.pop());
        drop(consumer);
        pushing.join().unwrap();
        2
    });
}
