//! The lane itself, without actors: a batch is pushed and published, then popped and released.
//!
//! ```text
//!   Producer == 256 envelopes of Token ==> Consumer
//! ```

use std::sync::Arc;

use hippodrome_benches::{Token, digest};
use hippodrome_ringbuf::PlainKind;
use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
use hippodrome_ringbuf::lane::{Consumer, Producer, lane};

use crate::flood::{self, CHUNK};
use crate::scenario::Scenario;

static TOKEN: PlainKind = PlainKind::of::<Token>();
const LANE_BYTES: usize = 64 * 1024;
const TAG: u64 = 7;

pub(crate) struct Lane {
    producer: Producer<PlainKind>,
    consumer: Consumer<PlainKind>,
    sent: u64,
    digest: u64,
}

impl Scenario for Lane {
    fn new() -> Self {
        let ends = lane(LANE_BYTES, Arc::new(Doorbell::new()), Signal::Source(0));
        let (producer, consumer) = ends.expect("a valid capacity");
        Self { producer, consumer, sent: 0, digest: 0 }
    }

    fn run(&mut self, units: u64) {
        let end = self.sent + units;
        while self.sent < end {
            let first = self.sent;
            self.sent = (first + CHUNK).min(end);
            for number in first..self.sent {
                // SAFETY: `TOKEN` describes the message, and the tag is not that of a jump.
                unsafe { self.producer.push(&TOKEN, TAG, Token::numbered(number)) }.expect("there is room for a batch");
            }
            let _ = self.producer.publish();
            while let Some((_, _, message)) = self.consumer.pop() {
                // SAFETY: the lane carries tokens only, and gives each once.
                let token = unsafe { message.cast::<Token>().read() };
                self.digest = digest(self.digest, token.value());
            }
            self.consumer.release();
        }
    }

    fn check(self) {
        assert_eq!(self.digest, flood::expected());
    }
}
