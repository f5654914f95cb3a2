//! A tree of files that stands for the `sysfs`, `procfs` and cgroups of a machine.
//!
//! The input is lines. `path: content` appends a line to a file below the root, `path -> target` makes a link. Other
//! lines, and paths that lead out of the root, are passed over. It is the form of the trees in `affinity/tests/trees`
//! without their braces.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use hippodrome_affinity::Topology;
use tempfile::TempDir;

/// The most lines of a tree that are made: a machine of two cores takes about eighty.
const LINES_MAX: usize = 400;
/// Where files take no disk, on most systems.
const MEMORY: &str = "/dev/shm";
/// The longest error: it names a file, whose path is as long as paths may be.
const ERROR_BYTES_MAX: usize = 6 * 1024;

/// A tree is refused with the file that is wrong, or what is read of it agrees with itself.
///
/// # Panics
///
/// If that does not hold, or no directory can be made for the tree.
pub fn topology(data: &[u8]) {
    let root = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir()).expect("there is room for a directory");
    data.split(|byte| *byte == b'\n').take(LINES_MAX).for_each(|line| make(&root, line));
    match Topology::read_from(root.path()) {
        Ok(topology) => assert_whole(&topology),
        Err(error) => {
            let shown = error.to_string();
            let says_where = shown.contains(&root.path().display().to_string());
            assert!(says_where && shown.len() <= ERROR_BYTES_MAX, "{shown}");
        }
    }
}

fn assert_whole(topology: &Topology) {
    assert!(!topology.online().is_empty());
    assert!(topology.usable().is_subset(topology.online()));
    assert_eq!(topology.cores().len(), topology.online().len());
    let physical = topology.physical_cores();
    assert_eq!(physical.iter().map(|group| group.len()).sum::<usize>(), topology.online().len());
    assert!(topology.one_per_physical_core(topology.online()).len() <= physical.len());
    for core in topology.cores() {
        assert!(core.siblings.as_ref().is_none_or(|siblings| siblings.contains(core.id)));
        assert!(core.l3.is_none_or(|l3| topology.l3_domains()[l3].cores.contains(core.id)));
        let node = core.node.and_then(|id| topology.numa_nodes().iter().find(|node| node.id == id));
        assert_eq!(node.is_some(), core.node.is_some());
        assert!(node.is_none_or(|node| node.cores.contains(core.id)));
        assert_eq!(topology.check(core.id).is_ok(), topology.usable().contains(core.id));
    }
    let table = topology.to_string();
    assert!(table.contains("usable: ") && table.lines().count() <= 3 + 3 * topology.online().len() + 2, "{table}");
    assert!(!table.contains(|letter: char| letter.is_control() && letter != '\n'), "{table:?}");
}

/// Does what a line says, if that can be done within the root.
fn make(root: &TempDir, line: &[u8]) {
    if let Some((path, content)) = split(line, b": ").or_else(|| Some((line.strip_suffix(b":")?, &b""[..]))) {
        let Some(file) = below(root, path) else { return };
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(file) {
            let _ = file.write_all(content).and_then(|()| file.write_all(b"\n"));
        }
    } else if let Some((path, target)) = split(line, b" -> ") {
        let (Some(link), Some(target)) = (below(root, path), target_of(target)) else { return };
        let _ = symlink(target, link);
    }
}

fn split<'a>(line: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = line.windows(by.len()).position(|window| window == by)?;
    Some((&line[..at], &line[at + by.len()..]))
}

/// The path below the root, whose directory is made. A link on the way could lead elsewhere, so none may be there.
fn below(root: &TempDir, path: &[u8]) -> Option<PathBuf> {
    let path = Path::new(OsStr::from_bytes(path));
    if path.as_os_str().is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = root.path().join(path);
    let way = path.ancestors().take_while(|above| *above != root.path());
    if way.into_iter().any(Path::is_symlink) {
        return None;
    }
    fs::create_dir_all(path.parent()?).ok()?;
    Some(path)
}

/// What a link may lead to: a neighbour, or the one device that never ends.
fn target_of(target: &[u8]) -> Option<&Path> {
    let target = Path::new(OsStr::from_bytes(target));
    let is_neighbour = target.components().all(|part| matches!(part, Component::Normal(_)));
    (is_neighbour || target == Path::new("/dev/zero")).then_some(target)
}
