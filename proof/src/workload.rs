//! The workload: random graphs of actors that do whatever actors can do, and a ledger that knows what must come out.
//!
//! # What
//! [`Workload`] runs on the engine's public API alone: it is given a [`Handle`] and a [`Plan`], and never looks at a clock
//! of its own nor at the number of a thread. So the same workload runs on workers with threads, on a host that one thread
//! polls, and in a simulation; on one thread, the same seed does the same.
//!
//! A plan's nodes are a ring with random edges across. At each lives an actor, some with a private mailbox of capacity 1
//! to 4 and any overflow policy. On each message an actor tells, tries to tell and asks along its edges, in circles too,
//! arms and cancels timers, watches, subscribes, spawns children, stops itself and others, and panics now and then, as
//! the plan says. Each message carries its *fuel*, the number of messages that may come of it: so all work ends.
//!
//! # How it works
//! Each message has a token, numbered by its sender for its receiver, and a body whose checksum tells of every bit. The
//! sender counts what it begins, the receiver what comes and what ends: handled, given back, or dropped. Each number must
//! end exactly once. What the engine counts and what its event stream reports must add up to the same.
//!
//! # Which promise is checked by what
//!
//! | promise | checked by |
//! |---|---|
//! | 1 order | the numbers of each stream rise in the order in which they come to a handler, across restarts too |
//! | 2 nothing lost, nothing doubled | each number ends once, and none is missing when nothing is on its way; handled and dead letters by the engine's count equal the ledger's, and the event stream's by reason; no timer and no ask is forgotten while its actor lives |
//! | 3 a core is never blocked | all work ends: full mailboxes in circles, asks in circles; no worker is reported as stalled |
//! | 4 bounded memory | no high-water mark of rings, outboxes, mailboxes, timers and actors is over its limit |
//! | 5 no allocation per message | not here, since actors that are spawned allocate: `engine/tests/p05_no_allocation.rs` |
//! | 6 no default hash map, no lock | not here, since it is a promise of the source: `engine/tests/p06_no_hash_map.rs` |
//! | 7 a panic stays in its actor | the engine's panics equal those thrown, by site; the dead letters of panics equal the messages whose handler threw; all others are handled; restarts reported equal restarts made |
//! | 8 no missed wake-up | the count of rescued wake-ups is 0 |
//! | 9 a stale address is harmless | each letter names its receiver, and comes to no other; addresses of actors that have gone are used on purpose |
//! | 10 determinism | the summary of a run on one thread has a digest of the order at each actor, equal for equal seeds |
//!
//! # How to use
//! ```
//! use hippodrome::Engine;
//! use proof::workload::{Plan, Workload, configuration};
//!
//! let config = configuration(7, 2);
//! let plan = Plan::new(7, &config);
//! let mut host = Engine::from_config(config).host()?;
//! let mut workload = Workload::start(&host.handle(), plan)?;
//! while !workload.is_ready() {
//!     host.poll(100);
//! }
//! workload.feed(1000);
//! while !workload.is_idle() {
//!     host.poll(1);
//!     let stats = host.stats();
//!     workload.check_always(&stats)?;
//! }
//! # while host.poll(u64::MAX) > 0 {}
//! # std::thread::sleep(std::time::Duration::from_millis(20));
//! # while host.poll(u64::MAX) > 0 {}
//! let stats = host.stats();
//! println!("{}", workload.check_quiet(&stats)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod check;
mod graph;
mod ledger;
mod message;
mod node;
mod outside;
mod party;
mod plan;
mod post;
mod random;
mod stream;
mod summary;
mod token;
mod violation;
mod world;

use std::sync::Arc;

use hippodrome::{Address, Handle, On, PortError, Report, SpawnError, Stats};

use audit::Auditor;
use world::World;

pub use outside::Sender;
pub use plan::{Limits, Plan, Sabotage, configuration};
pub use random::Random;
pub use stream::{Kind, StreamId};
pub use summary::Summary;
pub use violation::{Bounds, Violation, Violations};

/// A workload on an engine.
#[derive(Debug)]
pub struct Workload {
    world: Arc<World>,
    handle: Handle,
    sender: Sender,
    auditor: Address,
    /// Whether the auditor has heard everything from the first message on.
    is_audited: bool,
    has_begun: bool,
}

impl Workload {
    /// Prepares a workload. Its actors are spawned by the first [`feed`](Self::feed), and again as they go.
    ///
    /// # Errors
    /// If the engine does not take even the auditor.
    pub fn start(handle: &Handle, plan: Plan) -> Result<Self, SpawnError> {
        let world = Arc::new(World::new(plan));
        let audit = world.audit.clone();
        let auditor = handle.spawn(On::Worker(0), move || Auditor(audit.clone()))?.address();
        let sender = Sender::by_handle(&world, handle);
        Ok(Self { world, handle: handle.clone(), sender, auditor, is_audited: false, has_begun: false })
    }

    /// Whether the auditor hears all events from now on. It is so as soon as worker 0 has run.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.world.audit.is_listening()
    }

    /// The actor that hears the event stream. Whoever stops it makes the checks of that stream useless.
    #[must_use]
    pub fn auditor(&self) -> Address {
        self.auditor
    }

    /// Spawns actors where there are none, and sends messages of which `fuel` others may come, themselves included. Never
    /// waits. An auditor that is not [ready](Self::is_ready) at the first time has missed events; they are not checked
    /// then.
    pub fn feed(&mut self, fuel: u32) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.is_audited = self.is_ready();
        }
        self.sender.populate();
        self.sender.send(fuel);
    }

    /// Another sender, for a thread of its own.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender::by_handle(&self.world, &self.handle)
    }

    /// The same with a port.
    ///
    /// # Errors
    /// If the engine does not open one.
    pub fn port_sender(&self) -> Result<Sender, PortError> {
        Ok(Sender::by_port(&self.world, &self.handle, self.handle.port()?))
    }

    /// How many messages are on their way, or being handled, or waiting in a timer.
    pub fn in_flight(&mut self) -> u64 {
        self.sender.look_at_answers();
        let counts = self.world.ledger.counts();
        counts.begun.saturating_sub(counts.ended())
    }

    /// Whether nothing is on its way. Actors may still be starting, restarting and stopping.
    pub fn is_idle(&mut self) -> bool {
        self.in_flight() == 0
    }

    /// Checks what holds in every state, between any two steps.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_always(&self, stats: &Stats) -> Result<(), Violations> {
        check::always(&self.world, stats)
    }

    /// Checks what holds when nothing is on its way and all events were heard. On workers with threads that is a little
    /// after [`is_idle`](Self::is_idle): try again for a while.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_quiet(&mut self, stats: &Stats) -> Result<Summary, Violations> {
        self.sender.look_at_answers();
        check::quiet(&self.world, stats, self.is_audited)
    }

    /// Checks what holds when the engine has ended, in order or not, and all other senders were dropped.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_ended(&mut self, report: &Report, stats: &Stats) -> Result<Summary, Violations> {
        self.sender.finish_asks();
        check::ended(&self.world, report, stats)
    }

    /// Forgets the actors that have gone, so that a workload can go on without end. Nothing may be on its way, all other
    /// senders must have been dropped, and [`check_quiet`](Self::check_quiet) must have found everything right.
    pub fn renew(&mut self) {
        let world = &self.world;
        world.ledger.renew(|party| world.graph.knows(party));
    }
}
