//! Where a run differs from what the independent replay says of it, and how its requests have ended.

use std::fmt;

use crate::order::{Level, OrderId, Quote, Side, State};
use crate::pipeline::Outcome;
use crate::replay::Replay;

/// How many requests have ended in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends([u64; State::ALL.len()]);

impl Ends {
    /// Those of these requests.
    pub(crate) fn of(states: &[State]) -> Self {
        let mut ends = Self::default();
        states.iter().for_each(|state| ends.0[*state as usize] += 1);
        ends
    }

    pub(crate) fn get(self, state: State) -> u64 {
        self.0[state as usize]
    }
}

/// One way in which a run is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disagreement {
    /// How a request has ended.
    Request { request: OrderId, expected: State, found: State },
    /// The trades of a symbol.
    Trades { symbol: usize, expected: u64, found: u64 },
    /// A price of a side that has other orders, or the same ones in another order, counted from 1 at the best.
    Orders { symbol: usize, side: Side, level: usize, expected: Option<Level>, found: Option<Level> },
    /// The last quote that market data received.
    Quote { symbol: usize, expected: Quote, found: Quote },
    /// What risk says of an account.
    Position { account: usize, symbol: usize },
    /// Accounts that are beyond their limits.
    Limits { accounts: u64 },
    /// Another figure.
    Figure { name: &'static str, expected: u64, found: u64 },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { request, expected, found } => {
                write!(f, "request {request}: its gateway says {found}, the replay {expected}")
            }
            Self::Trades { symbol, expected, found } if expected == found => {
                write!(f, "symbol {symbol}: {found} trades, and the replay has other ones")
            }
            Self::Trades { symbol, expected, found } => {
                write!(f, "symbol {symbol}: {found} trades, the replay has {expected}")
            }
            Self::Orders { symbol, side, level, expected, found } => {
                let show = |level: &Option<Level>| match level {
                    Some(Level { tick, lots }) => format!("{lots} lots at {tick}"),
                    None => "nothing".to_owned(),
                };
                let (expected, found) = (show(expected), show(found));
                write!(f, "symbol {symbol}: {side:?} level {level}: {found}, the replay has {expected}")?;
                if expected == found { f.write_str(" of other orders") } else { Ok(()) }
            }
            Self::Quote { symbol, expected, found } => {
                write!(f, "symbol {symbol}: the last market data is {found:?}, and not {expected:?}")
            }
            Self::Position { account, symbol } => {
                write!(f, "account {account}: what risk says of symbol {symbol} is not what the replay has")
            }
            Self::Limits { accounts } => write!(f, "{accounts} accounts are beyond their limits"),
            Self::Figure { name, expected, found } => write!(f, "{name}: {found}, expected are {expected}"),
        }
    }
}

/// Where `outcome` differs from the replay of what its matchers have accepted.
pub(crate) fn disagreements(outcome: &Outcome, replay: &Replay) -> Vec<Disagreement> {
    let mut list = Vec::new();
    requests(outcome, replay, &mut list);
    books(outcome, replay, &mut list);
    accounts(outcome, replay, &mut list);
    figures(outcome, &mut list);
    list
}

/// A request that was accepted has ended as the replay says; one that was sent and not accepted was refused or lost; and
/// of one that was not sent nobody knows.
fn requests(outcome: &Outcome, replay: &Replay, list: &mut Vec<Disagreement>) {
    for (request, (&found, &replayed)) in (0..).zip(outcome.states.iter().zip(&replay.states)) {
        let was_sent = u64::from(request) < outcome.done.sent;
        let expected = match replayed {
            State::Unknown if !was_sent => State::Unknown,
            State::Unknown if found == State::DeadLetter => State::DeadLetter,
            State::Unknown => State::Rejected,
            accepted => accepted,
        };
        if found != expected {
            list.push(Disagreement::Request { request, expected, found });
        }
    }
}

/// Trades, books and market data.
fn books(outcome: &Outcome, replay: &Replay, list: &mut Vec<Disagreement>) {
    let found = outcome.matchers.iter().zip(outcome.market.quotes());
    for (symbol, ((matcher, &quote), plain)) in found.zip(&replay.books).enumerate() {
        let (found, expected) = (matcher.book().tape(), plain.tape());
        if found != expected {
            list.push(Disagreement::Trades { symbol, expected: expected.trades, found: found.trades });
        }
        for side in Side::BOTH {
            let (found, expected) = (matcher.book().side(side), plain.side(side));
            let depth = found.len().max(expected.len());
            // The first level says it; those behind it often differ for the same reason.
            if let Some(index) = (0..depth).find(|&index| found.get(index) != expected.get(index)) {
                let [expected, found] = [&expected, &found].map(|levels| {
                    levels
                        .get(index)
                        .map(|(tick, orders)| Level { tick: *tick, lots: orders.iter().map(|(_, lots)| lots).sum() })
                });
                list.push(Disagreement::Orders { symbol, side, level: index + 1, expected, found });
            }
        }
        if quote != plain.quote() {
            list.push(Disagreement::Quote { symbol, expected: plain.quote(), found: quote });
        }
    }
}

/// What risk says of the accounts.
fn accounts(outcome: &Outcome, replay: &Replay, list: &mut Vec<Disagreement>) {
    let symbols = replay.books.len();
    let ledger = outcome.risk.ledger();
    for (at, expected) in replay.positions.iter().enumerate() {
        let (account, symbol) = (at / symbols, at % symbols);
        if ledger.position(account as u16, symbol as u16) != *expected {
            list.push(Disagreement::Position { account, symbol });
        }
    }
    match ledger.wrong_accounts() {
        0 => {}
        accounts => list.push(Disagreement::Limits { accounts: accounts as u64 }),
    }
}

/// Each message that was in hand at a kill is a dead letter, and there are no others; each of them was recovered, or its
/// request is lost.
fn figures(outcome: &Outcome, list: &mut Vec<Disagreement>) {
    let lost = Ends::of(&outcome.states).get(State::DeadLetter);
    let figures = [
        ("dead letters of kills", outcome.kills(), outcome.panicked),
        ("dead letters", outcome.kills(), outcome.dead_letters),
        ("messages lost or recovered", outcome.kills(), lost + outcome.recovered()),
        ("requests that were lost", outcome.lost(), lost),
    ];
    for (name, expected, found) in figures {
        if expected != found {
            list.push(Disagreement::Figure { name, expected, found });
        }
    }
}

#[cfg(test)]
mod tests;
