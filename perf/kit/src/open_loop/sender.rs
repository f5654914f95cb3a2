//! The sending side: an open loop, which a thread or an actor drives.
//!
//! Every message is due at a time that was fixed before the run. A sender that is late sends what is overdue as fast as
//! it can; it neither leaves a message out nor moves its due time. So whatever holds up the sender or the receiver is
//! part of the latency of all messages that were due meanwhile.
//!
//! Where messages are due faster than they can be handled, the sender would be ever later. It gives up when it is
//! [`CUT_OFF_NS`] late: what is on its way is bounded by the rings, and what is overdue by that time.

use super::arrivals::SECOND_NS;

/// A sender that is so late sends nothing more.
pub const CUT_OFF_NS: u64 = SECOND_NS;

/// How long the end of a run waits for room, after the last message.
const PATIENCE_NS: u64 = 60 * SECOND_NS;

/// The most messages that are sent before the clock is read again.
const CHUNK: usize = 256;

/// What became of something that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was taken.
    Yes,
    /// There is no room for it: it is to be sent again, with the time at which it was due.
    NoRoom,
    /// The receiver is gone, or takes nothing any more.
    Never,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Nothing is due yet, there is no room, or a chunk was sent: go on.
    Waiting,
    /// All is sent, and the end behind it.
    Ended(Sent),
    /// The receiver is gone, or takes nothing any more.
    Refused,
}

/// What a sender has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When the first message was due.
    pub start_ns: u64,
    /// How many messages there were, the end not among them.
    pub messages: u64,
    /// Whether there would have been more if it had not been too late.
    pub is_cut_off: bool,
}

/// Sends messages at their times: `A` gives these in nanoseconds after the start, in rising order.
#[derive(Debug)]
pub struct Sender<A> {
    arrivals: A,
    /// When the next message is due; `None` after the last one.
    due_ns: Option<u64>,
    sent: Sent,
    /// When the end was first tried to be sent.
    ended_ns: Option<u64>,
}

impl<A: Iterator<Item = u64>> Sender<A> {
    /// One whose first message is due at `start_ns`.
    pub fn new(mut arrivals: A, start_ns: u64) -> Self {
        let due_ns = arrivals.next().map(|at_ns| start_ns + at_ns);
        Self { arrivals, due_ns, sent: Sent { start_ns, messages: 0, is_cut_off: false }, ended_ns: None }
    }

    /// Sends what is due by now, up to a chunk: `send` is given the time at which each message was due, and `None` for
    /// the end behind the last one.
    #[inline]
    pub fn step(&mut self, now_ns: u64, mut send: impl FnMut(Option<u64>) -> Taken) -> Step {
        for _ in 0..CHUNK {
            let Some(due_ns) = self.due_ns else { return self.end(now_ns, send) };
            if due_ns > now_ns {
                return Step::Waiting;
            }
            if now_ns - due_ns > CUT_OFF_NS {
                self.sent.is_cut_off = true;
                self.due_ns = None;
                continue;
            }
            match send(Some(due_ns)) {
                Taken::Yes => self.sent.messages += 1,
                Taken::NoRoom => return Step::Waiting,
                Taken::Never => return Step::Refused,
            }
            self.due_ns = self.arrivals.next().map(|at_ns| self.sent.start_ns + at_ns);
        }
        Step::Waiting
    }

    #[cold]
    fn end(&mut self, now_ns: u64, mut send: impl FnMut(Option<u64>) -> Taken) -> Step {
        let ended_ns = *self.ended_ns.get_or_insert(now_ns);
        match send(None) {
            Taken::Yes => Step::Ended(self.sent),
            Taken::NoRoom if now_ns - ended_ns < PATIENCE_NS => Step::Waiting,
            _ => Step::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_loop::{Arrivals, Pattern};

    fn sender(rate: u64, length_ns: u64) -> Sender<Arrivals> {
        Sender::new(Arrivals::new(Pattern::Constant, rate, 0, length_ns), 100)
    }

    /// Drives a sender against a receiver that takes everything.
    fn step(sender: &mut Sender<Arrivals>, now_ns: u64, received: &mut Vec<Option<u64>>) -> Step {
        sender.step(now_ns, |due_ns| {
            received.push(due_ns);
            Taken::Yes
        })
    }

    #[test]
    fn a_late_sender_sends_everything_with_the_times_it_was_due_at() {
        let (mut sender, mut received) = (sender(1_000_000_000, 10), Vec::new());
        assert_eq!(step(&mut sender, 99, &mut received), Step::Waiting);
        assert_eq!(received, []);
        assert_eq!(step(&mut sender, 101, &mut received), Step::Waiting);
        assert_eq!(received, [Some(100), Some(101)]);
        let sent = Sent { start_ns: 100, messages: 10, is_cut_off: false };
        assert_eq!(step(&mut sender, 50_000, &mut received), Step::Ended(sent));
        assert_eq!(received, (100..110).map(Some).chain([None]).collect::<Vec<_>>());
    }

    #[test]
    fn a_message_without_room_is_sent_later_and_none_is_left_out() {
        let mut sender = sender(1_000_000_000, 3);
        let mut received = Vec::new();
        let mut has_room = false;
        let ended = loop {
            let step = sender.step(1_000, |due_ns| {
                has_room = !has_room;
                if !has_room {
                    return Taken::NoRoom;
                }
                received.push(due_ns);
                Taken::Yes
            });
            if step != Step::Waiting {
                break step;
            }
        };
        assert_eq!(ended, Step::Ended(Sent { start_ns: 100, messages: 3, is_cut_off: false }));
        assert_eq!(received, [Some(100), Some(101), Some(102), None]);
    }

    #[test]
    fn a_sender_that_is_too_late_is_cut_off_and_one_without_a_receiver_refused() {
        let (mut sender, mut received) = (sender(1, 10 * SECOND_NS), Vec::new());
        assert_eq!(step(&mut sender, 100 + CUT_OFF_NS, &mut received), Step::Waiting);
        let sent = Sent { start_ns: 100, messages: 2, is_cut_off: true };
        assert_eq!(step(&mut sender, 101 + 3 * CUT_OFF_NS, &mut received), Step::Ended(sent));
        assert_eq!(received, [Some(100), Some(100 + SECOND_NS), None]);

        let mut alone = Sender::new(Arrivals::new(Pattern::Constant, 1, 0, 1), 0);
        assert_eq!(alone.step(0, |_| Taken::Never), Step::Refused);
    }

    #[test]
    fn an_end_that_finds_no_room_for_a_minute_is_refused() {
        let mut sender = Sender::new(Arrivals::new(Pattern::Constant, 1, 0, 0), 0);
        assert_eq!(sender.step(7, |_| Taken::NoRoom), Step::Waiting);
        assert_eq!(sender.step(6 + PATIENCE_NS, |_| Taken::NoRoom), Step::Waiting);
        assert_eq!(sender.step(7 + PATIENCE_NS, |_| Taken::NoRoom), Step::Refused);
    }
}
