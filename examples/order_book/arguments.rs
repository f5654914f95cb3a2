//! The command line.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use hippodrome_affinity::CoreSet;
use hippodrome_examples::{Format, parse_cores};

use crate::event::{MAX_EVENTS, MAX_SYMBOLS, NANOSECONDS_A_SECOND};

/// The most events a second.
const MAX_RATE: u64 = NANOSECONDS_A_SECOND;

/// Keep limit order books from a feed, and check them against an independent book.
///
/// Without arguments, a seeded flow of 5 million events for 8 symbols is generated. Exits with 0 when the
/// independent book agrees, with 1 when it does not, and with 2 when the run could not be made.
#[derive(Debug, Parser)]
#[command(name = "order_book")]
pub(crate) struct Arguments {
    /// Read the events from this LOBSTER message file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["events", "seed", "symbols"])]
    pub(crate) messages: Option<PathBuf>,

    /// Start from row 0 of this LOBSTER orderbook file and compare every further row
    #[arg(long, value_name = "FILE", requires = "messages")]
    pub(crate) book: Option<PathBuf>,

    /// Levels of the orderbook file to compare, from the best, 1 to 10
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        requires = "book",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=10),
    )]
    pub(crate) depth: usize,

    /// Events to generate
    #[arg(
        long,
        value_name = "N",
        default_value_t = 5_000_000,
        value_parser = clap::value_parser!(u64).range(1..=MAX_EVENTS),
    )]
    pub(crate) events: u64,

    /// What the generated flow follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Symbols to generate, 1 to 64
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_SYMBOLS)),
    )]
    pub(crate) symbols: u16,

    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// Show progress even if standard error is not a terminal
    #[arg(long)]
    pub(crate) progress: bool,

    /// Configure the engine from this TOML file
    #[arg(long, value_name = "FILE", conflicts_with = "cores")]
    pub(crate) config: Option<PathBuf>,

    /// Run one worker on each of these cores, such as 0,2-5; the feed is on the first. By default on all allowed
    /// cores, at most 4
    #[arg(long, value_name = "LIST", value_parser = parse_cores)]
    pub(crate) cores: Option<CoreSet>,

    /// Send so many events a second, each at its own time, instead of as fast as possible
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    pub(crate) rate: Option<NonZeroU64>,
}

/// A number of events a second, from one to one each nanosecond.
fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    let rate = text.parse().ok().filter(|rate: &NonZeroU64| rate.get() <= MAX_RATE);
    rate.ok_or_else(|| format!("a whole number from 1 to {MAX_RATE} is needed"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_arguments_five_million_events_are_generated_for_eight_symbols() {
        let arguments = Arguments::try_parse_from(["order_book"]).unwrap();
        assert_eq!((arguments.events, arguments.symbols, arguments.depth), (5_000_000, 8, 1));
        assert_eq!(arguments.format, Format::Text);
        assert_eq!((arguments.messages, arguments.book), (None, None));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let table: [(&[&str], ErrorKind); 14] = [
            (&["--book", "b.csv"], ErrorKind::MissingRequiredArgument),
            (&["--depth", "2"], ErrorKind::MissingRequiredArgument),
            (&["--messages", "m.csv", "--book", "b.csv", "--depth", "0"], ErrorKind::ValueValidation),
            (&["--messages", "m.csv", "--book", "b.csv", "--depth", "11"], ErrorKind::ValueValidation),
            (&["--messages", "m.csv", "--events", "5"], ErrorKind::ArgumentConflict),
            (&["--events", "0"], ErrorKind::ValueValidation),
            (&["--symbols", "65"], ErrorKind::ValueValidation),
            (&["--format", "xml"], ErrorKind::InvalidValue),
            (&["--cores", "1-"], ErrorKind::ValueValidation),
            (&["--cores", ""], ErrorKind::ValueValidation),
            (&["--cores", "0", "--config", "c.toml"], ErrorKind::ArgumentConflict),
            (&["--rate", "0"], ErrorKind::ValueValidation),
            (&["--rate", "1000000001"], ErrorKind::ValueValidation),
            (&["file.csv"], ErrorKind::UnknownArgument),
        ];
        for (arguments, kind) in table {
            let all = std::iter::once("order_book").chain(arguments.iter().copied());
            let error = Arguments::try_parse_from(all).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{arguments:?}");
        }
    }
}
