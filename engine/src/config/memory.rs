//! What a configuration takes before the first message.

use super::Config;

impl Config {
    /// The memory of all rings that are made when the engine starts, in bytes: each worker's local ring, its ingress, and
    /// a lane from every other worker. A port takes a lane to each worker more, when it is opened.
    ///
    /// An engine does not start if that is more than the machine has.
    ///
    /// # Examples
    ///
    /// ```
    /// use hippodrome::config::{Config, WorkerConfig};
    ///
    /// let mut config = Config::default();
    /// config.workers = vec![WorkerConfig::default(); 4];
    /// let worker_kib = 256 + 256 + 3 * 64;
    /// assert_eq!(config.preallocated_bytes(), 4 * worker_kib * 1024);
    /// ```
    #[must_use]
    pub fn preallocated_bytes(&self) -> u64 {
        let others = self.workers.len().saturating_sub(1) as u64;
        let rings_kib = self.resolve().into_iter().fold(0_u64, |rings_kib, worker| {
            let lanes_kib = others.saturating_mul(worker.lane_kib.into());
            [worker.local_ring_kib.into(), worker.ingress_kib.into(), lanes_kib]
                .into_iter()
                .fold(rings_kib, u64::saturating_add)
        });
        rings_kib.saturating_mul(1024)
    }
}
