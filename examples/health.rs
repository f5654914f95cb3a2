//! Two patients and a doctor: an actor that stops answering, whom the monitor has made anew, and one whose handler hangs,
//! whom it can only report, while the watchdog says who it is.

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use hippodrome::{Actor, Context, Engine, On, Props, Reply, Restart, SystemEvent};
use hippodrome_toolkit::health::{Check, Health, HealthEvent, HealthMessage, HealthMonitor, OnFailure};

const PATIENCE: Duration = Duration::from_secs(30);

/// Answers a few questions, and keeps the replies to the others.
struct Forgetful {
    answers: u32,
    kept: Vec<Reply<()>>,
}

impl Actor for Forgetful {
    type Msg = Reply<()>;

    fn handle(&mut self, reply: Reply<()>, ctx: &mut Context<'_, Reply<()>>) {
        self.answers += 1;
        if self.answers > 10 { self.kept.push(reply) } else { reply.send(ctx, ()) }
    }
}

/// Does what no handler should.
struct Sleeper;

impl Actor for Sleeper {
    type Msg = Duration;

    fn handle(&mut self, time: Duration, _ctx: &mut Context<'_, Duration>) {
        thread::sleep(time);
    }
}

/// Writes down what is reported.
struct Chart(Sender<String>);

enum Entry {
    Health(HealthEvent),
    Stalled(&'static str),
}

impl Actor for Chart {
    type Msg = Entry;

    fn started(&mut self, ctx: &mut Context<'_, Entry>) {
        ctx.subscribe(|event| match event {
            SystemEvent::WorkerStalled { actor_type: Some(name), .. } => Some(Entry::Stalled(name)),
            _ => None,
        });
        ctx.subscribe(|event: &HealthEvent| Some(Entry::Health(*event)));
    }

    fn handle(&mut self, entry: Entry, _ctx: &mut Context<'_, Entry>) {
        let line = match entry {
            Entry::Health(HealthEvent { name, health, done: OnFailure::Restart, .. }) => {
                format!("{name} is {health}, and made anew")
            }
            Entry::Health(HealthEvent { name, health, .. }) => format!("{name} is {health}"),
            Entry::Stalled(name) => format!("the watchdog: {name} does not return"),
        };
        // The program may have seen enough.
        let _ = self.0.send(line);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder().unpinned_workers(3).configure(|config| config.stall_threshold_ms = 50).start()?;
    let handle = engine.handle();
    let (sender, lines) = mpsc::channel();
    let chart = handle.spawn(On::Worker(2), move || Chart(sender.clone()))?;
    handle.ping(chart)?.wait(PATIENCE)?;

    let anew = Restart::up_to(1000, Duration::from_secs(3600));
    let forgetful = Props::on(On::Worker(0)).restart(anew);
    let forgetful = handle.spawn(forgetful, || Forgetful { answers: 0, kept: Vec::new() })?;
    let sleeper = handle.spawn(On::Worker(1), || Sleeper)?;
    let often = |check: Check| check.every(Duration::from_millis(10)).deadline(Duration::from_millis(60)).failures(2);
    let monitor = HealthMonitor::new()
        .check(often(Check::asking(forgetful, |reply| reply)).named("forgetful").on_failure(OnFailure::Restart))
        .check(often(Check::ping(sleeper)).named("sleeper"));
    let monitor = handle.spawn(On::Worker(2), move || monitor.clone())?;
    handle.tell(sleeper, Duration::from_secs(1));

    let mut expected = vec![
        format!("forgetful is {}, and made anew", Health::Unresponsive),
        format!("forgetful is {}", Health::Healthy),
        format!("sleeper is {}", Health::Stuck),
        format!("sleeper is {}", Health::Healthy),
        format!("the watchdog: {} does not return", std::any::type_name::<Sleeper>()),
    ];
    let deadline = Instant::now() + PATIENCE;
    while !expected.is_empty() {
        let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let line = line.map_err(|_| format!("nobody has reported {expected:?}"))?;
        if let Some(at) = expected.iter().position(|expected| *expected == line) {
            expected.remove(at);
            println!("{line}");
        }
    }
    println!("{}", handle.ask(monitor, HealthMessage::table).wait(PATIENCE)?);
    engine.shutdown(PATIENCE)?;
    Ok(())
}
