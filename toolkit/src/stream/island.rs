//! An island: the actor in which a chain of stages runs.
//!
//! It pulls elements down its chain until the chain has none, or a slice is over; then it tells itself to go on, so that
//! the other actors of its core have their turn. One catch of panics is around a whole slice, so that none is around an
//! element.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Context, DeadLetterReason, Handle, TimerKey, TryTellError};
use parking_lot::Mutex;

use super::failure::{Fault, OnFailure, StreamFailure};
use super::signal::{Outbox, Signal, Tally};
use super::sink::{Drain, Readiness};
use super::stage::{Stage, Step, Turn};

/// Elements that enter an island's stages before others have their turn.
const SLICE: u32 = 256;

/// How long a signal that found no room waits before it is sent again.
const PATIENCE: Duration = Duration::from_millis(1);

/// What an island knows of its stream.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) stream: ActorRef<Signal>,
    pub(crate) tally: Tally,
    pub(crate) handle: Handle,
}

/// Where an island leaves its result.
pub(crate) type Slot<T> = Arc<Mutex<Option<T>>>;

pub(crate) struct Island<S: Stage, D: Drain<S::Item>> {
    stage: S,
    drain: D,
    result: Slot<D::Output>,
    home: Home,
    outbox: Outbox,
    phase: Phase,
    /// Whether it has told itself to go on.
    is_going: bool,
    /// Its timer, and when that is due.
    timer: Option<(u64, TimerKey)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The others are not all made yet.
    New,
    Open,
    /// Its elements have ended; what is on the way to and from other islands has not.
    Closing,
    /// It has told the stream how it has ended.
    Done,
}

/// Why pulling has come to an end.
enum Pulled {
    /// There is nothing to do now, or the slice is over.
    Pause,
    End,
    Fault(Box<Fault>),
}

impl<S: Stage, D: Drain<S::Item>> Island<S, D> {
    pub(crate) fn new(stage: S, drain: D, result: Slot<D::Output>, home: Home) -> Self {
        let outbox = Outbox::default();
        Self { stage, drain, result, home, outbox, phase: Phase::New, is_going: false, timer: None }
    }

    /// Runs a slice.
    fn run(&mut self, ctx: &mut Context<'_, Signal>) {
        // Also of an island that is done: the last is how it has ended.
        if !self.outbox.is_empty() {
            self.outbox.flush(ctx);
        }
        // A stream does not keep an engine from its end.
        if self.phase == Phase::New || self.phase == Phase::Done || !self.home.handle.is_running() {
            return self.go_on(false, u64::MAX, ctx);
        }
        let mut turn = Turn::new(ctx, &mut self.outbox, &self.home.tally, SLICE);
        let mut failure = None;
        if self.phase == Phase::Open {
            match pull_slice(&mut self.stage, &mut self.drain, &mut turn) {
                Pulled::Pause => {}
                Pulled::End => {
                    self.phase = Phase::Closing;
                    self.drain.finish(&mut turn);
                    self.stage.cancel(&mut turn);
                }
                Pulled::Fault(fault) => failure = Some(StreamFailure::from(*fault)),
            }
        }
        let goes_on = turn.is_spent() && self.phase == Phase::Open;
        if !goes_on && let Err(fault) = self.drain.flush(&mut turn) {
            failure = failure.or(Some(StreamFailure::from(*fault)));
        }
        let wake_ns = turn.wake_ns();
        if let Some(failure) = failure {
            self.phase = Phase::Done;
            self.outbox.send(ctx, self.home.stream, Signal::Failed(Box::new(failure)));
        } else if self.phase == Phase::Closing && self.is_closed() {
            self.phase = Phase::Done;
            *self.result.lock() = self.drain.output();
            self.outbox.send(ctx, self.home.stream, Signal::Finished);
        }
        self.go_on(goes_on && self.phase == Phase::Open, wake_ns, ctx);
    }

    fn is_closed(&self) -> bool {
        self.outbox.is_empty() && self.stage.is_closed() && self.drain.is_closed()
    }

