//! Routers: one value to send through, and several actors that share the work.
//!
//! # What
//! A [`Router`] is no actor. It is a value in whoever sends: it holds a list of actors, the *routees*, chooses one for each
//! message by its [`Strategy`], and tells it. So a message goes to its routee directly, as if it had been sent by hand. The
//! routees are a [fixed list](Router::over), the members of a [`Group`](crate::group::Group), or the actors of a [`Pool`],
//! which spawns them, replaces them and is resized.
//!
//! # Trade-offs
//! Each sender chooses for itself. Two senders in turn do not see each other's turn; [`LeastLoaded`] is the strategy that
//! knows of what others sent.
//!
//! A router learns that a routee has gone when the list changes: what it told it before is a dead letter, and counted and
//! reported as every one. [`Router::try_tell`] goes on to the next routee if it finds that one on its own worker has
//! stopped.
//!
//! # How it works
//! All routers of one list share it, behind a lock, with the number of its changes. Each keeps a copy, and compares that
//! number before it sends: one load of a line that nobody writes, and no lock, until the list changes.
//!
//! # How to use it
//! ```
//! use hippodrome::{Engine, from_fn};
//! use hippodrome_toolkit::router::{Pool, RoundRobin};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), hippodrome::Error> {
//! let engine = Engine::builder().unpinned_workers(2).start()?;
//! let mut handle = engine.handle();
//! let pool = Pool::of(4, RoundRobin::default()).spawn(&handle, || from_fn(|_job: u64, _ctx| ()))?;
//! assert_eq!(pool.ready(&handle).wait(Duration::from_secs(5))?, 4);
//!
//! let mut router = pool.router();
//! (0..100).for_each(|job| router.tell(&mut handle, job));
//! let report = engine.shutdown(Duration::from_secs(5))?;
//! assert_eq!(report.dead_letters.total(), 0);
//! # Ok(())
//! # }
//! ```

mod counted;
mod error;
mod hashing;
mod list;
mod pool;
mod strategy;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{ActorRef, AskError, Context, DeadLetterReason, Reply, Tell, TryTellError};

pub use error::{NoRoutees, TryRouteError};
pub use hashing::ConsistentHashing;
pub use list::{Routee, Routees};
pub use pool::{Pool, PoolMessage, PoolRef};
pub use strategy::{LeastLoaded, Random, RoundRobin, Strategy};

pub(crate) use list::{List, View};

/// Sends each message to one of several actors, which `S` chooses.
///
/// A clone is a router of its own over the same routees, which begins elsewhere: give each sender one.
///
/// Messages that one actor or thread sends through a router to one routee arrive there in the order sent.
///
/// # Examples
/// ```
/// use hippodrome::{Actor, ActorRef, Context};
/// use hippodrome_toolkit::router::{ConsistentHashing, Router};
///
/// struct Order {
///     account: u64,
/// }
///
/// /// Gives all orders of one account to the same book.
/// struct Gateway {
///     books: Router<Order, ConsistentHashing<fn(&Order) -> u64>>,
/// }
///
/// impl Actor for Gateway {
///     type Msg = Order;
///     fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
///         self.books.tell(ctx, order);
///     }
/// }
/// ```
pub struct Router<M, S> {
    view: View<M>,
    strategy: S,
}

