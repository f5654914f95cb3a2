//! Threads outside the engine: they send by a handle or a port, spawn, stop and ask.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use hippodrome::{ActorRef, Ask, AskError, Handle, Port, Reply, Stop, TryTellError};

use super::graph::{LARGE, Peer, Route, SMALL};
use super::message::{Answer, Content, Msg};
use super::party::{Asked, Fate, Hold, Party};
use super::post::by_size;
use super::random::Random;
use super::stream::StreamId;
use super::token::{Letter, Token};
use super::world::{Recruit, World};

/// The way into the engine.
#[derive(Debug)]
enum Way {
    Handle,
    Port(Port),
}

/// A thread outside the engine that gives its actors work. One thread's, since messages are in order for each thread.
#[derive(Debug)]
pub struct Sender {
    /// Let go of before the world, whose end is the end of all parties that nobody holds.
    me: Hold,
    world: Arc<World>,
    handle: Handle,
    way: Way,
    random: Random,
    asks: Vec<Ask<Answer>>,
    /// How long it waits for room and for answers; zero for the thread that polls the workers itself.
    patience: Duration,
}

/// The most fuel that one message takes along.
const SHARE_MOST: u32 = 300;

/// The most answers that a thread waits for at once.
const ASKS_MOST: usize = 64;

impl Sender {
    /// One that shares the ingress of each worker with all others, and never waits.
    pub(crate) fn by_handle(world: &Arc<World>, handle: &Handle) -> Self {
        Self::by(world, handle, Way::Handle)
    }

    /// The same with lanes of its own.
    pub(crate) fn by_port(world: &Arc<World>, handle: &Handle, port: Port) -> Self {
        Self::by(world, handle, Way::Port(port))
    }

    fn by(world: &Arc<World>, handle: &Handle, way: Way) -> Self {
        let me = Hold::of(world.ledger.enlist(true));
        let random = world.random(me.party(), 0);
        let (world, handle) = (world.clone(), handle.clone());
        Self { world, handle, way, me, random, asks: Vec::new(), patience: Duration::ZERO }
    }

    /// Lets it wait so long for room and for answers, and stop actors, for which it may have to wait too.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends messages of which `fuel` others may come, itself included. Returns whether the engine still accepts any.
    pub fn send(&mut self, mut fuel: u32) -> bool {
        while fuel > 0 {
            let share = 1 + self.random.below(fuel.min(SHARE_MOST) as usize) as u32;
            fuel -= share;
            if !self.act(share) {
                return false;
            }
        }
        self.look_at_answers();
        true
    }

