//! A machine put together from `sysfs` and `procfs`.

use super::tree::Tree;
use super::{Core, CoreKind, L3Domain, NumaNode, Topology, TopologyError, cgroup};
use crate::{CoreId, CoreSet};
use std::path::Path;

const CPU: &str = "sys/devices/system/cpu";
const NODE: &str = "sys/devices/system/node";

/// The kernel's own limit.
const NODES_MAX: u32 = 1024;

/// More caches than any core has: two of level 1 and one of each further level.
const CACHES_MAX: u32 = 16;

/// Reads the machine below `root`; `allowed` overrides the mask in `proc/self/status`.
pub(super) fn read(root: &Path, allowed: Option<CoreSet>) -> Result<Topology, TopologyError> {
    let tree = &Tree::new(root);
    let allowed = match allowed {
        Some(allowed) => Some(allowed),
        None => allowed_by_status(tree)?,
    };
    let online_path = format!("{CPU}/online");
    let online = tree.cores(&online_path)?.or_else(|| allowed.clone()).filter(|cores| !cores.is_empty());
    let online = online.ok_or_else(|| TopologyError::NoCores { file: tree.file(&online_path) })?;

    let mut l3_domains = Vec::new();
    let mut cores = Vec::with_capacity(online.len());
    for id in &online {
        cores.push(read_core(tree, id, &online, &mut l3_domains)?);
    }
    let numa_nodes = read_nodes(tree, &online, &mut cores)?;
    let tells_kinds = read_kinds(tree, &mut cores)?;

    Ok(Topology {
        cores,
        possible: tree.cores(&format!("{CPU}/possible"))?,
        isolated: tree.cores(&format!("{CPU}/isolated"))?,
        nohz_full: read_nohz_full(tree)?,
        allowed,
        cgroup: cgroup::effective_cpuset(tree)?,
        l3_domains,
        numa_nodes,
        tells_kinds,
        online,
    })
}

/// The mask of the process whose `status` stands in the tree.
fn allowed_by_status(tree: &Tree<'_>) -> Result<Option<CoreSet>, TopologyError> {
    let path = "proc/self/status";
    let status = tree.text(path)?.unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let parse = |list: &str| list.parse().map_err(|source| TopologyError::CoreList { file: tree.file(path), source });
    list.map(parse).transpose()
}

/// Older kernels print a null pointer where no core was named.
fn read_nohz_full(tree: &Tree<'_>) -> Result<Option<CoreSet>, TopologyError> {
    let path = format!("{CPU}/nohz_full");
    match tree.text(&path)?.as_deref() {
        Some("(null)") => Ok(Some(CoreSet::new())),
        _ => tree.cores(&path),
    }
}

fn read_core(
    tree: &Tree<'_>,
    id: CoreId,
    online: &CoreSet,
    l3_domains: &mut Vec<L3Domain>,
) -> Result<Core, TopologyError> {
    let topology = format!("{CPU}/cpu{id}/topology");
    // The second name is that of kernels before 5.3.
    let siblings = match read_sharers(tree, &format!("{topology}/core_cpus_list"), id, online)? {
        Some(siblings) => Some(siblings),
        None => read_sharers(tree, &format!("{topology}/thread_siblings_list"), id, online)?,
    };
    Ok(Core {
        package: tree.number(&format!("{topology}/physical_package_id"))?,
        die: tree.number(&format!("{topology}/die_id"))?,
        physical: tree.number(&format!("{topology}/core_id"))?,
        siblings,
        l3: read_l3(tree, id, online, l3_domains)?,
        capacity: tree.number(&format!("{CPU}/cpu{id}/cpu_capacity"))?,
        ..Core::unknown(id)
    })
}

/// The cores that share something with core `id`, which must be among them.
fn read_sharers(tree: &Tree<'_>, path: &str, id: CoreId, online: &CoreSet) -> Result<Option<CoreSet>, TopologyError> {
    match tree.cores(path)? {
        Some(cores) if cores.contains(id) => Ok(Some(cores.intersection(online))),
        Some(cores) => Err(tree.malformed(path, &cores.to_string(), "a list that names the core itself")),
        None => Ok(None),
    }
}

