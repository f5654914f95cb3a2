//! One actor spreads messages over others on its core: by hand, and through routers. The unit is a message, sent and
//! handled.
//!
//! ```text
//!   +--- core -----------------------------------------+
//!   |  Spreader -- router --+-- 32 messages --> Sink 0 |
//!   |                       +-- 32 messages --> Sink 1 |
//!   |                       :                          |
//!   |                       +-- 32 messages --> Sink 7 |
//!   +--------------------------------------------------+
//! ```

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hippodrome::{Actor, ActorRef, Context, Handle, On, Props};
use hippodrome_benches::{Bench, Token};
use hippodrome_toolkit::router::{ConsistentHashing, LeastLoaded, Pool, Random, RoundRobin, Router, Strategy};

use crate::flood::{CHUNK, Send};
use crate::scenario::{Scenario, UNITS, WARM_UP};

const SINKS: u64 = 8;

/// What asks a sink for its sum.
const REPORT: u64 = u64::MAX;

/// Adds up what it gets: the same sum, whoever gets which message.
struct Sink {
    received: u64,
    sum: u64,
    totals: Totals,
}

/// What all sinks have received, and its sum.
#[derive(Clone, Default)]
struct Totals(Arc<[AtomicU64; 2]>);

impl Actor for Sink {
    type Msg = Token;

    fn handle(&mut self, token: Token, _: &mut Context<'_, Token>) {
        if token.hops_left == REPORT {
            return self.report();
        }
        self.received += 1;
        self.sum = self.sum.wrapping_add(token.value());
    }
}

impl Sink {
    #[cold]
    #[inline(never)]
    fn report(&self) {
        self.totals.0[0].fetch_add(self.received, Ordering::Relaxed);
        self.totals.0[1].fetch_add(self.sum, Ordering::Relaxed);
    }
}

/// A way to choose the sink of a message.
pub(crate) trait Way: Clone + std::marker::Send + 'static {
    const SINKS: u64 = SINKS;

    fn over(sinks: &[ActorRef<Token>]) -> Self;

    fn tell(&mut self, ctx: &mut Context<'_, Send>, number: u64);
}

/// In turn, as one writes it without a router.
#[derive(Clone)]
pub(crate) struct InTurn([ActorRef<Token>; SINKS as usize]);

impl Way for InTurn {
    fn over(sinks: &[ActorRef<Token>]) -> Self {
        Self(sinks.try_into().expect("as many sinks as it was written for"))
    }

    #[inline(always)]
    fn tell(&mut self, ctx: &mut Context<'_, Send>, number: u64) {
        ctx.tell(self.0[(number & (SINKS - 1)) as usize], Token::numbered(number));
    }
}

/// One sink, told directly.
#[derive(Clone)]
pub(crate) struct Direct(ActorRef<Token>);

impl Way for Direct {
    const SINKS: u64 = 1;

    fn over(sinks: &[ActorRef<Token>]) -> Self {
        Self(sinks[0])
    }

    #[inline(always)]
    fn tell(&mut self, ctx: &mut Context<'_, Send>, number: u64) {
        ctx.tell(self.0, Token::numbered(number));
    }
}

/// Through a router of `SINKS` sinks.
pub(crate) struct Routed<S, const COUNT: u64 = SINKS>(Router<Token, S>);

impl<S: Strategy<Token>, const COUNT: u64> Clone for Routed<S, COUNT> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A strategy that needs nothing to be told.
pub(crate) trait Ready: Strategy<Token> + std::marker::Send + 'static {
    fn ready() -> Self;
}

impl Ready for RoundRobin {
    fn ready() -> Self {
        Self::default()
    }
}

impl Ready for Random {
    fn ready() -> Self {
        Self::default()
    }
}

/// By the number of the message.
pub(crate) type ByNumber = ConsistentHashing<fn(&Token) -> u64>;

impl Ready for ByNumber {
    fn ready() -> Self {
        Self::by(|token| token.payload[0])
    }
}

impl<S: Ready, const COUNT: u64> Way for Routed<S, COUNT> {
    const SINKS: u64 = COUNT;

    fn over(sinks: &[ActorRef<Token>]) -> Self {
        Self(Router::over(sinks.iter().copied(), S::ready()).expect("there are sinks"))
    }

    #[inline(always)]
    fn tell(&mut self, ctx: &mut Context<'_, Send>, number: u64) {
        self.0.tell(ctx, Token::numbered(number));
    }
}

