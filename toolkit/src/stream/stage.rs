//! What a part of a stream is made of: stages that are pulled from below.
//!
//! A chain of stages is one type, as a chain of iterators is, and the compiler makes one loop of it. A stage that is
//! pulled gives an element, or says why it gives none. Whoever pulls it never waits: a stage that has nothing now is
//! pulled again when a signal comes for its island, or at the time that it has named.

use std::cell::Cell;
use std::time::Duration;

use hippodrome::{ActorRef, Context, DeadLetterReason};

use super::failure::{Fault, OnFailure};
use super::signal::{Dropped, Outbox, Signal, Tally};
use crate::duration::nanos;

/// What a stage gives to whoever pulls it.
#[doc(hidden)]
#[derive(Debug)]
pub enum Step<T> {
    /// An element.
    Item(T),
    /// Nothing now.
    Wait,
    /// Nothing any more. The stage is not pulled again.
    End,
    /// An element was lost to a failure, or the stage can give no more, as the fault says.
    Fault(Box<Fault>),
}

/// Something that elements come out of: a source, with what was put behind it.
///
/// It is made by the methods of [`Source`](super::Source), and named in the types of functions that take and give
/// sources; it is not for being implemented or called elsewhere.
pub trait Stage: Send + 'static {
    /// The elements.
    type Item;

    /// Pulls one element.
    #[doc(hidden)]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<Self::Item>;

    /// Called once, on the island's worker, before the first pull.
    #[doc(hidden)]
    fn start(&mut self, turn: &mut Turn<'_, '_>);

    /// Takes a signal, or gives it back if it is for somebody else.
    #[doc(hidden)]
    fn receive(&mut self, signal: Signal, turn: &mut Turn<'_, '_>) -> Option<Signal>;

    /// Nobody will pull any more: whoever gives elements to this one is told. May be called again.
    #[doc(hidden)]
    fn cancel(&mut self, turn: &mut Turn<'_, '_>);

    /// Whether no signal is on the way between this stage and another island.
    #[doc(hidden)]
    fn is_closed(&self) -> bool;

    /// Makes the state of this stage and of those above afresh.
    #[doc(hidden)]
    fn restart(&mut self, turn: &mut Turn<'_, '_>);

    /// After a panic has unwound through it: does what it was told for this case, and says what that is.
    #[doc(hidden)]
    fn recover(&mut self, turn: &mut Turn<'_, '_>) -> Option<OnFailure>;
}

/// All of a stage but its `next`, for one that only passes on to the stages above it. `restart` makes its own state
/// afresh by the method `reset` of the stage, where one is named.
macro_rules! forward {
    ($($up:ident),+) => {
        forward!($($up),+; |_stage, _turn| ());
    };
    ($($up:ident),+; |$stage:ident, $turn:ident| $reset:expr) => {
        fn start(&mut self, turn: &mut $crate::stream::stage::Turn<'_, '_>) {
            $(self.$up.start(turn);)+
        }

        #[inline]
        fn receive(
            &mut self,
            signal: $crate::stream::signal::Signal,
            turn: &mut $crate::stream::stage::Turn<'_, '_>,
        ) -> Option<$crate::stream::signal::Signal> {
            $(let signal = self.$up.receive(signal, turn)?;)+
            Some(signal)
        }

        fn cancel(&mut self, turn: &mut $crate::stream::stage::Turn<'_, '_>) {
            $(self.$up.cancel(turn);)+
        }

        fn is_closed(&self) -> bool {
            true $(&& self.$up.is_closed())+
        }

        fn restart(&mut self, turn: &mut $crate::stream::stage::Turn<'_, '_>) {
            $(self.$up.restart(turn);)+
            let ($stage, $turn) = (self, turn);
            $reset
        }

        fn recover(
            &mut self,
            turn: &mut $crate::stream::stage::Turn<'_, '_>,
        ) -> Option<$crate::stream::failure::OnFailure> {
            None $(.or_else(|| self.$up.recover(turn)))+
        }
    };
}
pub(crate) use forward;

/// All of a stage but its `next`, for one that has none above it and hears from nobody.
macro_rules! origin {
    () => {
        fn start(&mut self, _: &mut $crate::stream::stage::Turn<'_, '_>) {}

        #[inline]
        fn receive(
            &mut self,
            signal: $crate::stream::signal::Signal,
            _: &mut $crate::stream::stage::Turn<'_, '_>,
        ) -> Option<$crate::stream::signal::Signal> {
            Some(signal)
        }

        fn cancel(&mut self, _: &mut $crate::stream::stage::Turn<'_, '_>) {}

        fn is_closed(&self) -> bool {
            true
        }

        fn restart(&mut self, _: &mut $crate::stream::stage::Turn<'_, '_>) {}

        fn recover(
            &mut self,
            _: &mut $crate::stream::stage::Turn<'_, '_>,
        ) -> Option<$crate::stream::failure::OnFailure> {
            None
        }
    };
}
pub(crate) use origin;

/// Stages of a type that can be named; see [`Source::boxed`](super::Source::boxed).
pub type BoxedStage<T> = Box<dyn Stage<Item = T>>;

