//! Files below a root, of which any may be missing: what cannot be read is `None`.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hippodrome_affinity::CoreSet;

/// The longest file is `proc/interrupts`, with a column for each core.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// A directory that looks like the root of a Linux system: `/`, or a tree captured on another machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree<'a> {
    root: &'a Path,
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// The directory itself.
    pub(super) fn root(&self) -> &'a Path {
        self.root
    }

    /// What a regular file holds, without white space around it; a file without anything else is as good as missing.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let file = self.file(path);
        // Whatever is not a regular file stays unopened: a pipe would never end.
        if !fs::metadata(&file).ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(file).ok()?.take(TEXT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        // The device tree ends its texts with a zero.
        let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The number that a file holds.
    pub(super) fn number<T: FromStr>(&self, path: &str) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// The list of cores that a file holds; an empty file is an empty list.
    pub(super) fn cores(&self, path: &str) -> Option<CoreSet> {
        match self.text(path) {
            // The kernel prints an empty mask as an empty line, and `(null)` for one that was never made.
            Some(text) if text == "(null)" => Some(CoreSet::new()),
            Some(text) => text.parse().ok(),
            None => self.file(path).is_file().then(CoreSet::new),
        }
    }

    /// The numbers `n` for which the directory has an entry called `prefix` and `n`, ascending.
    pub(super) fn numbered(&self, directory: &str, prefix: &str) -> Vec<u32> {
        let entries = fs::read_dir(self.file(directory)).into_iter().flatten().flatten();
        let mut numbers: Vec<u32> =
            entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The names in a directory in alphabetical order.
    pub(super) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.file(directory)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    fn file(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::captured;

    #[test]
    fn what_is_missing_or_no_file_is_none() {
        let root = captured(&[("proc/number", "12\n"), ("proc/word", " x \n"), ("proc/empty", "\n")]);
        let tree = Tree::new(root.path());
        assert_eq!(tree.number::<u32>("/proc/number"), Some(12));
        assert_eq!(tree.number::<u32>("proc/word"), None);
        assert_eq!(tree.text("proc/word").as_deref(), Some("x"));
        assert_eq!((tree.text("proc/empty"), tree.text("proc"), tree.text("proc/absent")), (None, None, None));
        assert_eq!(tree.cores("proc/empty"), Some(CoreSet::new()));
        assert_eq!(tree.cores("proc/word"), None);
        assert_eq!(tree.cores("proc/absent"), None);
    }

    #[test]
    fn entries_are_numbered_in_order() {
        let root = captured(&[("irq/10/x", "1"), ("irq/9/x", "1"), ("irq/default", "1")]);
        let tree = Tree::new(root.path());
        assert_eq!(tree.numbered("irq", ""), [9, 10]);
        assert_eq!(tree.names("irq"), ["10", "9", "default"]);
        assert!(tree.numbered("absent", "").is_empty());
    }
}
