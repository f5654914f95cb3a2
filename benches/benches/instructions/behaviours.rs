//! The flood once more, into sinks that handle a message by one of their functions or in one of their states.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |  Flooder -- 256 x Token --> Sink          |
//!   |    ^  |                                   |
//!   |    +--+ Send                              |
//!   +-------------------------------------------+
//! ```

use hippodrome::{Actor, ActorRef, Context, Handle, On};
use hippodrome_benches::Token;
use hippodrome_toolkit::behaviour::Behaviours;
use hippodrome_toolkit::machine::{Machine, StateMachine, Transition};

use crate::flood::{Sink, Target};
use crate::scenario::Found;

struct Behaving {
    sink: Sink,
    behaviours: Behaviours<Self>,
}

impl Behaving {
    fn even(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        self.behaviours.replace(Self::odd);
        self.sink.handle(token, ctx);
    }

    fn odd(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        self.behaviours.replace(Self::even);
        self.sink.handle(token, ctx);
    }
}

impl Actor for Behaving {
    type Msg = Token;

    fn handle(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        self.behaviours.current()(self, token, ctx);
    }
}

/// A sink whose behaviour changes with each message.
pub(crate) struct Changing;

impl Target for Changing {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        let factory = move || Behaving { sink: Sink::new(found.clone()), behaviours: Behaviours::new(Behaving::even) };
        handle.spawn(On::Worker(0), factory).expect("there is room for an actor")
    }
}

struct Turnstile(Sink);

enum State {
    Locked,
    Unlocked,
}

impl Machine for Turnstile {
    type State = State;
    type Msg = Token;

    fn handle(&mut self, state: &mut State, token: Token, ctx: &mut Context<'_, Token>) -> Transition<State> {
        self.0.handle(token, ctx);
        match state {
            State::Locked if token.payload[0].is_multiple_of(16) => Transition::Goto(State::Unlocked),
            State::Unlocked if token.payload[0] % 16 == 8 => Transition::Goto(State::Locked),
            _ => Transition::Stay,
        }
    }
}

/// A machine without timeouts, whose state changes with each eighth message.
pub(crate) struct Turning;

impl Target for Turning {
    fn spawn(handle: &Handle, found: Found) -> ActorRef<Token> {
        let factory = move || StateMachine::new(Turnstile(Sink::new(found.clone())), State::Locked);
        handle.spawn(On::Worker(0), factory).expect("there is room for an actor")
    }
}
