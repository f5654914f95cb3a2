//! What a server writes to `perf top`.

use crate::top::Watcher;

/// A line is refused in words, or it and the one before are shown on screens of several sizes and in print.
///
/// # Panics
///
/// If that does not hold, or no directory can be made for the server's socket.
pub fn snapshots(data: &[u8]) {
    thread_local! {
        static WATCHER: Watcher = Watcher::start();
    }
    WATCHER.with(|watcher| watcher.hear(data));
}
