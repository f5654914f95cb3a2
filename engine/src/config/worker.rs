//! What is configured for a single worker.

use serde::{Deserialize, Serialize};

use super::WaitStrategy;

/// What holds for every worker that does not say otherwise: the table `[defaults]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WorkerDefaults {
    /// How a worker waits when there is nothing to do. Default [`WaitStrategy::SpinThenPark`].
    pub wait: WaitStrategy,
    /// The idle turns before a worker yields or parks: 0 to 1,000,000. Default 2000.
    pub spins: u32,
    /// The preallocated size of a local ring in KiB: 16 to `local_ring_limit_kib`. Default 256.
    pub local_ring_kib: u32,
    /// What a local ring may grow to in KiB: 16 to 1,048,576. Default 65,536.
    pub local_ring_limit_kib: u32,
    /// The size of each lane to a worker in KiB: a power of two from 4 to 65,536. Default 64.
    pub lane_kib: u32,
    /// The most that may wait for a full lane in KiB, for each lane: 16 to 1,048,576. Default 16,384.
    pub outbox_limit_kib: u32,
    /// The size of a worker's ingress ring in KiB: a power of two from 4 to 65,536. Default 256.
    pub ingress_kib: u32,
}

impl Default for WorkerDefaults {
    fn default() -> Self {
        Self {
            wait: WaitStrategy::SpinThenPark,
            spins: 2000,
            local_ring_kib: 256,
            local_ring_limit_kib: 65_536,
            lane_kib: 64,
            outbox_limit_kib: 16_384,
            ingress_kib: 256,
        }
    }
}

/// One worker: a table `[[workers]]`. What is `None` is taken from the [`WorkerDefaults`], whose fields say what each
/// means.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WorkerConfig {
    /// The core that the worker is pinned to, 0 to 4095; `None` leaves it to the scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<u32>,
    /// Overrides [`WorkerDefaults::wait`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitStrategy>,
    /// Overrides [`WorkerDefaults::spins`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spins: Option<u32>,
    /// Overrides [`WorkerDefaults::local_ring_kib`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_ring_kib: Option<u32>,
    /// Overrides [`WorkerDefaults::local_ring_limit_kib`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_ring_limit_kib: Option<u32>,
    /// Overrides [`WorkerDefaults::lane_kib`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane_kib: Option<u32>,
    /// Overrides [`WorkerDefaults::outbox_limit_kib`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbox_limit_kib: Option<u32>,
    /// Overrides [`WorkerDefaults::ingress_kib`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress_kib: Option<u32>,
}

impl WorkerConfig {
    /// A worker that is pinned to `core` and overrides nothing.
    #[must_use]
    pub fn pinned_to(core: u32) -> Self {
        Self { core: Some(core), ..Self::default() }
    }

    /// The settings that result with these defaults.
    pub(super) fn resolve(&self, defaults: &WorkerDefaults) -> WorkerSettings {
        WorkerSettings {
            core: self.core,
            wait: self.wait.unwrap_or(defaults.wait),
            spins: self.spins.unwrap_or(defaults.spins),
            local_ring_kib: self.local_ring_kib.unwrap_or(defaults.local_ring_kib),
            local_ring_limit_kib: self.local_ring_limit_kib.unwrap_or(defaults.local_ring_limit_kib),
            lane_kib: self.lane_kib.unwrap_or(defaults.lane_kib),
            outbox_limit_kib: self.outbox_limit_kib.unwrap_or(defaults.outbox_limit_kib),
            ingress_kib: self.ingress_kib.unwrap_or(defaults.ingress_kib),
        }
    }
}

/// What one worker runs with: its own values where it has them, the defaults elsewhere.
///
/// Made by [`Config::worker`](super::Config::worker) and [`Config::resolve`](super::Config::resolve); the fields are
/// those of [`WorkerDefaults`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerSettings {
    /// The core that the worker is pinned to; `None` leaves it to the scheduler.
    pub core: Option<u32>,
    /// How it waits when there is nothing to do.
    pub wait: WaitStrategy,
    /// The idle turns before it yields or parks.
    pub spins: u32,
    /// The preallocated size of its local ring in KiB.
    pub local_ring_kib: u32,
    /// What its local ring may grow to in KiB.
    pub local_ring_limit_kib: u32,
    /// The size of each lane to it in KiB.
    pub lane_kib: u32,
    /// The most that may wait for a full lane in KiB, for each lane.
    pub outbox_limit_kib: u32,
    /// The size of its ingress ring in KiB.
    pub ingress_kib: u32,
}
