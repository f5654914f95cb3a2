//! A run of the exchange: the engine with all its actors, from start to shutdown, and what is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hippodrome::config::Config;
use hippodrome::{DeadLetterReason, Engine, On};
use hippodrome_examples::{Home, Lease, NotAtHome};
use hippodrome_perf_kit::open_loop::{Arrivals, Length, Pattern, nanoseconds};
use hippodrome_toolkit::latest::{self, LatestError};

use crate::flow::{OPEN_ORDERS, Settings};
use crate::kill::Plan;
use crate::ledger::Ledger;
use crate::order::State;
use crate::supervisor::{Cast, Homes};
use crate::traders::{Done, Ended, Pace};
use crate::{gateway, market_data, matcher, risk};

/// How often the main thread looks how far the traders are.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Traders who get no answer for so long have lost one: the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the engine may take to shut down.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);
/// What is not counted at the beginning of an open loop: the tenth part, and half a second at most.
const WARM_UP: Duration = Duration::from_millis(500);
/// The most seconds that are told apart; the rest is in the last one.
const MAX_SECONDS: u64 = 60;

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    #[error(transparent)]
    Engine(#[from] hippodrome::Error),
    #[error("the exchange stopped before all requests were answered")]
    Stopped,
    #[error("no request was answered for {} seconds, after {answered} answers", PATIENCE.as_secs())]
    Stalled { answered: u64 },
    #[error(transparent)]
    NotAtHome(#[from] NotAtHome),
    #[error("the board of quotes: {0}")]
    Board(#[from] LatestError),
}

/// The rate and the pattern of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) per_second: u64,
    pub(crate) pattern: Pattern,
}

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) settings: Settings,
    /// Without one, requests are sent as fast as they are answered.
    pub(crate) rate: Option<Rate>,
    pub(crate) kills: u32,
}

/// What a run leaves behind.
pub(crate) struct Outcome {
    pub(crate) done: Done,
    /// How the traders' gateways say that each request stands, by its number.
    pub(crate) states: Vec<State>,
    /// For each symbol.
    pub(crate) matchers: Vec<Lease<matcher::Kept>>,
    pub(crate) risk: Lease<risk::Kept>,
    pub(crate) market: Lease<market_data::Kept>,
    /// Latencies of the requests that count, in nanoseconds, by seconds.
    pub(crate) seconds: Vec<Histogram<u64>>,
    /// Dead letters of messages that were in hand at a panic.
    pub(crate) panicked: u64,
    /// All dead letters.
    pub(crate) dead_letters: u64,
    /// The core of each worker, if it was given one.
    pub(crate) cores: Vec<Option<u32>>,
}

impl Outcome {
    /// Actors that were killed.
    pub(crate) fn kills(&self) -> u64 {
        self.risk.kills() + self.matchers.iter().map(|matcher| matcher.kills()).sum::<u64>()
    }

    /// Messages that were in hand at a kill, and were done after it.
    pub(crate) fn recovered(&self) -> u64 {
        self.risk.recovered() + self.matchers.iter().map(|matcher| matcher.recovered()).sum::<u64>()
    }

    /// Requests that were in hand at a kill, and are dead letters.
    pub(crate) fn lost(&self) -> u64 {
        self.risk.lost() + self.matchers.iter().map(|matcher| matcher.lost()).sum::<u64>()
    }
}

impl Run {
    /// Runs it on an engine of this configuration.
    ///
    /// # Errors
    /// If the engine does not start or does not shut down in order, or an actor stops or does not do its part.
    pub(crate) fn execute(&self, config: Config) -> Result<Outcome, PipelineError> {
        let workers = config.workers.len();
        let engine = Engine::from_config(config).start().map_err(hippodrome::Error::from)?;
        let handle = engine.handle();
        let homes = self.homes()?;
        let progress = Arc::new(AtomicU64::new(0));
        let (ended_sender, ended) = mpsc::channel();
        let cast = Cast {
            settings: self.settings,
            pace: self.pace(),
            kills: self.kills,
            workers,
            homes: homes.clone(),
            progress: progress.clone(),
            ended: ended_sender,
        };
        handle.spawn(On::Worker(Cast::FRONT), move || cast.supervisor()).map_err(hippodrome::Error::from)?;
        let done = wait(&ended, &progress)?;
        let cores = handle.cores();
        let report = engine.shutdown(SHUTDOWN_PATIENCE).map_err(hippodrome::Error::from)?;

        let (states, seconds) = self.gather(&homes.gateways)?;
        Ok(Outcome {
            done,
            states,
            matchers: homes.matchers.iter().map(Home::try_lease).collect::<Result<_, _>>()?,
            risk: homes.risk.try_lease()?,
            market: homes.market.try_lease()?,
            seconds,
            panicked: report.dead_letters.get(DeadLetterReason::Panicked),
            dead_letters: report.dead_letters.total(),
            cores,
        })
    }

    fn pace(&self) -> Pace {
        let Settings { requests, seed, .. } = self.settings;
        self.rate.map_or(Pace::Fast, |Rate { per_second, pattern }| {
            Pace::Open(Arrivals::new(pattern, per_second, seed, u64::MAX).take(requests as usize))
        })
    }

    /// What the recorders tell apart.
    fn length(&self) -> Length {
        let Some(rate) = self.rate else {
            return Length { warm_up: Duration::ZERO, measured: Duration::from_secs(1) };
        };
        let run = Duration::from_secs_f64(f64::from(self.settings.requests) / rate.per_second as f64);
        let warm_up = WARM_UP.min(run / 10);
        Length { warm_up, measured: (run - warm_up).min(Duration::from_secs(MAX_SECONDS)) }
    }

