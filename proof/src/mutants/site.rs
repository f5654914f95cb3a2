//! The place of an atomic operation, as the models wrote it down.

use std::fmt;

/// A file from the workspace's root, such as `ringbuf/src/lane.rs`, with a line and a column in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// An atomic operation or a fence that some model comes by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    pub(crate) at: Spot,
    /// Where its atomic was made; nothing for a fence.
    pub(crate) made_at: Option<Spot>,
    /// The method's name, or `fence`.
    pub(crate) operation: String,
    /// Its memory orders, as they stand in the source: two for a compare-and-swap.
    pub(crate) orders: Vec<String>,
}

impl Spot {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, ':');
        let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { file: file.to_owned(), line: line.parse().ok()?, column: column.parse().ok()? })
    }

    fn is_of_a_model(&self) -> bool {
        self.file.ends_with("/models.rs")
    }
}

impl Site {
    /// Reads what the models write: `ringbuf/src/lane.rs:353:37@ringbuf/src/lines.rs:120:50 store Release`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let site = words.next()?;
        let (at, made_at) = match site.split_once('@') {
            Some((at, made_at)) => (at, Some(Spot::parse(made_at)?)),
            None => (site, None),
        };
        let operation = words.next()?.to_owned();
        Some(Self { at: Spot::parse(at)?, made_at, operation, orders: words.map(str::to_owned).collect() })
    }

    /// Whether it belongs to a model and not to a ring.
    pub(crate) fn is_of_a_model(&self) -> bool {
        self.at.is_of_a_model()
    }

    /// Whether more than one ring may come by the same site: a fence has no atomic to tell them apart.
    pub(crate) fn is_shared(&self) -> bool {
        self.made_at.is_none()
    }

    /// How a mutant of this site is named to the models.
    pub(crate) fn key(&self) -> String {
        match &self.made_at {
            Some(made_at) => format!("{}@{made_at}", self.at),
            None => self.at.to_string(),
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.key(), self.operation, self.orders.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_read_as_the_models_write_it() {
        for line in [
            "ringbuf/src/lane.rs:353:33@ringbuf/src/lines.rs:120:50 store Release",
            "ringbuf/src/doorbell.rs:258:9 fence SeqCst",
            "ringbuf/src/oneshot/state.rs:95:32@ringbuf/src/oneshot/state.rs:74:14 compare_exchange Release Acquire",
        ] {
            assert_eq!(Site::parse(line).unwrap().to_string(), line);
        }
        for line in ["", "ringbuf/src/lane.rs:353:33", "lane.rs:353 store Release", "lane.rs:1:x store Release"] {
            assert_eq!(Site::parse(line), None, "{line}");
        }
    }
}
