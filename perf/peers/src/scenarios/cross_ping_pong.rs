//! One message goes to another core and back.
//!
//! ```text
//!   hippodrome   Server on core 0 <== lanes, one Token ==> Returner on core 1
//!
//!   rtrb         thread on core 0 <== two rings, one Token ==> thread on core 1
//!
//!   two_words    thread on core 0 -- a word on its line -> thread on core 1
//!                                <- a word on another --
//! ```
//!
//! The raw round trip bounces one word on one line: whoever has just read it owns it, or nearly. Any pair of one-way
//! channels needs two lines, each always written by the same core and polled by the other; `two_words` is that and
//! nothing else, the least that lanes of any kind can take.
//!
//! The figure of a sample is the median round trip, of 32 that are timed together, as is the raw one: reading the
//! clock costs as much as a round trip does. Before and after each sample the same two threads measure the raw round
//! trip of a cache line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use hippodrome::{Actor, ActorRef, Context, On};
use hippodrome_affinity::pin_current_thread;

use crate::cores::{Cores, on_core};
use crate::finish::Finish;
use crate::raw::{Bouncer, Bracket, Line, ROUND_TRIPS_PER_TIMING, between_workers};
use crate::sample::{Failure, Sample, median};
use crate::scenario::{Gate, Scenario, Subject};
use crate::token::Token;

pub(crate) static SCENARIO: Scenario = Scenario {
    name: "cross_ping_pong",
    unit: "round trip",
    count: 50_000,
    needs_two_cores: true,
    subjects: &[
        Subject { name: "hippodrome", run: hippodrome },
        Subject { name: "rtrb", run: rtrb },
        Subject { name: "two_words", run: two_words },
    ],
    peer: Some("rtrb"),
    gates: &[Gate::MultipleAtMost("hippodrome", 2.0)],
};

/// The timed part of the round trips: whole timings only, the first quarter is not counted.
struct Timings {
    started: Instant,
    round_trips: u64,
    total: u64,
    ns: Vec<f64>,
}

impl Timings {
    /// So many round trips, rounded up to whole timings.
    fn new(round_trips: u64) -> Self {
        let total = round_trips.next_multiple_of(ROUND_TRIPS_PER_TIMING);
        let ns = Vec::with_capacity((total / ROUND_TRIPS_PER_TIMING) as usize);
        Self { started: Instant::now(), round_trips: 0, total, ns }
    }

    fn start(&mut self) {
        self.started = Instant::now();
    }

    /// Counts a round trip. Returns whether it was the last one.
    #[inline(always)]
    fn count(&mut self) -> bool {
        self.round_trips += 1;
        if self.round_trips.is_multiple_of(ROUND_TRIPS_PER_TIMING) {
            let now = Instant::now();
            let took = now.duration_since(self.started);
            self.ns.push(took.as_nanos() as f64 / ROUND_TRIPS_PER_TIMING as f64);
            self.started = now;
        }
        self.round_trips == self.total
    }

    fn median_ns(&mut self) -> f64 {
        let warm_up = self.ns.len() / 4;
        median(&mut self.ns[warm_up..])
    }
}

/// What the message's value must be after so many round trips.
fn expected(round_trips: u64) -> u64 {
    (0..round_trips).fold(0, |value, trip| returned(served(trip, value)).value)
}

#[inline(always)]
fn served(round_trip: u64, value: u64) -> Token {
    Token { sequence: round_trip, value, hops_left: 1, origin: 0 }
}

#[inline(always)]
fn returned(token: Token) -> Token {
    token.passed_by(token.sequence)
}

/// Serves, times, and serves again.
struct Server {
    returner: ActorRef<Token>,
    timings: Timings,
    median_ns: Arc<Mutex<f64>>,
    finish: Arc<Finish>,
}

impl Actor for Server {
    type Msg = Token;

    /// The first message comes from outside and has no hops left over from a service: it only starts the game.
    fn handle(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        if token.hops_left > 0 {
            self.timings.start();
        } else if self.timings.count() {
            *self.median_ns.lock().unwrap_or_else(PoisonError::into_inner) = self.timings.median_ns();
            self.finish.set(self.timings.round_trips, token.value);
            return;
        }
        ctx.tell(self.returner, served(self.timings.round_trips, token.value));
    }
}

