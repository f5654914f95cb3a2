//! A set of cores, written as the kernel writes it: `0-3,8`.
//!
//! The set is a small bitset that is as long as its highest core needs and never longer than 512 bytes, so it is cheap
//! to hold in an error, and set operations go 64 cores at a time.

use crate::{CoreId, MAX_CORES};
use std::fmt;
use std::str::FromStr;

const WORD_BITS: usize = u64::BITS as usize;

/// How much of a hostile text an error repeats.
const EXCERPT_CHARS: usize = 80;

/// A set of cores.
///
/// It reads and prints the kernel's list format: numbers and ranges, parted by commas. Printing gives the shortest list
/// in ascending order; parsing accepts overlaps, any order, and white space around the parts.
///
/// ```
/// use hippodrome_affinity::{CoreId, CoreSet};
///
/// let mut set: CoreSet = "8,0-2,1-3\n".parse()?;
/// assert_eq!(set.to_string(), "0-3,8");
/// assert_eq!(set.len(), 5);
///
/// set.remove(CoreId::new(1)?);
/// let others: CoreSet = "2-9".parse()?;
/// assert_eq!(set.intersection(&others).to_string(), "2-3,8");
///
/// let error = "0-3,9-7".parse::<CoreSet>().unwrap_err();
/// assert_eq!(error.to_string(), r#"core list "0-3,9-7": the range "9-7" runs backwards: the lower core comes first"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct CoreSet {
    /// Bit `i` of word `w` is core `64 * w + i`. The last word is never zero, so that equal sets are equal vectors.
    words: Vec<u64>,
}

impl CoreSet {
    /// The empty set; it does not allocate.
    #[must_use]
    pub const fn new() -> Self {
        Self { words: Vec::new() }
    }

    /// Whether `core` is in the set.
    #[must_use]
    pub fn contains(&self, core: CoreId) -> bool {
        self.words.get(core.index() / WORD_BITS).is_some_and(|word| word >> (core.index() % WORD_BITS) & 1 == 1)
    }

    /// Adds `core`; tells whether it was new.
    pub fn insert(&mut self, core: CoreId) -> bool {
        let new = !self.contains(core);
        self.insert_range(core, core);
        new
    }

    /// Takes `core` out; tells whether it was there.
    pub fn remove(&mut self, core: CoreId) -> bool {
        let held = self.contains(core);
        if held {
            self.words[core.index() / WORD_BITS] &= !(1 << (core.index() % WORD_BITS));
            self.trim();
        }
        held
    }

    /// How many cores there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is no core.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The lowest core, if there is one.
    #[must_use]
    pub fn first(&self) -> Option<CoreId> {
        self.iter().next()
    }

    /// The cores in ascending order.
    #[must_use]
    pub fn iter(&self) -> Cores<'_> {
        Cores { words: &self.words, word: self.words.first().copied().unwrap_or(0), index: 0 }
    }

    /// The cores of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (short, long) = if self.words.len() < other.words.len() { (self, other) } else { (other, self) };
        let mut union = long.clone();
        for (word, more) in union.words.iter_mut().zip(&short.words) {
            *word |= more;
        }
        union
    }

    /// The cores of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut common = Self { words: self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect() };
        common.trim();
        common
    }

    /// The cores of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        for (word, less) in rest.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
        rest.trim();
        rest
    }

    /// Whether every core of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }

    /// The list, or a word if it is empty; for sentences.
    pub(crate) fn in_words(&self) -> String {
        if self.is_empty() { "none".to_owned() } else { self.to_string() }
    }

    /// Adds the cores from `low` to `high`, both included.
    fn insert_range(&mut self, low: CoreId, high: CoreId) {
        let (first, last) = (low.index() / WORD_BITS, high.index() / WORD_BITS);
        if self.words.len() <= last {
            self.words.resize(last + 1, 0);
        }
        for (index, word) in self.words.iter_mut().enumerate().take(last + 1).skip(first) {
            let from = if index == first { low.index() % WORD_BITS } else { 0 };
            let to = if index == last { high.index() % WORD_BITS } else { WORD_BITS - 1 };
            *word |= (u64::MAX << from) & (u64::MAX >> (WORD_BITS - 1 - to));
        }
    }

    /// Drops the zero words at the end.
    fn trim(&mut self) {
        let used = self.words.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
        self.words.truncate(used);
    }
}

impl From<CoreId> for CoreSet {
    fn from(core: CoreId) -> Self {
        Self::from_iter([core])
    }
}

