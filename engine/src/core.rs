//! The core of a worker: everything that its thread owns, and its duty cycle.
//!
//! One turn looks at the bell, then takes a slice from each watched lane, from the ingress and from the local ring, runs
//! actors with private mailboxes, timers and events, and publishes what was sent to other workers. Nothing here waits;
//! how a worker waits when a turn did nothing is the [`worker`](crate::worker)'s affair.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use hippodrome_ringbuf::doorbell::{Doorbell, Signal};
use hippodrome_ringbuf::{LocalRing, SEGMENT_BYTES, ingress};

use crate::address::{Address, Home, Tag};
use crate::asks::Asks;
use crate::bus::{BusReader, Publisher, WorkerBus};
use crate::cell::{Head, Lifecycle};
use crate::clock::Clock;
use crate::config::WorkerSettings;
use crate::dead_letter::DeadLetterReason;
use crate::deadlock::waits::WaitScan;
use crate::event::SystemEvent;
use crate::inbound::Inbound;
use crate::message::MessageType;
use crate::outbound::Outbound;
use crate::plan::Plan;
use crate::reader::{Reader, Source};
use crate::reply::Orphans;
use crate::running::Running;
use crate::shared::{Phase, Shared};
use crate::slots::SlotTable;
use crate::stats::{Counters, TypeTable};
use crate::stopwatch::{Off, On, Stopwatch};
use crate::supervise::Task;
use crate::timers::Timers;

/// The actor that is running, or the last one that ran.
pub(crate) struct Current {
    pub(crate) tag: Tag,
    /// Its type's index in the statistics.
    pub(crate) type_index: u32,
    pub(crate) head: Option<NonNull<Head>>,
}

impl Current {
    /// The actor's head. Its state, which its handler borrows, is not in it.
    #[inline]
    pub(crate) fn head(&self) -> Option<&Head> {
        // SAFETY: `head` is set before anything of an actor runs, and its cell is freed only between runs. A head is
        // borrowed for no longer than its worker, which nothing else can use meanwhile.
        self.head.map(|head| unsafe { head.as_ref() })
    }

    /// The same, to change it.
    #[inline]
    pub(crate) fn head_mut(&mut self) -> Option<&mut Head> {
        // SAFETY: as in `head`.
        self.head.map(|mut head| unsafe { head.as_mut() })
    }
}

/// A worker's state. It stays on one thread.
pub(crate) struct Core {
    // What every message touches comes first.
    pub(crate) home: Home,
    pub(crate) reader: Reader,
    pub(crate) current: Current,
    pub(crate) counters: Counters,
    /// The slice ends when `counters.handled` reaches this.
    pub(crate) limit: u64,
    pub(crate) local: LocalRing<MessageType>,
    pub(crate) slots: SlotTable,
    /// What has to be done about actors before the next run; see [`supervise`](crate::supervise).
    pub(crate) tasks: VecDeque<Task>,
    /// `limit` before a run was interrupted to do tasks.
    pub(crate) interrupted_limit: Option<u64>,

    pub(crate) outbound: Outbound,
    pub(crate) inbound: Inbound,
    pub(crate) ingress: ingress::Receiver<MessageType>,
    ingress_watched: bool,
    /// Something was found in the ingress without a ring.
    ingress_overdue: bool,
    pub(crate) express: LocalRing<MessageType>,
    /// Whether the message at the reader has reserved room in a private mailbox.
    pub(crate) is_reserved: bool,
    /// How many messages were handled when the one at hand was rescued from the panic that follows.
    pub(crate) rescued: Option<u64>,
    /// Whether an actor is just being started.
    pub(crate) is_starting: bool,
    /// Actors with something in a mailbox of their own.
    pub(crate) ready: VecDeque<Tag>,

    pub(crate) types: TypeTable,
    pub(crate) running: Arc<Running>,
    /// When what is being read was sent, at the earliest, if that is measured.
    pub(crate) sent_ns: Option<u64>,
    pub(crate) local_sent_ns: Option<u64>,
    pub(crate) timers: Timers,
    pub(crate) asks: Asks,
    pub(crate) wait_scan: WaitScan,
    pub(crate) bus: WorkerBus,
    pub(crate) orphans: Rc<Orphans>,

    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) now_ns: u64,
    pub(crate) random: u64,
    pub(crate) settings: WorkerSettings,
    pub(crate) index: usize,
    pub(crate) bell: Arc<Doorbell>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) phase: Phase,
}

