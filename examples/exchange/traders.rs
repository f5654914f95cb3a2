//! The traders: an actor that sends the flow's requests to the gateways, in an open loop or as fast as they are answered.
//!
//! In the open loop each request is due at a time that was fixed before the run, as in `perf latency`, whose arrivals and
//! sender these are. No more requests are on their way than a window allows, so that no ring overflows; one that is held
//! back keeps the time at which it was due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use hippodrome::{Actor, ActorRef, Context, TryTellError};
use hippodrome_perf_kit::open_loop::{self, Arrivals, Step, Taken};

use crate::flow::Flow;
use crate::gateway::GatewayMsg;
use crate::order::Request;

/// The most requests that are on their way in an open loop: 16 ms of a million a second.
const OPEN_WINDOW: u64 = 16_384;
/// The most that are on their way where each goes out as soon as there is room for it. More of them wait longer and are
/// not answered sooner.
const FAST_WINDOW: u64 = 512;
/// The most that are sent at once where none has a time of its own.
const CHUNK: u64 = 32;

/// The times at which requests are due: as many as there are.
pub(crate) type Times = std::iter::Take<Arrivals>;

/// When requests are sent.
#[derive(Clone, Debug)]
pub(crate) enum Pace {
    /// As soon as there is room.
    Fast,
    /// At their times.
    Open(Times),
}

/// What the traders understand.
#[derive(Debug)]
pub(crate) enum TradersMsg {
    /// Go on.
    Go,
    /// So many more requests were answered.
    Answered(u32),
}

/// All requests were sent and answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) sent: u64,
    /// From when the first one was due to when the last answer had come.
    pub(crate) elapsed_ns: u64,
    /// Whether the sender was so late that it gave up.
    pub(crate) is_cut_off: bool,
}

/// The actor.
pub(crate) struct Traders {
    outgoing: Outgoing,
    drive: Drive,
    pace: Pace,
    start_ns: u64,
    /// Whether a `Go` is on its way.
    goes_on: bool,
    /// Where others see how far it is.
    progress: Arc<AtomicU64>,
    ended: mpsc::Sender<Ended>,
}

/// How the traders have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    /// As they were to.
    Done(Done),
    /// They have stopped before that.
    Stopped,
}

/// What drives the sending.
enum Drive {
    /// Nothing yet.
    Nothing,
    Fast,
    Open(open_loop::Sender<Times>),
    /// Nothing any more.
    Ended,
}

/// What is sent, and how far that is.
struct Outgoing {
    flow: Flow,
    /// The next request.
    next: Option<Request>,
    gateways: Vec<ActorRef<GatewayMsg>>,
    sent: u64,
    answered: u64,
}

impl Outgoing {
    /// Sends the next request as one that is due at this time, if there is room.
    #[inline]
    fn send(&mut self, due_ns: u64, window: u64, ctx: &mut Context<'_, TradersMsg>) -> Taken {
        let Some(request) = self.next else { return Taken::Never };
        if self.sent - self.answered >= window {
            return Taken::NoRoom;
        }
        let gateway = self.gateways[self.flow.gateway_of(request.id)];
        match ctx.try_tell(gateway, GatewayMsg::Request(Request { due_ns, ..request })) {
            Ok(()) => {}
            Err(TryTellError::Full(_)) => return Taken::NoRoom,
            Err(_) => return Taken::Never,
        }
        self.sent += 1;
        self.next = self.flow.next();
        Taken::Yes
    }

    /// The end can be taken when everything was answered.
    fn end(&self) -> Taken {
        if self.sent == self.answered { Taken::Yes } else { Taken::NoRoom }
    }
}

impl Traders {
    /// Traders who show in `progress` how many requests were answered, and say by `ended` when all were.
    pub(crate) fn new(
        gateways: Vec<ActorRef<GatewayMsg>>,
        pace: Pace,
        mut flow: Flow,
        (progress, ended): (Arc<AtomicU64>, mpsc::Sender<Ended>),
    ) -> Self {
        let next = flow.next();
        let outgoing = Outgoing { flow, next, gateways, sent: 0, answered: 0 };
        Self { outgoing, drive: Drive::Nothing, pace, start_ns: 0, goes_on: false, progress, ended }
    }

    fn start(&mut self, ctx: &Context<'_, TradersMsg>) {
        self.start_ns = ctx.now_ns();
        self.drive = match self.pace.clone() {
            Pace::Fast => Drive::Fast,
            Pace::Open(times) => Drive::Open(open_loop::Sender::new(times, self.start_ns)),
        };
    }

    /// Sends what it can, and sees to it that it goes on.
    fn go(&mut self, ctx: &mut Context<'_, TradersMsg>) {
        let now_ns = ctx.now_ns();
        let outgoing = &mut self.outgoing;
        let step = match &mut self.drive {
            Drive::Nothing | Drive::Ended => return,
            Drive::Fast => {
                let full = (0..CHUNK).find(|_| outgoing.send(now_ns, FAST_WINDOW, ctx) != Taken::Yes).is_some();
                if outgoing.next.is_none() && outgoing.end() == Taken::Yes {
                    return self.end(false, ctx);
                }
                // Where there is no room the next answer brings it back here.
                if full {
                    return;
                }
                Step::Waiting
            }
            Drive::Open(sender) => sender.step(now_ns, |due_ns| match due_ns {
                Some(due_ns) => outgoing.send(due_ns, OPEN_WINDOW, ctx),
                None => outgoing.end(),
            }),
        };
        match step {
            Step::Ended(sent) => self.end(sent.is_cut_off, ctx),
            // A gateway is gone, and with it the exchange.
            Step::Refused => ctx.stop_self(),
            Step::Waiting => {
                self.goes_on = true;
                ctx.tell(ctx.me(), TradersMsg::Go);
            }
        }
    }

    fn end(&mut self, is_cut_off: bool, ctx: &Context<'_, TradersMsg>) {
        self.drive = Drive::Ended;
        let elapsed_ns = ctx.now_ns().saturating_sub(self.start_ns);
        let done = Done { sent: self.outgoing.sent, elapsed_ns, is_cut_off };
        // Nobody listens to the end of a run that was given up.
        let _ = self.ended.send(Ended::Done(done));
    }
}

impl Actor for Traders {
    type Msg = TradersMsg;

    fn started(&mut self, ctx: &mut Context<'_, TradersMsg>) {
        for gateway in &self.outgoing.gateways {
            ctx.tell(*gateway, GatewayMsg::LogOn(ctx.me()));
        }
        self.start(ctx);
        self.go(ctx);
    }

    fn handle(&mut self, message: TradersMsg, ctx: &mut Context<'_, TradersMsg>) {
        match message {
            TradersMsg::Go => self.goes_on = false,
            TradersMsg::Answered(requests) => {
                self.outgoing.answered += u64::from(requests);
                self.progress.store(self.outgoing.answered, Ordering::Relaxed);
            }
        }
        if !self.goes_on {
            self.go(ctx);
        }
    }
}

impl Drop for Traders {
    fn drop(&mut self) {
        if !matches!(self.drive, Drive::Ended) {
            // Nor to this.
            let _ = self.ended.send(Ended::Stopped);
        }
    }
}
