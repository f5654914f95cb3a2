//! A million actors are spawned.
//!
//! ```text
//!   hippodrome_outside   thread on core 0 -- spawn --> worker on core 1 (or on core 0, if that is all)
//!
//!   hippodrome_handler   Spawner -- spawn, 1000 in one handler --> Idle, Idle, ... on one worker
//!                         ^  |
//!                         +--+ Go
//!
//!   actix                thread: start, start, ...
//! ```
//!
//! A sample ends when the last actor's `started` has run. The work is done twice: once for the time, and once with the
//! allocator's count of the bytes that are still in use afterwards. To these is added what an actor takes of its
//! worker's table, which is allocated when the engine starts: the difference between an engine with room for so many
//! actors and one with room for twice as many. The actor's own state is taken off.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hippodrome::{Actor, Context, Engine, Handle, On, Reply, from_fn};

use crate::allocator::bytes_kept;
use crate::cores::{Cores, on_core};
use crate::finish::{Finish, Finished};
use crate::sample::{Failure, Sample};
use crate::scenario::{Gate, Scenario, Subject};

pub(crate) static SCENARIO: Scenario = Scenario {
    name: "spawn",
    unit: "actor",
    count: 1_000_000,
    needs_two_cores: false,
    subjects: &[
        Subject { name: "hippodrome_outside", run: outside },
        Subject { name: "hippodrome_handler", run: handler },
        Subject { name: "actix", run: actix },
    ],
    peer: Some("actix"),
    gates: &[
        // A million in two seconds.
        Gate::NsAtMost("hippodrome_outside", 2_000.0),
        Gate::NsAtMost("hippodrome_handler", 2_000.0),
        Gate::BytesAtMost("hippodrome_outside", 256.0),
        Gate::BytesAtMost("hippodrome_handler", 256.0),
    ],
};

/// How many actors of the current run have started, and how many are to.
static STARTED: AtomicU64 = AtomicU64::new(0);
static EXPECTED: AtomicU64 = AtomicU64::new(0);

/// The state of an actor that does nothing.
struct Idle {
    _state: [u64; 2],
}

impl Idle {
    /// Made without a capture, so that all that an actor costs beside this is the engine's.
    fn new() -> Self {
        Self { _state: [1, 2] }
    }

    /// Counts one that has started.
    fn count() {
        let started = STARTED.fetch_add(1, Ordering::Relaxed) + 1;
        if started == EXPECTED.load(Ordering::Relaxed) {
            FINISH.set(started, 0);
        }
    }
}

/// Set by the last actor that starts; one run at a time.
static FINISH: Finish = Finish::new();

impl Actor for Idle {
    type Msg = u64;

    fn started(&mut self, _: &mut Context<'_, u64>) {
        Self::count();
    }

