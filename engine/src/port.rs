//! Ports: a thread's own lanes to all workers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hippodrome_ringbuf::Kind;
use hippodrome_ringbuf::doorbell::Signal;
use hippodrome_ringbuf::lane::{self, Consumer, Producer, Published};

use crate::address::{ActorRef, Address, Home, Tag};
use crate::clock::Clock;
use crate::core::Core;
use crate::dead_letter::DeadLetterReason;
use crate::error::{PortError, TryTellError};
use crate::event::SystemEvent;
use crate::failure::contained;
use crate::handle::{Ask, retry};
use crate::message::{MessageType, Of};
use crate::reply::Reply;
use crate::shared::{Phase, PortLease, Shared};
use crate::stopwatch::Mark;
use crate::sync::mpsc::{self, RecvTimeoutError};
use crate::sync::{Backoff, Instant};
use crate::tell::Refused;
use crate::tell::elsewhere;
use crate::worker::snooze;

/// How long opening a port waits for a worker.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);

/// How often it looks meanwhile whether the engine still runs.
const OPEN_LOOK: Duration = Duration::from_millis(10);

/// A thread's own lanes to all workers of an engine: no other thread is in its way.
///
/// Opened by [`Handle::port`](crate::Handle::port) while the engine runs, closed by dropping it; what it has sent is
/// still handled. Dropping a port that has sent while its engine was ending waits until the workers have ended, to report
/// what they did not read: such a port is not to be dropped by the thread that runs the worker.
///
/// ```compile_fail
/// // A port is one thread's: it sends by `&mut self`, and cannot be cloned.
/// fn share(port: hippodrome::Port) -> (hippodrome::Port, hippodrome::Port) {
///     (port.clone(), port)
/// }
/// ```
pub struct Port {
    lanes: Vec<Producer<MessageType>>,
    /// The workers that have closed their lane: the engine is ending.
    closed: Vec<bool>,
    /// The engine's clock, if waiting times are measured.
    clock: Option<Arc<dyn Clock>>,
    shared: Arc<Shared>,
}

impl Port {
    pub(crate) fn open(shared: &Arc<Shared>) -> Result<Self, PortError> {
        if shared.phase() != Phase::Running {
            return Err(PortError::Stopping);
        }
        let number = {
            let mut taken = shared.ports.lock();
            let limit = shared.config.max_ports;
            let free = taken.iter().position(|taken| !taken).ok_or(PortError::TooMany { limit })?;
            taken[free] = true;
            free
        };
        let lease = Arc::new(PortLease { number, shared: Arc::downgrade(shared) });
        let source = (shared.workers.len() + number) as u16;
        let mut lanes = Vec::with_capacity(shared.workers.len());
        for worker in 0..shared.workers.len() {
            lanes.push(open_lane(shared, worker, source, lease.clone())?);
        }
        let clock = shared.config.histograms.then(|| shared.clock.clone());
        Ok(Self { closed: vec![false; lanes.len()], lanes, clock, shared: shared.clone() })
    }