impl FromIterator<CoreId> for CoreSet {
    fn from_iter<I: IntoIterator<Item = CoreId>>(cores: I) -> Self {
        let mut set = Self::new();
        set.extend(cores);
        set
    }
}

impl Extend<CoreId> for CoreSet {
    fn extend<I: IntoIterator<Item = CoreId>>(&mut self, cores: I) {
        for core in cores {
            self.insert(core);
        }
    }
}

impl<'a> IntoIterator for &'a CoreSet {
    type Item = CoreId;
    type IntoIter = Cores<'a>;

    fn into_iter(self) -> Cores<'a> {
        self.iter()
    }
}

/// The cores of a [`CoreSet`] in ascending order.
#[derive(Debug, Clone)]
pub struct Cores<'a> {
    words: &'a [u64],
    /// What is left of the word at `index`.
    word: u64,
    index: usize,
}

impl Iterator for Cores<'_> {
    type Item = CoreId;

    fn next(&mut self) -> Option<CoreId> {
        while self.word == 0 {
            self.index += 1;
            self.word = *self.words.get(self.index)?;
        }
        let bit = self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        CoreId::try_from(self.index * WORD_BITS + bit).ok()
    }
}

impl fmt::Display for CoreSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cores = self.iter().map(CoreId::get).peekable();
        let mut comma = "";
        while let Some(low) = cores.next() {
            let mut high = low;
            while let Some(next) = cores.next_if_eq(&(high + 1)) {
                high = next;
            }
            match high - low {
                0 => write!(f, "{comma}{low}")?,
                _ => write!(f, "{comma}{low}-{high}")?,
            }
            comma = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for CoreSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CoreSet({self})")
    }
}

impl FromStr for CoreSet {
    type Err = ParseCoreSetError;

    /// Parses `0-3,8`; a text of white space alone is the empty set. It takes time linear in the text.
    fn from_str(text: &str) -> Result<Self, ParseCoreSetError> {
        let mut set = Self::new();
        if text.trim().is_empty() {
            return Ok(set);
        }
        for part in text.split(',') {
            let part = part.trim();
            let (low, high) = match part.split_once('-') {
                Some((low, high)) => (core(low, part, text)?, core(high, part, text)?),
                None => (core(part, part, text)?, core(part, part, text)?),
            };
            if low > high {
                return Err(ParseCoreSetError::Reversed { value: excerpt(text), part: excerpt(part) });
            }
            set.insert_range(low, high);
        }
        Ok(set)
    }
}

/// The core that `digits` names; `part` and `text` are where it stands.
fn core(digits: &str, part: &str, text: &str) -> Result<CoreId, ParseCoreSetError> {
    let (value, part) = (|| excerpt(text), || excerpt(part));
    if digits.contains(':') {
        return Err(ParseCoreSetError::Stride { value: value(), part: part() });
    }
    // `u32::from_str` would take a plus sign.
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseCoreSetError::NotACore { value: value(), part: part() });
    }
    let number = digits.parse::<u32>().ok().and_then(|number| CoreId::new(number).ok());
    number.ok_or_else(|| ParseCoreSetError::TooLarge { value: value(), part: part() })
}

