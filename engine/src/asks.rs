//! Asks of actors: questions whose answer arrives as a message of the asking actor.
//!
//! The timer of an ask is armed at the end of the turn that it was made in, when the question is on its way. An ask that
//! is answered before, as most on one core are, needs none.

use std::any::Any;
use std::ops::Range;
use std::time::Duration;

use crate::address::{ActorRef, Address, Tag};
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::deadlock::Waiter;
use crate::deadlock::waits::Wait;
use crate::error::AskError;
use crate::inline::Inline;
use crate::message::{Of, WorkerMessage};
use crate::reply::Reply;
use crate::supervise::{Task, head_of, nanos};
use crate::wheel::TimerKey;

/// Bytes that the closure may capture which makes a message of an answer.
pub(crate) const MAP_WORDS: usize = 4;
type Map = Inline<MAP_WORDS>;

/// Which ask of a worker: an index, and which of its uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AskKey {
    index: u32,
    generation: u32,
}

impl AskKey {
    /// Set in the index of a key of which several replies were made. No table of asks is that large, so that such a key
    /// finds no entry by itself, and a plain answer need not look for it.
    const SEVERAL: u32 = 1 << 31;

    /// The key of no ask: what is answered by it comes too late.
    const ENDED: Self = Self { index: Self::SEVERAL - 1, generation: 0 };

    /// The key to make several replies of.
    const fn for_several(self) -> Self {
        Self { index: self.index | Self::SEVERAL, generation: self.generation }
    }

    /// The key of the entry, if it is one of which several replies were made.
    const fn of_several(self) -> Option<Self> {
        if self.index & Self::SEVERAL == 0 {
            return None;
        }
        Some(Self { index: self.index & !Self::SEVERAL, generation: self.generation })
    }
}

#[cfg(test)]
impl AskKey {
    pub(crate) fn new(index: u32) -> Self {
        Self { index, generation: 0 }
    }
}

/// An ask that waits for its answer.
struct Pending {
    asker: Tag,
    incarnation: u32,
    timer: Option<TimerKey>,
    map: Map,
    /// Makes a message of the answer (an `Option<T>`) and delivers it.
    answer: fn(&mut Core, Tag, Map, &mut dyn Any),
    fail: fn(&mut Core, Tag, Map, AskError),
}

struct Entry {
    generation: u32,
    /// Replies that were neither used nor dropped, if several were made: set and read for such asks alone.
    replies: u32,
    pending: Option<Pending>,
    /// Who was asked.
    asked: Address,
}

/// The asks of one worker's actors.
pub(crate) struct Asks {
    entries: Vec<Entry>,
    free: Vec<u32>,
    limit: u32,
    /// Made in this turn: what they wait for at most, in nanoseconds.
    untimed: Vec<(AskKey, u64)>,
}

impl Asks {
    pub(crate) fn new(limit: u32) -> Self {
        Self { entries: Vec::new(), free: Vec::new(), limit, untimed: Vec::new() }
    }

    /// Whether asks were made whose timers are not armed.
    #[inline(always)]
    pub(crate) fn has_untimed(&self) -> bool {
        !self.untimed.is_empty()
    }

    /// How many timers they are going to need.
    #[inline]
    pub(crate) fn untimed(&self) -> usize {
        self.untimed.len()
    }

    fn has_room(&self) -> bool {
        !self.free.is_empty() || self.entries.len() < self.limit as usize
    }

    /// Keeps an ask, for which there is room.
    fn insert(&mut self, pending: Pending, asked: Address) -> AskKey {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, replies: 0, pending: None, asked });
            self.free.reserve(self.entries.len());
            self.entries.len() as u32 - 1
        });
        let entry = &mut self.entries[index as usize];
        entry.pending = Some(pending);
        entry.asked = asked;
        AskKey { index, generation: entry.generation }
    }

    /// How many entries there are, used or not.
    pub(crate) fn capacity(&self) -> usize {
        self.entries.len()
    }

    fn get_mut(&mut self, key: AskKey) -> Option<&mut Pending> {
        let entry = self.entries.get_mut(key.index as usize)?;
        (entry.generation == key.generation).then_some(entry.pending.as_mut()).flatten()
    }

    /// Sets how many replies there are.
    fn set_replies(&mut self, key: AskKey, replies: u32) {
        if let Some(entry) = self.entries.get_mut(key.index as usize) {
            entry.replies = replies;
        }
    }

    /// Counts a reply that was dropped. Returns whether it was the last.
    fn drop_reply(&mut self, key: AskKey) -> bool {
        let entry = self.entries.get_mut(key.index as usize).filter(|entry| entry.generation == key.generation);
        entry.is_some_and(|entry| {
            entry.replies = entry.replies.saturating_sub(1);
            entry.replies == 0
        })
    }

    fn remove(&mut self, key: AskKey) -> Option<Pending> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let pending = entry.pending.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        // An entry whose generations are used up is retired: an old reply must not find a new ask.
        if entry.generation != 0 {
            self.free.push(key.index);
        }
        Some(pending)
    }
}