/// The bells' flags.
pub(crate) mod flag {
    /// Commands were queued.
    pub(crate) const COMMANDS: u8 = 0;
    /// The ingress has something, while it is not watched.
    pub(crate) const INGRESS: u8 = 1;
    /// An event was published that somebody on this worker may want.
    pub(crate) const EVENTS: u8 = 2;
    /// The engine's phase changed.
    pub(crate) const PHASE: u8 = 3;
    /// Somebody wants to know who waits for whom.
    pub(crate) const WAITS: u8 = 4;
}

/// How often a busy worker looks at the clock and at the event bus, in turns.
const SELDOM: u64 = 16;

/// How often a worker shows its counts, in turns. Idle turns are short, and a message may come after each: nothing that
/// takes long belongs into all of them.
const SHOWN_TURNS: u64 = 1024;

/// What the parts of a core are made from; see [`Core::new`].
pub(crate) struct Parts {
    pub(crate) index: usize,
    pub(crate) settings: WorkerSettings,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ingress: ingress::Receiver<MessageType>,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) bus: (Publisher, BusReader),
}

impl Core {
    /// Allocates the worker's rings, on the thread that calls.
    pub(crate) fn new(parts: Parts) -> Box<Self> {
        let Parts { index, settings, shared, ingress, inbound, outbound, bus } = parts;
        let config = &shared.config;
        let now_ns = shared.clock.now_ns();
        let bell = shared.workers[index].bell.clone();
        Box::new(Self {
            home: Home::new(shared.node, index as u32),
            reader: Reader::NOWHERE,
            current: Current { tag: Tag::WORKER, type_index: 0, head: None },
            counters: Counters::default(),
            limit: 0,
            local: LocalRing::new(
                settings.local_ring_kib as usize * 1024,
                settings.local_ring_limit_kib as usize * 1024,
            ),
            slots: SlotTable::new(config.max_actors as usize),
            tasks: VecDeque::with_capacity(64),
            interrupted_limit: None,
            outbound,
            inbound,
            ingress,
            ingress_watched: true,
            ingress_overdue: false,
            express: LocalRing::new(2 * SEGMENT_BYTES, 2 * SEGMENT_BYTES),
            is_reserved: false,
            rescued: None,
            is_starting: false,
            ready: VecDeque::with_capacity(64),
            types: TypeTable::new(config.histograms),
            running: shared.workers[index].running.clone(),
            sent_ns: None,
            local_sent_ns: None,
            timers: Timers::new(config, now_ns),
            asks: Asks::new(config.max_asks),
            wait_scan: WaitScan::default(),
            bus: WorkerBus::new(bus.0, bus.1),
            orphans: Rc::new(Orphans::default()),
            clock: shared.clock.clone(),
            now_ns,
            random: config.seed ^ (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            settings,
            index,
            bell,
            phase: Phase::Running,
            shared: shared.clone(),
        })
    }

    /// The address of the current actor.
    #[inline]
    pub(crate) fn me(&self) -> Address {
        self.current.head().map_or(Address { home: self.home, tag: self.current.tag }, |head| head.me)
    }

    /// One turn of the duty cycle. Returns whether it found anything to do.
    pub(crate) fn turn<P: Plan>(&mut self, plan: P) -> bool {
        let before = self.counters.progress();
        self.counters.turns += 1;
        self.show_pulse(self.counters.turns);
        let measured = self.types.histograms_on();
        let duties = || if measured { self.duties::<On, P>(plan) } else { self.duties::<Off, P>(plan) };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(duties)) {
            self.recover(panic);
        }
        if plan.publishes() && !self.outbound.is_clean() {
            self.flush();
        }
        if self.asks.has_untimed() {
            self.time_asks();
        }
        let worked = self.counters.progress() != before || self.has_rest();
        self.counters.idle_turns += u64::from(!worked);
        if self.counters.turns.is_multiple_of(SHOWN_TURNS) {
            self.publish_counters();
        }
        worked
    }

