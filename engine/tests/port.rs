//! Ports: opened and closed while the engine runs, in order, given back, limited.

mod common;

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, dead, engine, eventually, host, settle, take};
use hippodrome::{
    ActorRef, AskError, DeadLetterReason, Engine, Handle, On, PortError, Reply, Stop, TryTellError, from_fn,
};

/// Who sent it, and its number.
type Numbered = (u64, u64);

fn sink(handle: &Handle, worker: usize) -> (ActorRef<Numbered>, Receiver<Numbered>) {
    let (sender, seen) = mpsc::channel();
    let sink = handle.spawn(On::Worker(worker), move || {
        let sender = sender.clone();
        from_fn(move |message, _ctx| sender.send(message).expect("the test listens"))
    });
    (sink.unwrap(), seen)
}

#[test]
fn threads_come_and_go_with_ports_of_their_own() {
    const MESSAGES: u64 = 2000;
    let engine = engine(2);
    let handle = engine.handle();
    let sinks = [sink(&handle, 0), sink(&handle, 1)];
    for round in 0..5 {
        thread::scope(|scope| {
            for thread in 0..3 {
                let (handle, to) = (handle.clone(), [sinks[0].0, sinks[1].0]);
                scope.spawn(move || {
                    let mut port = handle.port().unwrap();
                    let sender = round * 3 + thread;
                    for n in 0..MESSAGES / 2 {
                        to.iter().for_each(|to| port.tell_within(PATIENCE, *to, (sender, n)).unwrap());
                    }
                    let rest = || (MESSAGES / 2..MESSAGES).map(|n| (sender, n));
                    to.iter().for_each(|to| assert_eq!(port.tell_batch(PATIENCE, *to, rest()), MESSAGES as usize / 2));
                    // Closed here; what it has sent is still handled.
                });
            }
        });
    }
    for (_, seen) in &sinks {
        let mut next = [0; 15];
        for (sender, n) in take(seen, 15 * MESSAGES as usize) {
            assert_eq!(n, next[sender as usize], "sender {sender} in order");
            next[sender as usize] += 1;
        }
    }
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!((report.handled, report.dead_letters.total()), (30 * MESSAGES, 0));
}

#[test]
fn there_are_as_many_ports_as_may_be_and_a_closed_one_makes_room() {
    let engine = Engine::builder().unpinned_workers(2).configure(|config| config.max_ports = 2).start().unwrap();
    let handle = engine.handle();
    let (first, _second) = (handle.port().unwrap(), handle.port().unwrap());
    assert_eq!(handle.port().unwrap_err(), PortError::TooMany { limit: 2 });
    assert_eq!(PortError::TooMany { limit: 2 }.to_string(), "2 ports are open, as many as `max_ports` allows");
    drop(first);
    let mut third = None;
    eventually("the first one's place is free", || {
        third = handle.port().ok();
        third.is_some()
    });
    let (to, seen) = sink(&handle, 1);
    third.unwrap().tell(to, (1, 2));
    assert_eq!(take(&seen, 1), [(1, 2)]);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_full_lane_gives_the_message_back() {
    let (mut host, _clock) = host(1);
    let handle = host.handle();
    let (to, seen) = sink(&handle, 0);
    let mut port = handle.port().unwrap();
    let mut sent = 0;
    let back = loop {
        match port.try_tell(to, (0, sent)) {
            Ok(()) => sent += 1,
            Err(back) => break back,
        }
    };
    assert!(matches!(back, TryTellError::Full((0, n)) if n == sent));
    assert!(matches!(port.tell_within(Duration::from_millis(1), to, (0, sent)), Err(TryTellError::Full(_))));
    port.tell(to, (1, 0));
    assert_eq!(host.stats().dead_letters().get(DeadLetterReason::Full), 1);
    // What does not fit within the time is not taken from the iterator, but for one.
    let mut more = (0..10).map(|n| (2, n));
    assert_eq!(port.tell_batch(Duration::ZERO, to, &mut more), 0);
    assert_eq!(more.next(), Some((2, 1)));
    settle(&mut host);
    assert_eq!(seen.try_iter().count() as u64, sent);
    assert_eq!(port.try_tell(to, (3, 3)), Ok(()), "there is room again");
    settle(&mut host);
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [(3, 3)]);
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_port_sends_to_its_own_engine_only_and_the_gone_are_dead_letters() {
    let (here, there) = (engine(1), engine(1));
    let handle = here.handle();
    let (stranger, _) = sink(&there.handle(), 0);
    let (gone, _) = sink(&handle, 0);
    handle.stop(gone, Stop::Now).unwrap();
    handle.watch(gone).unwrap().wait(PATIENCE).unwrap();
    let mut port = handle.port().unwrap();
    assert_eq!(port.try_tell(stranger, (1, 1)), Err(TryTellError::Stopped((1, 1))));
    port.tell(stranger, (1, 1));
    assert_eq!(port.tell_batch(PATIENCE, stranger, [(1, 1), (2, 2)]), 0);
    assert_eq!(port.try_tell(gone, (1, 1)), Ok(()), "it is not known here");
    eventually("it is found out there", || dead(&handle, DeadLetterReason::Stopped) == 1);
    assert_eq!(dead(&handle, DeadLetterReason::Unreachable), 2, "one told, one of the batch");
    there.shutdown(PATIENCE).unwrap();
    here.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_port_may_outlive_its_engine() {
    let engine = engine(2);
    let handle = engine.handle();
    let (to, _seen) = sink(&handle, 1);
    let mut port = handle.port().unwrap();
    engine.shutdown(PATIENCE).unwrap();
    port.tell(to, (1, 1));
    assert_eq!(port.tell_batch(PATIENCE, to, [(1, 1), (2, 2)]), 0);
    assert_eq!(port.try_tell(to, (3, 3)), Err(TryTellError::Stopped((3, 3))));
    assert_eq!(port.ask(to, |_: Reply<u8>| (3, 3)).wait(PATIENCE), Err(AskError::Unanswered));
    drop(port);
    assert_eq!(dead(&handle, DeadLetterReason::Shutdown), 3, "one told, one of the batch, one asked");
}

/// The worker that would have to end is this very thread's, and cannot while the port is being dropped.
#[test]
fn a_port_does_not_wait_for_ever_for_a_worker_that_cannot_end() {
    let (engine, mut seats) = Engine::builder().unpinned_workers(1).seats().unwrap();
    let mut worker = seats.remove(0).take();
    let handle = engine.handle();
    let (to, _seen) = sink(&handle, 0);
    let mut port = handle.port().unwrap();
    worker.poll(1);
    let ending = thread::spawn(move || engine.shutdown(PATIENCE).is_ok());
    while port.try_tell(to, (0, 0)).is_ok() {
        worker.poll(1);
    }
    drop(port);
    while !worker.is_finished() {
        worker.poll(1);
    }
    ending.join().unwrap();
}
