//! One test for many seeds, and for one again.

use std::env;

use crate::sim::Sim;
use crate::sim::builder::Builder;

/// The environment's variable that names the one seed to run.
const SEED: &str = "HIPPODROME_SEED";

/// The one that says how many seeds are run.
const SEEDS: &str = "HIPPODROME_SEEDS";

/// Runs a test in simulations with the seeds from 0 to `seeds`. The first that fails ends it, and prints its seed and the
/// command that runs it again.
///
/// With `HIPPODROME_SEED=0x2a` in the environment that seed alone is run; with `HIPPODROME_SEEDS=100000` so many are.
///
/// # Panics
/// If the test does, with its panic; or if one of those two is no number.
///
/// # Examples
/// ```
/// use hippodrome::sim::explore;
/// use hippodrome::{On, from_fn};
///
/// explore(100, |sim| {
///     let probe = sim.probe::<u64>();
///     let to = probe.actor();
///     let next = sim.handle().spawn(On::RoundRobin, move || from_fn(move |n: u64, ctx| ctx.tell(to, n + 1))).unwrap();
///     (0..10).for_each(|n| sim.handle().tell(next, n));
///     let seen: Vec<_> = (0..10).map(|_| probe.expect(sim)).collect();
///     assert!(seen.is_sorted(), "{seen:?}");
/// });
/// ```
pub fn explore(seeds: u64, test: impl FnMut(&mut Sim)) {
    explore_with(seeds, |builder| builder, test);
}

/// [`explore`]s with simulations that are set up in another way.
///
/// # Panics
/// As [`explore`]; or if the simulation's configuration is not valid.
///
/// # Examples
/// ```
/// use hippodrome::sim::{Faults, explore_with};
///
/// explore_with(20, |builder| builder.workers(3).faults(Faults::none().panics(10)), |sim| {
///     assert_eq!(sim.handle().workers(), 3);
/// });
/// ```
pub fn explore_with(seeds: u64, configure: impl Fn(Builder) -> Builder, mut test: impl FnMut(&mut Sim)) {
    let seeds = match number(SEED) {
        Some(seed) => seed..=seed,
        None => match number(SEEDS).unwrap_or(seeds) {
            0 => return,
            seeds => 0..=seeds - 1,
        },
    };
    for seed in seeds {
        let mut builder = configure(Sim::builder(seed));
        builder.is_explored = true;
        let mut sim = match builder.build() {
            Ok(sim) => sim,
            Err(error) => panic!("the simulation cannot be made: {error}"),
        };
        // A simulation that is dropped by a panic says with which seed and how to run it again.
        test(&mut sim);
    }
}

/// The number that a variable of the environment has, if it is set: decimal, or hexadecimal behind `0x`.
fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    let number = parse(&text);
    assert!(number.is_some(), "{name} = {text:?}: allowed is a number, such as 42 or 0x2a");
    number
}

fn parse(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The command that runs the test of this thread again, with this seed if it comes from [`explore`].
pub(crate) fn replay_command(seed: u64, is_explored: bool) -> String {
    let seed = if is_explored { format!("{SEED}={seed:#x} ") } else { String::new() };
    let package = env::var("CARGO_PKG_NAME").map(|name| format!(" -p {name}")).unwrap_or_default();
    let thread = std::thread::current();
    // A test's thread has the test's name.
    let test = thread.name().filter(|name| *name != "main").map(|name| format!(" {name}")).unwrap_or_default();
    format!("{seed}cargo test{package}{test}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_decimal_or_hexadecimal() {
        assert_eq!(parse("42"), Some(42));
        assert_eq!(parse("0x2a"), Some(42));
        assert_eq!(parse("0xffffffffffffffff"), Some(u64::MAX));
        assert_eq!(parse("2a"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_command_names_the_test() {
        let command = replay_command(0x2a, true);
        assert!(command.starts_with("HIPPODROME_SEED=0x2a cargo test"), "{command}");
        assert!(command.ends_with(" sim::explore::tests::the_command_names_the_test"), "{command}");
        assert!(replay_command(1, false).starts_with("cargo test"));
    }
}
