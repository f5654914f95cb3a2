//! A disruptor-style actor engine for one process: workers pinned to cores, driven by preallocated, lock-free rings.
//!
//! # Vocabulary
//! A **worker** is one thread, usually pinned to one core, that owns its actors and never waits for anybody. A message in
//! flight is an **envelope**; those between actors of one worker go through its **local ring**, those to another worker
//! through a **lane**. A thread outside sends through a [`Handle`], which shares one ring per worker with all others, or
//! through a [`Port`], which has lanes of its own. An [`ActorRef`] is a typed address: `Copy`, 16 bytes, and harmless when
//! it is stale. What was accepted and cannot be handled is a **dead letter**, counted by its [reason](DeadLetterReason)
//! and reported on the event stream.
//!
//! # Trade-offs
//! One ring per core keeps the messages of a core in its nearest cache, whatever number of actors they are for; an actor
//! that floods its neighbours is given a [private mailbox](MailboxSpec). A handler cannot wait: it tells, asks (the answer
//! is a message), or sends itself something [later](Context::send_after).
//!
//! # How to use it
//! Write an [`Actor`], start an [`Engine`], spawn by a [`Handle`]; the example at [`Engine`] is a whole program. A game or
//! a test that owns its loop takes a [`Host`] instead. How an actor is placed, named, restarted and queued for is in its
//! [`Props`]; all other settings are in a [`Config`], from a builder or a TOML file.
//!
//! A running engine is watched through its [statistics](stats), which it can serve on a local socket for `perf top`.
//!
//! # Features
//! None is on by default, and none changes the API of the rest.
//! * `macros`: `#[hippodrome::actor]` makes the messages of an actor and a typed client from its methods.
//! * `metrics`: `Stats::export` gives a snapshot to the recorder of the [`metrics`](https://docs.rs/metrics) facade.
//! * `sim`: deterministic simulation, to test actors with: many seeds, virtual time, faults, and a failing seed to replay.
//!
//! # What it costs
//! A tell to an actor of the same worker is a compare, the copy of the message behind a header of 16 bytes, and a store; a
//! run of messages to one actor is handled without an indirect call in between. Nothing allocates per message, nothing
//! locks, nothing hashes.
//!
//! # Panics
//! A panic in a handler, in `started`, in a factory, or in what makes a message of a timer, an event or an answer fails the
//! actor that it is of, and nobody else; the message that was lost by it, if there was one, is a dead letter. A panic in
//! `stopped`, in a drop, in a notice or in a key function fails nobody and is counted.
//!
//! With `panic = "abort"` in the profile a panic ends the process instead of its actor. Whatever the profile, so does a
//! panic in a drop while another one unwinds, and a handler that uses up its worker's stack: standard error then names the
//! worker's thread, such as `hippodrome-0`.
//!
//! # Deadlocks
//! Actors that ask in a circle, and keep the replies that they owe, are reported as a [`SystemEvent::WaitCycle`]. Full
//! mailboxes in a circle stop nobody: who is refused has the message again, or it is a dead letter.

mod actor;
mod address;
mod asks;
mod batch;
mod bus;
mod cell;
mod child;
mod clock;
pub mod config;
mod context;
mod core;
mod dead_letter;
mod deadlock;
mod dispatch;
mod engine;
mod error;
mod event;
mod failure;
mod handle;
mod host;
mod inbound;
mod inline;
mod instrument;
mod mailbox;
mod message;
mod monitor;
mod names;
mod outbound;
mod ping;
mod plan;
mod port;
mod queued_stop;
mod reader;
mod reply;
mod restart;
mod running;
mod sender;
mod shared;
mod shutdown;
#[cfg(feature = "sim")]
pub mod sim;
mod slots;
mod spawn;
mod start;
pub mod stats;
mod stop;
mod stopwatch;
mod supervise;
mod sync;
mod tell;
mod timers;
mod watch;
mod wheel;
mod worker;

pub use actor::{Actor, FnActor, from_fn};
pub use address::{ActorRef, Address};
pub use batch::Batch;
pub use bus::EVENT_BYTES;
pub use child::ChildEvent;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{Config, Pinning, WaitStrategy};
pub use context::Context;
pub use dead_letter::{DeadLetterCounts, DeadLetterReason};
pub use deadlock::{WaitCycle, Waiter};
pub use engine::{Builder, Engine};
pub use error::{AskError, Error, OrderError, PortError, SpawnError, StartError, StatsSocketError, TryTellError};
pub use event::SystemEvent;
pub use handle::{Ask, Handle};
#[cfg(feature = "macros")]
pub use hippodrome_macros::actor;
pub use host::{Host, Seat};
pub use mailbox::{MailboxSpec, Overflow};
pub use port::Port;
pub use reply::Reply;
pub use restart::{Backoff, Restart};
pub use sender::{Outside, Tell};
pub use shutdown::{Left, Report, ShutdownError};
pub use spawn::{On, Props};
pub use stats::{ActorTypeStats, Stats, WorkerStats};
pub use stop::{Stop, StopReason};
pub use timers::TimerLimit;
pub use watch::Terminated;
pub use wheel::{MissedTick, TimerKey};
pub use worker::Worker;
