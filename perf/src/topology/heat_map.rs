//! The matrix for people: shades and numbers, readable without colour.

use std::fmt;

use hippodrome_perf_kit::Spread;

use super::matrix::{Matrix, is_unstable};

/// From near to far. Of equal width in every font for terminals.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];

/// The same as background colours of the 256-colour palette, from green to red, each with black on it.
const COLOURS: [u8; 4] = [114, 186, 215, 203];

/// More cores than this are shown by shades alone: the numbers would not fit a line.
const NUMBERED_CORES_MAX: usize = 16;

/// Medians that lie closer together than this, greatest over least, are of one shade.
const ONE_SHADE_WITHIN: f64 = 1.2;

/// Prints a matrix.
#[derive(Debug)]
pub(super) struct HeatMap<'a> {
    /// What is printed.
    pub(super) matrix: &'a Matrix,
    /// Whether to use ANSI colours.
    pub(super) is_coloured: bool,
}

impl fmt::Display for HeatMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.matrix.cores();
        if let [only] = cores {
            return writeln!(f, "raw round trips: core {only} is the only one, so there is none to measure");
        }
        let Some(overall) = self.matrix.overall_ns() else {
            return writeln!(f, "raw round trips: the time was over before one was measured");
        };
        let scale = Scale::new(overall);
        writeln!(f, "raw round trips in ns, the median of {}\n", self.matrix.rounds())?;
        if cores.len() <= NUMBERED_CORES_MAX {
            self.write_numbers(&scale, f)?;
        } else {
            self.write_shades(&scale, f)?;
        }
        writeln!(f)?;
        scale.write_legend(self.is_coloured, f)?;
        let Spread { min, median, max } = overall;
        writeln!(f, "least {min:.0}, median {median:.0}, greatest {max:.0}")?;
        self.write_notes(f)
    }
}