/// An answer on its way to the worker of the actor that asked.
pub(crate) struct Answer<T> {
    pub(crate) key: AskKey,
    pub(crate) value: T,
}

impl<T: Send + 'static> WorkerMessage for Answer<T> {
    const IS_USERS: bool = true;

    fn run(self, core: &mut Core) {
        core.ask_answered(self.key, self.value);
    }
}

/// The news that a reply was dropped unanswered.
pub(crate) struct Unanswered(pub(crate) AskKey);

impl WorkerMessage for Unanswered {
    fn run(self, core: &mut Core) {
        core.ask_unanswered(self.0);
    }
}

/// An ask that could not be made, on its way back.
struct FailedAsk {
    pending: Pending,
    error: AskError,
}

// SAFETY: it is pushed into the local ring alone, which stays on its worker's thread.
unsafe impl Send for FailedAsk {}

impl WorkerMessage for FailedAsk {
    fn run(self, core: &mut Core) {
        if let Some(Pending { asker, map, fail, .. }) = core.resume_asker(self.pending) {
            fail(core, asker, map, self.error);
        }
    }
}

impl Core {
    /// Asks `to` for a `T`; the answer, or why there is none, arrives at the current actor as `map` makes it.
    pub(crate) fn ask<N, T, M, F>(
        &mut self,
        to: ActorRef<N>,
        timeout: Duration,
        make: impl FnOnce(Reply<T>) -> N,
        map: F,
    ) where
        N: Send + 'static,
        T: Send + 'static,
        M: Send + 'static,
        F: FnOnce(Result<T, AskError>) -> M + 'static,
    {
        if let Some(key) = self.await_answer(to.address(), timeout, map) {
            let message = make(Reply::to_actor(self.home, key));
            self.tell(to, message);
        }
    }

    /// Asks all of them for a `T`: the first answer, or why there is none, arrives at the current actor as `map` makes it.
    pub(crate) fn ask_first<N, T, M, F>(
        &mut self,
        to: impl Iterator<Item = ActorRef<N>>,
        timeout: Duration,
        mut make: impl FnMut(Reply<T>) -> N,
        map: F,
    ) where
        N: Send + 'static,
        T: Send + 'static,
        M: Send + 'static,
        F: FnOnce(Result<T, AskError>) -> M + 'static,
    {
        let Some(key) = self.await_answer(self.nobody(), timeout, map) else { return };
        // A reply that is dropped is noted, and counted at the end of the turn: not before the number is set, unless `make`
        // panics.
        self.asks.set_replies(key, u32::MAX);
        let mut replies = 0;
        for to in to {
            let message = make(Reply::to_actor(self.home, key.for_several()));
            replies += 1;
            self.tell(to, message);
        }
        self.asks.set_replies(key, replies);
        if replies == 0
            && let Some(pending) = self.asks.remove(key)
        {
            self.ask_later(pending, AskError::Unanswered);
        }
    }

    /// Makes a reply that the current actor itself waits for, whoever is to send it.
    pub(crate) fn promise<T, M, F>(&mut self, timeout: Duration, map: F) -> Reply<T>
    where
        T: Send + 'static,
        M: Send + 'static,
        F: FnOnce(Result<T, AskError>) -> M + 'static,
    {
        let key = self.await_answer(self.nobody(), timeout, map).unwrap_or(AskKey::ENDED);
        Reply::to_actor(self.home, key)
    }

