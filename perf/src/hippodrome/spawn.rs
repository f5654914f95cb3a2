//! Actors are spawned, from outside the engine and from a handler.

use std::time::Instant;

use hippodrome::{Actor, Context, Host, On};
use hippodrome_perf_kit::allocator::bytes_kept;
use hippodrome_perf_kit::scenarios::spawn::{CHUNK, Count};
use hippodrome_perf_kit::{Case, Cores, Failure, Sample, Subject, on_core};

use super::{NAME, PATIENCE, one_worker};

/// What the programs do not do.
pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("spawn", NAME, |case, cores| spawned(case, cores, from_outside)).via("outside"),
    Subject::new("spawn", NAME, |case, cores| spawned(case, cores, from_handler)).via("handler"),
];

/// What the actors of the current run have done; one run at a time.
static COUNT: Count = Count::new();

/// An actor that handles one message.
struct Idle {
    told: u64,
    _state: u64,
}

impl Idle {
    /// Made without a capture, so that all that an actor costs beside its state is the engine's.
    fn new() -> Self {
        Self { told: 0, _state: 1 }
    }
}

impl Actor for Idle {
    type Msg = u64;

    fn handle(&mut self, number: u64, _: &mut Context<'_, u64>) {
        self.told += number;
        COUNT.add(self.told);
    }
}

/// Both parts of a sample. `spawn` is given a fresh engine, and spawns so many actors there.
fn spawned(case: &Case, cores: &Cores, spawn: fn(&mut Host, u64) -> Result<(), Failure>) -> Result<Sample, Failure> {
    let actors = case.messages;
    on_core(cores.first, || {
        let mut timed = with_room_for(actors)?;
        COUNT.reset();
        let started = Instant::now();
        spawn(&mut timed, actors)?;
        let sample = Sample::new(started, (Instant::now(), COUNT.found()));
        timed.shutdown(PATIENCE)?;

        let mut counted = with_room_for(actors)?;
        let (done, kept) = bytes_kept(|| spawn(&mut counted, actors));
        done?;
        counted.shutdown(PATIENCE)?;
        let bytes = kept as f64 / actors as f64 + table_bytes_per_actor(actors)? - size_of::<Idle>() as f64;
        Ok(Sample { bytes: Some(bytes), ..sample })
    })
}

/// An engine on this thread. The actor that spawns is one too.
fn with_room_for(actors: u64) -> Result<Host, Failure> {
    let room = u32::try_from(actors + 1)?;
    Ok(one_worker().configure(|config| config.max_actors = room).host()?)
}

/// What an actor takes of its worker's table, which is allocated when the engine starts: what an engine allocates more
/// that has room for twice as many.
fn table_bytes_per_actor(actors: u64) -> Result<f64, Failure> {
    let (one, one_bytes) = bytes_kept(|| with_room_for(actors));
    let (two, two_bytes) = bytes_kept(|| with_room_for(2 * actors));
    one?.shutdown(PATIENCE)?;
    two?.shutdown(PATIENCE)?;
    Ok((two_bytes - one_bytes) as f64 / actors as f64)
}

fn from_outside(host: &mut Host, actors: u64) -> Result<(), Failure> {
    let handle = host.handle();
    for first in (0..actors).step_by(CHUNK as usize) {
        for number in first..(first + CHUNK).min(actors) {
            let idle = handle.spawn(On::Worker(0), Idle::new)?;
            handle.tell(idle, number);
        }
        host.poll(u64::MAX);
    }
    Ok(())
}

/// Spawns up to this number.
struct Spawner {
    spawned: u64,
    actors: u64,
}

/// Spawns the next chunk.
struct Go;

impl Actor for Spawner {
    type Msg = Go;

    fn handle(&mut self, _: Go, context: &mut Context<'_, Go>) {
        let end = (self.spawned + CHUNK).min(self.actors);
        for number in self.spawned..end {
            // An actor that is missing shows in what the run finds.
            if let Ok(idle) = context.spawn(On::Here, Idle::new) {
                context.tell(idle, number);
            }
        }
        self.spawned = end;
        if end < self.actors {
            context.tell(context.me(), Go);
        }
    }
}

fn from_handler(host: &mut Host, actors: u64) -> Result<(), Failure> {
    let handle = host.handle();
    let spawner = handle.spawn(On::Worker(0), move || Spawner { spawned: 0, actors })?;
    handle.tell(spawner, Go);
    host.poll(u64::MAX);
    Ok(())
}
