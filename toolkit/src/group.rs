//! Groups: actors that come and go, and get what is published to all of them.
//!
//! # What
//! A [`Group`] is a list of actors that take the same messages. Whoever knows it joins actors to it and takes them out,
//! from anywhere; one that stops leaves by itself. A [`Publisher`] sends a message to every member, and a
//! [`Router`] over the group sends each to one of them.
//!
//! # Trade-offs
//! Members are told one by one: a group of a hundred costs a hundred tells and clones. Where most are told what few want
//! to hear, or where the publisher is not to know who listens, take a [topic](crate::topic).
//!
//! # How it works
//! The list is shared, behind a lock that is taken only when it changes, and everybody who sends keeps a copy; see
//! [routers](crate::router). An actor of the group's own watches the members.
//!
//! # How to use it
//! ```
//! use hippodrome::{Engine, On, from_fn};
//! use hippodrome_toolkit::group::Group;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), hippodrome::Error> {
//! let engine = Engine::builder().unpinned_workers(2).start()?;
//! let mut handle = engine.handle();
//! let players = Group::spawn(&handle, On::RoundRobin)?;
//! for _ in 0..3 {
//!     let player = handle.spawn(On::RoundRobin, || from_fn(|_tick: u64, _ctx| ()))?;
//!     assert!(players.join(&mut handle, player));
//! }
//! let mut publisher = players.publisher();
//! assert_eq!(publisher.publish(&mut handle, 1), 3);
//! # engine.shutdown(Duration::from_secs(5))?;
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Address, Ask, Context, Handle, Props, Reply, Restart, SpawnError, Tell, Terminated};

use crate::router::{List, Routee, Router, Strategy, View};

/// With what a group's own actor is restarted, should it ever fail. It watches all members again then.
const RESTART: Restart = Restart::up_to(10, Duration::from_secs(60));

/// Actors that take `M`, to be published to. Cloned freely: all clones are the same group.
///
/// It lives as long as its [actor](Self::actor). When that stops, the group is empty for good.
pub struct Group<M: 'static> {
    list: Arc<List<M>>,
    actor: ActorRef<GroupMessage<M>>,
}

impl<M: Send + 'static> Group<M> {
    /// Makes a group, without members, with an actor that watches over them. With a [name](Props::named) it can be
    /// [found](Self::find) by others.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn spawn(handle: &Handle, props: impl Into<Props<GroupMessage<M>>>) -> Result<Self, SpawnError> {
        Self::spawn_by(|list| handle.spawn(props.into().restart(RESTART), move || list.keeper()))
    }

    /// Makes a group whose actor is a child of this one; see [`spawn`](Self::spawn).
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn spawn_child<N: Send + 'static>(
        ctx: &mut Context<'_, N>,
        props: impl Into<Props<GroupMessage<M>>>,
    ) -> Result<Self, SpawnError> {
        Self::spawn_by(|list| ctx.spawn(props.into().restart(RESTART), move || list.keeper()))
    }

    fn spawn_by(
        spawn: impl FnOnce(Ends<M>) -> Result<ActorRef<GroupMessage<M>>, SpawnError>,
    ) -> Result<Self, SpawnError> {
        let list = Arc::new(List::of([]));
        let actor = spawn(Ends(list.clone()))?;
        list.set_owner(actor.address());
        Ok(Self { list, actor })
    }

    /// Asks the group of this name for itself; none if no group of `M` lives that has it.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::{AskError, Engine, On, Props};
    /// use hippodrome_toolkit::group::Group;
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), hippodrome::Error> {
    /// let engine = Engine::builder().unpinned_workers(1).start()?;
    /// let handle = engine.handle();
    /// let made: Group<u64> = Group::spawn(&handle, Props::on(On::Worker(0)).named("prices"))?;
    /// let asked = Group::<u64>::find(&handle, "prices").ok_or(AskError::Unanswered)?;
    /// assert_eq!(asked.wait(Duration::from_secs(5))?.actor(), made.actor());
    /// assert!(Group::<String>::find(&handle, "prices").is_none());
    /// # engine.shutdown(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn find(handle: &Handle, name: &str) -> Option<Ask<Self>> {
        let actor = handle.lookup(name)?;
        Some(handle.ask(actor, GroupMessage::group))
    }

    /// Makes an actor a member, for whoever publishes from now on. It leaves by itself when it stops. Returns whether it
    /// has become one: false if it was one before, when the group has ended, and when there is no room on the way to the
    /// group's [actor](Self::actor), which is to watch it. [`contains`](Self::contains) tells the first from the others.
    pub fn join(&self, sender: &mut impl Tell, member: ActorRef<M>) -> bool {
        if !self.list.add(Routee::new(member)) {
            return false;
        }
        // Told behind the change, which the actor is to find.
        let is_watched = sender.try_tell(self.actor, GroupMessage(Order::Changed(member.address()))).is_ok();
        if !is_watched {
            self.list.remove(member.address());
        }
        is_watched
    }

    /// Takes an actor out of the group. Returns whether it was a member. What was published before still arrives.
    pub fn leave(&self, sender: &mut impl Tell, member: ActorRef<M>) -> bool {
        let left = self.list.remove(member.address());
        if left {
            sender.tell(self.actor, GroupMessage(Order::Changed(member.address())));
        }
        left
    }

    /// Whether this actor is a member.
    #[must_use]
    pub fn contains(&self, member: ActorRef<M>) -> bool {
        self.list.contains(member.address())
    }

    /// The members, as of now.
    #[must_use]
    pub fn members(&self) -> Vec<ActorRef<M>> {
        self.list.actors()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What sends to all members. Each sender has one of its own.
    #[must_use]
    pub fn publisher(&self) -> Publisher<M> {
        let mut view = View::new(self.list.clone());
        view.refresh();
        Publisher { view }
    }

    /// What sends each message to one of the members.
    #[must_use]
    pub fn router<S: Strategy<M>>(&self, strategy: S) -> Router<M, S> {
        Router::new(self.list.clone(), strategy)
    }

    /// The group's own actor. Stopping it ends the group.
    #[must_use]
    pub const fn actor(&self) -> ActorRef<GroupMessage<M>> {
        self.actor
    }
}

