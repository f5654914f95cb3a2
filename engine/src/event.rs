//! Events: what happens in the engine, and what its users want to tell everybody.

use std::time::Duration;

use crate::address::Address;
use crate::dead_letter::DeadLetterReason;
use crate::deadlock::WaitCycle;
use crate::stop::StopReason;

/// Something that happened in the engine. Subscribe with [`Context::subscribe`](crate::Context::subscribe); the log gets
/// all of them through `tracing`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SystemEvent {
    /// An actor was made and is about to get its first message.
    Started {
        /// Who.
        actor: Address,
        /// The actor's Rust type.
        actor_type: &'static str,
    },
    /// An actor has stopped; its address is stale.
    Stopped {
        /// Who.
        actor: Address,
        /// The actor's Rust type.
        actor_type: &'static str,
        /// Why.
        reason: StopReason,
    },
    /// The life of a supervised actor has ended: its address holds what is sent to it until its parent decides.
    Suspended {
        /// Who.
        actor: Address,
        /// The actor's Rust type.
        actor_type: &'static str,
        /// Why.
        reason: StopReason,
    },
    /// An actor was made anew: after a panic, after it was [failed](crate::Context::fail), or because its parent wanted it
    /// so.
    Restarted {
        /// Who.
        actor: Address,
        /// The actor's Rust type.
        actor_type: &'static str,
        /// How many times this actor was restarted.
        restart: u32,
    },
    /// An actor panicked again after all restarts that its policy grants.
    RestartsExhausted {
        /// Who.
        actor: Address,
        /// The actor's Rust type.
        actor_type: &'static str,
        /// How many were granted.
        max: u32,
    },
    /// A message could not be handled.
    DeadLetter {
        /// For whom it was.
        to: Address,
        /// The message's Rust type.
        message: &'static str,
        /// Why.
        reason: DeadLetterReason,
    },
    /// A private mailbox was full, and a message was dropped.
    MailboxOverflow {
        /// Whose.
        actor: Address,
        /// The message's Rust type.
        message: &'static str,
        /// Which message was dropped.
        reason: DeadLetterReason,
    },
    /// A worker has not finished a turn for so long: a handler waits, computes, or lost its core. Reported once a turn.
    WorkerStalled {
        /// The worker's index.
        worker: usize,
        /// The Rust type of the actor that the worker ran last: the one whose handler, factory, `started` or `stopped` does
        /// not end, unless it is code of no actor's, such as the drop of a message or what makes the message of a timer.
        /// `None` if the worker has had no actor yet.
        actor_type: Option<&'static str>,
        /// For how long by now.
        stalled: Duration,
    },
    /// Actors wait on each other: each has asked the next, and the last the first, and none has got its answer. Reported
    /// once, when all of them have waited for
    /// [`wait_cycle_threshold_ms`](crate::Config::wait_cycle_threshold_ms); see [`WaitCycle`].
    WaitCycle {
        /// Who.
        cycle: WaitCycle,
        /// For how long all of them have waited by now.
        waiting: Duration,
    },
    /// A worker runs on a core other than it was told to, because pinning is best-effort and failed.
    Unpinned {
        /// The worker's index.
        worker: usize,
        /// The core that it was to have.
        core: u32,
    },
}
