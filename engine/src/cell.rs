//! An actor's cell: its state, its factory, and what its worker keeps about it.
//!
//! A cell is allocated by whoever spawns the actor and belongs to the worker from then on. The worker holds it by a
//! pointer to its [`Head`], which is of one type; the functions in its [`Vtable`] know the rest. While a method of the
//! actor runs, `state` is borrowed and nothing else of the cell is: the worker may change the head meanwhile.

use std::any::{Any, TypeId, type_name};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

use hippodrome_ringbuf::LocalRing;

use crate::actor::Actor;
use crate::address::Address;
use crate::child::Supervision;
use crate::context::Context;
use crate::core::Core;
use crate::dispatch::{RunFn, run_actor, run_into_mailbox, run_mailbox};
use crate::instrument::{Bare, Instrument};
use crate::mailbox::Mailbox;
use crate::message::MessageType;
use crate::restart::Restart;
use crate::shared::Driver;
use crate::stop::StopReason;
use crate::supervise::head_of;
use crate::watch::Watcher;

/// What the worker keeps about an actor of any type.
pub(crate) struct Head {
    pub(crate) vtable: &'static Vtable,
    pub(crate) me: Address,
    pub(crate) parent: Option<Address>,
    pub(crate) lifecycle: Lifecycle,
    /// Counted up at each restart, so that timers and answers of an earlier life are known.
    pub(crate) incarnation: u32,
    /// All children, here and elsewhere.
    pub(crate) children: u32,
    /// The children on this worker, as a list of slots through `next_sibling` and `previous_sibling`.
    pub(crate) first_child: u32,
    pub(crate) next_sibling: u32,
    pub(crate) previous_sibling: u32,
    /// Whether the actor is in the worker's list of those with something in a mailbox of their own.
    pub(crate) is_ready: bool,
    pub(crate) rare: Option<Box<Rare>>,
}

/// No slot: the end of a list.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// What few actors have.
#[derive(Default)]
pub(crate) struct Rare {
    /// What becomes of it when it panics, unless it simply stops.
    pub(crate) restart: Restart,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) watchers: Vec<Watcher>,
    /// Children on other workers that are not supervised.
    pub(crate) remote_children: Vec<Address>,
    /// Children that are supervised, here and elsewhere, in the order in which they were spawned.
    pub(crate) supervised: Vec<Address>,
    /// If its parent supervises it.
    pub(crate) supervision: Option<Supervision>,
    /// How often it was suspended.
    pub(crate) suspensions: u32,
    /// When the actor was restarted, in nanoseconds of the engine's clock.
    pub(crate) restarts_ns: Vec<u64>,
    /// What came while the actor was being restarted.
    pub(crate) held: Option<LocalRing<MessageType>>,
    /// It was told to stop after what is queued while it was being restarted.
    pub(crate) stop_after_restart: bool,
    /// Timers that the actor has armed; some may have fired since.
    pub(crate) timers: Vec<crate::wheel::TimerKey>,
}

impl Rare {
    /// What an actor has from the beginning, if it is anything.
    fn from_seed(restart: Restart, name: Option<Arc<str>>) -> Option<Box<Self>> {
        let is_needed = name.is_some() || restart != Restart::Stop;
        is_needed.then(|| Box::new(Self { restart, name, ..Self::default() }))
    }
}

/// Where an actor stands in its life.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lifecycle {
    /// The factory has not run yet.
    New,
    Running,
    /// After a panic: waits for its children to stop, and then for its backoff.
    Restarting {
        backoff_over: bool,
    },
    /// Supervised, and its life has ended: waits for its parent's word.
    Suspended {
        reason: StopReason,
    },
    /// Handles what is in its private mailbox and takes no more.
    Draining,
    /// Waits for its children to stop.
    Stopping {
        reason: StopReason,
        quietly: bool,
    },
}

