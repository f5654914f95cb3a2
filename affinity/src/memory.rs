//! Memory that is there when it is first used: locked, touched, on huge pages.
//!
//! # Trade-offs
//!
//! A page that was never touched, or was written out, costs its first user microseconds to milliseconds. Locking keeps
//! every page of the process resident and so counts against a limit; touching a range in advance needs no permission
//! but does not keep it; huge pages save address translations and may cost memory.
//!
//! # How to use
//!
//! At start-up take a [`MemoryLock`] and keep it. For each large buffer, on the thread that will use it and after that
//! is pinned: [`advise_huge_pages`], then [`prefault`], so that the first touch puts the pages on the thread's own
//! node.

use crate::platform;
use std::io;
use std::mem::{MaybeUninit, size_of_val};
use std::sync::{Mutex, PoisonError};

/// How many [`MemoryLock`]s there are: the lock is the process's, so the last one releases it.
static LOCKS: Mutex<usize> = Mutex::new(0);

/// Keeps every page of the process in memory, those that it has and those that it will have. Linux only.
///
/// The lock ends when the last `MemoryLock` of the process is dropped. While it holds, each new mapping (also the whole
/// stack of a new thread) is made resident at once and counts against `RLIMIT_MEMLOCK`; a mapping beyond the limit
/// fails, which ends a program that cannot live without it. Taking the lock faults in every page of the
/// process that is missing.
///
/// ```no_run
/// use hippodrome_affinity::{LockError, MemoryLock};
///
/// let _lock = match MemoryLock::acquire() {
///     Ok(lock) => Some(lock),
///     // For instance: "cannot lock memory: RLIMIT_MEMLOCK is 8388608 bytes [...]".
///     Err(error @ LockError::Limit { .. }) => { eprintln!("{error}"); None }
///     Err(error) => return Err(error.into()),
/// };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "memory is unlocked when this is dropped"]
pub struct MemoryLock {
    /// Only `acquire` makes one.
    _counted: (),
}

impl MemoryLock {
    /// Locks the memory of the process.
    ///
    /// # Errors
    ///
    /// [`LockError::Limit`] if `RLIMIT_MEMLOCK` is too low and the process has no `CAP_IPC_LOCK`.
    pub fn acquire() -> Result<Self, LockError> {
        // The count is valid whenever the mutex is free, so a poisoned one is as good.
        let mut locks = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
        platform::lock_memory().map_err(|source| LockError::new(source, platform::memory_lock_limit()))?;
        *locks += 1;
        Ok(Self { _counted: () })
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut locks = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
        *locks -= 1;
        if *locks == 0 {
            // Unlocking what was locked does not fail on any kernel, and a drop has nobody to tell.
            let _ = platform::unlock_memory();
        }
    }
}

/// Why memory cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The process has more memory than it may lock.
    #[error(
        "cannot lock memory: RLIMIT_MEMLOCK is {}, which CAP_IPC_LOCK would lift: {source}",
        .limit_bytes.map_or_else(|| "unlimited".to_owned(), |bytes| format!("{bytes} bytes"))
    )]
    Limit {
        /// The soft limit in bytes; `None` if there is none.
        limit_bytes: Option<u64>,
        /// The system's reason, with the errno.
        source: io::Error,
    },
    /// This system cannot lock all memory.
    #[error("cannot lock memory: {source}")]
    Unsupported {
        /// What is not supported.
        source: io::Error,
    },
    /// The system refused for another reason.
    #[error("cannot lock memory: {source}")]
    Os {
        /// The system's reason, with the errno.
        source: io::Error,
    },
}

impl LockError {
    fn new(source: io::Error, limit_bytes: Option<u64>) -> Self {
        match source.kind() {
            // A limit of zero is told as a missing permission, any other as a lack of memory.
            io::ErrorKind::OutOfMemory | io::ErrorKind::PermissionDenied => Self::Limit { limit_bytes, source },
            io::ErrorKind::Unsupported => Self::Unsupported { source },
            _ => Self::Os { source },
        }
    }
}

