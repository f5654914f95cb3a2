//! One actor a timer, all on one worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hippodrome::{Actor, ActorRef, Context, On};
use hippodrome_perf_kit::scenarios::timers::{Alarm, Tally, alarms};
use hippodrome_perf_kit::{Case, Cores, Failure, Finish, Sample, Subject, on_core};

use super::{NAME, PATIENCE, one_worker};

/// Timers of many actors.
pub(super) const SUBJECTS: &[Subject] = &[Subject::new("timers", NAME, run)];

/// Several ticks within the longest delay, so that the wheel's slots are used, and not one alone.
const RESOLUTION_US: u32 = 10;

/// Longer than any run takes.
const LONGEST: Duration = Duration::from_secs(600);

fn run(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let case = *case;
    on_core(cores.first, || {
        let mut host = one_worker().configure(|config| config.timer_resolution_us = RESOLUTION_US).host()?;
        let handle = host.handle();
        let finish = Arc::new(Finish::default());
        let tally = Tally::new(&case, finish.clone());
        let factory = move || Starter { case, tally: tally.clone(), alarms: Vec::new() };
        let starter = handle.spawn(On::Worker(0), factory)?;
        handle.tell(starter, Start::SetUp);
        host.poll(u64::MAX);

        let started = Instant::now();
        handle.tell(starter, Start::Go);
        while finish.get().is_err() && started.elapsed() < LONGEST {
            host.poll(u64::MAX);
        }
        let sample = Sample::new(started, finish.get()?);
        host.shutdown(PATIENCE)?;
        Ok(sample)
    })
}

enum Start {
    SetUp,
    Go,
}

/// Spawns the alarms, and tells them to arm their first timers.
struct Starter {
    case: Case,
    tally: Arc<Tally>,
    alarms: Vec<ActorRef<Ring>>,
}

impl Actor for Starter {
    type Msg = Start;

    fn handle(&mut self, message: Start, ctx: &mut Context<'_, Start>) {
        match message {
            Start::SetUp => {
                for alarm in alarms(&self.case) {
                    let tally = self.tally.clone();
                    let factory = move || Timed { alarm, tally: tally.clone() };
                    let spawned = ctx.spawn(On::Here, factory);
                    self.alarms.push(spawned.expect("a worker's table has room for the alarms of every case"));
                }
            }
            Start::Go => self.alarms.iter().for_each(|alarm| ctx.tell(*alarm, Ring::Arm)),
        }
    }
}

/// What an alarm is told.
enum Ring {
    Arm,
    Fired(u64),
}

/// An alarm that arms its timer again when it has fired.
struct Timed {
    alarm: Alarm,
    tally: Arc<Tally>,
}

impl Actor for Timed {
    type Msg = Ring;

    #[inline]
    fn handle(&mut self, message: Ring, ctx: &mut Context<'_, Ring>) {
        if let Ring::Fired(message) = message {
            self.alarm.fire(message, &self.tally);
        }
        if let Some((delay, message)) = self.alarm.next() {
            // One that finds no room for its timer never fires again, so the run does not finish: an error.
            ctx.send_after(delay, Ring::Fired(message)).ok();
        }
    }
}
