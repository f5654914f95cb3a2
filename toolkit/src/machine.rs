//! State machines: typed states with timeouts and hooks.
//!
//! # What
//! A [`Machine`] has a state of a type of its own, usually an enum whose variants carry what is only there in that state.
//! It handles a message in its state, and says by a [`Transition`] what comes of it. A [`StateMachine`] is the actor that
//! runs it: it calls the hooks, arms and cancels the timeouts, and handles the [stash](crate::stash) again when the state
//! has changed, as OTP's `gen_statem` does with events that were postponed.
//!
//! # Trade-offs
//! The state is a value that the machine changes in place, so that a message which changes nothing costs no more than in
//! an actor with a `match`. Timeouts are those of states; a machine that needs others sends itself messages, as any actor.
//!
//! # How it works
//! Each time that a state is entered has a number of its own, never used again on the worker. The message of its timeout
//! carries it as a [`StateTimeout`]. The timer is cancelled when the state is left; but a timer that has fired may have its
//! message in a private mailbox by then, or held for an actor that is being restarted. Such a message is dropped before
//! the machine sees it, since its number is not that of the state now.
//!
//! # How to use
//! See [`Machine`]; the page `docs/guide/behaviours.md` of the guide has more.

mod runner;

pub use runner::StateMachine;

use std::time::Duration;

use hippodrome::Context;

use crate::stash::Stash;

/// What a machine does after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transition<S> {
    /// It stays in its state, whose timeout goes on.
    Stay,
    /// It stays in its state, whose timeout begins anew. No hook is called.
    StayAnew,
    /// It leaves its state for this one, which may be equal to it: the hooks are called, the timeout is the new state's,
    /// and what is stashed is handled again.
    Goto(S),
    /// It stops, as by [`Context::stop_self`]. What is stashed becomes dead letters.
    Stop,
}

/// The end of a state's time, on its way to the machine in a message of its own. It is of one stay in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateTimeout {
    entry: u64,
}

/// A state machine; a [`StateMachine`] makes an actor of it.
///
/// # Panics
/// A panic in any of these methods is one of the actor's.
///
/// # Examples
/// A door that closes by itself:
///
/// ```
/// use hippodrome::{Context, Engine, On, Reply};
/// use hippodrome_toolkit::machine::{Machine, StateMachine, StateTimeout, Transition};
/// use std::time::Duration;
/// use Transition::{Goto, Stay};
///
/// struct Door;
///
/// enum State {
///     Closed,
///     Open { visitors: u32 },
/// }
///
/// enum Event {
///     Push,
///     Visitors(Reply<u32>),
///     TimedOut(StateTimeout),
/// }
///
/// impl Machine for Door {
///     type State = State;
///     type Msg = Event;
///
///     fn handle(&mut self, state: &mut State, msg: Event, ctx: &mut Context<'_, Event>) -> Transition<State> {
///         match (state, msg) {
///             (State::Closed, Event::Push) => return Goto(State::Open { visitors: 1 }),
///             (State::Open { .. }, Event::TimedOut(_)) => return Goto(State::Closed),
///             (State::Open { visitors }, Event::Push) => *visitors += 1,
///             (State::Open { visitors }, Event::Visitors(reply)) => reply.send(ctx, *visitors),
///             (State::Closed, Event::Visitors(reply)) => reply.send(ctx, 0),
///             (State::Closed, Event::TimedOut(_)) => {}
///         }
///         Stay
///     }
///
///     fn timeout(&self, state: &State, token: StateTimeout) -> Option<(Duration, Event)> {
///         matches!(state, State::Open { .. }).then(|| (Duration::from_secs(60), Event::TimedOut(token)))
///     }
///
///     fn timeout_of(msg: &Event) -> Option<StateTimeout> {
///         if let Event::TimedOut(token) = msg { Some(*token) } else { None }
///     }
/// }
///
/// # fn main() -> Result<(), hippodrome::Error> {
/// let engine = Engine::builder().unpinned_workers(1).start()?;
/// let handle = engine.handle();
/// let door = handle.spawn(On::Worker(0), || StateMachine::new(Door, State::Closed))?;
/// handle.tell(door, Event::Push);
/// handle.tell(door, Event::Push);
/// assert_eq!(handle.ask(door, Event::Visitors).wait(Duration::from_secs(5))?, 2);
/// engine.shutdown(Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
pub trait Machine: 'static {
    /// The state that it is in; usually an enum.
    type State: 'static;

    /// What it understands; usually an enum. One variant of a machine with timeouts carries a [`StateTimeout`].
    type Msg: Send + 'static;

    /// Handles one message in this state, and says what comes of it.
    ///
    /// What a state is made of may be changed in place; that is no transition.
    fn handle(
        &mut self,
        state: &mut Self::State,
        msg: Self::Msg,
        ctx: &mut Context<'_, Self::Msg>,
    ) -> Transition<Self::State>;

    /// How long the machine may stay in this state, and the message, which carries the token, that it gets then if it is
    /// still there. Called when the state was entered, and for [`StayAnew`](Transition::StayAnew). No state has one if this
    /// is not written.
    ///
    /// If the worker has no timer left, the message comes at once: too early is better than never. A message over 40 bytes
    /// is boxed.
    fn timeout(&self, state: &Self::State, token: StateTimeout) -> Option<(Duration, Self::Msg)> {
        let _ = (state, token);
        None
    }

    /// The token in a message that [`timeout`](Self::timeout) has made. To be written with that: it is how a timeout that
    /// comes too late is known.
    ///
    /// # Panics
    /// If it does not find the token that `timeout` was given, the machine fails when it enters the state.
    fn timeout_of(msg: &Self::Msg) -> Option<StateTimeout> {
        let _ = msg;
        None
    }

    /// Called when a state was entered, the first one too, before its timeout begins.
    fn entered(&mut self, state: &mut Self::State, ctx: &mut Context<'_, Self::Msg>) {
        let _ = (state, ctx);
    }

    /// Called when a state is left, after its timeout has ended; and for the last one when the actor stops, unless it is
    /// killed or has panicked.
    fn left(&mut self, state: &mut Self::State, ctx: &mut Context<'_, Self::Msg>) {
        let _ = (state, ctx);
    }

    /// Called between the two, with the state that was left and the one to be entered.
    fn changes(&mut self, from: &Self::State, to: &Self::State, ctx: &mut Context<'_, Self::Msg>) {
        let _ = (from, to, ctx);
    }

    /// The machine's stash, if it has one: after a change of state everything in it is handled again in the new state, in
    /// order, before whatever is queued. If the state changes meanwhile, it begins again with the oldest that was stashed
    /// again.
    ///
    /// A machine that stashes a message and goes to a state which does the same with it never ends.
    fn stash(&mut self) -> Option<&mut Stash<Self::Msg>> {
        None
    }
}
