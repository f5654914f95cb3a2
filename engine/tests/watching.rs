//! Watching a running engine: its snapshots on a local socket.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Instant;

use common::{PATIENCE, eventually};
use hippodrome::stats::{Quantiles, Snapshot};
use hippodrome::{Actor, Builder, Context, Engine, On, StartError, StatsSocketError, Stop, from_fn};
use tempfile::TempDir;

/// A directory, and the path of a socket in it.
fn place() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("engine.socket");
    (directory, path.to_str().unwrap().to_owned())
}

fn served(workers: usize, path: &str) -> Builder {
    Engine::builder().unpinned_workers(workers).stats_socket(path)
}

/// Somebody who watches.
struct Client(BufReader<UnixStream>);

impl Client {
    fn at(path: &str) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn ask(&mut self, request: &str) {
        // Who was let go meanwhile cannot write; what it is told is still there to be read.
        let _ = self.0.get_mut().write_all(request.as_bytes());
    }

    /// The next line; none at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        // Whoever is let go with a part of its request unread finds the connection reset, after the last line.
        let read = self.0.read_line(&mut line).unwrap_or(0);
        (read > 0).then_some(line)
    }

    #[track_caller]
    fn snapshot(&mut self) -> Snapshot {
        let line = self.line().expect("a line comes");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next snapshot that is as it should be; a machine with much to do makes workers late.
    #[track_caller]
    fn snapshot_where(&mut self, is_so: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let snapshot = self.snapshot();
            if is_so(&snapshot) {
                return snapshot;
            }
            assert!(Instant::now() < deadline, "{snapshot:?}");
        }
    }

    /// What it is told at the end.
    #[track_caller]
    fn error(&mut self) -> String {
        loop {
            let line = self.line().expect("an error comes before the end");
            if let Some(error) = line.strip_prefix("{\"error\":") {
                assert_eq!(self.line(), None, "it is let go");
                return error.to_owned();
            }
        }
    }
}

