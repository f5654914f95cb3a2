//! Measuring how long messages wait and how long they are handled, for those who switch it on.
//!
//! The duty cycle is compiled twice: with [`Off`], which has no size and does nothing, and with [`On`]. Messages carry no
//! time of their own. Instead a [`Mark`] with the time travels in the rings: in front of each batch of a lane, and once a
//! turn in the local ring. What follows a mark was sent at its time or later, so the waiting time that is recorded is
//! never too short, and too long by less than the turn that the message was sent in.

use crate::core::Core;
use crate::message::WorkerMessage;

/// Measures one run of messages.
pub(crate) trait Stopwatch: Sized {
    /// Whether it measures anything.
    const IS_ON: bool;

    /// Before the run.
    fn start(core: &Core) -> Self;

    /// After it.
    fn stop(self, core: &mut Core);
}

/// Measures nothing.
pub(crate) struct Off;

impl Stopwatch for Off {
    const IS_ON: bool = false;

    #[inline(always)]
    fn start(_core: &Core) -> Self {
        Self
    }

    #[inline(always)]
    fn stop(self, _core: &mut Core) {}
}

/// Reads the clock before and after the run.
pub(crate) struct On {
    start_ns: u64,
    handled: u64,
}

impl Stopwatch for On {
    const IS_ON: bool = true;

    fn start(core: &Core) -> Self {
        Self { start_ns: core.clock.now_ns(), handled: core.counters.handled }
    }

    fn stop(self, core: &mut Core) {
        let handled = core.counters.handled - self.handled;
        if handled == 0 {
            return;
        }
        let handling_ns = core.clock.now_ns().saturating_sub(self.start_ns) / handled;
        let waiting_ns = core.sent_ns.map(|sent_ns| self.start_ns.saturating_sub(sent_ns));
        core.types.record(core.current.type_index, handled, handling_ns, waiting_ns);
    }
}

/// What follows in the ring was sent at this time or later.
pub(crate) struct Mark {
    pub(crate) sent_ns: u64,
}

impl WorkerMessage for Mark {
    fn run(self, core: &mut Core) {
        core.sent_ns = Some(self.sent_ns);
    }
}
