//! Deterministic simulation: an engine whose every turn is chosen by a seed, to test actors with.
//!
//! # What
//! A [`Sim`] is an engine on one thread and on a time of its own. A seed decides which worker runs next, how much of each
//! lane, ingress and ring it sees, and when what it sent is seen by others; with [`Faults`] also when handlers panic, when
//! mailboxes are full, when actors stop and fail, and how late timers are. The same seed gives the same run, and the same
//! trace of it, byte for byte, on any machine. So a test that is run for a thousand seeds goes through a thousand
//! interleavings, and one that fails is run again by its seed.
//!
//! # Trade-offs
//! The engine is the real one: its turn, rings, lanes, bells, timers and supervision. What is simulated is who runs and
//! how much it sees; every run of a simulation is one that threads could have had. Only whole messages interleave: what
//! two threads do to one ring at the same moment is not explored here, nor what a processor may reorder.
//!
//! An actor is deterministic if it takes its randomness from [`Context::random`](crate::Context::random), its time from
//! [`Context::now_ns`](crate::Context::now_ns), and nothing from other threads, from addresses of memory or from the order
//! of a `HashMap`. Nothing may wait: [`Ask::wait`](crate::Ask::wait) and
//! [`Handle::tell_within`](crate::Handle::tell_within) would wait for a thread that is their own. [`Sim::ask`] and
//! [`Sim::wait`] run the simulation meanwhile.
//!
//! A step costs a few microseconds, with its lines of the trace.
//!
//! # How it works
//! Each step gives one worker one turn of its duty cycle. The turn asks a plan how much to take from each source; a
//! worker of a real engine takes what its configuration allows, one of a simulation what the seed says. Handlers of a
//! simulation's actors are called through an instrument that writes the trace and panics; it is chosen when an actor is
//! spawned, so that real engines carry nothing of it. The choice is fair: a worker with something to do runs before long,
//! and every now and then sees everything. When no worker knows of anything to do, each looks everywhere once; if then
//! something is left that nobody was told of, a wake-up was missed, which is a defect of the engine, and the simulation
//! panics.
//!
//! Virtual time starts at 0 and stands still while actors run. [`Sim::advance`] moves it on from timer to timer, and lets
//! the simulation become idle at each.
//!
//! # How to use
//! A test is a function of a `&mut Sim`, and [`explore()`] runs it for many seeds:
//!
//! ```
//! use hippodrome::sim::explore;
//! use hippodrome::{Actor, ActorRef, Context, MissedTick, On};
//! use std::time::Duration;
//!
//! /// Tells somebody how often its heart has beaten.
//! struct Heart {
//!     beats: u64,
//!     listener: ActorRef<u64>,
//! }
//!
//! impl Actor for Heart {
//!     type Msg = ();
//!
//!     fn started(&mut self, ctx: &mut Context<'_, ()>) {
//!         ctx.send_every(Duration::from_secs(1), MissedTick::Burst, || ()).expect("there is room for a timer");
//!     }
//!
//!     fn handle(&mut self, (): (), ctx: &mut Context<'_, ()>) {
//!         self.beats += 1;
//!         ctx.tell(self.listener, self.beats);
//!     }
//! }
//!
//! explore(50, |sim| {
//!     let probe = sim.probe();
//!     let listener = probe.actor();
//!     sim.handle().spawn(On::Worker(1), move || Heart { beats: 0, listener }).unwrap();
//!
//!     probe.expect_none(sim);
//!     sim.advance(Duration::from_secs(3)).unwrap();
//!     assert_eq!(probe.drain(), [1, 2, 3]);
//!     assert_eq!(probe.expect_within(sim, Duration::from_secs(1)), 4);
//! });
//! ```
//!
//! If it fails, the test's output ends in the seed, the last lines of the trace and a command such as
//! `HIPPODROME_SEED=0x2a cargo test -p heart beats`, which runs that seed alone. `HIPPODROME_SEEDS=100000 cargo test` runs
//! more of them. For the whole trace, build the simulation with [`Builder::record_trace`] or [`Builder::trace_to`].
//!
//! The lines of a trace begin with the step, the virtual time in nanoseconds and the worker. What follows in that step is
//! indented: messages handled, faults, and what was published as a [`SystemEvent`](crate::SystemEvent). Actors are written
//! as `worker/slot.generation`, types without their modules.
//!
//! ```text
//! 12 3000000 1: tb lanes 9c0d5b71e2f4a638 ingress 1 local * mailboxes 2
//!   handles 1/0.1 Heart
//! ```
//!
//! `all` stands for a turn that sees everything. Otherwise `t` says that it looks at the time, `b` at the bell, `p` that it
//! publishes; then come how many messages it takes: from each lane by four bits of a number, from the ingress, the local
//! ring and each private mailbox, where `*` is as many as the configuration allows.

