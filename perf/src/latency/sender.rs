//! The sending side: an open loop, which a thread or an actor drives.
//!
//! Every message is due at a time that was fixed before the run. A sender that is late sends what is overdue as fast as
//! it can; it neither leaves a message out nor moves its due time. So whatever holds up the sender or the receiver is
//! part of the latency of all messages that were due meanwhile.
//!
//! Where messages are due faster than they can be handled, the sender would be ever later. It gives up when it is
//! [`CUT_OFF_NS`] late: what is on its way is bounded by the rings, and what is overdue by that time.

use hippodrome::TryTellError;

use super::arrivals::{Arrivals, SECOND_NS};
use super::message::Message;

/// A sender that is so late sends nothing more.
pub(crate) const CUT_OFF_NS: u64 = SECOND_NS;

/// How long the end of a run waits for room, after the last message.
const PATIENCE_NS: u64 = 60 * SECOND_NS;

/// The most messages that are sent before the clock is read again.
const CHUNK: usize = 256;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Nothing is due yet, there is no room, or a chunk was sent: go on.
    Waiting,
    /// All is sent, and the end behind it.
    Ended(Sent),
    /// The receiver is gone, or takes nothing any more.
    Refused,
}

/// What a sender has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// When the first message was due.
    pub(crate) start_ns: u64,
    pub(crate) messages: u64,
    /// Whether there would have been more if it had not been too late.
    pub(crate) is_cut_off: bool,
}

/// Sends messages at their times.
#[derive(Debug)]
pub(crate) struct Sender {
    arrivals: Arrivals,
    /// When the next message is due; `None` after the last one.
    due_ns: Option<u64>,
    sent: Sent,
}

impl Sender {
    /// One whose first message is due at `start_ns`.
    pub(crate) fn new(mut arrivals: Arrivals, start_ns: u64) -> Self {
        let due_ns = arrivals.next().map(|at_ns| start_ns + at_ns);
        Self { arrivals, due_ns, sent: Sent { start_ns, messages: 0, is_cut_off: false } }
    }

    /// Sends what is due by now, up to a chunk; behind the last message, the end.
    #[inline]
    pub(crate) fn step<const WORDS: usize>(
        &mut self,
        now_ns: u64,
        mut tell: impl FnMut(Message<WORDS>) -> Result<(), TryTellError<Message<WORDS>>>,
    ) -> Step {
        for _ in 0..CHUNK {
            let Some(due_ns) = self.due_ns else { return self.end(now_ns, tell) };
            if due_ns > now_ns {
                return Step::Waiting;
            }
            if now_ns - due_ns > CUT_OFF_NS {
                self.sent.is_cut_off = true;
                self.due_ns = None;
                continue;
            }
            match tell(Message::due_at(due_ns)) {
                Ok(()) => self.sent.messages += 1,
                Err(TryTellError::Full(_)) => return Step::Waiting,
                Err(_) => return Step::Refused,
            }
            self.due_ns = self.arrivals.next().map(|at_ns| self.sent.start_ns + at_ns);
        }
        Step::Waiting
    }

    #[cold]
    fn end<const WORDS: usize>(
        &self,
        now_ns: u64,
        mut tell: impl FnMut(Message<WORDS>) -> Result<(), TryTellError<Message<WORDS>>>,
    ) -> Step {
        match tell(Message::end()) {
            Ok(()) => Step::Ended(self.sent),
            Err(TryTellError::Full(_)) if now_ns < self.sent.start_ns.saturating_add(self.give_up_ns()) => {
                Step::Waiting
            }
            Err(_) => Step::Refused,
        }
    }

    fn give_up_ns(&self) -> u64 {
        self.arrivals.end_ns() + CUT_OFF_NS + PATIENCE_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::arrivals::Pattern;

    fn sender(rate: u64, length_ns: u64) -> Sender {
        Sender::new(Arrivals::new(Pattern::Constant, rate, 0, length_ns), 100)
    }

    /// Drives a sender against a receiver that takes everything.
    fn step(sender: &mut Sender, now_ns: u64, received: &mut Vec<Option<u64>>) -> Step {
        sender.step::<1>(now_ns, |message| {
            received.push(message.due_ns());
            Ok(())
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
            let step = sender.step::<1>(1_000, |message| {
                has_room = !has_room;
                if !has_room {
                    return Err(TryTellError::Full(message));
                }
                received.push(message.due_ns());
                Ok(())
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
        assert_eq!(alone.step::<1>(0, |message| Err(TryTellError::Stopped(message))), Step::Refused);
    }

    #[test]
    fn an_end_that_finds_no_room_for_a_minute_is_refused() {
        let mut sender = Sender::new(Arrivals::new(Pattern::Constant, 1, 0, 0), 0);
        assert_eq!(sender.step::<1>(PATIENCE_NS, |message| Err(TryTellError::Full(message))), Step::Waiting);
        let late_ns = CUT_OFF_NS + PATIENCE_NS;
        assert_eq!(sender.step::<1>(late_ns, |message| Err(TryTellError::Full(message))), Step::Refused);
    }
}