/// The index of the core's level-3 cache in `l3_domains`, to which it is added if it is new.
fn read_l3(
    tree: &Tree<'_>,
    id: CoreId,
    online: &CoreSet,
    l3_domains: &mut Vec<L3Domain>,
) -> Result<Option<usize>, TopologyError> {
    for index in 0..CACHES_MAX {
        let cache = format!("{CPU}/cpu{id}/cache/index{index}");
        let Some(level) = tree.number(&format!("{cache}/level"))? else { break };
        if level != 3 {
            continue;
        }
        let Some(cores) = read_sharers(tree, &format!("{cache}/shared_cpu_list"), id, online)? else { break };
        if let Some(known) = l3_domains.iter().position(|domain| domain.cores == cores) {
            return Ok(Some(known));
        }
        l3_domains.push(L3Domain { cores, size_bytes: read_size(tree, &format!("{cache}/size"))? });
        return Ok(Some(l3_domains.len() - 1));
    }
    Ok(None)
}

/// A size as in `32768K`, in bytes.
fn read_size(tree: &Tree<'_>, path: &str) -> Result<Option<u64>, TopologyError> {
    let Some(text) = tree.text(path)? else { return Ok(None) };
    let bytes =
        text.strip_suffix('K').and_then(|digits| digits.parse::<u64>().ok()).and_then(|kib| kib.checked_mul(1024));
    bytes.map(Some).ok_or_else(|| tree.malformed(path, &text, "a size in KiB, as in \"32768K\""))
}

/// The NUMA nodes; each core is told its own.
fn read_nodes(tree: &Tree<'_>, online: &CoreSet, cores: &mut [Core]) -> Result<Vec<NumaNode>, TopologyError> {
    let mut nodes = Vec::new();
    for id in tree.numbered(NODE, "node", NODES_MAX)? {
        let path = format!("{NODE}/node{id}/cpulist");
        let Some(listed) = tree.cores(&path)? else { continue };
        for core in cores.iter_mut().filter(|core| listed.contains(core.id)) {
            if core.node.replace(id).is_some() {
                return Err(tree.malformed(&path, &listed.to_string(), "cores that no other node has"));
            }
        }
        nodes.push(NumaNode { id, cores: listed.intersection(online) });
    }
    Ok(nodes)
}

/// Tells each core its kind, and returns whether the system tells kinds apart.
fn read_kinds(tree: &Tree<'_>, cores: &mut [Core]) -> Result<bool, TopologyError> {
    let fast = tree.cores("sys/devices/cpu_core/cpus")?;
    let slow = tree.cores("sys/devices/cpu_atom/cpus")?;
    if fast.is_none() && slow.is_none() {
        return Ok(kinds_by_capacity(cores));
    }
    let (fast, slow) = (fast.unwrap_or_default(), slow.unwrap_or_default());
    if !fast.intersection(&slow).is_empty() {
        return Err(tree.malformed(
            "sys/devices/cpu_atom/cpus",
            &slow.to_string(),
            "cores that cpu_core does not list",
        ));
    }
    for core in cores {
        core.kind = match (fast.contains(core.id), slow.contains(core.id)) {
            (true, _) => Some(CoreKind::Performance),
            (_, true) => Some(CoreKind::Efficiency),
            _ => None,
        };
    }
    Ok(true)
}

/// A core with less than half the speed of the fastest is an economical one. Smaller differences are those of cores of
/// one kind, some of which clock a little higher.
fn kinds_by_capacity(cores: &mut [Core]) -> bool {
    let largest = cores.iter().filter_map(|core| core.capacity).max();
    let Some(largest) = largest else { return false };
    let slow = |capacity: u32| capacity < largest.div_ceil(2);
    if cores.iter().filter_map(|core| core.capacity).any(slow) {
        for core in cores {
            let kind = |capacity| if slow(capacity) { CoreKind::Efficiency } else { CoreKind::Performance };
            core.kind = core.capacity.map(kind);
        }
    }
    true
}
