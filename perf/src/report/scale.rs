//! Scales: where a value stands between the two ends of an axis, and which values are marked on it.

/// Above this ratio of the greatest value to the least, the small ones could not be told from nothing.
const LINEAR_MAX: f64 = 20.0;

/// An axis from 0.0 to 1.0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// From zero.
    Linear {
        /// The value at 1.0.
        max: f64,
    },
    /// By the logarithm.
    Log {
        /// The value at 0.0.
        min: f64,
        /// The value at 1.0.
        max: f64,
    },
}

impl Scale {
    /// For bars of these values: linear where all of them can be seen so, otherwise logarithmic.
    pub(super) fn for_bars(values: impl IntoIterator<Item = f64>) -> Self {
        match ends(values) {
            Some((low, high)) if high / low > LINEAR_MAX => {
                // Half the least value, so that its bar has a length.
                Self::Log { min: power_below(low / 2.0), max: step_above(high) }
            }
            Some((_, high)) => Self::Linear { max: high * 1.02 },
            None => Self::Linear { max: 1.0 },
        }
    }

    /// For points of these values: logarithmic where bars would be.
    pub(super) fn for_points(values: impl IntoIterator<Item = f64>) -> Self {
        match ends(values) {
            Some((low, high)) if high / low > LINEAR_MAX => Self::log([low, high]),
            Some((_, high)) => Self::Linear { max: high * 1.02 },
            None => Self::Linear { max: 1.0 },
        }
    }

    /// Logarithmic, for points of these values.
    pub(super) fn log(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = ends(values).unwrap_or((1.0, 10.0));
        let (min, max) = (step_below(low), step_above(high));
        if min < max { Self::Log { min, max } } else { Self::Log { min, max: min * 10.0 } }
    }

    /// Whether equal steps are equal factors.
    pub(super) fn is_log(&self) -> bool {
        matches!(self, Self::Log { .. })
    }

    /// Where the value stands; a value beyond an end stands at that end.
    pub(super) fn position(&self, value: f64) -> f64 {
        let position = match *self {
            Self::Linear { max } => value / max,
            Self::Log { min, max } => (value.max(f64::MIN_POSITIVE) / min).ln() / (max / min).ln(),
        };
        if position.is_nan() { 0.0 } else { position.clamp(0.0, 1.0) }
    }

    /// The values to be marked: up to seven, ascending.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match *self {
            Self::Linear { max } => {
                let step = step_above(max / 6.0);
                (0..).map(|tick| f64::from(tick) * step).take_while(|value| *value <= max).collect()
            }
            Self::Log { min, max } => {
                let (first, last) = (min.log10().ceil() as i32, max.log10().floor() as i32);
                let every = ((last - first) / 6 + 1) as usize;
                let powers: Vec<f64> = (first..=last).step_by(every).map(|power| 10_f64.powi(power)).collect();
                // Less than two powers of ten would not tell the scale.
                if powers.len() >= 2 { powers } else { vec![min, max] }
            }
        }
    }
}

/// The least and the greatest of those that can stand on a logarithmic scale.
fn ends(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let values = values.into_iter().filter(|value| value.is_finite() && *value > 0.0);
    values.fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

fn power_below(value: f64) -> f64 {
    10_f64.powf(value.log10().floor())
}

/// 1, 2 or 5 times a power of ten, not below the value.
fn step_above(value: f64) -> f64 {
    let power = power_below(value);
    [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= value * 0.999).unwrap_or(value)
}

/// 1, 2 or 5 times a power of ten, not above the value.
fn step_below(value: f64) -> f64 {
    let power = power_below(value);
    [5.0, 2.0, 1.0].map(|step| step * power).into_iter().find(|step| *step <= value * 1.001).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_linear_until_the_small_ones_vanish() {
        let linear = Scale::for_bars([10.0, 100.0]);
        assert!(!linear.is_log());
        assert!((linear.position(100.0) - 0.98).abs() < 0.01 && linear.position(0.0) == 0.0);
        let log = Scale::for_bars([10.0, 3000.0]);
        assert_eq!(log, Scale::Log { min: 1.0, max: 5000.0 });
        assert!(log.position(10.0) > 0.1);
        assert_eq!(log.ticks(), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn whatever_the_values_a_position_is_between_the_ends() {
        for values in [vec![], vec![0.0], vec![5.0], vec![f64::NAN, -1.0], vec![1e-300, 1e300]] {
            let scales = [Scale::for_bars, Scale::for_points, Scale::log].map(|make| make(values.clone()));
            for scale in scales {
                for value in [-1.0, 0.0, 1e-300, 5.0, 1e300, f64::INFINITY, f64::NAN] {
                    assert!((0.0..=1.0).contains(&scale.position(value)), "{scale:?} {value}");
                }
                assert!((1..=8).contains(&scale.ticks().len()), "{scale:?} {:?}", scale.ticks());
            }
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(Scale::Linear { max: 3.4 }.ticks(), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(Scale::log([120.0, 480.0]).ticks(), [100.0, 500.0]);
        assert_eq!(Scale::Log { min: 1.0, max: 1e12 }.ticks().len(), 5);
    }
}
