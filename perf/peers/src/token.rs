//! The message of all scenarios, and the actor at the end of all floods: the same ones for every subject.

use std::sync::Arc;

use crate::finish::Finish;

/// 32 bytes, which is the size of message that the figures are stated for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Token {
    /// Which message this is: of its sender's, or of those that were made by passing one on.
    pub(crate) sequence: u64,
    pub(crate) value: u64,
    /// How often it is still to be passed on.
    pub(crate) hops_left: u64,
    pub(crate) origin: u64,
}

const _: () = assert!(size_of::<Token>() == 32);

impl actix::Message for Token {
    type Result = ();
}

impl Token {
    /// The message of this number in a flood.
    #[inline(always)]
    pub(crate) fn numbered(sequence: u64) -> Self {
        Self { sequence, value: sequence ^ 0x5DEE_CE66, hops_left: 0, origin: sequence >> 8 }
    }

    /// What the actor of this number passes on.
    #[inline(always)]
    pub(crate) fn passed_by(self, actor: u64) -> Self {
        let value = self.value.rotate_left(1) ^ actor;
        Self { sequence: self.sequence + 1, value, hops_left: self.hops_left - 1, ..self }
    }
}

/// A checksum over values that tells their order too.
#[inline(always)]
pub(crate) fn digest(so_far: u64, value: u64) -> u64 {
    so_far.rotate_left(1).wrapping_add(value)
}

/// The checksum of a flood of so many messages.
pub(crate) fn digest_of_flood(messages: u64) -> u64 {
    (0..messages).fold(0, |so_far, sequence| digest(so_far, Token::numbered(sequence).value))
}

/// The receiver of a flood: takes a checksum, and says when everything has come.
pub(crate) struct Sink {
    expected: u64,
    received: u64,
    digest: u64,
    finish: Arc<Finish>,
}

impl Sink {
    pub(crate) fn new(expected: u64, finish: Arc<Finish>) -> Self {
        Self { expected, received: 0, digest: 0, finish }
    }

    /// Takes a message. Returns whether it was the last one.
    #[inline(always)]
    pub(crate) fn take(&mut self, token: Token) -> bool {
        self.received += 1;
        self.digest = digest(self.digest, token.value);
        let is_last = self.received == self.expected;
        if is_last {
            self.finish.set(self.received, self.digest);
        }
        is_last
    }

    /// How many messages have come.
    #[inline(always)]
    pub(crate) fn received(&self) -> u64 {
        self.received
    }
}

impl hippodrome::Actor for Sink {
    type Msg = Token;

    fn handle(&mut self, token: Token, _: &mut hippodrome::Context<'_, Token>) {
        self.take(token);
    }
}

impl actix::Actor for Sink {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Token> for Sink {
    type Result = ();

    fn handle(&mut self, token: Token, _: &mut Self::Context) {
        if self.take(token) {
            actix::System::current().stop();
        }
    }
}
