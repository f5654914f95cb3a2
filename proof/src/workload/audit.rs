//! The auditor: an actor that counts what the event stream reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hippodrome::{Actor, Context, DeadLetterReason, SystemEvent};

/// What the event stream has reported.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    is_listening: AtomicBool,
    /// Dead letters and overflows, by reason.
    dead: [AtomicU64; DeadLetterReason::ALL.len()],
    started: AtomicU64,
    stopped: AtomicU64,
    restarted: AtomicU64,
    exhausted: AtomicU64,
    stalled: AtomicU64,
    handled: AtomicU64,
}

/// An event, as the auditor needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard {
    Dead(DeadLetterReason),
    Started,
    Stopped,
    Restarted,
    Exhausted,
    Stalled,
}

impl Audit {
    /// Whether the auditor hears what is reported from now on.
    pub(crate) fn is_listening(&self) -> bool {
        self.is_listening.load(Ordering::Acquire)
    }

    pub(crate) fn dead(&self, reason: DeadLetterReason) -> u64 {
        self.dead[reason as usize].load(Ordering::Acquire)
    }

    pub(crate) fn restarted(&self) -> u64 {
        self.restarted.load(Ordering::Acquire)
    }

    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Acquire)
    }

    pub(crate) fn stalled(&self) -> u64 {
        self.stalled.load(Ordering::Acquire)
    }

    /// Messages that the auditor itself has handled.
    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Acquire)
    }

    fn hear(&self, heard: Heard) {
        self.handled.fetch_add(1, Ordering::Release);
        let count = match heard {
            Heard::Dead(reason) => &self.dead[reason as usize],
            Heard::Started => &self.started,
            Heard::Stopped => &self.stopped,
            Heard::Restarted => &self.restarted,
            Heard::Exhausted => &self.exhausted,
            Heard::Stalled => &self.stalled,
        };
        count.fetch_add(1, Ordering::Release);
    }
}

/// Listens to the event stream.
#[derive(Debug)]
pub(crate) struct Auditor(pub(crate) Arc<Audit>);

impl Actor for Auditor {
    type Msg = Heard;

    fn handle(&mut self, msg: Heard, _ctx: &mut Context<'_, Heard>) {
        self.0.hear(msg);
    }

    fn started(&mut self, ctx: &mut Context<'_, Heard>) {
        ctx.subscribe(|event: &SystemEvent| match event {
            SystemEvent::DeadLetter { reason, .. } | SystemEvent::MailboxOverflow { reason, .. } => {
                Some(Heard::Dead(*reason))
            }
            SystemEvent::Started { .. } => Some(Heard::Started),
            SystemEvent::Stopped { .. } => Some(Heard::Stopped),
            SystemEvent::Restarted { .. } => Some(Heard::Restarted),
            SystemEvent::RestartsExhausted { .. } => Some(Heard::Exhausted),
            SystemEvent::WorkerStalled { .. } => Some(Heard::Stalled),
            _ => None,
        });
        self.0.is_listening.store(true, Ordering::Release);
    }
}
