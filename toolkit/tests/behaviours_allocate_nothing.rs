//! No allocation per message in the steady state: behaviours, machines with timeouts, stashes, and all layers.

#[path = "common/allocations.rs"]
mod allocations;

use std::sync::Arc;
use std::time::Duration;

use allocations::allocations_of_all;
use hippodrome::{Actor, ActorRef, Context, Engine, Host, ManualClock, On};
use hippodrome_toolkit::behaviour::Behaviours;
use hippodrome_toolkit::machine::{Machine, StateMachine, StateTimeout, Transition};
use hippodrome_toolkit::middleware::{
    Breaker, BreakerLimits, CircuitBreaker, Deadline, Layers, Metrics, RateLimit, Tracing,
};
use hippodrome_toolkit::stash::{Stash, Stashing};

enum Msg {
    Work(#[expect(dead_code, reason = "a message has a payload")] u64),
    Turn,
    TimedOut(StateTimeout),
}

/// Stashes work in one behaviour, and does it in the other.
struct Turning {
    behaviours: Behaviours<Self>,
    stash: Stash<Msg>,
    done: u64,
}

impl Turning {
    fn new() -> Self {
        Self { behaviours: Behaviours::new(Self::working), stash: Stash::with_limit(8), done: 0 }
    }

    fn working(&mut self, msg: Msg, _: &mut Context<'_, Msg>) {
        match msg {
            Msg::Turn => self.behaviours.push(Self::waiting).unwrap(),
            _ => self.done += 1,
        }
    }

    fn waiting(&mut self, msg: Msg, ctx: &mut Context<'_, Msg>) {
        if let Msg::Turn = msg {
            assert!(self.behaviours.pop());
            self.unstash_all(ctx);
        } else {
            self.stash.stash(ctx, msg).unwrap();
        }
    }
}

impl Stashing for Turning {
    fn stash(&mut self) -> &mut Stash<Msg> {
        &mut self.stash
    }
}

impl Actor for Turning {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Msg>) {
        self.behaviours.current()(self, msg, ctx);
    }
}

/// The same as a machine, which also turns by itself.
struct Turnstile {
    stash: Stash<Msg>,
    done: u64,
}

#[derive(Clone, Copy)]
enum State {
    Working,
    Waiting,
}

impl Machine for Turnstile {
    type State = State;
    type Msg = Msg;

    fn handle(&mut self, state: &mut State, msg: Msg, ctx: &mut Context<'_, Msg>) -> Transition<State> {
        match (*state, msg) {
            (State::Working, Msg::Turn | Msg::TimedOut(_)) => return Transition::Goto(State::Waiting),
            (State::Waiting, Msg::Turn | Msg::TimedOut(_)) => return Transition::Goto(State::Working),
            (State::Working, Msg::Work(_)) => self.done += 1,
            (State::Waiting, msg) => self.stash.stash(ctx, msg).unwrap(),
        }
        Transition::StayAnew
    }

    fn timeout(&self, _: &State, token: StateTimeout) -> Option<(Duration, Msg)> {
        Some((Duration::from_millis(3), Msg::TimedOut(token)))
    }

    fn timeout_of(msg: &Msg) -> Option<StateTimeout> {
        if let Msg::TimedOut(token) = msg { Some(*token) } else { None }
    }

    fn stash(&mut self) -> Option<&mut Stash<Msg>> {
        Some(&mut self.stash)
    }
}

fn round(host: &mut Host, clock: &ManualClock, actors: [ActorRef<Msg>; 3]) {
    for actor in actors {
        for n in 0..20 {
            host.handle().tell(actor, Msg::Work(n));
            if n % 5 == 0 {
                host.handle().tell(actor, Msg::Turn);
            }
        }
    }
    while host.poll(u64::MAX) > 0 {}
    clock.advance(Duration::from_millis(10));
    while host.poll(u64::MAX) > 0 {}
}

#[test]
fn no_message_allocates_in_the_steady_state() {
    let clock = Arc::new(ManualClock::default());
    let mut host = Engine::builder().unpinned_workers(1).clock(clock.clone()).host().unwrap();
    let handle = host.handle();
    let breaker = Breaker::new(BreakerLimits::default());
    let layered = Turning::new
        .layer(move || CircuitBreaker::new(&breaker))
        .layer(|| RateLimit::per_second(1_000_000))
        .layer(|| Deadline::by(|_: &Msg| u64::MAX))
        .layer(|| Metrics::named("turning"))
        .layer(|| Tracing::named("turning"));
    let machine = || StateMachine::new(Turnstile { stash: Stash::with_limit(64), done: 0 }, State::Working);
    let actors = [
        handle.spawn(On::Worker(0), Turning::new).unwrap(),
        handle.spawn(On::Worker(0), layered).unwrap(),
        handle.spawn(On::Worker(0), machine).unwrap(),
    ];
    for _ in 0..50 {
        round(&mut host, &clock, actors);
    }
    let allocations = allocations_of_all(|| {
        for _ in 0..50 {
            round(&mut host, &clock, actors);
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(handle.stats().dead_letters().total(), 0);
}
