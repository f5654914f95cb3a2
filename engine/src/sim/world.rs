//! What the instrumented actors of a simulation see of it: its randomness, its faults and its trace.
//!
//! A simulation is on one thread, and while one of its workers runs, that thread knows which simulation it is.

use std::any::Any;
use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;

use crate::address::Address;
use crate::bus::BusReader;
use crate::core::Core;
use crate::event::SystemEvent;
use crate::instrument::Instrument;
use crate::shared::Driver;
use crate::sim::faults::{Faults, Injected, InjectedPanic};
use crate::sim::random::Random;
use crate::sim::trace::{Place, ShortName, Trace};
use crate::stop::StopReason;
use crate::supervise::head_of;

/// The part of a simulation that its actors' instruments use.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) faults: Faults,
    pub(crate) injected: Injected,
    pub(crate) trace: Trace,
    pub(crate) log: BusReader,
    /// Actors for which there are no faults.
    pub(crate) spared: Vec<Address>,
    /// Actors that are to panic, each at the message after so many others.
    pub(crate) aimed: Vec<(Address, u64)>,
    /// The actor of each worker that handled a message last, and its type.
    pub(crate) handled_last: Vec<Option<(Address, &'static str)>>,
}

thread_local! {
    /// The simulation that this thread runs now.
    static CURRENT: RefCell<Option<Rc<RefCell<World>>>> = const { RefCell::new(None) };
}

/// Makes a simulation the thread's, while it lives.
pub(crate) struct Entered(Option<Rc<RefCell<World>>>);

impl Entered {
    pub(crate) fn enter(world: &Rc<RefCell<World>>) -> Self {
        Self(CURRENT.replace(Some(world.clone())))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.0.take();
        CURRENT.set(before);
    }
}

/// Asks the thread's simulation, if it runs one.
fn ask<R: Default>(question: impl FnOnce(&mut World) -> R) -> R {
    CURRENT.with_borrow(|current| current.as_ref().map(|world| question(&mut world.borrow_mut())).unwrap_or_default())
}

impl World {
    pub(crate) fn is_spared(&self, actor: Address) -> bool {
        self.spared.contains(&actor)
    }

    /// Whether a fault happens to this actor now, that is due once in so many times.
    fn strikes(&mut self, actor: Address, once_in: u32) -> bool {
        self.random.once_in(once_in) && !self.is_spared(actor)
    }

    /// Whether a panic was aimed at the message that this actor is about to handle.
    fn is_hit(&mut self, actor: Address) -> bool {
        let due = |(at, left): &mut (Address, u64)| {
            let is_due = *at == actor && *left == 0;
            *left -= u64::from(*at == actor && !is_due);
            is_due
        };
        self.aimed.extract_if(.., due).count() > 0
    }

    /// Traces what was published on the event bus.
    pub(crate) fn trace_events(&mut self) {
        let trace = &mut self.trace;
        self.log.system_events(|event| trace_event(trace, event));
    }
}

fn trace_event(trace: &mut Trace, event: &SystemEvent) {
    match event {
        SystemEvent::Started { actor, actor_type } => {
            trace.line(format_args!("  started {} {}", Place(*actor), ShortName(actor_type)));
        }
        SystemEvent::Stopped { actor, actor_type, reason } => {
            let (place, name) = (Place(*actor), ShortName(actor_type));
            trace.line(format_args!("  stopped {place} {name}: {}", kind_of(reason)));
        }
        SystemEvent::Suspended { actor, actor_type, reason } => {
            let (place, name) = (Place(*actor), ShortName(actor_type));
            trace.line(format_args!("  suspended {place} {name}: {}", kind_of(reason)));
        }
        SystemEvent::Restarted { actor, actor_type, restart } => {
            trace.line(format_args!("  restarted {} {}: {restart}", Place(*actor), ShortName(actor_type)));
        }
        SystemEvent::RestartsExhausted { actor, actor_type, max } => {
            let (place, name) = (Place(*actor), ShortName(actor_type));
            trace.line(format_args!("  restarts exhausted {place} {name}: {max}"));
        }
        SystemEvent::DeadLetter { to, message, reason } => {
            trace.line(format_args!("  dead letter {} {}: {reason}", Place(*to), ShortName(message)));
        }
        SystemEvent::MailboxOverflow { actor, message, reason } => {
            trace.line(format_args!("  overflow {} {}: {reason}", Place(*actor), ShortName(message)));
        }
        // What is left comes of real time or of real cores, and of neither is anything in a simulation.
        _ => {}
    }
}

