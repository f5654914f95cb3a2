//! What becomes of the message at which an actor panicked: tried again, and in the end reported or put in quarantine.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use hippodrome::{Actor, ActorRef, Address, Batch, Context, DeadLetterReason, Handle};
use parking_lot::Mutex;

use crate::panic_text::panic_text;
use crate::supervision::quarantine::Quarantined;

/// What is to become of a message at which an actor panics. By itself the engine reports it as a dead letter and drops it.
///
/// An actor that is spawned with a [wrapped](Self::wrap) factory gets the message again, as the first one of its next
/// life: before those that were queued behind it, so that the order holds. After so many panics at the same message it
/// goes into quarantine, or is a dead letter as ever. Whether there is a next life is for the actor's
/// [`Restart`](hippodrome::Restart) policy or its supervisor to say; if there is none, the message is a dead letter.
///
/// The message is accounted for in any case: handled once without a panic, or reported once, or in quarantine.
///
/// The cost is a clone of each message, and a landing for a panic; an actor that overrides
/// [`handle_batch`](Actor::handle_batch) gets batches of one. What a message has changed elsewhere before its handler
/// panicked, it will change again.
///
/// # Examples
/// ```
/// use hippodrome::{Engine, On, Props, Restart, from_fn};
/// use hippodrome_toolkit::supervision::{Quarantine, QuarantineOrder, Retry};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # std::panic::set_hook(Box::new(|_| ()));
/// let engine = Engine::builder().unpinned_workers(1).start()?;
/// let handle = engine.handle();
/// let quarantine = handle.spawn(On::Worker(0), || Quarantine::<u32>::holding(100))?;
/// let patient = Props::on(On::Worker(0)).restart(Restart::up_to(10, Duration::from_secs(1)));
/// let divider = Retry::times(2).then_quarantine(quarantine).wrap(|| from_fn(|n: u32, _ctx| println!("{}", 100 / n)));
/// let divider = handle.spawn(patient, divider)?;
/// for n in [4, 0, 5] {
///     handle.tell(divider, n);
/// }
/// let mut poisoned = Vec::new();
/// while poisoned.is_empty() {
///     poisoned = handle.ask(quarantine, QuarantineOrder::Take).wait(Duration::from_secs(5))?;
/// }
/// assert_eq!((poisoned[0].message, poisoned[0].panics), (0, 3));
/// assert_eq!(poisoned[0].reason, "attempt to divide by zero");
/// assert_eq!(engine.shutdown(Duration::from_secs(5))?.dead_letters.total(), 0);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Retry<M> {
    times: u32,
    quarantine: Option<Quarantining<M>>,
}

/// Sends a message into quarantine.
type Quarantining<M> = Arc<dyn Fn(&mut Context<'_, M>, Quarantined<M>) + Send + Sync>;

impl<M: Clone + Send + 'static> Retry<M> {
    /// Tries a message so many times more, before it is a dead letter.
    pub const fn times(times: u32) -> Self {
        Self { times, quarantine: None }
    }

    /// Sends what panicked each time to this actor, a [`Quarantine`](crate::supervision::Quarantine) or one of the
    /// program's own, instead of making it a dead letter.
    pub fn then_quarantine<N: From<Quarantined<M>> + Send + 'static>(mut self, quarantine: ActorRef<N>) -> Self {
        self.quarantine = Some(Arc::new(move |ctx, quarantined| ctx.tell(quarantine, N::from(quarantined))));
        self
    }

    /// The same factory, of actors that try again.
    pub fn wrap<A, F>(self, mut factory: F) -> impl FnMut() -> Retrying<A> + Send + 'static
    where
        A: Actor<Msg = M>,
        F: FnMut() -> A + Send + 'static,
    {
        let kept = Arc::new(Mutex::new(None));
        move || Retrying { actor: factory(), retry: self.clone(), kept: kept.clone() }
    }
}

impl<M> Clone for Retry<M> {
    fn clone(&self) -> Self {
        Self { times: self.times, quarantine: self.quarantine.clone() }
    }
}

impl<M> fmt::Debug for Retry<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.quarantine.is_some() { "quarantine" } else { "dead letter" };
        write!(formatter, "Retry({} times, then {end})", self.times)
    }
}

/// An actor that gets a message again at which it panicked; see [`Retry`].
pub struct Retrying<A: Actor> {
    actor: A,
    retry: Retry<A::Msg>,
    /// What goes from one life to the next, by way of the factory.
    kept: Arc<Mutex<Option<Kept<A::Msg>>>>,
}

/// A message at which its actor panicked, on its way to the next life. If there is none, it is a dead letter.
struct Kept<M> {
    message: Option<M>,
    panics: u32,
    to: Address,
    handle: Handle,
}

impl<M> Drop for Kept<M> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.handle.dead_letter(self.to, message, DeadLetterReason::Panicked);
        }
    }
}

impl<A: Actor> Actor for Retrying<A>
where
    A::Msg: Clone,
{
    type Msg = A::Msg;

    fn started(&mut self, ctx: &mut Context<'_, A::Msg>) {
        self.actor.started(ctx);
        let Some(mut kept) = self.kept.lock().take() else { return };
        // It stays kept until it was handled: whatever panics here, it is not lost.
        let Some(message) = kept.message.clone() else { return };
        match self.attempt(message, ctx) {
            Ok(()) => kept.message = None,
            Err(panic) => {
                kept.panics += 1;
                self.keep(kept, &*panic, ctx);
                resume_unwind(panic);
            }
        }
    }

    fn handle(&mut self, message: A::Msg, ctx: &mut Context<'_, A::Msg>) {
        let copy = message.clone();
        if let Err(panic) = self.attempt(message, ctx) {
            ctx.rescue_message();
            let kept = Kept { message: Some(copy), panics: 1, to: ctx.me().address(), handle: ctx.handle() };
            self.keep(kept, &*panic, ctx);
            resume_unwind(panic);
        }
    }

    fn stopped(&mut self, ctx: &mut Context<'_, A::Msg>) {
        self.actor.stopped(ctx);
    }
}

impl<A: Actor> Retrying<A>
where
    A::Msg: Clone,
{
    fn attempt(&mut self, message: A::Msg, ctx: &mut Context<'_, A::Msg>) -> Result<(), Box<dyn Any + Send>> {
        catch_unwind(AssertUnwindSafe(|| self.actor.handle_batch(message, Batch::none(ctx))))
    }

    /// Keeps the message for the next life, puts it into quarantine, or lets it go, which reports it.
    #[cold]
    fn keep(&self, mut kept: Kept<A::Msg>, panic: &(dyn Any + Send), ctx: &mut Context<'_, A::Msg>) {
        if kept.panics <= self.retry.times {
            *self.kept.lock() = Some(kept);
        } else if let Some(quarantine) = &self.retry.quarantine
            && let Some(message) = kept.message.clone()
        {
            let reason = panic_text(panic).to_owned();
            quarantine(ctx, Quarantined { message, actor: kept.to, panics: kept.panics, reason });
            // If that panics, it is a dead letter after all.
            kept.message = None;
        }
    }
}

impl<A: Actor> fmt::Debug for Retrying<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Retrying({}, {:?})", std::any::type_name::<A>(), self.retry)
    }
}
