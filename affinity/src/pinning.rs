//! Binding the calling thread to a core.
//!
//! # Trade-offs
//!
//! A pinned thread keeps its caches and is never moved, and it waits when something else runs on its core. Whether a
//! failure to pin is fatal is the caller's choice, made by [`Pinning`].
//!
//! # How it works
//!
//! A new thread inherits the mask of the thread that starts it, so after a thread has pinned itself, its children see
//! one core. The cores that the process may use are therefore read once, from the main thread, and kept:
//! [`allowed_cores`]. Call it, or [`Topology::detect`](crate::Topology::detect), before anything is pinned.
//!
//! # How to use
//!
//! A thread of one's own calls [`Pinning::apply`] first, so that what it allocates afterwards is near its core. A
//! thread that belongs to somebody else is handed back as it was by an [`AffinityGuard`].

use crate::{CoreId, CoreSet, platform};
use std::io;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// The cores that the process may run on, read once and kept.
///
/// On Linux this is the mask of the main thread at the time of the first call, so a main thread that pinned itself
/// before leaves one core here. Elsewhere it is what `core_affinity` lists, which is every core on a system that has no
/// masks. The first call is one system call; the others are a load.
///
/// # Errors
///
/// [`AffinityError::Read`] if the system does not tell; a later call tries again.
///
/// ```
/// let cores = hippodrome_affinity::allowed_cores()?;
/// assert!(!cores.is_empty());
/// # Ok::<(), hippodrome_affinity::AffinityError>(())
/// ```
pub fn allowed_cores() -> Result<&'static CoreSet, AffinityError> {
    static ALLOWED: OnceLock<CoreSet> = OnceLock::new();
    match ALLOWED.get() {
        Some(cores) => Ok(cores),
        None => {
            let cores = platform::process_affinity().map_err(|source| AffinityError::Read { source })?;
            Ok(ALLOWED.get_or_init(|| cores))
        }
    }
}

/// The cores that the calling thread may run on now. Known on Linux only.
///
/// # Errors
///
/// [`AffinityError::Read`] if the system does not tell.
pub fn current_affinity() -> Result<CoreSet, AffinityError> {
    platform::thread_affinity().map_err(|source| AffinityError::Read { source })
}

/// The core that the calling thread runs on at this moment; `None` if the system does not tell (all but Linux).
///
/// Unless the thread is pinned, the answer may be out of date when it arrives.
#[must_use]
pub fn current_core() -> Option<CoreId> {
    platform::current_core()
}

/// Binds the calling thread to `core`, for good or until it is bound otherwise.
///
/// A core outside [`allowed_cores`] is refused without asking the system, even where the system would widen the mask:
/// whoever started the process chose its cores. Costs one system call, and a move if the thread is on another core.
///
/// # Errors
///
/// [`PinError`] names the core and the allowed cores; [`PinError::Os`] has the errno. The thread stays as it was.
///
/// ```
/// use hippodrome_affinity::{CoreId, PinError, allowed_cores, pin_current_thread};
///
/// let core = allowed_cores()?.first().expect("a running process has a core");
/// std::thread::spawn(move || pin_current_thread(core)).join().expect("the thread does not panic")?;
///
/// let error = pin_current_thread(CoreId::new(4000)?).unwrap_err();
/// assert!(matches!(error, PinError::NotAllowed { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pin_current_thread(core: CoreId) -> Result<(), PinError> {
    let allowed = allowed_cores().map_err(|source| PinError::AllowedUnknown { core, source })?;
    if !allowed.contains(core) {
        return Err(PinError::NotAllowed { core, allowed: allowed.clone() });
    }
    platform::set_thread_affinity(&CoreSet::from(core)).map_err(|source| PinError::Os {
        core,
        allowed: allowed.clone(),
        source,
    })
}

/// How much it matters that a thread is bound to its core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pinning {
    /// A thread that cannot be pinned is an error.
    Strict,
    /// A thread that cannot be pinned runs unpinned; the failure is handed back as a warning.
    BestEffort,
    /// Threads are left to the scheduler.
    Off,
}

impl Pinning {
    /// Pins the calling thread to `core` as this policy says; see [`pin_current_thread`].
    ///
    /// # Errors
    ///
    /// The [`PinError`], if this is [`Pinning::Strict`]; otherwise never.
    ///
    /// ```
    /// use hippodrome_affinity::{CoreId, Pinned, Pinning};
    ///
    /// let missing = CoreId::new(4000)?;
    /// assert!(Pinning::Strict.apply(missing).is_err());
    /// assert!(matches!(Pinning::BestEffort.apply(missing)?, Pinned::Warned(_)));
    /// assert!(matches!(Pinning::Off.apply(missing)?, Pinned::Off));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(self, core: CoreId) -> Result<Pinned, PinError> {
        if self == Self::Off {
            return Ok(Pinned::Off);
        }
        match pin_current_thread(core) {
            Ok(()) => Ok(Pinned::To(core)),
            Err(warning) if self == Self::BestEffort => Ok(Pinned::Warned(warning)),
            Err(error) => Err(error),
        }
    }
}

