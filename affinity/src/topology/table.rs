//! A machine in words: the table that [`Topology`] prints as, and what it does not know.

use super::{Core, CoreKind, Topology};
use crate::{CoreId, CoreSet};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How many physical cores stand in one line.
const CORES_PER_LINE: usize = 8;

/// Something that the system does not tell, of all cores or of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unknown {
    /// Which cores could ever be online.
    Possible,
    /// To which package a core belongs.
    Packages,
    /// To which NUMA node a core belongs.
    NumaNodes,
    /// Which cores share a level-3 cache, or that there is none.
    L3Domains,
    /// Which cores share a physical core.
    SmtSiblings,
    /// Which of the cores are fast and which are economical, or that all are of one kind.
    CoreKinds,
    /// Which cores the scheduler keeps free of unpinned threads.
    Isolated,
    /// Which cores run without a timer tick.
    NohzFull,
    /// Which cores the process's affinity mask allows.
    Allowed,
    /// Which cores the process's cgroup allows.
    Cgroup,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Possible => "possible cores",
            Self::Packages => "packages",
            Self::NumaNodes => "NUMA nodes",
            Self::L3Domains => "level-3 caches",
            Self::SmtSiblings => "SMT siblings",
            Self::CoreKinds => "kinds of cores",
            Self::Isolated => "isolated cores",
            Self::Allowed => "the process's affinity mask",
            Self::Cgroup => "the cgroup's cpuset",
            Self::NohzFull => "cores without a tick",
        })
    }
}

impl Topology {
    /// What the system did not tell, of all cores or of some; an empty list if everything is known.
    #[must_use]
    pub fn unknowns(&self) -> Vec<Unknown> {
        let missing = |known: fn(&Core) -> bool| !self.cores.iter().all(known);
        [
            (Unknown::Possible, self.possible.is_none()),
            (Unknown::Packages, missing(|core| core.package.is_some())),
            (Unknown::NumaNodes, missing(|core| core.node.is_some())),
            (Unknown::L3Domains, missing(|core| core.l3.is_some())),
            (Unknown::SmtSiblings, missing(|core| core.siblings.is_some())),
            (Unknown::CoreKinds, !self.tells_kinds),
            (Unknown::Isolated, self.isolated.is_none()),
            (Unknown::NohzFull, self.nohz_full.is_none()),
            (Unknown::Allowed, self.allowed.is_none()),
            (Unknown::Cgroup, self.cgroup.is_none()),
        ]
        .into_iter()
        .filter_map(|(unknown, missing)| missing.then_some(unknown))
        .collect()
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.physical_cores();
        self.write_summary(groups.len(), f)?;

        // The physical cores by package and cache; their first core speaks for them.
        let mut rows = BTreeMap::<(Option<u32>, Option<usize>), Vec<CoreSet>>::new();
        for group in groups {
            let first = group.first().and_then(|core| self.core(core));
            rows.entry(first.map_or((None, None), |core| (core.package, core.l3))).or_default().push(group);
        }
        let usable = self.usable();
        let mut package_above = None;
        for ((package, l3), groups) in rows {
            if package_above != Some(package) {
                match package {
                    Some(id) => writeln!(f, "package {id}")?,
                    None => writeln!(f, "package unknown")?,
                }
                package_above = Some(package);
            }
            self.write_row(l3, &groups, &usable, f)?;
        }
        self.write_marks(&usable, f)?;
        self.write_unknowns(f)
    }
}

impl Topology {
    fn write_summary(&self, physical: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&count(self.online.len(), "logical core"))?;
        // Without siblings the physical cores would be a guess.
        if self.cores.iter().all(|core| core.siblings.is_some()) {
            write!(f, " on {}", count(physical, "physical core"))?;
        }
        let parts = [
            (self.packages().len(), "package"),
            (self.numa_nodes.len(), "NUMA node"),
            (self.l3_domains.len(), "L3 domain"),
        ];
        for (number, noun) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, ", {}", count(number, noun))?;
        }
        writeln!(f, "\nusable: {}", self.usable().in_words())
    }

    /// One cache and the physical cores that share it: `L3 32 MiB, node 0: 0+8 1+9`.
    fn write_row(
        &self,
        l3: Option<usize>,
        groups: &[CoreSet],
        usable: &CoreSet,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let mut head = match l3.and_then(|index| self.l3_domains.get(index)) {
            Some(domain) => domain.size_bytes.map_or_else(|| "L3 of unknown size".to_owned(), l3_size),
            None => "L3 unknown".to_owned(),
        };
        let nodes: BTreeSet<u32> = groups.iter().flatten().filter_map(|core| self.numa_node(core)).collect();
        for (index, node) in nodes.iter().enumerate() {
            head.push_str(if index == 0 { ", node " } else { "+" });
            head.push_str(&node.to_string());
        }
        let indent = head.len() + 1;
        write!(f, "  {head}:")?;
        for (index, group) in groups.iter().enumerate() {
            if index > 0 && index % CORES_PER_LINE == 0 {
                write!(f, "\n  {:indent$}", "")?;
            }
            for (sibling, core) in group.iter().enumerate() {
                write!(f, "{}{core}", if sibling == 0 { ' ' } else { '+' })?;
                for (mark, _, marked) in MARKS {
                    if marked(self, usable, core) {
                        write!(f, "{mark}")?;
                    }
                }
            }
        }
        writeln!(f)
    }

    /// Explains the marks that occur.
    fn write_marks(&self, usable: &CoreSet, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "marks: ";
        for (mark, meaning, marked) in MARKS {
            if self.online.iter().any(|core| marked(self, usable, core)) {
                write!(f, "{before}{mark} {meaning}")?;
                before = ", ";
            }
        }
        if before == ", " { writeln!(f) } else { Ok(()) }
    }

    fn write_unknowns(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "unknown: ";
        for unknown in self.unknowns() {
            write!(f, "{before}{unknown}")?;
            before = ", ";
        }
        if before == ", " { writeln!(f) } else { Ok(()) }
    }
}

/// Whether a core has a mark, given the usable cores.
type Marked = fn(&Topology, &CoreSet, CoreId) -> bool;

/// What a core is marked by, what that means, and whether a core has it.
const MARKS: [(char, &str, Marked); 3] = [
    ('e', "efficiency core", |topology, _, core| {
        topology.core(core).is_some_and(|core| core.kind == Some(CoreKind::Efficiency))
    }),
    ('*', "isolated", |topology, _, core| topology.isolated.as_ref().is_some_and(|set| set.contains(core))),
    ('!', "not usable", |_, usable, core| !usable.contains(core)),
];

/// The number and its noun, in the plural if there are several.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A cache's size in the largest unit that needs no fraction.
fn l3_size(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("L3 {} MiB", bytes >> 20),
        bytes => format!("L3 {} KiB", bytes >> 10),
    }
}
