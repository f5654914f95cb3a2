//! Single files below a root: bounded in size, and named in every error.

use super::TopologyError;
use crate::CoreSet;
use crate::core_set::excerpt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No file of `sysfs` that is read here is longer: the longest is a list of every second core.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// The list of mounts grows with the machine's containers.
const MOUNTS_BYTES_MAX: u64 = 16 << 20;

/// A directory that looks like the root of a Linux system.
pub(super) struct Tree<'a> {
    root: &'a Path,
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// Where `path` is below the root, whether it begins with a slash or not.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What `path` holds, without white space around it; `None` if it is not there or may not be read.
    pub(super) fn text(&self, path: &str) -> Result<Option<String>, TopologyError> {
        self.bounded_text(path, TEXT_BYTES_MAX)
    }

    /// As [`Tree::text`], for the list of mounts.
    pub(super) fn mounts(&self, path: &str) -> Result<Option<String>, TopologyError> {
        self.bounded_text(path, MOUNTS_BYTES_MAX)
    }

    fn bounded_text(&self, path: &str, bytes_max: u64) -> Result<Option<String>, TopologyError> {
        let file = self.file(path);
        let mut bytes = Vec::new();
        match read_regular(&file, bytes_max + 1, &mut bytes) {
            Ok(()) if bytes.len() as u64 > bytes_max => {
                Err(self.malformed(path, &String::from_utf8_lossy(&bytes), "a short text: the file is too long"))
            }
            // A byte that is no text fails later, where the text is parsed; in the path of a mount it does no harm.
            Ok(()) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(error) if unknown(&error) => Ok(None),
            Err(source) => Err(TopologyError::Io { file, source }),
        }
    }

    /// The list of cores in `path`.
    pub(super) fn cores(&self, path: &str) -> Result<Option<CoreSet>, TopologyError> {
        let parse =
            |text: String| text.parse().map_err(|source| TopologyError::CoreList { file: self.file(path), source });
        self.text(path)?.map(parse).transpose()
    }

    /// The number in `path`; the kernel writes -1 for one that it does not know.
    pub(super) fn number(&self, path: &str) -> Result<Option<u32>, TopologyError> {
        match self.text(path)? {
            Some(text) if text != "-1" => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.malformed(path, &text, "a number from 0 to 4294967295, or -1 if it is unknown")),
            },
            _ => Ok(None),
        }
    }

    /// The entries of the directory `path` that are called `prefix` and a number, ascending; numbers are below `limit`.
    pub(super) fn numbered(&self, path: &str, prefix: &str, limit: u32) -> Result<Vec<u32>, TopologyError> {
        let io_error = |source| TopologyError::Io { file: self.file(path), source };
        let entries = match fs::read_dir(self.file(path)) {
            Ok(entries) => entries,
            Err(error) if unknown(&error) => return Ok(Vec::new()),
            Err(source) => return Err(io_error(source)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(io_error)?.file_name();
            let Some(digits) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else { continue };
            // Other names begin in the same way, and no number has two names.
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            match digits.parse::<u32>() {
                Ok(number) if number < limit && number.to_string() == digits => numbers.push(number),
                _ => return Err(self.malformed(path, &name.to_string_lossy(), "entries numbered within the limit")),
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// The error that `path` says `value` and should say what is `expected`.
    pub(super) fn malformed(&self, path: &str, value: &str, expected: &'static str) -> TopologyError {
        TopologyError::Malformed { file: self.file(path), value: excerpt(value), expected }
    }
}

/// Reads up to `bytes_max` bytes of a regular file. Others are refused unopened: a pipe would never end.
fn read_regular(file: &Path, bytes_max: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(file)?.take(bytes_max).read_to_end(bytes).map(drop)
}

/// Whether the error means that the system does not tell: a file that is missing, or hidden from this user.
fn unknown(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}
