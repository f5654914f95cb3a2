//! The trace: what a simulation did, line by line.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::io;

use crate::address::Address;

/// Lines that are kept for the report of a failure.
const TAIL_LINES: usize = 40;

/// The hash of Fowler, Noll and Vo, 64 bits, variant 1a.
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// Writes lines, and keeps their hash and the last of them always.
pub(crate) struct Trace {
    hash: u64,
    tail: VecDeque<String>,
    recorded: Option<String>,
    writer: Option<Box<dyn io::Write>>,
    error: Option<io::Error>,
}

impl Trace {
    pub(crate) fn new(records: bool, writer: Option<Box<dyn io::Write>>) -> Self {
        Self {
            hash: FNV_OFFSET,
            tail: VecDeque::with_capacity(TAIL_LINES),
            recorded: records.then(String::new),
            writer,
            error: None,
        }
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) {
        // The oldest line's memory becomes the newest line's.
        let mut line =
            if self.tail.len() == TAIL_LINES { self.tail.pop_front().unwrap_or_default() } else { String::new() };
        line.clear();
        // A `String` takes everything; only a `Display` of the caller's own could fail, and then the line is short.
        let _ = writeln!(line, "{text}");
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        if let Some(recorded) = &mut self.recorded {
            recorded.push_str(&line);
        }
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.write_all(line.as_bytes())
        {
            self.error = Some(error);
            self.writer = None;
        }
        self.tail.push_back(line);
    }

    /// The hash of all lines so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// All lines so far, if they are recorded.
    pub(crate) fn recorded(&self) -> Option<&str> {
        self.recorded.as_deref()
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().map(|line| line.trim_end())
    }

    /// Flushes the writer; or why it was given up.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.writer.as_mut().map_or(Ok(()), |writer| writer.flush()),
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Trace({:016x})", self.hash)
    }
}

/// An address as the trace has it: without the engine's number, which depends on how many engines the process had.
pub(crate) struct Place(pub(crate) Address);

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address) = self;
        if address.tag == crate::address::Tag::WORKER {
            return write!(formatter, "{}", address.worker());
        }
        write!(formatter, "{}/{}.{}", address.worker(), address.slot(), address.generation())
    }
}

/// A Rust type's name without the modules that it and its parameters are in.
pub(crate) struct ShortName(pub(crate) &'static str);

impl fmt::Display for ShortName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while !rest.is_empty() {
            let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '{' | '}' | '#');
            let path = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
            let (name, others) = rest.split_at(path);
            formatter.write_str(name.rsplit("::").next().unwrap_or(name))?;
            let between = others.find(is_path).unwrap_or(others.len());
            let (between, others) = others.split_at(between);
            formatter.write_str(between)?;
            rest = others;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_fowler_noll_and_vo() {
        let mut trace = Trace::new(true, None);
        assert_eq!(trace.hash(), 0xCBF2_9CE4_8422_2325);
        trace.line(format_args!("foobar"));
        // Of "foobar" alone it is 85944171f73967e8; the line's end comes after it.
        assert_eq!(trace.hash(), (0x8594_4171_F739_67E8 ^ 0x0A_u64).wrapping_mul(FNV_PRIME));
        assert_eq!(trace.recorded(), Some("foobar\n"));
    }

    #[test]
    fn the_last_lines_are_kept() {
        let mut trace = Trace::new(false, None);
        (0..100).for_each(|n| trace.line(format_args!("{n}")));
        assert_eq!(trace.tail().collect::<Vec<_>>(), (60..100).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn a_writer_that_fails_is_given_up_and_tells_why() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("no room"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut trace = Trace::new(false, Some(Box::new(Full)));
        trace.line(format_args!("one"));
        trace.line(format_args!("two"));
        assert_eq!(trace.flush().unwrap_err().to_string(), "no room");
    }

    #[test]
    fn names_lose_their_modules() {
        let short = |name| ShortName(name).to_string();
        assert_eq!(short("u64"), "u64");
        assert_eq!(short("a::b::Foo<c::Bar, [d::e::Baz; 3]>"), "Foo<Bar, [Baz; 3]>");
        assert_eq!(short("h::FnActor<u64, t::a_test::{{closure}}>"), "FnActor<u64, {{closure}}>");
    }
}
