//! Putting an engine together: numbers, rings, lanes between all workers, threads.
//!
//! A worker's inbound memory is allocated by the worker's own thread after it is pinned, so that it is on its node.
//! Therefore starting takes two rounds: each thread makes what leads to it and hands in the other ends; when all have,
//! each gets what leads to the others, and runs.

use std::sync::Arc;

use crossbeam_queue::SegQueue;
use hippodrome_affinity::{CoreId, MemoryLock, Pinned};
use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
use hippodrome_ringbuf::lane::Producer;
use hippodrome_ringbuf::{SEGMENT_ENVELOPE_BYTES, ingress, lane};

use crate::bus::{BusReader, Publisher, bus};
use crate::clock::Clock;
use crate::config::{Config, Pinning, WorkerSettings};
use crate::core::{Core, Parts, flag};
use crate::deadlock::waits::ShownWaits;
use crate::error::StartError;
use crate::event::SystemEvent;
use crate::host::Seat;
use crate::inbound::Inbound;
use crate::message::MessageType;
use crate::outbound::Outbound;
use crate::shared::{Driver, Shared, WorkerShared};
use crate::slots::SlotPool;
use crate::stats::PublishedStats;
use crate::sync::mpsc::{self, Receiver, Sender};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::worker::Worker;

/// What starting on threads gives.
pub(crate) struct Started {
    pub(crate) shared: Arc<Shared>,
    pub(crate) threads: Vec<JoinHandle<()>>,
    pub(crate) log: BusReader,
    pub(crate) memory: Option<MemoryLock>,
}

/// The ends of a worker's inbound rings that stay with it.
struct Receivers {
    ingress: ingress::Receiver<MessageType>,
    inbound: Inbound,
}

/// The ends that others get.
struct Senders {
    bell: Arc<Doorbell>,
    ingress: ingress::Sender<MessageType>,
    /// By sending worker; none from the worker to itself.
    lanes: Vec<Option<Producer<MessageType>>>,
    unpinned: Option<u32>,
}

/// What leads away from a worker.
struct Ends {
    outbound: Outbound,
    bus: (Publisher, BusReader),
}

/// What is looked at before anything is made: the limits, and whether the machine has room for the rings.
pub(crate) fn check(config: &Config) -> Result<(), StartError> {
    config.validate()?;
    let bytes = config.preallocated_bytes();
    match hippodrome_affinity::physical_memory_bytes() {
        Some(machine_bytes) if bytes > machine_bytes => Err(StartError::TooMuchMemory { bytes, machine_bytes }),
        _ => Ok(()),
    }
}

/// The next engine's number in this process.
fn next_node() -> Result<u32, StartError> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| next.checked_add(1))
        .map_err(|_| StartError::TooManyEngines)
}

/// Builds rings on memory for which the operating system is asked for huge pages, if the configuration says so.
fn with_pages<R>(huge: bool, build: impl FnOnce() -> R) -> R {
    if !huge {
        return build();
    }
    // Only advice: without huge pages everything works as before.
    hippodrome_ringbuf::with_memory_advice(
        |block| {
            if let Err(error) = hippodrome_affinity::advise_huge_pages(block) {
                tracing::debug!(%error, "no huge pages");
            }
        },
        build,
    )
}

/// Makes everything that leads to a worker, on the thread that calls.
fn make_rings(index: usize, workers: usize, settings: &WorkerSettings) -> (Receivers, Senders) {
    const VALIDATED: &str = "the configuration was validated";
    let bell = Arc::new(Doorbell::new());
    let ingress_bytes = settings.ingress_kib as usize * 1024;
    let (sender, receiver) =
        ingress::ingress(ingress_bytes, bell.clone(), Signal::Flag(flag::INGRESS)).expect(VALIDATED);
    let mut inbound = Inbound::default();
    let mut lanes = Vec::with_capacity(workers);
    for from in 0..workers {
        lanes.push((from != index).then(|| {
            let bytes = settings.lane_kib as usize * 1024;
            let (producer, consumer) = lane::lane(bytes, bell.clone(), Signal::Source(from as u16)).expect(VALIDATED);
            inbound.attach(from as u16, consumer, None);
            producer
        }));
    }
    (Receivers { ingress: receiver, inbound }, Senders { bell, ingress: sender, lanes, unpinned: None })
}

