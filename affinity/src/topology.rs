//! Which cores there are, what they share, and which of them may be used.
//!
//! # Trade-offs
//!
//! A [`Topology`] is a snapshot of plain values. It keeps what the system told and does not guess: what was not told is
//! `None`, and [`Topology::unknowns`] puts it in words. A file that is missing or may not be read leaves something
//! unknown; a file that says nonsense is an error, because placing threads by it would be worse than not starting.
//!
//! # How it works
//!
//! `tree` reads single files below a root, `sysfs` puts the machine together from them, `cgroup` finds the cpuset of
//! the process, and `table` prints the result.

mod cgroup;
mod sysfs;
mod table;
mod tree;

pub use table::Unknown;

use crate::{AffinityError, CoreId, CoreSet, PinError, platform};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The cores of a machine, what they share, and which of them the process may use.
///
/// It prints as a short table:
///
/// ```text
/// 8 logical cores on 4 physical cores, 1 package, 1 NUMA node, 1 L3 domain
/// usable: 0-5
/// package 0
///   L3 16 MiB, node 0: 0+4 1+5 2*+6*! 3*+7*!
/// marks: * isolated, ! not usable
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Ascending by number; one for each core of `online`.
    cores: Vec<Core>,
    online: CoreSet,
    possible: Option<CoreSet>,
    isolated: Option<CoreSet>,
    nohz_full: Option<CoreSet>,
    allowed: Option<CoreSet>,
    cgroup: Option<CoreSet>,
    l3_domains: Vec<L3Domain>,
    numa_nodes: Vec<NumaNode>,
    /// Whether the system tells kinds of cores apart, even if all are of one kind.
    tells_kinds: bool,
}

/// What is known of one logical core that is online.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Core {
    /// Its number.
    pub id: CoreId,
    /// The number of its package (socket).
    pub package: Option<u32>,
    /// The number of its die in the package.
    pub die: Option<u32>,
    /// The number of its physical core, as the hardware counts; only cores of one die may be compared by it.
    pub physical: Option<u32>,
    /// The number of its NUMA node.
    pub node: Option<u32>,
    /// The logical cores of its physical core, itself included.
    pub siblings: Option<CoreSet>,
    /// Its level-3 cache, as an index into [`Topology::l3_domains`]; `None` also if it has no such cache.
    pub l3: Option<usize>,
    /// Its kind; `None` also on a machine that has cores of one kind only.
    pub kind: Option<CoreKind>,
    /// Its speed relative to the fastest core, which has 1024.
    pub capacity: Option<u32>,
}

/// The kinds of cores on a hybrid machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CoreKind {
    /// A fast core.
    Performance,
    /// A slow and economical core.
    Efficiency,
}

/// The cores that share a level-3 cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct L3Domain {
    /// The cores that are online.
    pub cores: CoreSet,
    /// The size of the cache in bytes.
    pub size_bytes: Option<u64>,
}

/// The cores that are near to one part of the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NumaNode {
    /// The node's number.
    pub id: u32,
    /// The cores that are online; none for a node that is memory only.
    pub cores: CoreSet,
}

/// The cores of one package (socket).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Package {
    /// The package's number.
    pub id: u32,
    /// The cores that are online.
    pub cores: CoreSet,
}

impl Topology {
    /// Reads the machine that this process runs on.
    ///
    /// On Linux it reads `/sys` and `/proc`, some twenty small files for each core. Elsewhere it knows the cores
    /// only. The allowed cores are those of [`allowed_cores`](crate::allowed_cores).
    ///
    /// # Errors
    ///
    /// [`TopologyError`], if a file cannot be read or says nonsense, or if there are no cores to be found.
    ///
    /// ```
    /// let topology = hippodrome_affinity::Topology::detect()?;
    /// assert!(!topology.usable().is_empty());
    /// # Ok::<(), hippodrome_affinity::TopologyError>(())
    /// ```
    pub fn detect() -> Result<Self, TopologyError> {
        platform::detect()
    }

