//! The engine: built, started on threads of its own or handed to a host, and ended.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Pinning, WaitStrategy, WorkerConfig};
use crate::error::{Error, StartError, StatsSocketError};
use crate::handle::Handle;
use crate::host::{Host, Seat};
use crate::monitor::Monitor;
use crate::shared::{Driver, Shared};
use crate::shutdown::{Ending, Report, ShutdownError};
use crate::start;
use crate::stats::{Claim, Service};
use crate::sync::thread::JoinHandle;

/// What an engine is to be; from [`Engine::builder`].
///
/// All of it can come from a file as well, and goes through the same checks.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    config: Config,
    clock: Arc<dyn Clock>,
}

impl Builder {
    /// One worker on each of these cores, in addition to those before.
    pub fn workers(mut self, cores: impl IntoIterator<Item = u32>) -> Self {
        self.config.workers.extend(cores.into_iter().map(WorkerConfig::pinned_to));
        self
    }

    /// So many workers that the operating system may move from core to core, in addition to those before.
    pub fn unpinned_workers(mut self, count: usize) -> Self {
        self.config.workers.extend(std::iter::repeat_n(WorkerConfig::default(), count));
        self
    }

    /// One worker with settings of its own, in addition to those before.
    pub fn worker(mut self, worker: WorkerConfig) -> Self {
        self.config.workers.push(worker);
        self
    }

    /// What to do about cores that do not exist or are not allowed; strict if not set.
    pub fn pinning(mut self, pinning: Pinning) -> Self {
        self.config.pinning = pinning;
        self
    }

    /// How workers wait that do not say so themselves.
    pub fn wait(mut self, wait: WaitStrategy) -> Self {
        self.config.defaults.wait = wait;
        self
    }

    /// Switches the histograms of waiting and handling times on or off; off if not set.
    pub fn histograms(mut self, on: bool) -> Self {
        self.config.histograms = on;
        self
    }

    /// Serves snapshots of the statistics on a local socket at this path, as [`stats`](crate::stats) says; if not set,
    /// nothing listens.
    pub fn stats_socket(mut self, path: impl Into<String>) -> Self {
        self.config.stats_socket = Some(path.into());
        self
    }

    /// The clock, instead of the operating system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Changes any other setting.
    ///
    /// # Examples
    /// ```
    /// # use hippodrome::Engine;
    /// let builder = Engine::builder().unpinned_workers(2).configure(|config| {
    ///     config.turn_budget = 64;
    ///     config.max_timers = 10_000;
    /// });
    /// # let _ = builder;
    /// ```
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Starts the workers on threads of their own.
    ///
    /// # Errors
    /// See [`StartError`]. No thread is left behind.
    pub fn start(self) -> Result<Engine, StartError> {
        start::check(&self.config)?;
        let claim = self.config.stats_socket.as_deref().map(Claim::at).transpose()?;
        let started = start::on_threads(self.config, self.clock)?;
        let monitor = Monitor::start(started.shared.clone(), started.log).map_err(StartError::Monitor)?;
        let (shared, threads) = (started.shared, started.threads);
        let engine = Engine { shared, threads, monitor: Some(monitor), service: None, _memory: started.memory };
        engine.serving(claim)
    }

    /// Starts an engine, gives `main` a handle to it, and shuts it down when `main` returns.
    ///
    /// # Errors
    /// If the engine does not start, or does not end in order within `deadline`.
    pub fn run<T>(self, deadline: Duration, main: impl FnOnce(&Handle) -> T) -> Result<T, Error> {
        let engine = self.start()?;
        let result = main(&engine.handle());
        engine.shutdown(deadline)?;
        Ok(result)
    }

    /// Makes a host: all workers on the calling thread, run by its own loop. No thread is started, nothing is pinned.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn host(self) -> Result<Host, StartError> {
        start::check(&self.config)?;
        if let Some(path) = self.config.stats_socket {
            return Err(StatsSocketError::Hosted { path }.into());
        }
        Ok(Host::new(start::for_host(self.config, self.clock, Driver::Host)?))
    }

    /// Makes an engine whose workers run on threads of the program's own: each [`Seat`] is given to one.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn seats(self) -> Result<(Engine, Vec<Seat>), StartError> {
        start::check(&self.config)?;
        let claim = self.config.stats_socket.as_deref().map(Claim::at).transpose()?;
        let (shared, seats, log) = start::for_host(self.config, self.clock, Driver::Host)?;
        let monitor = Monitor::start(shared.clone(), log).map_err(StartError::Monitor)?;
        let engine = Engine { shared, threads: Vec::new(), monitor: Some(monitor), service: None, _memory: None };
        Ok((engine.serving(claim)?, seats))
    }
}

