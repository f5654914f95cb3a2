//! One run of a workload on an engine of some configuration, and its figure.
//!
//! Every run has an engine of its own, with a tenth of the messages sent before those that count, so that its rings are
//! in memory. What it does is checked: every message arrives once, whole and in order, and there is no dead letter.

use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use hippodrome::config::Config;
use hippodrome::{ActorRef, Engine, Handle, On};
use hippodrome_perf_kit::sample::latencies;

use super::flow::{Board, Cue, Links, Load, Received, Receiver, Sender};
use super::workload::{Goal, Rate, WORDS, Workload};

/// How long an engine may take to shut down.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// The messages of each sender in the first run of all, which only finds out how many there should be.
const FIRST_MESSAGES: u64 = 1000;

/// The most messages of each sender, whatever the budget.
const MESSAGES_MAX: u64 = 1 << 32;

/// A run is given up after so long, and after so many times as long as it is to be.
const PATIENCE_MIN: Duration = Duration::from_secs(10);
const PATIENCE_LENGTHS: u32 = 20;

/// Why a run has no figure.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrialError {
    /// The engine did not start, or not all actors could be spawned.
    #[error(transparent)]
    Engine(#[from] hippodrome::Error),
    /// It took longer than any run may.
    #[error("it did not come to its end within {:.1} s", .0.as_secs_f64())]
    TooSlow(Duration),
    /// Messages were lost, doubled, changed or out of order. It is a defect of the engine.
    #[error("{what}: expected {expected}, found {found}")]
    Wrong {
        /// What was checked.
        what: &'static str,
        /// What it should have been.
        expected: u64,
        /// What it was.
        found: u64,
    },
}

impl TrialError {
    /// Whether it is about the configuration, so that others are worth a try.
    pub(super) fn is_of_configuration(&self) -> bool {
        !matches!(self, Self::Wrong { .. })
    }
}

/// How many messages one run has, and how long it may take.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Messages of each sender.
    messages: u64,
    /// When it is given up.
    patience: Duration,
}

/// What one run gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    /// Nanoseconds; what of, says the goal. Less is better.
    pub(super) ns: f64,
    /// How long the run took without what was before it.
    took: Duration,
    /// Messages a second.
    pub(super) rate_per_second: f64,
}

/// Runs a workload again and again, each time for about so long: a configuration that is ten times as fast gets ten
/// times the messages, so that all figures are of equally long stretches of time.
pub(super) struct Runner<'a> {
    workload: &'a Workload,
    length: Duration,
    /// The messages of each sender, by configuration.
    messages: Vec<(Config, u64)>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(workload: &'a Workload, length: Duration) -> Self {
        Self { workload, length, messages: Vec::new() }
    }

    /// Runs the workload once on this configuration; the first time, also as often as is needed to find the number of
    /// messages.
    ///
    /// # Errors
    /// As for [`run`].
    pub(super) fn run(&mut self, config: &Config) -> Result<Figure, TrialError> {
        let at = match self.messages.iter().position(|(known, _)| known == config) {
            Some(at) => at,
            None => {
                let messages = self.first_messages(config)?;
                self.messages.push((config.clone(), messages));
                self.messages.len() - 1
            }
        };
        let messages = self.messages[at].1;
        let figure = run(self.workload, config, self.size(messages))?;
        if self.workload.rate == Rate::Max {
            // The machine becomes slower and faster all the time.
            self.messages[at].1 = scaled(messages, (1.0 / self.share(&figure)).clamp(0.5, 2.0));
        }
        Ok(figure)
    }

    fn first_messages(&self, config: &Config) -> Result<u64, TrialError> {
        if let Rate::PerSecond(rate) = self.workload.rate {
            let senders = self.workload.routes().iter().filter(|route| !route.is_empty()).count().max(1);
            let messages = self.length.as_secs_f64() * rate.get() as f64 / senders as f64;
            return Ok((messages.ceil() as u64).clamp(1, MESSAGES_MAX));
        }
        let mut messages = FIRST_MESSAGES;
        loop {
            let share = self.share(&run(self.workload, config, self.size(messages))?);
            // A run that is far too short says little of how long a longer one takes.
            let is_believable = share > 0.25;
            messages = scaled(messages, (1.0 / share).clamp(0.1, if is_believable { 4.0 } else { 16.0 }));
            if is_believable || messages == MESSAGES_MAX {
                return Ok(messages);
            }
        }
    }

    fn size(&self, messages: u64) -> Size {
        Size { messages, patience: PATIENCE_MIN.max(PATIENCE_LENGTHS * self.length) }
    }

    /// How long a run was, as a share of what it is to be.
    fn share(&self, figure: &Figure) -> f64 {
        (figure.took.as_secs_f64() / self.length.as_secs_f64()).max(1e-6)
    }
}

