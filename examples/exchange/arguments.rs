//! The command line.

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use hippodrome_affinity::CoreSet;
use hippodrome_examples::{Format, parse_cores};
use hippodrome_perf_kit::open_loop::{Pattern, SECOND_NS};

use crate::flow::Settings;
use crate::order::MAX_SYMBOLS;
use crate::pipeline::{Rate, Run};

/// The most requests of one run: 3.2 GB of journals.
const MAX_REQUESTS: u64 = 100_000_000;
/// The most requests a second: one a nanosecond.
const MAX_RATE: u64 = SECOND_NS;
/// The most gateways.
const MAX_GATEWAYS: u64 = 64;
/// At most one request in so many may have a kill.
const KILL_ONE_IN: u32 = 100;

/// Run an exchange: gateways, a risk check, a matcher for each symbol, and market data.
///
/// Without arguments, 2 million requests are sent as fast as they are answered. Exits with 0 when everything is accounted
/// for and the books agree with an independent replay, with 1 when not, and with 2 when the run could not be made.
#[derive(Debug, Parser)]
#[command(name = "exchange")]
pub(crate) struct Arguments {
    /// Requests to send: orders and cancels
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2_000_000,
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=MAX_REQUESTS),
    )]
    pub(crate) events: u32,

    /// Send so many a second, each at its own time, instead of as fast as they are answered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_RATE))]
    pub(crate) rate: Option<u64>,

    /// How requests arrive at that rate: constant or poisson
    #[arg(long, value_name = "PATTERN", default_value = "poisson", requires = "rate")]
    pub(crate) arrivals: Pattern,

    /// Kill a matcher or risk so many times, spread over the run; at most once in a hundred requests
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) kills: u32,

    /// What the requests, the arrivals and the kills follow from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Symbols, each with a matcher, 1 to 64
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_SYMBOLS)),
    )]
    pub(crate) symbols: u16,

    /// Accounts of the traders, at least as many as there are gateways
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) accounts: u16,

    /// Gateways, each with its share of the accounts, 1 to 64
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4,
        value_parser = RangedU64ValueParser::<u16>::new().range(1..=MAX_GATEWAYS),
    )]
    pub(crate) gateways: u16,

    /// Run one worker on each of these cores, such as 0,2-5; the traders and gateways are on the first, risk is on the
    /// second, and the matchers are on those behind it, or with risk. By default on all allowed cores, at most 4
    #[arg(long, value_name = "LIST", value_parser = parse_cores)]
    pub(crate) cores: Option<CoreSet>,

    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Arguments that do not go together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgumentsError {
    #[error("--accounts {accounts}: allowed is {gateways} to 65535, as there are {gateways} gateways")]
    Accounts { accounts: u16, gateways: u16 },
    #[error("--kills {kills}: allowed is 0 to {most} with {events} events")]
    Kills { kills: u32, most: u32, events: u32 },
}

impl Arguments {
    /// The run that is asked for.
    ///
    /// # Errors
    /// Two of them do not go together.
    pub(crate) fn run(&self) -> Result<Run, ArgumentsError> {
        let Self { events, kills, seed, symbols, accounts, gateways, .. } = *self;
        if accounts < gateways {
            return Err(ArgumentsError::Accounts { accounts, gateways });
        }
        let most = events / KILL_ONE_IN;
        if kills > most {
            return Err(ArgumentsError::Kills { kills, most, events });
        }
        let settings = Settings { requests: events, symbols, accounts, gateways, seed };
        let rate = self.rate.map(|per_second| Rate { per_second, pattern: self.arrivals });
        Ok(Run { settings, rate, kills })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("exchange").chain(arguments.iter().copied()))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_arguments_two_million_requests_are_sent_as_fast_as_possible() {
        let run = parse(&[]).unwrap().run().unwrap();
        assert_eq!((run.settings.requests, run.settings.symbols, run.rate, run.kills), (2_000_000, 8, None, 0));
        let rated = parse(&["--rate", "5", "--arrivals", "constant"]).unwrap().run().unwrap();
        assert_eq!(rated.rate, Some(Rate { per_second: 5, pattern: Pattern::Constant }));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let table: [(&[&str], ErrorKind); 13] = [
            (&["--events", "0"], ErrorKind::ValueValidation),
            (&["--events", "100000001"], ErrorKind::ValueValidation),
            (&["--rate", "0"], ErrorKind::ValueValidation),
            (&["--rate", "1000000001"], ErrorKind::ValueValidation),
            (&["--arrivals", "poisson"], ErrorKind::MissingRequiredArgument),
            (&["--rate", "1", "--arrivals", "bursts"], ErrorKind::ValueValidation),
            (&["--symbols", "65"], ErrorKind::ValueValidation),
            (&["--accounts", "0"], ErrorKind::ValueValidation),
            (&["--gateways", "65"], ErrorKind::ValueValidation),
            (&["--kills", "-1"], ErrorKind::UnknownArgument),
            (&["--format", "xml"], ErrorKind::InvalidValue),
            (&["--cores", ""], ErrorKind::ValueValidation),
            (&["flow.csv"], ErrorKind::UnknownArgument),
        ];
        for (arguments, kind) in table {
            let error = parse(arguments).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{arguments:?}");
        }
    }

    #[test]
    fn arguments_that_do_not_go_together_are_refused() {
        let error = |arguments: &[&str]| parse(arguments).unwrap().run().unwrap_err().to_string();
        let accounts = error(&["--accounts", "3"]);
        assert_eq!(accounts, "--accounts 3: allowed is 4 to 65535, as there are 4 gateways");
        let kills = error(&["--events", "1000", "--kills", "11"]);
        assert_eq!(kills, "--kills 11: allowed is 0 to 10 with 1000 events");
    }
}
