//! The results as people read them.

use std::fmt::Write;

use hippodrome_perf_kit::Spread;
use hippodrome_perf_kit::open_loop::CUT_OFF_NS;
use hippodrome_perf_kit::raw::Bracket;

use super::point::{KEPT_PACE, Point, Quantiles};
use super::recorder::Times;
use super::search::{KNEE_TIMES, base_p99_ns, knee};
use super::setup::{Setup, Topology};

/// A message's three times: what each is called, and how to get at it.
type Part = (&'static str, fn(&Times) -> Quantiles);

const PARTS: [Part; 3] = [
    ("latency: from when a message was to be sent to the end of its handling", |times| {
        Quantiles::of(&times.latency_ns)
    }),
    ("waiting: from when it was to be sent to the start of its handling", |times| Quantiles::of(&times.waiting_ns)),
    ("handling: from the start to the end of its handling", |times| Quantiles::of(&times.handling_ns)),
];

/// What is measured, in a few lines.
pub(crate) fn heading(setup: &Setup) -> String {
    let place = match (setup.topology, setup.cores.second) {
        (Topology::Cross, Some(second)) => {
            format!("a thread on core {} through a port to an actor on core {second}", setup.cores.first)
        }
        _ => format!("one actor to another, both on core {}", setup.cores.first),
    };
    let length = setup.length;
    format!(
        "latency {}: {place}\n\
         {} bytes, {} ns of work, arrivals {}, wait {}, {:?} a rate after {:?} of warm-up\n\
         a reading of the clock takes {:.0} ns, and each handling contains one\n",
        setup.topology.name(),
        setup.payload_bytes,
        setup.work_ns,
        setup.pattern.name(),
        setup.wait(),
        length.measured,
        length.warm_up,
        setup.clock_reading_ns,
    )
}

/// The three tables, and which rate is the knee.
pub(crate) fn tables(points: &[Point]) -> String {
    let knee = knee(points);
    let mut text = String::new();
    for (name, quantiles) in PARTS {
        let _ = write!(text, "\n{name}\n  {:>13} {:>13}", "asked/s", "achieved/s");
        for column in ["p50", "p90", "p99", "p99.9", "p99.99", "max"] {
            let _ = write!(text, " {column:>9}");
        }
        text.push('\n');
        for (index, point) in points.iter().enumerate() {
            row(point, quantiles(&point.times), knee == Some(index), &mut text);
        }
    }
    text.push('\n');
    conclusion(points, knee, &mut text);
    text
}

fn row(point: &Point, quantiles: Quantiles, is_knee: bool, text: &mut String) {
    let mark = if is_knee { '*' } else { ' ' };
    let _ = write!(text, "{mark} {:>13} {:>13}", thousands(point.rate), thousands(point.achieved as u64));
    for ns in quantiles.to_array() {
        let _ = write!(text, " {:>9}", duration(ns));
    }
    text.push_str(match (point.is_cut_off, point.is_saturated) {
        (true, _) => "  cut off",
        (false, true) => "  saturated",
        (false, false) => "",
    });
    text.push('\n');
}

/// The knee, and by which rules.
fn conclusion(points: &[Point], knee: Option<usize>, text: &mut String) {
    let found = match (knee, base_p99_ns(points)) {
        (Some(knee), Some(base_ns)) => {
            let rate = thousands(points[knee].rate);
            let beyond = if knee + 1 == points.len() { " No higher rate was measured." } else { "" };
            format!("* the knee: {rate}/s, with the lowest p99 of all being {}.{beyond}", duration(base_ns))
        }
        _ => "no knee: every rate is saturated; try a lower one".to_owned(),
    };
    let _ = writeln!(
        text,
        "{found}\n  It is the highest rate measured that is not saturated and whose p99 is at most {KNEE_TIMES} times that \
         lowest one.\n  A rate is saturated if messages are handled at under {:.0}% of the pace at which they are due, and \
         is cut off\n  when sending is {} late.",
        KEPT_PACE * 100.0,
        duration(CUT_OFF_NS),
    );
    raw_round_trips(points, text);
}

/// The raw round trips between the cores, which the figures across them depend on.
fn raw_round_trips(points: &[Point], text: &mut String) {
    let brackets: Vec<_> = points.iter().filter_map(|point| point.raw).collect();
    if let Some(spread) = Spread::of(brackets.iter().map(Bracket::mean_ns)) {
        let Spread { min, median, max } = spread;
        let moved = brackets.iter().filter(|bracket| !bracket.is_steady()).count();
        let _ = writeln!(
            text,
            "  A raw round trip between the cores took {median:.0} ns, from {min:.0} to {max:.0} ns; at {moved} of \
             {} rates it changed by\n  more than a fifth meanwhile.",
            brackets.len(),
        );
    }
}

/// One line on a rate that was just measured.
pub(crate) fn progress(point: &Point) -> String {
    let Quantiles { p50, p99, max, .. } = Quantiles::of(&point.times.latency_ns);
    let what = if point.is_saturated { ", saturated" } else { "" };
    let (p50, p99, max) = (duration(p50), duration(p99), duration(max));
    format!("{}/s achieved, p50 {p50}, p99 {p99}, max {max}{what}", thousands(point.achieved as u64))
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

/// Nanoseconds in the unit that leaves one to three digits before the point; cut and not rounded.
fn duration(ns: u64) -> String {
    let (divisor, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    format!("{}.{} {unit}", ns / divisor, ns % divisor * 10 / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_durations_scaled() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 999, 1_000, 999_999, 61_000_000_000].map(duration),
            ["0 ns", "999 ns", "1.0 µs", "999.9 µs", "61.0 s"]
        );
    }
}
