//! The settings that are tried, and the values that each is tried with.

use std::fmt;

use hippodrome::config::{Config, WaitStrategy, WorkerConfig};

use super::placement::Placement;
use super::workload::Workload;

/// A setting, the one that is likely to matter most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// Whether workers are pinned, and to which cores.
    Cores,
    Wait,
    Spins,
    TurnBudget,
    LaneKib,
    LaneBudget,
    LocalRingKib,
    HugePages,
}

/// One setting with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Pins the workers; `None` leaves them to the scheduler.
    Cores(Option<Placement>),
    Wait(WaitStrategy),
    Spins(u32),
    TurnBudget(u32),
    LaneKib(u32),
    LaneBudget(u32),
    LocalRingKib(u32),
    HugePages(bool),
}

impl Setting {
    /// All of them, in the order in which they are tried.
    pub(super) const ALL: [Self; 8] = [
        Self::Cores,
        Self::Wait,
        Self::Spins,
        Self::TurnBudget,
        Self::LaneKib,
        Self::LaneBudget,
        Self::LocalRingKib,
        Self::HugePages,
    ];

    /// Its key in a configuration file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Cores => "core",
            Self::Wait => "wait",
            Self::Spins => "spins",
            Self::TurnBudget => "turn_budget",
            Self::LaneKib => "lane_kib",
            Self::LaneBudget => "lane_budget",
            Self::LocalRingKib => "local_ring_kib",
            Self::HugePages => "huge_pages",
        }
    }

    /// Whether it stands in the table `[defaults]`.
    pub(super) fn is_of_worker(self) -> bool {
        matches!(self, Self::Wait | Self::Spins | Self::LaneKib | Self::LocalRingKib)
    }

    /// Its value in this configuration, as the file has it; of the cores, the list of them.
    pub(super) fn value(self, config: &Config) -> String {
        match self {
            Self::Cores => {
                let cores: Option<Vec<String>> =
                    config.workers.iter().map(|worker| worker.core.map(|core| core.to_string())).collect();
                cores.map_or_else(|| "unpinned".to_owned(), |cores| format!("cores {}", cores.join(",")))
            }
            Self::Wait => format!("\"{}\"", config.defaults.wait),
            Self::Spins => config.defaults.spins.to_string(),
            Self::TurnBudget => config.turn_budget.to_string(),
            Self::LaneKib => config.defaults.lane_kib.to_string(),
            Self::LaneBudget => config.lane_budget.to_string(),
            Self::LocalRingKib => config.defaults.local_ring_kib.to_string(),
            Self::HugePages => config.huge_pages.to_string(),
        }
    }

    /// Why nothing can be gained by it here, if so.
    pub(super) fn idle_reason(self, config: &Config, workload: &Workload) -> Option<&'static str> {
        let crosses = !workload.links().is_empty();
        match self {
            Self::Wait | Self::Spins if !workload.has_waiting_workers() => {
                Some("no worker waits in this workload: each has an actor that looks at the clock all the time")
            }
            Self::Spins if config.defaults.wait == WaitStrategy::BusySpin => {
                Some("a worker that spins all the time does not count")
            }
            Self::LaneKib | Self::LaneBudget if !crosses => {
                Some("no message of this workload goes from worker to worker")
            }
            _ => None,
        }
    }

    /// The changes of this configuration that are worth a try.
    pub(super) fn changes(self, config: &Config, placements: &[Placement]) -> Vec<Change> {
        let mut changes: Vec<Change> = match self {
            Self::Cores => {
                std::iter::once(None).chain(placements.iter().cloned().map(Some)).map(Change::Cores).collect()
            }
            Self::Wait => [WaitStrategy::BusySpin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark]
                .map(Change::Wait)
                .to_vec(),
            Self::Spins => [0, 100, 2000, 20_000].map(Change::Spins).to_vec(),
            Self::TurnBudget => [4, 32, 256, 1024, 8192].map(Change::TurnBudget).to_vec(),
            Self::LaneKib => [16, 32, 64, 128, 512].map(Change::LaneKib).to_vec(),
            Self::LaneBudget => [16, 64, 256, 1024].map(Change::LaneBudget).to_vec(),
            Self::LocalRingKib => [32, 64, 256, 1024].map(Change::LocalRingKib).to_vec(),
            Self::HugePages => [false, true].map(Change::HugePages).to_vec(),
        };
        changes.retain(|change| change.applied_to(config) != *config);
        changes
    }
}

