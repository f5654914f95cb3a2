//! What the tuning of one workload came to, with everything that is told of it.

use std::time::Duration;

use hippodrome::config::Config;

use super::machine::Machine;
use super::search::{Found, Outcome, in_words};
use super::setting::Setting;
use super::workload::Workload;

/// What is written into the file and the summary.
#[derive(Clone, Debug)]
pub(super) struct Tuned {
    pub(super) workload: Workload,
    pub(super) machine: Machine,
    /// What was compared with.
    pub(super) default: Config,
    pub(super) found: Found,
    /// How long it took.
    pub(super) took: Duration,
    /// Cores that the default keeps busy when idle, and those that the winner does.
    pub(super) idle_cores: Option<(f64, f64)>,
    /// Messages a second that the default handled, if they are less than were sent.
    pub(super) default_falls_behind: Option<f64>,
}

/// Whether it is any good to pin workers here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PinningHelps {
    /// The workers are pinned.
    Yes(String),
    /// Placements were tried, and none was a gain.
    No(String),
    /// Nothing can be said.
    Unknown(&'static str),
}

/// Noise from which on little can be found: a gain of this size would be a large one.
const LOUD: f64 = 0.2;

/// Idle cores from which on the cost is worth a warning.
const BUSY_CORES: f64 = 0.5;

impl Tuned {
    /// Whether a setting is another one than the default's.
    pub(super) fn is_changed(&self, setting: Setting) -> bool {
        setting.value(&self.found.config) != setting.value(&self.default)
    }

    /// The gain over the default, in a sentence.
    pub(super) fn gain(&self) -> String {
        let goal = self.workload.goal;
        match &self.found.confirmed {
            None => "none: nothing that was tried is better than the default by more than the noise".to_owned(),
            Some(compared) if self.found.holds => format!(
                "{} over the default, {} to {} over {} pairs, {} of them won; {} -> {} {}",
                goal.gain(compared.times.median),
                goal.percent(compared.times.min),
                goal.percent(compared.times.max),
                compared.pairs,
                compared.won,
                super::search::short(compared.before),
                super::search::short(compared.after),
                goal.unit(),
            ),
            Some(compared) => format!(
                "none: what was better on the way was none in the end ({}), so everything is left at its default",
                in_words(compared, &self.workload)
            ),
        }
    }

    /// How exact all of it is, in a sentence.
    pub(super) fn noise(&self) -> String {
        let (noise, least) = (100.0 * self.found.noise, 100.0 * self.found.threshold());
        let loud =
            if self.found.noise < LOUD { "" } else { ": something else keeps this machine busy, try again later" };
        format!("the default against itself is {noise:.1}% apart; a gain has to be over {least:.1}%{loud}")
    }

    /// Whether it is any good to pin workers here.
    pub(super) fn pinning_helps(&self) -> PinningHelps {
        let chosen = Setting::Cores.value(&self.found.config);
        if self.is_changed(Setting::Cores) {
            return PinningHelps::Yes(format!("workers are pinned to {chosen}"));
        }
        let is_decided = |outcome: &Outcome| matches!(outcome, Outcome::NoGain | Outcome::Taken);
        let decided = self.found.tried_of(Setting::Cores).filter(|tried| is_decided(&tried.outcome));
        let compared = decided.filter_map(|tried| Some((tried, tried.compared?)));
        let best = compared.max_by(|(_, a), (_, b)| a.times.median.total_cmp(&b.times.median));
        match best {
            Some((tried, compared)) => PinningHelps::No(format!(
                "pinning does not help here by more than the noise; the best placement, {}: {}",
                tried.change.value(),
                in_words(&compared, &self.workload)
            )),
            None if self.found.tried_of(Setting::Cores).any(|tried| matches!(tried.outcome, Outcome::Unusable(_))) => {
                PinningHelps::Unknown("workers cannot be pinned here")
            }
            None => PinningHelps::Unknown("there was no time to try whether pinning helps; a larger --budget helps"),
        }
    }

    /// What the engine costs when it has nothing to do, in a sentence.
    pub(super) fn idle(&self) -> Option<String> {
        let (default, tuned) = self.idle_cores?;
        let figures =
            format!("with nothing to do the default keeps {default:.2} cores busy, these settings {tuned:.2}");
        Some(if tuned >= BUSY_CORES && tuned > 2.0 * default {
            format!("{figures}: workers that spin cost whole cores even when idle")
        } else {
            figures
        })
    }

    /// What is to be said if the default cannot handle what is sent.
    pub(super) fn falls_behind(&self) -> Option<String> {
        let handled = self.default_falls_behind?;
        Some(format!(
            "the default handles only {handled:.0} messages a second, so its latency says how long it may run"
        ))
    }
}