/// Touches each page of `range`, so that none is missing when it is used.
///
/// What the range holds stays the same; it may be uninitialized (`MaybeUninit`). Each page is written, so it is backed
/// by memory of its own, on the node of the calling thread if it was not backed before. Costs a page fault for each
/// page that was missing.
///
/// ```
/// use std::mem::MaybeUninit;
///
/// let mut slots = Box::<[u64]>::new_uninit_slice(1 << 16);
/// hippodrome_affinity::prefault(&mut slots);
/// slots[0] = MaybeUninit::new(7);
/// ```
pub fn prefault<T>(range: &mut [T]) {
    let bytes = size_of_val(range);
    let start = range.as_mut_ptr().cast::<MaybeUninit<u8>>();
    let page = platform::page_bytes();
    let mut offset = 0;
    while offset < bytes {
        // SAFETY: `offset` is less than the size of `range`, which is borrowed exclusively. One byte is read and the
        // same one is written back, as `MaybeUninit`, so it need not be initialized and keeps its value.
        unsafe {
            let byte = start.add(offset);
            byte.write_volatile(byte.read_volatile());
        }
        // From the first page, which may begin before the range, on to the start of each next one.
        offset += page - (start.addr() + offset) % page;
    }
}

/// Asks for huge pages for the whole pages inside `range`, and tells how many bytes these are. Linux only.
///
/// It is advice: the kernel gives huge pages to such parts as fill one (2 MiB on most machines) at their first touch or
/// later, if its `transparent_hugepage` setting is not `never`. So call it before [`prefault`], on ranges of several
/// megabytes. What the range holds stays the same. One system call.
///
/// # Errors
///
/// [`HugePageError`]; the range can be used all the same.
///
/// ```
/// use std::mem::MaybeUninit;
///
/// let slots = Box::<[u64]>::new_uninit_slice(1 << 20);
/// match hippodrome_affinity::advise_huge_pages(&slots) {
///     Ok(bytes) => assert!(bytes <= 8 << 20),
///     Err(error) => eprintln!("{error}"),
/// }
/// ```
pub fn advise_huge_pages<T>(range: &[T]) -> Result<usize, HugePageError> {
    platform::advise_huge_pages(range).map_err(|source| match source.kind() {
        // A kernel that was built without them does not know the advice.
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput => HugePageError::Unsupported { source },
        _ => HugePageError::Os { bytes: size_of_val(range), source },
    })
}

/// Why there are no huge pages for a range.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HugePageError {
    /// This system or this kernel has none.
    #[error("this system has no transparent huge pages: {source}")]
    Unsupported {
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused for another reason.
    #[error("cannot ask for huge pages for {bytes} bytes: {source}")]
    Os {
        /// The size of the range.
        bytes: usize,
        /// The system's reason, with the errno.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_changes_nothing() {
        let page = platform::page_bytes();
        let mut bytes: Vec<u8> = (0..5 * page + 3).map(|index| (index % 251) as u8).collect();
        let before = bytes.clone();
        prefault(&mut bytes);
        prefault(&mut bytes[page - 1..2 * page + 1]);
        prefault(&mut bytes[7..8]);
        prefault::<u64>(&mut []);
        prefault(&mut [(), ()]);
        assert_eq!(bytes, before);
    }

    #[test]
    fn a_refusal_is_told_by_its_cause() {
        let of = |kind: io::ErrorKind| LockError::new(kind.into(), Some(65_536));
        let error = of(io::ErrorKind::OutOfMemory);
        assert!(matches!(error, LockError::Limit { limit_bytes: Some(65_536), .. }));
        assert!(error.to_string().contains("RLIMIT_MEMLOCK is 65536 bytes"), "{error}");
        assert!(matches!(of(io::ErrorKind::PermissionDenied), LockError::Limit { .. }));
        assert!(matches!(of(io::ErrorKind::Unsupported), LockError::Unsupported { .. }));
        assert!(matches!(of(io::ErrorKind::WouldBlock), LockError::Os { .. }));
    }
}
