//! What an actor engine has to offer so that the programs of the scenarios run on it.
//!
//! A program is a set of [`Role`]s, written once. An engine's adapter is a [`Platform`]: it turns a role into an actor of
//! its own kind. All of it is resolved by the compiler, so a program costs what it would cost if it were written for the
//! engine by hand.
//!
//! A run begins with one actor, `main`. It is told to set up, which is not timed; what it spawned then has started before
//! it is told to go, which is. Whoever handles the last message sets the [`Finish`].

use std::sync::Arc;

use crate::cores::Cores;
use crate::finish::Finish;
use crate::sample::{Failure, Sample};

/// Where an actor is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the core of whoever spawns it.
    Here,
    /// On the first or the second core of a scenario that has two; with one core they are the same.
    Core(usize),
}

/// An actor engine.
pub trait Platform: Sized + 'static {
    /// A typed address.
    type Ref<R: Role<Self>>: Clone + Send + Sync + 'static;
    /// What an actor can do while it handles a message.
    type Context<'a, R: Role<Self>>: Context<Self, R>;

    /// Runs a program on these cores: on one thread, or on two pinned ones where `cores` has a second core.
    ///
    /// The engine is started before and ended after what is timed.
    ///
    /// # Errors
    /// The engine cannot be started, or the run ends before the finish is set.
    fn run<R: Role<Self>>(run: Run<R, R::Msg>, cores: &Cores) -> Result<Sample, Failure>;
}

/// A program's beginning.
pub struct Run<Main, Msg> {
    /// Makes the first actor, which is put on the first core.
    pub main: Box<dyn FnOnce(Arc<Finish>) -> Main + Send>,
    /// The first message, if there is anything to prepare.
    pub set_up: Option<Msg>,
    /// The message that everything timed begins with.
    pub go: Msg,
}

/// An actor of a program.
pub trait Role<P: Platform>: Send + Sized + 'static {
    /// What it is told.
    type Msg: Send + 'static;

    /// Handles a message. It must not block.
    fn receive(&mut self, message: Self::Msg, context: &mut P::Context<'_, Self>);
}

/// What an actor can do while it handles a message.
pub trait Context<P: Platform, R: Role<P>> {
    /// Its own address.
    fn me(&self) -> P::Ref<R>;

    /// Sends a message, without waiting for room.
    fn tell<To: Role<P>>(&mut self, to: &P::Ref<To>, message: To::Msg);

    /// Sends many messages to one actor; the same as one after the other, for engines that do it at once.
    fn tell_all<To: Role<P>>(&mut self, to: &P::Ref<To>, messages: impl IntoIterator<Item = To::Msg>) {
        for message in messages {
            self.tell(to, message);
        }
    }

    /// Adds an actor. Messages may be sent to it at once.
    fn spawn<New: Role<P>>(&mut self, place: Place, actor: New) -> P::Ref<New>;

    /// Ends this actor after the current message.
    fn stop(&mut self);
}
