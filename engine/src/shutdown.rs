//! Ending an engine: drained and in order, or at once.
//!
//! *Draining*: nothing more is accepted from outside. Each worker writes, in one word, how much it has done and whether
//! it is quiet: nothing queued, nothing on the way from it to others. Two looks at all words that find everybody quiet
//! and nothing done in between prove that all of them were quiet at the same time; then nothing is on the way anywhere.
//! *Stopping*: the actors stop, from the leaves up; messages go on between them. *Ending*: no handler runs any more;
//! when all workers have come so far, each counts and drops what is left for it, and its thread ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hippodrome_ringbuf::{Kind, LocalRing};

use crate::core::Core;
use crate::dead_letter::{DeadLetterCounts, DeadLetterReason};
use crate::message::MessageType;
use crate::shared::{Phase, Shared};
use crate::stop::{Stop, StopReason};
use crate::supervise::Task;
use crate::sync::thread::JoinHandle;
use crate::sync::{Backoff, Instant, Ordering};
use crate::worker::snooze;

/// How an engine ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Whether everything that was accepted was handled before actors were stopped.
    pub drained: bool,
    /// Whether all actors stopped in order, with their `stopped` run.
    pub stopped_in_order: bool,
    /// Messages handled over the engine's whole life.
    pub handled: u64,
    /// Dead letters over the engine's whole life.
    pub dead_letters: DeadLetterCounts,
    /// What was left when the engine ended, by type of message; each is one of the dead letters by
    /// [`Shutdown`](DeadLetterReason::Shutdown).
    pub left: Vec<Left>,
    /// Actors that had to be dropped without being stopped.
    pub actors_left: u64,
    /// Workers whose threads are still in a handler, and could not be ended.
    pub stuck_workers: Vec<usize>,
    /// Wake-ups that were missed. Always 0, unless there is a defect.
    pub rescued_wakeups: u64,
    /// Events that did not fit the event ring.
    pub lost_events: u64,
}

/// Messages of one type that were left when an engine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The message's Rust type.
    pub message: &'static str,
    /// How many.
    pub count: u64,
}

/// The engine ended, but not in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownError {
    /// The deadline was over first. What was left was dropped and counted.
    DeadlineExceeded(Box<Report>),
    /// A worker is in a handler that does not return: its thread was left behind.
    Stuck(Box<Report>),
}

impl ShutdownError {
    /// How the engine ended nevertheless.
    #[must_use]
    pub fn report(&self) -> &Report {
        match self {
            Self::DeadlineExceeded(report) | Self::Stuck(report) => report,
        }
    }
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeadlineExceeded(report) => {
                let messages: u64 = report.left.iter().map(|left| left.count).sum();
                write!(
                    formatter,
                    "the deadline was over before the engine had ended: {messages} messages and {} actors were dropped",
                    report.actors_left
                )
            }
            Self::Stuck(report) => {
                write!(formatter, "workers {:?} are in handlers that do not return", report.stuck_workers)
            }
        }
    }
}

impl std::error::Error for ShutdownError {}

/// How long workers get to end once nothing is handled any more.
const ENDING_PATIENCE: Duration = Duration::from_secs(2);

/// Ends an engine step by step.
pub(crate) struct Ending {
    shared: Arc<Shared>,
    deadline: Instant,
    quiet: Option<Vec<u64>>,
    report: Report,
    give_up: Option<Instant>,
}

impl Ending {
    /// Ends in order, within the deadline.
    pub(crate) fn in_order(shared: Arc<Shared>, deadline: Duration) -> Self {
        shared.advance(Phase::Draining);
        Self { shared, deadline: Instant::now() + deadline, quiet: None, report: Report::default(), give_up: None }
    }

    /// Ends at once.
    pub(crate) fn at_once(shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        let mut ending = Self { shared, deadline: now, quiet: None, report: Report::default(), give_up: None };
        ending.end();
        ending
    }

    /// Goes on with what can be done now. Returns whether the workers have ended, or were given up.
    pub(crate) fn step(&mut self) -> bool {
        match self.shared.phase() {
            Phase::Running => self.shared.advance(Phase::Draining),
            Phase::Draining if self.all_reached(Phase::Draining) && self.is_quiet() => {
                self.report.drained = true;
                self.quiet = None;
                self.shared.advance(Phase::Stopping);
            }
            Phase::Draining if Instant::now() >= self.deadline => self.shared.advance(Phase::Stopping),
            Phase::Stopping if self.all_reached(Phase::Stopping) && self.actors() == 0 && self.is_quiet() => {
                self.report.stopped_in_order = true;
                self.end();
            }
            Phase::Stopping if Instant::now() >= self.deadline + STOPPING_PATIENCE => self.end(),
            Phase::Draining | Phase::Stopping => {}
            Phase::Ending => return self.has_ended(),
        }
        false
    }