/// The start of `text`, short enough for an error.
pub(crate) fn excerpt(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Why a text is not a list of cores. A long text is cut short.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseCoreSetError {
    /// A part is neither a number nor a range of two numbers.
    #[error("core list {value:?}: {part:?} is neither a core nor a range of cores, as in \"0-3,8\"")]
    NotACore {
        /// The whole list.
        value: String,
        /// The offending part.
        part: String,
    },
    /// A number is not below [`MAX_CORES`].
    #[error("core list {value:?}: {part:?} is out of range: core numbers are 0 to {}", MAX_CORES - 1)]
    TooLarge {
        /// The whole list.
        value: String,
        /// The offending part.
        part: String,
    },
    /// A range ends below its start.
    #[error("core list {value:?}: the range {part:?} runs backwards: the lower core comes first")]
    Reversed {
        /// The whole list.
        value: String,
        /// The offending part.
        part: String,
    },
    /// A range has a stride, as in `0-7:2`.
    #[error("core list {value:?}: the stride in {part:?} is not supported: list the cores, as in \"0,2,4\"")]
    Stride {
        /// The whole list.
        value: String,
        /// The offending part.
        part: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(list: &str) -> CoreSet {
        list.parse().unwrap()
    }

    #[test]
    fn lists_are_normalized() {
        for (list, printed) in [
            ("", ""),
            ("\n", ""),
            (" 3 \n", "3"),
            ("0-3,8\n", "0-3,8"),
            ("8, 1-2 ,0-1,3", "0-3,8"),
            ("63-64", "63-64"),
            ("0-4095", "0-4095"),
            ("007", "7"),
            ("5-5", "5"),
        ] {
            assert_eq!(set(list).to_string(), printed, "{list:?}");
        }
    }

    #[test]
    fn errors_name_the_value_and_the_part() {
        let reason = |list: &str| list.parse::<CoreSet>().unwrap_err();
        for list in ["x", "0,,1", "0,", ",", "-", "1-", "-1", "+1", "1-2-3", "0x1", "1 2", "\u{661}", "0 - 3"] {
            assert!(
                matches!(reason(list), ParseCoreSetError::NotACore { value, .. } if value == list.trim()),
                "{list}"
            );
        }
        for list in ["4096", "0-4096", "99999999999999999999"] {
            assert!(matches!(reason(list), ParseCoreSetError::TooLarge { part, .. } if part == list), "{list}");
        }
        let error = reason("1,7-4");
        assert_eq!(error, ParseCoreSetError::Reversed { value: "1,7-4".into(), part: "7-4".into() });
        let error = reason("1,0-7:2");
        assert_eq!(error, ParseCoreSetError::Stride { value: "1,0-7:2".into(), part: "0-7:2".into() });
        assert!(error.to_string().contains("\"0-7:2\" is not supported"), "{error}");
    }

    #[test]
    fn an_error_does_not_repeat_a_long_text() {
        let error = "é".repeat(100_000).parse::<CoreSet>().unwrap_err();
        assert!(error.to_string().len() < 600, "{error}");
    }

    #[test]
    fn removing_the_highest_core_leaves_an_equal_set() {
        let mut long = set("1,200");
        assert!(long.remove(CoreId::new(200).unwrap()));
        assert!(!long.remove(CoreId::new(200).unwrap()));
        assert_eq!(long, set("1"));
        assert!(long.remove(CoreId::new(1).unwrap()));
        assert_eq!((long.is_empty(), long.first()), (true, None));
    }

    fn cores() -> impl Strategy<Value = BTreeSet<u32>> {
        prop_oneof![
            proptest::collection::btree_set(0..MAX_CORES, 0..40),
            proptest::collection::btree_set(0..130u32, 0..130),
        ]
    }

    fn of(cores: &BTreeSet<u32>) -> CoreSet {
        cores.iter().map(|&core| CoreId::new(core).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn printing_and_parsing_is_the_identity(cores in cores()) {
            let set = of(&cores);
            prop_assert_eq!(&set.to_string().parse::<CoreSet>().unwrap(), &set);
            prop_assert_eq!(set.iter().map(CoreId::get).collect::<BTreeSet<_>>(), cores.clone());
            prop_assert_eq!(set.len(), cores.len());
        }

        #[test]
        fn ranges_hold_what_lies_between(low in 0..MAX_CORES, length in 0..200u32) {
            let high = (low + length).min(MAX_CORES - 1);
            let set: CoreSet = format!("{low}-{high}").parse().unwrap();
            prop_assert_eq!(set.iter().map(CoreId::get).collect::<Vec<_>>(), (low..=high).collect::<Vec<_>>());
        }

        #[test]
        fn operations_agree_with_a_tree_set(a in cores(), b in cores(), core in 0..MAX_CORES) {
            let (x, y) = (of(&a), of(&b));
            prop_assert_eq!(x.union(&y), of(&(&a | &b)));
            prop_assert_eq!(x.intersection(&y), of(&(&a & &b)));
            prop_assert_eq!(x.difference(&y), of(&(&a - &b)));
            prop_assert_eq!(x.is_subset(&y), a.is_subset(&b));
            prop_assert_eq!(x.is_empty(), a.is_empty());
            prop_assert_eq!(x.first().map(CoreId::get), a.first().copied());
            let core_id = CoreId::new(core).unwrap();
            prop_assert_eq!(x.contains(core_id), a.contains(&core));
            let (mut more, mut tree) = (x.clone(), a.clone());
            prop_assert_eq!(more.insert(core_id), tree.insert(core));
            prop_assert_eq!(&more, &of(&tree));
            prop_assert_eq!(more.remove(core_id), tree.remove(&core));
            prop_assert_eq!(&more, &of(&tree));
        }

        #[test]
        fn hostile_texts_never_panic(text in "\\PC*", listlike in "[0-9,:\\- \n+x]{0,40}") {
            for text in [text, listlike] {
                if let Ok(set) = text.parse::<CoreSet>() {
                    prop_assert_eq!(set.to_string().parse::<CoreSet>().unwrap(), set);
                }
            }
        }
    }
}
