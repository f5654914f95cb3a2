//! The cores that everything runs on.

use hippodrome_affinity::{CoreId, allowed_cores, pin_current_thread};

use crate::sample::Failure;

/// One core for what runs on one thread, and a second one for what goes across.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) first: CoreId,
    pub(crate) second: Option<CoreId>,
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
    pub(crate) fn choose(wanted: &[u32]) -> Result<Self, Failure> {
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

    /// Both cores.
    pub(crate) fn pair(&self) -> Result<(CoreId, CoreId), Failure> {
        Ok((self.first, self.second.ok_or(CoresError::OnlyOne)?))
    }
}

/// Runs `work` on a fresh thread that is pinned to `core`, and waits for it. The calling thread stays as it is.
pub(crate) fn on_core<T: Send>(core: CoreId, work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let pinned = scope.spawn(move || {
            pin_current_thread(core)?;
            work()
        });
        pinned.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