    /// Reads a Linux system below `root`, for instance a tree that was captured on another machine.
    ///
    /// Whatever the tree holds, memory stays bounded, and nothing but regular files below `root` (or where its links
    /// lead) is read. The allowed cores are those of the captured `proc/self/status`, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Topology::detect`]; the error names the file, what it says and what was expected.
    ///
    /// ```
    /// use hippodrome_affinity::Topology;
    ///
    /// let root = tempfile::tempdir()?;
    /// let cpu = root.path().join("sys/devices/system/cpu");
    /// std::fs::create_dir_all(&cpu)?;
    /// std::fs::write(cpu.join("online"), "0-3\n")?;
    ///
    /// let topology = Topology::read_from(root.path())?;
    /// assert_eq!(topology.online().to_string(), "0-3");
    /// assert_eq!(topology.isolated(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_from(root: &Path) -> Result<Self, TopologyError> {
        Self::read(root, None)
    }

    /// As [`Topology::read_from`], with the allowed cores given if they are known better.
    pub(crate) fn read(root: &Path, allowed: Option<CoreSet>) -> Result<Self, TopologyError> {
        sysfs::read(root, allowed)
    }

    /// A machine of which only the cores are known.
    #[cfg(any(not(target_os = "linux"), test))]
    pub(crate) fn of_cores(cores: CoreSet) -> Self {
        Self {
            cores: cores.iter().map(Core::unknown).collect(),
            online: cores.clone(),
            possible: None,
            isolated: None,
            nohz_full: None,
            allowed: Some(cores),
            cgroup: None,
            l3_domains: Vec::new(),
            numa_nodes: Vec::new(),
            tells_kinds: false,
        }
    }

    /// The same machine as seen by a process that may use the cores of `allowed`.
    #[must_use]
    pub fn with_allowed(self, allowed: CoreSet) -> Self {
        Self { allowed: Some(allowed), ..self }
    }

    /// The cores that are online, in ascending order.
    #[must_use]
    pub fn cores(&self) -> &[Core] {
        &self.cores
    }

    /// What is known of `core`; `None` if it is not online.
    #[must_use]
    pub fn core(&self, core: CoreId) -> Option<&Core> {
        self.cores.binary_search_by_key(&core, |known| known.id).ok().map(|index| &self.cores[index])
    }

    /// The cores that are online. (Where that was not told: those that the process is allowed.)
    #[must_use]
    pub fn online(&self) -> &CoreSet {
        &self.online
    }

    /// The cores that could ever be online.
    #[must_use]
    pub fn possible(&self) -> Option<&CoreSet> {
        self.possible.as_ref()
    }

    /// The cores that the scheduler keeps free of unpinned threads (`isolcpus`).
    #[must_use]
    pub fn isolated(&self) -> Option<&CoreSet> {
        self.isolated.as_ref()
    }

    /// The cores without a timer tick while they run one thread (`nohz_full`).
    #[must_use]
    pub fn nohz_full(&self) -> Option<&CoreSet> {
        self.nohz_full.as_ref()
    }

    /// The cores that the process's affinity mask allows.
    #[must_use]
    pub fn allowed(&self) -> Option<&CoreSet> {
        self.allowed.as_ref()
    }

    /// The cores that the process's cgroup allows: its effective cpuset.
    #[must_use]
    pub fn cgroup(&self) -> Option<&CoreSet> {
        self.cgroup.as_ref()
    }

    /// The cores to which a thread can be pinned: online, allowed, and in the cgroup's cpuset. What is unknown of the
    /// three does not restrict.
    #[must_use]
    pub fn usable(&self) -> CoreSet {
        [&self.allowed, &self.cgroup]
            .into_iter()
            .flatten()
            .fold(self.online.clone(), |usable, bound| usable.intersection(bound))
    }

    /// Whether a thread can be pinned to `core`, without pinning any.
    ///
    /// # Errors
    ///
    /// [`PinError::NotOnline`] or [`PinError::NotAllowed`], with the usable cores.
    ///
    /// ```
    /// use hippodrome_affinity::{CoreId, Topology};
    ///
    /// let topology = Topology::detect()?;
    /// let error = topology.check(CoreId::new(4000)?).unwrap_err();
    /// assert!(error.to_string().starts_with("core 4000 does not exist or is offline"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, core: CoreId) -> Result<(), PinError> {
        let allowed = self.usable();
        if !self.online.contains(core) {
            return Err(PinError::NotOnline { core, allowed });
        }
        if !allowed.contains(core) {
            return Err(PinError::NotAllowed { core, allowed });
        }
        Ok(())
    }

    /// The package of `core`.
    #[must_use]
    pub fn package(&self, core: CoreId) -> Option<u32> {
        self.core(core)?.package
    }

    /// The packages in ascending order; none if they are unknown.
    #[must_use]
    pub fn packages(&self) -> Vec<Package> {
        let mut packages = BTreeMap::<u32, CoreSet>::new();
        for core in &self.cores {
            if let Some(id) = core.package {
                packages.entry(id).or_default().insert(core.id);
            }
        }
        packages.into_iter().map(|(id, cores)| Package { id, cores }).collect()
    }

    /// The NUMA node of `core`.
    #[must_use]
    pub fn numa_node(&self, core: CoreId) -> Option<u32> {
        self.core(core)?.node
    }

    /// The NUMA nodes in ascending order; none if they are unknown.
    #[must_use]
    pub fn numa_nodes(&self) -> &[NumaNode] {
        &self.numa_nodes
    }

    /// The logical cores on the physical core of `core`, itself included.
    #[must_use]
    pub fn smt_siblings(&self, core: CoreId) -> Option<&CoreSet> {
        self.core(core)?.siblings.as_ref()
    }

    /// The cores that share the level-3 cache of `core`, itself included.
    #[must_use]
    pub fn l3_domain(&self, core: CoreId) -> Option<&L3Domain> {
        self.l3_domains.get(self.core(core)?.l3?)
    }

    /// The level-3 caches, in the order of their first cores; none if they are unknown.
    #[must_use]
    pub fn l3_domains(&self) -> &[L3Domain] {
        &self.l3_domains
    }

    /// Whether the two cores share a level-3 cache; `None` if that is unknown of either.
    #[must_use]
    pub fn shares_l3(&self, a: CoreId, b: CoreId) -> Option<bool> {
        Some(self.core(a)?.l3? == self.core(b)?.l3?)
    }

    /// The online cores, grouped by physical core. A core whose siblings are unknown counts as a physical core.
    #[must_use]
    pub fn physical_cores(&self) -> Vec<CoreSet> {
        let mut seen = CoreSet::new();
        let mut groups = Vec::new();
        for core in &self.cores {
            if !seen.contains(core.id) {
                let group = core.siblings.clone().unwrap_or_else(|| CoreSet::from(core.id)).difference(&seen);
                seen = seen.union(&group);
                groups.push(group);
            }
        }
        groups
    }

    /// The lowest core of `among` on each physical core, so that no two share one.
    ///
    /// ```
    /// use hippodrome_affinity::Topology;
    ///
    /// let topology = Topology::detect()?;
    /// let workers = topology.one_per_physical_core(&topology.usable());
    /// assert!(workers.is_subset(&topology.usable()) && !workers.is_empty());
    /// # Ok::<(), hippodrome_affinity::TopologyError>(())
    /// ```
    #[must_use]
    pub fn one_per_physical_core(&self, among: &CoreSet) -> CoreSet {
        self.physical_cores().iter().filter_map(|group| group.intersection(among).first()).collect()
    }
}

impl Core {
    /// A core of which nothing is known but that it is there.
    fn unknown(id: CoreId) -> Self {
        Self {
            id,
            package: None,
            die: None,
            physical: None,
            node: None,
            siblings: None,
            l3: None,
            kind: None,
            capacity: None,
        }
    }
}

/// Why a machine cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// A file says something that cannot be.
    #[error("{}: {value:?} is not what it should be: {expected}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What it says; the start of it, if that is long.
        value: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A file should hold a list of cores and does not.
    #[error("{}: {source}", .file.display())]
    CoreList {
        /// The file.
        file: PathBuf,
        /// What is wrong with the list.
        source: crate::ParseCoreSetError,
    },
    /// A file is there and cannot be read.
    #[error("{}: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing tells which cores there are.
    #[error("no cores found: {} is missing or empty, and no affinity mask is known", .file.display())]
    NoCores {
        /// The file that should list the cores.
        file: PathBuf,
    },
    /// The system does not tell its cores.
    #[error("{0}")]
    Cores(#[source] AffinityError),
}