fn worker_shared(config: &Config, settings: &WorkerSettings, senders: &Senders) -> WorkerShared {
    let lane_bytes = settings.lane_kib.min(settings.ingress_kib) as usize * 1024;
    WorkerShared {
        core: settings.core,
        bell: senders.bell.clone(),
        ingress: senders.ingress.clone(),
        commands: SegQueue::new(),
        slots: SlotPool::new(config.max_actors),
        stats: PublishedStats::default(),
        running: Arc::default(),
        waits: ShownWaits::default(),
        quiet: AtomicU64::new(0),
        reached: 0.into(),
        max_envelope_bytes: lane::max_envelope_bytes(lane_bytes).min(SEGMENT_ENVELOPE_BYTES) - WRAPPING_BYTES,
    }
}

/// Room for the largest thing that the engine wraps around a message: the receiver's address.
const WRAPPING_BYTES: usize = 64;

/// The engine's shared part, and each worker's outbound lanes and bus.
fn assemble(
    config: Config,
    settings: &[WorkerSettings],
    clock: Arc<dyn Clock>,
    mut senders: Vec<Senders>,
    driver: Driver,
) -> Result<(Arc<Shared>, Vec<Ends>, BusReader), StartError> {
    let workers = settings.len();
    let shown = settings.iter().zip(&senders).map(|(settings, senders)| worker_shared(&config, settings, senders));
    let shown = shown.collect();
    let (publisher, mut readers) = bus(config.event_capacity as usize, workers);
    let log = readers.pop().expect("the bus has a reader for the log");
    let mut ends: Vec<_> = readers
        .into_iter()
        .map(|reader| Ends { outbound: Outbound::default(), bus: (publisher.clone(), reader) })
        .collect();
    for (to, (senders, settings)) in senders.iter_mut().zip(settings).enumerate() {
        for (from, lane) in senders.lanes.iter_mut().enumerate() {
            if let Some(lane) = lane.take() {
                ends[from].outbound.connect(to, lane, settings.outbox_limit_kib as usize * 1024);
            }
        }
    }
    let shared = Shared::new(next_node()?, config, clock, shown, publisher, driver);
    for (worker, senders) in senders.iter().enumerate() {
        if let Some(core) = senders.unpinned {
            shared.publish(SystemEvent::Unpinned { worker, core });
        }
    }
    Ok((shared, ends, log))
}

/// For hosts: everything is made on the thread that calls.
pub(crate) fn for_host(
    config: Config,
    clock: Arc<dyn Clock>,
    driver: Driver,
) -> Result<(Arc<Shared>, Vec<Seat>, BusReader), StartError> {
    let settings = config.resolve();
    let make = |(index, worker)| make_rings(index, settings.len(), worker);
    let (receivers, senders): (Vec<_>, Vec<_>) =
        with_pages(config.huge_pages, || settings.iter().enumerate().map(make).unzip());
    let (shared, ends, log) = assemble(config, &settings, clock, senders, driver)?;
    let seats = receivers
        .into_iter()
        .zip(ends)
        .zip(settings)
        .enumerate()
        .map(|(index, ((receivers, ends), settings))| seat(index, settings, &shared, receivers, ends))
        .collect();
    Ok((shared, seats, log))
}

fn seat(
    index: usize,
    settings: WorkerSettings,
    shared: &Arc<Shared>,
    receivers: Receivers,
    Ends { outbound, bus }: Ends,
) -> Seat {
    let Receivers { ingress, inbound } = receivers;
    Seat::new(Parts { index, settings, shared: shared.clone(), ingress, inbound, outbound, bus })
}

/// What a worker's thread gets in the second round.
type SecondRound = (Arc<Shared>, Ends);

/// What a worker's thread hands in.
type FirstRound = (usize, Result<Senders, StartError>);

/// Starts a thread per worker.
pub(crate) fn on_threads(config: Config, clock: Arc<dyn Clock>) -> Result<Started, StartError> {
    let settings = config.resolve();
    // Before anything is pinned: what the process may use cannot be read any more afterwards.
    let _ = hippodrome_affinity::allowed_cores();
    let memory = match config.lock_memory {
        true => Some(MemoryLock::acquire().map_err(|source| StartError::Memory { worker: 0, source: source.into() })?),
        false => None,
    };
    let (hand_in, handed_in) = mpsc::channel();
    let mut threads = Vec::with_capacity(settings.len());
    let mut second = Vec::with_capacity(settings.len());
    for (index, worker) in settings.iter().enumerate() {
        let (give, given) = mpsc::channel();
        second.push(give);
        let setup = Setup::new(index, settings.len(), worker.clone(), &config);
        let hand_in = hand_in.clone();
        let spawned = thread::Builder::new()
            .name(format!("{}-{index}", config.name))
            .spawn(move || worker_thread(setup, &hand_in, &given))
            .map_err(|source| StartError::Thread { worker: index, source });
        match spawned {
            Ok(thread) => threads.push(thread),
            Err(error) => return Err(give_up(second, threads, error)),
        }
    }
    drop(hand_in);
    let senders = match first_round(&handed_in, settings.len()) {
        Ok(senders) => senders,
        Err(error) => return Err(give_up(second, threads, error)),
    };
    match assemble(config, &settings, clock, senders, Driver::Threads) {
        Ok((shared, ends, log)) => {
            for (give, ends) in second.into_iter().zip(ends) {
                // A thread that has handed in waits for this.
                let _ = give.send((shared.clone(), ends));
            }
            Ok(Started { shared, threads, log, memory })
        }
        Err(error) => Err(give_up(second, threads, error)),
    }
}

