//! The socket's file: made for the owner alone, never in anybody's way, and removed at the end.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::StatsSocketError;

/// How long to wait for others who are making a socket in the same directory, and how often to look.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_LOOK: Duration = Duration::from_millis(1);

/// A listening socket and its file.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    pub(super) path: String,
    file: FileId,
}

/// Which file it is, whatever its name: the device and the number on it.
type FileId = (u64, u64);

impl Socket {
    /// Listens at the path. A socket that nobody listens at any more is replaced.
    pub(super) fn bind(path: &str) -> Result<Self, StatsSocketError> {
        let refused = |source| StatsSocketError::Refused { path: path.to_owned(), source };
        // A socket is there a moment before anybody can listen at it, and looks dead: engines that start at the same
        // time look one after the other.
        let _lock = lock_directory_of(Path::new(path)).map_err(refused)?;
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                remove_dead(path)?;
                UnixListener::bind(path)
            }
            bound => bound,
        };
        listener.and_then(|listener| Self::make_private(listener, path)).map_err(refused)
    }

    /// Shuts the file to others. Who came in before it was shut is turned away.
    fn make_private(listener: UnixListener, path: &str) -> io::Result<Self> {
        let socket = Self { listener, path: path.to_owned(), file: file_id(path)? };
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        socket.listener.set_nonblocking(true)?;
        while let Ok((early, _)) = socket.listener.accept() {
            drop(early);
        }
        Ok(socket)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Somebody may have put another file there.
        if file_id(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn file_id(path: &str) -> io::Result<FileId> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Locks the directory that the path is in, until what this returns is dropped. Nothing is written there.
fn lock_directory_of(path: &Path) -> io::Result<File> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = File::open(directory)?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match directory.try_lock() {
            Ok(()) => return Ok(directory),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(io::Error::new(ErrorKind::WouldBlock, "somebody holds a lock on its directory"));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_LOOK),
        }
    }
}

/// Removes the socket at the path, if nobody listens there.
fn remove_dead(path: &str) -> Result<(), StatsSocketError> {
    let refused = |source| StatsSocketError::Refused { path: path.to_owned(), source };
    if !fs::symlink_metadata(path).map_err(refused)?.file_type().is_socket() {
        return Err(StatsSocketError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(refused),
        // If the queue of those who wait to come in is full, somebody listens.
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(refused(error)),
        _ => Err(StatsSocketError::InUse { path: path.to_owned() }),
    }
}
