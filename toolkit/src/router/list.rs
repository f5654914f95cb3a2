//! The list that routers share, and the copy that each of them keeps.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hippodrome::{ActorRef, Address};
use parking_lot::Mutex;

use crate::router::counted::Load;
use crate::router::hashing::{Slots, mix};

/// One of the actors that a router chooses from.
pub struct Routee<M> {
    actor: ActorRef<M>,
    /// What hashing knows it by.
    id: u64,
    load: Option<Arc<Load>>,
}

impl<M> Routee<M> {
    pub(crate) fn new(actor: ActorRef<M>) -> Self {
        let address = actor.address();
        // Not the node, which is the number of engines that were started before: the same program is to choose the same.
        let place = (address.worker() as u64) << 32 | u64::from(address.slot());
        Self { actor, id: mix(place) ^ u64::from(address.generation()), load: None }
    }

    /// A routee that is known by its index in a pool, so that who replaces it gets its keys.
    pub(crate) fn of_pool(actor: ActorRef<M>, index: usize, load: Option<Arc<Load>>) -> Self {
        Self { actor, id: index as u64, load }
    }

    /// Who.
    #[inline]
    #[must_use]
    pub const fn actor(&self) -> ActorRef<M> {
        self.actor
    }

    /// How many messages routers have sent it that it has not handled yet; 0 if nobody counts, which only a pool with
    /// [`LeastLoaded`](crate::router::LeastLoaded) does.
    #[inline]
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.load.as_ref().map_or(0, |load| load.in_flight())
    }

    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    #[inline]
    pub(crate) fn count_sent(&self) {
        if let Some(load) = &self.load {
            load.count_sent();
        }
    }
}

impl<M> Clone for Routee<M> {
    fn clone(&self) -> Self {
        Self { actor: self.actor, id: self.id, load: self.load.clone() }
    }
}

impl<M> fmt::Debug for Routee<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Routee({}, {} in flight)", self.actor.address(), self.in_flight())
    }
}

/// The routees between two changes of their list.
pub struct Routees<M> {
    list: Arc<[Routee<M>]>,
    version: u64,
    slots: OnceLock<Arc<Slots>>,
}

impl<M> Routees<M> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Routee<M>] {
        &self.list
    }

    /// Who has which keys. Computed once for all routers, by the first that needs it.
    pub(crate) fn slots(&self) -> Arc<Slots> {
        self.slots.get_or_init(|| Arc::new(Slots::of(&self.list))).clone()
    }
}

impl<M> fmt::Debug for Routees<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.list.iter()).finish()
    }
}

/// What routers share.
pub(crate) struct List<M> {
    /// How often it has changed. Written with the lock held, so that whoever sees a new one finds the change there.
    version: AtomicU64,
    state: Mutex<State<M>>,
    /// Routers made so far.
    routers: AtomicU64,
}

struct State<M> {
    routees: Vec<Routee<M>>,
    /// What the routers copy, made when the first of them asks after a change.
    current: Option<Arc<Routees<M>>>,
    /// Who stands for all of them in the report of a message that none can get.
    owner: Option<Address>,
    is_closed: bool,
}

impl<M> List<M> {
    pub(crate) fn of(routees: impl IntoIterator<Item = ActorRef<M>>) -> Self {
        let routees: Vec<_> = routees.into_iter().map(Routee::new).collect();
        let owner = routees.first().map(|routee| routee.actor.address());
        let state = State { routees, current: None, owner, is_closed: false };
        Self { version: AtomicU64::new(0), state: Mutex::new(state), routers: AtomicU64::new(0) }
    }

    /// Adds an actor. Returns whether it was not there, and the list is not closed.
    pub(crate) fn add(&self, routee: Routee<M>) -> bool {
        let mut state = self.state.lock();
        let is_new = !state.is_closed && !state.routees.iter().any(|other| other.actor == routee.actor);
        if is_new {
            state.routees.push(routee);
            self.change(&mut state);
        }
        is_new
    }

    /// Takes an actor off. Returns whether it was there.
    pub(crate) fn remove(&self, actor: Address) -> bool {
        let mut state = self.state.lock();
        let found = state.routees.iter().position(|routee| routee.actor.address() == actor);
        if let Some(found) = found {
            state.routees.remove(found);
            self.change(&mut state);
        }
        found.is_some()
    }

    /// Takes all off.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.routees.clear();
        self.change(&mut state);
    }

    /// Takes all off, and takes no more.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.clear();
    }

    fn change(&self, state: &mut State<M>) {
        state.current = None;
        // Pairs with the load in `is_stale`; the list itself is read with the lock held.
        self.version.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn contains(&self, actor: Address) -> bool {
        self.state.lock().routees.iter().any(|routee| routee.actor.address() == actor)
    }

    pub(crate) fn actors(&self) -> Vec<ActorRef<M>> {
        self.state.lock().routees.iter().map(|routee| routee.actor).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().routees.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn owner(&self) -> Option<Address> {
        self.state.lock().owner
    }

    pub(crate) fn set_owner(&self, owner: Address) {
        self.state.lock().owner = Some(owner);
    }

    /// The number of the next router, from 0.
    pub(crate) fn next_number(&self) -> u64 {
        self.routers.fetch_add(1, Ordering::Relaxed)
    }

    fn current(&self) -> Arc<Routees<M>> {
        let mut state = self.state.lock();
        if let Some(current) = &state.current {
            return current.clone();
        }
        let version = self.version.load(Ordering::Relaxed);
        let current =
            Arc::new(Routees { list: state.routees.iter().cloned().collect(), version, slots: OnceLock::new() });
        state.current = Some(current.clone());
        current
    }
}

/// A list, and a copy of it as it was when last looked at.
pub(crate) struct View<M> {
    list: Arc<List<M>>,
    version: u64,
    routees: Arc<[Routee<M>]>,
}

impl<M> View<M> {
    /// A view that has seen nothing yet.
    pub(crate) fn new(list: Arc<List<M>>) -> Self {
        Self { list, version: u64::MAX, routees: Arc::new([]) }
    }

    #[inline(always)]
    pub(crate) fn is_stale(&self) -> bool {
        self.list.version.load(Ordering::Acquire) != self.version
    }

    /// Copies the list as it is now.
    pub(crate) fn refresh(&mut self) -> Arc<Routees<M>> {
        let current = self.list.current();
        self.version = current.version;
        self.routees = current.list.clone();
        current
    }

    #[inline(always)]
    pub(crate) fn routees(&self) -> &[Routee<M>] {
        &self.routees
    }

    pub(crate) const fn list(&self) -> &Arc<List<M>> {
        &self.list
    }
}
