//! A party: whoever sends or receives, an actor or a thread outside, and what is known of its messages.
//!
//! Each party notes what it sends in its outbox and what comes to it in its inbox, on lines and behind locks of its own:
//! the one lock is taken by the sender alone, the other by the receiver and by whoever drops a message. So counting
//! moves no line between workers that their messages do not move anyhow.
//!
//! A token keeps a reference to its receiver, and must be harmless if an engine with a defect drops it twice. So parties
//! are never freed: those that have gone wait in a pool to be used again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use super::random::mix;
use super::stream::{Stream, StreamId, Wrong};
use super::violation::Violation;

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Fate {
    /// A handler has done its work with it.
    Handled,
    /// It came elsewhere than to a handler: to a thread, as the answer of an ask, to `started` or `stopped`.
    Taken,
    /// The sender got it back.
    Refused,
    /// Its handler panicked.
    Panicked,
    /// It was dropped, and must have been reported.
    Dead,
    /// It was dropped, and may go without a report: a timer that was cancelled, a notice whose watcher has gone.
    Quiet,
    /// It never became a message: an ask whose actor has gone, a birth that was not lived to see.
    Unsent,
}

const FATES: usize = 7;

/// Where an actor may panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Site {
    Handle,
    Started,
    Factory,
    Stopped,
}

const SITES: usize = 4;

/// What an ask has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Asked {
    Answered,
    Unanswered,
    TimedOut,
    /// It could not even be made.
    TooMany,
}

const ASKED: usize = 4;

/// Counts of a party, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) begun: u64,
    /// By fate.
    pub(crate) ended: [u64; FATES],
    /// Messages that came to a handler.
    pub(crate) arrived: u64,
    /// By site.
    pub(crate) panics: [u64; SITES],
    /// By outcome.
    pub(crate) asked: [u64; ASKED],
    pub(crate) started: u64,
    pub(crate) restarted: u64,
}

impl Counts {
    pub(crate) fn get(&self, fate: Fate) -> u64 {
        self.ended[fate as usize]
    }

    pub(crate) fn panics(&self, site: Site) -> u64 {
        self.panics[site as usize]
    }

    pub(crate) fn asked(&self, outcome: Asked) -> u64 {
        self.asked[outcome as usize]
    }

