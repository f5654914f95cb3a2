//! `disruptor`: a ring whose events are written and read in place.
//!
//! A ring's own thread is made by whoever builds the ring and stays on the core of that one, so rings are built on the
//! consumer's core.

use std::sync::Arc;

use disruptor::{
    BusySpin, EventPoller, Producer, RingBufferFull, SingleConsumerBarrier, SingleProducer, SingleProducerBarrier,
    build_multi_producer, build_single_producer,
};
use hippodrome_perf_kit::scenarios::cross_flood::{self, Flood, Load, WINDOW};
use hippodrome_perf_kit::scenarios::cross_ping_pong::{self, returned};
use hippodrome_perf_kit::scenarios::fan_in::{self, Funnel, messages_of};
use hippodrome_perf_kit::scenarios::threads::produce;
use hippodrome_perf_kit::token::{Sink, Token};
use hippodrome_perf_kit::{Case, Cores, Failure, Finish, Sample, Subject, on_core};

use crate::spin::{at_once, until_taken_sharing};

/// What a ring with one consumer can do.
pub(crate) static SUBJECTS: &[Subject] = &[
    Subject::new("cross_flood", "disruptor", cross_flood::run::<InPlace>),
    Subject::new("cross_ping_pong", "disruptor", ping_pong),
    Subject::new("fan_in", "disruptor", fan_in),
];

struct InPlace;

impl Flood for InPlace {
    fn flood<const WORDS: usize>(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
        let (first, second) = cores.pair()?;
        let finish = Arc::new(Finish::default());
        let mut sink = Sink::new(messages, finish.clone());
        let mut producer = on_core(second, || {
            let empty = || Load::<WORDS>::numbered(0);
            let take = move |load: &Load<WORDS>, _, _| sink.take(load.sum());
            Ok(build_single_producer(WINDOW as usize, empty, BusySpin).handle_events_with(take).build())
        })?;
        let flood = move || {
            for sequence in 0..messages {
                producer.publish(|load| *load = Load::numbered(sequence));
            }
        };
        produce(first, &finish, vec![flood])
    }
}

fn fan_in(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let finish = Arc::new(Finish::default());
    let mut funnel = Funnel::new(case, finish.clone());
    let slots = (case.actors * fan_in::WINDOW).next_power_of_two() as usize;
    let producer = on_core(second, || {
        let take = move |token: &Token, _, _| {
            funnel.take(*token);
        };
        Ok(build_multi_producer(slots, Token::default, BusySpin).handle_events_with(take).build())
    })?;
    let producers = (0..case.actors).map(|number| {
        let mut producer = producer.clone();
        let mut publish = move |token| match producer.try_publish(|slot| *slot = token) {
            Ok(_) => Ok(()),
            Err(RingBufferFull) => Err(token),
        };
        move || messages_of(case, number).for_each(|token| until_taken_sharing(token, &mut publish))
    });
    produce(first, &finish, producers.collect())
}

type Poller = EventPoller<Token, SingleProducerBarrier>;

/// A ring that is polled by a thread of ours.
fn polled() -> (SingleProducer<Token, SingleConsumerBarrier>, Poller) {
    let (poller, builder) = build_single_producer(64, Token::default, BusySpin).new_event_poller();
    (builder.build(), poller)
}

#[inline(always)]
fn poll(poller: &mut Poller) -> Token {
    at_once(|| {
        let mut events = poller.take(1).ok()?;
        (&mut events).next().copied()
    })
}

fn ping_pong(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (mut there, mut at_returner) = polled();
    let (mut back, mut at_server) = polled();
    let round_trip = move |token| {
        there.publish(|slot| *slot = token);
        poll(&mut at_server)
    };
    let send_back = move |round_trips| {
        for _ in 0..round_trips {
            let token = returned(poll(&mut at_returner));
            back.publish(|slot| *slot = token);
        }
    };
    cross_ping_pong::between_threads(case, cores, round_trip, send_back)
}
