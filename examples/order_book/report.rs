//! What a run prints: a text for people, or one JSON object for programs.

use std::io::{self, Write};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::outcome::{Disagreement, Outcome};
use crate::workload::{Source, Workload};

/// The most disagreements that are listed one by one.
const MAX_LISTED: usize = 20;

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
    /// From fed to applied.
    latency_ns: Latency,
    /// Removals that were larger than what was known at their price.
    #[serde(skip)]
    unmatched: u64,
}

/// Latencies in nanoseconds that so many of all events did not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Latency {
    p50: u64,
    p90: u64,
    p99: u64,
    p999: u64,
    max: u64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
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
        writeln!(out, "  events/s          {:>14}", thousands(self.events_per_second))?;
        if let Some(file) = workload.file() {
            writeln!(out, "  rows compared     {:>14}  depth {}", thousands(self.book_rows), file.depth())?;
            writeln!(out, "  rows that agree   {:>14}", thousands(self.book_agree))?;
        }
        if self.unmatched > 0 {
            writeln!(out, "  beyond the book   {:>14}  removals of shares not known", thousands(self.unmatched))?;
        }
        writeln!(out, "  dead letters      {:>14}\n", thousands(self.dead_letters))?;
        let Latency { p50, p90, p99, p999, max } = self.latency_ns;
        writeln!(out, "  latency {:>10} {:>10} {:>10} {:>10} {:>10}", "p50", "p90", "p99", "p99.9", "max")?;
        write!(out, "         ")?;
        for value in [p50, p90, p99, p999, max] {
            write!(out, " {:>10}", duration(value))?;
        }
        writeln!(out, "\n")?;
        match disagreements.len() {
            0 => writeln!(out, "  The independent book agrees after every event."),
            1 => writeln!(out, "  The independent book DISAGREES in 1 place."),
            count => writeln!(out, "  The independent book DISAGREES in {count} places."),
        }
    }
}

/// Writes each disagreement on a line, up to a limit.
pub(crate) fn write_disagreements(list: &[Disagreement], out: &mut impl Write) -> io::Result<()> {
    for disagreement in list.iter().take(MAX_LISTED) {
        writeln!(out, "order_book: disagreement: {disagreement}")?;
    }
    match list.len().saturating_sub(MAX_LISTED) {
        0 => Ok(()),
        more => writeln!(out, "order_book: and {more} more"),
    }
}

/// A number with commas between its thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds in the unit that leaves one to three digits before the point.
fn duration(nanoseconds: u64) -> String {
    let (divisor, unit) = match nanoseconds {
        0..1_000 => return format!("{nanoseconds} ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    // Cut and not rounded, so that 999,999 ns stay below a millisecond.
    format!("{}.{} {unit}", nanoseconds / divisor, nanoseconds % divisor * 10 / divisor)
}

#[cfg(test)]
mod tests {
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

  events/s               3,201,222
  dead letters                   0

  latency        p50        p90        p99      p99.9        max
              120 ns     1.2 µs    99.9 µs     1.5 ms      2.0 s

  The independent book agrees after every event.
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_long_list_of_disagreements_is_cut() {
        let list = vec![Disagreement::Books { expected: 2, found: 1 }; MAX_LISTED + 3];
        let mut out = Vec::new();
        write_disagreements(&list, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), MAX_LISTED + 1);
        assert_eq!(text.lines().next(), Some("order_book: disagreement: 1 books reported, 2 expected"));
        assert_eq!(text.lines().last(), Some("order_book: and 3 more"));
    }

    #[test]
    fn numbers_are_grouped_and_durations_scaled() {
        let table = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in table {
            assert_eq!(thousands(number), text);
        }
        let table =
            [(0, "0 ns"), (999, "999 ns"), (1_000, "1.0 µs"), (999_999, "999.9 µs"), (61_000_000_000, "61.0 s")];
        for (nanoseconds, text) in table {
            assert_eq!(duration(nanoseconds), text);
        }
    }
}
