//! Tokens and letters: what is in each message, so that the ledger knows what became of it.

use super::party::{Fate, Party};
use super::random::mix;
use super::stream::{Kind, StreamId, Wrong};
use super::violation::Violation;

/// Where a message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Sent: if it is dropped, that must be reported.
    Sent,
    /// Waiting for something that may never be, such as a timer: if it is dropped, that may go without a report.
    Waiting,
    /// In the hands of its receiver.
    Arrived,
    /// Ended, or known to be wrong: nothing more is noted of it.
    Void,
}

/// The part of a message that comes to exactly one end. Being dropped is one.
///
/// It has 24 bytes, so that it fits the closure of an ask beside what the ask is for.
#[derive(Debug)]
pub(crate) struct Token {
    receiver: &'static Party,
    sequence: u64,
    sender: u32,
    stream: StreamId,
    state: State,
}

impl Token {
    /// The next message of a stream, about to be sent.
    pub(crate) fn new(sender: &Party, receiver: &'static Party, stream: StreamId) -> Self {
        let sequence = sender.begin(receiver.id(), stream);
        Self { receiver, sequence, sender: sender.id(), stream, state: State::Sent }
    }

    /// A message from a party to itself that waits for something.
    pub(crate) fn waiting(party: &'static Party, kind: Kind) -> Self {
        let mut token = Self::new(party, party, StreamId::of(kind));
        token.state = State::Waiting;
        token
    }

    /// A copy, as only an engine with a defect would make one.
    pub(crate) fn forged(&self) -> Self {
        let Self { receiver, sequence, sender, stream, state } = *self;
        Self { receiver, sequence, sender, stream, state }
    }

    /// What it waited for has happened: from now on its end must be reported.
    pub(crate) fn sent(&mut self) {
        self.state = State::Sent;
    }

    pub(crate) fn stream(&self) -> StreamId {
        self.stream
    }

    pub(crate) fn receiver(&self) -> &'static Party {
        self.receiver
    }

    /// It came to `found`.
    fn arrive(&mut self, found: &Party) {
        let Self { receiver, sequence, sender, stream, .. } = *self;
        if !std::ptr::eq(receiver, found) {
            found.fault(Violation::Misrouted { sender, receiver: receiver.id(), found: found.id(), sequence });
            self.state = State::Void;
            return;
        }
        let is_again = found.arrive(sender, stream, sequence) == Err(Wrong::Again);
        self.state = if is_again { State::Void } else { State::Arrived };
    }

    /// It came to its end.
    pub(crate) fn end(mut self, fate: Fate) {
        self.note(fate);
    }

    fn note(&mut self, fate: Fate) {
        if std::mem::replace(&mut self.state, State::Void) != State::Void {
            self.receiver.end(self.sender, self.stream, self.sequence, fate);
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.note(match self.state {
            State::Arrived => Fate::Panicked,
            State::Waiting if matches!(self.stream.kind, Kind::Timer | Kind::Notice) => Fate::Quiet,
            State::Waiting => Fate::Unsent,
            State::Sent | State::Void => Fate::Dead,
        });
    }
}

/// A token with a body of `N` words and a checksum over all of it.
#[derive(Debug)]
pub(crate) struct Letter<const N: usize> {
    token: Token,
    /// How many messages may come of this one. So all work ends.
    fuel: u32,
    /// Told of every body, and so of every message that came with the bytes of another.
    checksum: u64,
    body: [u64; N],
}

impl<const N: usize> Letter<N> {
    /// Fills the body and seals it.
    pub(crate) fn seal(token: Token, fuel: u32) -> Self {
        let salt = mix(token.sequence ^ u64::from(token.sender) << 32 ^ u64::from(token.receiver.id()) << 48);
        let body = std::array::from_fn(|word| mix(salt.wrapping_add(word as u64)));
        let mut letter = Self { token, fuel, checksum: 0, body };
        letter.checksum = letter.sum();
        letter
    }

    fn sum(&self) -> u64 {
        let Token { receiver, sequence, sender, .. } = self.token;
        let header =
            mix(sequence ^ u64::from(sender) << 32) ^ mix(u64::from(receiver.id()) << 32 | u64::from(self.fuel));
        self.body.iter().fold(header, |sum, word| (sum.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// It came to `found`: its order, its receiver and its bytes are checked.
    pub(crate) fn arrive(&mut self, found: &Party) {
        if self.checksum != self.sum() {
            let Token { receiver, sequence, sender, stream, .. } = self.token;
            found.fault(Violation::Corrupted { sender, receiver: receiver.id(), stream, sequence });
        }
        self.token.arrive(found);
    }

    /// It came to its end.
    pub(crate) fn end(self, fate: Fate) {
        self.token.end(fate);
    }

    pub(crate) fn fuel(&self) -> u32 {
        self.fuel
    }

    pub(crate) fn stream(&self) -> StreamId {
        self.token.stream()
    }

    /// A copy, as only an engine with a defect would make one.
    pub(crate) fn forged(&self) -> Self {
        Self { token: self.token.forged(), fuel: self.fuel, checksum: self.checksum, body: self.body }
    }

    /// Turns a bit of the body over, as only an engine with a defect would.
    pub(crate) fn spoil(&mut self) {
        self.body[N - 1] ^= 1 << 17;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_the_closure_of_an_ask() {
        assert!(size_of::<(Token, u32)>() <= 32);
    }
}
