//! What a supervisor understands.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{ActorRef, Address, AskError, ChildEvent, Context, Reply, SpawnError};

use crate::supervision::child::Child;
use crate::supervision::spec::{ChildSpec, Spec};
use crate::supervision::tree::Tree;

/// A message for a [`Supervisor`](crate::supervision::Supervisor).
pub struct Supervise(pub(crate) Order);

pub(crate) enum Order {
    /// A child's life has begun or ended.
    Child(u64, ChildEvent),
    /// Answer when all children are up.
    AwaitUp(Reply<()>),
    /// A child that is a supervisor is to be asked again, in the life with this number.
    AskUp(u64, u32),
    /// All its children are up; or it did not say so.
    Up(u64, u32, bool),
    /// A child has had time enough to stop.
    Impatient {
        child: u64,
        stops: u32,
    },
    Start(Spec, Answer),
    Remove(Arc<str>, Reply<bool>),
    Find(Arc<str>, Found),
    Tree(Duration, Reply<Tree>),
    /// What a child that is a supervisor answered when it was asked for its tree.
    Branch {
        request: u64,
        branch: usize,
        tree: Result<Tree, AskError>,
    },
    Shutdown,
}

/// Answers with a child that was started, whatever it understands.
pub(crate) type Answer = Box<dyn FnOnce(&mut Context<'_, Supervise>, Result<&Child, StartChildError>) + Send>;

/// Answers with a child that was looked for.
pub(crate) type Found = Box<dyn FnOnce(&mut Context<'_, Supervise>, Option<&Child>) + Send>;

/// Why a child was not started.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartChildError {
    /// There is a child of this name.
    #[error("the supervisor has a child with the name {name:?} at {child}; names are unique among its children")]
    NameTaken {
        /// The name.
        name: Arc<str>,
        /// Who has it.
        child: Address,
    },
    /// It could not be spawned.
    #[error("the child could not be spawned: {0}")]
    Spawn(#[source] SpawnError),
    /// Before its turn came it was told to [stop](Supervise::stop_child).
    #[error("the child was told to stop before it was started")]
    Withdrawn,
    /// The supervisor stops, or gives up.
    #[error("the supervisor is stopping, and starts nobody any more")]
    Stopping,
}

impl Supervise {
    pub(crate) fn from_child(child: u64, event: ChildEvent) -> Self {
        Self(Order::Child(child, event))
    }

    /// Asks to start one more child, the youngest. While the supervisor is starting a group the child waits for its turn.
    /// The answer comes when it is spawned; it can be told then.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Engine, On, from_fn};
    /// use hippodrome_toolkit::supervision::{ChildSpec, Strategy, Supervise, Supervisor};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = Engine::builder().unpinned_workers(1).start()?;
    /// let handle = engine.handle();
    /// let supervisor = handle.spawn(On::Worker(0), || Supervisor::new(Strategy::OneForOne))?;
    /// let session = ChildSpec::new("session 1", On::Here, || from_fn(|line: String, _ctx| println!("{line}"))).temporary();
    /// let session = handle.ask(supervisor, |reply| Supervise::start_child(session, reply)).wait(Duration::from_secs(5))??;
    /// handle.tell(session, "hello".to_owned());
    /// engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_child<M: Send + 'static>(
        spec: ChildSpec<M>,
        reply: Reply<Result<ActorRef<M>, StartChildError>>,
    ) -> Self {
        let answer = |ctx: &mut Context<'_, Self>, child: Result<&Child, StartChildError>| {
            // It takes what its spec says.
            if let Some(actor) = child.map(Child::actor::<M>).transpose() {
                reply.send(ctx, actor);
            }
        };
        Self(Order::Start(spec.erase(), Box::new(answer)))
    }

    /// Asks to stop a child for good, as its spec says, and to forget it. The answer comes when it has gone: whether there
    /// was one.
    #[must_use]
    pub fn stop_child(name: impl Into<Arc<str>>, reply: Reply<bool>) -> Self {
        Self(Order::Remove(name.into(), reply))
    }

    /// Asks for the child with this name that takes `M`.
    #[must_use]
    pub fn find<M: Send + 'static>(name: impl Into<Arc<str>>, reply: Reply<Option<ActorRef<M>>>) -> Self {
        let found =
            |ctx: &mut Context<'_, Self>, child: Option<&Child>| reply.send(ctx, child.and_then(Child::actor::<M>));
        Self(Order::Find(name.into(), Box::new(found)))
    }

    /// Asks for the tree of which the supervisor is the root. A branch that has not answered within a second is shown as
    /// such.
    #[must_use]
    pub fn tree(reply: Reply<Tree>) -> Self {
        Self::tree_within(Duration::from_secs(1), reply)
    }

    /// [Asks](Self::tree) with a time of its own for the branches.
    #[must_use]
    pub fn tree_within(time: Duration, reply: Reply<Tree>) -> Self {
        Self(Order::Tree(time, reply))
    }

    /// Stops all children in reverse order, each as its spec says, and then the supervisor.
    ///
    /// One that is told to [stop](hippodrome::Context::stop) instead stops its children in reverse order too, each
    /// [`Now`](hippodrome::Stop::Now) and without a limit of time.
    #[must_use]
    pub fn shutdown() -> Self {
        Self(Order::Shutdown)
    }
}

impl fmt::Debug for Supervise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.0 {
            Order::Child(_, event) => return write!(formatter, "Supervise({event:?})"),
            Order::Impatient { .. } => "a child is late",
            Order::Start(spec, _) => return write!(formatter, "Supervise(start {})", spec.name),
            Order::Remove(name, _) => return write!(formatter, "Supervise(stop {name})"),
            Order::Find(name, _) => return write!(formatter, "Supervise(find {name})"),
            Order::AwaitUp(_) => "await that all are up",
            Order::AskUp(..) | Order::Up(..) => "whether all are up",
            Order::Tree(..) => "tree",
            Order::Branch { .. } => "branch",
            Order::Shutdown => "shutdown",
        };
        write!(formatter, "Supervise({what})")
    }
}
