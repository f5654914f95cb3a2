//! What ends the process, and what the process's own threads do: each in a process of its own.

use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::Duration;

use hippodrome::{Builder, Context, Engine, On, Props, Restart, from_fn};

use crate::common::{PATIENCE, eventually, next};
use crate::world::{Drops, fail};

/// Runs one of these tests again, in a process of its own in which `in_child` is true.
fn run(test: &str) -> Output {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, "1").output().unwrap()
}

const CHILD: &str = "HIPPODROME_TEST_CHILD";

fn in_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

fn engine() -> Engine {
    let named = |builder: Builder| builder.configure(|config| config.name = "circus".to_owned());
    named(Engine::builder().unpinned_workers(2)).start().unwrap()
}

#[cfg(unix)]
fn signal(output: &Output) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    output.status.signal()
}

#[cfg(not(unix))]
fn signal(output: &Output) -> Option<i32> {
    (!output.status.success()).then_some(0)
}

fn dive(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { dive(depth + 1) + here[std::hint::black_box(0)] }
}

#[test]
fn a_stack_overflow_ends_the_process_and_names_the_worker() {
    if in_child() {
        let engine = engine();
        let handle = engine.handle();
        let deep = handle.spawn(On::Worker(1), || from_fn(|(), _ctx: &mut Context<'_, ()>| _ = dive(0))).unwrap();
        handle.tell(deep, ());
        std::thread::sleep(PATIENCE);
        return;
    }
    let output = run("children::a_stack_overflow_ends_the_process_and_names_the_worker");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(signal(&output).is_some(), "{output:?}");
    assert!(errors.contains("thread 'circus-1'") && errors.contains("overflowed its stack"), "{errors}");
}

#[test]
fn a_panic_in_a_drop_while_another_unwinds_ends_the_process() {
    if in_child() {
        let engine = engine();
        let handle = engine.handle();
        let drops = Drops::default();
        let twice = move || {
            let drops = drops.clone();
            from_fn(move |(), _ctx: &mut Context<'_, ()>| {
                let _grenade = drops.grenade();
                fail();
            })
        };
        let twice = handle.spawn(On::Worker(1), twice).unwrap();
        handle.tell(twice, ());
        std::thread::sleep(PATIENCE);
        return;
    }
    let output = run("children::a_panic_in_a_drop_while_another_unwinds_ends_the_process");
    assert!(signal(&output).is_some(), "{output:?}");
}

#[test]
fn a_panic_of_who_reads_the_log_stops_neither_the_log_nor_the_events() {
    if in_child() {
        struct Broken(mpsc::SyncSender<()>);
        impl tracing::Subscriber for Broken {
            fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
                true
            }
            fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
                tracing::span::Id::from_u64(1)
            }
            fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
            fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
            fn event(&self, _: &tracing::Event<'_>) {
                let _ = self.0.try_send(());
                fail();
            }
            fn enter(&self, _: &tracing::span::Id) {}
            fn exit(&self, _: &tracing::span::Id) {}
        }
        let (shown, showing) = mpsc::sync_channel(1);
        tracing::subscriber::set_global_default(Broken(shown)).unwrap();
        let builder = Engine::builder().unpinned_workers(2).configure(|config| config.event_capacity = 64);
        let engine = builder.start().unwrap();
        let handle = engine.handle();
        let failing = || from_fn(|(), _ctx: &mut Context<'_, ()>| fail());
        let props = Props::on(On::Worker(0)).restart(Restart::up_to(u32::MAX, PATIENCE));
        let failing = handle.spawn(props, failing).unwrap();
        // Many times what the ring of events takes: all of it goes by, because the log still reads.
        for n in 1..=200 {
            next(&showing);
            handle.tell(failing, ());
            eventually("it has failed", || handle.stats().workers[0].panics == n);
        }
        let report = engine.shutdown(PATIENCE).unwrap();
        assert_eq!(report.lost_events, 0);
        return;
    }
    let output = run("children::a_panic_of_who_reads_the_log_stops_neither_the_log_nor_the_events");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_panic_of_a_thread_with_a_port_or_a_handle_is_its_own() {
    let engine = engine();
    let handle = engine.handle();
    let (seen, noted) = mpsc::channel();
    let receiver = move || {
        let seen = seen.clone();
        from_fn(move |n: u64, _ctx: &mut Context<'_, u64>| seen.send(n).expect("the test listens"))
    };
    let receiver = handle.spawn(On::Worker(1), receiver).unwrap();
    for round in 0..100 {
        let handle = handle.clone();
        let thread = std::thread::spawn(move || {
            // Those of the rounds before are given back a little later.
            let mut port = None;
            eventually("a port is free", || {
                port = handle.port().ok();
                port.is_some()
            });
            let mut port = port.unwrap();
            port.tell_batch(PATIENCE, receiver, (0..10).map(|n| if n == 5 { fail() } else { round * 10 + n }));
        });
        thread.join().unwrap_err();
        let expected: Vec<_> = (0..5).map(|n| round * 10 + n).collect();
        assert_eq!(crate::common::take(&noted, 5), expected, "what was sent before is handled");
    }
    let thread = std::thread::spawn({
        let handle = handle.clone();
        move || {
            handle.tell(receiver, 7);
            fail();
        }
    });
    thread.join().unwrap_err();
    assert_eq!(noted.recv_timeout(PATIENCE), Ok(7));
    // Its ports were given back: there are 64.
    let mut ports = Vec::new();
    eventually("all ports are free", || {
        ports.extend(handle.port());
        ports.len() == 64
    });
    drop(ports);
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!((report.dead_letters.total(), report.handled), (0, 501));
    assert!(noted.recv_timeout(Duration::ZERO).is_err());
}