/// What became of the thread that [`Pinning::apply`] was called on.
#[derive(Debug)]
#[must_use = "a warning should be logged"]
#[non_exhaustive]
pub enum Pinned {
    /// It is bound to this core.
    To(CoreId),
    /// It could not be bound, for this reason, and runs as before.
    Warned(PinError),
    /// It was not to be bound.
    Off,
}

/// Gives the calling thread its affinity back when dropped.
///
/// For a thread that belongs to the host and is pinned for a while. Linux only: no other system tells what the mask
/// was. It stays on its thread, so it is not `Send`.
///
/// ```
/// use hippodrome_affinity::{AffinityGuard, allowed_cores, current_affinity, pin_current_thread};
/// # if cfg!(target_os = "linux") {
/// let before = current_affinity()?;
/// {
///     let _guard = AffinityGuard::save()?;
///     pin_current_thread(allowed_cores()?.first().expect("a running process has a core"))?;
/// }
/// assert_eq!(current_affinity()?, before);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0277
/// let guard = hippodrome_affinity::AffinityGuard::save().unwrap();
/// std::thread::spawn(move || drop(guard));
/// ```
#[derive(Debug)]
#[must_use = "the affinity is given back when this is dropped"]
pub struct AffinityGuard {
    cores: CoreSet,
    /// A mask belongs to a thread; this makes the guard neither `Send` nor `Sync`.
    thread: PhantomData<*const ()>,
}

impl AffinityGuard {
    /// Remembers the cores that the calling thread may run on. One system call.
    ///
    /// # Errors
    ///
    /// [`AffinityError::Read`] if the system does not tell.
    pub fn save() -> Result<Self, AffinityError> {
        Ok(Self { cores: current_affinity()?, thread: PhantomData })
    }

    /// The cores that will be given back.
    #[must_use]
    pub fn saved(&self) -> &CoreSet {
        &self.cores
    }

    /// Gives them back now and tells whether it worked, which a drop cannot.
    ///
    /// # Errors
    ///
    /// [`AffinityError::Restore`], for instance because the process's cpuset has lost these cores meanwhile.
    pub fn restore(mut self) -> Result<(), AffinityError> {
        let cores = std::mem::take(&mut self.cores);
        std::mem::forget(self);
        platform::set_thread_affinity(&cores).map_err(|source| AffinityError::Restore { cores, source })
    }
}

impl Drop for AffinityGuard {
    fn drop(&mut self) {
        // A drop has nobody to tell; `restore` is for those who want to know.
        let _ = platform::set_thread_affinity(&self.cores);
    }
}

/// Why a thread cannot be bound to a core.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// The core does not exist, or is offline.
    #[error("core {core} does not exist or is offline; the cores that may be used are {}", .allowed.in_words())]
    NotOnline {
        /// The core that was asked for.
        core: CoreId,
        /// The cores that may be used.
        allowed: CoreSet,
    },
    /// The process may not use the core, whether it exists or not.
    #[error("the process may not use core {core}; the cores that may be used are {}", .allowed.in_words())]
    NotAllowed {
        /// The core that was asked for.
        core: CoreId,
        /// The cores that may be used.
        allowed: CoreSet,
    },
    /// Which cores the process may use is not known.
    #[error("cannot tell whether the process may use core {core}: {source}")]
    AllowedUnknown {
        /// The core that was asked for.
        core: CoreId,
        /// Why it is not known.
        source: AffinityError,
    },
    /// The system refused, although the core is among those that were allowed when the process started.
    #[error("the system refused to bind the thread to core {core} (allowed cores: {}): {source}", .allowed.in_words())]
    Os {
        /// The core that was asked for.
        core: CoreId,
        /// The cores that were allowed when they were first read.
        allowed: CoreSet,
        /// The system's reason, with the errno on Linux.
        source: io::Error,
    },
}

/// Why the cores that a thread may run on cannot be read or given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AffinityError {
    /// They cannot be read.
    #[error("cannot read which cores may be used: {source}")]
    Read {
        /// The system's reason; [`io::ErrorKind::Unsupported`] where it never tells.
        source: io::Error,
    },
    /// They cannot be given back.
    #[error("cannot let the thread run on cores {cores} again: {source}")]
    Restore {
        /// The cores that were to be given back.
        cores: CoreSet,
        /// The system's reason.
        source: io::Error,
    },
}
