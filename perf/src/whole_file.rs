//! Files that are written as a whole or not at all: under another name first, in the same directory.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is replaced at once.
    Replace,
    /// It stays, also one that appeared a moment ago.
    Keep,
}

/// Writes a file.
///
/// # Errors
/// It cannot be written, and then nothing is left; [`AlreadyExists`](io::ErrorKind::AlreadyExists) if it is to stay.
pub(crate) fn write(path: &Path, contents: &[u8], existing: Existing) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let unfinished = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    // The name is this process's own: what is there was left by one of the same number.
    let _ = fs::remove_file(&unfinished);
    let written = write_new(&unfinished, contents).and_then(|()| match existing {
        Existing::Replace => fs::rename(&unfinished, path),
        // A link is refused where a file is.
        Existing::Keep => fs::hard_link(&unfinished, path),
    });
    // It may be there or not; what went wrong before is what is told.
    let _ = fs::remove_file(&unfinished);
    written
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_or_replaced_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write(&path, b"first", Existing::Keep).unwrap();
        assert_eq!(write(&path, b"second", Existing::Keep).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write(&path, b"third", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert!(write(&directory.path().join("none").join("file"), b"", Existing::Replace).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
