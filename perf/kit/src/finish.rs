//! Where the receiving end of a run says that everything has come.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a run did: how many units of work, and a checksum over their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The units: messages, round trips or actors.
    pub units: u64,
    /// The checksum that all subjects must agree on.
    pub checksum: u64,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} units with the checksum {:#x}", self.units, self.checksum)
    }
}

/// The run ended, or took longer than any run may, before its last message had come.
#[derive(Debug, thiserror::Error)]
#[error("the run ended before the last message had come")]
pub struct Unfinished;

/// Set once, by whoever handles the last message of a run. The lock is taken at no other time.
#[derive(Default)]
pub struct Finish {
    finished: Mutex<Option<(Instant, Found)>>,
    changed: Condvar,
    /// What makes a platform come back from its run.
    then: Option<Box<dyn Fn() + Send + Sync>>,
}

/// How long a run may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(600);

impl Finish {
    /// One that calls `then` on the thread that has set it.
    pub fn and_then(then: impl Fn() + Send + Sync + 'static) -> Self {
        Self { then: Some(Box::new(then)), ..Self::default() }
    }

    /// Says that the run is over, now.
    pub fn set(&self, units: u64, checksum: u64) {
        *self.lock() = Some((Instant::now(), Found { units, checksum }));
        self.changed.notify_all();
        if let Some(then) = &self.then {
            then();
        }
    }

    /// What was found, and when.
    ///
    /// # Errors
    /// Nothing was set: messages were lost.
    pub fn get(&self) -> Result<(Instant, Found), Unfinished> {
        (*self.lock()).ok_or(Unfinished)
    }

    /// Sleeps until it is set, and takes what was set, so that it can be set again.
    ///
    /// # Errors
    /// It was not set for ten minutes.
    pub fn wait(&self) -> Result<(Instant, Found), Unfinished> {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |finished| finished.is_none());
        let (mut finished, _) = waited.unwrap_or_else(PoisonError::into_inner);
        finished.take().ok_or(Unfinished)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, Found)>> {
        // It is a plain value, whole at any time.
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finish").field("finished", &self.finished).finish_non_exhaustive()
    }
}