mod builder;
mod busy;
mod explore;
mod faults;
mod probe;
mod random;
mod running;
mod schedule;
mod trace;
mod world;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::clock::{Clock, ManualClock};
use crate::deadlock::{WaitCycle, cycles_among};
use crate::error::{SpawnError, StartError};
use crate::handle::Handle;
use crate::host::Seat;
use crate::shared::{Driver, Shared};
use crate::spawn::On;
use crate::start;
use crate::stats::Stats;
use crate::worker::Worker;

pub use builder::Builder;
pub use busy::StillBusy;
pub use explore::{explore, explore_with};
pub use faults::{Faults, Injected, InjectedPanic};
pub use probe::Probe;
pub use running::Step;

use random::Random;
use schedule::Schedule;
use trace::Trace;
use world::World;

pub(crate) use world::{Simulated, after_one, before_next, injected, is_squeezed};

/// A simulated engine; see the [module's documentation](self).
///
/// If it is dropped by a panic, as when a test fails, it prints its seed, the last lines of its trace, and the command
/// that runs the test again.
pub struct Sim {
    workers: Vec<Worker>,
    shared: Arc<Shared>,
    clock: Arc<ManualClock>,
    world: Rc<RefCell<World>>,
    schedule: Schedule,
    seed: u64,
    steps: u64,
    step_limit: u64,
    is_explored: bool,
    /// Whether a failure was told already, with everything that belongs to it.
    has_failed: bool,
}