#[test]
fn a_client_sees_what_the_engine_does() {
    let (_directory, path) = place();
    let engine = served(2, &path).histograms(true).configure(|config| config.name = "orders".to_owned());
    let engine = engine.start().unwrap();
    let handle = engine.handle();
    let gone = handle.spawn(On::Worker(0), || from_fn(|_: u64, _ctx| ())).unwrap();
    let watched = handle.watch(gone).unwrap();
    handle.stop(gone, Stop::Now).unwrap();
    watched.wait(PATIENCE).unwrap();
    let far = handle.spawn(On::Worker(1), || from_fn(|_: u64, _ctx| ())).unwrap();
    let near = move || from_fn(move |n: u64, ctx: &mut Context<'_, u64>| ctx.tell(far, n));
    let near = handle.spawn(On::Worker(0), near).unwrap();
    (0..100).for_each(|n| handle.tell(near, n));
    handle.tell(gone, 1);
    eventually("all was handled", || handle.stats().handled() == 200);

    // From now on both workers have nothing to do, and park: what they show is right nevertheless.
    let mut client = Client::at(&path);
    let first = client.snapshot_where(|snapshot| snapshot.workers.iter().all(|worker| !worker.is_late));
    assert_eq!(
        (first.version, first.engine.as_str(), first.process),
        (Snapshot::VERSION, "orders", std::process::id())
    );
    let handled: Vec<_> = first.workers.iter().map(|worker| worker.stats.handled).collect();
    assert_eq!(handled, [100, 100]);
    assert!(first.workers.iter().all(|worker| worker.stats.core.is_none()));
    assert_eq!(first.workers[0].stats.dead_letters.total(), 1);
    let (waiting, handling) = (first.workers[1].waiting_ns.unwrap(), first.workers[1].handling_ns.unwrap());
    assert_eq!((waiting.count, handling.count), (100, 100));
    assert!(handling.p50 <= handling.p99 && handling.p99 <= handling.p999 && handling.p999 <= handling.max);
    assert!(handling.total >= handling.max && waiting.max > 0);
    assert_eq!(first.workers[0].waiting_ns, Some(Quantiles::default()), "what handles send is not measured");
    let of_far = first.actor_types.iter().find(|entry| entry.worker == 1).unwrap();
    assert_eq!((of_far.handled, of_far.sent), (100, 0));

    client.ask("{\"every_ms\": 50}\n");
    handle.tell(near, 0);
    client.snapshot_where(|snapshot| snapshot.workers[1].stats.handled == 101);
    let before = client.snapshot();
    client.snapshot_where(|after| {
        after.uptime_ns > before.uptime_ns && after.workers[0].stats.turns > before.workers[0].stats.turns
    });

    engine.shutdown(PATIENCE).unwrap();
    let mut last = client.snapshot();
    while let Some(line) = client.line() {
        last = serde_json::from_str(&line).unwrap();
    }
    assert_eq!(last.workers[0].stats.handled, 101);
    assert_eq!(last.workers[1].stats.actors, 0, "the last line comes after the end");
}

#[test]
fn the_socket_is_the_owners_alone_and_goes_with_the_engine() {
    let (directory, path) = place();
    let quiet = Engine::builder().unpinned_workers(1).start().unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    quiet.shutdown(PATIENCE).unwrap();

    for ends_in_order in [true, false] {
        let engine = served(1, &path).start().unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        // Somebody who is connected and does nothing holds nobody up.
        let _client = Client::at(&path);
        if ends_in_order {
            engine.shutdown(PATIENCE).unwrap();
        } else {
            drop(engine);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    // What another has put there meanwhile stays.
    let engine = served(1, &path).start().unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "another's").unwrap();
    drop(engine);
    assert_eq!(fs::read_to_string(&path).unwrap(), "another's");
}

#[track_caller]
fn refusal(path: &str) -> StatsSocketError {
    match served(1, path).start() {
        Err(StartError::StatsSocket(error)) => {
            assert!(error.to_string().contains(&format!("stats_socket: {path:?} ")), "{error}");
            error
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_a_dead_socket_is_replaced() {
    let (directory, path) = place();
    // Nobody listens any more; the file is still there.
    drop(UnixListener::bind(&path).unwrap());
    let engine = served(1, &path).start().unwrap();
    assert_eq!(Client::at(&path).snapshot().workers.len(), 1);

    assert!(matches!(refusal(&path), StatsSocketError::InUse { .. }));
    assert_eq!(Client::at(&path).snapshot().workers.len(), 1, "who was there first is still served");
    drop(engine);

    fs::write(&path, "precious").unwrap();
    assert!(matches!(refusal(&path), StatsSocketError::NotASocket { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    let missing = directory.path().join("missing/engine.socket");
    assert!(matches!(refusal(missing.to_str().unwrap()), StatsSocketError::Refused { .. }));
    let link: PathBuf = directory.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert!(matches!(refusal(link.to_str().unwrap()), StatsSocketError::NotASocket { .. }));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing is left behind");

    let error = served(1, &path).host().unwrap_err();
    assert!(matches!(error, StartError::StatsSocket(StatsSocketError::Hosted { .. })), "{error}");
}

#[test]
fn two_engines_that_find_a_dead_socket_at_once_do_not_both_have_it() {
    let (directory, path) = place();
    for _ in 0..20 {
        drop(UnixListener::bind(&path).unwrap());
        let started = std::thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| served(1, &path).start()));
            both.map(|thread| thread.join().unwrap())
        });
        assert_eq!(started.iter().filter(|result| result.is_ok()).count(), 1, "{started:?}");
        Client::at(&path).snapshot();
        drop(started);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn whoever_does_not_keep_to_the_protocol_is_told_and_let_go() {
    let (_directory, path) = place();
    let engine = served(1, &path).start().unwrap();
    let mut faithful = Client::at(&path);
    let long = "x".repeat(1025);
    let long_line = format!("{}\n", " ".repeat(100_000));
    let deep = format!("{}\n", "[".repeat(1000));
    let cases = [
        ("hello\n", "a request is a line such as"),
        ("\n", "a request is a line such as"),
        ("{\"every_ms\": 49}\n", "every_ms is 49"),
        ("{\"every_ms\": 60001}\n", "every_ms is 60001"),
        ("{\"every_ms\": -1}\n", "a request is a line such as"),
        ("{\"every_ms\": 500, \"more\": 1}\n", "unknown field"),
        ("\u{0}\u{1}\n", "a request is a line such as"),
        (&deep, "a request is a line such as"),
        (&long, "a request may have 1024 bytes"),
        (&long_line, "a request may have 1024 bytes"),
    ];
    for (request, expected) in cases {
        let mut client = Client::at(&path);
        client.ask(request);
        let error = client.error();
        assert!(error.contains(expected), "{request:?}: {error}");
    }
    // Whoever closes the half that it writes to has gone.
    let mut leaving = Client::at(&path);
    leaving.snapshot();
    leaving.0.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
    while leaving.line().is_some() {}

    // Eight are served at a time: those that are there stay.
    let mut others: Vec<_> = (0..7).map(|_| Client::at(&path)).collect();
    others.iter_mut().for_each(|client| drop(client.snapshot()));
    assert!(Client::at(&path).error().contains("8 clients are being served"));
    faithful.ask("{\"every_ms\": 50}\n{\"every_ms\": 60}\n");
    (0..3).for_each(|_| drop(faithful.snapshot()));
    drop(others);
    eventually("there is room again", || Client::at(&path).line().is_some_and(|line| line.contains("version")));
    engine.shutdown(PATIENCE).unwrap();
}

/// An actor whose type has a name of more than a hundred thousand letters.
struct Long<T>(PhantomData<T>);

type Pair<T> = (T, T);
type Names8<T> = Pair<Pair<Pair<T>>>;

impl<T: 'static> Actor for Long<T> {
    type Msg = ();

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {}
}

#[test]
fn who_does_not_take_its_lines_is_let_go_and_holds_nobody_up() {
    let (_directory, path) = place();
    let engine = served(1, &path).start().unwrap();
    type Name = Names8<Names8<Names8<Names8<Pair<Pair<fn(u64) -> u64>>>>>>;
    let handle = engine.handle();
    let actor = handle.spawn(On::Worker(0), || Long::<Name>(PhantomData)).unwrap();
    handle.tell(actor, ());
    let mut slow = Client::at(&path);
    slow.ask("{\"every_ms\": 50}\n");
    let mut quick = Client::at(&path);
    quick.ask("{\"every_ms\": 50}\n");
    let start = quick.snapshot().uptime_ns;
    assert!(quick.line().unwrap().len() > 100_000);
    quick.snapshot_where(|snapshot| snapshot.uptime_ns >= start + 3_000_000_000);
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        // There is an end, though the engine goes on, and whoever takes its lines is served up to there.
        let slow = scope.spawn(|| slow.0.read_to_end(&mut taken).unwrap());
        while !slow.is_finished() {
            quick.snapshot();
        }
    });
    assert_ne!(taken.last(), Some(&b'\n'), "it ends within a line");
    quick.snapshot();
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_worker_that_does_not_answer_is_marked() {
    let (_directory, path) = place();
    let engine = served(2, &path).start().unwrap();
    let handle = engine.handle();
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(Some(released));
    let stuck = handle.spawn(On::Worker(1), move || {
        let released = released.lock().unwrap().take().unwrap();
        from_fn(move |(), _ctx| assert!(released.recv().is_err(), "nothing is ever sent"))
    });
    handle.tell(stuck.unwrap(), ());
    let mut client = Client::at(&path);
    client.ask("{\"every_ms\": 50}\n");
    client.snapshot_where(|snapshot| snapshot.workers[1].is_late && !snapshot.workers[0].is_late);
    drop(release);
    client.snapshot_where(|snapshot| !snapshot.workers[1].is_late);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn workers_on_threads_of_the_program_are_served_too() {
    let (_directory, path) = place();
    let (engine, seats) = served(1, &path).seats().unwrap();
    let mut client = Client::at(&path);
    assert!(client.snapshot().workers[0].is_late, "nobody polls it yet");
    client.ask("{\"every_ms\": 50}\n");
    let threads: Vec<_> = seats
        .into_iter()
        .map(|seat| {
            std::thread::spawn(move || {
                let mut worker = seat.take();
                while !worker.is_finished() {
                    worker.poll(100);
                    std::thread::yield_now();
                }
            })
        })
        .collect();
    client.snapshot_where(|snapshot| !snapshot.workers[0].is_late);
    engine.shutdown(PATIENCE).unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn what_waits_in_rings_is_shown() {
    let small = |config: &mut hippodrome::Config| (config.turn_budget, config.lane_budget) = (1, 1);
    let mut host = Engine::builder().unpinned_workers(2).configure(small).host().unwrap();
    let handle = host.handle();
    let far = handle.spawn(On::Worker(1), || from_fn(|_: u64, _ctx| ())).unwrap();
    let near = handle.spawn(On::Worker(0), || from_fn(|_: u64, _ctx| ())).unwrap();
    let flood = move |(), ctx: &mut Context<'_, ()>| {
        (0..100).for_each(|n| ctx.tell(near, n));
        (0..100).for_each(|n| ctx.tell(far, n));
    };
    let flooder = handle.spawn(On::Worker(0), move || from_fn(flood)).unwrap();
    common::settle(&mut host);
    let depths = |host: &mut hippodrome::Host| {
        let worker = &host.stats().workers[0];
        [worker.local_ring_bytes, worker.ingress_bytes, worker.lanes_bytes].map(|bytes| bytes > 0)
    };
    assert_eq!(depths(&mut host), [false; 3]);
    handle.tell(flooder, ());
    assert_eq!(depths(&mut host), [false, true, false]);
    host.poll(1);
    host.poll(1);
    assert_eq!(depths(&mut host), [true, false, true]);
    common::settle(&mut host);
    assert_eq!(depths(&mut host), [false; 3]);
}
