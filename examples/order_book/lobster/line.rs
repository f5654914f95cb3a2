//! Lines of comma-separated numbers, read byte by byte without an allocation per line.

use std::io::{self, BufRead, Read};
use std::ops::RangeInclusive;

use super::error::{Flaw, MAX_LINE_BYTES};

/// The most bytes of a malformed field that an error repeats.
const MAX_EXCERPT_BYTES: usize = 32;

/// The lines of a reader, one at a time in one buffer.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::with_capacity(MAX_LINE_BYTES + 2) }
    }

    /// The next line without its end, which is LF, CR LF or the end of the file; `None` behind the last one.
    ///
    /// A longer line than [`MAX_LINE_BYTES`] is cut, so that no file can take the memory: [`Fields`] refuses it.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.clear();
        let limit = (MAX_LINE_BYTES + 2) as u64;
        if self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        let line = self.buffer.as_slice();
        let Some(line) = line.strip_suffix(b"\n") else { return Ok(Some(line)) };
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// One column of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) text: &'a [u8],
    /// Counted from 1.
    column: usize,
    /// Where the text starts in the line, counted from 1.
    byte: usize,
}

impl Field<'_> {
    /// The error that this field is not what was expected of it.
    #[cold]
    pub(super) fn flaw(&self, name: impl Into<String>, expected: impl Into<String>) -> Box<Flaw> {
        let found = quote(self.text);
        let (column, byte) = (self.column, self.byte);
        Box::new(Flaw { column, byte, name: name.into(), found, expected: expected.into() })
    }

    /// The field as a whole number within `range`.
    pub(super) fn integer(&self, name: &str, range: &RangeInclusive<i64>) -> Result<i64, Box<Flaw>> {
        match integer(self.text) {
            Some(value) if range.contains(&value) => Ok(value),
            _ => Err(self.flaw(name, format!("a whole number from {} to {}", range.start(), range.end()))),
        }
    }
}

/// The columns of a line, from left to right.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    rest: Option<&'a [u8]>,
    column: usize,
    byte: usize,
}

impl<'a> Fields<'a> {
    /// The columns of `line`, if it is not too long.
    pub(super) fn of(line: &'a [u8]) -> Result<Self, Box<Flaw>> {
        if line.len() <= MAX_LINE_BYTES {
            return Ok(Self { rest: Some(line), column: 1, byte: 1 });
        }
        let within = &line[..MAX_LINE_BYTES];
        let start = within.iter().rposition(|&byte| byte == b',').map_or(0, |comma| comma + 1);
        let column = 1 + within.iter().filter(|&&byte| byte == b',').count();
        let field = Field { text: &line[start..], column, byte: start + 1 };
        Err(field.flaw("line", format!("the line to end after at most {MAX_LINE_BYTES} bytes")))
    }

    /// The next column, which is called `name` and is one of `columns`.
    pub(super) fn next(&mut self, name: &str, columns: usize) -> Result<Field<'a>, Box<Flaw>> {
        let Some(rest) = self.rest else {
            return Err(Box::new(Flaw {
                column: self.column,
                byte: self.byte,
                name: name.to_owned(),
                found: "the end of the line".to_owned(),
                expected: format!("{columns} columns"),
            }));
        };
        let comma = rest.iter().position(|&byte| byte == b',');
        let text = &rest[..comma.unwrap_or(rest.len())];
        let field = Field { text, column: self.column, byte: self.byte };
        self.rest = comma.map(|comma| &rest[comma + 1..]);
        self.column += 1;
        self.byte += text.len() + usize::from(comma.is_some());
        Ok(field)
    }

    /// Makes sure that nothing follows the last of `columns`.
    pub(super) fn end(self, columns: usize) -> Result<(), Box<Flaw>> {
        let Some(text) = self.rest else { return Ok(()) };
        let field = Field { text, column: self.column, byte: self.byte };
        Err(field.flaw("beyond the last", format!("the end of the line after {columns} columns")))
    }
}

/// A decimal whole number: digits, after a minus sign if it is negative, and nothing else.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let magnitude = natural(digits)?;
    match negative {
        true if magnitude == 0 => None,
        true => Some(-magnitude),
        false => Some(magnitude),
    }
}

/// One or more digits that stand for a number that fits.
pub(super) fn natural(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// `text` between quotation marks, cut and with what is not printable escaped.
fn quote(text: &[u8]) -> String {
    let shown = &text[..text.len().min(MAX_EXCERPT_BYTES)];
    let more = if shown.len() < text.len() { "..." } else { "" };
    format!("\"{}\"{more}", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_whole_numbers_are_numbers() {
        for (text, value) in [("0", 0), ("7", 7), ("-1", -1), ("007", 7), ("9223372036854775807", i64::MAX)] {
            assert_eq!(integer(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "-", "-0", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "--1", "9223372036854775808", "\u{661}"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lines_end_with_lf_or_crlf_or_the_file() {
        let mut lines = Lines::new(&b"a\nb\r\n\r\n\nc\r"[..]);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push(line.to_vec());
        }
        assert_eq!(seen, [&b"a"[..], b"b", b"", b"", b"c\r"]);
    }

    #[test]
    fn a_line_of_the_greatest_length_is_read_and_a_longer_one_is_refused() {
        for end in ["", "\n", "\r\n"] {
            let text = "1".repeat(MAX_LINE_BYTES) + end;
            assert!(Fields::of(Lines::new(text.as_bytes()).next().unwrap().unwrap()).is_ok());
            let text = "1,2,".to_owned() + &"1".repeat(MAX_LINE_BYTES - 3) + end;
            let mut lines = Lines::new(text.as_bytes());
            let flaw = Fields::of(lines.next().unwrap().unwrap()).unwrap_err();
            assert_eq!((flaw.column, flaw.byte), (3, 5));
            assert_eq!(flaw.found, format!("\"{}\"...", "1".repeat(MAX_EXCERPT_BYTES)));
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut lines = Lines::new(io::BufReader::new(io::repeat(b'1')));
        let line = lines.next().unwrap().unwrap();
        assert!(line.len() <= MAX_LINE_BYTES + 2);
        assert!(Fields::of(line).is_err());
    }

    #[test]
    fn an_excerpt_is_printable() {
        assert_eq!(quote(b"a\"\x00\xff\n"), r#""a\"\x00\xff\n""#);
    }
}