/// Sends a chunk, and then tells itself to go on.
struct Spreader<W> {
    way: W,
    sent: u64,
}

impl<W: Way> Actor for Spreader<W> {
    type Msg = Send;

    fn handle(&mut self, Send(left): Send, ctx: &mut Context<'_, Send>) {
        let first = self.sent;
        self.sent += left.min(CHUNK);
        for number in first..self.sent {
            self.way.tell(ctx, number);
        }
        if left > CHUNK {
            ctx.tell(ctx.me(), Send(left - CHUNK));
        }
    }
}

fn spawn_spreader<W: Way>(handle: &Handle, way: W) -> ActorRef<Send> {
    let spreader = handle.spawn(On::Worker(0), move || Spreader { way: way.clone(), sent: 0 });
    spreader.expect("there is room for an actor")
}

/// Messages spread by one of the ways.
pub(crate) struct Spread<W> {
    bench: Bench,
    handle: Handle,
    spreader: ActorRef<Send>,
    sinks: Vec<ActorRef<Token>>,
    totals: Totals,
    way: PhantomData<W>,
}

impl<W: Way> Scenario for Spread<W> {
    fn new() -> Self {
        let bench = Bench::new();
        let handle = bench.handle();
        let totals = Totals::default();
        let spawn_sink = |_| {
            let totals = totals.clone();
            let sink = handle.spawn(On::Worker(0), move || Sink { received: 0, sum: 0, totals: totals.clone() });
            sink.expect("there is room for an actor")
        };
        let sinks: Vec<_> = (0..W::SINKS).map(spawn_sink).collect();
        let spreader = spawn_spreader(&handle, W::over(&sinks));
        Self { bench, handle, spreader, sinks, totals, way: PhantomData }
    }

    fn run(&mut self, units: u64) {
        self.handle.tell(self.spreader, Send(units));
        self.bench.run();
    }

    fn check(mut self) {
        check(&mut self.bench, &self.sinks, &self.totals);
    }
}

/// Checks that every message has come once.
fn check(bench: &mut Bench, sinks: &[ActorRef<Token>], totals: &Totals) {
    let handle = bench.handle();
    for sink in sinks {
        handle.tell(*sink, Token { hops_left: REPORT, ..Token::default() });
    }
    bench.run();
    let sent = WARM_UP + UNITS;
    let sum = (0..sent).fold(0_u64, |sum, number| sum.wrapping_add(Token::numbered(number).value()));
    assert_eq!(totals.0[0].load(Ordering::Relaxed), sent);
    assert_eq!(totals.0[1].load(Ordering::Relaxed), sum);
}

/// Through a pool that counts what is in flight.
#[derive(Clone)]
struct Balanced(Router<Token, LeastLoaded>);

impl Way for Balanced {
    fn over(_: &[ActorRef<Token>]) -> Self {
        unreachable!("a pool makes its sinks itself")
    }

    #[inline(always)]
    fn tell(&mut self, ctx: &mut Context<'_, Send>, number: u64) {
        self.0.tell(ctx, Token::numbered(number));
    }
}

/// Messages spread over a pool by load.
pub(crate) struct LeastLoad {
    bench: Bench,
    handle: Handle,
    spreader: ActorRef<Send>,
    sinks: Vec<ActorRef<Token>>,
    totals: Totals,
}

impl Scenario for LeastLoad {
    fn new() -> Self {
        let mut bench = Bench::new();
        let handle = bench.handle();
        let totals = Totals::default();
        let shared = totals.clone();
        let pool = Pool::of(SINKS as usize, LeastLoaded::default())
            .routees(|_| Props::on(On::Worker(0)))
            .spawn(&handle, move || Sink { received: 0, sum: 0, totals: shared.clone() })
            .expect("there is room for a pool");
        bench.run();
        let mut router = pool.router();
        let sinks: Vec<_> = router.routees().iter().map(|routee| routee.actor()).collect();
        assert_eq!(sinks.len() as u64, SINKS);
        let spreader = spawn_spreader(&handle, Balanced(router));
        Self { bench, handle, spreader, sinks, totals }
    }

    fn run(&mut self, units: u64) {
        self.handle.tell(self.spreader, Send(units));
        self.bench.run();
    }

    fn check(mut self) {
        check(&mut self.bench, &self.sinks, &self.totals);
    }
}
