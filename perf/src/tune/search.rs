//! The search: setting by setting from the default, each value against the best configuration so far.
//!
//! A value is first looked at in a few pairs. The promising ones, the best first, are measured again in fresh pairs,
//! which decide; the pairs that it was chosen by have no say, since the luckiest of many looks better than it is. When
//! a pass over all settings has changed anything and time is left, another one follows, because settings depend on each
//! other. At the end the winner is compared with the default once more, and if that is no gain, the default has won.

use std::time::{Duration, Instant};

use hippodrome::config::Config;

use super::decision::{Comparison, DECISIVE_PAIRS, Pair, noise, threshold};
use super::placement::Placement;
use super::setting::{Change, Setting};
use super::trial::TrialError;
use super::workload::Workload;

/// Pairs of a first look.
const LOOK_PAIRS: usize = 3;
/// Pairs of a decision.
const DECISION_PAIRS: usize = 8;
/// Pairs of the default against itself.
const NOISE_PAIRS: usize = 5;
/// Pairs of the winner against the default.
const FINAL_PAIRS: usize = 12;
/// The share of the time that is kept for the end.
const KEPT_FOR_THE_END: f64 = 0.15;
/// Passes over all settings.
const PASSES_MAX: usize = 3;

/// What has to be known of a workload to search.
pub(super) struct Search<'a, M, S> {
    /// The workload.
    pub(super) workload: &'a Workload,
    /// The placements that can be tried.
    pub(super) placements: &'a [Placement],
    /// Runs the workload once on a configuration, and gives nanoseconds.
    pub(super) measure: M,
    /// Told what was found, line by line.
    pub(super) show: S,
    /// When all has to be over.
    pub(super) deadline: Instant,
    runs: u64,
    tried: Vec<Tried>,
}

/// A change that was tried.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    /// The change.
    pub(super) change: Change,
    /// The value that it was compared with.
    pub(super) instead_of: String,
    /// What decided about it: fresh pairs, or those of the first look.
    pub(super) compared: Option<Comparison>,
    /// What became of it.
    pub(super) outcome: Outcome,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is part of the best configuration from here on.
    Taken,
    /// It gains nothing, or no more than noise.
    NoGain,
    /// It looked promising, and another value of the setting was better.
    OtherTaken,
    /// The time was over before it was decided.
    NoTime,
    /// It cannot be used here.
    Unusable(String),
}

/// What a search has found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The configuration to use.
    pub(super) config: Config,
    /// What was tried, in order.
    pub(super) tried: Vec<Tried>,
    /// How far apart the default is from itself.
    pub(super) noise: f64,
    /// The winner against the default, if anything but the default won on the way.
    pub(super) confirmed: Option<Comparison>,
    /// Whether the winner is the one that was found on the way; otherwise it is the default.
    pub(super) holds: bool,
    /// Runs of the workload.
    pub(super) runs: u64,
}