/// Ends the threads that wait for their second round.
fn give_up(second: Vec<Sender<SecondRound>>, threads: Vec<JoinHandle<()>>, error: StartError) -> StartError {
    drop(second);
    for thread in threads {
        let _ = thread.join();
    }
    error
}

/// Collects what the workers' threads hand in, by worker.
fn first_round(handed_in: &Receiver<FirstRound>, workers: usize) -> Result<Vec<Senders>, StartError> {
    let mut senders: Vec<Option<Senders>> = (0..workers).map(|_| None).collect();
    let mut failed = None;
    for (index, result) in handed_in.iter() {
        match result {
            Ok(made) => senders[index] = Some(made),
            Err(error) => failed = failed.or(Some(error)),
        }
        if failed.is_some() || senders.iter().all(Option::is_some) {
            break;
        }
    }
    let missing = senders.iter().position(Option::is_none);
    match (failed, missing) {
        (Some(error), _) => Err(error),
        (None, Some(worker)) => {
            let source = std::io::Error::other("the thread ended before it had made its rings");
            Err(StartError::Thread { worker, source })
        }
        (None, None) => Ok(senders.into_iter().flatten().collect()),
    }
}

/// What a worker's thread needs before anything else.
struct Setup {
    index: usize,
    workers: usize,
    settings: WorkerSettings,
    pinning: Pinning,
    real_time_priority: Option<u32>,
    huge_pages: bool,
}

impl Setup {
    fn new(index: usize, workers: usize, settings: WorkerSettings, config: &Config) -> Self {
        let Config { pinning, real_time_priority, huge_pages, .. } = *config;
        Self { index, workers, settings, pinning, real_time_priority, huge_pages }
    }

    /// Pins the thread and sets its priority. Returns the core that it was to have and has not, if that is allowed.
    fn prepare_thread(&self) -> Result<Option<u32>, StartError> {
        let worker = self.index;
        let mut unpinned = None;
        if let Some(core) = self.settings.core {
            let id = CoreId::new(core).map_err(|source| StartError::Memory { worker, source: source.into() })?;
            match hippodrome_affinity::Pinning::from(self.pinning).apply(id) {
                Ok(Pinned::Warned(warning)) => {
                    tracing::warn!(worker, core, %warning, "the worker is not pinned");
                    unpinned = Some(core);
                }
                Ok(_) => {}
                Err(source) => return Err(StartError::Pin { worker, source }),
            }
        }
        if let Some(priority) = self.real_time_priority {
            hippodrome_affinity::set_realtime_priority(priority as u8)
                .map_err(|source| StartError::Memory { worker, source: source.into() })?;
        }
        Ok(unpinned)
    }
}

fn worker_thread(setup: Setup, hand_in: &Sender<FirstRound>, given: &Receiver<SecondRound>) {
    let unpinned = match setup.prepare_thread() {
        Ok(unpinned) => unpinned,
        Err(error) => {
            let _ = hand_in.send((setup.index, Err(error)));
            return;
        }
    };
    let (receivers, mut senders) =
        with_pages(setup.huge_pages, || make_rings(setup.index, setup.workers, &setup.settings));
    senders.unpinned = unpinned;
    let _ = hand_in.send((setup.index, Ok(senders)));
    // If another worker failed, there is no second round.
    let Ok((shared, Ends { outbound, bus })) = given.recv() else { return };
    let Receivers { ingress, inbound } = receivers;
    let parts = Parts { index: setup.index, settings: setup.settings, shared, ingress, inbound, outbound, bus };
    let core = with_pages(setup.huge_pages, || Core::new(parts));
    Worker::new(core).run();
}
