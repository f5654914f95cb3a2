//! The decisions: who runs next, and what its turn sees.
//!
//! All that is decided here can be so on real threads: any worker may be the next to get on, and what others have
//! published may be seen at once or later, in part or whole. It is fair: a worker with something to do runs within so
//! many steps, and every so manyth of its turns sees everything.

use std::cell::Cell;
use std::fmt;

use crate::core::Core;
use crate::plan::Plan;
use crate::shared::Phase;
use crate::sim::faults::Faults;
use crate::sim::random::Random;
use crate::worker::Worker;

/// A worker with something to do runs at least once in so many steps, times the number of workers.
const WAIT_STEPS_MAX: u64 = 16;

/// One in so many of a worker's turns sees all there is, at least.
const PARTIAL_TURNS_MAX: u32 = 16;

/// What one turn sees.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    is_whole: bool,
    pub(crate) looks_at_time: bool,
    bell: bool,
    /// Four bits for each lane, the lowest for the next one.
    lanes: Cell<u64>,
    ingress: u32,
    local: u32,
    mailbox: u32,
    pub(crate) publishes: bool,
}

impl Sight {
    /// Everything.
    pub(crate) const fn whole() -> Self {
        Self {
            is_whole: true,
            looks_at_time: true,
            bell: true,
            lanes: Cell::new(0),
            ingress: 0,
            local: 0,
            mailbox: 0,
            publishes: true,
        }
    }

    /// Some of it.
    fn partial(random: &mut Random, faults: &Faults) -> Self {
        Self {
            is_whole: false,
            looks_at_time: !random.once_in(4),
            bell: !random.once_in(4),
            lanes: Cell::new(random.next()),
            ingress: slice(random.next()).unwrap_or(0),
            local: slice(random.next()).unwrap_or(1),
            mailbox: slice(random.next()).unwrap_or(1),
            publishes: !random.once_in(faults.delays),
        }
    }
}

/// How many messages a turn takes from one source, from the low four bits of a random number: all in most cases, since
/// long runs are to be seen as well, otherwise few or none. `None` stands for none.
fn slice(number: u64) -> Option<u32> {
    match number & 15 {
        0..3 => None,
        3..7 => Some(1),
        7..9 => Some(2),
        9..11 => Some(5),
        _ => Some(u32::MAX),
    }
}

impl Plan for &Sight {
    fn sees_bell(self) -> bool {
        self.bell
    }

    fn lane(self, configured: u32) -> Option<u32> {
        if self.is_whole {
            return Some(configured);
        }
        let lanes = self.lanes.get();
        self.lanes.set(lanes.rotate_right(4));
        slice(lanes).map(|messages| messages.min(configured))
    }

    fn ingress(self, configured: u32) -> Option<u32> {
        match self.ingress {
            _ if self.is_whole => Some(configured),
            0 => None,
            messages => Some(messages.min(configured)),
        }
    }

    fn local(self, configured: u32) -> u32 {
        if self.is_whole { configured } else { self.local.min(configured) }
    }

    fn mailbox(self, configured: u32) -> u32 {
        if self.is_whole { configured } else { self.mailbox.min(configured) }
    }

    fn publishes(self) -> bool {
        self.publishes
    }
}

/// As the trace has it.
impl fmt::Display for Sight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole {
            return formatter.write_str("all");
        }
        let flag = |name: &'static str, on: bool| if on { name } else { "" };
        let count =
            |messages: u32| (messages != u32::MAX).then_some(messages).map_or("*".to_owned(), |n| n.to_string());
        write!(
            formatter,
            "{}{}{} lanes {:016x} ingress {} local {} mailboxes {}",
            flag("t", self.looks_at_time),
            flag("b", self.bell),
            flag("p", self.publishes),
            self.lanes.get(),
            count(self.ingress),
            count(self.local),
            count(self.mailbox)
        )
    }
}