impl<'a, M, S> Search<'a, M, S>
where
    M: FnMut(&Config) -> Result<f64, TrialError>,
    S: FnMut(String),
{
    pub(super) fn new(
        workload: &'a Workload,
        placements: &'a [Placement],
        measure: M,
        show: S,
        deadline: Instant,
    ) -> Self {
        Self { workload, placements, measure, show, deadline, runs: 0, tried: Vec::new() }
    }

    /// Searches from the default until nothing more is gained or the time is over.
    ///
    /// # Errors
    /// The default cannot be run, or the engine did something wrong.
    pub(super) fn run(mut self, default: &Config) -> Result<Found, TrialError> {
        let kept = self.left().mul_f64(KEPT_FOR_THE_END);
        let noise = self.noise_of(default)?;
        (self.show)(format!("the default against itself: {:.1}% apart", noise * 100.0));
        let until = self.deadline.checked_sub(kept).unwrap_or(self.deadline);
        let best = self.search(default, noise, until)?;
        if best == *default {
            let Self { runs, tried, .. } = self;
            return Ok(Found { config: best, tried, noise, confirmed: None, holds: true, runs });
        }
        (self.show)("the winner against the default".to_owned());
        let pairs = self.pairs(default, &best, FINAL_PAIRS, DECISIVE_PAIRS, self.deadline)?;
        let confirmed = Comparison::of(&pairs);
        let holds = confirmed.is_some_and(|compared| compared.is_gain(noise));
        let config = if holds { best } else { default.clone() };
        Ok(Found { config, tried: self.tried, noise, confirmed, holds, runs: self.runs })
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn noise_of(&mut self, default: &Config) -> Result<f64, TrialError> {
        Ok(noise(&self.pairs(default, default, NOISE_PAIRS, 2, self.deadline)?))
    }

    fn search(&mut self, default: &Config, noise: f64, until: Instant) -> Result<Config, TrialError> {
        let mut best = default.clone();
        for _ in 0..PASSES_MAX {
            let before = best.clone();
            for setting in Setting::ALL {
                if Instant::now() < until && setting.idle_reason(&best, self.workload).is_none() {
                    best = self.try_setting(setting, best, noise, until)?;
                }
            }
            if best == before || Instant::now() >= until {
                break;
            }
        }
        Ok(best)
    }

    /// Tries all values of a setting, and gives the configuration with the best one.
    fn try_setting(
        &mut self,
        setting: Setting,
        best: Config,
        noise: f64,
        until: Instant,
    ) -> Result<Config, TrialError> {
        let mut promising = Vec::new();
        for change in setting.changes(&best, self.placements) {
            let Some(compared) = self.compare(&change, &best, LOOK_PAIRS, until)? else { continue };
            if compared.pairs < LOOK_PAIRS {
                self.conclude(change, &best, Some(compared), Outcome::NoTime);
            } else if compared.is_promising() {
                promising.push((change, compared));
            } else {
                self.conclude(change, &best, Some(compared), Outcome::NoGain);
            }
        }
        promising.sort_by(|(_, a), (_, b)| b.times.median.total_cmp(&a.times.median));
        let mut taken: Option<Config> = None;
        for (change, look) in promising {
            if taken.is_some() {
                self.conclude(change, &best, Some(look), Outcome::OtherTaken);
                continue;
            }
            let Some(compared) = self.compare(&change, &best, DECISION_PAIRS, until)? else { continue };
            let outcome = match compared.is_gain(noise) {
                true => Outcome::Taken,
                false if compared.pairs < DECISIVE_PAIRS => Outcome::NoTime,
                false => Outcome::NoGain,
            };
            if outcome == Outcome::Taken {
                taken = Some(change.applied_to(&best));
            }
            self.conclude(change, &best, Some(compared), outcome);
        }
        Ok(taken.unwrap_or(best))
    }

    /// Compares a configuration with and without a change; `None` if it cannot be used or there was no time at all,
    /// which is noted then.
    fn compare(
        &mut self,
        change: &Change,
        best: &Config,
        pairs: usize,
        until: Instant,
    ) -> Result<Option<Comparison>, TrialError> {
        let outcome = match self.pairs(best, &change.applied_to(best), pairs, 0, until) {
            Ok(pairs) => match Comparison::of(&pairs) {
                Some(compared) => return Ok(Some(compared)),
                None => Outcome::NoTime,
            },
            Err(error) if error.is_of_configuration() => Outcome::Unusable(error.to_string()),
            Err(error) => return Err(error),
        };
        self.conclude(change.clone(), best, None, outcome);
        Ok(None)
    }

    /// Runs two configurations in turn, the one that comes first changing from pair to pair: so many pairs, or as many
    /// as there is time for, but at least so many.
    fn pairs(
        &mut self,
        before: &Config,
        after: &Config,
        count: usize,
        least: usize,
        until: Instant,
    ) -> Result<Vec<Pair>, TrialError> {
        let mut pairs = Vec::with_capacity(count);
        while pairs.len() < count && (pairs.len() < least || Instant::now() < until) {
            let is_reversed = pairs.len() % 2 == 1;
            let first = self.figure(if is_reversed { after } else { before })?;
            let second = self.figure(if is_reversed { before } else { after })?;
            let (before, after) = if is_reversed { (second, first) } else { (first, second) };
            pairs.push(Pair { before, after });
        }
        Ok(pairs)
    }

    fn figure(&mut self, config: &Config) -> Result<f64, TrialError> {
        self.runs += 1;
        (self.measure)(config)
    }

    fn conclude(&mut self, change: Change, best: &Config, compared: Option<Comparison>, outcome: Outcome) {
        let instead_of = change.setting().value(best);
        let tried = Tried { change, instead_of, compared, outcome };
        (self.show)(format!("{}: {}", tried.change, tried.verdict(self.workload)));
        self.tried.push(tried);
    }
}

impl Tried {
    /// What was measured, and what came of it.
    pub(super) fn verdict(&self, workload: &Workload) -> String {
        let outcome = match &self.outcome {
            Outcome::Taken => "taken".to_owned(),
            Outcome::NoGain => "left: no gain over the noise".to_owned(),
            Outcome::OtherTaken => "left: another value was better".to_owned(),
            Outcome::NoTime => "left: the time was over before it was decided".to_owned(),
            Outcome::Unusable(error) => format!("left: it cannot be used here: {error}"),
        };
        match &self.compared {
            Some(compared) => format!("{}; {outcome}", in_words(compared, workload)),
            None => outcome,
        }
    }
}

/// A comparison in words: `17.10 -> 12.83 ns a message, +33.2% (8 of 8 pairs)`.
pub(super) fn in_words(compared: &Comparison, workload: &Workload) -> String {
    let Comparison { pairs, won, before, after, times } = compared;
    let goal = workload.goal;
    let percent = goal.percent(times.median);
    format!("{} -> {} {}, {percent} ({won} of {pairs} pairs)", short(*before), short(*after), goal.unit())
}

/// Nanoseconds with two decimals where they are few.
pub(super) fn short(ns: f64) -> String {
    if ns < 1000.0 { format!("{ns:.2}") } else { format!("{ns:.0}") }
}

impl Found {
    /// What a gain had to exceed.
    pub(super) fn threshold(&self) -> f64 {
        threshold(self.noise)
    }

    /// What was tried of one setting; of what a later pass tried again, the later figures, unless the earlier decided.
    pub(super) fn tried_of(&self, setting: Setting) -> impl Iterator<Item = &Tried> {
        let is_again = |one: &Tried, later: &Tried| one.change == later.change && one.instead_of == later.instead_of;
        let of_setting = self.tried.iter().enumerate().filter(move |(_, tried)| tried.change.setting() == setting);
        let latest = of_setting.filter(move |(at, tried)| {
            tried.outcome == Outcome::Taken || !self.tried[at + 1..].iter().any(|later| is_again(tried, later))
        });
        latest.map(|(_, tried)| tried)
    }
}

#[cfg(test)]
mod tests {
    use hippodrome::config::{WaitStrategy, WorkerConfig};

    use super::super::workload::Talk;
    use super::super::workload::tests::workload;
    use super::*;

    fn default_config() -> Config {
        let mut config = Config::default();
        config.workers = vec![WorkerConfig::default(); 2];
        config
    }

    /// Searches with made-up figures; all runs together take no time.
    fn search(budget: Duration, measure: impl FnMut(&Config) -> Result<f64, TrialError>) -> Found {
        let placements = [Placement { how: "near", cores: vec![0, 1] }, Placement { how: "far", cores: vec![0, 9] }];
        let workload = workload(2, Talk::Pairs);
        let search = Search::new(&workload, &placements, measure, |_| {}, Instant::now() + budget);
        search.run(&default_config()).unwrap()
    }

    /// Noise of up to so many percent in both directions, from a fixed seed.
    fn noisy(percent: f64) -> impl FnMut() -> f64 {
        let mut state = 7_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            1.0 + percent / 100.0 * ((state >> 33) as f64 / f64::from(1 << 30) - 1.0)
        }
    }

    #[test]
    fn gains_are_found_in_the_midst_of_noise() {
        let mut noise = noisy(5.0);
        let found = search(Duration::from_secs(600), |config| {
            let pinned = if config.workers[0].core.is_some() && config.workers[1].core == Some(1) { 0.7 } else { 1.0 };
            let wait = if config.defaults.wait == WaitStrategy::BusySpin { 0.8 } else { 1.0 };
            let budget = if config.turn_budget == 32 { 1.3 } else { 1.0 };
            Ok(100.0 * pinned * wait * budget * noise())
        });
        let mut expected = default_config();
        expected.workers = vec![WorkerConfig::pinned_to(0), WorkerConfig::pinned_to(1)];
        expected.defaults.wait = WaitStrategy::BusySpin;
        assert_eq!(found.config, expected);
        assert!(found.holds);
        let confirmed = found.confirmed.unwrap();
        assert!((1.5..2.1).contains(&confirmed.times.median), "{confirmed:?}");
        let taken: Vec<_> = found.tried.iter().filter(|tried| tried.outcome == Outcome::Taken).collect();
        assert_eq!(taken.len(), 2);
    }

    #[test]
    fn noise_alone_changes_nothing() {
        for percent in [0.0, 2.0, 10.0, 40.0] {
            let mut noise = noisy(percent);
            let found = search(Duration::from_secs(600), |_| Ok(100.0 * noise()));
            assert_eq!(found.config, default_config(), "{percent}: {:?}", found.tried);
        }
    }

    #[test]
    fn a_gain_that_does_not_last_is_given_back() {
        let mut runs = 0;
        let found = search(Duration::from_secs(600), |config| {
            runs += 1;
            let lasts = runs < 60;
            Ok(if lasts && config.workers[0].core.is_some() { 50.0 } else { 100.0 })
        });
        assert!(found.tried.iter().any(|tried| tried.outcome == Outcome::Taken));
        assert!(!found.holds);
        assert_eq!(found.config, default_config());
    }

    #[test]
    fn settings_that_depend_on_each_other_are_tried_again() {
        let found = search(Duration::from_secs(600), |config| {
            let pinned = config.workers[0].core.is_some();
            let spins = config.defaults.wait == WaitStrategy::BusySpin;
            // Pinning helps only those who spin.
            Ok(if spins && pinned {
                50.0
            } else if spins {
                80.0
            } else {
                100.0
            })
        });
        assert!(found.config.workers[0].core.is_some());
        assert_eq!(found.config.defaults.wait, WaitStrategy::BusySpin);
        // Of each value that was tried in both passes the later figures are told, and what was taken in any case.
        let far = |tried: &&Tried| tried.change.value().starts_with("cores 0,9") && tried.instead_of == "unpinned";
        assert_eq!(
            (found.tried.iter().filter(far).count(), found.tried_of(Setting::Cores).filter(far).count()),
            (2, 1)
        );
        let taken = |tried: &&Tried| tried.outcome == Outcome::Taken;
        assert_eq!(found.tried_of(Setting::Cores).filter(taken).count(), 1);
    }

    #[test]
    fn without_time_nothing_is_changed_and_that_is_said() {
        let found = search(Duration::ZERO, |config| Ok(if config.workers[0].core.is_some() { 1.0 } else { 100.0 }));
        assert_eq!(found.config, default_config());
        assert!(found.tried.is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_passed_over_and_a_defect_ends_it() {
        let found = search(Duration::from_secs(600), |config| match config.huge_pages {
            true => Err(TrialError::TooSlow(Duration::from_secs(1))),
            false => Ok(100.0),
        });
        let [tried] = &found.tried_of(Setting::HugePages).collect::<Vec<_>>()[..] else { panic!("tried once") };
        assert!(matches!(&tried.outcome, Outcome::Unusable(error) if error.contains("1.0 s")), "{tried:?}");

        let workload = workload(2, Talk::Pairs);
        let defect = |_: &Config| Err(TrialError::Wrong { what: "dead letters", expected: 0, found: 1 });
        let search = Search::new(&workload, &[], defect, |_| {}, Instant::now() + Duration::from_secs(60));
        assert!(search.run(&default_config()).is_err());
    }
}
