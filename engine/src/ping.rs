//! Pings, and failures by order: how somebody else finds out whether an actor is there, and what can be done if it is of
//! no use.

use std::sync::Arc;
use std::time::Duration;

use crate::address::{Address, Tag};
use crate::cell::Lifecycle;
use crate::context::Context;
use crate::core::Core;
use crate::error::{AskError, OrderError};
use crate::handle::{Ask, Handle};
use crate::message::WorkerMessage;
use crate::reply::Reply;
use crate::supervise::{RemoteTask, Task, head_of};

/// The question whether an actor is there, on its way to the actor's worker.
struct Ping {
    target: Tag,
    reply: Reply<()>,
}

impl WorkerMessage for Ping {
    fn run(self, core: &mut Core) {
        if core.is_there(self.target) {
            self.reply.send_from(core, ());
        }
    }
}

impl<M: Send + 'static> Context<'_, M> {
    /// Asks the engine whether an actor is there, without the actor's own code. The answer, or why there is none, arrives as
    /// the message that `map` makes of it, as it does of an [`ask`](Self::ask); the same limits hold.
    ///
    /// The answer is `Ok` if the actor's worker came to the ping within `timeout`, and the actor had a state then. An
    /// actor that has stopped, is stopping or waits to be restarted gives [`AskError::Unanswered`] at once, and so does a
    /// ping for which the rings on the way have no room. A worker that is stuck in a handler gives [`AskError::TimedOut`], whichever of its actors is pinged.
    ///
    /// A ping stands in line like a message to that worker, behind what this actor has sent there before. It does not wait
    /// for what lies in a private mailbox, or is held until the actor runs again: whoever wants to know how far the actor
    /// itself has come asks it a question of its own.
    ///
    /// Costs as much as an ask of an actor there, without its handler. Allocates nothing in the steady state.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, Address, AskError, Context};
    /// use std::time::Duration;
    ///
    /// struct Friend(Address);
    ///
    /// enum Call {
    ///     Ring,
    ///     PickedUp(Result<(), AskError>),
    /// }
    ///
    /// impl Actor for Friend {
    ///     type Msg = Call;
    ///     fn handle(&mut self, call: Call, ctx: &mut Context<'_, Call>) {
    ///         match call {
    ///             Call::Ring => ctx.ping(self.0, Duration::from_secs(1), Call::PickedUp),
    ///             Call::PickedUp(Ok(())) => println!("{} is there", self.0),
    ///             Call::PickedUp(Err(error)) => println!("{} is not: {error}", self.0),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn ping(
        &mut self,
        actor: impl Into<Address>,
        timeout: Duration,
        map: impl FnOnce(Result<(), AskError>) -> M + 'static,
    ) {
        let actor = actor.into();
        let reply = self.promise(timeout, map);
        self.core().send_ping(actor, reply);
    }

    /// Fails an actor, another or [this one](Self::fail_self), as if it had panicked, with `why` as the message: its state is
    /// dropped, and its [restart policy](crate::Restart) or its supervising parent decides what becomes of it. For an actor
    /// that lives and is of no use. The message that it is handling is finished first; so a handler that never ends cannot
    /// be ended. Nothing happens to an actor that is stopping, suspended or being restarted. Counts as no panic. Allocates.
    pub fn fail(&mut self, actor: impl Into<Address>, why: impl Into<Arc<str>>) {
        let actor = actor.into();
        let core = self.core();
        if actor.node() == core.home.node() {
            core.order_at(actor, Task::Fail { actor: actor.tag, why: why.into() });
        }
    }

    /// Fails this actor after the current message, as a panic would. The message counts as handled, no panic is counted, and
    /// no panic hook runs. See [`fail`](Self::fail).
    pub fn fail_self(&mut self, why: impl Into<Arc<str>>) {
        self.fail(self.me(), why);
    }
}

impl Handle {
    /// Asks the engine whether an actor is there; see [`Context::ping`]. It is behind what this thread has sent there before.
    ///
    /// # Errors
    /// As for [`stop`](Self::stop).
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{AskError, Engine, On, Stop, from_fn};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), hippodrome::Error> {
    /// let engine = Engine::builder().unpinned_workers(1).start()?;
    /// let handle = engine.handle();
    /// let actor = handle.spawn(On::Worker(0), || from_fn(|(), _ctx| ()))?;
    /// assert_eq!(handle.ping(actor)?.wait(Duration::from_secs(5)), Ok(()));
    /// handle.stop(actor, Stop::Now)?;
    /// assert_eq!(handle.ping(actor)?.wait(Duration::from_secs(5)), Err(AskError::Unanswered));
    /// engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ping(&self, actor: impl Into<Address>) -> Result<Ask<()>, OrderError> {
        let actor = actor.into();
        let (reply, ask) = self.channel();
        self.order(actor, Ping { target: actor.tag, reply })?;
        Ok(ask)
    }

    /// Fails an actor as if it had panicked; see [`Context::fail`].
    ///
    /// # Errors
    /// As for [`stop`](Self::stop).
    pub fn fail(&self, actor: impl Into<Address>, why: impl Into<Arc<str>>) -> Result<(), OrderError> {
        let actor = actor.into();
        self.order(actor, RemoteTask(Task::Fail { actor: actor.tag, why: why.into() }))
    }
}

impl Core {
    /// Sends a ping. One that finds no room drops its reply, and is unanswered.
    fn send_ping(&mut self, actor: Address, reply: Reply<()>) {
        let ping = Ping { target: actor.tag, reply };
        let home = actor.home.shared();
        // A ping that comes back is dropped here, which ends its wait.
        let _ = if home == self.home {
            self.send_to_self(ping)
        } else if home.node() == self.home.node() {
            self.outbound.send_wish_to_worker(home.worker(), ping)
        } else {
            Err(ping)
        };
    }

    /// Whether an actor of this worker is there and has a state. One that was only just installed is started.
    fn is_there(&mut self, tag: Tag) -> bool {
        if self.slots.head(tag).is_none() {
            self.run_commands();
        }
        if let Some(head) = self.slots.head(tag)
            && head_of(head).lifecycle == Lifecycle::New
        {
            self.start_actor(head);
        }
        self.head_at(tag).is_some_and(|head| head.is_alive())
    }

    /// Fails an actor by order, unless it has no state anyway.
    pub(crate) fn fail_by_order(&mut self, tag: Tag, why: Arc<str>) {
        if self.is_there(tag)
            && let Some(head) = self.slots.head(tag)
        {
            self.drop_state(head);
            self.decide(head, why);
        }
    }
}