    pub(crate) fn ended(&self) -> u64 {
        self.ended.iter().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.arrived += other.arrived;
        self.started += other.started;
        self.restarted += other.restarted;
        self.ended.iter_mut().zip(other.ended).for_each(|(mine, theirs)| *mine += theirs);
        self.panics.iter_mut().zip(other.panics).for_each(|(mine, theirs)| *mine += theirs);
        self.asked.iter_mut().zip(other.asked).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// What a party sends.
#[derive(Debug, Default)]
struct Outbox {
    begun: AtomicU64,
    /// How many messages were numbered, by receiver and stream.
    numbered: Mutex<BTreeMap<(u32, StreamId), u64>>,
}

/// What comes to a party.
#[derive(Debug, Default)]
struct Inbox {
    ended: [AtomicU64; FATES],
    arrived: AtomicU64,
    panics: [AtomicU64; SITES],
    asked: [AtomicU64; ASKED],
    started: AtomicU64,
    restarted: AtomicU64,
    faults: AtomicU64,
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    by_sender: BTreeMap<(u32, StreamId), Stream>,
    /// Of the order in which messages came.
    digest: u64,
    faults: Vec<Violation>,
}

/// How many violations of one party are kept. All are counted.
const KEPT_FAULTS: usize = 16;

/// A sender and receiver of messages.
#[derive(Debug, Default)]
pub(crate) struct Party {
    id: AtomicU32,
    /// Who may still make messages of it or for it: its factory, watches, subscriptions.
    holds: AtomicU32,
    /// An actor that has gone for good.
    is_gone: AtomicBool,
    /// A thread outside the engine.
    is_outside: AtomicBool,
    /// How many states the actor has had before this one.
    life: AtomicU32,
    /// Timers and asks that were dropped in this life, though it was not over.
    forgotten: AtomicU64,
    /// Whether the actor itself is just dropping a timer.
    is_cancelling: AtomicBool,
    outbox: CachePadded<Outbox>,
    inbox: CachePadded<Inbox>,
}

/// Parties that have gone, to be used again.
static POOL: Mutex<Vec<&'static Party>> = Mutex::new(Vec::new());

impl Party {
    /// A party with nothing to its name.
    pub(crate) fn enlist(id: u32, is_outside: bool) -> &'static Self {
        let party = POOL.lock().pop().unwrap_or_else(|| Box::leak(Box::default()));
        party.is_outside.store(is_outside, Ordering::Relaxed);
        party.id.store(id, Ordering::Relaxed);
        party
    }

    /// Gives the party back. Nobody may know it any more.
    pub(crate) fn retire(&'static self) {
        let Outbox { begun, numbered } = &*self.outbox;
        begun.store(0, Ordering::Relaxed);
        numbered.lock().clear();
        let Inbox { ended, arrived, panics, asked, started, restarted, faults, streams } = &*self.inbox;
        ended.iter().chain(panics).chain(asked).for_each(|count| count.store(0, Ordering::Relaxed));
        [arrived, started, restarted, faults].into_iter().for_each(|count| count.store(0, Ordering::Relaxed));
        *streams.lock() = Streams::default();
        self.is_gone.store(false, Ordering::Relaxed);
        self.forgotten.store(0, Ordering::Relaxed);
        POOL.lock().push(self);
    }

    /// Its number, unique among the parties of a workload.
    pub(crate) fn id(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    pub(crate) fn is_outside(&self) -> bool {
        self.is_outside.load(Ordering::Relaxed)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    pub(crate) fn is_held(&self) -> bool {
        self.holds.load(Ordering::Acquire) > 0
    }

    pub(crate) fn life(&self) -> u32 {
        self.life.load(Ordering::Acquire)
    }

    /// The actor's state is dropped: with it, its timers and asks may be.
    pub(crate) fn end_life(&self) {
        self.life.fetch_add(1, Ordering::AcqRel);
        self.forgotten.store(0, Ordering::Release);
    }

    /// Runs something that may drop the actor's own timers.
    pub(crate) fn cancelling<T>(&self, run: impl FnOnce() -> T) -> T {
        self.is_cancelling.store(true, Ordering::Release);
        let result = run();
        self.is_cancelling.store(false, Ordering::Release);
        result
    }

    pub(crate) fn count_forgotten(&self) {
        if !self.is_cancelling.load(Ordering::Acquire) {
            self.forgotten.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Timers and asks that were dropped in this life, though it is not over.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    /// Numbers the next message to `receiver`.
    pub(crate) fn begin(&self, receiver: u32, stream: StreamId) -> u32 {
        // Before anything can come of it: so that in all looks no more have ended than begun.
        self.outbox.begun.fetch_add(1, Ordering::Release);
        let mut numbered = self.outbox.numbered.lock();
        let next = numbered.entry((receiver, stream)).or_default();
        *next += 1;
        (*next - 1) as u32
    }

    /// A message came to this party, which it is for.
    pub(crate) fn arrive(&self, sender: u32, stream: StreamId, sequence: u32) -> Result<(), Wrong> {
        let mut streams = self.inbox.streams.lock();
        streams.digest =
            mix(streams.digest ^ mix(u64::from(sequence) ^ u64::from(sender) << 40 ^ (stream.kind as u64) << 32));
        let arrived =
            streams.by_sender.entry((sender, stream)).or_default().arrive(sequence.into(), stream.kind.is_ordered());
        arrived.inspect_err(|wrong| self.fault_in(&mut streams, *wrong, sender, stream, sequence))
    }

    /// A message for this party came to its end.
    pub(crate) fn end(&self, sender: u32, stream: StreamId, sequence: u32, fate: Fate) {
        let mut streams = self.inbox.streams.lock();
        if let Err(wrong) = streams.by_sender.entry((sender, stream)).or_default().end(sequence.into()) {
            self.fault_in(&mut streams, wrong, sender, stream, sequence);
            return;
        }
        drop(streams);
        self.inbox.ended[fate as usize].fetch_add(1, Ordering::Release);
    }

    fn fault_in(&self, streams: &mut Streams, wrong: Wrong, sender: u32, stream: StreamId, sequence: u32) {
        let receiver = self.id();
        self.inbox.faults.fetch_add(1, Ordering::Release);
        if streams.faults.len() < KEPT_FAULTS {
            streams.faults.push(match wrong {
                Wrong::Again => Violation::Doubled { sender, receiver, stream, sequence },
                Wrong::Late => Violation::Reordered { sender, receiver, stream, sequence },
            });
        }
    }

    /// Notes that something is wrong.
    pub(crate) fn fault(&self, violation: Violation) {
        self.inbox.faults.fetch_add(1, Ordering::Release);
        let mut streams = self.inbox.streams.lock();
        if streams.faults.len() < KEPT_FAULTS {
            streams.faults.push(violation);
        }
    }

    /// What is wrong, as far as it is known now.
    pub(crate) fn faults(&self, into: &mut Vec<Violation>) {
        if self.inbox.faults.load(Ordering::Acquire) > 0 {
            into.extend_from_slice(&self.inbox.streams.lock().faults);
        }
    }

    pub(crate) fn count_arrival(&self) {
        self.inbox.arrived.fetch_add(1, Ordering::Release);
    }

    /// Counts a panic that is about to be.
    pub(crate) fn count_panic(&self, site: Site) {
        self.inbox.panics[site as usize].fetch_add(1, Ordering::Release);
    }

    pub(crate) fn count_asked(&self, outcome: Asked) {
        self.inbox.asked[outcome as usize].fetch_add(1, Ordering::Release);
    }

    pub(crate) fn count_start(&self, is_restart: bool) {
        let count = if is_restart { &self.inbox.restarted } else { &self.inbox.started };
        count.fetch_add(1, Ordering::Release);
    }

    /// All but what it has begun. To be read before that, of all parties, or more may seem to have ended than begun.
    pub(crate) fn count_ended(&self, into: &mut Counts) {
        let read = |count: &AtomicU64| count.load(Ordering::Acquire);
        let Inbox { ended, arrived, panics, asked, started, restarted, .. } = &*self.inbox;
        into.ended.iter_mut().zip(ended).for_each(|(sum, count)| *sum += read(count));
        into.panics.iter_mut().zip(panics).for_each(|(sum, count)| *sum += read(count));
        into.asked.iter_mut().zip(asked).for_each(|(sum, count)| *sum += read(count));
        into.arrived += read(arrived);
        into.started += read(started);
        into.restarted += read(restarted);
    }

    pub(crate) fn begun(&self) -> u64 {
        self.outbox.begun.load(Ordering::Acquire)
    }

    /// What it has numbered, by receiver and stream.
    pub(crate) fn numbered(&self) -> Vec<((u32, StreamId), u64)> {
        self.outbox.numbered.lock().iter().map(|(stream, count)| (*stream, *count)).collect()
    }

    /// How many of those that `sender` numbered are missing, and the first of them.
    pub(crate) fn missing(&self, sender: u32, stream: StreamId, sent: u64) -> Option<(u64, u64)> {
        let streams = self.inbox.streams.lock();
        streams.by_sender.get(&(sender, stream)).map_or((sent > 0).then_some((sent, 0)), |found| found.missing(sent))
    }

    pub(crate) fn digest(&self) -> u64 {
        self.inbox.streams.lock().digest
    }

    /// Forgets the streams to and from parties that have gone.
    pub(crate) fn forget(&self, is_gone: impl Fn(u32) -> bool) {
        self.outbox.numbered.lock().retain(|(receiver, _), _| !is_gone(*receiver));
        self.inbox.streams.lock().by_sender.retain(|(sender, _), _| !is_gone(*sender));
    }
}

/// Keeps a party from being used again: somebody may still make a message of it or for it.
#[derive(Debug)]
pub(crate) struct Hold(&'static Party);

impl Hold {
    pub(crate) fn of(party: &'static Party) -> Self {
        party.holds.fetch_add(1, Ordering::AcqRel);
        Self(party)
    }

    pub(crate) fn party(&self) -> &'static Party {
        self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The factory's hold: when it goes, the actor has gone for good.
#[derive(Debug)]
pub(crate) struct Life(Hold);

impl Life {
    pub(crate) fn of(party: &'static Party) -> Self {
        Self(Hold::of(party))
    }

    pub(crate) fn party(&self) -> &'static Party {
        self.0.party()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.party().is_gone.store(true, Ordering::Release);
    }
}