impl<M: 'static> Clone for Group<M> {
    fn clone(&self) -> Self {
        Self { list: self.list.clone(), actor: self.actor }
    }
}

impl<M: 'static> fmt::Debug for Group<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, members) = (self.actor.address(), self.list.len());
        write!(formatter, "Group<{}>({address}, {members} members)", std::any::type_name::<M>())
    }
}

/// Sends to all members of a group.
///
/// A clone is a publisher of its own. The messages of one actor or thread arrive at each member in the order published.
pub struct Publisher<M> {
    view: View<M>,
}

impl<M: Clone + Send + 'static> Publisher<M> {
    /// Sends a message to all members. Returns how many there are; to publish to none is no failure, and no dead letter.
    /// Costs a tell for each member, and a clone for each but the last.
    pub fn publish(&mut self, sender: &mut impl Tell, message: M) -> usize {
        if self.view.is_stale() {
            self.view.refresh();
        }
        let Some((last, others)) = self.view.routees().split_last() else { return 0 };
        for member in others {
            sender.tell(member.actor(), message.clone());
        }
        sender.tell(last.actor(), message);
        others.len() + 1
    }
}

impl<M> Clone for Publisher<M> {
    fn clone(&self) -> Self {
        let mut view = View::new(self.view.list().clone());
        view.refresh();
        Self { view }
    }
}

impl<M> fmt::Debug for Publisher<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Publisher<{}>({} members)", std::any::type_name::<M>(), self.view.routees().len())
    }
}

/// What the actor of a group understands.
pub struct GroupMessage<M: 'static>(Order<M>);

enum Order<M: 'static> {
    /// The actor has joined or left, or both.
    Changed(Address),
    Gone(Terminated),
    Find(Reply<Group<M>>),
}

impl<M: Send + 'static> GroupMessage<M> {
    /// Asks for the group, for actors that have [looked its name up](Handle::lookup) and [`ask`](Context::ask) it.
    #[must_use]
    pub const fn group(reply: Reply<Group<M>>) -> Self {
        Self(Order::Find(reply))
    }
}

impl<M: 'static> fmt::Debug for GroupMessage<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Order::Changed(_) => "GroupMessage(Changed)",
            Order::Gone(_) => "GroupMessage(Gone)",
            Order::Find(_) => "GroupMessage(Find)",
        })
    }
}

/// Makes the actor of a group. The engine drops it when that has ended for good, by whatever, and not when it is
/// restarted: then nobody watches the members any more, and the group ends.
struct Ends<M>(Arc<List<M>>);

impl<M> Ends<M> {
    fn keeper(&self) -> Keeper<M> {
        Keeper { list: self.0.clone(), watched: Vec::new() }
    }
}

impl<M> Drop for Ends<M> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The actor of a group: watches the members.
struct Keeper<M> {
    list: Arc<List<M>>,
    watched: Vec<Address>,
}

impl<M: Send + 'static> Keeper<M> {
    /// Watches an actor if it is a member, and does not if it is none. News of joining and leaving may come in another order
    /// than things happened: what counts is how it is now.
    fn look(&mut self, member: Address, ctx: &mut Context<'_, GroupMessage<M>>) {
        let watched = self.watched.iter().position(|watched| *watched == member);
        match (self.list.contains(member), watched) {
            (true, None) => {
                self.watched.push(member);
                ctx.watch(member, |terminated| GroupMessage(Order::Gone(terminated)));
            }
            (false, Some(at)) => {
                self.watched.swap_remove(at);
                ctx.unwatch(member);
            }
            _ => {}
        }
    }
}

impl<M: Send + 'static> Actor for Keeper<M> {
    type Msg = GroupMessage<M>;

    fn started(&mut self, ctx: &mut Context<'_, GroupMessage<M>>) {
        for member in self.list.actors() {
            self.look(member.address(), ctx);
        }
    }

    fn handle(&mut self, GroupMessage(order): GroupMessage<M>, ctx: &mut Context<'_, GroupMessage<M>>) {
        match order {
            Order::Changed(member) => self.look(member, ctx),
            Order::Gone(terminated) => {
                self.list.remove(terminated.actor);
                self.watched.retain(|watched| *watched != terminated.actor);
            }
            Order::Find(reply) => {
                let group = Group { list: self.list.clone(), actor: ctx.me() };
                reply.send(ctx, group);
            }
        }
    }
}
