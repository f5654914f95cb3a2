//! The number of one logical core.

use std::fmt;

/// How many core numbers there are: a core's number is below this.
///
/// It bounds the memory of every set of cores (512 bytes) whatever a file says. The largest machines that Linux runs on
/// have fewer cores than this.
pub const MAX_CORES: u32 = 4096;

/// The number that the operating system gives to one logical core (one hardware thread).
///
/// It is always below [`MAX_CORES`], so that a [`CoreSet`](crate::CoreSet) can hold it. That the number is valid does
/// not mean that such a core exists: ask [`Topology::check`](crate::Topology::check).
///
/// ```
/// use hippodrome_affinity::CoreId;
///
/// let core = CoreId::new(3)?;
/// assert_eq!((core.get(), core.to_string()), (3, "3".to_owned()));
/// assert_eq!(CoreId::new(4096).unwrap_err().to_string(), "core 4096 is out of range: core numbers are 0 to 4095");
/// # Ok::<(), hippodrome_affinity::CoreIdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(u32);

impl CoreId {
    /// The core of this number.
    ///
    /// # Errors
    ///
    /// [`CoreIdError`] if `number` is not below [`MAX_CORES`].
    pub const fn new(number: u32) -> Result<Self, CoreIdError> {
        if number < MAX_CORES { Ok(Self(number)) } else { Err(CoreIdError { value: number as u64 }) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for CoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u32> for CoreId {
    type Error = CoreIdError;

    fn try_from(number: u32) -> Result<Self, CoreIdError> {
        Self::new(number)
    }
}

impl TryFrom<usize> for CoreId {
    type Error = CoreIdError;

    fn try_from(number: usize) -> Result<Self, CoreIdError> {
        u32::try_from(number).map_err(|_| CoreIdError { value: number as u64 }).and_then(Self::new)
    }
}

/// A number that cannot be a core's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("core {value} is out of range: core numbers are 0 to {}", MAX_CORES - 1)]
pub struct CoreIdError {
    /// The number that was given.
    pub value: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_exact() {
        assert_eq!(CoreId::new(MAX_CORES - 1).map(CoreId::get), Ok(4095));
        assert_eq!(CoreId::new(MAX_CORES), Err(CoreIdError { value: 4096 }));
        assert_eq!(CoreId::try_from(7usize).map(CoreId::index), Ok(7));
        assert_eq!(CoreId::try_from(usize::MAX), Err(CoreIdError { value: usize::MAX as u64 }));
        assert_eq!(CoreId::try_from(u32::MAX), Err(CoreIdError { value: u64::from(u32::MAX) }));
    }
}