/// What the schedule keeps about a worker.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    /// The step in which it ran last.
    ran: u64,
    /// Turns since one that saw everything.
    partial_turns: u32,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// A worker that has something to do, or not.
    Turn(usize),
    /// Nobody knows of anything to do: this worker is to look everywhere.
    Sweep(usize),
}

/// Who has run, and when.
#[derive(Debug)]
pub(crate) struct Schedule {
    courses: Vec<Course>,
    busy: Vec<usize>,
    /// Workers, from the first on, that have looked everywhere and found nothing, one after the other.
    swept: usize,
}

impl Schedule {
    pub(crate) fn new(workers: usize) -> Self {
        Self { courses: vec![Course::default(); workers], busy: Vec::with_capacity(workers), swept: 0 }
    }

    /// Whose turn it is in this step; `None` if all have looked everywhere and found nothing to do.
    pub(crate) fn choose(&mut self, step: u64, workers: &mut [Worker], random: &mut Random) -> Option<Choice> {
        self.busy.clear();
        self.busy.extend((0..workers.len()).filter(|index| has_work(&mut workers[*index].core)));
        let Some(longest) = self.busy.iter().copied().min_by_key(|index| self.courses[*index].ran) else {
            return (self.swept < workers.len()).then_some(Choice::Sweep(self.swept));
        };
        self.swept = 0;
        if step - self.courses[longest].ran > WAIT_STEPS_MAX * workers.len() as u64 {
            return Some(Choice::Turn(longest));
        }
        // Now and then a worker turns, or parks, that has nothing to do.
        Some(Choice::Turn(match random.once_in(16) {
            true => random.below(workers.len() as u64) as usize,
            false => self.busy[random.below(self.busy.len() as u64) as usize],
        }))
    }

    /// What the worker sees in this step.
    pub(crate) fn sight(&mut self, worker: usize, step: u64, random: &mut Random, faults: &Faults) -> Sight {
        let course = &mut self.courses[worker];
        course.ran = step;
        course.partial_turns += 1;
        if course.partial_turns >= PARTIAL_TURNS_MAX || random.once_in(3) {
            course.partial_turns = 0;
            return Sight::whole();
        }
        Sight::partial(random, faults)
    }

    /// Whether all have looked everywhere and found nothing, when they did.
    pub(crate) fn has_swept(&self) -> bool {
        self.swept == self.courses.len()
    }

    /// All are to look everywhere again.
    pub(crate) fn sweep_again(&mut self) {
        self.swept = 0;
    }

    /// The worker has looked everywhere.
    pub(crate) fn swept(&mut self, worker: usize, found_something: bool) {
        self.swept = if found_something { 0 } else { worker + 1 };
    }
}

/// Whether the worker has anything to do that it can know of.
pub(crate) fn has_work(core: &mut Core) -> bool {
    core.is_called() || core.has_rest() || !core.outbound.is_clean() || is_due(core)
}

fn is_due(core: &Core) -> bool {
    core.phase != Phase::Ending && core.timers.next_deadline_ns().is_some_and(|at| at <= core.clock.now_ns())
}

/// What the worker has to do, in words, for whoever waits for it to become idle.
pub(crate) fn work_of(core: &mut Core) -> Vec<&'static str> {
    let work = [
        (!core.local.is_empty(), "its local ring"),
        (core.inbound.has_news(), "lanes"),
        (core.ingress.front().is_some(), "its ingress"),
        (!core.ready.is_empty(), "private mailboxes"),
        (!core.tasks.is_empty(), "orders about actors"),
        (!core.outbound.is_clean(), "what it sent to others"),
        (core.bell.is_rung(), "its bell"),
        (is_due(core), "timers"),
    ];
    work.into_iter().filter(|(has, _)| *has).map(|(_, what)| what).collect()
}

/// Whether something waits for the worker that nobody has told it of.
pub(crate) fn has_missed(core: &mut Core) -> bool {
    !core.inbound.is_empty()
        || !core.ingress.is_drained()
        || !core.express.is_empty()
        || !core.outbound.is_drained()
        || !core.shared.workers[core.index].commands.is_empty()
}