impl HeatMap<'_> {
    /// A shade and a number in each cell, and a mark where it is unstable.
    fn write_numbers(&self, scale: &Scale, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.matrix.cores();
        let digits = format!("{:.0}", scale.max).len().max(4);
        write!(f, "core")?;
        for core in cores {
            write!(f, " {core:>width$} ", width = digits + 1)?;
        }
        writeln!(f)?;
        for (row, core) in cores.iter().enumerate() {
            write!(f, "{core:>4}")?;
            for column in 0..cores.len() {
                let Some(ns) = self.matrix.round_trip_ns(row, column) else {
                    let nothing = if row == column { "-" } else { "?" };
                    write!(f, " {nothing:>width$} ", width = digits + 1)?;
                    continue;
                };
                let mark = if is_unstable(&ns) { '!' } else { ' ' };
                let number = format!("{:>digits$.0}{mark}", ns.median);
                write!(f, " {}", scale.cell(ns.median, &number, self.is_coloured))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    /// Two columns of the terminal a core, and the numbers of the cores above, read downwards.
    fn write_shades(&self, scale: &Scale, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.matrix.cores();
        let labels: Vec<String> = cores.iter().map(|core| format!("{core:>4}")).collect();
        for digit in 0..4 {
            let line: String = labels.iter().map(|label| format!(" {}", &label[digit..=digit])).collect();
            if !line.trim().is_empty() {
                writeln!(f, "    {}", line.trim_end())?;
            }
        }
        for (row, label) in labels.iter().enumerate() {
            write!(f, "{label}")?;
            for column in 0..cores.len() {
                match self.matrix.round_trip_ns(row, column) {
                    Some(ns) if is_unstable(&ns) => write!(f, "{}", scale.cell(ns.median, "!", self.is_coloured))?,
                    Some(ns) => {
                        let again = SHADES[scale.shade(ns.median)].to_string();
                        let second = if self.is_coloured { " " } else { &again };
                        write!(f, "{}", scale.cell(ns.median, second, self.is_coloured))?;
                    }
                    None => f.write_str(if row == column { " -" } else { " ?" })?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.matrix.cores();
        let unstable: Vec<_> = self.matrix.measured().filter(|(_, ns)| is_unstable(ns)).collect();
        if !unstable.is_empty() {
            writeln!(
                f,
                "! {} of {} pairs differ by over 20% between their repeats:",
                unstable.len(),
                self.matrix.pairs()
            )?;
            for ((a, b), ns) in unstable.iter().take(NAMED_PAIRS_MAX) {
                writeln!(f, "  {} and {}: {:.0} to {:.0}", cores[*a], cores[*b], ns.min, ns.max)?;
            }
            if unstable.len() > NAMED_PAIRS_MAX {
                writeln!(f, "  and {} more", unstable.len() - NAMED_PAIRS_MAX)?;
            }
        }
        let missing = self.matrix.pairs() - self.matrix.measured().count();
        if missing > 0 {
            writeln!(f, "? the time was over before {missing} pairs were measured; a larger --budget helps")?;
        }
        Ok(())
    }
}

/// The most unstable pairs that are named.
const NAMED_PAIRS_MAX: usize = 12;

/// Which shade a round trip has: equal ratios from one to the next.
struct Scale {
    min: f64,
    max: f64,
}

impl Scale {
    fn new(overall: Spread) -> Self {
        Self { min: overall.min, max: overall.max }
    }

    fn is_flat(&self) -> bool {
        self.max <= self.min * ONE_SHADE_WITHIN
    }

    /// The index of the shade of a round trip.
    fn shade(&self, ns: f64) -> usize {
        if self.is_flat() {
            return 0;
        }
        let position = (ns / self.min).ln() / (self.max / self.min).ln();
        ((position * SHADES.len() as f64) as usize).min(SHADES.len() - 1)
    }

    fn cell(&self, ns: f64, text: &str, is_coloured: bool) -> String {
        let shade = self.shade(ns);
        if is_coloured {
            format!("\x1b[30;48;5;{}m {text}\x1b[0m", COLOURS[shade])
        } else {
            format!("{}{text}", SHADES[shade])
        }
    }

    fn write_legend(&self, is_coloured: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_flat() {
            return Ok(());
        }
        let mut parts = Vec::new();
        for shade in 0..SHADES.len() {
            let upper = self.min * (self.max / self.min).powf((shade + 1) as f64 / SHADES.len() as f64);
            parts.push(self.cell_of_legend(shade, &format!(" up to {upper:.0}"), is_coloured));
        }
        writeln!(f, "{}", parts.join("   "))
    }

    fn cell_of_legend(&self, shade: usize, text: &str, is_coloured: bool) -> String {
        if is_coloured {
            format!("\x1b[30;48;5;{}m  \x1b[0m{text}", COLOURS[shade])
        } else {
            format!("{}{text}", SHADES[shade])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(matrix: &Matrix, is_coloured: bool) -> String {
        HeatMap { matrix, is_coloured }.to_string()
    }

    /// Two caches of two cores each; in the same cache 40 ns, across 400.
    fn two_caches() -> Matrix {
        Matrix::made_up(&[0, 1, 2, 3], 3, |a, b| if a / 2 == b / 2 { 40.0 } else { 400.0 })
    }

    #[test]
    fn near_and_far_differ_in_shade_and_number() {
        let text = printed(&two_caches(), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "raw round trips in ns, the median of 3");
        assert_eq!(lines[2], "core     0      1      2      3 ");
        assert_eq!(lines[3], "   0     -  ░  40  █ 400  █ 400 ");
        assert_eq!(lines[6], "   3 █ 400  █ 400  ░  40      - ");
        assert_eq!(lines[8], "░ up to 71   ▒ up to 126   ▓ up to 225   █ up to 400");
        assert_eq!(lines[9], "least 40, median 400, greatest 400");
        assert_eq!(lines.len(), 10, "{text}");
    }

    #[test]
    fn colour_is_beside_the_numbers_and_not_instead_of_them() {
        let text = printed(&two_caches(), true);
        assert!(text.contains("\x1b[30;48;5;114m   40 \x1b[0m"), "{text:?}");
        assert!(text.contains("\x1b[30;48;5;203m  400 \x1b[0m"), "{text:?}");
        assert!(!printed(&two_caches(), false).contains('\x1b'));
    }

    #[test]
    fn many_cores_are_shown_by_shades_of_equal_width() {
        let cores: Vec<u32> = (0..20).collect();
        let text = printed(&Matrix::made_up(&cores, 1, |a, b| f64::from(50 + 10 * (b - a))), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], format!("    {}{}", " ".repeat(20), " 1".repeat(10)));
        assert_eq!(lines[3], format!("    {}", " 0 1 2 3 4 5 6 7 8 9".repeat(2)));
        assert!(lines[4].starts_with("   0 -░░"), "{text}");
        assert!(lines[4].ends_with("██"), "{text}");
        assert!(lines[4..24].iter().all(|line| line.chars().count() == 44), "{text}");
    }

    #[test]
    fn unstable_pairs_are_marked_and_named() {
        let mut figures = [100.0, 100.0, 130.0, 100.0, 100.0, 100.0].into_iter();
        let text = printed(&Matrix::made_up(&[5, 7, 9], 2, |_, _| figures.next().unwrap()), false);
        // The second round of each pair comes after the first of all.
        assert!(
            text.contains("! 1 of 3 pairs differ by over 20% between their repeats:\n  7 and 9: 100 to 130\n"),
            "{text}"
        );
        assert!(text.contains("115!"), "{text}");
    }

    #[test]
    fn one_core_is_said_to_be_alone() {
        let text = printed(&Matrix::made_up(&[3], 2, |_, _| 0.0), false);
        assert_eq!(text, "raw round trips: core 3 is the only one, so there is none to measure\n");
    }
}
