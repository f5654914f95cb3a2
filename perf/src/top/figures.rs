//! Numbers in five or six letters.

/// A number with three digits and a power of a thousand: `999`, `12.3k`, `1.23M`.
pub(super) fn count(value: f64) -> String {
    scaled(value, 1000.0, &["", "k", "M", "G", "T", "P"])
}

/// Bytes with a power of 1024: `16.0K`.
pub(super) fn bytes(value: u64) -> String {
    scaled(value as f64, 1024.0, &["", "K", "M", "G", "T", "P"])
}

/// A time: `850ns`, `12.3µs`; `-` if there is none.
pub(super) fn nanoseconds(value: Option<u64>) -> String {
    value.map_or_else(none, |value| scaled(value as f64, 1000.0, &["ns", "µs", "ms", "s"]))
}

/// A share: `37%`; `-` if there is none.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(none, |share| format!("{:.0}%", share * 100.0))
}

/// A time since something began: `12.3s`, `5m02s`, `3h07m`, `2d11h`.
pub(super) fn uptime(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{seconds:.1}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3600..86_400 => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d{:02}h", whole / 86_400, whole / 3600 % 24),
    }
}

fn none() -> String {
    "-".to_owned()
}

/// The value in the largest unit of which it has one, with three digits; in the last unit, whatever it takes.
fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (value, 0);
    // What would be rounded up to four digits has one of the next unit.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{}", units[unit])
}

/// A Rust type without the paths of its parts: `Book<Level>` for `order_book::Book<order_book::Level>`. What a closure
/// is in stays.
pub(super) fn type_name(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    let mut rest = full;
    while let Some(letter) = rest.chars().next() {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()).max(letter.len_utf8());
        let (part, behind) = rest.split_at(end);
        match behind.strip_prefix("::") {
            Some(inner) if part.starts_with(is_part) && !inner.starts_with('{') => rest = inner,
            _ => {
                short.push_str(part);
                rest = behind;
            }
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let counts = [(0.0, "0"), (999.4, "999"), (999.5, "1.00k"), (12_345.0, "12.3k"), (999_500.0, "1.00M")];
        for (value, shown) in counts {
            assert_eq!(count(value), shown);
        }
        assert_eq!(count(4.2e18), "4200P");
        assert_eq!([bytes(0), bytes(640), bytes(16 << 10), bytes(1536 << 10)], ["0", "640", "16.0K", "1.50M"]);
        assert_eq!([850, 12_345, 3_600_000_000_000].map(|ns| nanoseconds(Some(ns))), ["850ns", "12.3µs", "3600s"]);
        assert_eq!([nanoseconds(None), percent(None), percent(Some(0.374))], ["-", "-", "37%"]);
        let uptimes = [(0.04, "0.0s"), (59.9, "59.9s"), (302.0, "5m02s"), (11_220.0, "3h07m"), (212_400.0, "2d11h")];
        for (seconds, shown) in uptimes {
            assert_eq!(uptime(seconds), shown);
        }
    }

    #[test]
    fn a_type_has_no_paths() {
        let cases = [
            ("Book", "Book"),
            ("order_book::actors::Book", "Book"),
            ("a::Map<b::Key, [c::d::Value; 4]>", "Map<Key, [Value; 4]>"),
            ("(a::B, &mut c::D)", "(B, &mut D)"),
            ("a::FnActor<u64, b::run::{{closure}}>", "FnActor<u64, run::{{closure}}>"),
            ("b::run::{{closure}}::{{closure}}", "run::{{closure}}::{{closure}}"),
            ("<é::Ä as b::T>::U", "<Ä as T>::U"),
            ("", ""),
        ];
        for (full, short) in cases {
            assert_eq!(type_name(full), short);
        }
    }
}