    /// Who is asked where it is not one actor, and for whom a message was that is for none: an address that no actor has.
    /// It closes no circle of waits.
    pub(crate) fn nobody(&self) -> Address {
        Address { home: self.home, tag: Tag::WORKER }
    }

    /// From now on the current actor waits for an answer of `asked`. If there is no room for one more ask, that fails
    /// behind what is queued, and there is no key.
    #[inline(always)]
    fn await_answer<T, M, F>(&mut self, asked: Address, timeout: Duration, map: F) -> Option<AskKey>
    where
        T: Send + 'static,
        M: Send + 'static,
        F: FnOnce(Result<T, AskError>) -> M + 'static,
    {
        let head = self.current.head()?;
        let pending = Pending {
            asker: self.current.tag,
            incarnation: head.incarnation,
            timer: None,
            map: Map::new(map),
            answer: |core, asker, map, answer| {
                let value = answer.downcast_mut::<Option<T>>().and_then(Option::take);
                if let (Some(map), Some(value)) = (map.take::<F>(), value) {
                    let message = map(Ok(value));
                    core.deliver(asker, message);
                }
            },
            fail: |core, asker, map, error| {
                let Some(map) = map.take::<F>() else { return };
                if let Some(message) = core.made(asker, || map(Err(error))) {
                    core.deliver(asker, message);
                }
            },
        };
        // Without a timer the ask might never end.
        if !self.asks.has_room() || !self.timers.has_room_for(self.asks.untimed() + 1) {
            self.ask_later(pending, AskError::TooMany);
            return None;
        }
        let key = self.asks.insert(pending, asked);
        self.asks.untimed.push((key, nanos(timeout)));
        Some(key)
    }

    /// Arms the timers of the asks that were made in this turn and still wait.
    #[cold]
    #[inline(never)]
    pub(crate) fn time_asks(&mut self) {
        let mut untimed = std::mem::take(&mut self.asks.untimed);
        let mut now_ns = None;
        for (key, timeout_ns) in untimed.drain(..) {
            if self.asks.get_mut(key).is_none() {
                continue;
            }
            let now_ns = *now_ns.get_or_insert_with(|| self.clock.now_ns());
            let timer = self.arm_ask(key, now_ns, timeout_ns);
            if let Some(pending) = self.asks.get_mut(key).filter(|_| timer.is_some()) {
                pending.timer = timer;
            } else if let Some(pending) = self.asks.remove(key) {
                // The wait before a restart took the room, which it does not leave to asks.
                self.ask_later(pending, AskError::TooMany);
            }
        }
        self.asks.untimed = untimed;
    }

    /// Appends those asks in these entries to `found` that have waited for `at_least_ns`.
    pub(crate) fn find_waits(&self, entries: Range<usize>, at_least_ns: u64, found: &mut Vec<Wait>) {
        let now_ns = self.clock.now_ns();
        let Some(entries) = self.asks.entries.get(entries.clone()).map(|slice| entries.zip(slice)) else { return };
        for (index, Entry { generation, pending, asked, .. }) in entries {
            let Some(pending) = pending else { continue };
            let Some(since_ns) = pending.timer.and_then(|timer| self.ask_timed_ns(timer)) else { continue };
            if now_ns.saturating_sub(since_ns) < at_least_ns {
                continue;
            }
            let Some(head) = self.slots.head(pending.asker).map(head_of) else { continue };
            if head.incarnation == pending.incarnation && head.is_alive() {
                let asker = Waiter { actor: head.me, actor_type: head.type_name() };
                let ask = AskKey { index: index as u32, generation: *generation };
                found.push(Wait { asker, asked: *asked, ask, since_ns });
            }
        }
    }

    /// Fails an ask that could not even be made: behind what is in the local ring, so that an actor which asks again and
    /// again leaves the others their turns.
    #[cold]
    fn ask_later(&mut self, pending: Pending, error: AskError) {
        let failed = FailedAsk { pending, error };
        // SAFETY: `Of` describes the message; it stays on this worker.
        let pushed = unsafe { self.local.push_reserved(Of::<FailedAsk>::WORKER, Tag::WORKER.0, failed) };
        if let Err(failed) = pushed {
            self.order(Task::Call(Box::new(move |core| failed.run(core))));
        }
    }

