//! A scenario: one kind of work, in several sizes, done by several subjects.

use crate::cores::Cores;
use crate::finish::Found;
use crate::sample::{Failure, Sample};

/// One size of a scenario's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The size of a message.
    pub payload_bytes: u32,
    /// Actors, or producers where the scenario counts those; 0 where it does not matter.
    pub actors: u64,
    /// The units of one sample.
    pub messages: u64,
}

/// One kind of work.
#[derive(Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it, in one line.
    pub about: &'static str,
    /// What a figure is for: `message`, `round trip`, `actor`.
    pub unit: &'static str,
    /// 1 for what runs on one thread; 2 for what goes across, whose samples are bracketed by raw round trips.
    pub cores: usize,
    /// Its sizes, the one that it is known for first.
    pub cases: &'static [Case],
    /// What every run of this case must find.
    pub expected: fn(&Case) -> Found,
    /// What its figures have to be.
    pub gates: &'static [Gate],
}

/// What a subject's medians have to be, in the scenario's first case.
#[derive(Clone, Copy, Debug)]
pub enum Gate {
    /// So many times as fast as the fastest of these peers.
    TimesAsFast {
        /// Which way of doing it; `None` for the only one.
        via: Option<&'static str>,
        /// The peers.
        than: &'static [&'static str],
        /// So many times.
        times: f64,
    },
    /// So many raw round trips at most.
    RawRoundTrips {
        /// Which way of doing it; `None` for the only one.
        via: Option<&'static str>,
        /// So many.
        at_most: f64,
    },
    /// So many nanoseconds a unit at most.
    Ns {
        /// Which way of doing it; `None` for the only one.
        via: Option<&'static str>,
        /// So many.
        at_most: f64,
    },
    /// So many bytes for an actor at most.
    Bytes {
        /// Which way of doing it; `None` for the only one.
        via: Option<&'static str>,
        /// So many.
        at_most: f64,
    },
    /// So small a share of a core at most while nothing is to be done.
    IdleShare {
        /// Which way of doing it; `None` for the only one.
        via: Option<&'static str>,
        /// The share, 1.0 for a whole core.
        at_most: f64,
    },
    /// A median latency of at most so many times a peer's.
    LatencyTimes {
        /// Which way of doing it; `None` for the only one.
        via: Option<&'static str>,
        /// The peer.
        of: &'static str,
        /// So many times.
        at_most: f64,
    },
}

/// The actor engines that Hippodrome is measured against.
pub const ACTOR_PEERS: &[&str] = &["actix", "ractor", "kameo"];

/// One way to do a scenario's work.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The engine or ring: `hippodrome`, `actix`, `rtrb`.
    pub name: &'static str,
    /// Which way, where one engine has several: `port`, `handle`.
    pub via: Option<&'static str>,
    /// Whether it can do this case.
    pub does: fn(&Case) -> bool,
    /// Does the work once.
    pub run: fn(&Case, &Cores) -> Result<Sample, Failure>,
}

impl Subject {
    /// The only way in which the engine of this name does every case.
    #[must_use]
    pub const fn new(
        scenario: &'static str,
        name: &'static str,
        run: fn(&Case, &Cores) -> Result<Sample, Failure>,
    ) -> Self {
        Self { scenario, name, via: None, does: |_| true, run }
    }

    /// One of several ways.
    #[must_use]
    pub const fn via(self, via: &'static str) -> Self {
        Self { via: Some(via), ..self }
    }

    /// Only those cases that `does` accepts.
    #[must_use]
    pub const fn only(self, does: fn(&Case) -> bool) -> Self {
        Self { does, ..self }
    }
}