fn scaled(messages: u64, times: f64) -> u64 {
    ((messages as f64 * times) as u64).clamp(FIRST_MESSAGES / 10, MESSAGES_MAX)
}

/// Runs the workload once.
///
/// # Errors
/// The engine does not start, the run takes too long, or what came is not what was sent.
fn run(workload: &Workload, config: &Config, size: Size) -> Result<Figure, TrialError> {
    const { assert!(WORDS.len() == 8) };
    match workload.words() {
        1 => run_sized::<1>(workload, config, size),
        2 => run_sized::<2>(workload, config, size),
        4 => run_sized::<4>(workload, config, size),
        8 => run_sized::<8>(workload, config, size),
        16 => run_sized::<16>(workload, config, size),
        32 => run_sized::<32>(workload, config, size),
        64 => run_sized::<64>(workload, config, size),
        _ => run_sized::<128>(workload, config, size),
    }
}

fn run_sized<const WORDS: usize>(workload: &Workload, config: &Config, size: Size) -> Result<Figure, TrialError> {
    // If anything goes wrong on the way the engine is dropped, which ends it at once.
    let engine = Engine::from_config(config.clone()).start().map_err(hippodrome::Error::from)?;
    let handle = engine.handle();
    let warm_up = Size { messages: (size.messages / 10).max(1), ..size };
    phase::<WORDS>(workload, &handle, warm_up)?;
    let figure = phase::<WORDS>(workload, &handle, size)?;
    let report = engine.shutdown(SHUTDOWN_PATIENCE).map_err(hippodrome::Error::from)?;
    check("dead letters", 0, report.dead_letters.total())?;
    Ok(figure)
}

/// Sends all messages once, by actors of their own.
fn phase<const WORDS: usize>(workload: &Workload, handle: &Handle, size: Size) -> Result<Figure, TrialError> {
    let rate = match workload.rate {
        Rate::Max => None,
        Rate::PerSecond(rate) => Some(rate),
    };
    let board = Arc::new(Board::<WORDS> {
        routes: workload.routes(),
        passes_on: workload.passes_on(),
        messages: size.messages,
        rate,
        links: OnceLock::new(),
    });
    let (done, results) = mpsc::channel();
    let (senders, receivers) = spawn(&board, handle, &done).map_err(hippodrome::Error::from)?;
    drop(done);
    let started = Instant::now();
    let links = board.links.get_or_init(|| Links { senders, receivers, started });
    for sender in board.senders() {
        handle.tell(links.senders[sender], Cue::Go);
    }
    let ends = (0..workload.workers).filter(|worker| board.expected(*worker) > 0).count();
    let mut received = Vec::with_capacity(ends);
    for _ in 0..ends {
        let left = size.patience.saturating_sub(started.elapsed());
        received.push(results.recv_timeout(left).map_err(|_| TrialError::TooSlow(size.patience))?);
    }
    conclude(workload, &board, started, &received)
}

type Spawned<const WORDS: usize> = (Vec<ActorRef<Cue>>, Vec<ActorRef<Load<WORDS>>>);

/// A sender and a receiver on each worker.
fn spawn<const WORDS: usize>(
    board: &Arc<Board<WORDS>>,
    handle: &Handle,
    done: &mpsc::Sender<Received>,
) -> Result<Spawned<WORDS>, hippodrome::SpawnError> {
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    for worker in 0..board.routes.len() {
        let (shared, channel) = (board.clone(), done.clone());
        let receiver = move || Receiver::new(shared.clone(), worker, channel.clone());
        receivers.push(handle.spawn(On::Worker(worker), receiver)?);
        let shared = board.clone();
        senders.push(handle.spawn(On::Worker(worker), move || Sender::new(shared.clone(), worker))?);
    }
    Ok((senders, receivers))
}

