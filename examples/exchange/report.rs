//! What a run prints: a text for people, or one JSON object for programs.

use std::io::{self, Write};

use hdrhistogram::Histogram;
use hippodrome_examples::{Latency, duration, places, thousands};
use hippodrome_perf_kit::open_loop::{SECOND_NS, nanoseconds};
use serde::Serialize;

use crate::order::State;
use crate::pipeline::{Outcome, Run};
use crate::verdict::{Disagreement, Ends};

/// How the requests have ended: each in one of these.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Counts {
    filled: u64,
    resting: u64,
    cancelled: u64,
    rejected: u64,
    dead_letters: u64,
    /// Requests to cancel that did.
    cancels_done: u64,
    /// Requests to cancel that came too late.
    cancels_too_late: u64,
}

/// The figures of a run, under the names that they have in the JSON object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Requests sent.
    events: u64,
    symbols: u16,
    accounts: u16,
    gateways: u16,
    /// The rate that was asked for, if one was.
    rate_per_second: Option<u64>,
    /// Requests over the time from the first one being due to the last one being answered.
    events_per_second: u64,
    /// Whether the traders were so late that they gave up.
    cut_off: bool,
    ends: Counts,
    trades: u64,
    lots: u64,
    /// Kills that were asked for, and those that there were.
    kills_asked: u32,
    kills: u64,
    /// Messages in hand at a kill that were done after it.
    recovered: u64,
    /// Quotes that market data got, and those that newer ones replaced on the way.
    quotes: u64,
    conflated: u64,
    /// From when a request was to be sent until its gateway has the answer.
    latency_ns: Latency,
    /// The p99 of each second.
    p99_ns_by_second: Vec<u64>,
    /// Where the workers were.
    #[serde(skip)]
    workers: String,
}

impl Report {
    /// The figures of `outcome`.
    pub(crate) fn new(run: &Run, outcome: &Outcome) -> Self {
        let (ends, done) = (Ends::of(&outcome.states), outcome.done);
        let tapes = || outcome.matchers.iter().map(|matcher| matcher.book().tape());
        let mut latency_ns = nanoseconds();
        for second in &outcome.seconds {
            latency_ns.add(second).expect("all of them have the same bounds");
        }
        Self {
            events: done.sent,
            symbols: run.settings.symbols,
            accounts: run.settings.accounts,
            gateways: run.settings.gateways,
            rate_per_second: run.rate.map(|rate| rate.per_second),
            events_per_second: (done.sent as f64 * SECOND_NS as f64 / done.elapsed_ns.max(1) as f64) as u64,
            cut_off: done.is_cut_off,
            ends: Counts {
                filled: ends.get(State::Filled),
                resting: ends.get(State::Resting),
                cancelled: ends.get(State::Cancelled),
                rejected: ends.get(State::Rejected),
                dead_letters: ends.get(State::DeadLetter),
                cancels_done: ends.get(State::Done),
                cancels_too_late: ends.get(State::TooLate),
            },
            trades: tapes().map(|tape| tape.trades).sum(),
            lots: tapes().map(|tape| tape.lots).sum(),
            kills_asked: run.kills,
            kills: outcome.kills(),
            recovered: outcome.recovered(),
            quotes: outcome.market.updates(),
            conflated: outcome.matchers.iter().map(|matcher| matcher.conflated()).sum(),
            latency_ns: Latency::of(&latency_ns),
            p99_ns_by_second: outcome.seconds.iter().map(p99_ns).collect(),
            workers: places(&outcome.cores),
        }
    }

    /// Writes the report as one JSON object on a line of its own.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// Writes the report for people, with the verdict of the independent replay.
    pub(crate) fn write_text(&self, disagreements: &[Disagreement], out: &mut impl Write) -> io::Result<()> {
        let plural = if self.symbols == 1 { "" } else { "s" };
        let (events, symbols, accounts) = (thousands(self.events), self.symbols, self.accounts);
        let gateways = self.gateways;
        writeln!(
            out,
            "exchange: {events} requests, {symbols} symbol{plural}, {accounts} accounts, {gateways} gateways\n"
        )?;
        writeln!(out, "  workers           {:>14}", self.workers)?;
        let asked = self.rate_per_second.map_or("as fast as they were answered".to_owned(), |rate| {
            format!("{} asked for{}", thousands(rate), if self.cut_off { ", and given up" } else { "" })
        });
        writeln!(out, "  requests/s        {:>14}  {asked}", thousands(self.events_per_second))?;
        writeln!(out, "  trades            {:>14}  of {} lots", thousands(self.trades), thousands(self.lots))?;
        let (quotes, conflated) = (thousands(self.quotes), thousands(self.conflated));
        writeln!(out, "  market data       {quotes:>14}  quotes, and {conflated} that newer ones replaced")?;
        let (kills, asked) = (thousands(self.kills), thousands(self.kills_asked.into()));
        writeln!(out, "  kills             {kills:>14}  of {asked}; {} in hand were recovered\n", self.recovered)?;
        let ends = &self.ends;
        for (name, count, note) in [
            ("filled", ends.filled, ""),
            ("resting", ends.resting, ""),
            ("cancelled", ends.cancelled, ""),
            ("rejected", ends.rejected, ""),
            ("dead letters", ends.dead_letters, ""),
            ("cancels", ends.cancels_done, "  done"),
            ("", ends.cancels_too_late, "  too late"),
        ] {
            writeln!(out, "  {name:<17} {:>14}{note}", thousands(count))?;
        }
        writeln!(out, "\n{}", self.latency_ns.named("latency"))?;
        writeln!(out, "  From when a request was to be sent until its gateway has the answer.")?;
        if let (Some(least), Some(most)) = (self.p99_ns_by_second.iter().min(), self.p99_ns_by_second.iter().max())
            && self.p99_ns_by_second.len() > 1
        {
            writeln!(out, "  The p99 of single seconds was from {} to {}.", duration(*least), duration(*most))?;
        }
        match disagreements.len() {
            0 => writeln!(out, "\n  The independent replay agrees: each request, trade, level and position."),
            1 => writeln!(out, "\n  The independent replay DISAGREES in 1 place."),
            count => writeln!(out, "\n  The independent replay DISAGREES in {count} places."),
        }
    }
}

fn p99_ns(latency_ns: &Histogram<u64>) -> u64 {
    latency_ns.value_at_quantile(0.99)
}

#[cfg(test)]
mod tests;