    fn end(&mut self) {
        self.give_up = Some(Instant::now() + ENDING_PATIENCE);
        self.shared.advance(Phase::Ending);
    }

    fn all_reached(&self, phase: Phase) -> bool {
        self.shared.workers.iter().all(|worker| worker.reached.load(Ordering::Acquire) >= phase as u8)
    }

    fn actors(&self) -> u32 {
        self.shared.workers.iter().map(|worker| worker.slots.taken()).sum()
    }

    /// Whether two looks in a row found every worker quiet, and nothing done in between.
    fn is_quiet(&mut self) -> bool {
        let look: Vec<u64> = self.shared.workers.iter().map(|worker| worker.quiet.load(Ordering::SeqCst)).collect();
        if look.iter().any(|word| word & 1 == 0) {
            self.quiet = None;
            return false;
        }
        self.quiet.replace(look.clone()) == Some(look)
    }

    fn has_ended(&mut self) -> bool {
        let ended = self.shared.ended_workers.load(Ordering::Acquire) as usize == self.shared.workers.len();
        if !ended && self.give_up.is_some_and(|give_up| Instant::now() >= give_up) {
            // Those who wait for a stuck worker go on without it.
            self.shared.given_up.store(true, Ordering::Release);
            self.shared.ring_all();
            return self.give_up.is_some_and(|give_up| Instant::now() >= give_up + ENDING_PATIENCE);
        }
        ended
    }

    /// The report, after the workers have ended.
    pub(crate) fn finish(mut self) -> Result<Report, ShutdownError> {
        let stats = self.shared.stats();
        self.report.handled = stats.handled();
        self.report.dead_letters = stats.dead_letters();
        self.report.rescued_wakeups = stats.rescued_wakeups();
        self.report.lost_events = stats.lost_events;
        let mut remains = self.shared.remains.lock();
        self.report.left = std::mem::take(&mut remains.left);
        self.report.actors_left = remains.actors;
        drop(remains);
        let ended = |index: &usize| self.shared.workers[*index].reached.load(Ordering::Acquire) >= ENDED;
        self.report.stuck_workers = (0..self.shared.workers.len()).filter(|index| !ended(index)).collect();
        if !self.report.stuck_workers.is_empty() {
            return Err(ShutdownError::Stuck(Box::new(self.report)));
        }
        if !(self.report.drained && self.report.stopped_in_order) {
            return Err(ShutdownError::DeadlineExceeded(Box::new(self.report)));
        }
        Ok(self.report)
    }

    /// Runs to the end, for workers with threads of their own, and joins those.
    pub(crate) fn run(mut self, threads: Vec<JoinHandle<()>>) -> Result<Report, ShutdownError> {
        let backoff = Backoff::new();
        while !self.step() {
            snooze(&backoff);
        }
        let shared = self.shared.clone();
        for (index, thread) in threads.into_iter().enumerate() {
            if shared.workers[index].reached.load(Ordering::Acquire) >= ENDED {
                // A worker catches every panic of what it runs; one of its own would be a defect, and shows.
                if let Err(panic) = thread.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
        self.finish()
    }
}

/// How long actors get to stop after the deadline, when draining used it up.
const STOPPING_PATIENCE: Duration = Duration::from_millis(100);

/// What workers found left when they ended.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    left: Vec<Left>,
    actors: u64,
}

impl Core {
    /// Catches up with the engine's phase.
    #[cold]
    pub(crate) fn look_at_phase(&mut self) {
        let phase = self.shared.phase();
        if phase == self.phase {
            return;
        }
        if self.phase == Phase::Running {
            self.close_ingress();
            self.inbound.close_ports();
        }
        if phase == Phase::Stopping {
            self.stop_roots();
        }
        self.phase = phase;
        self.shared.workers[self.index].reached.store(phase as u8, Ordering::Release);
    }

