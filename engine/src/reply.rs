//! The right to answer one ask.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use hippodrome_ringbuf::oneshot;

use crate::address::{Address, Home, Tag};
use crate::asks::{Answer, AskKey};
use crate::context::Context;
use crate::core::{Core, POLLED};
use crate::dead_letter::DeadLetterReason;
use crate::failure::contained;

/// Answers one ask, once. It travels in the question, and may be kept, or sent on to another actor or thread.
///
/// Dropping it unanswered ends the ask at once with [`AskError::Unanswered`](crate::AskError::Unanswered). An answer
/// that comes after the ask has ended is a dead letter.
///
/// # Examples
/// ```
/// use hippodrome::{Context, Reply};
///
/// enum Count {
///     Add(u64),
///     Total(Reply<u64>),
/// }
///
/// fn handle(total: &mut u64, msg: Count, ctx: &mut Context<'_, Count>) {
///     match msg {
///         Count::Add(n) => *total += n,
///         Count::Total(reply) => reply.send(ctx, *total),
///     }
/// }
/// ```
pub struct Reply<T: Send + 'static> {
    route: Route<T>,
}

enum Route<T> {
    /// Answered, or taken apart.
    Nowhere,
    /// A thread outside the engine, or a future, waits at the other end.
    Outside(oneshot::Sender<T>),
    /// An actor of this worker waits.
    Actor(Home, AskKey),
}

impl<T: Send + 'static> Reply<T> {
    pub(crate) fn to_actor(home: Home, key: AskKey) -> Self {
        Self { route: Route::Actor(home, key) }
    }

    pub(crate) fn outside(sender: oneshot::Sender<T>) -> Self {
        Self { route: Route::Outside(sender) }
    }

    /// Answers from a handler. Costs as much as a tell.
    #[inline]
    pub fn send<M: Send + 'static>(self, ctx: &mut Context<'_, M>, value: T) {
        self.send_from(ctx.core(), value);
    }

    #[inline]
    pub(crate) fn send_from(self, core: &mut Core, value: T) {
        match self.into_route() {
            Route::Actor(home, key) => core.send_answer(home, key, value),
            Route::Outside(sender) => core.send_answer_outside(sender, value),
            Route::Nowhere => {}
        }
    }

    /// The route, for who answers: nothing is left to be dropped.
    #[inline(always)]
    fn into_route(self) -> Route<T> {
        let reply = ManuallyDrop::new(self);
        // SAFETY: the reply is not dropped, and the route is taken out of it once.
        unsafe { std::ptr::read(&raw const reply.route) }
    }

    /// Answers from a thread outside the engine. Never waits; an answer finds room even where a worker's ingress is full,
    /// for which it allocates.
    ///
    /// # Errors
    /// The answer, if the ask has ended, or its engine has.
    pub fn send_from_outside(self, value: T) -> Result<(), T> {
        match self.into_route() {
            Route::Actor(home, key) => crate::shared::answer_ask(home, Answer { key, value }),
            Route::Outside(sender) => sender.send(value),
            Route::Nowhere => Err(value),
        }
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.route, Route::Nowhere) {
            std::mem::replace(&mut self.route, Route::Nowhere).close();
        }
    }
}

impl<T: Send + 'static> Route<T> {
    /// Tells who asked that there is no answer. Out of line: every handler of a message with a reply in it has the drop of
    /// one, and few ever run it.
    #[cold]
    #[inline(never)]
    fn close(self) {
        match self {
            Self::Actor(home, key) => match polled() {
                Some(orphans) => orphans.push(home, key),
                None => crate::shared::close_ask(home, key),
            },
            // A sender closes its own channel. If the waker of who asked panics, that must not meet another panic, of the
            // actor that had the reply in its hand.
            Self::Outside(sender) => {
                count_panics(contained(|| drop(sender)));
            }
            Self::Nowhere => {}
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Reply<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Reply<{}>", std::any::type_name::<T>())
    }
}

/// The list of the worker that is being polled on this thread, if one is.
fn polled() -> Option<Rc<Orphans>> {
    POLLED.with(|polled| polled.try_borrow().ok().and_then(|polled| polled.clone()))
}

/// Counts panics of foreign code that had no worker at hand, if one is being polled on this thread.
pub(crate) fn count_panics(panics: u64) {
    if panics > 0
        && let Some(orphans) = polled()
    {
        orphans.count_panics(panics);
    }
}

/// Replies that were dropped unanswered on a worker's thread: their askers are told at the end of the turn.
#[derive(Default)]
pub(crate) struct Orphans {
    some: Cell<bool>,
    list: RefCell<Vec<(Home, AskKey)>>,
    /// Panics of foreign code that were contained without the worker: of wakers, and of messages that are dropped.
    panics: Cell<u64>,
}

impl Orphans {
    fn push(&self, home: Home, key: AskKey) {
        self.some.set(true);
        self.list.borrow_mut().push((home, key));
    }

    fn count_panics(&self, panics: u64) {
        self.some.set(true);
        self.panics.set(self.panics.get() + panics);
    }

    pub(crate) fn take_panics(&self) -> u64 {
        self.panics.take()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        !self.some.get()
    }

    pub(crate) fn take(&self) -> Vec<(Home, AskKey)> {
        self.some.set(false);
        self.list.take()
    }

    /// Takes an empty list back, for the next ones: so that they need not allocate.
    pub(crate) fn recycle(&self, list: Vec<(Home, AskKey)>) {
        let mut newer = self.list.borrow_mut();
        if newer.is_empty() {
            *newer = list;
        }
    }
}

impl Core {
    /// Gives an answer to a thread or a future. Its waker is no code of the actor that answers. Out of line, so that
    /// handlers which answer other actors are short.
    #[inline(never)]
    fn send_answer_outside<T: Send + 'static>(&mut self, sender: oneshot::Sender<T>, value: T) {
        match catch_unwind(AssertUnwindSafe(|| sender.send(value))) {
            Ok(Ok(())) => {}
            Ok(Err(value)) => self.bury(self.nobody(), value, DeadLetterReason::LateReply),
            Err(panic) => self.count_contained(panic),
        }
    }

    /// Sends an answer to the worker of the actor that asked. Answers have reserved room.
    #[inline]
    fn send_answer<T: Send + 'static>(&mut self, home: Home, key: AskKey, value: T) {
        self.counters.sent += 1;
        let answer = Answer { key, value };
        let refused = if home == self.home {
            // SAFETY: `Of` describes the message, which may be sent.
            unsafe { self.local.push_reserved(crate::message::Of::<Answer<T>>::WORKER, Tag::WORKER.0, answer) }
        } else if home.node() == self.home.node() {
            self.outbound.send_to_worker(home.worker(), answer)
        } else {
            crate::shared::answer_ask(home, answer).map_err(|value| Answer { key, value })
        };
        if let Err(Answer { value, .. }) = refused {
            self.bury(Address { home, tag: Tag::WORKER }, value, DeadLetterReason::Full);
        }
    }
}