    /// Allocates what the actors keep, and writes to it, so that none of them waits for a page.
    ///
    /// # Errors
    /// There is no memory for the board.
    fn homes(&self) -> Result<Homes, LatestError> {
        let Settings { requests, symbols, accounts, gateways, seed } = self.settings;
        let plan = Plan::spread(u64::from(self.kills), u64::from(requests), symbols, seed);
        // A symbol's share is binomial: six standard deviations more than the mean are as good as never reached.
        let share = f64::from(requests) / f64::from(symbols);
        let entries = (share + 6.0 * share.sqrt()) as usize + 64;
        // A cancel that is lost leaves an order in the book that nobody takes back.
        let orders = OPEN_ORDERS * usize::from(gateways) + self.kills as usize;
        let requests = requests.div_ceil(u32::from(gateways)) as usize;
        let length = self.length();
        let (writers, board) = latest::board(usize::from(symbols), usize::from(symbols))?;
        let matcher = |(writer, kills)| Home::new(matcher::Kept::new(entries, orders, writer, kills));
        Ok(Homes {
            gateways: (0..gateways).map(|_| Home::new(gateway::Kept::new(requests, length))).collect(),
            risk: Home::new(risk::Kept::new(Ledger::new(accounts, symbols), plan.risk)),
            matchers: writers.into_iter().zip(plan.matchers).map(matcher).collect(),
            market: Home::new(market_data::Kept::new(symbols)),
            board: Arc::new(board),
        })
    }

    /// Puts together what the gateways know: the state of each request by its number, and the latencies by seconds.
    fn gather(&self, homes: &[Home<gateway::Kept>]) -> Result<(Vec<State>, Vec<Histogram<u64>>), NotAtHome> {
        let mut states = vec![State::Unknown; self.settings.requests as usize];
        let mut seconds: Vec<Histogram<u64>> = Vec::new();
        for (gateway, home) in homes.iter().enumerate() {
            let kept = home.try_lease()?;
            let of_gateway = states.iter_mut().skip(gateway).step_by(homes.len());
            of_gateway.zip(kept.states()).for_each(|(state, its)| *state = *its);
            seconds.resize_with(kept.latencies_ns().len(), nanoseconds);
            for (sum, latency_ns) in seconds.iter_mut().zip(kept.latencies_ns()) {
                sum.add(latency_ns).expect("all of them have the same bounds");
            }
        }
        // Of a run that ended within the warm-up, that is all there is.
        if seconds.iter().skip(1).any(|second| !second.is_empty()) {
            seconds.remove(0);
        }
        seconds.retain(|second| !second.is_empty());
        Ok((states, seconds))
    }
}

/// Waits until all requests were answered.
fn wait(ended: &Receiver<Ended>, progress: &AtomicU64) -> Result<Done, PipelineError> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        match ended.recv_timeout(LOOK_EVERY) {
            Ok(Ended::Done(done)) => return Ok(done),
            // The supervisor has given up, or could not start its children.
            Ok(Ended::Stopped) | Err(RecvTimeoutError::Disconnected) => return Err(PipelineError::Stopped),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let answered = progress.load(Ordering::Relaxed);
        if answered != last {
            (last, since) = (answered, Instant::now());
        } else if since.elapsed() >= PATIENCE {
            return Err(PipelineError::Stalled { answered });
        }
    }
}

#[cfg(test)]
mod tests {
    use hippodrome::Stop;
    use hippodrome::config::WorkerConfig;

    use super::*;

    const RUN: Run = Run {
        settings: Settings { requests: 20_000, symbols: 3, accounts: 40, gateways: 3, seed: 5 },
        rate: None,
        kills: 20,
    };

    /// Runs it with a supervisor that grants as many restarts as so many kills need, and does something to that.
    fn execute(
        run: Run,
        kills: u32,
        meanwhile: impl FnOnce(&hippodrome::Handle, hippodrome::Address),
    ) -> Result<Done, PipelineError> {
        let mut config = Config::default();
        config.workers = vec![WorkerConfig::default(); 2];
        let engine = Engine::from_config(config).start().unwrap();
        let progress = Arc::new(AtomicU64::new(0));
        let (sender, ended) = mpsc::channel();
        let (settings, pace, homes) = (run.settings, run.pace(), run.homes().unwrap());
        let cast = Cast { settings, pace, kills, workers: 2, homes, progress: progress.clone(), ended: sender };
        let supervisor = engine.handle().spawn(On::Worker(0), move || cast.supervisor()).unwrap();
        meanwhile(&engine.handle(), supervisor.address());
        wait(&ended, &progress)
    }

    #[test]
    fn restarts_that_were_not_asked_for_end_the_run() {
        assert!(execute(RUN, RUN.kills, |_, _| {}).is_ok());
        assert!(matches!(execute(RUN, 0, |_, _| {}), Err(PipelineError::Stopped)));
    }

    #[test]
    fn a_supervisor_that_is_stopped_ends_the_run() {
        let rate = Some(Rate { per_second: 1_000, pattern: Pattern::Constant });
        let ended = execute(Run { rate, ..RUN }, RUN.kills, |handle, supervisor| {
            handle.stop(supervisor, Stop::Now).unwrap();
        });
        assert!(matches!(ended, Err(PipelineError::Stopped)));
    }
}
