//! The stash: messages that an actor keeps for later, up to a limit.
//!
//! # What
//! An actor that cannot handle a message yet, since it waits for a connection, a snapshot or an answer, puts it into its
//! [`Stash`], and handles what is there when the time has come: in the order in which it came, and before whatever is
//! queued. A [state machine](crate::machine) does the latter by itself at each change of its state.
//!
//! # Trade-offs
//! A stash is a part of the actor's state. It goes with that: what is in it when the actor stops, panics or is restarted
//! becomes dead letters. What is to survive a panic stays with whoever sent it.
//!
//! All of a stash is handled within one message of the engine's, so that nothing comes in between; an actor that keeps
//! thousands of messages holds up its neighbours for as long as those take.
//!
//! # How to use
//! See [`Stashing`]; the page `docs/guide/behaviours.md` of the guide has more.

use std::any::type_name;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use hippodrome::{Actor, Address, Context, DeadLetterReason, Handle};

/// Messages that are kept for later, in order, up to a limit.
///
/// It belongs to one actor. Messages that are still in it when it is dropped are reported as dead letters, with the reason
/// [`Stopped`](DeadLetterReason::Stopped).
pub struct Stash<M> {
    /// Those that are being handled again come first, then those that were kept since that began.
    kept: VecDeque<M>,
    /// How many of the first ones are still to be handled, while they are.
    replay: Option<usize>,
    limit: usize,
    /// Who reports what is left; known from the first message on.
    owner: Option<Owner>,
}

struct Owner {
    handle: Handle,
    actor: Address,
}

/// A message that a stash has no room for.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stash has {limit} messages, as many as its limit allows")]
pub struct StashFull<M> {
    /// The message.
    pub message: M,
    /// The limit.
    pub limit: usize,
}

impl<M> fmt::Debug for StashFull<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StashFull {{ limit: {} }}", self.limit)
    }
}

impl<M: Send + 'static> Stash<M> {
    /// An empty one for up to `limit` messages. Allocates room for all of them, and nothing after that.
    ///
    /// # Panics
    /// If so many messages are more than `isize::MAX` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { kept: VecDeque::with_capacity(limit), replay: None, limit, owner: None }
    }

    /// Keeps a message, behind those that are here.
    ///
    /// # Errors
    /// The message, if there are as many as the limit allows: it is the actor's to refuse it, or to answer that it is busy.
    pub fn stash(&mut self, ctx: &Context<'_, M>, message: M) -> Result<(), StashFull<M>> {
        if self.kept.len() >= self.limit {
            return Err(StashFull { message, limit: self.limit });
        }
        if self.owner.is_none() {
            self.owner = Some(Owner { handle: ctx.handle(), actor: ctx.me().address() });
        }
        self.kept.push_back(message);
        Ok(())
    }

    /// Takes the oldest message out, for an actor that does something else with it than handle it.
    pub fn pop(&mut self) -> Option<M> {
        let oldest = self.kept.pop_front()?;
        self.replay = self.replay.map(|left| left.saturating_sub(1));
        Some(oldest)
    }
}

impl<M> Stash<M> {
    /// How many messages are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The most messages that it takes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// From now on everything that is here is handled again, the oldest first. Returns whether that has been going on
    /// already: then whoever began it goes on with it.
    pub(crate) fn replay(&mut self) -> bool {
        // Those that were kept again are older than those that were not handled again yet.
        let left = self.replay.replace(self.kept.len());
        self.kept.rotate_left(left.unwrap_or(0));
        left.is_some()
    }

    /// The next message to be handled again. After the last one the replay is over.
    pub(crate) fn next_replayed(&mut self) -> Option<M> {
        match self.replay {
            Some(left) if left > 0 => {
                self.replay = Some(left - 1);
                self.kept.pop_front()
            }
            _ => {
                self.replay = None;
                None
            }
        }
    }
}

impl<M> Drop for Stash<M> {
    fn drop(&mut self) {
        let Some(Owner { handle, actor }) = &self.owner else { return };
        let mut panicked = None;
        for message in self.kept.drain(..) {
            let report = || handle.dead_letter(*actor, message, DeadLetterReason::Stopped);
            // A message may panic as it is dropped; the others are reported all the same.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(report)) {
                panicked.get_or_insert(panic);
            }
        }
        if let Some(panic) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl<M> fmt::Debug for Stash<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Stash<{}>({} of {})", type_name::<M>(), self.kept.len(), self.limit)
    }
}

/// An actor with a stash.
///
/// # Examples
/// ```
/// use hippodrome::{Actor, Context, DeadLetterReason};
/// use hippodrome_toolkit::stash::{Stash, Stashing};
///
/// struct Store {
///     is_open: bool,
///     stash: Stash<Request>,
/// }
///
/// enum Request {
///     Opened,
///     Put(u64),
/// }
///
/// impl Stashing for Store {
///     fn stash(&mut self) -> &mut Stash<Request> {
///         &mut self.stash
///     }
/// }
///
/// impl Actor for Store {
///     type Msg = Request;
///
///     fn handle(&mut self, msg: Request, ctx: &mut Context<'_, Request>) {
///         match msg {
///             Request::Opened => {
///                 self.is_open = true;
///                 self.unstash_all(ctx);
///             }
///             Request::Put(value) if self.is_open => println!("put {value}"),
///             early => {
///                 if let Err(full) = self.stash.stash(ctx, early) {
///                     ctx.dead_letter(ctx.me(), full.message, DeadLetterReason::Refused);
///                 }
///             }
///         }
///     }
/// }
/// ```
pub trait Stashing: Actor {
    /// The stash.
    fn stash(&mut self) -> &mut Stash<Self::Msg>;

    /// Handles everything that is in the stash now, in order, by the actor's own [`handle`](Actor::handle): before
    /// whatever is queued, and before this returns. So it is best the last thing that a handler does.
    ///
    /// A message that is stashed again keeps its place. If a handler calls this again meanwhile, everything that is in the
    /// stash then is handled once more, the oldest first, behind that handler. An actor that stops itself meanwhile stops
    /// when all of it was handled.
    ///
    /// The messages go past [middleware](crate::middleware), which has seen them when they came.
    ///
    /// # Panics
    /// With a handler. The message that was being handled again is reported as
    /// [`Panicked`](DeadLetterReason::Panicked), and the one that brought this about is not: it had been handled by then.
    /// The rest of the stash is reported as [`Stopped`](DeadLetterReason::Stopped). Under a
    /// [`Retry`](crate::supervision::Retry), the one that brought this about is tried again.
    fn unstash_all(&mut self, ctx: &mut Context<'_, Self::Msg>) {
        if self.stash().replay() {
            return;
        }
        while let Some(message) = self.stash().next_replayed() {
            accounted(ctx, |ctx| self.handle(message, ctx));
        }
    }
}

/// Handles a message that was stashed. If that panics, it is this message which is gone: the one at hand was handled, or
/// is tried again by whoever stands around the actor.
pub(crate) fn accounted<M: Send + 'static, R>(
    ctx: &mut Context<'_, M>,
    handle: impl FnOnce(&mut Context<'_, M>) -> R,
) -> R {
    match catch_unwind(AssertUnwindSafe(|| handle(ctx))) {
        Ok(result) => result,
        Err(panic) => {
            ctx.rescue_message();
            ctx.report_lost(DeadLetterReason::Panicked);
            resume_unwind(panic)
        }
    }
}
