//! A real-time priority for the calling thread.
//!
//! # Trade-offs
//!
//! A real-time thread runs before every ordinary one and is never preempted by them. One that spins therefore starves
//! whatever else is bound to its core, the kernel's own threads included. It is for a core that is isolated.

use crate::platform;
use std::io;

/// Schedules the calling thread first-in first-out (`SCHED_FIFO`) at `priority`, 1 (lowest) to 99. Linux only.
///
/// Threads that it starts afterwards inherit this. Unless the kernel's `sched_rt_runtime_us` is -1, real-time threads
/// are held back for a part of each period (by default 50 ms of each second), which shows in the latencies. One system
/// call.
///
/// # Errors
///
/// [`PriorityError::OutOfRange`] before the system is asked; [`PriorityError::NotPermitted`] if `RLIMIT_RTPRIO` is
/// below `priority` and the process has no `CAP_SYS_NICE`, or if its cgroup has no real-time budget.
///
/// ```
/// use hippodrome_affinity::{PriorityError, set_realtime_priority};
///
/// assert!(matches!(set_realtime_priority(100), Err(PriorityError::OutOfRange { value: 100 })));
/// ```
pub fn set_realtime_priority(priority: u8) -> Result<(), PriorityError> {
    if !(1..=99).contains(&priority) {
        return Err(PriorityError::OutOfRange { value: priority });
    }
    platform::set_realtime_priority(priority).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => {
            PriorityError::NotPermitted { priority, limit: platform::realtime_limit(), source }
        }
        io::ErrorKind::Unsupported => PriorityError::Unsupported { source },
        _ => PriorityError::Os { priority, source },
    })
}

/// Why a thread gets no real-time priority.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriorityError {
    /// There is no such priority.
    #[error("real-time priority {value} is out of range: it is 1 (lowest) to 99")]
    OutOfRange {
        /// The value that was given.
        value: u8,
    },
    /// The process may not have it.
    #[error(
        "no permission for real-time priority {priority}: RLIMIT_RTPRIO is {}, which CAP_SYS_NICE would lift: {source}",
        .limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
    )]
    NotPermitted {
        /// The priority that was asked for.
        priority: u8,
        /// The highest that the soft limit permits; `None` if there is no limit.
        limit: Option<u64>,
        /// The system's reason, with the errno.
        source: io::Error,
    },
    /// This system has no such priorities.
    #[error("{source}")]
    Unsupported {
        /// What is not supported.
        source: io::Error,
    },
    /// The system refused for another reason.
    #[error("cannot set real-time priority {priority}: {source}")]
    Os {
        /// The priority that was asked for.
        priority: u8,
        /// The system's reason, with the errno.
        source: io::Error,
    },
}
