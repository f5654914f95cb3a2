//! How tests on real workers wait for what must come.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The next that comes.
#[track_caller]
pub(crate) fn next<T>(from: &Receiver<T>) -> T {
    from.recv_timeout(PATIENCE).expect("nothing came")
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
