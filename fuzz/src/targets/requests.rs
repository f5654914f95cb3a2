//! What clients write to the socket on which an engine serves its statistics.
//!
//! The input is cut at zero bytes into the requests of a few clients, who are there at the same time. The engine is a real
//! one and outlives the input: it is made once per thread.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use hippodrome::Engine;
use hippodrome::stats::Snapshot;
use serde::Deserialize;
use tempfile::TempDir;

/// The most clients that write: with the one that watches, as many as are served at a time.
const CLIENTS_MAX: usize = 7;
/// What a client waits at most for a line, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest request that the documentation allows.
const REQUEST_BYTES_MAX: usize = 1024;
/// The longest answer of an engine without actors, or refusal.
const LINE_BYTES_MAX: u64 = 16 * 1024;

thread_local! {
    static SERVED: Served = Served::start();
}

/// A client whose request is good gets snapshots, another one a line that says why not and then the end; and somebody who
/// watched before goes on to be served.
///
/// # Panics
///
/// If that does not hold, or the engine cannot be started.
pub fn requests(data: &[u8]) {
    SERVED.with(|served| served.attack(data));
}

/// An engine whose statistics are served.
struct Served {
    engine: Engine,
    path: String,
    _directory: TempDir,
}

impl Served {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let path = directory.path().join("socket").to_string_lossy().into_owned();
        let engine = Engine::builder().unpinned_workers(1).stats_socket(&path).start().expect("the engine starts");
        Self { engine, path, _directory: directory }
    }

    fn attack(&self, data: &[u8]) {
        let mut watcher = Client::connect(&self.path);
        watcher.write(b"{\"every_ms\": 50}\n");
        assert!(matches!(watcher.read(), Said::Snapshot(_)));
        let requests = data.split(|byte| *byte == 0).take(CLIENTS_MAX);
        let clients: Vec<_> = requests.map(|request| (request, self.client(request))).collect();
        for (request, mut client) in clients {
            client.assert_answered(request);
        }
        let now = self.engine.handle().stats().uptime;
        loop {
            let Said::Snapshot(snapshot) = watcher.read() else { panic!("who watched is no longer served") };
            if u128::from(snapshot.uptime_ns) >= now.as_nanos() {
                return;
            }
        }
    }

    fn client(&self, request: &[u8]) -> Client {
        let mut client = Client::connect(&self.path);
        client.write(request);
        client
    }
}

/// A line that a client got.
enum Said {
    Snapshot(Box<Snapshot>),
    Error(String),
    End,
}

struct Client(BufReader<UnixStream>);

impl Client {
    fn connect(path: &str) -> Self {
        let stream = UnixStream::connect(path).expect("the engine lets in who comes");
        stream.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("the time is not zero");
        Self(BufReader::new(stream))
    }

    fn write(&mut self, bytes: &[u8]) {
        match self.0.get_mut().write_all(bytes) {
            // It was refused for what it had written before. The reason can still be read.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.expect("what a client writes is read"),
        }
    }

    fn read(&mut self) -> Said {
        let mut line = Vec::new();
        match self.0.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => return Said::End,
            // A socket that is closed with something unread tells its peer so, behind what was sent before.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Said::End,
            read => read.expect("a line comes in time"),
        };
        assert!(line.ends_with(b"\n"), "a line has at most {LINE_BYTES_MAX} bytes");
        let value: serde_json::Value = serde_json::from_slice(&line).expect("a line is JSON");
        match value.get("error") {
            Some(error) => Said::Error(error.as_str().expect("an error is a text").to_owned()),
            None => Said::Snapshot(Box::new(serde_json::from_value(value).expect("a line is a snapshot"))),
        }
    }

    fn assert_answered(&mut self, request: &[u8]) {
        let expected = Expected::of(request);
        let mut snapshots = 0;
        let refusal = loop {
            match self.read() {
                Said::Snapshot(_) if expected == Expected::Served => {
                    // To go, a client closes the half that it writes to.
                    self.0.get_mut().shutdown(Shutdown::Write).expect("the client is connected");
                    snapshots += 1;
                }
                Said::Snapshot(_) => snapshots += 1,
                Said::Error(error) => break Some(error),
                Said::End => break None,
            }
        };
        match (expected, refusal) {
            (Expected::Served, None) => assert!(snapshots > 0, "the first line comes at once"),
            (Expected::TooLong, Some(why)) => assert_eq!(why, "a request may have 1024 bytes"),
            (Expected::Misread, Some(why)) => {
                assert!(
                    why.starts_with("a request is a line such as {\"every_ms\": 500}, with 50 to 60000 ms: "),
                    "{why}"
                );
                assert!(why.len() <= 2048 + 2 * REQUEST_BYTES_MAX, "{why}");
            }
            (expected, refusal) => panic!("{expected:?}, and the engine said {refusal:?}"),
        }
        assert!(matches!(self.read(), Said::End), "nothing comes behind a refusal");
    }
}

/// What the documentation says of what a client writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Served,
    Misread,
    TooLong,
}

impl Expected {
    /// The first line that is wrong decides; what is not a line yet may only be too long.
    fn of(written: &[u8]) -> Self {
        let mut lines = written.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if line.len() > REQUEST_BYTES_MAX {
                return Self::TooLong;
            }
            if lines.peek().is_some() && !is_request(line) {
                return Self::Misread;
            }
        }
        Self::Served
    }
}

/// What a line must be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    every_ms: u64,
}

fn is_request(line: &[u8]) -> bool {
    serde_json::from_slice::<Request>(line).is_ok_and(|request| (50..=60_000).contains(&request.every_ms))
}
