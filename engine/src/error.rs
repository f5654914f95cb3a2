//! What can go wrong, one small enum per operation.

use std::fmt;

use crate::config::ConfigError;

/// A message that was not sent.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryTellError<M> {
    /// A ring on the way, or the actor's mailbox, is full. It may have room later.
    #[error("there is no room for the message now")]
    Full(M),
    /// The actor has stopped, or its engine has.
    #[error("the actor has stopped")]
    Stopped(M),
}

impl<M> TryTellError<M> {
    /// The message.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Stopped(message) => message,
        }
    }
}

impl<M> fmt::Debug for TryTellError<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Stopped(_) => "Stopped(..)",
        })
    }
}

/// Why an ask has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The reply was dropped: the actor has stopped, could not be reached, panicked, or chose not to answer.
    #[error("the ask was not answered")]
    Unanswered,
    /// No answer came in time.
    #[error("no answer came in time")]
    TimedOut,
    /// As many asks are waiting on the worker as `max_asks` or `max_timers` allow.
    #[error("too many asks are waiting for an answer")]
    TooMany,
}

/// Why an actor was not spawned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The engine is stopping.
    #[error("the engine is stopping")]
    Stopping,
    /// The worker has as many actors as it may.
    #[error("worker {worker} has {limit} actors, as many as `max_actors` allows")]
    TableFull {
        /// The worker's index.
        worker: usize,
        /// The limit.
        limit: u32,
    },
    /// No worker is on this core.
    #[error("no worker is on core {core}; workers are on {cores}")]
    NoSuchCore {
        /// The core that was named.
        core: u32,
        /// The cores that have one.
        cores: String,
    },
    /// There is no such worker.
    #[error("there is no worker {worker}; the engine has {workers}")]
    NoSuchWorker {
        /// The index that was given.
        worker: usize,
        /// How many there are.
        workers: usize,
    },
    /// The other actor is not of this engine.
    #[error("the actor {0} is not of this engine")]
    ForeignActor(crate::Address),
    /// A living actor has the name.
    #[error("the name {name:?} is taken by {holder}")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: crate::Address,
    },
    /// The mailbox would be too large.
    #[error("a private mailbox for {messages} messages: allowed is up to {limit}")]
    MailboxTooLarge {
        /// Its capacity, or what it may grow to.
        messages: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The messages of this type are too large for the rings.
    #[error("a {message} takes {bytes} bytes in a ring; {limit} fit worker {worker}'s smallest one")]
    MessageTooLarge {
        /// The message's Rust type.
        message: &'static str,
        /// With its header.
        bytes: usize,
        /// What fits.
        limit: usize,
        /// The worker's index.
        worker: usize,
    },
}

/// Why an order from outside was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// The worker's ingress was full for too long.
    #[error("the worker's ingress is full")]
    Full,
    /// The actor is of another engine, or the engine has stopped.
    #[error("the actor's engine cannot be reached")]
    Unreachable,
}

/// Why a port was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// As many are open as may be.
    #[error("{limit} ports are open, as many as `max_ports` allows")]
    TooMany {
        /// The limit.
        limit: u32,
    },
    /// A worker did not make its lane in time.
    #[error("worker {worker} did not open its lane in time")]
    TimedOut {
        /// The worker's index.
        worker: usize,
    },
    /// The engine is stopping.
    #[error("the engine is stopping")]
    Stopping,
}

/// Why an engine was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The rings would not fit the machine's memory.
    #[error(
        "the rings take {bytes} bytes, and the machine has {machine_bytes}: lower `lane_kib`, which every pair of workers \
         takes twice, or `local_ring_kib` or `ingress_kib`"
    )]
    TooMuchMemory {
        /// [What they take](crate::Config::preallocated_bytes) when the engine starts.
        bytes: u64,
        /// All of the machine's memory.
        machine_bytes: u64,
    },
    /// A worker could not be pinned.
    #[error("worker {worker} cannot be pinned: {source}")]
    Pin {
        /// The worker's index.
        worker: usize,
        /// Why.
        source: hippodrome_affinity::PinError,
    },
    /// A worker's memory or priority could not be set as configured.
    #[error("worker {worker}: {source}")]
    Memory {
        /// The worker's index.
        worker: usize,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A thread could not be started.
    #[error("the thread of worker {worker} cannot be started: {source}")]
    Thread {
        /// The worker's index.
        worker: usize,
        /// Why.
        source: std::io::Error,
    },
    /// The monitor's thread could not be started.
    #[error("the monitor's thread cannot be started: {0}")]
    Monitor(std::io::Error),
    /// The statistics could not be served on their socket.
    #[error(transparent)]
    StatsSocket(#[from] StatsSocketError),
    /// As many engines were started as this process can number.
    #[error("this process has started 2^32 engines; no more can be numbered")]
    TooManyEngines,
}

/// Why an engine could not serve its statistics at [`stats_socket`](crate::Config::stats_socket).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatsSocketError {
    /// Another engine that lives, or another program, listens there.
    #[error("stats_socket: {path:?} is in use: something listens there")]
    InUse {
        /// The socket's path.
        path: String,
    },
    /// There is something there that is no socket. It was left alone.
    #[error("stats_socket: {path:?} is there already and is not a socket")]
    NotASocket {
        /// The socket's path.
        path: String,
    },
    /// The operating system refused to make the socket, or to start the thread that serves it.
    #[error("stats_socket: {path:?} cannot be served: {source}")]
    Refused {
        /// The socket's path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A host starts no thread that could serve it. It can send its [`Snapshot`](crate::stats::Snapshot)s itself.
    #[error("stats_socket: {path:?} cannot be served: a host starts no thread that could do it")]
    Hosted {
        /// The socket's path.
        path: String,
    },
    /// This operating system has no Unix-domain sockets.
    #[error("stats_socket: {path:?} cannot be served: there are no Unix-domain sockets on this operating system")]
    Unsupported {
        /// The socket's path.
        path: String,
    },
}

/// Anything that can go wrong from start to end, for programs that only want to pass it on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// See [`StartError`].
    #[error(transparent)]
    Start(#[from] StartError),
    /// See [`ConfigError`].
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// See [`SpawnError`].
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// See [`AskError`].
    #[error(transparent)]
    Ask(#[from] AskError),
    /// See [`PortError`].
    #[error(transparent)]
    Port(#[from] PortError),
    /// See [`OrderError`].
    #[error(transparent)]
    Order(#[from] OrderError),
    /// See [`ShutdownError`](crate::ShutdownError).
    #[error(transparent)]
    Shutdown(#[from] crate::ShutdownError),
}
