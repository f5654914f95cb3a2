//! Numbers, durations and latencies as people read them.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies in nanoseconds that so many of all events did not exceed.
///
/// It is shown as two lines, the names of the quantiles above their values, each indented by two blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half of them.
    pub p50: u64,
    /// Nine of ten.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl Latency {
    /// The quantiles of a histogram of nanoseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }

    /// Shows the two lines with this name in front.
    #[must_use]
    pub fn named(self, name: &str) -> impl fmt::Display {
        Named { name, latency: self }
    }
}

struct Named<'a> {
    name: &'a str,
    latency: Latency,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p90, p99, p999, max } = self.latency;
        write!(f, "  {:<12}", self.name)?;
        for quantile in ["p50", "p90", "p99", "p99.9", "max"] {
            write!(f, " {quantile:>10}")?;
        }
        write!(f, "\n  {:<12}", "")?;
        for value in [p50, p90, p99, p999, max] {
            write!(f, " {:>10}", duration(value))?;
        }
        Ok(())
    }
}

/// A number with commas between its thousands.
///
/// # Examples
/// ```
/// assert_eq!(hippodrome_examples::thousands(1_234_567), "1,234,567");
/// ```
#[must_use]
pub fn thousands(number: u64) -> String {
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
///
/// # Examples
/// ```
/// assert_eq!(hippodrome_examples::duration(1_234), "1.2 µs");
/// ```
#[must_use]
pub fn duration(nanoseconds: u64) -> String {
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

    #[test]
    fn the_quantiles_stand_above_their_values() {
        let latency = Latency { p50: 120, p90: 1_250, p99: 99_999, p999: 1_500_000, max: 2_000_000_000 };
        let expected = "  latency             p50        p90        p99      p99.9        max\n                   \
                        120 ns     1.2 µs    99.9 µs     1.5 ms      2.0 s";
        assert_eq!(latency.named("latency").to_string(), expected);
    }
}