impl Sim {
    /// A simulation of two workers, without faults.
    ///
    /// # Panics
    /// If the process has made 2³² engines.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::sim::Sim;
    /// use hippodrome::{On, Reply, from_fn};
    ///
    /// let mut sim = Sim::new(42);
    /// let squares = sim.handle().spawn(On::Worker(0), || from_fn(|(n, reply): (u64, Reply<u64>), ctx| reply.send(ctx, n * n)));
    /// assert_eq!(sim.ask(squares.unwrap(), |reply| (12, reply)), Ok(144));
    /// ```
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::builder(seed).build().expect("the default configuration is valid")
    }

    /// A simulation that is to be set up first.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::sim::{Faults, Sim};
    ///
    /// # fn main() -> Result<(), hippodrome::Error> {
    /// let sim = Sim::builder(7)
    ///     .workers(4)
    ///     .configure(|config| config.timer_resolution_us = 100)
    ///     .faults(Faults::chaos())
    ///     .build()?;
    /// assert_eq!(sim.handle().workers(), 4);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(seed: u64) -> Builder {
        Builder::new(seed)
    }

    fn start(builder: Builder, random: Random) -> Result<Self, StartError> {
        let Builder { seed, config, faults, step_limit, records, writer, is_explored } = builder;
        let clock = Arc::new(ManualClock::default());
        let workers = config.workers.len();
        let mut trace = Trace::new(records, writer);
        trace.line(format_args!("seed {seed:#x}, {workers} workers"));
        let (shared, seats, log) = start::for_host(config, clock.clone(), Driver::Simulation)?;
        let handled_last = vec![None; workers];
        let world = World {
            random,
            faults,
            injected: Injected::default(),
            trace,
            log,
            spared: Vec::new(),
            aimed: Vec::new(),
            handled_last,
        };
        Ok(Self {
            workers: seats.into_iter().map(Seat::take).collect(),
            shared,
            clock,
            world: Rc::new(RefCell::new(world)),
            schedule: Schedule::new(workers),
            seed,
            steps: 0,
            step_limit,
            is_explored,
            has_failed: false,
        })
    }

    /// A handle, with which everything is done that can be done to an engine from outside, except waiting.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.shared.clone())
    }

    /// Spawns a probe, on the worker with the fewest actors.
    ///
    /// # Panics
    /// If the worker has no slot for one more actor; [`probe_on`](Self::probe_on) gives the error instead.
    #[must_use]
    #[track_caller]
    pub fn probe<M: Send + 'static>(&mut self) -> Probe<M> {
        self.probe_on(On::LeastActors).unwrap_or_else(|error| self.fail(&format!("no probe could be spawned: {error}")))
    }

    /// Spawns a probe on this worker.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn probe_on<M: Send + 'static>(&mut self, on: On) -> Result<Probe<M>, SpawnError> {
        Probe::spawn(self, on)
    }

    /// From now on no faults happen to this actor.
    pub fn spare(&mut self, actor: impl Into<Address>) {
        self.world.borrow_mut().spared.push(actor.into());
    }

    /// Lets this actor panic instead of handling a message: the next one if `nth` is 1, the one after it if it is 2. It
    /// happens once, also if the actor is [spared](Self::spare), and is traced and [counted](Self::injected) as the panics
    /// of [`Faults`] are. It stays due for the actor's next life if it has not happened before a restart.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::sim::Sim;
    /// use hippodrome::{On, Props, Reply, Restart, from_fn};
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(3);
    /// let props = Props::on(On::Worker(0)).restart(Restart::up_to(1, Duration::from_secs(1)));
    /// let echo = sim.handle().spawn(props, || from_fn(|reply: Reply<()>, ctx| reply.send(ctx, ()))).unwrap();
    /// sim.panic_at(echo, 2);
    /// let answers = [(); 3].map(|()| sim.ask(echo, |reply| reply).is_ok());
    /// assert_eq!(answers, [true, false, true]);
    /// ```
    ///
    /// # Panics
    /// If `nth` is 0: messages are counted from 1.
    pub fn panic_at(&mut self, actor: impl Into<Address>, nth: u64) {
        assert!(nth > 0, "messages are counted from 1: the next one is 1, not {nth}");
        self.world.borrow_mut().aimed.push((actor.into(), nth - 1));
    }

    /// From now on these are the faults, except for the sizes of the rings, which stay.
    pub fn set_faults(&mut self, faults: Faults) {
        self.world.borrow_mut().faults = faults;
    }

    /// How many faults were made so far.
    #[must_use]
    pub fn injected(&self) -> Injected {
        self.world.borrow().injected
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.clock.now_ns())
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many steps were run so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Looks for actors that wait on each other, and have done so for at least `waiting` of virtual time, as
    /// [`Host::wait_cycles`](crate::Host::wait_cycles) does. A simulation that is idle and has such a cycle has come to a
    /// deadlock. Nothing is run for it.
    #[must_use]
    pub fn wait_cycles(&self, waiting: Duration) -> Vec<WaitCycle> {
        cycles_among(&self.workers, waiting)
    }

    /// A snapshot of the statistics, of this moment; nothing is run for it.
    pub fn stats(&mut self) -> Stats {
        self.workers.iter_mut().for_each(Worker::publish);
        self.shared.stats()
    }

    /// The whole trace so far, if it is [recorded](Builder::record_trace).
    #[must_use]
    pub fn trace(&self) -> Option<String> {
        self.world.borrow().trace.recorded().map(str::to_owned)
    }

    /// The hash of the whole trace so far: FNV-1a, 64 bits.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.world.borrow().trace.hash()
    }

    /// The last lines of the trace.
    #[must_use]
    pub fn trace_tail(&self) -> Vec<String> {
        self.world.borrow().trace.tail().map(str::to_owned).collect()
    }

    /// Flushes what the trace is [written to](Builder::trace_to).
    ///
    /// # Errors
    /// The first error of writing, since the trace was given up there; or that of flushing.
    pub fn flush_trace(&mut self) -> io::Result<()> {
        self.world.borrow_mut().trace.flush()
    }

    /// Writes a line of the test's own into the trace.
    pub fn note(&mut self, text: impl fmt::Display) {
        self.world.borrow_mut().trace.line(format_args!("note: {text}"));
    }

    /// Fails the test, with the seed, the last lines of the trace, and the command that runs it again.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn fail(&mut self, why: &str) -> ! {
        panic!("{}", self.failure(why))
    }

    /// What [`fail`](Self::fail) panics with, for who is to panic at another place: `why`, and behind it the seed, the last
    /// lines of the trace, and the command. The simulation does not say it again when it is dropped.
    ///
    /// # Examples
    /// ```
    /// use hippodrome::sim::Sim;
    ///
    /// let mut sim = Sim::new(0x2a);
    /// assert!(sim.failure("too hot").starts_with("too hot\nseed 0x2a, step 0, "));
    /// ```
    #[must_use = "somebody is to panic with it"]
    pub fn failure(&mut self, why: &str) -> String {
        self.has_failed = true;
        format!("{why}\n{}", self.report())
    }

    /// What whoever looks at a failure needs to know.
    fn report(&self) -> String {
        let (seed, step, now) = (self.seed, self.steps, self.now());
        let mut report = format!("seed {seed:#x}, step {step}, at {now:?}; the last lines of the trace:\n");
        for line in self.world.borrow().trace.tail() {
            report += "  ";
            report += line;
            report += "\n";
        }
        report += "run it again: ";
        report + &explore::replay_command(seed, self.is_explored)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.has_failed {
            eprintln!("{}", self.report());
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sim(seed {:#x}, {} steps, {:?})", self.seed, self.steps, self.now())
    }
}
