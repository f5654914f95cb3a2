//! What a simulation says that does not become idle.

use std::fmt;

use crate::sim::schedule::{has_work, work_of};
use crate::sim::trace::{Place, ShortName};
use crate::sim::world::World;
use crate::worker::Worker;

/// A simulation was not idle after as many steps as its [limit](crate::sim::Builder::step_limit) allows: actors keep each
/// other busy, or need more steps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StillBusy {
    /// The steps that were run.
    pub steps: u64,
    /// By worker that is busy: with what, and which actor it ran last.
    pub workers: Vec<String>,
}

impl StillBusy {
    pub(crate) fn new(steps: u64, workers: &mut [Worker], world: &World) -> Self {
        let busy = workers.iter_mut().filter_map(|worker| {
            let core = &mut worker.core;
            let index = core.index;
            has_work(core).then(|| {
                let mut text = format!("worker {index} has {}", work_of(core).join(", "));
                if let Some((actor, actor_type)) = world.handled_last[index] {
                    text += &format!("; {} at {} ran last", ShortName(actor_type), Place(actor));
                }
                text
            })
        });
        Self { steps, workers: busy.collect() }
    }
}

impl fmt::Display for StillBusy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "still busy after {} steps: {}", self.steps, self.workers.join("; "))
    }
}

impl std::error::Error for StillBusy {}
