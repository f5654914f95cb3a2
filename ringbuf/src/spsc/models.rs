//! Every interleaving of the protocol, at small capacities.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread;

use super::*;

/// Counts its drops outside the model, and holds its place in the order.
struct Counted {
    order: usize,
    drops: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// A ring in each interleaving, and the check that as many values were dropped as `body` says it made.
fn with_ring(
    capacity: usize,
    body: impl Fn(Producer<Counted>, Consumer<Counted>, &dyn Fn(usize) -> Counted) -> usize + Send + Sync + 'static,
) {
    crate::explore::explore(None, move || {
        let drops = Arc::new(AtomicUsize::new(0));
        let (producer, consumer) = ring(capacity).unwrap();
        let made = body(producer, consumer, &|order| Counted { order, drops: Arc::clone(&drops) });
        assert_eq!(drops.load(Ordering::Relaxed), made);
    });
}

/// Pops what is there.
fn pop_all(consumer: &mut Consumer<Counted>) -> Vec<usize> {
    std::iter::from_fn(|| consumer.pop().ok()).map(|value| value.order).collect()
}

/// Tries so many pushes beside so many pops. What was accepted is popped, in order, and nothing else.
fn push_and_pop(capacity: usize, pushes: usize, pops: usize) {
    with_ring(capacity, move |mut producer, mut consumer, value| {
        let values: Vec<_> = (0..pushes).map(value).collect();
        let pushing = thread::spawn(move || {
            let mut accepted = Vec::new();
            for value in values {
                let order = value.order;
                match producer.push(value) {
                    Ok(()) => accepted.push(order),
                    Err(error) => assert!(matches!(error, PushError::Full(_))),
                }
            }
            accepted
        });
        let mut popped = Vec::new();
        for _ in 0..pops {
            match consumer.pop() {
                Ok(value) => popped.push(value.order),
                Err(PopError::Empty) => {}
                Err(PopError::Closed) => break,
            }
        }
        let accepted = pushing.join().unwrap();
        popped.extend(pop_all(&mut consumer));
        assert_eq!(popped, accepted);
        assert!(accepted.len() >= capacity.min(pushes));
        assert!(matches!(consumer.pop(), Err(PopError::Closed)));
        pushes
    });
}

#[test]
fn push_and_pop_with_one_slot() {
    push_and_pop(1, 3, 3);
}

#[test]
fn push_and_pop_with_two_slots() {
    push_and_pop(2, 4, 3);
}

#[test]
fn push_and_pop_with_a_capacity_below_the_slots() {
    push_and_pop(3, 5, 3);
}

#[test]
fn claims_and_chunks() {
    with_ring(2, |mut producer, mut consumer, value| {
        let mut values = [value(0), value(1), value(2)].into_iter();
        let pushing = thread::spawn(move || {
            let mut accepted = 0;
            for _ in 0..2 {
                match producer.claim(2) {
                    Ok(mut claim) => {
                        claim.fill(&mut values);
                        accepted += claim.publish();
                    }
                    Err(error) => assert_eq!(error, ClaimError::Full),
                }
            }
            accepted
        });
        let mut read = 0;
        for _ in 0..2 {
            if let Ok(chunk) = consumer.chunk(2) {
                let (first, second) = chunk.as_slices();
                for value in first.iter().chain(second) {
                    assert_eq!(value.order, read);
                    read += 1;
                }
                chunk.commit_all();
            }
        }
        let accepted = pushing.join().unwrap();
        assert_eq!(pop_all(&mut consumer), (read..accepted).collect::<Vec<_>>());
        3
    });
}

#[test]
fn a_claim_is_seen_whole() {
    with_ring(2, |mut producer, mut consumer, value| {
        let values = [value(0), value(1)];
        let pushing = thread::spawn(move || {
            let mut claim = producer.claim(2).unwrap();
            claim.fill(values);
            claim.publish();
        });
        if let Ok(chunk) = consumer.chunk(2) {
            assert_eq!(chunk.len(), 2);
            // Only the first is taken: the other one is dropped with the ring.
            assert_eq!(chunk.into_iter().next().map(|value| value.order), Some(0));
        }
        pushing.join().unwrap();
        drop(consumer);
        2
    });
}

#[test]
fn the_consumer_closes_while_the_producer_pushes() {
    with_ring(2, |mut producer, mut consumer, value| {
        let values = [value(0), value(1)];
        let pushing = thread::spawn(move || {
            let accepted = values.map(|value| producer.push(value).is_ok());
            assert!(producer.is_closed() || accepted == [true, true]);
            accepted
        });
        consumer.close();
        let mut popped = pop_all(&mut consumer);
        // After the first push that was refused, none is accepted.
        let accepted: &[_] = match pushing.join().unwrap() {
            [true, true] => &[0, 1],
            [true, false] => &[0],
            [false, false] => &[],
            [false, true] => panic!("the ring was opened again"),
        };
        popped.extend(pop_all(&mut consumer));
        assert_eq!(popped, accepted);
        2
    });
}

#[test]
fn a_ring_that_was_closed_is_found_closed() {
    with_ring(2, |mut producer, mut consumer, value| {
        let closing = thread::spawn(move || consumer.close());
        let _ = producer.push(value(0));
        closing.join().unwrap();
        assert!(matches!(producer.push(value(1)), Err(PushError::Closed(_))));
        2
    });
}

#[test]
fn the_consumer_goes_while_the_producer_pushes() {
    with_ring(2, |mut producer, consumer, value| {
        let values = [value(0), value(1)];
        let pushing = thread::spawn(move || {
            for value in values {
                if let Err(error) = producer.push(value) {
                    assert!(matches!(error, PushError::Closed(_)));
                    assert!(matches!(producer.claim(1), Err(ClaimError::Closed)));
                }
            }
        });
        drop(consumer);
        pushing.join().unwrap();
        2
    });
}

#[test]
fn the_producer_goes_while_the_consumer_pops() {
    with_ring(1, |mut producer, mut consumer, value| {
        let last = value(0);
        let pushing = thread::spawn(move || {
            assert!(producer.push(last).is_ok());
        });
        let popped = match consumer.pop() {
            Err(PopError::Closed) => panic!("the last value was overlooked"),
            popped => popped,
        };
        pushing.join().unwrap();
        if popped.is_err() {
            assert!(consumer.pop().is_ok());
        }
        assert!(matches!(consumer.pop(), Err(PopError::Closed)));
        drop(popped);
        1
    });
}

#[test]
fn both_sides_go_with_values_in_the_ring() {
    with_ring(2, |mut producer, mut consumer, value| {
        let values = [value(0), value(1)];
        let pushing = thread::spawn(move || {
            if let Ok(mut claim) = producer.claim(2) {
                claim.fill(values);
                claim.publish();
            }
        });
        let popping = thread::spawn(move || drop(consumer.pop()));
        pushing.join().unwrap();
        popping.join().unwrap();
        2
    });
}