    fn me(&self) -> &'static Party {
        self.me.party()
    }

    fn act(&mut self, share: u32) -> bool {
        let is_vacant = |world: &World| world.graph.vacant();
        if let Some(node) = is_vacant(&self.world) {
            self.spawn(node);
        }
        let Some(peer) = self.world.graph.any(&mut self.random) else { return self.handle.is_running() };
        let stream = peer.stream(&mut self.random);
        match self.random.below(20) {
            0..8 => self.tell(peer, stream, share),
            8..12 => return self.try_tell(peer, stream, share),
            12..15 => self.tell_batch(peer, stream, share),
            15..19 => self.ask(peer, stream, share),
            _ if !self.patience.is_zero() && self.world.plan.has_storms => self.stop(peer),
            _ => self.tell(peer, stream, share),
        }
        true
    }

    fn letter<const N: usize>(&self, peer: Peer, stream: StreamId, fuel: u32) -> Letter<N> {
        Letter::seal(Token::new(self.me(), peer.party, stream), fuel)
    }

    fn tell(&mut self, peer: Peer, stream: StreamId, share: u32) {
        by_size!(peer, to => {
            let message = Msg::work(self.letter(peer, stream, share - 1));
            match &mut self.way {
                Way::Handle => self.handle.tell(to, message),
                Way::Port(port) => port.tell(to, message),
            }
        });
    }

    fn try_tell(&mut self, peer: Peer, stream: StreamId, share: u32) -> bool {
        by_size!(peer, to => {
            let message = Msg::work(self.letter(peer, stream, share - 1));
            note_refusal(match &mut self.way {
                Way::Handle => self.handle.tell_within(self.patience, to, message),
                Way::Port(port) => port.tell_within(self.patience, to, message),
            })
        })
    }

    fn tell_batch(&mut self, peer: Peer, stream: StreamId, share: u32) {
        let count = share.min(1 + self.random.below(40) as u32);
        let (me, patience) = (self.me(), self.patience);
        by_size!(peer, to => {
            let mut left = (0..count).map(|n| {
                let fuel = if n == 0 { share - count } else { 0 };
                Msg::work(Letter::seal(Token::new(me, peer.party, stream), fuel))
            });
            // What does not fit is not taken from the iterator, so that it was never made.
            match &mut self.way {
                Way::Handle => self.handle.tell_batch(patience, to, &mut left),
                Way::Port(port) => port.tell_batch(patience, to, &mut left),
            };
        });
    }

    fn ask(&mut self, peer: Peer, stream: StreamId, share: u32) {
        if self.asks.len() >= ASKS_MOST {
            self.finish_asks();
        }
        let asker = self.me();
        let ask = by_size!(peer, to => {
            let letter = self.letter(peer, stream, share - 1);
            let make = |reply: Reply<Answer>| Msg(Content::Question { letter, asker, reply });
            match &mut self.way {
                Way::Handle => self.handle.ask(to, make),
                Way::Port(port) => port.ask(to, make),
            }
        });
        self.asks.push(ask);
    }

    fn stop(&mut self, peer: Peer) {
        let how = self.random.pick([Stop::Now, Stop::AfterQueued, Stop::Kill]);
        // An ingress that stays full, or an engine that ends: then it is not stopped.
        let _ = self.handle.stop(peer.route.address(), how);
    }

    /// Spawns an actor without a parent.
    fn spawn(&mut self, node: usize) {
        let peer = if self.random.once_in(3) {
            self.root::<LARGE>(node).map(|(root, party, keys)| Peer { party, route: Route::Large(root), keys })
        } else {
            self.root::<SMALL>(node).map(|(root, party, keys)| Peer { party, route: Route::Small(root), keys })
        };
        if let Some(peer) = peer {
            self.world.graph.settle(node, peer);
        }
    }

    fn root<const N: usize>(&mut self, node: usize) -> Option<(ActorRef<Msg<N>>, &'static Party, u8)> {
        let Recruit { props, party, keys } = self.world.recruit::<N>(&mut self.random);
        // An engine whose table is full, or that ends, takes no more.
        let root = self.handle.spawn(props, self.world.factory(party, node, 0)).ok()?;
        Some((root, party, keys))
    }

    /// Spawns an actor for each node that has none.
    pub(crate) fn populate(&mut self) {
        // Not for ever: an actor may go as soon as it is started.
        for _ in 0..self.world.graph.nodes() {
            let Some(node) = self.world.graph.vacant() else { return };
            self.spawn(node);
        }
    }

    /// Takes the answers that have come.
    pub(crate) fn look_at_answers(&mut self) {
        let me = self.me();
        self.asks.retain_mut(|ask| match Pin::new(ask).poll(&mut Task::from_waker(Waker::noop())) {
            Poll::Ready(answer) => {
                take(me, answer);
                false
            }
            Poll::Pending => true,
        });
    }

    /// Waits for the answers as long as its patience lasts, and gives up those that have not come by then.
    pub fn finish_asks(&mut self) {
        for ask in std::mem::take(&mut self.asks) {
            take(self.me(), ask.wait(self.patience));
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.finish_asks();
    }
}

fn take(me: &'static Party, answer: Result<Answer, AskError>) {
    me.count_asked(match &answer {
        Ok(_) => Asked::Answered,
        Err(AskError::Unanswered) => Asked::Unanswered,
        Err(_) => Asked::TimedOut,
    });
    if let Ok(mut answer) = answer {
        answer.arrive(me);
        answer.end(Fate::Taken);
    }
}

/// Whether the engine still accepts messages.
fn note_refusal<const N: usize>(sent: Result<(), TryTellError<Msg<N>>>) -> bool {
    let Err(error) = sent else { return true };
    let is_full = matches!(error, TryTellError::Full(_));
    error.into_message().into_letter().end(Fate::Refused);
    is_full
}