    /// Sends a message, seen at once. One that cannot be accepted becomes a dead letter. Never waits.
    #[inline]
    pub fn tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) {
        if let Err(Refused { reason, message }) = self.push_and_publish(to, message) {
            self.bury(to.address(), elsewhere(message), reason);
        }
    }

    /// Sends a message, seen at once, or gives it back. Never waits.
    ///
    /// # Errors
    /// [`Full`](TryTellError::Full) if the lane is full, [`Stopped`](TryTellError::Stopped) if the engine has stopped or
    /// is another one. Whether the actor lives is not known here: if it does not, the message becomes a dead letter.
    #[inline]
    pub fn try_tell<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), TryTellError<M>> {
        Ok(self.push_and_publish(to, message)?)
    }

    /// Sends a message, and waits up to `timeout` for room. Not to be called from a handler.
    ///
    /// # Errors
    /// As for [`try_tell`](Self::try_tell), after the time is over.
    pub fn tell_within<M: Send + 'static>(
        &mut self,
        timeout: Duration,
        to: ActorRef<M>,
        message: M,
    ) -> Result<(), TryTellError<M>> {
        retry(timeout, message, |message| self.try_tell(to, message))
    }

    /// Sends all messages of an iterator, in order, and publishes them together: the fastest way in. Waits up to
    /// `timeout` in all for room. Returns how many were sent; the rest are not taken from the iterator, except for one
    /// that is a dead letter.
    pub fn tell_batch<M: Send + 'static>(
        &mut self,
        timeout: Duration,
        to: ActorRef<M>,
        messages: impl IntoIterator<Item = M>,
    ) -> usize {
        let deadline = Instant::now() + timeout;
        let (mut messages, mut sent) = (messages.into_iter(), 0);
        loop {
            let (pushed, rest) = self.push_while_fitting(to, &mut messages);
            sent += pushed;
            let Some(message) = rest else { break };
            if !self.tell_before(deadline, to, message) {
                break;
            }
            sent += 1;
        }
        self.publish_if_ours(to.home());
        sent
    }

    /// Writes messages while they fit the lane, and publishes it whenever much waits in it. Returns how many, and the first
    /// that was not taken, if there is one.
    #[inline(always)]
    fn push_while_fitting<M: Send + 'static>(
        &mut self,
        to: ActorRef<M>,
        messages: &mut impl Iterator<Item = M>,
    ) -> (usize, Option<M>) {
        let mut sent = 0;
        let worker = to.home().worker();
        while self.is_open(to.home()) {
            self.mark(worker);
            let lane = &mut self.lanes[worker];
            while lane.unpublished_bytes() < BATCH_BYTES {
                let Some(message) = messages.next() else { return (sent, None) };
                // SAFETY: `Of` describes `M`, which may be sent.
                if let Err(refused) = unsafe { lane.push(Of::<M>::ACTOR, to.tag().0, message) } {
                    return (sent, Some(elsewhere(refused).1));
                }
                sent += 1;
            }
            self.publish(worker);
        }
        (sent, messages.next())
    }

    /// Whether what is sent there may arrive.
    fn is_open(&self, home: Home) -> bool {
        home.node() == self.shared.node && !self.closed[home.worker()]
    }

    /// Notes the time in front of a batch, if waiting times are measured.
    #[inline]
    fn mark(&mut self, worker: usize) {
        let lane = &mut self.lanes[worker];
        if let Some(clock) = &self.clock
            && lane.unpublished_bytes() == 0
        {
            let mark = Mark { sent_ns: clock.now_ns() };
            // SAFETY: `Of` describes the message, which may be sent. Without room the times are only less exact.
            let _ = unsafe { lane.push(Of::<Mark>::WORKER, Tag::WORKER.0, mark) };
        }
    }

    /// Sends a message of a batch that did not fit, as soon as it does. Says whether it was accepted; otherwise it is a
    /// dead letter.
    #[cold]
    #[inline(never)]
    fn tell_before<M: Send + 'static>(&mut self, deadline: Instant, to: ActorRef<M>, message: M) -> bool {
        self.publish_if_ours(to.home());
        let sent = self.tell_within(deadline.saturating_duration_since(Instant::now()), to, message);
        sent.map_err(|error| {
            let reason = self.shared.why_refused(to, &error);
            self.bury(to.address(), error.into_message(), reason);
        })
        .is_ok()
    }

    /// Asks an actor for a `T`, as [`Handle::ask`](crate::Handle::ask) does, through the port's lane.
    pub fn ask<M, T>(&mut self, to: ActorRef<M>, make: impl FnOnce(Reply<T>) -> M) -> Ask<T>
    where
        M: Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = self.shared.answers.channel();
        self.tell(to, make(Reply::outside(sender)));
        Ask::new(receiver)
    }

    #[inline]
    fn push<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), Refused<M>> {
        if to.home().node() != self.shared.node {
            return Err(Refused { reason: DeadLetterReason::Unreachable, message });
        }
        if self.closed[to.home().worker()] {
            return Err(Refused { reason: DeadLetterReason::Shutdown, message });
        }
        self.mark(to.home().worker());
        let lane = &mut self.lanes[to.home().worker()];
        // SAFETY: `Of` describes `M`, which may be sent.
        unsafe { lane.push(Of::<M>::ACTOR, to.tag().0, message) }.map_err(Refused::by_ring)
    }

    #[inline]
    fn push_and_publish<M: Send + 'static>(&mut self, to: ActorRef<M>, message: M) -> Result<(), Refused<M>> {
        self.push(to, message)?;
        self.publish(to.home().worker());
        Ok(())
    }

    fn publish_if_ours(&mut self, home: Home) {
        if home.node() == self.shared.node {
            self.publish(home.worker());
        }
    }

    /// Publishes the lane to a worker. A worker that is just ending may still read it; what it does not read becomes
    /// dead letters when the port is dropped, since only then can its thread be made to wait for the worker's end.
    #[inline]
    fn publish(&mut self, worker: usize) {
        if self.lanes[worker].publish() == Published::Closed {
            self.closed[worker] = true;
        }
    }

    /// Takes back what a worker that has ended did not read, and reports it. Waits for a worker that is just ending, but
    /// not for one that does not end: what is left to that one is dropped unreported with the lane.
    #[cold]
    fn reclaim(&mut self, worker: usize) {
        let deadline = Instant::now() + CLOSE_PATIENCE;
        let backoff = Backoff::new();
        while !self.lanes[worker].is_finished() {
            if Instant::now() >= deadline {
                return;
            }
            snooze(&backoff);
        }
        let home = Home::new(self.shared.node, worker as u32);
        let shared = &self.shared;
        self.lanes[worker].reclaim(|kind, tag, message| {
            let to = Address { home, tag: Tag(tag) };
            let reason = DeadLetterReason::Shutdown;
            shared.outside.count(reason);
            shared.publish(SystemEvent::DeadLetter { to, message: kind.name(), reason });
            // SAFETY: the lane gives each message back once.
            contained(|| unsafe { kind.drop_in_place(message) });
        });
    }

    /// Counts and reports a message that was accepted for `to` and cannot be handled, and drops it; see
    /// [`Handle::dead_letter`](crate::Handle::dead_letter).
    pub fn dead_letter<M>(&self, to: impl Into<Address>, message: M, reason: DeadLetterReason) {
        crate::handle::Handle::new(self.shared.clone()).dead_letter(to, message, reason);
    }

    #[cold]
    #[inline(never)]
    fn bury<M>(&self, to: Address, message: M, reason: DeadLetterReason) {
        crate::handle::Handle::new(self.shared.clone()).bury(to, message, reason);
    }
}

