//! The message of most scenarios, and its checksum.

use std::sync::Arc;

use crate::finish::{Finish, Found};

/// 32 bytes, which is the size of message that the figures are stated for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// Which message this is: of its sender's, or of those that were made by passing one on.
    pub sequence: u64,
    /// What the checksum is taken of.
    pub value: u64,
    /// How often it is still to be passed on.
    pub hops_left: u64,
    /// Where it began.
    pub origin: u64,
}

const _: () = assert!(size_of::<Token>() == 32);

impl Token {
    /// The message of this number in a flood.
    #[inline(always)]
    #[must_use]
    pub fn numbered(sequence: u64) -> Self {
        Self { sequence, value: sequence ^ 0x5DEE_CE66, hops_left: 0, origin: sequence >> 8 }
    }

    /// What the actor of this number passes on.
    #[inline(always)]
    #[must_use]
    pub fn passed_by(self, actor: u64) -> Self {
        let value = self.value.rotate_left(1) ^ actor;
        Self { sequence: self.sequence + 1, value, hops_left: self.hops_left - 1, ..self }
    }
}

/// A checksum over values that tells their order too.
#[inline(always)]
#[must_use]
pub fn digest(so_far: u64, value: u64) -> u64 {
    so_far.rotate_left(1).wrapping_add(value)
}

/// What the receiver of a flood of so many messages must find.
#[must_use]
pub fn found_in_flood(messages: u64) -> Found {
    let checksum = (0..messages).fold(0, |so_far, sequence| digest(so_far, Token::numbered(sequence).value));
    Found { units: messages, checksum }
}

/// The receiver of a flood: takes a checksum, and says when everything has come.
#[derive(Debug)]
pub struct Sink {
    expected: u64,
    received: u64,
    digest: u64,
    finish: Arc<Finish>,
}

impl Sink {
    /// One that expects so many messages.
    #[must_use]
    pub fn new(expected: u64, finish: Arc<Finish>) -> Self {
        Self { expected, received: 0, digest: 0, finish }
    }

    /// Takes a message's value.
    #[inline(always)]
    pub fn take(&mut self, value: u64) {
        self.received += 1;
        self.digest = digest(self.digest, value);
        if self.received == self.expected {
            self.finish.set(self.received, self.digest);
        }
    }

    /// How many messages have come.
    #[inline(always)]
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }
}
