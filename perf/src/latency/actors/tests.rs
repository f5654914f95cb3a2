//! The feed and the handler on a clock that the test sets: the counts are exact.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Engine, ManualClock, On};
use hippodrome_perf_kit::open_loop::{Length, Pattern};

use super::*;
use crate::latency::recorder::Times;

/// A message each microsecond, for 20 ms.
const LENGTH: Length = Length { warm_up: Duration::ZERO, measured: Duration::from_millis(20) };
const RATE: u64 = 1_000_000;

/// Runs it with a clock that goes on by itself by a microsecond a turn, and by `stall` while message 5,000 is handled.
fn run(stall: Duration) -> (Sent, Handled) {
    let clock = Arc::new(ManualClock::default());
    let mut host = Engine::builder().unpinned_workers(1).clock(clock.clone()).host().unwrap();
    let (sender, news) = mpsc::channel();
    let feeds_news = sender.clone();
    let handle = host.handle();
    let handlers_clock = clock.clone();
    let handler = move || {
        let (clock, handled) = (handlers_clock.clone(), Cell::new(0));
        let work = move |value| {
            handled.set(handled.get() + 1);
            if handled.get() == 5_000 {
                clock.advance(stall);
            }
            value
        };
        Handler::<1, _>::new(work, Recorder::new(LENGTH), sender.clone())
    };
    let to = handle.spawn(On::Worker(0), handler).unwrap();
    let feed = move || {
        let arrivals = Arrivals::new(Pattern::Constant, RATE, 0, LENGTH.total_ns());
        Feed::new(to, arrivals, feeds_news.clone())
    };
    handle.tell(handle.spawn(On::Worker(0), feed).unwrap(), Go);
    let (mut sent, mut handled) = (None, None);
    while sent.is_none() || handled.is_none() {
        host.poll(2);
        clock.advance(Duration::from_micros(1));
        for news in news.try_iter() {
            match news {
                News::Sent(all) => sent = Some(all),
                News::Handled(all) => handled = Some(all),
                News::Ready => {}
                News::Refused => panic!("the feed was refused"),
            }
        }
    }
    sent.zip(handled).unwrap()
}

fn times(handled: &Handled) -> Times {
    let mut times = Times::new();
    handled.record.intervals.iter().for_each(|interval| times.add(interval));
    times
}

#[test]
fn a_stall_shows_in_every_message_that_was_due_meanwhile() {
    const STALL_US: u64 = 5_000;
    let (sent, handled) = run(Duration::from_micros(STALL_US));
    let times = times(&handled);
    assert_eq!((sent.messages, handled.messages, times.len()), (20_000, 20_000, 20_000));
    for limit_us in [1_000, 2_500, 4_000] {
        // The message that was due so long after the stalled one still took the rest of the stall.
        let late = times.latency_ns.count_between(limit_us * 1_000, u64::MAX);
        assert!(late > STALL_US - limit_us, "{late} messages took {limit_us} µs or longer");
    }
    // The stall itself is the handling of one message alone.
    assert_eq!(times.handling_ns.count_between(1_000_000, u64::MAX), 1);
    assert!(times.waiting_ns.count_between(1_000_000, u64::MAX) >= STALL_US - 1_000);
}

#[test]
fn without_a_stall_no_message_is_late() {
    let (sent, handled) = run(Duration::ZERO);
    assert_eq!((sent.messages, handled.messages), (20_000, 20_000));
    assert_eq!(times(&handled).latency_ns.count_between(1_000_000, u64::MAX), 0);
}

#[test]
fn a_stall_of_seconds_cuts_the_run_off_and_what_was_sent_is_still_handled() {
    let (sent, handled) = run(Duration::from_secs(2));
    assert!(sent.is_cut_off);
    assert!((5_000..20_000).contains(&sent.messages));
    assert_eq!(handled.messages, sent.messages);
}