    /// Takes the ask out, if it still waits and its actor still lives the same life, and makes that actor the current
    /// one.
    #[inline(always)]
    fn end_ask(&mut self, key: AskKey) -> Option<Pending> {
        let pending = self.asks.remove(key)?;
        if let Some(timer) = pending.timer {
            self.timers.cancel(timer);
        }
        self.resume_asker(pending)
    }

    /// The same, where the ask ends in another way than most.
    #[cold]
    #[inline(never)]
    fn end_ask_coldly(&mut self, key: AskKey) -> Option<Pending> {
        self.end_ask(key)
    }

    /// Makes the actor that asked the current one, if it still lives the same life.
    #[inline(always)]
    fn resume_asker(&mut self, pending: Pending) -> Option<Pending> {
        let head = self.slots.head(pending.asker);
        let head = head.filter(|head| head_of(*head).incarnation == pending.incarnation);
        let Some(head) = head else {
            self.contain(|| drop(pending));
            return None;
        };
        self.current.tag = pending.asker;
        self.current.head = Some(head);
        Some(pending)
    }

    /// An answer came.
    pub(crate) fn ask_answered<T: Send + 'static>(&mut self, key: AskKey, value: T) {
        match self.end_ask(key) {
            Some(Pending { asker, map, answer, .. }) => answer(self, asker, map, &mut Some(value)),
            None => self.one_of_several_answered(key, value),
        }
    }

    /// An answer came to an ask of several, or to one that has ended.
    #[cold]
    #[inline(never)]
    fn one_of_several_answered<T: Send + 'static>(&mut self, key: AskKey, value: T) {
        let reason = match key.of_several() {
            Some(entry) => {
                if let Some(Pending { asker, map, answer, .. }) = self.end_ask_coldly(entry) {
                    return answer(self, asker, map, &mut Some(value));
                }
                DeadLetterReason::Outrun
            }
            None => DeadLetterReason::LateReply,
        };
        self.bury(self.nobody(), value, reason);
    }

    /// The reply was dropped, or one of several.
    pub(crate) fn ask_unanswered(&mut self, key: AskKey) {
        let key = match key.of_several() {
            Some(entry) if !self.asks.drop_reply(entry) => return,
            Some(entry) => entry,
            None => key,
        };
        if let Some(Pending { asker, map, fail, .. }) = self.end_ask_coldly(key) {
            fail(self, asker, map, AskError::Unanswered);
        }
    }

    /// An answer came from a thread outside, past an ingress that was full.
    pub(crate) fn ask_answered_by_order<T: Send + 'static>(&mut self, key: AskKey, value: T) {
        self.order(Task::Call(Box::new(move |core| core.ask_answered(key, value))));
    }

    /// The reply was dropped on a thread that is no worker's.
    pub(crate) fn ask_unanswered_by_order(&mut self, key: AskKey) {
        self.order(Task::Call(Box::new(move |core| core.ask_unanswered(key))));
    }

    /// The ask's time is over.
    pub(crate) fn ask_timed_out(&mut self, key: AskKey) {
        if let Some(Pending { asker, map, fail, .. }) = self.end_ask_coldly(key) {
            fail(self, asker, map, AskError::TimedOut);
        }
    }

    /// Drops all asks, as the worker ends.
    pub(crate) fn drop_asks(&mut self) {
        for n in 0..self.asks.entries.len() {
            if let Some(pending) = self.asks.entries[n].pending.take() {
                self.contain(|| drop(pending));
            }
        }
    }

    /// Tells the askers whose replies were dropped on this worker.
    pub(crate) fn close_orphans(&mut self) {
        self.counters.contained_panics += self.orphans.take_panics();
        let mut orphans = self.orphans.take();
        for (home, key) in orphans.drain(..) {
            self.counters.steps += 1;
            if home == self.home {
                let tag = self.current.tag;
                self.contain_for(tag, |core| core.ask_unanswered(key));
            } else if home.node() == self.home.node() {
                if self.outbound.send_to_worker(home.worker(), Unanswered(key)).is_err() {
                    self.counters.lost_orders += 1;
                }
            } else {
                crate::shared::close_ask(home, key);
            }
        }
        self.orphans.recycle(orphans);
    }
}
