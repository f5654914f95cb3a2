//! What all rates of a run have in common: the cores, the engine's configuration and the work.

use std::path::Path;

use hippodrome::config::{Config, WorkerConfig};
use hippodrome::{Clock, SystemClock, WaitStrategy};
use hippodrome_affinity::{CoreId, allowed_cores};
use hippodrome_perf_kit::open_loop::{Arrivals, Length, Pattern};
use hippodrome_perf_kit::raw::{self, Bracket};
use hippodrome_perf_kit::{Cores, Failure, on_core};

use super::work::Work;

/// Where the sender and the handler are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Topology {
    /// A thread on the first core sends through a port to an actor on the second one
    Cross,
    /// An actor sends to another actor of its own core
    Local,
}

impl Topology {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cross => "cross",
            Self::Local => "local",
        }
    }
}

/// What all rates of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) topology: Topology,
    pub(crate) cores: Cores,
    /// With one worker: the handler's.
    pub(crate) config: Config,
    pub(crate) payload_bytes: u32,
    pub(crate) work: Work,
    pub(crate) work_ns: u64,
    pub(crate) pattern: Pattern,
    pub(crate) seed: u64,
    pub(crate) length: Length,
    /// What a reading of the clock takes on the handler's core.
    pub(crate) clock_reading_ns: f64,
}

/// Where to look for what is not said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) topology: Option<Topology>,
    pub(crate) cores: &'a [u32],
    pub(crate) config: Option<&'a Path>,
    pub(crate) wait: Option<WaitStrategy>,
}

/// The topology, the cores, and the configuration of an engine with the handler's worker alone.
///
/// Of a file with several workers, the handler gets the second one where it is to be on the second core, and the first
/// one otherwise. Cores that are named apart go before those of the file.
///
/// # Errors
/// The file or the cores cannot be used.
pub(crate) fn place(wanted: Wanted<'_>) -> Result<(Topology, Cores, Config), Failure> {
    let mut config = wanted.config.map_or_else(|| Ok(Config::default()), Config::from_file)?;
    let is_single = if wanted.cores.is_empty() { allowed_cores()?.len() == 1 } else { wanted.cores.len() == 1 };
    let topology = wanted.topology.unwrap_or(if is_single { Topology::Local } else { Topology::Cross });
    let of_file: Vec<Option<u32>> = config.workers.iter().map(|worker| worker.core).collect();
    let numbers = match (wanted.cores, topology, &of_file[..]) {
        ([_, ..], ..) => wanted.cores.to_vec(),
        ([], Topology::Cross, [Some(first), Some(second), ..]) => vec![*first, *second],
        ([], Topology::Cross, [Some(handler)]) => {
            let other = allowed_cores()?.iter().map(CoreId::get).find(|core| core != handler);
            other.into_iter().chain([*handler]).collect()
        }
        ([], Topology::Local, [Some(first), ..]) => vec![*first],
        _ => Vec::new(),
    };
    let cores = Cores::choose(&numbers)?;
    let (cores, handlers_core, index) = match topology {
        Topology::Cross => (cores, cores.pair()?.1, 1),
        Topology::Local => (cores.single(), cores.first, 0),
    };
    let worker = config.workers.get(index).or(config.workers.first());
    let mut worker = worker.cloned().unwrap_or_else(WorkerConfig::default);
    worker.core = Some(handlers_core.get());
    if wanted.wait.is_some() {
        worker.wait = wanted.wait;
    }
    config.workers = vec![worker];
    // The sending thread needs one.
    config.max_ports = config.max_ports.max(1);
    config.validate()?;
    Ok((topology, cores, config))
}

impl Setup {
    /// How the handler's worker waits.
    pub(crate) fn wait(&self) -> WaitStrategy {
        self.config.worker(0).map_or_else(WaitStrategy::default, |worker| worker.wait)
    }

