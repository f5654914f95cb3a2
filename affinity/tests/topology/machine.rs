//! Machines as files: `tests/trees/*.txt` unpacked into directories that look like the root of a Linux system.
//!
//! A tree's lines are `path: content`. Lines of one path follow each other in its file. Braces hold a list of numbers
//! and stand for as many paths: `cpu{0-1,8}/topology/core_id: 0` is three files. Lines that begin with `#` describe the
//! machine. The trees hold what `sysfs` shows on such machines, cut down to the files that matter here; they were put
//! together from the layout of these processors and are not dumps.

use hippodrome_affinity::{CoreId, Topology, TopologyError};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// A machine in a directory of its own, which is deleted in the end.
pub(crate) struct Machine {
    root: TempDir,
}

impl Machine {
    /// The machine of `tests/trees/{name}.txt`.
    pub(crate) fn named(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees").join(name).with_extension("txt");
        let machine = Self { root: tempfile::tempdir().unwrap() };
        for line in fs::read_to_string(file).unwrap().lines().filter(|line| !line.starts_with('#')) {
            let (path, content) = line.split_once(':').expect("a line is `path: content`");
            for path in expand(path) {
                machine.append(&path, content.strip_prefix(' ').unwrap_or(content));
            }
        }
        machine
    }

    fn append(&self, path: &str, line: &str) {
        let file = self.root.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    /// The directory.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The same machine, but `path` says `content`.
    pub(crate) fn with(self, path: &str, content: &str) -> Self {
        let file = self.root().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self
    }

    /// The same machine without the file or directory `path`.
    pub(crate) fn without(self, path: &str) -> Self {
        let path = self.root().join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
        self
    }

    /// What the crate reads.
    pub(crate) fn read(&self) -> Topology {
        self.try_read().unwrap()
    }

    /// What the crate reads, or why it does not.
    pub(crate) fn try_read(&self) -> Result<Topology, TopologyError> {
        Topology::read_from(self.root())
    }
}

/// The paths that a path with lists in braces stands for.
fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (list, after) = rest.split_once('}').expect("braces are closed");
    let mut paths = Vec::new();
    for part in list.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        for number in low.parse::<u32>().unwrap()..=high.parse().unwrap() {
            paths.extend(expand(after).into_iter().map(|after| format!("{before}{number}{after}")));
        }
    }
    paths
}

/// The core of a number that is known to be valid.
pub(crate) fn core(number: u32) -> CoreId {
    CoreId::new(number).unwrap()
}
