//! Serving snapshots on a local socket, from one thread that never waits for a client. The protocol is in the
//! [module's](super) documentation.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Snapshot;
use super::socket::Socket;
use crate::error::StatsSocketError;
use crate::shared::{Phase, Shared, WorkerShared};

/// The most clients at a time.
const CLIENTS_MAX: usize = 8;
/// The longest request.
const REQUEST_BYTES_MAX: usize = 1024;
/// What a client gets that asks for nothing.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest interval, and the shortest time between two snapshots.
const SHORTEST_MS: u64 = 50;
const LONGEST_MS: u64 = 60_000;
/// How often the thread looks at its clients.
const TICK: Duration = Duration::from_millis(20);
/// How long a client may take for a line.
const CLIENT_PATIENCE: Duration = Duration::from_secs(2);
/// How long a snapshot waits for the workers, and how often it looks.
const WORKER_PATIENCE: Duration = Duration::from_millis(100);
const WORKER_LOOK: Duration = Duration::from_micros(200);

/// The socket, before there is an engine to be served.
#[derive(Debug)]
pub(crate) struct Claim(Socket);

/// The thread that serves; dropping this ends it, after a last line for each client.
#[derive(Debug)]
pub(crate) struct Service {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Claim {
    pub(crate) fn at(path: &str) -> Result<Self, StatsSocketError> {
        Socket::bind(path).map(Self)
    }

    pub(crate) fn serve(self, shared: Arc<Shared>) -> Result<Service, StatsSocketError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let path = self.0.path.clone();
        let name = format!("{}-top", shared.config.name);
        let server = Server { socket: self.0, shared, clients: Vec::new(), latest: None };
        let thread = match thread::Builder::new().name(name).spawn(move || server.run(&stopped)) {
            Ok(thread) => thread,
            Err(source) => return Err(StatsSocketError::Refused { path, source }),
        };
        tracing::info!(path, "statistics are served");
        Ok(Service { thread: Some(thread), stop })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there would be a defect that harms only who watches; it was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// A snapshot as it is sent, and when it was made.
struct Line {
    text: Arc<[u8]>,
    made: Instant,
}

struct Server {
    socket: Socket,
    shared: Arc<Shared>,
    clients: Vec<Client>,
    latest: Option<Line>,
}

impl Server {
    fn run(mut self, stopped: &AtomicBool) {
        while !stopped.load(Ordering::Acquire) {
            self.accept();
            self.clients.retain_mut(|client| client.keep(Client::read_requests));
            self.send();
            let now = Instant::now();
            thread::park_timeout(self.clients.iter().map(|client| client.rest(now)).min().unwrap_or(TICK));
        }
        // The workers have shown everything when they ended.
        let last: Arc<[u8]> = line_of(&Snapshot::from(&self.shared.stats())).into();
        self.clients.iter_mut().for_each(|client| client.finish(&last));
    }

    /// Lets in who waits. A tick is not spent on more than may be there at a time.
    fn accept(&mut self) {
        for _ in 0..=CLIENTS_MAX {
            let Ok((stream, _)) = self.socket.listener.accept() else { return };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let mut client = Client::new(stream);
            if self.clients.len() < CLIENTS_MAX {
                self.clients.push(client);
            } else {
                client.refuse(&Gone::TooMany);
            }
        }
    }

    /// Gives a line to each client whose time has come, and goes on with the lines that were not taken whole.
    fn send(&mut self) {
        let now = Instant::now();
        if self.clients.iter().any(|client| client.wants_line(now)) {
            let line = self.line(now);
            for client in self.clients.iter_mut().filter(|client| client.wants_line(now)) {
                client.begin(line.clone(), now);
            }
        }
        self.clients.retain_mut(|client| client.keep(Client::write));
    }

