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
    sequence: u32,
    sender: u32,
    /// In which of its receiver's lives it began to wait.
    life: u32,
    stream: StreamId,
    state: State,
}

impl Token {
    /// The next message of a stream, about to be sent.
    pub(crate) fn new(sender: &Party, receiver: &'static Party, stream: StreamId) -> Self {
        let sequence = sender.begin(receiver.id(), stream);
        Self { receiver, sequence, sender: sender.id(), life: 0, stream, state: State::Sent }
    }

    /// A message from a party to itself that waits for something.
    pub(crate) fn waiting(party: &'static Party, kind: Kind) -> Self {
        let mut token = Self::new(party, party, StreamId::of(kind));
        (token.state, token.life) = (State::Waiting, party.life());
        token
    }

    /// A copy, as only an engine with a defect would make one.
    pub(crate) fn forged(&self) -> Self {
        let Self { receiver, sequence, sender, life, stream, state } = *self;
        Self { receiver, sequence, sender, life, stream, state }
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

    /// It is dropped while it waits: rightly if its actor has ended that life, or is about to.
    fn forget(&mut self) {
        if matches!(self.stream.kind, Kind::Ask | Kind::Timer) && self.life == self.receiver.life() {
            self.receiver.count_forgotten();
        }
    }

    fn note(&mut self, fate: Fate) {
        if std::mem::replace(&mut self.state, State::Void) != State::Void {
            self.receiver.end(self.sender, self.stream, self.sequence, fate);
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.state == State::Waiting {
            self.forget();
        }
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
        let salt =
            mix(u64::from(token.sequence) ^ u64::from(token.sender) << 32 ^ u64::from(token.receiver.id()) << 48);
        let body = std::array::from_fn(|word| mix(salt.wrapping_add(word as u64)));
        let mut letter = Self { token, fuel, checksum: 0, body };
        letter.checksum = letter.sum();
        letter
    }

    fn sum(&self) -> u64 {
        let Token { receiver, sequence, sender, .. } = self.token;
        let header = mix(u64::from(sequence) ^ u64::from(sender) << 32)
            ^ mix(u64::from(receiver.id()) << 32 | u64::from(self.fuel));
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

    #[test]
    fn what_waits_is_forgotten_only_in_the_life_of_its_actor() {
        let party = Party::enlist(7, false);
        let wait = |kind| Token::waiting(party, kind);
        party.cancelling(|| drop(wait(Kind::Timer)));
        drop(wait(Kind::Notice));
        wait(Kind::Ask).end(Fate::Handled);
        let over = wait(Kind::Ask);
        party.end_life();
        drop(over);
        assert_eq!(party.forgotten(), 0);
        drop(wait(Kind::Ask));
        drop(wait(Kind::Timer));
        assert_eq!(party.forgotten(), 2);
        party.end_life();
        assert_eq!(party.forgotten(), 0, "its actor was about to end that life");
    }

    #[test]
    fn every_bit_of_a_letter_counts() {
        let (sender, receiver) = (Party::enlist(1, false), Party::enlist(2, false));
        let letter = || Letter::<3>::seal(Token::new(sender, receiver, StreamId::of(Kind::Tell)), 5);
        let arrive = |mut letter: Letter<3>| {
            letter.arrive(receiver);
            let mut faults = Vec::new();
            receiver.faults(&mut faults);
            faults.len()
        };
        assert_eq!(arrive(letter()), 0);
        for bit in 0..3 * 64 {
            let mut spoiled = letter();
            spoiled.body[bit / 64] ^= 1 << (bit % 64);
            assert_ne!(spoiled.sum(), spoiled.checksum, "bit {bit}");
            spoiled.token.state = State::Void;
        }
        let mut fuelled = letter();
        fuelled.fuel += 1;
        assert_eq!(arrive(fuelled), 1);
    }
}
