//! The cores that everything runs on.

use hippodrome_affinity::{CoreId, allowed_cores, pin_current_thread};

use crate::sample::Failure;

/// One core for what runs on one thread, and a second one for what goes across.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// The core of everything that runs on one thread, and of whoever begins.
    pub first: CoreId,
    /// The other core.
    pub second: Option<CoreId>,
}

/// The cores on the command line cannot be used.
#[derive(Debug, thiserror::Error)]
enum CoresError {
    #[error("the process may use no core")]
    None,
    #[error("core {0} is named twice: two different cores are needed")]
    Twice(CoreId),
    #[error("this scenario needs two cores, and there is only one")]
    OnlyOne,
}

impl Cores {
    /// The cores that were asked for, or the first two that the process may use.
    ///
    /// To be called before any thread is pinned.
    ///
    /// # Errors
    /// There is none, or one of them is named twice.
    pub fn choose(wanted: &[u32]) -> Result<Self, Failure> {
        let allowed = allowed_cores()?;
        let chosen: Vec<CoreId> = match wanted {
            [] => allowed.iter().take(2).collect(),
            wanted => wanted.iter().map(|core| CoreId::new(*core)).collect::<Result<_, _>>()?,
        };
        match chosen[..] {
            [] => Err(CoresError::None.into()),
            [first] => Ok(Self { first, second: None }),
            [first, second, ..] if first == second => Err(CoresError::Twice(first).into()),
            [first, second, ..] => Ok(Self { first, second: Some(second) }),
        }
    }

    /// The first core alone.
    #[must_use]
    pub fn single(self) -> Self {
        Self { second: None, ..self }
    }

    /// Both cores.
    ///
    /// # Errors
    /// There is only one.
    pub fn pair(&self) -> Result<(CoreId, CoreId), Failure> {
        Ok((self.first, self.second.ok_or(CoresError::OnlyOne)?))
    }
}

/// Runs `work` on a fresh thread that is pinned to `core`, and waits for it. The calling thread stays as it is.
///
/// # Errors
/// The thread cannot be pinned, or the work's own.
pub fn on_core<T: Send>(core: CoreId, work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let pinned = scope.spawn(move || {
            pin_current_thread(core)?;
            work()
        });
        pinned.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