impl Change {
    /// What it changes.
    pub(super) fn setting(&self) -> Setting {
        match self {
            Self::Cores(_) => Setting::Cores,
            Self::Wait(_) => Setting::Wait,
            Self::Spins(_) => Setting::Spins,
            Self::TurnBudget(_) => Setting::TurnBudget,
            Self::LaneKib(_) => Setting::LaneKib,
            Self::LaneBudget(_) => Setting::LaneBudget,
            Self::LocalRingKib(_) => Setting::LocalRingKib,
            Self::HugePages(_) => Setting::HugePages,
        }
    }

    /// The configuration with this change.
    pub(super) fn applied_to(&self, config: &Config) -> Config {
        let mut config = config.clone();
        match self {
            Self::Cores(None) => config.workers.fill(WorkerConfig::default()),
            Self::Cores(Some(placement)) => {
                config.workers = placement.cores.iter().map(|core| WorkerConfig::pinned_to(*core)).collect();
            }
            Self::Wait(wait) => config.defaults.wait = *wait,
            Self::Spins(spins) => config.defaults.spins = *spins,
            Self::TurnBudget(budget) => config.turn_budget = *budget,
            Self::LaneKib(kib) => config.defaults.lane_kib = *kib,
            Self::LaneBudget(budget) => config.lane_budget = *budget,
            Self::LocalRingKib(kib) => config.defaults.local_ring_kib = *kib,
            Self::HugePages(huge) => config.huge_pages = *huge,
        }
        config
    }

    /// The value alone.
    pub(super) fn value(&self) -> String {
        match self {
            Self::Cores(None) => "unpinned".to_owned(),
            Self::Cores(Some(Placement { how, cores })) => {
                let cores: Vec<String> = cores.iter().map(u32::to_string).collect();
                format!("cores {} ({how})", cores.join(","))
            }
            Self::Wait(wait) => format!("\"{wait}\""),
            Self::Spins(number)
            | Self::TurnBudget(number)
            | Self::LaneKib(number)
            | Self::LaneBudget(number)
            | Self::LocalRingKib(number) => number.to_string(),
            Self::HugePages(huge) => huge.to_string(),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cores(_) => f.write_str(&self.value()),
            _ => write!(f, "{} = {}", self.setting().key(), self.value()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::Talk;
    use super::super::workload::tests::{paced, workload};
    use super::*;

    fn default_config() -> Config {
        let mut config = Config::default();
        config.workers = vec![WorkerConfig::default(); 2];
        config
    }

    fn placed() -> Vec<Placement> {
        vec![Placement { how: "near", cores: vec![0, 1] }, Placement { how: "far", cores: vec![0, 9] }]
    }

    #[test]
    fn every_change_is_valid_and_changes_its_setting_alone() {
        let config = default_config();
        for setting in Setting::ALL {
            let changes = setting.changes(&config, &placed());
            assert!(!changes.is_empty(), "{setting:?}");
            for change in changes {
                assert_eq!(change.setting(), setting);
                let changed = change.applied_to(&config);
                changed.validate().unwrap();
                for other in Setting::ALL {
                    assert_eq!(other.value(&changed) == other.value(&config), other != setting, "{change}");
                }
            }
        }
    }

    #[test]
    fn the_value_that_is_set_is_not_tried_again_and_the_default_is() {
        let config = default_config();
        assert_eq!(Setting::Cores.changes(&config, &placed()).len(), 2);
        let pinned = Change::Cores(Some(placed()[1].clone())).applied_to(&config);
        let changes = Setting::Cores.changes(&pinned, &placed());
        assert_eq!(changes, [Change::Cores(None), Change::Cores(Some(placed()[0].clone()))]);
        assert_eq!(changes[0].applied_to(&pinned), config);
        assert_eq!(Setting::Cores.value(&pinned), "cores 0,9");
        assert!(Setting::Spins.changes(&config, &[]).iter().all(|change| *change != Change::Spins(2000)));
    }

    #[test]
    fn what_cannot_matter_is_not_tried() {
        let config = default_config();
        let reason = |setting: Setting, workload| setting.idle_reason(&config, &workload);
        assert!(reason(Setting::LaneKib, workload(2, Talk::Local)).is_some());
        assert!(reason(Setting::LaneKib, workload(2, Talk::Pairs)).is_none());
        assert!(reason(Setting::Wait, paced(2, Talk::AllToAll, 1000)).is_some());
        assert!(reason(Setting::Wait, paced(2, Talk::Pairs, 1000)).is_none());
        let spinning = Change::Wait(WaitStrategy::BusySpin).applied_to(&config);
        assert!(Setting::Spins.idle_reason(&spinning, &workload(2, Talk::Pairs)).is_some());
    }
}
