//! How often the tests with threads repeat themselves.

/// Miri interprets, some thousand times slower than a machine, and finds a wrong access without it going wrong.
const SHARE: u64 = if cfg!(miri) { 500 } else { 1 };

/// This many rounds, or under Miri a small share of them.
pub(crate) const fn rounds(all: u64) -> u64 {
    all.div_ceil(SHARE)
}
