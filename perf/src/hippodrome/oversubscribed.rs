//! A ring of actors over more workers than cores, for each wait strategy that lets go of its core.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hippodrome::{Actor, ActorRef, Context, Handle, On, Reply, WaitStrategy, from_fn};
use hippodrome_affinity::CoreId;
use hippodrome_perf_kit::scenarios::oversubscribed::{Goal, Station, core_of, tokens};
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Finish, Sample, Subject};

use super::{NAME, PATIENCE, pinned_workers};

/// One for each wait strategy.
pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("oversubscribed", NAME, parking).via(WaitStrategy::SpinThenPark.name()),
    Subject::new("oversubscribed", NAME, yielding).via(WaitStrategy::SpinThenYield.name()),
];

fn parking(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    hand_round(case, cores, WaitStrategy::SpinThenPark)
}

fn yielding(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    hand_round(case, cores, WaitStrategy::SpinThenYield)
}

fn hand_round(case: &Case, cores: &Cores, strategy: WaitStrategy) -> Result<Sample, Failure> {
    let pinned_to: Vec<CoreId> = (0..case.actors).map(|number| core_of(number, cores)).collect::<Result<_, _>>()?;
    let engine = pinned_workers(pinned_to).wait(strategy).start()?;
    let handle = engine.handle();
    let finish = Arc::new(Finish::default());
    let goal = Goal::new(case, finish.clone());
    let addresses: Addresses = Arc::default();
    let spawn = |number: u64| {
        let (station, addresses) = (Station::new(number, goal.clone()), addresses.clone());
        let factory = move || Waypoint { station: station.clone(), number, next: None, addresses: addresses.clone() };
        handle.spawn(On::Worker(number as usize), factory)
    };
    let stations = (0..case.actors).map(spawn).collect::<Result<Vec<_>, _>>()?;
    let stations = addresses.get_or_init(|| stations);
    settle_workers(&handle)?;

    let started = Instant::now();
    tokens(case).for_each(|(first, token)| handle.tell(stations[first as usize], token));
    let sample = Sample::new(started, finish.wait()?);
    engine.shutdown(PATIENCE)?;
    Ok(sample)
}

/// Of all stations, by number.
type Addresses = Arc<OnceLock<Vec<ActorRef<Token>>>>;

/// A station, and the address of the next one once it is known.
struct Waypoint {
    station: Station,
    number: u64,
    next: Option<ActorRef<Token>>,
    addresses: Addresses,
}

impl Actor for Waypoint {
    type Msg = Token;

    #[inline]
    fn handle(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        let next = *self.next.get_or_insert_with(|| {
            let stations = self.addresses.wait();
            stations[(self.number as usize + 1) % stations.len()]
        });
        if let Some(token) = self.station.pass(token) {
            ctx.tell(next, token);
        }
    }
}

/// Waits until every worker has done what it was ordered so far: a question goes the same way.
pub(super) fn settle_workers(handle: &Handle) -> Result<(), Failure> {
    for worker in 0..handle.workers() {
        let asked = handle.spawn(On::Worker(worker), || from_fn(|reply: Reply<()>, ctx| reply.send(ctx, ())))?;
        handle.ask(asked, |reply| reply).wait(PATIENCE)?;
    }
    Ok(())
}
