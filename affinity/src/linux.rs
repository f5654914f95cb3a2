//! What Linux is asked. Every call into the C library stands here.
//!
//! The interface is the same as that of `portable.rs`; each failure carries the errno.

use crate::{CoreId, CoreSet, MAX_CORES, Topology, TopologyError};
use std::io;
use std::mem::size_of_val;
use std::path::Path;

const WORD_BITS: usize = libc::c_ulong::BITS as usize;

/// The kernel's affinity mask, which is an array of unsigned longs, with room for every core that a [`CoreSet`] holds.
/// `libc::cpu_set_t` has room for 1024 cores only.
type Mask = [libc::c_ulong; MAX_CORES as usize / WORD_BITS];

/// The machine; the allowed cores are those of [`crate::allowed_cores`].
pub(crate) fn detect() -> Result<Topology, TopologyError> {
    Topology::read(Path::new("/"), crate::allowed_cores().ok().cloned())
}

/// The cores that the main thread may run on.
pub(crate) fn process_affinity() -> io::Result<CoreSet> {
    // SAFETY: getpid takes nothing and cannot fail.
    affinity_of(unsafe { libc::getpid() })
}

/// The cores that the calling thread may run on.
pub(crate) fn thread_affinity() -> io::Result<CoreSet> {
    affinity_of(0)
}

fn affinity_of(thread: libc::pid_t) -> io::Result<CoreSet> {
    let mut mask: Mask = [0; _];
    // SAFETY: the kernel writes at most the given number of bytes, which is the size of `mask`; it is as aligned as a
    // `cpu_set_t`, which is an array of unsigned longs as well.
    check(unsafe { libc::sched_getaffinity(thread, size_of_val(&mask), mask.as_mut_ptr().cast()) })?;
    let held = |core: &CoreId| mask[core.index() / WORD_BITS] >> (core.index() % WORD_BITS) & 1 == 1;
    Ok((0..MAX_CORES).filter_map(|number| CoreId::new(number).ok()).filter(held).collect())
}

/// Lets the calling thread run on `cores` alone.
pub(crate) fn set_thread_affinity(cores: &CoreSet) -> io::Result<()> {
    let mut mask: Mask = [0; _];
    for core in cores {
        mask[core.index() / WORD_BITS] |= 1 << (core.index() % WORD_BITS);
    }
    // SAFETY: the kernel reads at most the given number of bytes, which is the size of `mask`.
    check(unsafe { libc::sched_setaffinity(0, size_of_val(&mask), mask.as_ptr().cast()) })
}

/// The core that the calling thread runs on at this moment.
pub(crate) fn current_core() -> Option<CoreId> {
    // SAFETY: sched_getcpu takes nothing; it returns -1 if the kernel does not know.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok().and_then(|number| CoreId::new(number).ok())
}

/// Locks the pages that the process has and will have.
pub(crate) fn lock_memory() -> io::Result<()> {
    // SAFETY: mlockall changes which pages stay resident, never what they hold.
    check(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) })
}

/// Takes back every lock on pages.
pub(crate) fn unlock_memory() -> io::Result<()> {
    // SAFETY: munlockall changes which pages stay resident, never what they hold.
    check(unsafe { libc::munlockall() })
}

/// The soft `RLIMIT_MEMLOCK` in bytes; `None` if there is no limit.
pub(crate) fn memory_lock_limit() -> Option<u64> {
    // SAFETY: getrlimit writes one `rlimit`, to which the pointer points.
    soft_limit(|limit| unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, limit) })
}

/// The soft `RLIMIT_RTPRIO`, a priority; `None` if there is no limit.
pub(crate) fn realtime_limit() -> Option<u64> {
    // SAFETY: getrlimit writes one `rlimit`, to which the pointer points.
    soft_limit(|limit| unsafe { libc::getrlimit(libc::RLIMIT_RTPRIO, limit) })
}

/// The type of the resource's number differs between C libraries, so the call itself is handed in.
#[allow(clippy::unnecessary_cast, reason = "some C libraries count in 32 bits")]
fn soft_limit(read: impl FnOnce(&mut libc::rlimit) -> libc::c_int) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    let status = read(&mut limit);
    (status == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur as u64)
}

/// Asks for huge pages for the whole pages inside `range`; tells how many bytes these are.
pub(crate) fn advise_huge_pages<T>(range: &[T]) -> io::Result<usize> {
    let page = page_bytes();
    let bytes = range.as_ptr_range();
    let skipped = bytes.start.cast::<u8>().align_offset(page);
    let whole = size_of_val(range).saturating_sub(skipped) / page * page;
    if whole == 0 {
        return Ok(0);
    }
    let start = bytes.start.cast::<u8>().wrapping_add(skipped).cast_mut().cast();
    // SAFETY: the bytes from `start` lie inside `range`, since `skipped + whole` is at most its size, and the advice
    // changes which pages back them, never what they hold.
    check(unsafe { libc::madvise(start, whole, libc::MADV_HUGEPAGE) })?;
    Ok(whole)
}

/// The size of a page in bytes.
pub(crate) fn page_bytes() -> usize {
    // SAFETY: sysconf reads a constant.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).ok().filter(|bytes| bytes.is_power_of_two()).unwrap_or(4096)
}

/// Schedules the calling thread first-in first-out at `priority`.
pub(crate) fn set_realtime_priority(priority: u8) -> io::Result<()> {
    // SAFETY: a `sched_param` is integers only, for which zero is a value. (Some C libraries give it more fields.)
    let mut param: libc::sched_param = unsafe { std::mem::zeroed() };
    param.sched_priority = libc::c_int::from(priority);
    // The thread's own call: not every C library lets sched_setscheduler through.
    // SAFETY: the thread is the calling one, so it lives, and `param` is read during the call only.
    match unsafe { libc::pthread_setschedparam(libc::pthread_self(), libc::SCHED_FIFO, &raw const param) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

fn check(status: libc::c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_cores_that_do_not_exist_is_refused_with_the_errno() {
        let before = thread_affinity().unwrap();
        let cores = "4000-4095".parse().unwrap();
        assert_eq!(set_thread_affinity(&cores).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(thread_affinity().unwrap(), before);
    }

    #[test]
    fn a_mask_is_read_back_as_it_was_set() {
        let last = process_affinity().unwrap().iter().last().unwrap();
        let read = std::thread::spawn(move || {
            set_thread_affinity(&CoreSet::from(last)).unwrap();
            (thread_affinity().unwrap(), current_core())
        });
        assert_eq!(read.join().unwrap(), (CoreSet::from(last), Some(last)));
    }

    #[test]
    fn only_whole_pages_are_advised() {
        let page = page_bytes();
        let buffer = vec![0_u8; 4 * page];
        let offset = buffer.as_ptr().align_offset(page);
        assert_eq!(advise_huge_pages(&buffer[offset + 1..offset + page]).unwrap(), 0);
        assert_eq!(advise_huge_pages::<u64>(&[]).unwrap(), 0);
        // A kernel without huge pages says so by EINVAL.
        match advise_huge_pages(&buffer[offset..offset + 2 * page + 1]) {
            Ok(bytes) => assert_eq!(bytes, 2 * page),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EINVAL)),
        }
    }
}