    /// Sees to its next turn.
    fn go_on(&mut self, at_once: bool, wake_ns: u64, ctx: &mut Context<'_, Signal>) {
        if at_once {
            match ctx.try_tell(ctx.me(), Signal::Go) {
                Ok(()) => self.is_going = true,
                Err(TryTellError::Full(_)) => return self.wake_at(ctx.now_ns(), ctx),
                Err(_) => return,
            }
        }
        if !self.outbox.is_empty() {
            self.wake_at(ctx.now_ns() + PATIENCE.as_nanos() as u64, ctx);
        } else if wake_ns != u64::MAX && self.phase != Phase::Done {
            self.wake_at(wake_ns, ctx);
        }
    }

    fn wake_at(&mut self, wake_ns: u64, ctx: &mut Context<'_, Signal>) {
        if let Some((armed_ns, timer)) = self.timer {
            if armed_ns <= wake_ns {
                return;
            }
            ctx.cancel(timer);
        }
        let delay = Duration::from_nanos(wake_ns.saturating_sub(ctx.now_ns()));
        self.timer = ctx.send_after(delay, Signal::Timer).ok().map(|timer| (wake_ns, timer));
        if self.timer.is_none() {
            // Without a timer it could only sleep for ever; the stream's actor sees it go.
            ctx.stop_self();
        }
    }

    fn receive(&mut self, signal: Signal, ctx: &mut Context<'_, Signal>) {
        let mut turn = Turn::new(ctx, &mut self.outbox, &self.home.tally, SLICE);
        if let Signal::Start = signal {
            self.phase = Phase::Open;
            self.stage.start(&mut turn);
            self.drain.start(&mut turn);
        } else if let Some(signal) = self.stage.receive(signal, &mut turn) {
            // What nobody knows was for a stage that is not waiting for it any more.
            self.drain.receive(signal, &mut turn);
        }
    }
}

impl<S: Stage, D: Drain<S::Item>> Actor for Island<S, D> {
    type Msg = Signal;

    fn handle(&mut self, signal: Signal, ctx: &mut Context<'_, Signal>) {
        match signal {
            Signal::Go => self.is_going = false,
            Signal::Timer => self.timer = None,
            Signal::Wake => {}
            signal => self.receive(signal, ctx),
        }
        if !self.is_going {
            self.run(ctx);
        }
    }
}

/// Pulls until there is nothing to do, and goes on behind panics that are to be gone on behind.
fn pull_slice<S: Stage, D: Drain<S::Item>>(stage: &mut S, drain: &mut D, turn: &mut Turn<'_, '_>) -> Pulled {
    loop {
        match catch_unwind(AssertUnwindSafe(|| pull(stage, drain, turn))) {
            Ok(Pulled::Fault(fault)) => {
                if fault.is_of_element() {
                    turn.lose(1, DeadLetterReason::Refused);
                }
                return Pulled::Fault(fault);
            }
            Ok(pulled) => return pulled,
            Err(panic) => {
                let stage_name = turn.take_blamed();
                let fault = Fault::of_panic(stage_name, &*panic);
                discard(panic);
                turn.lose(1, DeadLetterReason::Panicked);
                // A panic takes as long as thousands of elements.
                turn.spend_rest();
                match stage.recover(turn).or_else(|| drain.recover()) {
                    Some(OnFailure::Resume | OnFailure::Restart) => {}
                    Some(OnFailure::Stop) | None => return Pulled::Fault(fault),
                }
            }
        }
    }
}

#[inline(always)]
fn pull<S: Stage, D: Drain<S::Item>>(stage: &mut S, drain: &mut D, turn: &mut Turn<'_, '_>) -> Pulled {
    loop {
        match drain.ready(turn) {
            Readiness::Ready => {}
            Readiness::Wait => return Pulled::Pause,
            Readiness::Closed => return Pulled::End,
        }
        match stage.next(turn) {
            Step::Item(item) => {
                if let Err(fault) = drain.accept(item, turn) {
                    return Pulled::Fault(fault);
                }
            }
            Step::Wait => return Pulled::Pause,
            Step::End => return Pulled::End,
            Step::Fault(fault) => return Pulled::Fault(fault),
        }
    }
}

/// Drops what a panic carried; if that panics in turn, that is let go of.
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        let _leaked = ManuallyDrop::new(panic);
    }
}