    fn duties<W: Stopwatch, P: Plan>(&mut self, plan: P) {
        if W::IS_ON {
            self.outbound.set_time(self.clock.now_ns());
        }
        if plan.sees_bell() && self.bell.is_rung() {
            self.answer_bell();
        }
        self.poll_lanes::<W, P>(plan);
        // What the lanes' messages made actors send goes on at once: a lone message does not wait for the turn's end.
        if plan.publishes() && !self.outbound.is_clean() {
            self.flush();
        }
        if self.ingress_watched {
            self.poll_ingress(plan);
        }
        self.drain_local::<W, P>(plan);
        if !self.tasks.is_empty() {
            self.do_tasks();
        }
        if !self.ready.is_empty() {
            self.run_ready(plan);
        }
        if self.counters.turns.is_multiple_of(SELDOM) || self.local.is_empty() {
            self.seldom();
        }
    }

    /// Publishes what was sent to other workers.
    fn flush(&mut self) {
        self.counters.flushed += self.outbound.flush();
    }

    /// Whether something came from another thread.
    #[inline]
    pub(crate) fn is_called(&mut self) -> bool {
        self.inbound.has_news() || self.bell.is_rung() || (self.ingress_watched && self.ingress.front().is_some())
    }

    /// What need not be looked at while messages come thick and fast.
    fn seldom(&mut self) {
        if self.counters.turns.is_multiple_of(SELDOM) {
            if !self.timers.is_empty() || self.types.histograms_on() {
                self.now_ns = self.clock.now_ns();
                self.run_timers();
            }
            self.poll_events();
        }
        if !self.orphans.is_empty() {
            self.close_orphans();
        }
        self.local.rewind();
    }

    /// Whether the turn left anything undone that needs no bell.
    pub(crate) fn has_rest(&mut self) -> bool {
        !self.local.is_empty() || !self.tasks.is_empty() || !self.ready.is_empty() || !self.orphans.is_empty()
    }

    #[cold]
    fn answer_bell(&mut self) {
        let bell = self.bell.clone();
        bell.take(|signal| match signal {
            Signal::Source(source) => self.inbound.watch(source),
            Signal::Flag(flag::COMMANDS) => {
                self.run_commands();
            }
            Signal::Flag(flag::INGRESS) => {
                self.ingress_overdue = false;
                self.watch_ingress();
            }
            Signal::Flag(flag::EVENTS) => self.poll_events(),
            Signal::Flag(flag::WAITS) => self.look_at_waits(),
            Signal::Flag(_) => self.look_at_phase(),
        });
        self.counters.steps += 1;
    }

    /// Runs what other threads have ordered. Returns whether there was anything.
    #[cold]
    pub(crate) fn run_commands(&mut self) -> bool {
        let shared = self.shared.clone();
        let mut any = false;
        while let Some(command) = shared.workers[self.index].commands.pop() {
            any = true;
            self.counters.steps += 1;
            command(self);
        }
        any
    }

