//! The cores that the process's cgroup allows.
//!
//! `proc/self/cgroup` names the process's group in each hierarchy, `proc/self/mountinfo` says where the hierarchies are
//! mounted and which of their groups each mount shows as its top. The cpuset controller is either in a hierarchy of its
//! own (version 1) or in the common one (version 2). There a group without the controller has the cores of the nearest
//! group above it that has one.

use super::TopologyError;
use super::tree::Tree;
use crate::CoreSet;

const MEMBERSHIP: &str = "proc/self/cgroup";
const MOUNTS: &str = "proc/self/mountinfo";

/// No path of the system's is longer.
const PATH_BYTES_MAX: usize = 4096;

/// A cgroup hierarchy that may have the cpuset controller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hierarchy {
    /// Version 1, with the cpuset controller.
    Cpuset,
    /// Version 2.
    Unified,
}

impl Hierarchy {
    /// The file of the effective cpuset, by its names in the order of preference.
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Cpuset => &["cpuset.effective_cpus", "cpuset.cpus"],
            Self::Unified => &["cpuset.cpus.effective"],
        }
    }

    /// Where it is mounted by convention.
    fn conventional(self) -> &'static [&'static str] {
        match self {
            Self::Cpuset => &["/sys/fs/cgroup/cpuset", "/sys/fs/cgroup/cpu,cpuset"],
            Self::Unified => &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
        }
    }
}

/// A place where a hierarchy is mounted.
struct Mount {
    /// The group that is seen as the top.
    top: String,
    /// The directory.
    point: String,
}

/// The effective cpuset; `None` if the process is in no group, or its group cannot be seen or has none.
pub(super) fn effective_cpuset(tree: &Tree<'_>) -> Result<Option<CoreSet>, TopologyError> {
    let Some((hierarchy, group)) = membership(tree)? else { return Ok(None) };
    for mount in mounts(tree, hierarchy)? {
        if let Some(below) = below(&group, &mount.top) {
            return nearest_cpuset(tree, hierarchy, &mount.point, below);
        }
    }
    Ok(None)
}

/// The process's group, in the hierarchy that has the cpuset controller.
fn membership(tree: &Tree<'_>) -> Result<Option<(Hierarchy, String)>, TopologyError> {
    let text = tree.text(MEMBERSHIP)?.unwrap_or_default();
    let mut unified = None;
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(tree.malformed(MEMBERSHIP, line, "lines of \"id:controllers:path\""));
        };
        if controllers.split(',').any(|controller| controller == "cpuset") {
            return Ok(Some((Hierarchy::Cpuset, group.to_owned())));
        }
        if controllers.is_empty() {
            unified = Some((Hierarchy::Unified, group.to_owned()));
        }
    }
    Ok(unified)
}

/// The mounts of `hierarchy`, or the conventional ones if none is listed.
fn mounts(tree: &Tree<'_>, hierarchy: Hierarchy) -> Result<Vec<Mount>, TopologyError> {
    let text = tree.mounts(MOUNTS)?.unwrap_or_default();
    let mut mounts = Vec::new();
    for line in text.lines() {
        // id, parent, device, top, point, options, optional fields, a dash, type, source, the file system's options
        let fields = line.split_once(" - ").and_then(|(place, kind)| {
            let mut place = place.split(' ').skip(3);
            let mut kind = kind.split(' ');
            Some((place.next()?, place.next()?, kind.next()?, kind.nth(1)?))
        });
        let Some((top, point, kind, options)) = fields else {
            return Err(tree.malformed(MOUNTS, line, "lines of mounts as in proc_pid_mountinfo(5)"));
        };
        let wanted = match hierarchy {
            Hierarchy::Cpuset => kind == "cgroup" && options.split(',').any(|option| option == "cpuset"),
            Hierarchy::Unified => kind == "cgroup2",
        };
        if wanted {
            mounts.push(Mount { top: unescape(top), point: unescape(point) });
        }
    }
    if mounts.is_empty() {
        let conventional = hierarchy.conventional().iter();
        mounts.extend(conventional.map(|point| Mount { top: "/".to_owned(), point: (*point).to_owned() }));
    }
    Ok(mounts)
}

/// The path of `group` below `top`; `None` if it is elsewhere, as is a group outside the process's namespace.
fn below<'a>(group: &'a str, top: &str) -> Option<&'a str> {
    let below = group.strip_prefix(top.trim_end_matches('/'))?;
    let outside = below.split('/').any(|part| part == "..");
    ((below.is_empty() || below.starts_with('/')) && !outside).then_some(below)
}

/// The cpuset of the group, or of the nearest one above it that has one.
fn nearest_cpuset(
    tree: &Tree<'_>,
    hierarchy: Hierarchy,
    point: &str,
    below: &str,
) -> Result<Option<CoreSet>, TopologyError> {
    // A mount point is the kernel's word, but the tree may be anybody's.
    if point.split('/').any(|part| part == "..") {
        return Err(tree.malformed(MOUNTS, point, "mount points without \"..\""));
    }
    if point.len() + below.len() > PATH_BYTES_MAX {
        return Err(tree.malformed(
            MEMBERSHIP,
            below,
            "a group whose path has at most 4096 bytes, its mount's included",
        ));
    }
    let mut group = below.trim_end_matches('/');
    loop {
        for file in hierarchy.files() {
            if let Some(cores) = tree.cores(&format!("{point}{group}/{file}"))?.filter(|cores| !cores.is_empty()) {
                return Ok(Some(cores));
            }
        }
        match group.rsplit_once('/') {
            Some((above, _)) => group = above,
            None => return Ok(None),
        }
    }
}

/// Undoes the octal escapes of white space and backslashes in `mountinfo`, as in `\040`.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(u8::is_ascii);
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(&part[3..]);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_others_kept() {
        assert_eq!(unescape(r"/a\040b\134c\011"), "/a b\\c\t");
        for kept in [r"/a\9", r"\", r"\é0", r"\777", "", r"/\\"] {
            assert_eq!(unescape(kept), kept);
        }
    }

    #[test]
    fn a_group_is_found_below_the_top_of_its_mount() {
        assert_eq!(below("/docker/a", "/"), Some("/docker/a"));
        assert_eq!(below("/docker/a", "/docker/a"), Some(""));
        assert_eq!(below("/docker/a", "/docker"), Some("/a"));
        assert_eq!(below("/", "/"), Some("/"));
        assert_eq!(below("/docker-a", "/docker"), None);
        assert_eq!(below("/../other", "/"), None);
        assert_eq!(below("/", "/docker"), None);
    }
}