fn conclude<const WORDS: usize>(
    workload: &Workload,
    board: &Board<WORDS>,
    started: Instant,
    received: &[Received],
) -> Result<Figure, TrialError> {
    let expected =
        board.senders().fold(0, |sum: u64, sender| sum.wrapping_add(Load::<WORDS>::sum_of(sender, board.messages)));
    let found = received.iter().fold(0, |sum: u64, received| sum.wrapping_add(received.sum));
    check("the sum over all messages", expected, found)?;
    check("messages out of order", 0, received.iter().map(|received| received.disordered).sum())?;

    let messages = board.senders().count() as u64 * board.messages;
    let ended = received.iter().map(|received| received.ended).max().unwrap_or(started);
    let took = ended.saturating_duration_since(started);
    let ns = match workload.goal {
        Goal::Throughput => took.as_nanos() as f64 / messages as f64,
        Goal::Latency => {
            let mut all = latencies();
            received.iter().filter_map(|received| received.latency_ns.as_ref()).for_each(|one| all += one);
            check("latencies", messages, all.len())?;
            all.value_at_quantile(0.99) as f64
        }
    };
    Ok(Figure { ns: ns.max(1e-3), took, rate_per_second: messages as f64 / took.as_secs_f64().max(1e-9) })
}

fn check(what: &'static str, expected: u64, found: u64) -> Result<(), TrialError> {
    if expected == found { Ok(()) } else { Err(TrialError::Wrong { what, expected, found }) }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use hippodrome::config::{WaitStrategy, WorkerConfig};

    use super::super::workload::Talk;
    use super::super::workload::tests::{paced, workload};
    use super::*;

    fn config(workers: usize) -> Config {
        let mut config = Config::default();
        config.workers = vec![WorkerConfig::default(); workers];
        config
    }

    fn size(messages: u64) -> Size {
        Size { messages, patience: Duration::from_secs(60) }
    }

    #[test]
    fn every_talk_arrives_whole_whatever_the_workers() {
        for talk in Talk::value_variants() {
            for workers in [1, 2, 3] {
                let figure = run(&workload(workers, *talk), &config(workers), size(3001)).unwrap();
                assert!(figure.ns > 0.0 && figure.took > Duration::ZERO);
            }
        }
    }

    #[test]
    fn at_a_rate_no_message_comes_before_it_is_due() {
        for talk in Talk::value_variants() {
            let workload = paced(2, *talk, 200_000);
            let figure = run(&workload, &config(2), size(1000)).unwrap();
            let senders = workload.routes().iter().filter(|route| !route.is_empty()).count();
            let last_due = Duration::from_micros(5 * (1000 * senders as u64 - 1));
            assert!(figure.took >= last_due, "{talk}: {:?} before {last_due:?}", figure.took);
        }
    }

    #[test]
    fn every_size_of_message_fits_the_smallest_rings() {
        let mut small = config(2);
        small.turn_budget = 1;
        small.lane_budget = 1;
        small.defaults.wait = WaitStrategy::SpinThenYield;
        small.defaults.lane_kib = 4;
        small.defaults.local_ring_kib = 16;
        for words in WORDS {
            let workload =
                super::super::workload::Workload { payload_bytes: 8 * words as u32, ..workload(2, Talk::AllToAll) };
            run(&workload, &small, size(2000)).unwrap();
        }
    }

    #[test]
    fn a_run_that_takes_too_long_is_given_up() {
        let workload = paced(2, Talk::Pairs, 10);
        let hasty = Size { messages: 1000, patience: Duration::from_millis(50) };
        assert!(matches!(run(&workload, &config(2), hasty), Err(TrialError::TooSlow(_))));
    }

    #[test]
    fn a_configuration_that_does_not_start_is_no_defect() {
        let mut impossible = config(1);
        impossible.workers = vec![WorkerConfig::pinned_to(4000)];
        let error = run(&workload(1, Talk::Local), &impossible, size(10)).unwrap_err();
        assert!(error.is_of_configuration(), "{error}");
        assert!(!TrialError::Wrong { what: "dead letters", expected: 0, found: 1 }.is_of_configuration());
    }

    #[test]
    fn the_number_of_messages_follows_from_the_rate_where_there_is_one() {
        let (workload, length) = (paced(3, Talk::FanIn, 10_000), Duration::from_millis(100));
        let mut runner = Runner::new(&workload, length);
        runner.run(&config(3)).unwrap();
        assert_eq!(runner.messages, [(config(3), 500)]);
    }

    #[test]
    fn each_configuration_has_a_number_of_messages_of_its_own() {
        let workload = workload(1, Talk::Local);
        let mut runner = Runner::new(&workload, Duration::from_millis(5));
        let mut other = config(1);
        other.turn_budget = 1;
        for config in [config(1), other, config(1)] {
            assert!(runner.run(&config).unwrap().ns > 0.0);
        }
        assert_eq!(runner.messages.len(), 2);
        assert_eq!(scaled(1000, 2.5), 2500);
        assert_eq!(scaled(1000, 1e-9), FIRST_MESSAGES / 10);
        assert_eq!(scaled(MESSAGES_MAX, 16.0), MESSAGES_MAX);
    }
}