/// The functions that know an actor's type.
pub(crate) struct Vtable {
    pub(crate) type_id: fn() -> TypeId,
    pub(crate) type_name: fn() -> &'static str,
    pub(crate) message_name: fn() -> &'static str,
    /// Handles the messages at the worker's reader.
    pub(crate) run: RunFn,
    /// The same for an actor with a private mailbox: moves them there.
    pub(crate) run_into_mailbox: RunFn,
    /// Handles messages of the private mailbox.
    pub(crate) run_mailbox: RunFn,
    /// Runs the factory and stores the state.
    pub(crate) build: unsafe fn(NonNull<Head>),
    pub(crate) started: RunFn,
    pub(crate) stopped: RunFn,
    pub(crate) drop_state: unsafe fn(NonNull<Head>),
    /// The private mailbox, if there is one.
    pub(crate) mailbox: unsafe fn(NonNull<Head>) -> Option<NonNull<dyn MailboxControl>>,
    /// Frees the cell, whose state was dropped.
    pub(crate) free: unsafe fn(NonNull<Head>),
}

/// What the worker does with a mailbox without knowing its messages.
pub(crate) trait MailboxControl {
    fn len(&self) -> usize;
    /// Drops the oldest message; `false` if there is none.
    fn discard(&mut self) -> bool;
    fn high_water(&self) -> usize;
    /// Itself, for who knows its messages' type.
    fn as_any(&mut self) -> &mut dyn Any;
}

/// An actor's memory, as far as handling messages needs it: the same whatever its factory is.
#[repr(C)]
pub(crate) struct Body<A: Actor> {
    head: Head,
    mailbox: Option<Box<Mailbox<A::Msg>>>,
    state: MaybeUninit<A>,
}

/// An actor's memory.
#[repr(C)]
struct Cell<A: Actor, F> {
    body: Body<A>,
    factory: F,
}

/// The cell of an actor that is on its way to its worker.
pub(crate) struct NewCell(NonNull<Head>);

// SAFETY: the factory is `Send` (see `NewCell::new`), so is what tells a supervising parent, the state is not made yet,
// and the mailbox is empty.
unsafe impl Send for NewCell {}

impl NewCell {
    pub(crate) fn new<A, F>(factory: F, mailbox: Option<Box<Mailbox<A::Msg>>>, head: HeadSeed, driver: Driver) -> Self
    where
        A: Actor,
        F: FnMut() -> A + Send + 'static,
    {
        let head = Head {
            vtable: Cell::<A, F>::vtable_for(driver),
            me: head.me,
            parent: head.parent,
            lifecycle: Lifecycle::New,
            incarnation: 0,
            children: 0,
            first_child: NO_SLOT,
            next_sibling: NO_SLOT,
            previous_sibling: NO_SLOT,
            is_ready: false,
            rare: Rare::from_seed(head.restart, head.name),
        };
        let body = Body { head, mailbox, state: MaybeUninit::<A>::uninit() };
        let cell = Box::new(Cell { body, factory });
        Self(NonNull::from(Box::leak(cell)).cast())
    }

    /// Makes it one that its parent supervises.
    pub(crate) fn supervised(mut self, supervision: Supervision) -> Self {
        // SAFETY: the cell has not reached its worker, so this is its only owner.
        unsafe { self.0.as_mut() }.rare().supervision = Some(supervision);
        self
    }

    /// Hands the cell to its worker.
    pub(crate) fn into_head(self) -> NonNull<Head> {
        let head = self.0;
        std::mem::forget(self);
        head
    }
}

impl Drop for NewCell {
    fn drop(&mut self) {
        // SAFETY: the cell never reached its worker, so this is its only owner; there is no state.
        unsafe { ((*self.0.as_ptr()).vtable.free)(self.0) }
    }
}

/// What a spawner decides about an actor.
pub(crate) struct HeadSeed {
    pub(crate) me: Address,
    pub(crate) parent: Option<Address>,
    pub(crate) restart: Restart,
    pub(crate) name: Option<Arc<str>>,
}

impl Head {
    /// What few actors have, made on first use.
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Notes that the factory is about to make a state. Returns how often it has been asked for one before.
    pub(crate) fn begin_life(&mut self) -> u32 {
        match self.rare.as_mut().and_then(|rare| rare.supervision.as_mut()) {
            Some(supervision) => {
                supervision.lives += 1;
                supervision.lives - 1
            }
            None => self.incarnation,
        }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        (self.vtable.type_name)()
    }

