//! What can be asked of any system, by way of `core_affinity`: which cores there are, and to pin a thread to one.
//!
//! The interface is the same as that of `linux.rs`. What a system cannot do is an error of the kind
//! [`io::ErrorKind::Unsupported`]; what it cannot tell is `None`.

use crate::{CoreId, CoreSet, Topology, TopologyError};
use std::io;

/// The cores, and nothing else about them.
pub(crate) fn detect() -> Result<Topology, TopologyError> {
    crate::allowed_cores().map(|cores| Topology::of_cores(cores.clone())).map_err(TopologyError::Cores)
}

/// The cores that the process may run on, as far as the system tells.
pub(crate) fn process_affinity() -> io::Result<CoreSet> {
    let cores = core_affinity::get_core_ids().ok_or_else(|| io::Error::other("the system does not list its cores"))?;
    // A core beyond the limit cannot be named, and so cannot be used.
    Ok(cores.into_iter().filter_map(|core| CoreId::try_from(core.id).ok()).collect())
}

/// No system but Linux tells the mask of a thread in a way that `core_affinity` passes on.
pub(crate) fn thread_affinity() -> io::Result<CoreSet> {
    Err(unsupported("reading a thread's affinity"))
}

/// Lets the calling thread run on the one core of `cores`; several cannot be set.
pub(crate) fn set_thread_affinity(cores: &CoreSet) -> io::Result<()> {
    let mut each = cores.iter();
    let (Some(core), None) = (each.next(), each.next()) else {
        return Err(unsupported("letting a thread run on several cores"));
    };
    // `core_affinity` shifts or indexes by the number unchecked, so it must only be given one that it listed.
    if !process_affinity()?.contains(core) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the system does not list this core"));
    }
    match core_affinity::set_for_current(core_affinity::CoreId { id: core.index() }) {
        true => Ok(()),
        false => Err(io::Error::other("the system refused and gave no reason")),
    }
}

/// Not known.
pub(crate) fn current_core() -> Option<CoreId> {
    None
}

/// Not supported.
pub(crate) fn lock_memory() -> io::Result<()> {
    Err(unsupported("locking all memory"))
}

/// Not supported.
pub(crate) fn unlock_memory() -> io::Result<()> {
    Err(unsupported("locking all memory"))
}

/// Not known.
pub(crate) fn memory_lock_limit() -> Option<u64> {
    None
}

/// Not known.
pub(crate) fn realtime_limit() -> Option<u64> {
    None
}

/// Not supported.
pub(crate) fn advise_huge_pages<T>(_range: &[T]) -> io::Result<usize> {
    Err(unsupported("advice on huge pages"))
}

/// The smallest page in use: touching memory more often than a page does no harm.
pub(crate) fn page_bytes() -> usize {
    4096
}

/// Not supported.
pub(crate) fn set_realtime_priority(_priority: u8) -> io::Result<()> {
    Err(unsupported("real-time priority"))
}

fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} is not supported on this system"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_its_cores_and_the_rest_is_unknown() {
        let topology = detect().unwrap();
        assert_eq!(topology.online(), crate::allowed_cores().unwrap());
        assert_eq!(topology.usable(), *topology.online());
        assert_eq!(topology.unknowns().len(), 9, "{topology}");
        let table = topology.to_string();
        assert!(table.starts_with(&format!("{} logical core", topology.online().len())), "{table}");
        assert!(!table.contains("physical") && table.contains(", level-3 caches, SMT siblings, "), "{table}");
    }

    #[test]
    fn one_core_can_be_pinned_and_others_are_refused() {
        let core = process_affinity().unwrap().first().unwrap();
        std::thread::spawn(move || {
            set_thread_affinity(&CoreSet::from(core)).unwrap();
            assert_eq!(process_affinity().unwrap(), CoreSet::from(core));
            let missing = set_thread_affinity(&"4000".parse().unwrap()).unwrap_err();
            assert_eq!(missing.kind(), io::ErrorKind::InvalidInput);
            let several = set_thread_affinity(&"0-1".parse().unwrap()).unwrap_err();
            assert_eq!(several.kind(), io::ErrorKind::Unsupported);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_cannot_be_done_says_so() {
        for error in [
            lock_memory().unwrap_err(),
            unlock_memory().unwrap_err(),
            set_realtime_priority(1).unwrap_err(),
            advise_huge_pages(&[0_u8; 8192]).unwrap_err(),
            thread_affinity().unwrap_err(),
        ] {
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            assert!(error.to_string().ends_with("is not supported on this system"), "{error}");
        }
    }
}
