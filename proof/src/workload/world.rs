//! What all parties of a workload share, and how a new actor is made.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hippodrome::{Backoff, MailboxSpec, On, Overflow, Props, Restart};

use super::audit::Audit;
use super::graph::Graph;
use super::ledger::Ledger;
use super::message::Msg;
use super::node::Node;
use super::party::{Life, Party, Site};
use super::plan::{MAILBOX_MOST, Plan, Sabotage};
use super::random::Random;
use super::stream::Kind;
use super::token::Token;

/// What all parties of a workload share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) ledger: Ledger,
    pub(crate) graph: Graph,
    pub(crate) audit: Arc<Audit>,
    /// So many messages are still told before the sabotage begins; below 0 it is on.
    before_sabotage: AtomicI64,
}

/// After so many messages the sabotage begins.
const SABOTAGE_AFTER: i64 = 100;

/// To so many messages it is done, since one alone may go to an actor that has stopped, where nobody sees it.
const SABOTAGE_FOR: i64 = 100;

/// What an actor is spawned with, but for its factory.
pub(crate) struct Recruit<const N: usize> {
    pub(crate) props: Props<Msg<N>>,
    pub(crate) party: &'static Party,
    pub(crate) keys: u8,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let graph = Graph::new(plan.actors, &mut Random::new(plan.seed ^ 0x6AF));
        Self {
            plan,
            ledger: Ledger::default(),
            graph,
            audit: Arc::default(),
            before_sabotage: AtomicI64::new(SABOTAGE_AFTER),
        }
    }

    /// The generator of a party, in one of its lives.
    pub(crate) fn random(&self, party: &Party, life: u64) -> Random {
        Random::new(self.plan.seed.wrapping_mul(1_000_003) ^ u64::from(party.id()) << 20 ^ life)
    }

    /// The defect to be played with the message that is about to be told.
    pub(crate) fn sabotage(&self) -> Option<Sabotage> {
        let sabotage = self.plan.sabotage?;
        let before = self.before_sabotage.fetch_sub(1, Ordering::Relaxed);
        (-SABOTAGE_FOR..0).contains(&before).then_some(sabotage)
    }

    /// Whether the actor is to panic now.
    pub(crate) fn wants_panic(&self, random: &mut Random, rarer: usize) -> bool {
        let once_in = self.plan.panics_once_in;
        once_in > 0 && random.once_in(once_in * rarer)
    }

    /// A new party, and how it is to live.
    pub(crate) fn recruit<const N: usize>(&self, random: &mut Random) -> Recruit<N> {
        let places = [On::Here, On::LeastActors, On::RoundRobin];
        let props = Props::on(random.pick(places)).restart(restart(random));
        let (props, keys) = with_mailbox(props, random);
        Recruit { props, party: self.ledger.enlist(false), keys }
    }

    /// Makes an actor's state, again after each restart. The actor is gone when this is dropped.
    pub(crate) fn factory<const N: usize>(
        self: &Arc<Self>,
        party: &'static Party,
        node: usize,
        fuel: u32,
    ) -> impl FnMut() -> Node<N> + Send + 'static {
        let cradle = Cradle { life: Life::of(party), world: self.clone() };
        let mut birth = (fuel > 0).then(|| (Token::waiting(party, Kind::Birth), fuel));
        let mut lives = 0;
        move || {
            let Cradle { life, world } = &cradle;
            lives += 1;
            let mut random = world.random(life.party(), lives);
            if world.wants_panic(&mut random, 4) {
                panic_at(life.party(), Site::Factory);
            }
            life.party().count_start(lives > 1);
            Node::new(world.clone(), life.party(), node, random, birth.take())
        }
    }
}

/// What a factory keeps. It lets go of the party first: the world's end is the end of all parties that nobody holds.
struct Cradle {
    life: Life,
    world: Arc<World>,
}

/// Panics as planned, without a line on standard error.
pub(crate) fn panic_at(party: &Party, site: Site) -> ! {
    party.count_panic(site);
    std::panic::resume_unwind(Box::new("as planned"))
}

fn restart(random: &mut Random) -> Restart {
    let second = Duration::from_secs(1);
    let backoff = Backoff::exponential(Duration::from_micros(100), Duration::from_millis(2));
    match random.below(6) {
        0 => Restart::Stop,
        1 => Restart::Escalate,
        2 => Restart::up_to(2, second),
        3 | 4 => Restart::up_to(1_000_000, second),
        _ => Restart::Restart { max: 1_000_000, within: second, backoff },
    }
}

/// Half of the actors have a mailbox of their own, with each policy.
fn with_mailbox<const N: usize>(props: Props<Msg<N>>, random: &mut Random) -> (Props<Msg<N>>, u8) {
    let capacity = 1 + random.below(4);
    let overflow = match random.below(10) {
        0 => Overflow::Reject,
        1 => Overflow::DropNewest,
        2 => Overflow::DropOldest,
        3 => Overflow::Conflate(Msg::key),
        4 => Overflow::Grow(capacity + random.below(MAILBOX_MOST - capacity)),
        _ => return (props, 1),
    };
    let keys = if matches!(overflow, Overflow::Conflate(_)) { 3 } else { 1 };
    let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
    (props.mailbox(MailboxSpec::bounded(capacity).overflow(overflow)), keys)
}
