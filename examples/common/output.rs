//! What programs print whose result is checked: in which form, on which cores it came about, and where it is wrong.

use std::fmt::Display;
use std::io::{self, Write};

use clap::ValueEnum;

/// The most disagreements that are listed one by one.
pub const MAX_LISTED: usize = 20;

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A report for people
    Text,
    /// One JSON object
    Json,
}

/// The workers' cores, or how many have none.
#[must_use]
pub fn places(cores: &[Option<u32>]) -> String {
    let pinned: Vec<String> = cores.iter().flatten().map(u32::to_string).collect();
    match (pinned.len(), cores.len() - pinned.len()) {
        (_, 0) => format!("on cores {}", pinned.join(", ")),
        (0, anywhere) => format!("{anywhere} on any core"),
        (_, anywhere) => format!("on cores {}, {anywhere} on any", pinned.join(", ")),
    }
}

/// Writes each disagreement on a line, up to a limit, behind the name of the program.
///
/// # Errors
/// That of the output.
pub fn write_disagreements<D: Display>(program: &str, list: &[D], out: &mut impl Write) -> io::Result<()> {
    for disagreement in list.iter().take(MAX_LISTED) {
        writeln!(out, "{program}: disagreement: {disagreement}")?;
    }
    match list.len().saturating_sub(MAX_LISTED) {
        0 => Ok(()),
        more => writeln!(out, "{program}: and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_where_they_were_pinned() {
        let table: [(&[Option<u32>], &str); 3] = [
            (&[Some(0), Some(3)], "on cores 0, 3"),
            (&[None, None], "2 on any core"),
            (&[Some(1), None], "on cores 1, 1 on any"),
        ];
        for (cores, text) in table {
            assert_eq!(places(cores), text);
        }
    }
}
