//! Each strategy with each lifetime and each way in which a life ends.

use hippodrome::sim::explore;
use hippodrome::{Handle, Stop};
use hippodrome_toolkit::supervision::{Lifetime, Strategy, Supervisor};

use crate::house::{Job, NAMES, Place, Three, real, starts, stops};

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
const LIFETIMES: [Lifetime; 3] = [Lifetime::Permanent, Lifetime::Transient, Lifetime::Temporary];

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Panic,
    Kill,
    StopSelf,
    Told,
}

const ENDS: [End; 4] = [End::Panic, End::Kill, End::StopSelf, End::Told];

impl End {
    fn is_orderly(self) -> bool {
        matches!(self, Self::StopSelf | Self::Told)
    }

    fn make(self, handle: &Handle, actor: hippodrome::ActorRef<Job>) {
        match self {
            Self::Panic => handle.tell(actor, Job::Panic),
            Self::StopSelf => handle.tell(actor, Job::StopSelf),
            Self::Kill => handle.stop(actor, Stop::Kill).unwrap(),
            Self::Told => handle.stop(actor, Stop::AfterQueued).unwrap(),
        }
    }
}

/// Which of a, b and c are made anew when b has ended, and which others are stopped for it.
fn expected(strategy: Strategy, lifetime: Lifetime, end: End) -> Vec<String> {
    let mut log = if end.is_orderly() { stops(&["b"]) } else { Vec::new() };
    let goes_on = match lifetime {
        Lifetime::Permanent => true,
        Lifetime::Transient => !end.is_orderly(),
        Lifetime::Temporary => false,
    };
    if goes_on {
        let (stopped, started): (&[&str], &[&str]) = match strategy {
            Strategy::OneForOne => (&[], &["b"]),
            Strategy::OneForAll => (&["c", "a"], &["a", "b", "c"]),
            Strategy::RestForOne => (&["c"], &["b", "c"]),
        };
        log.extend(stops(stopped));
        log.extend(starts(started));
    }
    log
}

fn check(mut place: impl Place, strategy: Strategy, lifetime: Lifetime, end: End) {
    let handle = place.handle();
    let supervisor = move || Supervisor::new(strategy);
    let child = move |name, spec: hippodrome_toolkit::supervision::ChildSpec<Job>| {
        if name == "b" { spec.lifetime(lifetime) } else { spec }
    };
    let three = Three::spawn(&handle, supervisor, child);
    three.expect(&mut place, &starts(&NAMES));
    let before = [0, 1, 2].map(|n| three.actor(n));
    end.make(&handle, three.actor(1));
    let log = expected(strategy, lifetime, end);
    three.expect(&mut place, &log);
    let goes_on = log.iter().any(|line| line == "+b");
    assert_eq!([0, 1, 2].map(|n| three.actor(n)), before, "addresses outlive lives");
    for n in [0, 2] {
        handle.tell(three.actor(n), Job::Number(1));
        three.expect(&mut place, &[format!("{} 1", NAMES[n])]);
    }
    handle.tell(three.actor(1), Job::Number(1));
    if goes_on {
        three.expect(&mut place, &["b 1".to_owned()]);
    }
    let dead = place.end();
    assert_eq!(three.log.take(), if goes_on { stops(&["c", "b", "a"]) } else { stops(&["c", "a"]) });
    assert_eq!(dead, u64::from(end == End::Panic) + u64::from(!goes_on));
}

fn all(mut check: impl FnMut(Strategy, Lifetime, End)) {
    for strategy in STRATEGIES {
        for lifetime in LIFETIMES {
            for end in ENDS {
                check(strategy, lifetime, end);
            }
        }
    }
}

#[test]
fn who_is_made_anew_on_real_workers() {
    all(|strategy, lifetime, end| check(real(), strategy, lifetime, end));
}

#[test]
fn who_is_made_anew_in_simulation() {
    all(|strategy, lifetime, end| {
        explore(10, |sim| check(sim, strategy, lifetime, end));
    });
}
