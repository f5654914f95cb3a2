//! The graph: nodes, the edges along which they send, and who lives at each node now.

use hippodrome::{ActorRef, Address};
use parking_lot::Mutex;

use super::message::Msg;
use super::party::Party;
use super::random::Random;

/// The words in the body of a small actor's messages.
pub(crate) const SMALL: usize = 2;

/// The words in the body of a large actor's messages: so many that rings wrap at odd places.
pub(crate) const LARGE: usize = 45;

/// An actor, as others know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) party: &'static Party,
    pub(crate) route: Route,
    /// By how many keys its mailbox conflates; 1 if it does not.
    pub(crate) keys: u8,
}

/// An actor's address, by the size of its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    Small(ActorRef<Msg<SMALL>>),
    Large(ActorRef<Msg<LARGE>>),
}

impl Route {
    pub(crate) fn address(self) -> Address {
        match self {
            Self::Small(to) => to.address(),
            Self::Large(to) => to.address(),
        }
    }
}

/// Who lives at a node, and who lived there before: an address that is most likely stale.
#[derive(Debug, Default)]
struct Place {
    current: Option<Peer>,
    previous: Option<Peer>,
}

/// At how many nodes somebody is looked for who lives.
const TRIES: usize = 4;

/// The nodes and their edges.
#[derive(Debug)]
pub(crate) struct Graph {
    places: Vec<Mutex<Place>>,
    /// From each node: first the next one, so that all of them are a ring, then others at random.
    edges: Vec<Vec<usize>>,
}

/// Once in so many times a message goes to whoever lived at the node before.
const STALE_ONCE_IN: usize = 24;

impl Graph {
    /// Nodes without actors.
    pub(crate) fn new(nodes: usize, random: &mut Random) -> Self {
        let nodes = nodes.max(1);
        let edges = |node| {
            let others = (0..random.below(4)).map(|_| random.below(nodes));
            std::iter::once((node + 1) % nodes).chain(others.collect::<Vec<_>>()).collect()
        };
        Self { places: (0..nodes).map(|_| Mutex::default()).collect(), edges: (0..nodes).map(edges).collect() }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.places.len()
    }

    /// Whoever lives at a node that this one has an edge to; if nobody does at several, whoever lived there.
    pub(crate) fn along(&self, from: usize, random: &mut Random) -> Option<Peer> {
        let edges = &self.edges[from];
        let mut found = None;
        for _ in 0..TRIES {
            found = self.at(edges[random.below(edges.len())], random);
            if found.is_some_and(|peer| !peer.party.is_gone()) {
                break;
            }
        }
        found
    }

    /// Whoever lives at the next node of the ring.
    pub(crate) fn next(&self, from: usize) -> Option<Peer> {
        self.places[self.edges[from][0]].lock().current
    }

    /// Whoever lives anywhere.
    pub(crate) fn any(&self, random: &mut Random) -> Option<Peer> {
        self.at(random.below(self.nodes()), random)
    }

    fn at(&self, node: usize, random: &mut Random) -> Option<Peer> {
        let wants_stale = random.once_in(STALE_ONCE_IN);
        let place = self.places[node].lock();
        place.previous.filter(|_| wants_stale).or(place.current)
    }

    /// Moves an actor in. Returns who lived there.
    pub(crate) fn settle(&self, node: usize, peer: Peer) -> Option<Peer> {
        let mut place = self.places[node].lock();
        place.previous = place.current.replace(peer);
        place.previous
    }

    /// A node whose actor has gone, or that never had one.
    pub(crate) fn vacant(&self) -> Option<usize> {
        self.places.iter().position(|place| place.lock().current.is_none_or(|peer| peer.party.is_gone()))
    }

    /// Whether an actor is at any node, or was there last.
    pub(crate) fn knows(&self, party: &Party) -> bool {
        let is_it = |peer: &Option<Peer>| peer.is_some_and(|peer| std::ptr::eq(peer.party, party));
        self.places.iter().any(|place| {
            let place = place.lock();
            is_it(&place.current) || is_it(&place.previous)
        })
    }
}
