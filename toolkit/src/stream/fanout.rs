//! Where an island has several below it: who of them gets an element.

use std::marker::PhantomData;

use super::boundary::Outlet;
use super::failure::Fault;
use super::signal::Signal;
use super::sink::{Drain, Readiness};
use super::stage::Turn;

/// An island's end with several branches.
pub(crate) struct Fanout<T, R> {
    branches: Vec<Outlet<T>>,
    route: R,
}

/// Who gets an element.
pub(crate) trait Route<T>: Send + 'static {
    /// Whether an element can be given on now.
    fn ready(&mut self, branches: &mut [Outlet<T>], turn: &mut Turn<'_, '_>) -> Readiness;

    /// Gives it on.
    fn give(&mut self, branches: &mut [Outlet<T>], item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>>;
}

impl<T: Send + 'static, R: Route<T>> Fanout<T, R> {
    pub(crate) fn new(branches: Vec<Outlet<T>>, route: R) -> Self {
        Self { branches, route }
    }
}

impl<T: Send + 'static, R: Route<T>> Drain<T> for Fanout<T, R> {
    type Output = ();

    #[inline]
    fn ready(&mut self, turn: &mut Turn<'_, '_>) -> Readiness {
        self.route.ready(&mut self.branches, turn)
    }

    #[inline]
    fn accept(&mut self, item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.route.give(&mut self.branches, item, turn)
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.branches.iter_mut().for_each(|branch| branch.start(turn));
    }

    fn receive(&mut self, signal: Signal, turn: &mut Turn<'_, '_>) -> Option<Signal> {
        self.branches.iter_mut().try_fold(signal, |signal, branch| branch.receive(signal, turn))
    }

    fn flush(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        self.branches.iter_mut().try_for_each(|branch| branch.flush(turn))
    }

    fn finish(&mut self, turn: &mut Turn<'_, '_>) {
        self.branches.iter_mut().for_each(|branch| branch.finish(turn));
    }

    fn is_closed(&self) -> bool {
        self.branches.iter().all(Outlet::is_closed)
    }

    fn output(&mut self) -> Option<()> {
        Some(())
    }
}

/// Ready when all that take anything are.
#[inline]
fn all_ready<T: Send + 'static>(branches: &mut [Outlet<T>], turn: &mut Turn<'_, '_>) -> Readiness {
    let mut readiness = Readiness::Closed;
    for branch in branches.iter_mut().filter(|branch| !branch.has_ended()) {
        if branch.ready(turn) == Readiness::Wait {
            return Readiness::Wait;
        }
        readiness = Readiness::Ready;
    }
    readiness
}

/// To all of them.
pub(crate) struct Broadcast;

impl<T: Clone + Send + 'static> Route<T> for Broadcast {
    #[inline]
    fn ready(&mut self, branches: &mut [Outlet<T>], turn: &mut Turn<'_, '_>) -> Readiness {
        all_ready(branches, turn)
    }

    #[inline]
    fn give(&mut self, branches: &mut [Outlet<T>], item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        let Some(last) = branches.iter().rposition(|branch| !branch.has_ended()) else { return Ok(()) };
        for branch in branches[..last].iter_mut().filter(|branch| !branch.has_ended()) {
            let clone = turn.call("broadcast", || item.clone());
            branch.accept(clone, turn)?;
        }
        branches[last].accept(item, turn)
    }
}

/// To one that has room: a chunk for one, a chunk for the next.
pub(crate) struct Balance {
    pub(crate) at: usize,
}

impl<T: Send + 'static> Route<T> for Balance {
    #[inline]
    fn ready(&mut self, branches: &mut [Outlet<T>], turn: &mut Turn<'_, '_>) -> Readiness {
        let mut readiness = Readiness::Closed;
        // Whose chunk is being filled gets it full before the next one has its turn.
        let first = if branches[self.at].is_filling() { self.at } else { self.at + 1 };
        for offset in 0..branches.len() {
            let at = (first + offset) % branches.len();
            if branches[at].has_ended() {
                continue;
            }
            if branches[at].ready(turn) == Readiness::Ready {
                self.at = at;
                return Readiness::Ready;
            }
            readiness = Readiness::Wait;
        }
        readiness
    }

    #[inline]
    fn give(&mut self, branches: &mut [Outlet<T>], item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        branches[self.at].accept(item, turn)
    }
}

/// To the one that its key says.
pub(crate) struct Partition<T, K> {
    pub(crate) key: K,
    pub(crate) item: PhantomData<fn(T)>,
}

impl<T: Send + 'static, K: FnMut(&T) -> u64 + Send + 'static> Route<T> for Partition<T, K> {
    #[inline]
    fn ready(&mut self, branches: &mut [Outlet<T>], turn: &mut Turn<'_, '_>) -> Readiness {
        all_ready(branches, turn)
    }

    #[inline]
    fn give(&mut self, branches: &mut [Outlet<T>], item: T, turn: &mut Turn<'_, '_>) -> Result<(), Box<Fault>> {
        let key = turn.call("partition", || (self.key)(&item));
        let branch = &mut branches[(key % branches.len() as u64) as usize];
        if branch.has_ended() {
            turn.tally.add(1);
            return Ok(());
        }
        branch.accept(item, turn)
    }
}
