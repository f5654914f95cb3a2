//! Savina's Big: each of 120 actors pings another one by chance and waits for its pong, 20,000 times.
//!
//! ```text
//!   Peer 0 -- ping --> Peer 84        Peer 1 -- ping --> Peer 17      ...
//!          <-- pong --                       <-- pong --
//! ```
//!
//! Messages go from everybody to everybody, itself included. Which peers one pings comes from a generator of its own,
//! so it is known what the pongs have to bring, in which order, to each peer. `messages` are the round trips of all
//! together; the first peers make one more where they cannot be shared equally.

use std::sync::{Arc, OnceLock};

use super::random::{Random, mix};
use super::{GATES, share};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::digest;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_big",
    about: "Savina Big: 120 actors ping each other by chance and wait for the pong",
    unit: "round trip",
    cores: 1,
    cases: &[Case { payload_bytes: 16, actors: 120, messages: 2_400_000 }],
    expected: |case| Found {
        units: case.messages,
        checksum: (0..case.actors).map(|number| collected(case, number)).fold(0, u64::wrapping_add),
    },
    gates: GATES,
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Referee::<P> {
        size: actors,
        messages,
        peers: Peers::<P>::default(),
        finish,
        done: 0,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Referred::SetUp), go: Referred::Go }, cores)
}

/// What the peer of this number has to have collected in the end.
fn collected(case: &Case, number: u64) -> u64 {
    let mut random = Random::new(number);
    let pongs =
        (0..share(case.messages, case.actors, number)).map(|sequence| pong(sequence, random.below(case.actors)));
    mix(pongs.fold(number, digest))
}

/// What the peer of this number answers to a ping.
#[inline]
fn pong(sequence: u64, number: u64) -> u64 {
    sequence ^ (number << 32)
}

/// Everybody's address, known before the first ping.
type Peers<P> = Arc<OnceLock<Vec<<P as Platform>::Ref<Peer<P>>>>>;

enum Referred {
    SetUp,
    Go,
    /// What one peer did.
    Done(Found),
}

struct Referee<P: Platform> {
    size: u64,
    messages: u64,
    peers: Peers<P>,
    finish: Arc<Finish>,
    done: u64,
    found: Found,
}

impl<P: Platform> Referee<P> {
    fn set_up(&self, context: &mut P::Context<'_, Self>) {
        let peers = (0..self.size).map(|number| {
            let peer = Peer {
                number: number as u32,
                referee: context.me(),
                peers: self.peers.clone(),
                random: Random::new(number),
                pings: share(self.messages, self.size, number),
                found: Found { units: 0, checksum: number },
            };
            context.spawn(Place::Here, peer)
        });
        let peers = peers.collect();
        self.peers.get_or_init(|| peers);
    }
}

impl<P: Platform> Role<P> for Referee<P> {
    type Msg = Referred;

    fn receive(&mut self, message: Referred, context: &mut P::Context<'_, Self>) {
        match message {
            Referred::SetUp => self.set_up(context),
            Referred::Go => {
                for peer in self.peers.get().into_iter().flatten() {
                    context.tell(peer, Ball::Go);
                }
            }
            Referred::Done(Found { units, checksum }) => {
                self.found.units += units;
                self.found.checksum = self.found.checksum.wrapping_add(mix(checksum));
                self.done += 1;
                if self.done == self.size {
                    self.finish.set(self.found.units, self.found.checksum);
                }
            }
        }
    }
}

enum Ball {
    Go,
    Ping { from: u32, sequence: u64 },
    Pong(u64),
}

struct Peer<P: Platform> {
    number: u32,
    referee: P::Ref<Referee<P>>,
    peers: Peers<P>,
    random: Random,
    /// How many pings it has to send.
    pings: u64,
    found: Found,
}

impl<P: Platform> Peer<P> {
    #[inline]
    fn ping(&mut self, context: &mut P::Context<'_, Self>) {
        let sequence = self.found.units;
        if sequence == self.pings {
            context.tell(&self.referee, Referred::Done(self.found));
        } else if let Some(peers) = self.peers.get() {
            let other = self.random.below(peers.len() as u64);
            context.tell(&peers[other as usize], Ball::Ping { from: self.number, sequence });
        }
    }
}

impl<P: Platform> Role<P> for Peer<P> {
    type Msg = Ball;

    #[inline]
    fn receive(&mut self, message: Ball, context: &mut P::Context<'_, Self>) {
        match message {
            Ball::Go => self.ping(context),
            Ball::Ping { from, sequence } => {
                if let Some(peers) = self.peers.get() {
                    context.tell(&peers[from as usize], Ball::Pong(pong(sequence, self.number.into())));
                }
            }
            Ball::Pong(value) => {
                self.found.units += 1;
                self.found.checksum = digest(self.found.checksum, value);
                self.ping(context);
            }
        }
    }
}