impl<T: 'static> Stage for BoxedStage<T> {
    type Item = T;

    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<T> {
        (**self).next(turn)
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        (**self).start(turn);
    }

    fn receive(&mut self, signal: Signal, turn: &mut Turn<'_, '_>) -> Option<Signal> {
        (**self).receive(signal, turn)
    }

    fn cancel(&mut self, turn: &mut Turn<'_, '_>) {
        (**self).cancel(turn);
    }

    fn is_closed(&self) -> bool {
        (**self).is_closed()
    }

    fn restart(&mut self, turn: &mut Turn<'_, '_>) {
        (**self).restart(turn);
    }

    fn recover(&mut self, turn: &mut Turn<'_, '_>) -> Option<OnFailure> {
        (**self).recover(turn)
    }
}

/// What stages can do while their island has its turn.
#[doc(hidden)]
#[derive(Debug)]
pub struct Turn<'a, 'c> {
    ctx: &'a mut Context<'c, Signal>,
    outbox: &'a mut Outbox,
    pub(crate) tally: &'a Tally,
    /// How many elements may still enter the island's stages.
    budget: u32,
    /// When the island is to be woken; `u64::MAX` is never.
    wake_ns: u64,
    /// Whose code a panic came out of.
    blamed: Cell<Blamed>,
}

/// Who is to blame for a panic.
#[derive(Clone, Copy, Debug, Default)]
enum Blamed {
    #[default]
    Nobody,
    /// The operator whose closure it was.
    Operator(&'static str),
    /// The name that was given to the part it is in.
    Named(&'static str),
}

impl<'a, 'c> Turn<'a, 'c> {
    pub(crate) fn new(ctx: &'a mut Context<'c, Signal>, outbox: &'a mut Outbox, tally: &'a Tally, budget: u32) -> Self {
        Self { ctx, outbox, tally, budget, wake_ns: u64::MAX, blamed: Cell::default() }
    }

    pub(crate) fn ctx(&mut self) -> &mut Context<'c, Signal> {
        self.ctx
    }

    /// Takes one element's part of the budget, if there is any left.
    #[inline(always)]
    pub(crate) fn spend(&mut self) -> bool {
        let left = self.budget;
        self.budget = left.saturating_sub(1);
        left > 0
    }

    /// The same for many elements at once, which may be more than are left.
    pub(crate) fn spend_all(&mut self, elements: usize) -> bool {
        let left = self.budget;
        self.budget = left.saturating_sub(u32::try_from(elements).unwrap_or(u32::MAX));
        left > 0
    }

    /// Ends the island's turn: somebody has taken long.
    pub(crate) fn spend_rest(&mut self) {
        self.budget = 0;
    }

    /// Whether the island's turn is over, and somebody may have been kept from giving an element for that.
    pub(crate) fn is_spent(&self) -> bool {
        self.budget == 0
    }

    /// Sends a signal to another island. One that finds no room is sent later.
    pub(crate) fn send(&mut self, to: ActorRef<Signal>, signal: Signal) {
        self.outbox.send(self.ctx, to, signal);
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.ctx.now_ns()
    }

    /// Lets the island have a turn at that time.
    pub(crate) fn wake_at(&mut self, time_ns: u64) {
        self.wake_ns = self.wake_ns.min(time_ns);
    }

    pub(crate) fn wake_after(&mut self, time: Duration) {
        self.wake_at(self.now_ns().saturating_add(nanos(time)));
    }

    pub(crate) fn wake_ns(&self) -> u64 {
        self.wake_ns
    }

    /// Counts and reports elements that are dropped.
    #[cold]
    pub(crate) fn lose(&mut self, elements: usize, reason: DeadLetterReason) {
        self.tally.add(elements);
        let me = self.ctx.me();
        (0..elements).for_each(|_| self.ctx.dead_letter(me, Dropped, reason));
    }

    /// Runs the code of a user's closure; if it panics, this operator is to blame.
    #[inline(always)]
    pub(crate) fn call<R>(&self, operator: &'static str, run: impl FnOnce() -> R) -> R {
        let blame = Blame { blamed: &self.blamed, operator };
        let result = run();
        std::mem::forget(blame);
        result
    }

    /// Runs a part of the chain; if a stage in it is to blame for a panic, it is by this name.
    #[inline(always)]
    pub(crate) fn call_named<R>(&mut self, name: &'static str, run: impl FnOnce(&mut Self) -> R) -> R {
        let naming = Naming { turn: self, name };
        let result = run(&mut *naming.turn);
        std::mem::forget(naming);
        result
    }

    /// Who is to blame for a panic that was caught.
    pub(crate) fn take_blamed(&self) -> &'static str {
        match self.blamed.take() {
            Blamed::Nobody => "a stage",
            Blamed::Operator(name) | Blamed::Named(name) => name,
        }
    }
}

/// Says whose code it was, if it is dropped by a panic.
struct Blame<'a> {
    blamed: &'a Cell<Blamed>,
    operator: &'static str,
}

impl Drop for Blame<'_> {
    fn drop(&mut self) {
        if let Blamed::Nobody = self.blamed.get() {
            self.blamed.set(Blamed::Operator(self.operator));
        }
    }
}

struct Naming<'t, 'a, 'c> {
    turn: &'t mut Turn<'a, 'c>,
    name: &'static str,
}

impl Drop for Naming<'_, '_, '_> {
    fn drop(&mut self) {
        if !matches!(self.turn.blamed.get(), Blamed::Named(_)) {
            self.turn.blamed.set(Blamed::Named(self.name));
        }
    }
}