    /// Whether the actor has a state.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Running | Lifecycle::Draining)
    }
}

impl<A: Actor> Body<A> {
    /// The state of the actor at `head`.
    ///
    /// # Safety
    /// The cell is of this type and has a state, which is not borrowed.
    #[inline(always)]
    pub(crate) unsafe fn state<'a>(head: NonNull<Head>) -> &'a mut A {
        // SAFETY: the caller's contract; only the field is borrowed, not the cell.
        unsafe { (*head.cast::<Self>().as_ptr()).state.assume_init_mut() }
    }

    /// The private mailbox of the actor at `head`.
    ///
    /// # Safety
    /// The cell is of this type, and its mailbox is not borrowed.
    #[inline(always)]
    pub(crate) unsafe fn mailbox<'a>(head: NonNull<Head>) -> Option<&'a mut Mailbox<A::Msg>> {
        // SAFETY: the caller's contract; only the field is borrowed, not the cell.
        unsafe { (*head.cast::<Self>().as_ptr()).mailbox.as_deref_mut() }
    }

    unsafe fn started<I: Instrument>(core: &mut Core, head: NonNull<Head>) {
        // SAFETY: called by the worker for a cell of this type with a state.
        unsafe { Self::state(head) }.started(&mut Context::new(core));
        I::after_started(core);
    }

    unsafe fn stopped(core: &mut Core, head: NonNull<Head>) {
        // SAFETY: as for `started`.
        unsafe { Self::state(head) }.stopped(&mut Context::new(core));
    }

    unsafe fn drop_state(head: NonNull<Head>) {
        // SAFETY: called by the worker for a cell of this type with a state, which it does not use again.
        unsafe { (*head.cast::<Self>().as_ptr()).state.assume_init_drop() }
    }

    unsafe fn mailbox_control(head: NonNull<Head>) -> Option<NonNull<dyn MailboxControl>> {
        // SAFETY: called by the worker for a cell of this type.
        unsafe { Self::mailbox(head) }.map(|mailbox| NonNull::from(mailbox as &mut dyn MailboxControl))
    }
}

impl<A, F> Cell<A, F>
where
    A: Actor,
    F: FnMut() -> A + Send + 'static,
{
    const VTABLE: &'static Vtable = &Self::vtable::<Bare>();
    #[cfg(feature = "sim")]
    const SIMULATED: &'static Vtable = &Self::vtable::<crate::sim::Simulated>();

    /// The functions for an actor of an engine whose workers are run in this way.
    #[cfg(not(feature = "sim"))]
    fn vtable_for(_driver: Driver) -> &'static Vtable {
        Self::VTABLE
    }

    /// The functions for an actor of an engine whose workers are run in this way.
    #[cfg(feature = "sim")]
    fn vtable_for(driver: Driver) -> &'static Vtable {
        if driver == Driver::Simulation { Self::SIMULATED } else { Self::VTABLE }
    }

    const fn vtable<I: Instrument>() -> Vtable {
        Vtable {
            type_id: TypeId::of::<A>,
            type_name: std::any::type_name::<A>,
            message_name: std::any::type_name::<A::Msg>,
            run: run_actor::<A, I>,
            run_into_mailbox: run_into_mailbox::<A>,
            run_mailbox: run_mailbox::<A>,
            build: Self::build::<I>,
            started: Body::<A>::started::<I>,
            stopped: Body::<A>::stopped,
            drop_state: Body::<A>::drop_state,
            mailbox: Body::<A>::mailbox_control,
            free: Self::free,
        }
    }

    unsafe fn build<I: Instrument>(head: NonNull<Head>) {
        I::before_factory(head_of(head).me, type_name::<A>());
        // SAFETY: called by the worker for a cell of this type without a state.
        unsafe {
            let cell = head.cast::<Self>().as_ptr();
            let state = ((*cell).factory)();
            (*cell).body.state.write(state);
        }
    }

    unsafe fn free(head: NonNull<Head>) {
        // SAFETY: the worker owns the cell, which `NewCell::new` made from a box of this type.
        drop(unsafe { Box::from_raw(head.cast::<Self>().as_ptr()) });
    }
}