/// Sends back what it gets.
struct Returner(ActorRef<Token>);

impl Actor for Returner {
    type Msg = Token;

    fn handle(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        ctx.tell(self.0, returned(token));
    }
}

fn hippodrome(round_trips: u64, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let round_trips = Timings::new(round_trips).total;
    let engine = super::on_cores([first, second]).configure(super::without_stall_reports).start()?;
    let handle = engine.handle();
    let (finish, median_ns) = (Arc::new(Finish::default()), Arc::new(Mutex::new(0.0)));
    let address = Arc::new(OnceLock::new());
    let known = address.clone();
    let returner = handle.spawn(On::Worker(1), move || Returner(*known.wait()))?;
    let (end, result) = (finish.clone(), median_ns.clone());
    let server = handle.spawn(On::Worker(0), move || Server {
        returner,
        timings: Timings::new(round_trips),
        median_ns: result.clone(),
        finish: end.clone(),
    })?;
    address.get_or_init(|| server);
    let leader = handle.spawn(On::Worker(0), || Bouncer)?;
    let follower = handle.spawn(On::Worker(1), || Bouncer)?;

    let before_ns = between_workers(&handle, leader, follower)?;
    let started = Instant::now();
    handle.tell(server, served(0, 0));
    finish.wait()?.ns_per_message(started, round_trips, expected(round_trips))?;
    let after_ns = between_workers(&handle, leader, follower)?;
    engine.shutdown(Duration::from_secs(10))?;
    let median_ns = *median_ns.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Sample::across(median_ns, Bracket { before_ns, after_ns }))
}

fn rtrb(round_trips: u64, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let mut timings = Timings::new(round_trips);
    let round_trips = timings.total;
    let (mut there, mut at_returner) = rtrb::RingBuffer::new(64);
    let (mut back, mut at_server) = rtrb::RingBuffer::new(64);
    let (before, after) = (Line::default(), Line::default());
    on_core(first, || {
        std::thread::scope(|scope| {
            let returning = scope.spawn(|| {
                let pinned = pin_current_thread(second);
                before.follow();
                for _ in 0..round_trips {
                    push(&mut back, returned(pop(&mut at_returner)));
                }
                after.follow();
                pinned
            });
            let before_ns = before.lead();
            let (finish, started) = (Finish::default(), Instant::now());
            let mut value = 0;
            timings.start();
            for round_trip in 0..round_trips {
                push(&mut there, served(round_trip, value));
                value = pop(&mut at_server).value;
                timings.count();
            }
            finish.set(timings.round_trips, value);
            let after_ns = after.lead();
            returning.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            finish.get()?.ns_per_message(started, round_trips, expected(round_trips))?;
            Ok(Sample::across(timings.median_ns(), Bracket { before_ns, after_ns }))
        })
    })
}

fn two_words(round_trips: u64, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let mut timings = Timings::new(round_trips);
    let round_trips = timings.total;
    let (there, back) = (CachePadded::new(AtomicU64::new(0)), CachePadded::new(AtomicU64::new(0)));
    let (before, after) = (Line::default(), Line::default());
    on_core(first, || {
        std::thread::scope(|scope| {
            let returning = scope.spawn(|| {
                let pinned = pin_current_thread(second);
                before.follow();
                for round_trip in 1..=round_trips {
                    while there.load(Ordering::Acquire) != round_trip {}
                    back.store(round_trip, Ordering::Release);
                }
                after.follow();
                pinned
            });
            let before_ns = before.lead();
            timings.start();
            for round_trip in 1..=round_trips {
                there.store(round_trip, Ordering::Release);
                while back.load(Ordering::Acquire) != round_trip {}
                timings.count();
            }
            let after_ns = after.lead();
            returning.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(Sample::across(timings.median_ns(), Bracket { before_ns, after_ns }))
        })
    })
}

fn push(producer: &mut rtrb::Producer<Token>, mut token: Token) {
    while let Err(rtrb::PushError::Full(back)) = producer.push(token) {
        token = back;
    }
}

fn pop(consumer: &mut rtrb::Consumer<Token>) -> Token {
    loop {
        if let Ok(token) = consumer.pop() {
            return token;
        }
    }
}
