//! What a run prints: a text for people, or one JSON object for programs.

use std::io::{self, Write};

use hippodrome_examples::{Latency, places, thousands};
use serde::Serialize;

use crate::outcome::{Disagreement, Outcome};
use crate::workload::{Source, Workload};

/// The figures of a run, under the names that they have in the JSON object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Events applied.
    events: u64,
    /// Symbols, each with a book.
    symbols: u16,
    /// Rows of the orderbook file that a book was compared with; 0 without a file.
    book_rows: u64,
    /// Those that the book had over the depth asked for.
    book_agree: u64,
    /// Messages that were accepted and could not be handled.
    dead_letters: u64,
    /// Events over the time from the first one fed to the last one applied.
    events_per_second: u64,
    /// From when an event is due until its book has applied it.
    latency_ns: Latency,
    /// Removals that were larger than what was known at their price.
    #[serde(skip)]
    unmatched: u64,
    /// Best prices that newer ones replaced before market data came to them.
    #[serde(skip)]
    conflated: u64,
    /// Where the workers were.
    #[serde(skip)]
    workers: String,
}

impl Report {
    /// The figures of `outcome`.
    pub(crate) fn new(workload: &Workload, outcome: &Outcome) -> Self {
        let sum = |figure: fn(&crate::outcome::BookResult) -> u64| outcome.books.iter().map(figure).sum();
        let events: u64 = sum(|book| book.events);
        let seconds = outcome.elapsed.as_secs_f64();
        let events_per_second = if seconds > 0.0 { (events as f64 / seconds) as u64 } else { 0 };
        Self {
            events,
            symbols: workload.symbols(),
            book_rows: sum(|book| book.rows.rows),
            book_agree: sum(|book| book.rows.agree),
            dead_letters: outcome.dead_letters,
            events_per_second,
            latency_ns: Latency::of(&outcome.latency_ns),
            unmatched: sum(|book| book.unmatched),
            conflated: outcome.conflated,
            workers: places(&outcome.cores),
        }
    }

    /// Writes the report as one JSON object on a line of its own.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// Writes the report for people, with the verdict of the independent book.
    pub(crate) fn write_text(
        &self,
        workload: &Workload,
        disagreements: &[Disagreement],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let source = match workload.source() {
            Source::Generated { seed } => format!("generated from seed {seed}"),
            Source::Files => "read from files".to_owned(),
        };
        let (events, symbols) = (thousands(self.events), self.symbols);
        let plural = if symbols == 1 { "" } else { "s" };
        writeln!(out, "order book: {events} events, {symbols} symbol{plural}, {source}\n")?;
        writeln!(out, "  workers           {:>14}", self.workers)?;
        writeln!(out, "  events/s          {:>14}", thousands(self.events_per_second))?;
        if let Some(file) = workload.file() {
            writeln!(out, "  rows compared     {:>14}  depth {}", thousands(self.book_rows), file.depth())?;
            writeln!(out, "  rows that agree   {:>14}", thousands(self.book_agree))?;
        }
        if self.unmatched > 0 {
            writeln!(out, "  beyond the book   {:>14}  removals of shares not known", thousands(self.unmatched))?;
        }
        writeln!(out, "  conflated         {:>14}  best prices that newer ones replaced", thousands(self.conflated))?;
        writeln!(out, "  dead letters      {:>14}\n", thousands(self.dead_letters))?;
        writeln!(out, "{}", self.latency_ns.named("latency"))?;
        writeln!(out, "  From when an event is due until its book has applied it, the time in queues included.\n")?;
        match disagreements.len() {
            0 => writeln!(out, "  The independent book agrees after every event."),
            1 => writeln!(out, "  The independent book DISAGREES in 1 place."),
            count => writeln!(out, "  The independent book DISAGREES in {count} places."),
        }
    }
}

#[cfg(test)]
mod tests {
    use hippodrome_examples::{MAX_LISTED, write_disagreements};

    use super::*;
    use crate::flow::Settings;
    use crate::progress::{Progress, Style};

    fn report() -> Report {
        Report {
            events: 5_000_000,
            symbols: 8,
            book_rows: 0,
            book_agree: 0,
            dead_letters: 0,
            events_per_second: 3_201_222,
            latency_ns: Latency { p50: 120, p90: 1_250, p99: 99_999, p999: 1_500_000, max: 2_000_000_000 },
            unmatched: 0,
            conflated: 1_234,
            workers: places(&[Some(0), Some(1)]),
        }
    }

    fn workload() -> Workload {
        let settings = Settings { events: 10, seed: 7, symbols: 8 };
        Workload::generate(settings, &mut Progress::start("flow", 10, Style::Hidden))
    }

    #[test]
    fn the_object_has_exactly_the_keys_that_are_promised() {
        let mut out = Vec::new();
        report().write_json(&mut out).unwrap();
        let expected = "{\"events\":5000000,\"symbols\":8,\"book_rows\":0,\"book_agree\":0,\"dead_letters\":0,\
                        \"events_per_second\":3201222,\"latency_ns\":{\"p50\":120,\"p90\":1250,\"p99\":99999,\
                        \"p999\":1500000,\"max\":2000000000}}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_text_lines_its_columns_up() {
        let mut out = Vec::new();
        report().write_text(&workload(), &[], &mut out).unwrap();
        let expected = "\
order book: 5,000,000 events, 8 symbols, generated from seed 7

  workers            on cores 0, 1
  events/s               3,201,222
  conflated                  1,234  best prices that newer ones replaced
  dead letters                   0

  latency             p50        p90        p99      p99.9        max
                   120 ns     1.2 µs    99.9 µs     1.5 ms      2.0 s
  From when an event is due until its book has applied it, the time in queues included.

  The independent book agrees after every event.
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_long_list_of_disagreements_is_cut() {
        let list = vec![Disagreement::Books { expected: 2, found: 1 }; MAX_LISTED + 3];
        let mut out = Vec::new();
        write_disagreements("order_book", &list, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), MAX_LISTED + 1);
        assert_eq!(text.lines().next(), Some("order_book: disagreement: 1 books reported, 2 expected"));
        assert_eq!(text.lines().last(), Some("order_book: and 3 more"));
    }
}
