//! `rtrb`: a ring from one thread to another.

use std::hint::spin_loop;
use std::sync::Arc;

use hippodrome_perf_kit::scenarios::cross_flood::{self, Flood, Load, WINDOW};
use hippodrome_perf_kit::scenarios::threads::produce_and_consume;
use hippodrome_perf_kit::token::{Sink, Token};
use hippodrome_perf_kit::{Case, Cores, Failure, Finish, Sample, Subject};
use rtrb::{Consumer, Producer, PushError, RingBuffer};

use crate::spin::{self, until_some, until_taken};

/// One value at a time, and many at once where that is another way of doing it.
pub(crate) static SUBJECTS: &[Subject] = &[
    Subject::new("cross_flood", "rtrb", cross_flood::run::<OneByOne>),
    Subject::new("cross_flood", "rtrb-chunks", cross_flood::run::<Chunks>),
    Subject::new("cross_ping_pong", "rtrb", ping_pong),
];

/// A message as an engine moves it: with a header of two words that says whom it is for and what it is.
struct Envelope<const WORDS: usize> {
    _header: [u64; 2],
    load: Load<WORDS>,
}

impl<const WORDS: usize> Envelope<WORDS> {
    #[inline(always)]
    fn of(load: Load<WORDS>) -> Self {
        Self { _header: [WORDS as u64, 0], load }
    }
}

const _: () = assert!(size_of::<Envelope<4>>() == 48);

struct OneByOne;

impl Flood for OneByOne {
    fn flood<const WORDS: usize>(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
        let (mut producer, mut consumer) = RingBuffer::<Envelope<WORDS>>::new(WINDOW as usize);
        let send = move |load| until_taken(Envelope::of(load), |envelope| push(&mut producer, envelope));
        let receive = move || until_some(|| consumer.pop().ok()).load;
        cross_flood::between_threads(messages, cores, send, receive)
    }
}

#[inline(always)]
fn push<T>(producer: &mut Producer<T>, value: T) -> Result<(), T> {
    producer.push(value).map_err(|PushError::Full(value)| value)
}

struct Chunks;

/// The most that one chunk is to have.
const CHUNK: usize = 256;

impl Flood for Chunks {
    fn flood<const WORDS: usize>(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
        let (producer, consumer) = RingBuffer::new(WINDOW as usize);
        let finish = Arc::new(Finish::default());
        let sink = Sink::new(messages, finish.clone());
        let send = || send_chunks::<WORDS>(producer, messages);
        produce_and_consume(cores, &finish, vec![send], || take_chunks(consumer, sink, messages))
    }
}

fn send_chunks<const WORDS: usize>(mut producer: Producer<Envelope<WORDS>>, messages: u64) {
    let mut sent = 0;
    while sent < messages {
        let count = producer.slots().min(CHUNK).min((messages - sent) as usize);
        match producer.write_chunk_uninit(count) {
            Ok(chunk) if count > 0 => {
                let next = sent + count as u64;
                chunk.fill_from_iter((sent..next).map(|sequence| Envelope::of(Load::numbered(sequence))));
                sent = next;
            }
            _ => spin_loop(),
        }
    }
}

fn take_chunks<const WORDS: usize>(mut consumer: Consumer<Envelope<WORDS>>, mut sink: Sink, messages: u64) {
    while sink.received() < messages {
        let count = consumer.slots().min(CHUNK);
        match consumer.read_chunk(count) {
            Ok(chunk) if count > 0 => chunk.into_iter().for_each(|envelope| sink.take(envelope.load.sum())),
            _ => spin_loop(),
        }
    }
}

fn ping_pong(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let ring = || {
        let (mut producer, mut consumer) = RingBuffer::<Token>::new(64);
        (move |token| push(&mut producer, token), move || consumer.pop().ok())
    };
    spin::ping_pong(case, cores, ring(), ring())
}
