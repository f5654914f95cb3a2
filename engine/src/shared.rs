//! What all threads of an engine share, and how a thread finds an engine by its number.

use std::sync::{Arc, Weak};
use std::time::Instant;

use crossbeam_queue::SegQueue;
use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
use hippodrome_ringbuf::{ingress, lane, oneshot};
use parking_lot::RwLock;

use crate::address::{Home, Tag};
use crate::asks::{Answer, AskKey};
use crate::bus::{BusShared, Publisher};
use crate::clock::Clock;
use crate::config::Config;
use crate::core::{Core, flag};
use crate::dead_letter::{DeadLetterCounts, DeadLetterReason};
use crate::deadlock::waits::ShownWaits;
use crate::failure::contained;
use crate::message::{MessageType, Of};
use crate::names::Names;
use crate::running::Running;
use crate::shutdown::Remains;
use crate::slots::SlotPool;
use crate::stats::PublishedStats;
use crate::sync::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Mutex, Ordering};

/// Where an engine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Running,
    /// Nothing more is accepted from outside; what was accepted is handled.
    Draining,
    /// Actors stop, from the leaves up.
    Stopping,
    /// Nothing is handled any more; what is left is counted and dropped.
    Ending,
}

impl Phase {
    fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Running,
            1 => Self::Draining,
            2 => Self::Stopping,
            _ => Self::Ending,
        }
    }
}

/// Who runs the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// Threads of their own.
    Threads,
    /// The program.
    Host,
    /// A simulation: its actors are instrumented.
    #[cfg(feature = "sim")]
    Simulation,
}

/// Something for a worker to do, from another thread, off the way of messages.
pub(crate) type Command = Box<dyn FnOnce(&mut Core) + Send>;

/// What others see of a worker.
pub(crate) struct WorkerShared {
    pub(crate) core: Option<u32>,
    pub(crate) bell: Arc<Doorbell>,
    pub(crate) ingress: ingress::Sender<MessageType>,
    pub(crate) commands: SegQueue<Command>,
    pub(crate) slots: SlotPool,
    pub(crate) stats: PublishedStats,
    pub(crate) running: Arc<Running>,
    pub(crate) waits: ShownWaits,
    /// While the engine ends: what the worker did, and whether it is quiet; see [`quiet`](crate::shutdown).
    pub(crate) quiet: AtomicU64,
    /// How far the worker has come with the engine's phase.
    pub(crate) reached: AtomicU8,
    /// The largest message, with its header, that every ring on the way to this worker takes.
    pub(crate) max_envelope_bytes: usize,
}

impl WorkerShared {
    pub(crate) fn order(&self, command: Command) {
        self.commands.push(command);
        self.bell.ring(Signal::Flag(flag::COMMANDS));
    }
}

/// One engine, as its threads and handles know it.
pub(crate) struct Shared {
    pub(crate) node: u32,
    pub(crate) config: Config,
    pub(crate) started: Instant,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) workers: Vec<WorkerShared>,
    pub(crate) names: Names,
    pub(crate) answers: Arc<oneshot::Pool>,
    pub(crate) publisher: Mutex<Publisher>,
    pub(crate) bus: Arc<BusShared>,
    pub(crate) outside: OutsideCounters,
    /// Which numbers of ports are taken.
    pub(crate) ports: Mutex<Vec<bool>>,
    pub(crate) round_robin: AtomicUsize,
    pub(crate) is_hosted: bool,
    pub(crate) driver: Driver,
    /// Workers that are still to be waited for when the engine ends.
    pub(crate) ended_workers: AtomicU32,
    /// Set when the deadline is over: those who wait for others go on without.
    pub(crate) given_up: AtomicBool,
    /// What workers found left when they ended.
    pub(crate) remains: Mutex<Remains>,
    phase: AtomicU8,
}

impl Shared {
    pub(crate) fn new(
        node: u32,
        config: Config,
        clock: Arc<dyn Clock>,
        workers: Vec<WorkerShared>,
        publisher: Publisher,
        driver: Driver,
    ) -> Arc<Self> {
        let ports = vec![false; config.max_ports as usize];
        let shared = Arc::new(Self {
            node,
            config,
            started: Instant::now(),
            clock,
            workers,
            names: Names::default(),
            answers: oneshot::Pool::new(1024),
            bus: publisher.shared().clone(),
            publisher: Mutex::new(publisher),
            outside: OutsideCounters::default(),
            ports: Mutex::new(ports),
            round_robin: AtomicUsize::new(0),
            is_hosted: driver != Driver::Threads,
            driver,
            ended_workers: AtomicU32::new(0),
            given_up: false.into(),
            remains: Mutex::default(),
            phase: AtomicU8::new(0),
        });
        ENGINES.write().push((node, Arc::downgrade(&shared)));
        shared
    }