    /// A snapshot, not older than the shortest interval.
    fn line(&mut self, now: Instant) -> Arc<[u8]> {
        match &self.latest {
            Some(latest) if now < latest.made + Duration::from_millis(SHORTEST_MS) => latest.text.clone(),
            _ => {
                let text: Arc<[u8]> = line_of(&take_snapshot(&self.shared)).into();
                self.latest = Some(Line { text: text.clone(), made: now });
                text
            }
        }
    }
}

/// Asks the workers to show everything, and waits for them a little.
fn take_snapshot(shared: &Shared) -> Snapshot {
    if shared.phase() < Phase::Ending {
        for worker in &shared.workers {
            // One that has not answered is not asked twice: nothing piles up at a worker that is stuck.
            if !worker.stats.is_asked.swap(true, Ordering::AcqRel) {
                worker.order(Box::new(|core| {
                    core.publish_all();
                    core.shared.workers[core.index].stats.is_asked.store(false, Ordering::Release);
                }));
            }
        }
    }
    let is_late = |worker: &WorkerShared| worker.stats.is_asked.load(Ordering::Acquire);
    let deadline = Instant::now() + WORKER_PATIENCE;
    while shared.workers.iter().any(is_late) && shared.phase() < Phase::Ending && Instant::now() < deadline {
        thread::sleep(WORKER_LOOK);
    }
    let late: Vec<bool> = shared.workers.iter().map(is_late).collect();
    let mut snapshot = Snapshot::from(&shared.stats());
    for (worker, is_late) in snapshot.workers.iter_mut().zip(late) {
        worker.is_late = is_late;
    }
    snapshot
}

fn line_of(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("it is made of numbers and texts");
    line.push(b'\n');
    line
}

/// What a client may write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    every_ms: u64,
}

/// What a client is told before it is let go.
#[derive(Serialize)]
struct Refusal {
    error: String,
}

/// Why a client is let go.
#[derive(Debug, thiserror::Error)]
enum Gone {
    #[error("it has closed its end")]
    Left,
    #[error("it does not take its lines")]
    Slow,
    #[error("the connection failed: {0}")]
    Failed(io::Error),
    #[error("{CLIENTS_MAX} clients are being served, as many as may be")]
    TooMany,
    #[error("a request may have {REQUEST_BYTES_MAX} bytes")]
    TooLong,
    #[error("a request is a line such as {{\"every_ms\": 500}}, with {SHORTEST_MS} to {LONGEST_MS} ms: {0}")]
    Misread(String),
}

/// Somebody who watches.
struct Client {
    stream: UnixStream,
    interval: Duration,
    due: Instant,
    /// When its latest line was begun. The next one is due an interval later, and so is never the same snapshot.
    begun: Option<Instant>,
    /// The line that it is being sent, and how much of that it has taken.
    line: Option<(Arc<[u8]>, usize)>,
    /// The beginning of a request.
    request: Vec<u8>,
}

impl Client {
    fn new(stream: UnixStream) -> Self {
        let request = Vec::with_capacity(REQUEST_BYTES_MAX);
        Self { stream, interval: DEFAULT_INTERVAL, due: Instant::now(), begun: None, line: None, request }
    }

    /// Reads what has come, at most as much as one request may have.
    fn read_requests(&mut self) -> Result<(), Gone> {
        let mut bytes = [0; REQUEST_BYTES_MAX];
        let read = match self.stream.read(&mut bytes) {
            Ok(0) => return Err(Gone::Left),
            Ok(read) => read,
            Err(error) if is_later(&error) => return Ok(()),
            Err(error) => return Err(Gone::Failed(error)),
        };
        for byte in &bytes[..read] {
            if *byte == b'\n' {
                self.answer()?;
                self.request.clear();
            } else if self.request.len() == REQUEST_BYTES_MAX {
                return Err(Gone::TooLong);
            } else {
                self.request.push(*byte);
            }
        }
        Ok(())
    }

    /// Does what a whole request says.
    fn answer(&mut self) -> Result<(), Gone> {
        let Request { every_ms } =
            serde_json::from_slice(&self.request).map_err(|error| Gone::Misread(error.to_string()))?;
        if !(SHORTEST_MS..=LONGEST_MS).contains(&every_ms) {
            return Err(Gone::Misread(format!("every_ms is {every_ms}")));
        }
        self.interval = Duration::from_millis(every_ms);
        if let Some(begun) = self.begun {
            self.due = begun + self.interval;
        }
        Ok(())
    }

    fn wants_line(&self, now: Instant) -> bool {
        self.line.is_none() && now >= self.due
    }

    fn begin(&mut self, line: Arc<[u8]>, now: Instant) {
        self.line = Some((line, 0));
        self.begun = Some(now);
        self.due = now + self.interval;
    }

    /// How long there is nothing to be done for it, unless it writes.
    fn rest(&self, now: Instant) -> Duration {
        if self.line.is_some() { TICK } else { self.due.saturating_duration_since(now).min(TICK) }
    }

    /// Writes what fits.
    fn write(&mut self) -> Result<(), Gone> {
        while let Some((line, taken)) = &mut self.line {
            match self.stream.write(&line[*taken..]) {
                Ok(written) => *taken += written,
                Err(error) if is_later(&error) => {
                    let is_slow = self.begun.is_some_and(|begun| begun.elapsed() >= CLIENT_PATIENCE);
                    return if is_slow { Err(Gone::Slow) } else { Ok(()) };
                }
                Err(error) => return Err(Gone::Failed(error)),
            }
            if *taken == line.len() {
                self.line = None;
            }
        }
        Ok(())
    }

    /// Writes a last line, if it can be taken at once.
    fn finish(&mut self, last: &Arc<[u8]>) {
        if self.write().is_ok() && self.line.is_none() {
            self.begin(last.clone(), Instant::now());
            let _ = self.write();
        }
    }

    /// Does something, and tells whether it is still served.
    fn keep(&mut self, mut act: impl FnMut(&mut Self) -> Result<(), Gone>) -> bool {
        act(self).map_err(|gone| self.refuse(&gone)).is_ok()
    }

    /// Says why it is let go, if there is somebody to hear it.
    fn refuse(&mut self, gone: &Gone) {
        tracing::debug!(why = %gone, "a client of the statistics is let go");
        if matches!(gone, Gone::TooMany | Gone::TooLong | Gone::Misread(_)) {
            self.finish(&line_of(&Refusal { error: gone.to_string() }).into());
        }
    }
}

/// Whether there is nothing to be done now, and will be later.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