/// Why an actor stopped, without what its panic said: that may have an address in it.
fn kind_of(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::Stopped => "told to stop",
        StopReason::Killed => "killed",
        StopReason::Panicked(_) => "panicked",
        StopReason::RestartsExhausted(_) => "restarted too often",
        StopReason::ParentStopped => "its parent stopped",
        StopReason::Shutdown => "the engine shut down",
        StopReason::Unknown => "stopped before it was watched",
    }
}

/// The instrument of a simulation's actors.
pub(crate) struct Simulated;

impl Instrument for Simulated {
    fn before_factory(actor: Address, actor_type: &'static str) {
        let panics = ask(|world| {
            let panics = world.strikes(actor, world.faults.start_panics);
            if panics {
                world.injected.start_panics += 1;
                world.trace.line(format_args!(
                    "  fault: the factory of {} {} panics",
                    Place(actor),
                    ShortName(actor_type)
                ));
            }
            panics
        });
        panic_if(panics);
    }

    fn after_started(core: &mut Core) {
        let actor = core.me();
        let panics = ask(|world| {
            let panics = world.strikes(actor, world.faults.start_panics);
            if panics {
                world.injected.start_panics += 1;
                world.trace.line(format_args!("  fault: the start of {} panics", Place(actor)));
            }
            panics
        });
        panic_if(panics);
    }

    fn before_message(core: &mut Core) {
        let actor = core.me();
        let name = core.current.head.map_or("", |head| head_of(head).type_name());
        let panics = ask(|world| {
            world.trace_events();
            world.handled_last[core.index] = Some((actor, name));
            world.trace.line(format_args!("  handles {} {}", Place(actor), ShortName(name)));
            let is_hit = world.is_hit(actor);
            let panics = world.strikes(actor, world.faults.panics) || is_hit;
            if panics {
                world.injected.panics += 1;
                world.trace.line(format_args!("  fault: {} panics", Place(actor)));
            }
            panics
        });
        panic_if(panics);
    }

    fn after_message(core: &mut Core) {
        let actor = core.me();
        let panics = ask(|world| {
            let panics = world.strikes(actor, world.faults.panics_after);
            if panics {
                world.injected.panics_after += 1;
                world.trace.line(format_args!("  fault: {} panics when it has handled it", Place(actor)));
            }
            panics
        });
        panic_if(panics);
    }
}

/// After a message that is not the last of a batch.
#[inline]
pub(crate) fn after_one(core: &mut Core) {
    if core.shared.driver == Driver::Simulation {
        Simulated::after_message(core);
    }
}

/// Before a message that is not the first of a batch.
#[inline]
pub(crate) fn before_next(core: &mut Core) {
    if core.shared.driver == Driver::Simulation {
        Simulated::before_message(core);
    }
}

/// Counts an actor that is about to fail between two messages.
pub(crate) fn count_failure() {
    ask(|world| world.injected.failures += 1);
}

/// Panics without running the panic hook, which would print each of many.
fn panic_if(panics: bool) {
    if panics {
        resume_unwind(Box::new(InjectedPanic));
    }
}

/// Whether a mailbox that holds so many messages is to be full for the next one.
pub(crate) fn is_squeezed(actor: Address, messages: usize) -> bool {
    // One that is empty is never full.
    messages > 0
        && ask(|world| {
            let squeezed = world.strikes(actor, world.faults.refusals);
            if squeezed {
                world.injected.refusals += 1;
                world.trace.line(format_args!("  fault: the mailbox of {} is full at {messages}", Place(actor)));
            }
            squeezed
        })
}

/// What a panic says that a simulation made.
pub(crate) fn injected(panic: &(dyn Any + Send)) -> Option<&'static str> {
    panic.is::<InjectedPanic>().then_some(InjectedPanic::MESSAGE)
}