impl<M: Send + 'static, S: Strategy<M>> Router<M, S> {
    /// A router over these actors. The list stays as it is: of a routee that stops only [`try_tell`](Self::try_tell) takes
    /// notice. Where routees come and go, take a [`Pool`] or a [`Group`](crate::group::Group).
    ///
    /// # Errors
    /// If there are none.
    pub fn over(routees: impl IntoIterator<Item = ActorRef<M>>, strategy: S) -> Result<Self, NoRoutees> {
        let list = List::of(routees);
        if list.is_empty() { Err(NoRoutees) } else { Ok(Self::new(Arc::new(list), strategy)) }
    }

    pub(crate) fn new(list: Arc<List<M>>, mut strategy: S) -> Self {
        strategy.start(list.next_number());
        let mut router = Self { view: View::new(list), strategy };
        router.refresh();
        router
    }

    /// Sends a message to one routee. It becomes a dead letter as one that was told by hand would, and as
    /// [`Refused`](DeadLetterReason::Refused) if there are no routees.
    #[inline(always)]
    pub fn tell(&mut self, sender: &mut impl Tell, message: M) {
        self.look();
        match self.strategy.choose(self.view.routees(), &message) {
            Some(routee) => Self::tell_routee(routee, sender, message),
            // In a list of its own: a value that is handed on as it is has an address, and is written there even on the way
            // that does not come by here.
            None => self.refuse(sender, [message]),
        }
    }

    /// Sends a message to one routee, or gives it back. A routee of the sender's worker that has stopped is taken off the
    /// list, and another one chosen.
    ///
    /// # Errors
    /// [`Full`](TryRouteError::Full) if there is no room on the way to the routee that was chosen,
    /// [`NoRoutees`](TryRouteError::NoRoutees) if there are none, [`Stopped`](TryRouteError::Stopped) if the engine has
    /// stopped, or the routees are of another one.
    pub fn try_tell(&mut self, sender: &mut impl Tell, message: M) -> Result<(), TryRouteError<M>> {
        let mut message = message;
        loop {
            self.look();
            let Some(routee) = self.strategy.choose(self.view.routees(), &message) else {
                return Err(TryRouteError::NoRoutees(message));
            };
            let actor = routee.actor();
            message = match sender.try_tell(actor, message) {
                Ok(()) => {
                    routee.count_sent();
                    return Ok(());
                }
                Err(TryTellError::Stopped(message)) if sender.is_next_to(actor.address()) => message,
                Err(TryTellError::Stopped(message)) => return Err(TryRouteError::Stopped(message)),
                Err(error) => return Err(TryRouteError::Full(error.into_message())),
            };
            // Addresses are not used again: it need not be tried twice, and the list gets shorter by each that has gone.
            self.view.list().remove(actor.address());
        }
    }

    /// Sends a message to all routees. Returns how many there are; if none, the message becomes a dead letter as
    /// [`Refused`](DeadLetterReason::Refused). Costs a clone for each but the last.
    pub fn broadcast(&mut self, sender: &mut impl Tell, message: M) -> usize
    where
        M: Clone,
    {
        self.look();
        let Some((last, others)) = self.view.routees().split_last() else {
            self.refuse(sender, [message]);
            return 0;
        };
        for routee in others {
            Self::tell_routee(routee, sender, message.clone());
        }
        Self::tell_routee(last, sender, message);
        others.len() + 1
    }

    /// Asks all routees, and takes the first answer; see [`Context::ask_first`]. If there are no routees, the ask is
    /// [`Unanswered`](AskError::Unanswered).
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{Actor, AskError, Context, Reply};
    /// use hippodrome_toolkit::router::{RoundRobin, Router};
    /// use std::time::Duration;
    ///
    /// /// Asks all replicas of a store, and goes on with the quickest.
    /// struct Reader {
    ///     replicas: Router<Reply<u64>, RoundRobin>,
    /// }
    ///
    /// enum Read {
    ///     Now,
    ///     Came(Result<u64, AskError>),
    /// }
    ///
    /// impl Actor for Reader {
    ///     type Msg = Read;
    ///     fn handle(&mut self, msg: Read, ctx: &mut Context<'_, Read>) {
    ///         match msg {
    ///             Read::Now => self.replicas.ask_first(ctx, Duration::from_millis(10), |reply| reply, Read::Came),
    ///             Read::Came(value) => println!("{value:?}"),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn ask_first<N, T>(
        &mut self,
        ctx: &mut Context<'_, N>,
        timeout: Duration,
        make: impl FnMut(Reply<T>) -> M,
        map: impl FnOnce(Result<T, AskError>) -> N + 'static,
    ) where
        N: Send + 'static,
        T: Send + 'static,
    {
        self.look();
        let asked = self.view.routees().iter().map(|routee| {
            routee.count_sent();
            routee.actor()
        });
        ctx.ask_first(timeout, asked, make, map);
    }

    /// The routees, as of now.
    #[must_use]
    pub fn routees(&mut self) -> &[Routee<M>] {
        self.look();
        self.view.routees()
    }

    /// Takes the newest list, if it has changed.
    #[inline(always)]
    fn look(&mut self) {
        if self.view.is_stale() {
            self.refresh();
        }
    }

    #[cold]
    #[inline(never)]
    fn refresh(&mut self) {
        self.strategy.changed(&self.view.refresh());
    }

    /// What cannot be accepted is counted as in flight too. The pool finds that out, see `Keeper::settle`.
    #[inline(always)]
    fn tell_routee(routee: &Routee<M>, sender: &mut impl Tell, message: M) {
        routee.count_sent();
        sender.tell(routee.actor(), message);
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, sender: &mut impl Tell, message: [M; 1]) {
        // There is one before there are routers.
        if let Some(owner) = self.view.list().owner() {
            let [message] = message;
            sender.dead_letter(owner, message, DeadLetterReason::Refused);
        }
    }
}

impl<M: Send + 'static, S: Strategy<M>> Clone for Router<M, S> {
    fn clone(&self) -> Self {
        Self::new(self.view.list().clone(), self.strategy.clone())
    }
}

impl<M, S: fmt::Debug> fmt::Debug for Router<M, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routees = self.view.routees().len();
        write!(formatter, "Router<{}>({:?}, {routees} routees)", std::any::type_name::<M>(), self.strategy)
    }
}
