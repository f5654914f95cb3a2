//! Kills: panics on purpose, at moments that are fixed before the run.

use std::collections::VecDeque;

use hippodrome_examples::SplitMix64;

/// Where in the handling of a message its actor is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before anything that outlives the actor was changed.
    Before,
    /// After the message was written down, or applied to what outlives the actor; before anybody was told.
    After,
    /// After the first report, where there may be more.
    Amid,
}

/// The kills that wait for one actor.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    /// When the next one is due; `u64::MAX` for never.
    next: u64,
    /// All that wait, in order: from which number on, and when in the handling of a message.
    waiting: VecDeque<(u64, Moment)>,
    done: u64,
}

impl Kills {
    /// These: from which number on, and when in the handling of a message.
    pub(crate) fn new(mut all: Vec<(u64, Moment)>) -> Self {
        all.sort_unstable_by_key(|(number, _)| *number);
        let mut kills = Self { next: 0, waiting: all.into(), done: 0 };
        kills.look();
        kills
    }

    fn look(&mut self) {
        self.next = self.waiting.front().map_or(u64::MAX, |(number, _)| *number);
    }

    /// Whether the actor is to be killed at its message of this number. Each kill comes once.
    #[inline]
    pub(crate) fn at(&mut self, number: u64) -> Option<Moment> {
        if number < self.next { None } else { self.strike() }
    }

    #[cold]
    fn strike(&mut self) -> Option<Moment> {
        let (_, moment) = self.waiting.pop_front()?;
        self.done += 1;
        self.look();
        Some(moment)
    }

    /// How many there have been.
    pub(crate) fn done(&self) -> u64 {
        self.done
    }
}

/// Panics if this is the moment, without a word on standard error: it is no defect that anybody is to look at.
#[inline]
pub(crate) fn kill_at(now: Moment, chosen: Option<Moment>) {
    if chosen == Some(now) {
        die();
    }
}

#[cold]
fn die() -> ! {
    std::panic::resume_unwind(Box::new("killed, as it was asked for"))
}

/// Which actors are killed, and when.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) risk: Kills,
    /// For each symbol.
    pub(crate) matchers: Vec<Kills>,
}

/// One kill in so many is one of risk.
const RISK_ONE_IN: u64 = 4;

impl Plan {
    /// So many kills, spread over the run: of risk, and of the matchers in turn.
    ///
    /// Those of the matchers are at a request's number, those of risk at so many messages of all kinds that it has got.
    pub(crate) fn spread(kills: u64, requests: u64, symbols: u16, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed ^ 0x6b69_6c6c);
        let (mut risk, mut matchers) = (Vec::new(), vec![Vec::new(); usize::from(symbols)]);
        // Some requests are left behind the last kill; and of risk's messages there are more than requests.
        let most = requests as f64 * 0.95;
        for kill in 0..kills {
            let progress = (kill as f64 + 0.5) / kills as f64;
            let moment = [Moment::Before, Moment::After, Moment::Amid][random.below(3) as usize];
            if kill % RISK_ONE_IN == RISK_ONE_IN - 1 {
                // There is nothing amid: risk tells one message for each that it gets.
                let moment = if moment == Moment::Amid { Moment::After } else { moment };
                risk.push(((progress * most) as u64, moment));
            } else {
                let symbol = random.below(u64::from(symbols)) as usize;
                matchers[symbol].push(((progress * most) as u64, moment));
            }
        }
        Self { risk: Kills::new(risk), matchers: matchers.into_iter().map(Kills::new).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kill_comes_once_and_at_its_message_or_behind_it() {
        let mut kills = Kills::new(vec![(7, Moment::After), (3, Moment::Before), (7, Moment::Amid)]);
        let moments: Vec<_> = (0..10).filter_map(|number| Some((number, kills.at(number)?))).collect();
        assert_eq!(moments, [(3, Moment::Before), (7, Moment::After), (8, Moment::Amid)]);
        assert_eq!(kills.done(), 3);
    }

    #[test]
    fn a_plan_has_all_kills_within_the_run() {
        let plan = Plan::spread(100, 100_000, 4, 1);
        assert_eq!((plan.risk.waiting.len(), plan.matchers.len()), (25, 4));
        assert_eq!(plan.matchers.iter().map(|kills| kills.waiting.len()).sum::<usize>(), 75);
        assert!(plan.risk.waiting.iter().all(|(number, moment)| *number < 95_000 && *moment != Moment::Amid));
        assert!(plan.matchers.iter().flat_map(|kills| &kills.waiting).all(|(number, _)| *number < 95_000));
        let mut none = Plan::spread(0, 100, 1, 1);
        assert_eq!(none.risk.at(u64::MAX - 1), None);
    }
}