    fn stop_roots(&mut self) {
        let roots: Vec<_> = self
            .slots
            .heads()
            // SAFETY: the table's heads are valid, and the borrow ends at once.
            .map(|head| unsafe { head.as_ref() })
            .filter(|head| head.parent.is_none())
            .map(|head| head.me.tag)
            .collect();
        for actor in roots {
            self.order(Task::Stop { actor, how: Stop::Now, reason: StopReason::Shutdown });
        }
    }

    /// While the engine ends: tells how much was done, and whether anything is left to do.
    pub(crate) fn report_quiet(&mut self) {
        let done = self.counters.progress();
        let quiet = self.is_quiet();
        self.shared.workers[self.index].quiet.store(done << 1 | u64::from(quiet), Ordering::SeqCst);
    }

    /// In the last phase: goes on when all workers have come so far. Returns whether this one is done.
    pub(crate) fn try_end(&mut self) -> bool {
        let shared = self.shared.clone();
        let given_up = shared.given_up.load(Ordering::Acquire);
        let all_at = |step: u8| shared.workers.iter().all(|worker| worker.reached.load(Ordering::Acquire) >= step);
        let mine = &shared.workers[self.index].reached;
        if mine.load(Ordering::Relaxed) < UNREAD && (given_up || all_at(Phase::Ending as u8)) {
            self.drop_unread();
            mine.store(UNREAD, Ordering::Release);
        }
        if mine.load(Ordering::Relaxed) == UNREAD && (given_up || all_at(UNREAD)) {
            self.end();
            return true;
        }
        false
    }

    /// For a worker that is dropped before the engine ended.
    pub(crate) fn abandon(&mut self) {
        self.phase = Phase::Ending;
        self.drop_unread();
        self.end();
    }

    fn end(&mut self) {
        let shared = self.shared.clone();
        // What others have not read comes back only from those who have ended their reading.
        let is_gone = |worker: usize| shared.workers[worker].reached.load(Ordering::Acquire) >= UNREAD;
        let mut outbound = std::mem::take(&mut self.outbound);
        self.counters.outbox_high_water_bytes = outbound.high_water_bytes();
        outbound.drain(is_gone, |kind, _, message| self.bury_left(kind, message));
        self.publish_all();
        shared.workers[self.index].reached.store(ENDED, Ordering::Release);
        shared.ended_workers.fetch_add(1, Ordering::AcqRel);
    }

    /// Drops all actors and everything that was sent to this worker, and closes every way in.
    fn drop_unread(&mut self) {
        self.close_ingress();
        self.inbound.close();
        self.run_commands();
        let actors = self.drop_actors();
        self.drop_closures();
        let inbound = std::mem::take(&mut self.inbound);
        inbound.finish(|kind, _, message| self.bury_left(kind, message));
        self.drain_ingress();
        for own in [Self::local_ring, Self::express_ring] {
            while let Some((kind, _, message)) = own(self).pop() {
                self.bury_left(kind, message);
            }
        }
        self.shared.remains.lock().actors += actors;
    }

    /// Drops what users gave to be called later, each for itself: one may panic.
    fn drop_closures(&mut self) {
        for task in std::mem::take(&mut self.tasks) {
            self.contain(|| drop(task));
        }
        self.drop_asks();
        self.drop_subscriptions();
    }

    fn local_ring(&mut self) -> &mut LocalRing<MessageType> {
        &mut self.local
    }

    fn express_ring(&mut self) -> &mut LocalRing<MessageType> {
        &mut self.express
    }

    /// Counts a message that was just taken out of a ring as left, and drops it.
    pub(crate) fn bury_left(&mut self, kind: &'static MessageType, message: *mut u8) {
        if kind.is_users() {
            self.report_dead_letter(self.nobody(), kind.name(), DeadLetterReason::Shutdown);
            self.shared.remains.lock().add(kind.name());
        }
        // SAFETY: the rings give each message once.
        self.contain(|| unsafe { kind.drop_in_place(message) });
    }
}

/// What a worker has reached when it has dropped everything that was sent to it.
const UNREAD: u8 = Phase::Ending as u8 + 1;

/// What a worker has reached when it has ended.
const ENDED: u8 = Phase::Ending as u8 + 2;

impl Remains {
    fn add(&mut self, message: &'static str) {
        match self.left.iter_mut().find(|left| left.message == message) {
            Some(left) => left.count += 1,
            None => self.left.push(Left { message, count: 1 }),
        }
    }
}
