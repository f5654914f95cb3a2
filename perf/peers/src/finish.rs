//! Where the receiving end says that everything has come.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sample::WrongResult;

/// Set by whoever handles the last message of a run. The lock is taken at no other time.
#[derive(Debug, Default)]
pub(crate) struct Finish {
    finished: Mutex<Option<Finished>>,
    changed: Condvar,
}

/// What the receiving end has seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    /// When the last message was handled.
    at: Instant,
    messages: u64,
    checksum: u64,
}

/// How long a run may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(600);

impl Finish {
    pub(crate) const fn new() -> Self {
        Self { finished: Mutex::new(None), changed: Condvar::new() }
    }

    pub(crate) fn set(&self, messages: u64, checksum: u64) {
        *self.lock() = Some(Finished { at: Instant::now(), messages, checksum });
        self.changed.notify_all();
    }

    /// What was set; an error if nothing was, because then messages were lost.
    pub(crate) fn get(&self) -> Result<Finished, WrongResult> {
        (*self.lock()).ok_or(WrongResult::Unfinished)
    }

    /// Sleeps until it is set, and takes what was set, so that it can be set again.
    pub(crate) fn wait(&self) -> Result<Finished, WrongResult> {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |finished| finished.is_none());
        let (mut finished, _) = waited.unwrap_or_else(PoisonError::into_inner);
        finished.take().ok_or(WrongResult::Unfinished)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Finished>> {
        // It is a plain value, whole at any time.
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Finished {
    /// Nanoseconds for each message since `started`, if the result is what it has to be.
    pub(crate) fn ns_per_message(self, started: Instant, messages: u64, checksum: u64) -> Result<f64, WrongResult> {
        if self.messages != messages {
            return Err(WrongResult::Count { expected: messages, found: self.messages });
        }
        if self.checksum != checksum {
            return Err(WrongResult::Checksum { expected: checksum, found: self.checksum });
        }
        Ok(self.at.duration_since(started).as_nanos() as f64 / messages as f64)
    }
}
