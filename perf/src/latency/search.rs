//! Which rates are measured, and which of them is the knee.
//!
//! The **knee** is the highest measured rate that is not saturated and whose p99 is at most [`KNEE_TIMES`] the base: the
//! lowest p99 of all rates that are not saturated. The base is not simply that of the lowest rate, since a worker that
//! parks between two messages takes longer for a few of them than for many.
//!
//! Methods that look for the sharpest bend of a curve, such as Kneedle (Satopää, Albrecht, Irwin, Raghavan 2011), scale
//! the curve to what was measured, so the place that they find moves with how far beyond saturation one went. A multiple
//! of the base does not, and it is what somebody with a limit on latency asks for.

use hippodrome_perf_kit::Failure;

use super::point::Point;

/// How many times the base the p99 of the knee may be.
pub(crate) const KNEE_TIMES: u64 = 10;

/// The highest rate, in messages a second: one a nanosecond.
pub(crate) const MAX_RATE: u64 = 1_000_000_000;

/// Each step's rate is so many times the one before.
const STEP: u64 = 2;

/// So many rates are measured between the knee of the steps and the next higher rate, each in the middle of what is
/// left.
const REFINEMENTS: usize = 3;

/// The search ends at so many saturated rates in a row. One may be an interruption by the machine.
const SATURATED_IN_A_ROW: usize = 2;

/// Measures these rates, in rising order.
///
/// # Errors
/// Those of `measure`.
pub(crate) fn each(
    rates: &[u64],
    mut measure: impl FnMut(u64) -> Result<Point, Failure>,
) -> Result<Vec<Point>, Failure> {
    let mut rates = rates.to_vec();
    rates.sort_unstable();
    rates.dedup();
    rates.into_iter().map(&mut measure).collect()
}

/// Measures from `start` in steps until the rates are saturated, and then around the knee. The points are in the order
/// of their rates.
///
/// # Errors
/// Those of `measure`.
pub(crate) fn to_saturation(
    start: u64,
    mut measure: impl FnMut(u64) -> Result<Point, Failure>,
) -> Result<Vec<Point>, Failure> {
    let mut points = Vec::new();
    let (mut rate, mut saturated) = (start, 0);
    while rate <= MAX_RATE && saturated < SATURATED_IN_A_ROW {
        let point = measure(rate)?;
        saturated = if point.is_saturated { saturated + 1 } else { 0 };
        points.push(point);
        rate *= STEP;
    }
    for _ in 0..REFINEMENTS {
        let Some(knee) = knee(&points) else { break };
        let Some(above) = points.get(knee + 1) else { break };
        let middle = round((points[knee].rate as f64 * above.rate as f64).sqrt());
        if middle <= points[knee].rate || middle >= above.rate {
            break;
        }
        points.insert(knee + 1, measure(middle)?);
    }
    Ok(points)
}

/// To two digits, which is finer than what a rate can be told to.
fn round(rate: f64) -> u64 {
    let unit = 10_f64.powi((rate.log10().floor() as i32 - 1).max(0));
    ((rate / unit).round() * unit) as u64
}

/// The base: the lowest p99 of all points that are not saturated.
pub(crate) fn base_p99_ns(points: &[Point]) -> Option<u64> {
    points.iter().filter(|point| !point.is_saturated).map(Point::p99_ns).min()
}

/// The index of the knee in points in the order of their rates; `None` if all are saturated.
pub(crate) fn knee(points: &[Point]) -> Option<usize> {
    let limit_ns = base_p99_ns(points)?.saturating_mul(KNEE_TIMES);
    points.iter().rposition(|point| !point.is_saturated && point.p99_ns() <= limit_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::recorder::Times;
    use std::time::SystemTime;

    /// A point whose messages all had the same latency.
    fn point(rate: u64, latency_ns: u64, is_saturated: bool) -> Point {
        let mut times = Times::new();
        times.latency_ns.record_n(latency_ns, 1_000).unwrap();
        Point {
            rate,
            achieved: rate as f64,
            times,
            intervals: Vec::new(),
            began_at: SystemTime::UNIX_EPOCH,
            seconds: 1.0,
            is_saturated,
            is_cut_off: false,
            raw: None,
        }
    }

    #[test]
    fn the_knee_is_the_highest_rate_near_the_base() {
        let curve = [
            point(1, 5_000, false),
            point(2, 1_000, false),
            point(4, 30_000, false),
            point(8, 9_000, false),
            point(16, 11_000, false),
            point(32, 900, true),
        ];
        assert_eq!(base_p99_ns(&curve).map(|ns| ns / 100), Some(10));
        assert_eq!(knee(&curve), Some(3));
        assert_eq!(knee(&curve[..1]), Some(0));
        assert_eq!(knee(&curve[5..]), None);
        assert_eq!(knee(&[]), None);
    }

    /// A queue whose latency goes up from 500,000 a second on, and which handles no more than 700,000.
    fn queue(rate: u64) -> Point {
        point(rate, if rate < 500_000 { 1_000 } else { 50_000 }, rate > 700_000)
    }

    #[test]
    fn the_steps_end_beyond_saturation_and_close_in_on_the_knee() {
        let mut rates = Vec::new();
        let points = to_saturation(10_000, |rate| {
            rates.push(rate);
            Ok(queue(rate))
        })
        .unwrap();
        let steps = [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000];
        assert_eq!(rates[..9], steps);
        assert_eq!(rates[9..], [450_000, 540_000, 490_000]);
        assert!(points.is_sorted_by_key(|point| point.rate));
        assert_eq!(points[knee(&points).unwrap()].rate, 490_000);
    }

    #[test]
    fn one_saturated_rate_does_not_end_the_steps_and_the_greatest_rate_does() {
        let mut last = 0;
        to_saturation(300_000_000, |rate| {
            last = rate;
            Ok(point(rate, 1_000, rate == 300_000_000))
        })
        .unwrap();
        assert_eq!(last, 600_000_000);
    }

    #[test]
    fn named_rates_are_measured_once_each_and_in_order() {
        let points = each(&[3, 1, 3, 2], |rate| Ok(point(rate, 1_000, false))).unwrap();
        assert_eq!(points.iter().map(|point| point.rate).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn rates_are_rounded_to_two_digits() {
        assert_eq!([1.4, 14.1, 141.4, 141_421.0, 565_685.4].map(round), [1, 14, 140, 140_000, 570_000]);
    }
}