impl PinningHelps {
    /// In a sentence.
    pub(super) fn sentence(&self) -> &str {
        match self {
            Self::Yes(sentence) | Self::No(sentence) => sentence,
            Self::Unknown(sentence) => sentence,
        }
    }

    /// For programs.
    pub(super) fn known(&self) -> Option<bool> {
        match self {
            Self::Yes(_) => Some(true),
            Self::No(_) => Some(false),
            Self::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use hippodrome::config::{WaitStrategy, WorkerConfig};

    use super::super::decision::{Comparison, Pair};
    use super::super::placement::Placement;
    use super::super::search::Tried;
    use super::super::setting::Change;
    use super::super::workload::Talk;
    use super::super::workload::tests::workload;
    use super::*;

    fn compared(before: f64, after: f64, pairs: usize) -> Comparison {
        Comparison::of(&vec![Pair { before, after }; pairs]).unwrap()
    }

    fn tried(change: Change, instead_of: &str, after: f64, outcome: Outcome) -> Tried {
        let pairs = if outcome == Outcome::Taken { 8 } else { 3 };
        Tried { change, instead_of: instead_of.to_owned(), compared: Some(compared(20.0, after, pairs)), outcome }
    }

    /// Two workers: pinning is left, busy-spinning is taken, and smaller turns cannot be used.
    pub(in crate::tune) fn tuned(holds: bool) -> Tuned {
        let mut default = Config::default();
        default.workers = vec![WorkerConfig::default(); 2];
        let placement = Placement { how: "near", cores: vec![0, 1] };
        let spin = Change::Wait(WaitStrategy::BusySpin);
        let mut unusable = tried(Change::TurnBudget(4), "256", 20.0, Outcome::Unusable("no\nsuch thing".to_owned()));
        unusable.compared = None;
        let found = Found {
            config: if holds { spin.applied_to(&default) } else { default.clone() },
            tried: vec![
                tried(Change::Cores(Some(placement)), "unpinned", 19.9, Outcome::NoGain),
                tried(spin, "\"spin-then-park\"", 10.0, Outcome::Taken),
                unusable,
            ],
            noise: 0.012,
            confirmed: Some(compared(20.0, if holds { 10.0 } else { 20.0 }, 12)),
            holds,
            runs: 60,
        };
        let machine = Machine { cpu: "Fast CPU".to_owned(), online: 2, cores: "0-1".to_owned(), round_trip_ns: None };
        Tuned {
            workload: workload(2, Talk::Pairs),
            machine,
            default,
            found,
            took: Duration::from_millis(2500),
            idle_cores: Some((0.01, if holds { 2.0 } else { 0.01 })),
            default_falls_behind: None,
        }
    }

    #[test]
    fn the_gain_is_that_of_the_last_comparison() {
        assert_eq!(
            tuned(true).gain(),
            "+100.0% messages a second over the default, +100.0% to +100.0% over 12 pairs, 12 of them won; 20.00 -> \
             10.00 ns a message"
        );
        assert!(tuned(false).gain().starts_with("none: what was better on the way was none in the end"));
        let mut nothing = tuned(false);
        nothing.found.confirmed = None;
        assert!(nothing.gain().starts_with("none: nothing"));
    }

    #[test]
    fn whether_pinning_helps_is_said_with_what_was_measured() {
        let helps = tuned(true).pinning_helps();
        assert_eq!(helps.known(), Some(false));
        assert_eq!(
            helps.sentence(),
            "pinning does not help here by more than the noise; the best placement, cores 0,1 (near): 20.00 -> 19.90 \
             ns a message, +0.5% (3 of 3 pairs)"
        );
        let mut pinned = tuned(true);
        pinned.found.config.workers = vec![WorkerConfig::pinned_to(0), WorkerConfig::pinned_to(1)];
        assert_eq!(pinned.pinning_helps(), PinningHelps::Yes("workers are pinned to cores 0,1".to_owned()));
        let mut hasty = tuned(true);
        hasty.found.tried.clear();
        assert_eq!(hasty.pinning_helps().known(), None);
    }

    #[test]
    fn a_machine_that_is_too_busy_is_called_so() {
        let mut tuned = tuned(true);
        assert_eq!(tuned.noise(), "the default against itself is 1.2% apart; a gain has to be over 3.0%");
        tuned.found.noise = 0.5;
        assert!(tuned.noise().ends_with("over 50.0%: something else keeps this machine busy, try again later"));
    }

    #[test]
    fn whole_idle_cores_are_warned_of() {
        assert!(tuned(true).idle().unwrap().ends_with("cost whole cores even when idle"));
        assert!(!tuned(false).idle().unwrap().contains("whole cores"));
    }
}
