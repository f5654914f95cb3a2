//! A matcher that is killed at any moment does what one does that is left alone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::*;
use crate::flow::{Flow, OPEN_ORDERS, Settings};
use crate::order::Side;

fn requests(count: u32) -> Vec<Request> {
    let flow = Flow::new(Settings { requests: count, symbols: 1, accounts: 10, gateways: 1, seed: 3 });
    // What makes no sense never comes to a matcher.
    let sense = |request: Request| match request.action {
        Action::Cancel { .. } => request,
        action if (1..=1_000).contains(&action.lots()) => request,
        _ => Request { action: Action::Limit { lots: 1, tick: 500 }, ..request },
    };
    flow.map(sense).collect()
}

fn kept(requests: &[Request], kills: Vec<(u64, Moment)>) -> Kept {
    with_room(requests.len(), OPEN_ORDERS + kills.len(), kills)
}

fn with_room(requests: usize, orders: usize, kills: Vec<(u64, Moment)>) -> Kept {
    let (mut writers, _) = hippodrome_toolkit::latest::board(1, 1).unwrap();
    Kept::new(requests, orders, writers.remove(0), Kills::new(kills))
}

/// Hands all requests to a matcher, starts it anew after each panic, and gives all reports that it has sent.
fn run(kept: &mut Kept, requests: &[Request]) -> Vec<Report> {
    let mut reports = Vec::new();
    for request in requests {
        let accepted = catch_unwind(AssertUnwindSafe(|| kept.accept(request, |report| reports.push(report))));
        if accepted.is_err() {
            kept.recover(|report| reports.push(report));
        }
    }
    reports
}

/// Runs with these kills, and compares with a run without any and without the requests that were lost.
fn check(requests: &[Request], kills: Vec<(u64, Moment)>) {
    let before = kills.iter().filter(|(_, moment)| *moment == Moment::Before).count();
    let mut killed = kept(requests, kills.clone());
    let (lost, reports): (Vec<Report>, Vec<Report>) =
        run(&mut killed, requests).into_iter().partition(|report| report.what == What::Lost);
    assert_eq!(lost.len(), before);
    assert_eq!((killed.lost(), killed.kills()), (before as u64, kills.len() as u64));
    assert_eq!(killed.recovered(), (kills.len() - before) as u64);

    let lost: Vec<_> = lost.iter().map(|report| report.request).collect();
    let left: Vec<Request> = requests.iter().copied().filter(|request| !lost.contains(&request.id)).collect();
    let mut spared = kept(requests, Vec::new());
    assert_eq!(run(&mut spared, &left), reports);
    assert_eq!(spared.journal().entries(), killed.journal().entries());
    assert_eq!((spared.book().tape(), spared.book().quote()), (killed.book().tape(), killed.book().quote()));
    for side in Side::BOTH {
        assert_eq!(spared.book().side(side), killed.book().side(side));
    }
}

#[test]
fn a_kill_at_every_request_and_moment_loses_and_doubles_nothing() {
    let requests = requests(600);
    for moment in [Moment::Before, Moment::After, Moment::Amid] {
        for first in 0..3 {
            let kills = (first..requests.len() as u64).step_by(3).map(|number| (number, moment)).collect();
            check(&requests, kills);
        }
    }
}

#[test]
fn a_kill_behind_several_snapshots_loses_and_doubles_nothing() {
    let requests = requests(3 * SNAPSHOT_EVERY as u32 + 100);
    let moments = [Moment::Before, Moment::After, Moment::Amid];
    let at = [8_190, 8_191, 8_192, 8_193, 16_383, 16_384, 20_000, 24_575, 24_576, 24_577];
    check(&requests, at.into_iter().zip(moments.into_iter().cycle()).collect());
}

#[test]
fn a_start_that_panics_is_made_again_and_tells_the_rest() {
    let requests = requests(200);
    let mut kept = kept(&requests, vec![(199 - 20, Moment::After)]);
    let mut reports = Vec::new();
    for request in &requests {
        let accepted = catch_unwind(AssertUnwindSafe(|| kept.accept(request, |report| reports.push(report))));
        let mut is_down = accepted.is_err();
        while is_down {
            // Each start gets one report further, and dies at the next.
            let mut told = 0;
            let started = catch_unwind(AssertUnwindSafe(|| {
                kept.recover(|report| {
                    if told == 1 {
                        resume_unwind(Box::new(()));
                    }
                    told += 1;
                    reports.push(report);
                });
            }));
            is_down = started.is_err();
        }
    }
    let mut spared = self::kept(&requests, Vec::new());
    assert_eq!(run(&mut spared, &requests), reports);
}

#[test]
fn what_finds_no_room_is_refused_and_not_accepted() {
    let order = |id, lots| Request {
        due_ns: 0,
        id,
        action: Action::Limit { lots, tick: 7 },
        account: 0,
        symbol: 0,
        side: Side::Buy,
    };
    let answer = |kept: &mut Kept, request: Request| run(kept, &[request]).pop().unwrap().what;
    let mut kept = with_room(3, 1, Vec::new());
    assert_eq!(answer(&mut kept, order(0, 5)), What::Resting);
    assert_eq!(answer(&mut kept, order(1, 5)), What::Rejected(Reason::BookFull));
    let cancel = |id| Request { action: Action::Cancel { order: 0 }, ..order(id, 0) };
    assert_eq!(answer(&mut kept, cancel(2)), What::Cancelled);
    assert_eq!(answer(&mut kept, cancel(3)), What::TooLate);
    assert_eq!(answer(&mut kept, order(4, 5)), What::Rejected(Reason::JournalFull));
    assert_eq!(kept.journal().entries().len(), 3);

    // A kill of what is refused is before anything.
    for moment in [Moment::Before, Moment::After, Moment::Amid] {
        let mut kept = with_room(3, 0, vec![(0, moment)]);
        assert_eq!(answer(&mut kept, order(0, 5)), What::Lost);
        assert_eq!(answer(&mut kept, order(1, 5)), What::Rejected(Reason::BookFull));
    }
}
