//! What a run must be, and that whatever is changed in its outcome is noticed.

use hippodrome::config::{Config, WorkerConfig};

use super::*;
use crate::flow::Settings;
use crate::order::{Action, Request};
use crate::pipeline::Run;
use crate::replay::PlainBook;

const SETTINGS: Settings = Settings { requests: 20_000, symbols: 3, accounts: 40, gateways: 3, seed: 5 };

/// Workers of no core of their own, so many.
fn workers(count: usize) -> Config {
    let mut config = Config::default();
    config.workers = vec![WorkerConfig::default(); count];
    config
}

fn outcome(kills: u32, config: Config) -> (Outcome, Replay) {
    let outcome = Run { settings: SETTINGS, rate: None, kills }.execute(config).unwrap();
    let journals = outcome.matchers.iter().map(|matcher| matcher.journal().entries());
    let replay = Replay::of(outcome.states.len(), SETTINGS.accounts, journals);
    (outcome, replay)
}

#[test]
fn with_any_number_of_workers_and_kills_everything_is_accounted_for() {
    for (count, kills) in [(1, 0), (1, 100), (2, 200), (3, 200), (4, 50)] {
        let (outcome, replay) = outcome(kills, workers(count));
        assert_eq!(disagreements(&outcome, &replay), [], "{count} workers, {kills} kills");
        assert_eq!((outcome.kills(), outcome.done.sent), (u64::from(kills), 20_000));
        let ends = Ends::of(&outcome.states);
        assert_eq!(ends.get(State::Unknown) + ends.get(State::Sent), 0);
        let all = [State::Resting, State::Filled, State::Cancelled, State::Done, State::TooLate, State::Rejected];
        assert!(all.iter().all(|state| ends.get(*state) > 0), "{ends:?}");
        assert_eq!(ends.get(State::DeadLetter) > 0, kills > 0);
    }
}

/// A request that an actor's message was made of is one that the flow has.
#[test]
fn every_difference_is_named() {
    type Change = fn(&mut Outcome, &mut Replay);
    let table: [(Change, &str); 9] = [
        (|found, _| found.states[7] = State::Sent, "request 7: its gateway says not answered, the replay "),
        (|found, _| found.states.iter_mut().for_each(|state| *state = State::DeadLetter), "request 0: "),
        (|_, replay| replay.books[1] = PlainBook::default(), "symbol 1: the last market data is "),
        (|_, replay| replay.books.swap(0, 1), "symbol 0: "),
        (|_, replay| replay.positions[4].lots += 1, "account 1: what risk says of symbol 1 is not what the replay has"),
        (|_, replay| replay.positions[2].open[0] += 1, "account 0: what risk says of symbol 2 is not"),
        (|found, _| found.panicked += 1, "dead letters of kills: 1, expected are 0"),
        (|found, _| found.dead_letters += 1, "dead letters: 1, expected are 0"),
        (rest_one_more, "symbol 2: Buy level 1: "),
    ];
    for (change, text) in table {
        let (mut outcome, mut replay) = outcome(0, workers(2));
        change(&mut outcome, &mut replay);
        let found = disagreements(&outcome, &replay);
        let first = found.first().map(Disagreement::to_string).unwrap_or_default();
        assert!(found.iter().any(|one| one.to_string().starts_with(text)), "{first} instead of {text}");
    }
}

/// One more order in the replay's third book, at the best price and behind those there.
fn rest_one_more(_: &mut Outcome, replay: &mut Replay) {
    let tick = replay.books[2].quote().bid.unwrap().tick;
    let action = Action::Limit { lots: 1, tick };
    let request = Request { due_ns: 0, id: 0, action, account: 0, symbol: 2, side: Side::Buy };
    let mut states = vec![State::Unknown; 20_000];
    replay.books[2].apply(&request, &mut states, |_| {});
}

#[test]
fn a_request_that_was_neither_accepted_nor_refused_is_noticed() {
    let (mut outcome, replay) = outcome(0, workers(2));
    let refused = outcome.states.iter().position(|state| *state == State::Rejected).unwrap();
    outcome.states[refused] = State::Resting;
    let expected = Disagreement::Request { request: refused as u32, expected: State::Rejected, found: State::Resting };
    assert_eq!(disagreements(&outcome, &replay), [expected]);
    // One that is said to be a dead letter must have gone with a kill.
    outcome.states[refused] = State::DeadLetter;
    let lost = Disagreement::Figure { name: "requests that were lost", expected: 0, found: 1 };
    assert!(disagreements(&outcome, &replay).contains(&lost));
}
