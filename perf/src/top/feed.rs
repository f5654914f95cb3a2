//! The snapshots of an engine, one after the other, from its socket.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use hippodrome::stats::Snapshot;
use serde::Deserialize;

/// How long a snapshot may be late.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before a lost connection is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest line: more than any engine has to tell.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// What became of a connection.
pub(super) enum News {
    Snapshot(Box<Snapshot>),
    /// There is none, for this reason; it is tried again.
    Lost(String),
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(super) enum FeedError {
    #[error("{}: {source}; is a program running whose engine has this `stats_socket`?", path.display())]
    Connect { path: PathBuf, source: io::Error },
    #[error("the connection failed: {0}")]
    Failed(io::Error),
    #[error("no snapshot came in time")]
    Late,
    #[error("the engine has ended")]
    Ended,
    #[error("the engine refused: {0}")]
    Refused(String),
    #[error("what came is no snapshot: {0}")]
    Unreadable(serde_json::Error),
    #[error("the engine's snapshots have version {found}, and version {} is known here", Snapshot::VERSION)]
    Version { found: u32 },
}

/// What is looked at before a line is read as a whole.
#[derive(Deserialize)]
struct Opening {
    version: Option<u32>,
    error: Option<String>,
}

/// A connection to an engine.
#[derive(Debug)]
pub(super) struct Feed {
    path: PathBuf,
    interval: Duration,
    lines: BufReader<UnixStream>,
}

impl Feed {
    /// Connects, and asks for a snapshot now and one each interval.
    pub(super) fn connect(path: &Path, interval: Duration) -> Result<Self, FeedError> {
        let failed = |source| FeedError::Connect { path: path.to_owned(), source };
        let mut stream = UnixStream::connect(path).map_err(failed)?;
        stream.set_read_timeout(Some(interval + PATIENCE)).map_err(failed)?;
        match writeln!(stream, "{{\"every_ms\": {}}}", interval.as_millis()) {
            // It has been refused: the next line says why.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.map_err(failed)?,
        }
        Ok(Self { path: path.to_owned(), interval, lines: BufReader::new(stream) })
    }

    /// Waits for the next snapshot.
    pub(super) fn next(&mut self) -> Result<Snapshot, FeedError> {
        let mut line = Vec::new();
        match self.lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(_) if line.ends_with(b"\n") => read(&line),
            Ok(_) => Err(FeedError::Ended),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(FeedError::Late),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(FeedError::Ended),
            Err(error) => Err(FeedError::Failed(error)),
        }
    }

    /// Reads on from a thread of its own, which connects again when the connection is lost, until nobody listens.
    pub(super) fn follow(self) -> io::Result<Receiver<News>> {
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new().name("feed".to_owned()).spawn(move || self.run(&sender))?;
        Ok(receiver)
    }

    fn run(mut self, sender: &Sender<News>) {
        loop {
            let news = match self.next() {
                Ok(snapshot) => News::Snapshot(Box::new(snapshot)),
                Err(error) => {
                    thread::sleep(PAUSE);
                    match Self::connect(&self.path, self.interval) {
                        Ok(again) => {
                            self = again;
                            News::Lost(error.to_string())
                        }
                        Err(still) => News::Lost(still.to_string()),
                    }
                }
            };
            if sender.send(news).is_err() {
                return;
            }
        }
    }
}

fn read(line: &[u8]) -> Result<Snapshot, FeedError> {
    match serde_json::from_slice(line).map_err(FeedError::Unreadable)? {
        Opening { error: Some(error), .. } => Err(FeedError::Refused(error)),
        Opening { version: Some(found), .. } if found != Snapshot::VERSION => Err(FeedError::Version { found }),
        _ => serde_json::from_slice(line).map_err(FeedError::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_snapshot_is_refused_in_words() {
        let refusal = |line: &str| read(line.as_bytes()).unwrap_err().to_string();
        assert_eq!(refusal("{\"error\":\"8 clients\"}\n"), "the engine refused: 8 clients");
        assert_eq!(
            refusal("{\"version\":2,\"workers\":{}}\n"),
            "the engine's snapshots have version 2, and version 1 is known here"
        );
        assert!(refusal("{\"version\":1}\n").starts_with("what came is no snapshot: missing field"));
        assert!(refusal("hello\n").starts_with("what came is no snapshot: expected value"));
    }
}
