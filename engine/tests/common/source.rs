//! Reads the project's sources, for tests that keep the house tidy.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// From the workspace's root, such as `engine/src/core.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All Rust files below these directories of the workspace, by path.
pub(crate) fn sources(directories: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace");
    let mut found = Vec::new();
    for directory in directories {
        collect(root, &root.join(directory), &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() >= directories.len(), "the sources are not where they were: {directories:?}");
    found
}

/// All Rust files of the workspace, by path: those of crates that are added later too.
pub(crate) fn all_sources() -> Vec<Source> {
    sources(&["."])
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with(".git") {
                collect(root, &path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

impl Source {
    /// Whether the whole file is tests or models, which no program contains.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.ends_with("/models.rs") || self.path.contains("/tests/")
    }

    /// The lines of code in front of the tests, without comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines().take_while(|line| *line != "mod tests {");
        lines.map(|line| line.split("//").next().unwrap_or_default())
    }

    /// Whether the file has unsafe code, its tests counted. The keyword ends neither at a quote nor at a hyphen; the
    /// word in a text may.
    pub(crate) fn has_unsafe_code(&self) -> bool {
        let lines = self.text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let mut found = lines.flat_map(|line| line.match_indices("unsafe").map(move |(at, word)| (line, at, word)));
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        found.any(|(line, at, word)| {
            let (before, after) = (&line[..at], &line[at + word.len()..]);
            !before.ends_with(is_part) && !after.starts_with(|c: char| is_part(c) || c == '"' || c == '-')
        })
    }

    /// Whether the code has this word.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        self.code().any(|line| line.split(|c: char| !is_part(c)).any(|found| found == word))
    }
}
