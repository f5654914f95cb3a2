//! The generators: a closed loop that measures, and threads that offer at a pace and do not wait.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hippodrome::{Handle, Port, PortError};

use super::actors::{Load, Targets};

/// How much is offered, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Messages a second.
    pub per_second: f64,
    /// Messages in all.
    pub total: u64,
}

impl Pace {
    /// The pace of each of so many.
    pub(super) fn of(self, generators: usize) -> Self {
        let share = generators as u64;
        Self { per_second: self.per_second / share as f64, total: self.total.div_ceil(share) }
    }
}

/// The most messages on their way for each sink while the capacity is measured: fewer than its mailbox has room for.
const WINDOW: u64 = 48;

/// How long the measuring thread leaves its core to the workers when so many are on their way.
const PAUSE: Duration = Duration::from_micros(50);

/// The messages to amplifiers are one in so many.
const AMPLIFIER_ONCE_IN: u64 = 4;

/// Measures how many messages the sinks handle in a second when no more is sent than they handle.
pub(super) fn closed_loop(handle: &Handle, targets: &Targets, measured: Duration) -> Result<f64, PortError> {
    let mut port = handle.port()?;
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed() < measured {
        // What came back or was dropped all the same only makes the measured rate smaller than it is.
        if sent - targets.handled().min(sent) >= WINDOW * targets.sinks.len() as u64 {
            thread::sleep(PAUSE);
            continue;
        }
        // All of a round have the same key, so that no sink gets one again that it still has.
        let load = Load([sent / targets.sinks.len() as u64; 4]);
        for sink in &targets.sinks {
            targets.tally(0).offer();
            port.tell(*sink, load);
            sent += 1;
        }
    }
    Ok(targets.handled() as f64 / begun.elapsed().as_secs_f64())
}

/// The way of a generator into the engine.
enum Way {
    Port(Port),
    Handle(Handle),
}

/// Offers at a pace, whatever becomes of it.
pub(super) struct Generator {
    number: usize,
    way: Way,
    targets: Arc<Targets>,
    pace: Pace,
}

impl Generator {
    pub(super) fn new(number: usize, handle: &Handle, targets: &Arc<Targets>, pace: Pace) -> Result<Self, PortError> {
        let way = if number.is_multiple_of(2) { Way::Port(handle.port()?) } else { Way::Handle(handle.clone()) };
        Ok(Self { number, way, targets: targets.clone(), pace })
    }

    /// Offers all of it.
    pub(super) fn run(mut self) {
        let (begun, mut sent) = (Instant::now(), 0);
        while sent < self.pace.total {
            let due = (begun.elapsed().as_secs_f64() * self.pace.per_second) as u64;
            if due <= sent {
                thread::yield_now();
            }
            while sent < due.min(self.pace.total) {
                self.offer(sent);
                sent += 1;
            }
        }
    }

    /// One to a sink or to an amplifier, told or tried by turns.
    fn offer(&mut self, number: u64) {
        let Targets { sinks, amplifiers, .. } = &*self.targets;
        let among = if number.is_multiple_of(AMPLIFIER_ONCE_IN) { amplifiers } else { sinks };
        let to = among[(number / 2) as usize % among.len()];
        let load = Load([number; 4]);
        let tally = self.targets.tally(self.number);
        tally.offer();
        let is_refused = match (&mut self.way, number % 2) {
            (Way::Port(port), 0) => {
                port.tell(to, load);
                false
            }
            (Way::Handle(handle), 0) => {
                handle.tell(to, load);
                false
            }
            (Way::Port(port), _) => port.try_tell(to, load).is_err(),
            (Way::Handle(handle), _) => handle.try_tell(to, load).is_err(),
        };
        if is_refused {
            tally.refuse();
        }
    }
}
