//! The machine that measurements are taken on, and what is wrong with it for low latency.
//!
//! # Trade-offs
//!
//! Everything is read from `/proc` and `/sys`, nothing is changed, and no program is run: what the system does not tell
//! to this user is unknown, and never an error. So a report can be made anywhere; a container or a foreign system
//! yields a list of unknowns.
//!
//! # How it works
//!
//! The parts (`processor`, `kernel`, `memory`, `interrupts`, `process`) read files below a root, so that a tree captured
//! on another machine can be read as well. The checks look at the parts only; each knows one thing, why it matters and
//! what mends it. `words` puts all of it in words.

mod check;
mod interrupts;
mod kernel;
mod memory;
mod process;
mod processor;
mod tree;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use hippodrome_affinity::{CoreSet, Topology};
use serde::{Serialize, Serializer};

use interrupts::Interrupts;
use kernel::Kernel;
use memory::Memory;
use process::Process;
use processor::Processor;
use tree::Tree;

pub(crate) use check::{Check, Mend, Severity};

/// A machine, as far as it is known.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Environment {
    /// The processor.
    processor: Processor,
    /// The kernel.
    kernel: Kernel,
    /// The memory.
    memory: Memory,
    /// The interrupts.
    interrupts: Interrupts,
    /// This process.
    process: Process,
    /// The cores that are online.
    #[serde(serialize_with = "set")]
    online: CoreSet,
    /// The cores of the workers, which the checks are about.
    #[serde(serialize_with = "set")]
    workers: CoreSet,
    /// The physical core that is to be left to the system: the first one.
    #[serde(skip)]
    housekeeping: CoreSet,
    /// Workers' cores that share a physical core with any other.
    #[serde(skip)]
    crowded: CoreSet,
    /// Everything on the physical cores of the crowded ones, themselves included.
    #[serde(skip)]
    siblings: CoreSet,
    /// The cores that the process's cgroup allows.
    #[serde(serialize_with = "text")]
    cgroup: Option<CoreSet>,
}

impl Environment {
    /// Reads the machine below `root`, which is `/` for the one that this runs on.
    ///
    /// The checks are about the cores of `workers`; if there are none, about all that may be used but for the first
    /// physical core, which the system needs for itself.
    pub(crate) fn read(root: &Path, workers: &CoreSet) -> Self {
        let tree = Tree::new(root);
        // Nonsense in a file leaves as little known as no file.
        let topology = Topology::read_from(tree.root()).ok();
        let topology = topology.as_ref();
        let online = topology.map(|topology| topology.online().clone()).unwrap_or_default();
        let groups = topology.map(Topology::physical_cores).unwrap_or_default();
        let housekeeping = groups.first().cloned().unwrap_or_default();
        let workers = if workers.is_empty() { workers_of(topology, &housekeeping) } else { workers.clone() };
        // An idle sibling is in nobody's way, but nobody can promise that it stays idle, unless it is offline.
        let shared = groups.iter().filter(|group| group.len() > 1 && !group.intersection(&workers).is_empty());
        let siblings = shared.fold(CoreSet::new(), |all, group| all.union(group));
        Self {
            processor: Processor::read(tree, topology),
            kernel: Kernel::read(tree, topology),
            memory: Memory::read(tree),
            interrupts: Interrupts::read(tree, &workers),
            process: Process::read(tree),
            crowded: siblings.intersection(&workers),
            siblings,
            online,
            housekeeping,
            cgroup: topology.and_then(|topology| topology.cgroup().cloned()),
            workers,
        }
    }

    /// What is wrong, what is good and what is unknown: the worst first.
    pub(crate) fn checks(&self) -> Vec<Check> {
        check::all(self)
    }
}

/// The usable cores without the first physical core, or all of them if that is the only one.
fn workers_of(topology: Option<&Topology>, housekeeping: &CoreSet) -> CoreSet {
    let usable = topology.map(Topology::usable).unwrap_or_default();
    let free = usable.difference(housekeeping);
    if free.is_empty() { usable } else { free }
}

/// Writes a set of cores as the kernel does.
fn set<S: Serializer>(cores: &CoreSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(cores)
}

/// Writes a set of cores that may be unknown.
fn text<S: Serializer>(cores: &Option<CoreSet>, serializer: S) -> Result<S::Ok, S::Error> {
    match cores {
        Some(cores) => serializer.collect_str(cores),
        None => serializer.serialize_none(),
    }
}

/// Writes sets of cores by their names.
fn texts<S: Serializer>(sets: &BTreeMap<String, CoreSet>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(sets.iter().map(|(name, cores)| (name, cores.to_string())))
}

#[cfg(test)]
mod tests;
