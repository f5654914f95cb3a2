//! Timeouts that come too late: fired already, and queued in a private mailbox, when their state is left.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::time::Duration;

use hippodrome::sim::{Faults, Sim, explore_with};
use hippodrome::{Context, MailboxSpec, On, Props, Restart};
use hippodrome_toolkit::machine::{Machine, StateMachine, StateTimeout, Transition};
use proptest::prelude::*;

use Transition::{Goto, StayAnew};

use crate::MILLISECOND;

/// A machine that times out of whatever state it is in, and looks whether each timeout is that of the state.
struct Watchful {
    /// Which of all entries of states it was that it has entered last.
    entry: u64,
    is_slow: bool,
}

#[derive(Debug)]
enum Watched {
    Next,
    Anew,
    Same,
    Panic,
    /// With the entry that it was armed for.
    TimedOut(StateTimeout, u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    One,
    Two,
    Three,
}

thread_local! {
    /// Timeouts of the machines of this thread's simulation: armed, looked at as a message, shown to the machine, and shown
    /// to it in another state than that which they were armed for.
    static ARMED: Cell<u64> = const { Cell::new(0) };
    static LOOKED_AT: Cell<u64> = const { Cell::new(0) };
    static SHOWN: Cell<u64> = const { Cell::new(0) };
    static WRONG: Cell<u64> = const { Cell::new(0) };
    /// Entries of states, of all machines and of all their lives.
    static ENTRIES: Cell<u64> = const { Cell::new(0) };
}

fn count(counter: &'static std::thread::LocalKey<Cell<u64>>) {
    counter.set(counter.get() + 1);
}

impl Machine for Watchful {
    type State = Phase;
    type Msg = Watched;

    fn handle(&mut self, state: &mut Phase, msg: Watched, _: &mut Context<'_, Watched>) -> Transition<Phase> {
        let next = match state {
            Phase::One => Phase::Two,
            Phase::Two => Phase::Three,
            Phase::Three => Phase::One,
        };
        match msg {
            Watched::Next => Goto(next),
            Watched::Same => Goto(*state),
            Watched::Anew => StayAnew,
            Watched::Panic => std::panic::resume_unwind(Box::new("a panic of the test's")),
            Watched::TimedOut(_, entry) => {
                count(&SHOWN);
                if entry != self.entry {
                    count(&WRONG);
                }
                Goto(next)
            }
        }
    }

    fn timeout(&self, _: &Phase, token: StateTimeout) -> Option<(Duration, Watched)> {
        count(&ARMED);
        let time = if self.is_slow { 4 * MILLISECOND } else { MILLISECOND };
        Some((time, Watched::TimedOut(token, self.entry)))
    }

    fn timeout_of(msg: &Watched) -> Option<StateTimeout> {
        let Watched::TimedOut(token, _) = msg else { return None };
        count(&LOOKED_AT);
        Some(*token)
    }

    fn entered(&mut self, _: &mut Phase, _: &mut Context<'_, Watched>) {
        count(&ENTRIES);
        self.entry = ENTRIES.get();
    }
}

/// Runs two such machines with private mailboxes through these events. Returns how many timeouts came too late.
fn late_timeouts(sim: &mut Sim, events: &[(u8, u8)]) -> u64 {
    for counter in [&ARMED, &LOOKED_AT, &SHOWN, &WRONG] {
        counter.set(0);
    }
    let machines = [0, 1].map(|worker| {
        let mailbox = MailboxSpec::bounded(NonZeroUsize::new(64).unwrap());
        let props = Props::on(On::Worker(worker)).mailbox(mailbox).restart(Restart::up_to(100, MILLISECOND));
        let is_slow = worker == 1;
        let factory = move || StateMachine::new(Watchful { entry: 0, is_slow }, Phase::One);
        sim.handle().spawn(props, factory).unwrap()
    });
    for (what, pause) in events {
        let msg = match what % 16 {
            0..9 => Watched::Next,
            9..12 => Watched::Same,
            12..15 => Watched::Anew,
            _ => Watched::Panic,
        };
        sim.handle().tell(machines[usize::from(what >> 4) % 2], msg);
        // Each step takes some time: timers fire while messages wait.
        sim.run_for_steps(u64::from(pause % 4));
    }
    sim.advance(10 * MILLISECOND).unwrap();
    assert_eq!(WRONG.get(), 0, "a timeout has hit another state");
    assert!(SHOWN.get() > 0);
    // Each was looked at when it was armed, too.
    LOOKED_AT.get() - ARMED.get() - SHOWN.get()
}

fn faults() -> Faults {
    Faults::none().step_time(Duration::from_micros(400)).timer_jitter(MILLISECOND).delays(8).panics(200).failures(300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_timeout_hits_another_state(seed: u64, events in prop::collection::vec(any::<(u8, u8)>(), 100..300)) {
        let mut sim = Sim::builder(seed).faults(faults()).build().unwrap();
        late_timeouts(&mut sim, &events);
    }
}

#[test]
fn timeouts_that_come_too_late_are_dropped() {
    let mut late = 0;
    explore_with(
        50,
        |builder| builder.faults(faults()),
        |sim| {
            let events: Vec<_> = (0..200_u32).map(|n| ((n * 37 % 251) as u8, (n * 91 % 13) as u8)).collect();
            late += late_timeouts(sim, &events);
        },
    );
    assert!(late > 0, "there were such");
}
