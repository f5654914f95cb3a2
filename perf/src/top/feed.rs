//! The snapshots of an engine, one after the other, from its socket.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use hippodrome::stats::Snapshot;
use serde::Deserialize;

/// How long a snapshot may be late.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before a lost connection is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest line: more than any engine has to tell.
const LINE_BYTES_MAX: usize = 64 << 20;
/// How much news may wait for whoever shows it. Then nothing more is read, and the engine lets go who takes too long.
pub(super) const WAITING_MAX: usize = 4;

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
    #[error("what came is no snapshot: a line has at most {LINE_BYTES_MAX} bytes")]
    TooLong,
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
        read(&self.line()?)
    }

    /// The next line, which must come in time as a whole.
    fn line(&mut self) -> Result<Vec<u8>, FeedError> {
        let deadline = Instant::now() + self.interval + PATIENCE;
        let mut line = Vec::new();
        loop {
            let come = match self.lines.fill_buf() {
                Ok([]) => return Err(FeedError::Ended),
                Ok(come) => come,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(FeedError::Late),
                    ErrorKind::ConnectionReset => return Err(FeedError::Ended),
                    _ => return Err(FeedError::Failed(error)),
                },
            };
            let end = come.iter().position(|byte| *byte == b'\n').map(|newline| newline + 1);
            let taken = end.unwrap_or(come.len());
            if line.len() + taken > LINE_BYTES_MAX {
                return Err(FeedError::TooLong);
            }
            line.extend_from_slice(&come[..taken]);
            self.lines.consume(taken);
            if end.is_some() {
                return Ok(line);
            }
            if Instant::now() >= deadline {
                return Err(FeedError::Late);
            }
        }
    }

    /// Reads on from a thread of its own, which connects again when the connection is lost, until nobody listens.
    pub(super) fn follow(self) -> io::Result<Receiver<News>> {
        let (sender, receiver) = mpsc::sync_channel(WAITING_MAX);
        thread::Builder::new().name("feed".to_owned()).spawn(move || self.run(&sender))?;
        Ok(receiver)
    }

    fn run(mut self, sender: &SyncSender<News>) {
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
        Opening { error: Some(error), .. } => return Err(FeedError::Refused(printable(error))),
        Opening { version: Some(found), .. } if found != Snapshot::VERSION => return Err(FeedError::Version { found }),
        _ => {}
    }
    let mut snapshot: Snapshot = serde_json::from_slice(line).map_err(FeedError::Unreadable)?;
    snapshot.engine = printable(snapshot.engine);
    for entry in &mut snapshot.actor_types {
        entry.actor_type = printable(std::mem::take(&mut entry.actor_type));
    }
    Ok(snapshot)
}

/// A text that a terminal shows and does not obey.
fn printable(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, "\u{fffd}") } else { text }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

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

    #[test]
    fn what_a_terminal_would_obey_is_not_shown() {
        let refusal = read(b"{\"error\":\"\\u001b[2J8 clients\"}\n").unwrap_err().to_string();
        assert_eq!(refusal, "the engine refused: \u{fffd}[2J8 clients");
        let line = br#"{"version":1,"engine":"a\u001b]0;b\u0007","process":1,"uptime_ns":1,"lost_events":0,
            "outside_dead_letters":{},"workers":[],"actor_types":[{"worker":0,"actor_type":"c\r\u009bd","handled":1,
            "sent":0,"waiting_ns":null,"handling_ns":null}]}"#;
        let snapshot = read(line).unwrap();
        assert_eq!(snapshot.engine, "a\u{fffd}]0;b\u{fffd}");
        assert_eq!(snapshot.actor_types[0].actor_type, "c\u{fffd}\u{fffd}d");
    }

    /// A feed, and a server that does something with its end of the connection.
    fn served<R: Send + 'static>(
        serve: impl FnOnce(UnixStream) -> R + Send + 'static,
    ) -> (Feed, thread::JoinHandle<R>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let feed = Feed::connect(&path, Duration::from_millis(50)).unwrap();
        (feed, thread::spawn(move || serve(listener.accept().unwrap().0)))
    }

    #[test]
    fn an_endless_line_is_refused_as_that() {
        let (mut feed, server) = served(|mut stream| io::copy(&mut io::repeat(b'1'), &mut stream).unwrap_err());
        assert_eq!(feed.next().unwrap_err().to_string(), "what came is no snapshot: a line has at most 67108864 bytes");
        drop(feed);
        server.join().unwrap();
    }

    #[test]
    fn a_line_that_comes_byte_by_byte_is_late() {
        let (mut feed, server) = served(|mut stream| {
            while stream.write_all(b"1").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        assert!(matches!(feed.next(), Err(FeedError::Late)));
        drop(feed);
        server.join().unwrap();
    }

    #[test]
    fn what_nobody_looks_at_does_not_pile_up() {
        const LINES: usize = 200_000;
        let (feed, server) = served(|mut stream| {
            stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
            let line = br#"{"version":1,"engine":"a","process":1,"uptime_ns":1,"lost_events":0,"outside_dead_letters":{},"workers":[],"actor_types":[]}"#;
            (0..LINES).find_map(|_| stream.write_all(line).and_then(|()| stream.write_all(b"\n")).err())
        });
        let news = feed.follow().unwrap();
        let stopped = server.join().unwrap().expect("the server cannot write all that it has");
        assert_eq!(stopped.kind(), ErrorKind::WouldBlock);
        assert_eq!(news.try_iter().take_while(|news| matches!(news, News::Snapshot(_))).take(2).count(), 2);
    }
}