    fn handle(&mut self, _: u64, _: &mut Context<'_, u64>) {}
}

/// Runs `spawn`, which starts so many actors, and waits for the last one.
fn spawned(actors: u64, spawn: impl FnOnce() -> Result<(), Failure>) -> Result<Finished, Failure> {
    STARTED.store(0, Ordering::Relaxed);
    EXPECTED.store(actors, Ordering::Relaxed);
    spawn()?;
    Ok(FINISH.wait()?)
}

/// Both parts of a sample. `spawn` is given a fresh engine with one worker, and starts so many actors there.
fn with_engine(actors: u64, cores: &Cores, spawn: impl Fn(&Handle) -> Result<(), Failure>) -> Result<Sample, Failure> {
    let engine = || -> Result<Engine, Failure> {
        let worker = Engine::builder().workers([cores.second.unwrap_or(cores.first).get()]);
        let engine = worker.configure(|config| config.max_actors = room_for(actors)).start()?;
        // A worker makes its table on its own thread: when it answers, it has.
        let first = engine.handle().spawn(On::Worker(0), || from_fn(|reply: Reply<()>, ctx| reply.send(ctx, ())))?;
        engine.handle().ask(first, |reply| reply).wait(Duration::from_secs(10))?;
        Ok(engine)
    };
    let timed = engine()?;
    let started = Instant::now();
    let finished = spawned(actors, || spawn(&timed.handle()))?;
    let ns = finished.ns_per_message(started, actors, 0)?;
    timed.shutdown(Duration::from_secs(60))?;

    let counted = engine()?;
    let (finished, kept) = bytes_kept(|| spawned(actors, || spawn(&counted.handle())));
    finished?;
    counted.shutdown(Duration::from_secs(60))?;
    let bytes = kept as f64 / actors as f64 + table_bytes_per_actor(actors)? - size_of::<Idle>() as f64;
    Ok(Sample { ns, raw: None, bytes: Some(bytes) })
}

/// What the tables have to have room for: the first actor and the one that spawns are actors too.
fn room_for(actors: u64) -> u32 {
    u32::try_from(actors + 2).unwrap_or(u32::MAX)
}

/// The bytes that an engine allocates more for each actor that it has room for.
fn table_bytes_per_actor(actors: u64) -> Result<f64, Failure> {
    let engine_bytes = |room| -> Result<i64, Failure> {
        let (host, kept) = bytes_kept(|| super::on_one_thread().configure(|config| config.max_actors = room).host());
        host?;
        Ok(kept)
    };
    let (one, two) = (room_for(actors), room_for(2 * actors));
    Ok((engine_bytes(two)? - engine_bytes(one)?) as f64 / f64::from(two - one))
}

fn outside(actors: u64, cores: &Cores) -> Result<Sample, Failure> {
    with_engine(actors, cores, |handle| {
        on_core(cores.first, || {
            for _ in 0..actors {
                handle.spawn(On::Worker(0), Idle::new)?;
            }
            Ok(())
        })
    })
}

/// Spawns so many more.
struct Spawner(u64);

/// The actors that are spawned by one run of a handler.
const CHUNK: u64 = 1_000;

struct Go;

impl Actor for Spawner {
    type Msg = Go;

    fn handle(&mut self, _: Go, ctx: &mut Context<'_, Go>) {
        let chunk = self.0.min(CHUNK);
        for _ in 0..chunk {
            // An actor that is missing shows, because then the last one never starts.
            let _ = ctx.spawn(On::Here, Idle::new);
        }
        self.0 -= chunk;
        if self.0 > 0 {
            ctx.tell(ctx.me(), Go);
        }
    }
}

fn handler(actors: u64, cores: &Cores) -> Result<Sample, Failure> {
    with_engine(actors, cores, |handle| {
        let spawner = handle.spawn(On::Worker(0), move || Spawner(actors))?;
        handle.tell(spawner, Go);
        Ok(())
    })
}

impl actix::Actor for Idle {
    type Context = actix::Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        Self::count();
    }
}

/// Answered by an Actix actor that has started.
struct Ready;

impl actix::Message for Ready {
    type Result = ();
}

impl actix::Handler<Ready> for Idle {
    type Result = ();

    fn handle(&mut self, _: Ready, _: &mut Self::Context) {}
}

/// Starts so many Actix actors, which live as long as their addresses.
fn start_actix(
    actors: u64,
    system: &actix::SystemRunner,
    addresses: &mut Vec<actix::Addr<Idle>>,
) -> Result<Finished, Failure> {
    use actix::Actor as _;
    spawned(actors, || {
        system.block_on(async {
            addresses.extend((0..actors).map(|_| Idle::new().start()));
            match addresses.last() {
                Some(last) => Ok(last.send(Ready).await?),
                None => Ok(()),
            }
        })
    })
}

fn actix(actors: u64, cores: &Cores) -> Result<Sample, Failure> {
    let ns = on_core(cores.first, || {
        let system = actix::System::new();
        let mut addresses = Vec::with_capacity(actors as usize);
        let started = Instant::now();
        Ok(start_actix(actors, &system, &mut addresses)?.ns_per_message(started, actors, 0)?)
    })?;
    let kept = on_core(cores.first, || {
        let system = actix::System::new();
        // Allocated before: what becomes of an address is the starter's affair, and no part of the actor.
        let mut addresses = Vec::with_capacity(actors as usize);
        let (finished, kept) = bytes_kept(|| start_actix(actors, &system, &mut addresses));
        finished.map(|_| kept)
    })?;
    let bytes = kept as f64 / actors as f64 - size_of::<Idle>() as f64;
    Ok(Sample { ns, raw: None, bytes: Some(bytes) })
}
