//! What a supervisor is told about a child.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Address, Context, Props, SpawnError, Stop, StopReason};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::supervision::order::Supervise;

/// When a child whose life has ended gets another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// Always.
    #[default]
    Permanent,
    /// If it failed: it panicked, failed willingly, or was killed. If it stopped itself or was told to, it has done its
    /// work, and is removed.
    Transient,
    /// Never; it is removed. It does not come back with a group either.
    Temporary,
}

impl Lifetime {
    /// Whether there is another life after one that ended for this reason.
    pub(crate) fn goes_on_after(self, reason: &StopReason) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => *reason != StopReason::Stopped,
            Self::Temporary => false,
        }
    }
}

/// A child to be: its name, how it is made, when it is made anew, and how it is stopped.
///
/// # Examples
/// ```
/// use hippodrome::{On, Stop, from_fn};
/// use hippodrome_toolkit::supervision::ChildSpec;
/// use std::time::Duration;
///
/// let spec = ChildSpec::new("printer", On::Core(1), || from_fn(|line: String, _ctx| println!("{line}")))
///     .transient()
///     .stop(Stop::AfterQueued, Duration::from_secs(1));
/// # let _ = spec;
/// ```
#[must_use]
pub struct ChildSpec<M> {
    name: Arc<str>,
    actor_type: &'static str,
    lifetime: Lifetime,
    stop: Stop,
    patience: Duration,
    refs: Vec<ChildRef<M>>,
    spawn: Spawn<ActorRef<M>>,
}

/// Spawns a child that is told apart by a number.
type Spawn<T> = Box<dyn FnOnce(&mut Context<'_, Supervise>, u64) -> Result<T, SpawnError> + Send>;

/// How long a child gets to stop before it is killed, unless its spec says otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

impl<M: Send + 'static> ChildSpec<M> {
    /// A permanent child, which is told to stop [`Now`](Stop::Now) and killed if it has not within five seconds. The name
    /// is the supervisor's for it, and is unique among its children; for a name that
    /// [`Handle::lookup`](hippodrome::Handle::lookup) finds, name the props too.
    ///
    /// The factory makes each of its lives. A [`Restart`](hippodrome::Restart) policy in the props is asked before the
    /// supervisor is.
    pub fn new<A, F>(name: impl Into<Arc<str>>, props: impl Into<Props<M>>, factory: F) -> Self
    where
        A: Actor<Msg = M>,
        F: FnMut() -> A + Send + 'static,
    {
        let props = props.into();
        let spawn = |ctx: &mut Context<'_, Supervise>, id| {
            ctx.supervise(props, factory, move |event| Supervise::from_child(id, event))
        };
        Self {
            name: name.into(),
            actor_type: type_name::<A>(),
            lifetime: Lifetime::Permanent,
            stop: Stop::Now,
            patience: PATIENCE,
            refs: Vec::new(),
            spawn: Box::new(spawn),
        }
    }

    /// Sets when it gets another life.
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Another life only after a failure.
    pub fn transient(self) -> Self {
        self.lifetime(Lifetime::Transient)
    }

    /// One life.
    pub fn temporary(self) -> Self {
        self.lifetime(Lifetime::Temporary)
    }

    /// Sets how the supervisor stops it, and after how long it kills it instead. While a child empties its private mailbox,
    /// told to stop [`AfterQueued`](Stop::AfterQueued), what comes is not held for its next life: it is a dead letter.
    pub fn stop(mut self, how: Stop, patience: Duration) -> Self {
        (self.stop, self.patience) = (how, patience);
        self
    }

    /// Writes its address there, as soon as there is one.
    pub fn note(mut self, child: &ChildRef<M>) -> Self {
        self.refs.push(child.clone());
        self
    }

    /// Without its type of message.
    pub(crate) fn erase(self) -> Spec {
        let Self { name, actor_type, lifetime, stop, patience, refs, spawn } = self;
        let spawn = move |ctx: &mut Context<'_, Supervise>, id| {
            let actor = spawn(ctx, id)?;
            refs.iter().for_each(|child| *child.actor.lock() = Some(actor));
            Ok(Spawned { address: actor.address(), actor: Box::new(actor) })
        };
        Spec { name, actor_type, lifetime, stop, patience, spawn: Box::new(spawn) }
    }
}

impl<M> fmt::Debug for ChildSpec<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ChildSpec({} of {}, {:?})", self.name, self.actor_type, self.lifetime)
    }
}

/// A [`ChildSpec`] of any type of message.
pub(crate) struct Spec {
    pub(crate) name: Arc<str>,
    pub(crate) actor_type: &'static str,
    pub(crate) lifetime: Lifetime,
    pub(crate) stop: Stop,
    pub(crate) patience: Duration,
    pub(crate) spawn: Spawn<Spawned>,
}

/// A child that was spawned.
pub(crate) struct Spawned {
    pub(crate) address: Address,
    /// Its `ActorRef`.
    pub(crate) actor: Box<dyn Any + Send>,
}

/// Where the address of a child is written when it is spawned, for those who are to send to it.
///
/// The address is good for all lives of the child. If the supervisor itself is made anew, so are its children, and there
/// is a new address here: whoever has to survive that asks again when his messages become dead letters.
///
/// # Examples
/// ```
/// use hippodrome::{Engine, On, from_fn};
/// use hippodrome_toolkit::supervision::{ChildRef, ChildSpec, Strategy, Supervisor};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), hippodrome::Error> {
/// let engine = Engine::builder().unpinned_workers(1).start()?;
/// let doubler = ChildRef::new();
/// let noted = doubler.clone();
/// engine.handle().spawn(On::Worker(0), move || {
///     let spec = ChildSpec::new("doubler", On::Here, || from_fn(|n: u32, _ctx| println!("{}", 2 * n)));
///     Supervisor::new(Strategy::OneForOne).child(spec.note(&noted))
/// })?;
/// # let deadline = std::time::Instant::now() + Duration::from_secs(30);
/// # while doubler.get().is_none() && std::time::Instant::now() < deadline { std::thread::yield_now() }
/// let doubler = doubler.get().expect("it was spawned");
/// engine.handle().tell(doubler, 21);
/// engine.shutdown(Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
pub struct ChildRef<M> {
    actor: Arc<Mutex<Option<ActorRef<M>>>>,
}

impl<M> ChildRef<M> {
    /// Nobody's yet.
    #[must_use]
    pub fn new() -> Self {
        Self { actor: Arc::default() }
    }

    /// The child, once it was spawned. Takes a lock: to be called once and kept, not for each message.
    #[must_use]
    pub fn get(&self) -> Option<ActorRef<M>> {
        *self.actor.lock()
    }
}

impl<M> Default for ChildRef<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Clone for ChildRef<M> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone() }
    }
}

impl<M> fmt::Debug for ChildRef<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ChildRef({:?})", self.get())
    }
}
