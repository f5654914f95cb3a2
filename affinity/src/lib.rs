//! The machine as an engine sees it: topology, pinning, memory locking, real-time priority.
//!
//! An engine that gives each worker a core of its own must know which cores there are, which of them the process may
//! use, and which of them share a physical core, a level-3 cache or a memory node. This crate reads that, pins threads,
//! and asks the system for locked memory and a real-time priority. It knows nothing of rings or of actors.
//!
//! # Trade-offs
//!
//! * Everything here is for start-up. A [`Topology`] is a snapshot: cores that go offline later are not noticed.
//! * Linux is read in full, from `sysfs`, `procfs` and the cgroup file system. Elsewhere the crate stands on
//!   `core_affinity`, which knows the cores and nothing else; what is not known is `None` and listed by
//!   [`Topology::unknowns`].
//! * Core numbers are bounded by [`MAX_CORES`], so that no file can make the crate allocate without limit.
//!
//! # How it works
//!
//! [`Topology::read_from`] reads a directory that looks like the root of a Linux system, so a tree captured on one
//! machine can be read on another. [`Topology::detect`] reads the real machine. The cores that the process may use are
//! taken from [`allowed_cores`], which is read once and kept, because a thread that is pinned hands its own small mask
//! down to the threads that it starts.
//!
//! The two halves of the platform stand in `linux.rs` and `portable.rs` and have the same private interface.
//!
//! # How to use
//!
//! ```
//! use hippodrome_affinity::{Pinned, Pinning, Topology};
//!
//! let topology = Topology::detect()?;
//! println!("{topology}");
//!
//! // One thread for each physical core that may be used.
//! let cores = topology.one_per_physical_core(&topology.usable());
//! let threads: Vec<_> = cores
//!     .iter()
//!     .map(|core| {
//!         std::thread::spawn(move || match Pinning::BestEffort.apply(core) {
//!             Ok(Pinned::Warned(warning)) => eprintln!("{warning}"),
//!             other => drop(other),
//!         })
//!     })
//!     .collect();
//! for thread in threads {
//!     thread.join().expect("the thread does not panic");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod core_id;
mod core_set;
mod memory;
mod physical_memory;
mod pinning;
mod priority;
mod topology;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", allow(dead_code, reason = "compiled on Linux only to be tested there"))]
mod portable;

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(not(target_os = "linux"))]
use portable as platform;

pub use core_id::{CoreId, CoreIdError, MAX_CORES};
pub use core_set::{CoreSet, Cores, ParseCoreSetError};
pub use memory::{HugePageError, LockError, MemoryLock, advise_huge_pages, prefault};
pub use physical_memory::physical_memory_bytes;
pub use pinning::{
    AffinityError, AffinityGuard, PinError, Pinned, Pinning, allowed_cores, current_affinity, current_core,
    pin_current_thread,
};
pub use priority::{PriorityError, set_realtime_priority};
pub use topology::{Core, CoreKind, L3Domain, NumaNode, Package, Topology, TopologyError, Unknown};

/// The example of the README, compiled and run with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
