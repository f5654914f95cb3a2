//! The source of the rings: what stands at a site, and which atomic operations there are at all.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::Failure;
use super::equivalent::OUTSIDE;
use super::site::{Site, Spot};

/// The crate whose operations are looked for, from the workspace's root.
const RINGS: &str = "ringbuf/src";

/// Files of the rings that are no part of a protocol.
const NO_PROTOCOL: [&str; 4] =
    ["ringbuf/src/sync.rs", "ringbuf/src/sync/", "ringbuf/src/explore.rs", "ringbuf/src/scheduled.rs"];

const ORDER: &str = "Ordering::";

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// What stands at a site.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    spot: Spot,
    /// The function that it is in.
    pub(crate) function: String,
    /// The line, without the space in front.
    pub(crate) code: String,
    /// Where the atomic was made; see [`made_in`]. Empty for a fence.
    pub(crate) atomic: String,
}

impl Place {
    pub(crate) fn is_of(&self, site: &Site) -> bool {
        self.spot == site.at
    }

    pub(crate) fn file(&self) -> &str {
        &self.spot.file
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}: {}", self.spot.file, self.spot.line, self.function, self.code)?;
        if self.atomic.is_empty() { Ok(()) } else { write!(f, "  on {}", self.atomic) }
    }
}

/// All operations that the source shows.
pub(crate) struct Sources(Vec<Place>);

impl Sources {
    pub(crate) fn read() -> Result<Self, Failure> {
        let mut files = Vec::new();
        collect(&root().join(RINGS), &mut files)?;
        files.sort();
        let mut places = Vec::new();
        for path in files {
            let file = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let is_outside = OUTSIDE.iter().any(|(outside, _)| *outside == file);
            if is_outside || file.ends_with("/models.rs") || NO_PROTOCOL.iter().any(|start| file.starts_with(start)) {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(Failure::io(format!("{file} cannot be read")))?;
            places.extend(operations(&file, &text));
        }
        Ok(Self(places))
    }

    /// Each operation that has a memory order, with the line that it is in.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (&Place, String)> {
        self.0.iter().map(|place| (place, place.to_string()))
    }

    /// What stands at a site.
    pub(crate) fn place(&self, site: &Site) -> Option<Place> {
        let mut place = self.0.iter().find(|place| place.is_of(site))?.clone();
        place.atomic = site.made_at.as_ref().map_or_else(String::new, made_in);
        Some(place)
    }
}

/// The field in which an atomic was made, if it was, behind its file: `spsc/shared.rs tail`.
fn made_in(spot: &Spot) -> String {
    let text = fs::read_to_string(root().join(&spot.file)).unwrap_or_default();
    let line = text.lines().nth(spot.line - 1).unwrap_or_default();
    let code = line.get(..spot.column - 1).unwrap_or(line);
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    // What stands in front of the last colon, as in `tail: CachePadded::new(Cursor::new())`.
    let field = code.rsplit_once(": ").and_then(|(field, _)| field.rsplit(|c| !is_part(c)).next()).unwrap_or_default();
    format!("{} {field}", spot.file.trim_start_matches(RINGS).trim_start_matches('/')).trim().to_owned()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = || Failure::io(format!("{} cannot be read", directory.display()));
    for entry in fs::read_dir(directory).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The operations in front of the tests of a file. Each has an order, so it is where an order is looked for backwards.
/// An order that stands in no call of an operation gives a place too, which no model comes by.
fn operations(file: &str, text: &str) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut function = String::new();
    for (index, line) in text.lines().take_while(|line| *line != "mod tests {").enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if let Some((_, behind)) = code.split_once("fn ") {
            function = behind.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        }
        for (at, _) in code.match_indices(ORDER) {
            let spot = Spot { file: file.to_owned(), line: index + 1, column: call(&code[..at]) + 1 };
            if !places.iter().any(|place| place.spot == spot) {
                let (function, code) = (function.clone(), code.trim().to_owned());
                places.push(Place { spot, function, code, atomic: String::new() });
            }
        }
    }
    places
}

/// Where the name begins of the call whose arguments `code` ends in, or the end of `code`.
fn call(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth > 0 => depth -= 1,
            '(' => {
                let name = code[..at].chars().rev().take_while(|c| c.is_alphanumeric() || *c == '_').count();
                return at - name;
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_by_its_order() {
        let text = "fn publish(&self) {\n    lines.stamp(self.batch).store(f(1), Ordering::Release);\n    \
                    word.compare_exchange(a, b, Ordering::AcqRel, Ordering::Relaxed); // Ordering::SeqCst\n    \
                    fence(Ordering::SeqCst);\n    hidden(x)\n        Ordering::SeqCst\n}\n";
        let found = operations("lane.rs", text);
        let found: Vec<_> = found.iter().map(|place| (place.spot.line, place.spot.column, place.code.len())).collect();
        assert_eq!(found, [(2, 29, 55), (3, 10, 65), (4, 5, 24), (6, 9, 16)]);
    }
}