    /// Does all tasks; no actor is on the stack.
    #[cold]
    #[inline(never)]
    pub(crate) fn do_tasks(&mut self) {
        // A task may hand out messages and panic there: what was read before it must not be read again.
        self.settle_reader();
        if self.reader.source == Source::Express {
            // A task may use the express ring, and take it back to its start: whoever drains it looks for its front anew.
            self.reader.stop();
        }
        self.current.head = None;
        while let Some(task) = self.tasks.pop_front() {
            self.counters.steps += 1;
            // Whoever has tasks done goes on behind them, where it was: a panic there is not to end what it does.
            let reading = (self.reader, self.is_reserved, self.limit, self.interrupted_limit);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.do_task(task))) {
                self.recover(panic);
                (self.reader, self.is_reserved, self.limit, self.interrupted_limit) = reading;
            }
            self.current.head = None;
        }
        if let Some(limit) = self.interrupted_limit.take() {
            self.limit = limit;
        }
    }

    /// Runs the actors that have something in a mailbox of their own, each with a slice.
    fn run_ready<P: Plan>(&mut self, plan: P) {
        for _ in 0..self.ready.len() {
            let Some(tag) = self.ready.pop_front() else { break };
            let Some(mut head) = self.slots.head(tag) else { continue };
            // SAFETY: the table's heads are valid, and no method of an actor is on the stack.
            unsafe { head.as_mut() }.is_ready = false;
            self.grant(plan.mailbox(self.shared.config.lane_budget));
            let type_index = self.slots.get(tag).map_or(0, |slot| slot.type_index);
            if type_index != self.current.type_index {
                self.count_type(type_index);
            }
            self.current.tag = tag;
            self.current.head = Some(head);
            self.run_mailbox_of(head);
            self.counters.steps += 1;
        }
    }

    /// Puts the actor into the list of those with something in a mailbox of their own.
    pub(crate) fn make_ready(&mut self, mut head: NonNull<Head>) {
        // SAFETY: the head is valid, and nobody borrows it across a call.
        let head = unsafe { head.as_mut() };
        if !std::mem::replace(&mut head.is_ready, true) {
            self.ready.push_back(head.me.tag);
        }
    }

    fn run_mailbox_of(&mut self, head: NonNull<Head>) {
        // A start that fails may make another actor the current one.
        let tag = self.current.tag;
        // SAFETY: the table's heads are valid; the borrow ends at once.
        match unsafe { head.as_ref() }.lifecycle {
            Lifecycle::New => self.start_actor(head),
            Lifecycle::Restarting { .. } => self.finish_restart(head),
            _ => {}
        }
        let Some(head) = self.slots.head(tag) else { return };
        self.current.tag = tag;
        self.current.head = Some(head);
        // SAFETY: as above.
        let (vtable, alive) = unsafe { (head.as_ref().vtable, head.as_ref().is_alive()) };
        if alive {
            // SAFETY: the vtable fits the cell, and the actor has a state.
            unsafe { (vtable.run_mailbox)(self, head) };
            self.run_held(head);
        }
        // Before the tasks: one of them may panic, and what is left here must not be forgotten.
        self.rest_of_mailbox(tag);
        self.after_run();
    }

    /// Counts a dead letter and tells the event stream. The message itself is the caller's to drop.
    #[cold]
    pub(crate) fn report_dead_letter(&mut self, to: Address, message: &'static str, reason: DeadLetterReason) {
        self.counters.dead_letters.count(reason);
        if reason.is_replaced() {
            return;
        }
        let event = if reason.is_overflow() {
            SystemEvent::MailboxOverflow { actor: to, message, reason }
        } else {
            SystemEvent::DeadLetter { to, message, reason }
        };
        self.publish_event(event);
    }

    /// Before parking: stops watching everything. Returns whether something came meanwhile.
    pub(crate) fn unwatch_all(&mut self) -> bool {
        if self.inbound.has_overdue() && !self.bell.is_rung() {
            self.counters.rescued_wakeups += self.inbound.count_missed();
        }
        if self.ingress_watched {
            self.ingress_watched = false;
            if self.ingress.unwatch() {
                self.watch_ingress();
                return true;
            }
        }
        self.inbound.unwatch_all()
    }

    /// After a park that nobody ended: looks at what is not watched, as if the bell had been missed. See
    /// [`Inbound::check_unwatched`].
    pub(crate) fn check_unwatched(&mut self) {
        self.counters.rescued_wakeups += self.inbound.check_unwatched();
        if !self.ingress_watched && self.ingress.front().is_some() {
            // One sender may be about to ring; that it has not by the next park, and another neither, is a miss.
            self.counters.rescued_wakeups += u64::from(std::mem::replace(&mut self.ingress_overdue, true));
            self.watch_ingress();
        }
    }

    fn watch_ingress(&mut self) {
        self.ingress_watched = true;
        self.ingress.watch();
    }

    /// Closes the ingress, so that nothing more is accepted from handles.
    pub(crate) fn close_ingress(&mut self) {
        self.ingress.close();
        self.watch_ingress();
    }

    /// Looks at the clock now, and fires what is due.
    pub(crate) fn look_at_time(&mut self) {
        self.now_ns = self.clock.now_ns();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.run_timers())) {
            self.recover(panic);
        }
    }

    /// Whether nothing is waiting anywhere on this worker, nor on its way to another.
    pub(crate) fn is_quiet(&mut self) -> bool {
        !self.has_rest()
            && self.inbound.is_empty()
            && self.ingress.is_drained()
            && self.express.is_empty()
            && self.outbound.is_drained()
            && self.shared.workers[self.index].commands.is_empty()
            && !self.has_held_messages()
    }
}

crate::sync::thread_local! {
    /// The list of unanswered replies of the worker that is being polled on this thread.
    pub(crate) static POLLED: RefCell<Option<Rc<Orphans>>> = const { RefCell::new(None) };
}
