//! The actor that runs a state machine.

use std::any::type_name;
use std::fmt;

use hippodrome::{Actor, Context, TimerKey};

use super::{Machine, StateTimeout, Transition};
use crate::stash::accounted;

/// The actor that runs a [`Machine`].
///
/// # Cost
/// A message costs a call of [`Machine::timeout_of`] and a compare more than in an actor that is written by hand. A
/// transition into a state with a timeout arms a timer, and one out of it cancels a timer.
pub struct StateMachine<T: Machine> {
    machine: T,
    state: T::State,
    timeout: Option<Running>,
}

/// The timeout of the state now.
struct Running {
    token: StateTimeout,
    /// None if the worker had no timer left: then the message is on its way.
    timer: Option<TimerKey>,
}

/// What one message has done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Stayed,
    Changed,
    Stopped,
}

impl<T: Machine> StateMachine<T> {
    /// A machine in its first state, which it enters when it starts.
    #[must_use]
    pub fn new(machine: T, first: T::State) -> Self {
        Self { machine, state: first, timeout: None }
    }

    #[inline]
    fn handle_one(&mut self, msg: T::Msg, ctx: &mut Context<'_, T::Msg>) -> Done {
        if let Some(token) = T::timeout_of(&msg)
            && !self.take_timeout(token)
        {
            return Done::Stayed;
        }
        match self.machine.handle(&mut self.state, msg, ctx) {
            Transition::Stay => Done::Stayed,
            Transition::StayAnew => {
                self.cancel_timeout(ctx);
                self.begin_timeout(ctx);
                Done::Stayed
            }
            Transition::Goto(to) => {
                self.go(to, ctx);
                Done::Changed
            }
            Transition::Stop => {
                ctx.stop_self();
                Done::Stopped
            }
        }
    }

    /// Whether this is the timeout of the state now. It is over then.
    fn take_timeout(&mut self, token: StateTimeout) -> bool {
        self.timeout.take_if(|running| running.token == token).is_some()
    }

    fn go(&mut self, to: T::State, ctx: &mut Context<'_, T::Msg>) {
        self.cancel_timeout(ctx);
        self.machine.left(&mut self.state, ctx);
        self.machine.changes(&self.state, &to, ctx);
        self.state = to;
        self.enter(ctx);
    }

    fn enter(&mut self, ctx: &mut Context<'_, T::Msg>) {
        self.machine.entered(&mut self.state, ctx);
        self.begin_timeout(ctx);
    }

    fn begin_timeout(&mut self, ctx: &mut Context<'_, T::Msg>) {
        // The worker's generator gives no number twice before it has given all 2^64. So the number is none of an earlier
        // life of this actor either, of which a timeout may still be queued.
        let token = StateTimeout { entry: ctx.random() };
        let Some((delay, message)) = self.machine.timeout(&self.state, token) else { return };
        assert!(
            T::timeout_of(&message) == Some(token),
            "{}::timeout_of does not find the token that its timeout was given",
            type_name::<T>()
        );
        let timer = match ctx.send_after(delay, message) {
            Ok(timer) => Some(timer),
            Err(message) => {
                ctx.tell(ctx.me(), message);
                None
            }
        };
        self.timeout = Some(Running { token, timer });
    }

    fn cancel_timeout(&mut self, ctx: &mut Context<'_, T::Msg>) {
        if let Some(Running { timer: Some(timer), .. }) = self.timeout.take() {
            ctx.cancel(timer);
        }
    }

    /// Handles the stash again, after a change of the state, and as often as it changes meanwhile.
    #[cold]
    fn replay(&mut self, ctx: &mut Context<'_, T::Msg>) {
        let Some(stash) = self.machine.stash() else { return };
        stash.replay();
        while let Some(message) = self.machine.stash().and_then(|stash| stash.next_replayed()) {
            match accounted(ctx, |ctx| self.handle_one(message, ctx)) {
                Done::Stayed => {}
                Done::Changed => {
                    if let Some(stash) = self.machine.stash() {
                        stash.replay();
                    }
                }
                Done::Stopped => return,
            }
        }
    }
}

impl<T: Machine> Actor for StateMachine<T> {
    type Msg = T::Msg;

    #[inline]
    fn handle(&mut self, msg: T::Msg, ctx: &mut Context<'_, T::Msg>) {
        if self.handle_one(msg, ctx) == Done::Changed {
            self.replay(ctx);
        }
    }

    fn started(&mut self, ctx: &mut Context<'_, T::Msg>) {
        self.enter(ctx);
    }

    fn stopped(&mut self, ctx: &mut Context<'_, T::Msg>) {
        self.cancel_timeout(ctx);
        self.machine.left(&mut self.state, ctx);
    }
}

impl<T: Machine> fmt::Debug for StateMachine<T>
where
    T::State: fmt::Debug,
{
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StateMachine<{}>({:?})", type_name::<T>(), self.state)
    }
}
