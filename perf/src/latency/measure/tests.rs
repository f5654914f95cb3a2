//! Whole runs on real threads: everything is accounted for, and a stall shows.

use std::sync::Arc;
use std::thread::sleep;

use hippodrome::config::{Config, WorkerConfig};
use hippodrome_perf_kit::Cores;
use hippodrome_perf_kit::open_loop::{Length, Pattern};

use super::*;
use crate::latency::recorder::Times;

/// A short run whose threads are left to the scheduler, so that it needs no cores of its own.
fn setup(topology: Topology, payload_bytes: u32) -> Setup {
    let mut config = Config::default();
    config.pinning = hippodrome::Pinning::Off;
    config.workers = vec![WorkerConfig::default()];
    Setup {
        topology,
        cores: Cores::choose(&[]).unwrap().single(),
        config,
        payload_bytes,
        work: Work::default(),
        work_ns: 0,
        pattern: Pattern::Constant,
        seed: 1,
        length: Length { warm_up: Duration::from_millis(20), measured: Duration::from_millis(200) },
        clock_reading_ns: 0.0,
    }
}

#[test]
fn every_message_of_every_payload_is_accounted_for() {
    for topology in [Topology::Cross, Topology::Local] {
        for payload_bytes in crate::latency::message::PAYLOADS {
            let point = measure(&setup(topology, payload_bytes), 2_000).unwrap();
            // All that were due in 200 ms, if the machine did not stop for a second.
            assert!(point.is_cut_off || point.times.len() == 400, "{topology:?}, {payload_bytes} bytes: {point:?}");
            assert_eq!(point.intervals.iter().map(|interval| interval.times.len()).sum::<u64>(), point.times.len());
        }
        assert!(measure(&setup(topology, 12), 2_000).is_err());
    }
}

#[test]
fn work_is_done_for_each_message_and_checked() {
    let mut setup = setup(Topology::Cross, 8);
    setup.pattern = Pattern::Poisson;
    setup.work = Work::lasting(500);
    let point = measure(&setup, 5_000).unwrap();
    assert!(point.times.len() > 0);
    assert!(point.times.handling_ns.max() > 0);
}

#[test]
fn far_beyond_saturation_a_run_is_cut_off_and_still_accounted_for() {
    for topology in [Topology::Cross, Topology::Local] {
        let mut setup = setup(topology, 8);
        setup.length.measured = Duration::from_secs(30);
        // Ten thousand messages a second at most, of a million.
        setup.work = Work::lasting(100_000);
        let point = measure(&setup, 1_000_000).unwrap();
        assert!(point.is_cut_off && point.is_saturated);
        assert!(point.times.len() > 0 && point.times.len() < 1_000_000);
    }
}

/// Runs 500 messages, one each millisecond, whose handler sleeps for 100 ms once.
fn stalled(topology: Topology) -> Times {
    let mut setup = setup(topology, 8);
    setup.length = Length { warm_up: Duration::ZERO, measured: Duration::from_millis(500) };
    let clock = Arc::new(SystemClock::default());
    let engine = Engine::from_config(setup.config.clone()).clock(clock.clone()).start().unwrap();
    let mut handled = 0;
    let work = move |value| {
        handled += 1;
        if handled == 200 {
            sleep(Duration::from_millis(100));
        }
        value
    };
    let arrivals = setup.arrivals(1_000);
    let (sent, handled) = run::<1>(&setup, &engine.handle(), &clock, arrivals, work).unwrap();
    assert_eq!(handled.messages, sent.messages);
    let mut times = Times::new();
    handled.record.intervals.iter().for_each(|interval| times.add(interval));
    engine.shutdown(Duration::from_secs(5)).unwrap();
    times
}

/// Whoever waits for an answer before the next message sees one message that took 100 ms. Here those show that were
/// due meanwhile: message 200 was handled 100 ms after it was due at the earliest, so the messages behind it, one each
/// millisecond, waited for 99 ms, 98 ms and so on.
#[test]
fn a_handler_that_sleeps_shows_in_all_messages_that_were_due_meanwhile() {
    for topology in [Topology::Cross, Topology::Local] {
        let times = stalled(topology);
        let of_at_least =
            |histogram: &hdrhistogram::Histogram<u64>, ms: u64| histogram.count_between(ms * 1_000_000, u64::MAX);
        for ms in [10, 50, 90] {
            let late = of_at_least(&times.latency_ns, ms);
            assert!(late > 100 - ms, "{topology:?}: {late} messages took {ms} ms or longer");
            let waited = of_at_least(&times.waiting_ns, ms);
            assert!(waited >= 100 - ms, "{topology:?}: {waited} messages waited for {ms} ms or longer");
        }
        // The sleep itself is handling, of one message.
        assert!(of_at_least(&times.handling_ns, 100) >= 1);
    }
}

#[test]
fn a_handler_that_panics_ends_the_run() {
    for topology in [Topology::Cross, Topology::Local] {
        let setup = setup(topology, 8);
        let clock = Arc::new(SystemClock::default());
        let engine = Engine::from_config(setup.config.clone()).clock(clock.clone()).start().unwrap();
        let work = |_| -> u64 { panic!("on purpose") };
        let ended = run::<1>(&setup, &engine.handle(), &clock, setup.arrivals(1_000), work);
        assert!(ended.is_err());
    }
}

#[test]
fn what_was_not_handled_as_it_was_sent_is_a_mismatch() {
    let setup = setup(Topology::Cross, 8);
    let clock = Arc::new(SystemClock::default());
    let engine = Engine::from_config(setup.config.clone()).clock(clock.clone()).start().unwrap();
    let arrivals = setup.arrivals(1_000);
    let (sent, mut handled) = run::<1>(&setup, &engine.handle(), &clock, arrivals.clone(), |value| value).unwrap();
    let check = |sent, handled: &Handled| check::<1>(1_000, arrivals.clone(), setup.work, sent, handled);
    assert!(check(sent, &handled).is_ok());
    let moved = Sent { start_ns: sent.start_ns + 1, ..sent };
    assert!(matches!(check(moved, &handled), Err(RunError::Mismatch { .. })));
    let fewer = Sent { messages: sent.messages - 1, ..sent };
    assert!(matches!(check(fewer, &handled), Err(RunError::Mismatch { .. })));
    handled.record.intervals.pop();
    assert!(matches!(check(sent, &handled), Err(RunError::Unmeasured { .. })));
}
