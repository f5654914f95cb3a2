//! Amounts in words: three digits and a unit.

/// Three significant digits, without zeros at the end of an integer.
fn digits(amount: f64) -> String {
    let decimals = match amount.abs() {
        amount if amount >= 99.95 || amount.fract() == 0.0 => 0,
        amount if amount >= 9.995 => 1,
        _ => 2,
    };
    format!("{amount:.decimals$}")
}

/// The amount in the first unit in which it is below a thousand, or in the last.
fn scaled(amount: f64, units: &[&str]) -> String {
    let mut amount = amount;
    if amount == 0.0 {
        return "0".to_owned();
    }
    for (index, unit) in units.iter().enumerate() {
        if amount < 999.5 || index + 1 == units.len() {
            return format!("{}\u{a0}{unit}", digits(amount));
        }
        amount /= 1000.0;
    }
    digits(amount)
}

/// A time: `3.15 ns`, `1.20 µs`, `8.00 ms`.
pub(super) fn time(ns: f64) -> String {
    scaled(ns, &["ns", "µs", "ms", "s"])
}

/// A rate: `317 M/s`.
pub(super) fn rate(per_second: f64) -> String {
    scaled(per_second, &["/s", "k/s", "M/s", "G/s", "T/s"])
}

/// A factor: `22.5×`.
pub(super) fn times(factor: f64) -> String {
    if factor >= 999.5 { format!("{}×", count(factor.round() as u64)) } else { format!("{}×", digits(factor)) }
}

/// A plain number.
pub(super) fn number(amount: f64) -> String {
    if amount.abs() >= 999.5 && amount >= 0.0 { count(amount.round() as u64) } else { digits(amount) }
}

/// A share: `0.42%`.
pub(super) fn share(share: f64) -> String {
    format!("{}%", digits(share * 100.0))
}

/// A number with its thousands parted: `100,000`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut parted = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    parted
}

/// A noun with its number: `1 core`, `2 cores`, `3 deliveries`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {}", count(number), plural(noun)) }
}

/// The plural of the nouns that measurements are made of.
pub(super) fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_three_digits_and_a_unit() {
        let words = [3.1512, 95.0, 999.4, 999.6, 12_345.0, 1.5e6, 7.2e9, 7.2e12].map(time);
        let expected = [
            "3.15\u{a0}ns",
            "95\u{a0}ns",
            "999\u{a0}ns",
            "1.00\u{a0}µs",
            "12.3\u{a0}µs",
            "1.50\u{a0}ms",
            "7.20\u{a0}s",
        ];
        assert_eq!(words[..7], expected);
        assert_eq!(words[7], "7200\u{a0}s");
        assert_eq!([time(0.0), rate(0.0)], ["0", "0"]);
        assert_eq!([0.5, 3.171e8, 2e9].map(rate), ["0.50\u{a0}/s", "317\u{a0}M/s", "2\u{a0}G/s"]);
        assert_eq!([22.46, 1.0, 0.834, 12_345.6].map(times), ["22.5×", "1×", "0.83×", "12,346×"]);
        assert_eq!([share(0.0042), share(1.0)], ["0.42%", "100%"]);
    }

    #[test]
    fn thousands_are_parted() {
        assert_eq!([0, 999, 1_000, 100_000, 1_234_567].map(count), ["0", "999", "1,000", "100,000", "1,234,567"]);
        assert_eq!([counted(1, "delivery"), counted(2_000, "delivery")], ["1 delivery", "2,000 deliveries"]);
        assert_eq!(plural("round trip"), "round trips");
    }
}
