//! Spawning: where an actor is to live, and what it is spawned with.

use std::alloc::Layout;
use std::any::type_name;
use std::sync::Arc;

use hippodrome_ringbuf::envelope_bytes;

use crate::actor::Actor;
use crate::address::{ActorRef, Address, Home};
use crate::cell::{HeadSeed, NewCell};
use crate::error::SpawnError;
use crate::mailbox::{Mailbox, MailboxSpec};
use crate::restart::Restart;
use crate::shared::{Phase, Shared};
use crate::sync::Ordering;

/// On which worker an actor is to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum On {
    /// The worker of the actor that spawns; from outside, as [`LeastActors`](Self::LeastActors).
    #[default]
    Here,
    /// The worker that is pinned to this core.
    Core(u32),
    /// The worker with this index.
    Worker(usize),
    /// The worker with the fewest actors.
    LeastActors,
    /// The workers in turn.
    RoundRobin,
    /// The same worker, and so the same core, as this actor.
    SameAs(Address),
}

/// What an actor that takes `M` is spawned with. An [`On`] alone can stand for it.
///
/// # Examples
/// ```
/// use hippodrome::{MailboxSpec, On, Overflow, Props, Restart};
/// use std::num::NonZeroUsize;
/// use std::time::Duration;
///
/// let capacity = NonZeroUsize::new(1024).unwrap();
/// let props: Props<u64> = Props::on(On::RoundRobin)
///     .named("ticker")
///     .mailbox(MailboxSpec::bounded(capacity).overflow(Overflow::DropOldest))
///     .restart(Restart::up_to(5, Duration::from_secs(60)));
/// # let _ = props;
/// ```
#[derive(Debug)]
#[must_use]
pub struct Props<M> {
    on: On,
    name: Option<Arc<str>>,
    mailbox: Option<MailboxSpec<M>>,
    restart: Restart,
}

impl<M> Props<M> {
    /// An actor in its core's shared ring, without a name, that stops when it panics.
    pub const fn on(on: On) -> Self {
        Self { on, name: None, mailbox: None, restart: Restart::Stop }
    }

    /// Gives it a name, by which [`Handle::lookup`](crate::Handle::lookup) finds it while it lives.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives it a private mailbox.
    pub fn mailbox(mut self, mailbox: MailboxSpec<M>) -> Self {
        self.mailbox = Some(mailbox);
        self
    }

    /// Sets what becomes of it when it panics.
    pub const fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }
}

impl<M> Default for Props<M> {
    fn default() -> Self {
        Self::on(On::Here)
    }
}

impl<M> From<On> for Props<M> {
    fn from(on: On) -> Self {
        Self::on(on)
    }
}

impl Shared {
    /// Makes the cell of a new actor, and its address. Everything that can fail about a spawn fails here.
    pub(crate) fn prepare<A, F>(
        &self,
        props: Props<A::Msg>,
        parent: Option<Address>,
        here: Option<usize>,
        factory: F,
    ) -> Result<(NewCell, ActorRef<A::Msg>), SpawnError>
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        if self.phase() >= Phase::Ending || (here.is_none() && self.phase() != Phase::Running) {
            return Err(SpawnError::Stopping);
        }
        let index = self.place(props.on, here)?;
        let worker = &self.workers[index];
        let bytes = envelope_bytes(Layout::new::<A::Msg>());
        let limit = worker.max_envelope_bytes;
        if bytes > limit {
            return Err(SpawnError::MessageTooLarge { message: type_name::<A::Msg>(), bytes, limit, worker: index });
        }
        props.mailbox.as_ref().map_or(Ok(()), MailboxSpec::validate)?;
        let full = SpawnError::TableFull { worker: index, limit: worker.slots.limit() };
        let tag = worker.slots.take().ok_or(full)?;
        let home = Home::new(self.node, index as u32);
        let home = if props.mailbox.is_some() { home.private() } else { home };
        let me = Address { home, tag };
        if let Some(name) = &props.name
            && let Err(holder) = self.names.claim::<A::Msg>(name, me)
        {
            worker.slots.give_back(tag);
            return Err(SpawnError::NameTaken { name: name.to_string(), holder });
        }
        let mailbox = props.mailbox.map(|spec| Box::new(Mailbox::new(spec.capacity, spec.overflow)));
        let seed = HeadSeed { me, parent, restart: props.restart, name: props.name };
        Ok((NewCell::new::<A, F>(factory, mailbox, seed, self.driver), ActorRef::new(me)))
    }

    /// The index of the worker that `on` means.
    fn place(&self, on: On, here: Option<usize>) -> Result<usize, SpawnError> {
        let workers = self.workers.len();
        match on {
            On::Here => match here {
                Some(here) => Ok(here),
                None => self.place(On::LeastActors, None),
            },
            On::Core(core) => {
                let found = self.workers.iter().position(|worker| worker.core == Some(core));
                found.ok_or_else(|| {
                    let cores: Vec<String> =
                        self.workers.iter().filter_map(|worker| worker.core).map(|core| core.to_string()).collect();
                    let cores = if cores.is_empty() { "no core".to_owned() } else { cores.join(", ") };
                    SpawnError::NoSuchCore { core, cores }
                })
            }
            On::Worker(worker) if worker < workers => Ok(worker),
            On::Worker(worker) => Err(SpawnError::NoSuchWorker { worker, workers }),
            On::LeastActors => {
                let least = (0..workers).min_by_key(|index| self.workers[*index].slots.taken());
                least.ok_or(SpawnError::Stopping)
            }
            On::RoundRobin => Ok(self.round_robin.fetch_add(1, Ordering::Relaxed) % workers),
            On::SameAs(actor) if actor.node() == self.node => Ok(actor.worker()),
            On::SameAs(actor) => Err(SpawnError::ForeignActor(actor)),
        }
    }
}
