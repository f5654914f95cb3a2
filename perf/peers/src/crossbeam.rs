//! `crossbeam`: its bounded channel, which any number of threads may send to and take from.
//!
//! Where threads have a core to themselves they try again and again, as all rings do; where they do not, or are to
//! sleep, the channel's own waiting is used.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use hippodrome_perf_kit::scenarios::cross_flood::{self, Flood, Load, WINDOW};
use hippodrome_perf_kit::scenarios::oversubscribed::{Goal, Station, on_threads, tokens};
use hippodrome_perf_kit::scenarios::{fan_in, wake_up};
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Finish, Sample, Subject};

use crate::spin::{self, until_some, until_taken, until_taken_sharing};

/// What a channel can do.
pub(crate) static SUBJECTS: &[Subject] = &[
    Subject::new("cross_flood", "crossbeam", cross_flood::run::<OneByOne>),
    Subject::new("cross_ping_pong", "crossbeam", ping_pong),
    Subject::new("fan_in", "crossbeam", fan_in),
    Subject::new("wake_up", "crossbeam", wake_up),
    Subject::new("oversubscribed", "crossbeam", oversubscribed),
];

struct OneByOne;

impl Flood for OneByOne {
    fn flood<const WORDS: usize>(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
        let (sender, receiver) = bounded(WINDOW as usize);
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
        let (sender, receiver) = bounded::<Token>(64);
        (move |token| try_send(&sender, token), move || receiver.try_recv().ok())
    };
    spin::ping_pong(case, cores, ring(), ring())
}

fn fan_in(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (sender, receiver) = bounded((case.actors * fan_in::WINDOW) as usize);
    let send = (0..case.actors).map(|_| {
        let sender = sender.clone();
        move |token| until_taken_sharing(token, |token| try_send(&sender, token))
    });
    fan_in::between_threads(case, cores, send, || until_some(|| receiver.try_recv().ok()))
}

fn wake_up(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (sender, receiver) = bounded(WINDOW as usize);
    // It is refused only when the sleeper has gone, and then the run ends unfinished.
    let tell = move |wake| {
        sender.send(wake).ok();
    };
    wake_up::between_threads(
        case,
        cores,
        tell,
        |mut sleeper| {
            while receiver.recv().is_ok_and(|wake| !sleeper.take(wake)) {}
        },
    )
}

/// `None` says that all tokens have ended.
type Channel = (Sender<Option<Token>>, Receiver<Option<Token>>);

fn oversubscribed(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let finish = Arc::new(Finish::default());
    let goal = Goal::new(case, finish.clone());
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..case.actors).map(|_| -> Channel { bounded(1024) }).unzip();
    let stations = receivers.into_iter().zip(0..).map(|(receiver, number)| {
        let station = Station::new(number, goal.clone());
        let next = senders[(number as usize + 1) % senders.len()].clone();
        // A station that has gone needs nothing more.
        let send = move |token| {
            next.send(token).ok();
        };
        move || station.work(|| receiver.recv().ok().flatten(), send)
    });
    let stations = stations.collect();
    on_threads(cores, &finish, stations, || {
        for (first, token) in tokens(case) {
            senders[first as usize].send(Some(token)).ok();
        }
    })
}