    pub(crate) fn phase(&self) -> Phase {
        Phase::from_number(self.phase.load(Ordering::Acquire))
    }

    /// Moves on to `phase`, never back, and wakes everybody.
    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.ring_all();
    }

    pub(crate) fn ring_all(&self) {
        self.workers.iter().for_each(|worker| worker.bell.ring(Signal::Flag(flag::PHASE)));
    }

    /// Whether the worker has to share its core: with another worker that is pinned there, or because there are more
    /// workers than cores.
    pub(crate) fn is_oversubscribed(&self, index: usize) -> bool {
        let core = self.workers[index].core;
        let sharing = self.workers.iter().filter(|worker| core.is_some() && worker.core == core).count();
        let cores = hippodrome_affinity::allowed_cores().map_or(1, |cores| cores.len());
        sharing > 1 || self.workers.len() > cores
    }

    /// Rings for the workers where somebody subscribes to events.
    pub(crate) fn ring_subscribers(&self, bus: &BusShared) {
        for (index, worker) in self.workers.iter().enumerate() {
            if bus.is_subscribed(index) {
                worker.bell.ring(Signal::Flag(flag::EVENTS));
            }
        }
    }

    /// Publishes an event from a thread that is not a worker.
    pub(crate) fn publish<E: Send + Sync + 'static>(&self, event: E) -> bool {
        let (published, replaced) = self.publisher.lock().publish(event);
        // It is not the caller's, and no worker's to count.
        contained(|| drop(replaced));
        if published {
            self.ring_subscribers(&self.bus);
        }
        published
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let node = self.node;
        ENGINES.write().retain(|(number, _)| *number != node);
    }
}

/// Dead letters of threads that are not workers.
#[derive(Debug, Default)]
pub(crate) struct OutsideCounters([AtomicU64; DeadLetterReason::ALL.len()]);

impl OutsideCounters {
    pub(crate) fn count(&self, reason: DeadLetterReason) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> DeadLetterCounts {
        let mut counts = DeadLetterCounts::default();
        for reason in DeadLetterReason::ALL {
            counts.set(reason, self.0[reason as usize].load(Ordering::Relaxed));
        }
        counts
    }
}

/// Keeps a port's number taken until the last worker has let go of its lane.
#[derive(Debug)]
pub(crate) struct PortLease {
    pub(crate) number: usize,
    pub(crate) shared: Weak<Shared>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Engine({}, {} workers, {:?})", self.node, self.workers.len(), self.phase())
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.ports.lock()[self.number] = false;
        }
    }
}

/// The engines of this process: for replies that end up on threads which belong to none.
static ENGINES: RwLock<Vec<(u32, Weak<Shared>)>> = RwLock::new(Vec::new());

fn find(node: u32) -> Option<Arc<Shared>> {
    ENGINES.read().iter().find(|(number, _)| *number == node)?.1.upgrade()
}

/// Tells an asking actor that its reply was dropped on a thread that is no worker of its engine.
pub(crate) fn close_ask(home: Home, key: AskKey) {
    if let Some(shared) = find(home.node()) {
        shared.workers[home.worker()].order(Box::new(move |core| core.ask_unanswered_by_order(key)));
    }
}

/// Answers an asking actor from a thread that is no worker of its engine. Where the worker's ingress is full, the answer
/// goes to it as an order, for which there is always room: no more of them can wait than asks.
///
/// # Errors
/// The answer, if the engine has gone.
pub(crate) fn answer_ask<T: Send + 'static>(home: Home, answer: Answer<T>) -> Result<(), T> {
    let Some(shared) = find(home.node()) else { return Err(answer.value) };
    let worker = &shared.workers[home.worker()];
    // SAFETY: `Of` describes the message, which may be sent.
    let pushed = unsafe { worker.ingress.push(Of::<Answer<T>>::WORKER, Tag::WORKER.0, answer) };
    match pushed {
        Ok(()) => Ok(()),
        Err((lane::Refused::Closed, answer)) => Err(answer.value),
        Err((_, Answer { key, value })) => {
            worker.order(Box::new(move |core| core.ask_answered_by_order(key, value)));
            Ok(())
        }
    }
}