/// A running engine. Dropping it aborts it.
///
/// # Examples
/// ```
/// use hippodrome::{Actor, Context, Engine, On, Reply};
/// use std::time::Duration;
///
/// struct Counter(u64);
///
/// enum Count {
///     Add(u64),
///     Total(Reply<u64>),
/// }
///
/// impl Actor for Counter {
///     type Msg = Count;
///     fn handle(&mut self, msg: Count, ctx: &mut Context<'_, Count>) {
///         match msg {
///             Count::Add(n) => self.0 += n,
///             Count::Total(reply) => reply.send(ctx, self.0),
///         }
///     }
/// }
///
/// fn main() -> Result<(), hippodrome::Error> {
///     let engine = Engine::builder().unpinned_workers(2).start()?;
///     let handle = engine.handle();
///     let counter = handle.spawn(On::Worker(1), || Counter(0))?;
///     handle.tell(counter, Count::Add(2));
///     let total = handle.ask(counter, Count::Total).wait(Duration::from_secs(5))?;
///     assert_eq!(total, 2);
///     engine.shutdown(Duration::from_secs(5))?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    monitor: Option<Monitor>,
    /// Who serves the statistics, if the configuration asks for it.
    service: Option<Service>,
    _memory: Option<hippodrome_affinity::MemoryLock>,
}

impl Engine {
    /// An engine without workers yet.
    pub fn builder() -> Builder {
        Builder { config: Config::default(), clock: Arc::new(SystemClock::default()) }
    }

    /// The builder for this configuration.
    pub fn from_config(config: Config) -> Builder {
        Builder { config, clock: Arc::new(SystemClock::default()) }
    }

    /// The builder for the configuration in this file.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid; see [`ConfigError`](crate::config::ConfigError).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Builder, crate::config::ConfigError> {
        Config::from_file(path).map(Self::from_config)
    }

    /// Starts an engine on threads of its own, gives `main` a handle to it, and shuts it down when `main` returns: a
    /// whole program's life in one call. [`Builder::run`] is the same for a builder.
    ///
    /// # Errors
    /// If the engine does not start, or does not end in order within `deadline`.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Config, Engine};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), hippodrome::Error> {
    /// let config = Config::from_toml_str("[[workers]]\n[[workers]]")?;
    /// let workers = Engine::run(config, Duration::from_secs(5), |handle| handle.workers())?;
    /// assert_eq!(workers, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run<T>(config: Config, deadline: Duration, main: impl FnOnce(&Handle) -> T) -> Result<T, Error> {
        Self::from_config(config).run(deadline, main)
    }

    /// Serves the statistics on the socket that was claimed for them. If that fails, the engine ends.
    fn serving(mut self, claim: Option<Claim>) -> Result<Self, StartError> {
        self.service = claim.map(|claim| claim.serve(self.shared.clone())).transpose()?;
        Ok(self)
    }

    /// A handle, for any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.shared.clone())
    }

    /// Ends the engine in order: accepts nothing more, handles what was accepted, stops the actors from the leaves up,
    /// and joins all threads. User timers do not fire any more. Blocks for `deadline` and a little at most.
    ///
    /// # Errors
    /// If the deadline was over first; the error has the report. The engine has ended nevertheless.
    pub fn shutdown(mut self, deadline: Duration) -> Result<Report, ShutdownError> {
        let ended = Ending::in_order(self.shared.clone(), deadline).run(std::mem::take(&mut self.threads));
        self.monitor = None;
        self.service = None;
        ended
    }

    /// Ends the engine at once: each worker finishes its turn, then everything is dropped. The report says what was
    /// left.
    pub fn abort(mut self) -> Report {
        self.abort_now()
    }

    fn abort_now(&mut self) -> Report {
        let ended = Ending::at_once(self.shared.clone()).run(std::mem::take(&mut self.threads));
        self.monitor = None;
        self.service = None;
        ended.unwrap_or_else(|error| error.report().clone())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.monitor.is_some() {
            self.abort_now();
        }
    }
}