    /// The arrivals of a rate.
    pub(crate) fn arrivals(&self, rate: u64) -> Arrivals {
        Arrivals::new(self.pattern, rate, self.seed, self.length.total_ns())
    }

    /// Runs `measure` between two raw round trips of the two cores, if there are two.
    ///
    /// # Errors
    /// A thread cannot be pinned, or those of `measure`.
    pub(crate) fn bracketed<T>(
        &self,
        measure: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<(T, Option<Bracket>), Failure> {
        let Some(second) = self.cores.second else { return Ok((measure()?, None)) };
        let before_ns = raw::round_trip_ns(self.cores.first, second)?;
        let measured = measure()?;
        let after_ns = raw::round_trip_ns(self.cores.first, second)?;
        Ok((measured, Some(Bracket { before_ns, after_ns })))
    }
}

/// Measures on this core what a reading of the engine's clock takes, in nanoseconds, and how much work takes `work_ns`.
///
/// # Errors
/// The thread cannot be pinned.
pub(crate) fn calibrate(core: CoreId, work_ns: u64) -> Result<(f64, Work), Failure> {
    const READINGS: u64 = 100_000;
    on_core(core, || {
        let clock = SystemClock::default();
        let started_ns = clock.now_ns();
        for _ in 0..READINGS {
            std::hint::black_box(clock.now_ns());
        }
        let reading_ns = (clock.now_ns() - started_ns) as f64 / READINGS as f64;
        Ok((reading_ns, Work::lasting(work_ns)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Wanted<'_> = Wanted { topology: None, cores: &[], config: None, wait: None };

    /// Numbers of the cores, and the handler's worker.
    fn placed(wanted: Wanted<'_>) -> (Topology, Vec<u32>, WorkerConfig) {
        let (topology, cores, config) = place(wanted).unwrap();
        assert_eq!(config.workers.len(), 1);
        let numbers = [Some(cores.first), cores.second].into_iter().flatten().map(CoreId::get).collect();
        (topology, numbers, config.workers[0].clone())
    }

    #[test]
    fn without_a_word_it_goes_across_cores_where_there_are_two() {
        let (topology, cores, worker) = placed(NOTHING);
        let several = allowed_cores().unwrap().len() > 1;
        assert_eq!(topology, if several { Topology::Cross } else { Topology::Local });
        assert_eq!(worker.core, cores.last().copied());
    }

    #[test]
    fn named_cores_say_how_many_there_are() {
        let (topology, cores, worker) = placed(Wanted { cores: &[3], ..NOTHING });
        assert_eq!((topology, cores, worker.core), (Topology::Local, vec![3], Some(3)));
        let (topology, cores, worker) = placed(Wanted { cores: &[3, 2], ..NOTHING });
        assert_eq!((topology, cores, worker.core), (Topology::Cross, vec![3, 2], Some(2)));
        assert!(place(Wanted { topology: Some(Topology::Cross), cores: &[3], ..NOTHING }).is_err());
    }

    #[test]
    fn the_handler_gets_its_worker_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("engine.toml");
        std::fs::write(&file, "[[workers]]\ncore = 5\nspins = 1\n[[workers]]\ncore = 7\nspins = 2\n").unwrap();
        let of_file = Wanted { config: Some(&file), ..NOTHING };
        let cross = placed(Wanted { topology: Some(Topology::Cross), ..of_file });
        assert_eq!((cross.1, cross.2.core, cross.2.spins), (vec![5, 7], Some(7), Some(2)));
        let local = placed(Wanted { topology: Some(Topology::Local), ..of_file });
        assert_eq!((local.1, local.2.core, local.2.spins), (vec![5], Some(5), Some(1)));
        let wait = Some(WaitStrategy::BusySpin);
        let named = placed(Wanted { topology: Some(Topology::Cross), cores: &[1, 2], wait, ..of_file });
        assert_eq!((named.1, named.2.core, named.2.spins), (vec![1, 2], Some(2), Some(2)));
        assert_eq!(named.2.wait, wait);
    }
}
