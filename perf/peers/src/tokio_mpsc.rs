//! Tokio's bounded channel, and its timers.
//!
//! Where threads have a core to themselves they try again and again, as all rings do, which is faster than a runtime
//! that goes to sleep in between. Where they do not, or are to sleep, every thread runs a current-thread runtime.

use std::sync::Arc;
use std::time::Instant;

use hippodrome_perf_kit::scenarios::cross_flood::{self, Flood, Load, WINDOW};
use hippodrome_perf_kit::scenarios::oversubscribed::{Goal, Station, on_threads, tokens};
use hippodrome_perf_kit::scenarios::timers::{Alarm, Tally, alarms};
use hippodrome_perf_kit::scenarios::{fan_in, wake_up};
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Finish, Sample, Subject, on_core};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::spin::{self, until_some, until_taken, until_taken_sharing};

/// What a channel can do, and timers.
pub(crate) static SUBJECTS: &[Subject] = &[
    Subject::new("cross_flood", "tokio-mpsc", cross_flood::run::<OneByOne>),
    Subject::new("cross_ping_pong", "tokio-mpsc", ping_pong),
    Subject::new("fan_in", "tokio-mpsc", fan_in),
    Subject::new("timers", "tokio", timers),
    Subject::new("wake_up", "tokio-mpsc", wake_up),
    Subject::new("oversubscribed", "tokio-mpsc", oversubscribed),
];

struct OneByOne;

impl Flood for OneByOne {
    fn flood<const WORDS: usize>(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
        let (sender, mut receiver) = channel(WINDOW as usize);
        let send = move |load: Load<WORDS>| until_taken(load, |load| try_send(&sender, load));
        let receive = move || until_some(|| receiver.try_recv().ok());
        cross_flood::between_threads(messages, cores, send, receive)
    }
}

#[inline(always)]
fn try_send<T>(sender: &Sender<T>, value: T) -> Result<(), T> {
    sender.try_send(value).map_err(TrySendError::into_inner)
}

fn ping_pong(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let ring = || {
        let (sender, mut receiver) = channel::<Token>(64);
        (move |token| try_send(&sender, token), move || receiver.try_recv().ok())
    };
    spin::ping_pong(case, cores, ring(), ring())
}

fn fan_in(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (sender, mut receiver) = channel((case.actors * fan_in::WINDOW) as usize);
    let send = (0..case.actors).map(|_| {
        let sender = sender.clone();
        move |token| until_taken_sharing(token, |token| try_send(&sender, token))
    });
    fan_in::between_threads(case, cores, send, || until_some(|| receiver.try_recv().ok()))
}

fn wake_up(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (sender, mut receiver) = channel(WINDOW as usize);
    let runtime = Builder::new_current_thread().build()?;
    // It is refused only when the sleeper has gone, and then the run ends unfinished.
    let tell = move |wake| {
        sender.blocking_send(wake).ok();
    };
    wake_up::between_threads(case, cores, tell, |mut sleeper| {
        runtime.block_on(async { while receiver.recv().await.is_some_and(|wake| !sleeper.take(wake)) {} });
    })
}

/// `None` says that all tokens have ended.
type Channel = (Sender<Option<Token>>, Receiver<Option<Token>>);

fn oversubscribed(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let finish = Arc::new(Finish::default());
    let goal = Goal::new(case, finish.clone());
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..case.actors).map(|_| -> Channel { channel(1024) }).unzip();
    let runtimes = (0..case.actors).map(|_| Builder::new_current_thread().build()).collect::<Result<Vec<_>, _>>()?;
    let stations = receivers.into_iter().zip(runtimes).zip(0..).map(|((receiver, runtime), number)| {
        let next = senders[(number as usize + 1) % senders.len()].clone();
        let (station, goal) = (Station::new(number, goal.clone()), goal.clone());
        move || work(&runtime, &station, &goal, receiver, &next)
    });
    let stations = stations.collect();
    on_threads(cores, &finish, stations, || {
        for (first, token) in tokens(case) {
            senders[first as usize].blocking_send(Some(token)).ok();
        }
    })
}

/// A station's thread. There are far fewer tokens than any channel has room for, and a station that has gone needs
/// nothing more.
fn work(
    runtime: &Runtime,
    station: &Station,
    goal: &Goal,
    mut receiver: Receiver<Option<Token>>,
    next: &Sender<Option<Token>>,
) {
    runtime.block_on(async {
        while let Some(Some(token)) = receiver.recv().await {
            match station.pass(token) {
                None if goal.is_reached() => break,
                None => {}
                passed => {
                    next.send(passed).await.ok();
                }
            }
        }
        next.send(None).await.ok();
    });
}

/// One task a timer. The runtime's clock ticks once a millisecond, so what is due within one fires together.
fn timers(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    on_core(cores.first, || {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let finish = Arc::new(Finish::default());
        let tally = Tally::new(case, finish.clone());
        let started = Instant::now();
        runtime.block_on(async {
            let tasks: Vec<_> = alarms(case).map(|alarm| runtime.spawn(ring(alarm, tally.clone()))).collect();
            for task in tasks {
                task.await?;
            }
            Ok::<(), Failure>(())
        })?;
        Ok(Sample::new(started, finish.get()?))
    })
}

async fn ring(mut alarm: Alarm, tally: Arc<Tally>) {
    while let Some((delay, message)) = alarm.next() {
        tokio::time::sleep(delay).await;
        alarm.fire(message, &tally);
    }
}