/// How long a port that is dropped waits for a worker that is ending.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// A batch is published when it has so many bytes.
const BATCH_BYTES: u64 = 4096;

impl Drop for Port {
    fn drop(&mut self) {
        for worker in 0..self.lanes.len() {
            self.publish(worker);
            if self.lanes[worker].is_closed() {
                self.reclaim(worker);
            }
        }
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Port({:?})", self.shared)
    }
}

/// Makes a lane to one worker: by that worker itself, on its own thread; for a host, whose workers may be this very
/// thread's, here.
fn open_lane(
    shared: &Arc<Shared>,
    worker: usize,
    source: u16,
    lease: Arc<PortLease>,
) -> Result<Producer<MessageType>, PortError> {
    let target = &shared.workers[worker];
    let bytes = shared.config.worker(worker).map_or(0, |settings| settings.lane_kib as usize * 1024);
    let bell = target.bell.clone();
    if shared.is_hosted {
        let (producer, consumer) =
            lane::lane(bytes, bell, Signal::Source(source)).map_err(|_| PortError::TimedOut { worker })?;
        target.order(Box::new(move |core| core.attach_port(source, consumer, lease)));
        return Ok(producer);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    target.order(Box::new(move |core| {
        if let Ok((producer, consumer)) = lane::lane(bytes, bell, Signal::Source(source)) {
            core.attach_port(source, consumer, lease);
            // If nobody waits any more, the producer is dropped and the lane goes with it.
            let _ = sender.send(producer);
        }
    }));
    let deadline = Instant::now() + OPEN_PATIENCE;
    loop {
        match receiver.recv_timeout(OPEN_LOOK) {
            Ok(producer) => return Ok(producer),
            // A worker that has ended answers no more.
            Err(_) if shared.phase() != Phase::Running => return Err(PortError::Stopping),
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(_) => return Err(PortError::TimedOut { worker }),
        }
    }
}

impl Core {
    /// Attaches a port's lane. One that comes when the engine is ending already is closed like the others.
    fn attach_port(&mut self, source: u16, mut consumer: Consumer<MessageType>, lease: Arc<PortLease>) {
        if self.phase != Phase::Running {
            consumer.close();
        }
        self.inbound.attach(source, consumer, Some(lease));
    }
}
