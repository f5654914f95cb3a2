//! What may go wrong with a ring of values. Where a value was handed in, the error hands it back.

use std::error::Error;
use std::fmt;

/// Why a ring could not be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapacityError {
    /// A capacity of 0 was asked for; at least 1 is needed.
    Zero,
    /// More was asked for than any ring may hold.
    TooLarge {
        /// The capacity asked for, in values.
        capacity: usize,
        /// The largest capacity allowed, in values.
        limit: usize,
    },
    /// The slots could not be allocated.
    OutOfMemory {
        /// The capacity asked for, in values.
        capacity: usize,
        /// The size of one slot, in bytes.
        slot_bytes: usize,
    },
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("ring capacity 0: at least 1 is needed"),
            Self::TooLarge { capacity, limit } => {
                write!(f, "ring capacity {capacity}: at most {limit} is allowed")
            }
            Self::OutOfMemory { capacity, slot_bytes } => {
                write!(f, "ring capacity {capacity}: slots of {slot_bytes} bytes could not be allocated")
            }
        }
    }
}

impl Error for CapacityError {}

/// Why a value was not pushed, with the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushError<T> {
    /// The ring holds as many values as its capacity allows. Pushing may succeed later.
    Full(T),
    /// The consumer has closed the ring or is gone. Pushing will never succeed again.
    Closed(T),
}

impl<T> PushError<T> {
    /// Gives the value back, whatever the reason was.
    ///
    /// ```
    /// use hippodrome_ringbuf::PushError;
    ///
    /// assert_eq!(PushError::Full(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

/// Leaves the value out, so that errors of any value can be printed and boxed.
impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "push to a full ring",
            Self::Closed(_) => "push to a closed ring",
        })
    }
}

impl<T> Error for PushError<T> {}

/// Why no slots could be claimed for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimError {
    /// The ring holds as many values as its capacity allows. Claiming may succeed later.
    Full,
    /// The consumer has closed the ring or is gone. Claiming will never succeed again.
    Closed,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "claim in a full ring",
            Self::Closed => "claim in a closed ring",
        })
    }
}

impl Error for ClaimError {}

/// Why there was nothing to pop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PopError {
    /// Nothing is there to be taken. Popping may succeed later.
    Empty,
    /// Every producer is gone and all they pushed has been taken. Popping will never succeed again.
    Closed,
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "pop from an empty ring",
            Self::Closed => "pop from a drained ring without producers",
        })
    }
}

impl Error for PopError {}

/// Why a latest-value cell, or a board of them, could not be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LatestError {
    /// No writer was asked for, or too many.
    Writers {
        /// How many were asked for.
        writers: usize,
        /// The most that are allowed.
        limit: usize,
    },
    /// No key was asked for, or too many.
    Keys {
        /// How many were asked for.
        keys: usize,
        /// The most that are allowed.
        limit: usize,
    },
    /// The slots could not be allocated.
    OutOfMemory {
        /// How large they are together.
        bytes: usize,
    },
}

impl fmt::Display for LatestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Writers { writers, limit } => write!(f, "{writers} writers of a cell: 1 to {limit} are allowed"),
            Self::Keys { keys, limit } => write!(f, "a board of {keys} keys: 1 to {limit} are allowed"),
            Self::OutOfMemory { bytes } => write!(f, "{bytes} bytes of slots could not be allocated"),
        }
    }
}

impl Error for LatestError {}

/// A value for a key that a board does not have, with the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyError<T> {
    /// The key.
    pub key: usize,
    /// How many the board has, from 0 on.
    pub keys: usize,
    /// What was to be written.
    pub value: T,
}

/// Leaves the value out, so that errors of any value can be printed and boxed.
impl<T> fmt::Debug for KeyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyError(key: {}, keys: {}, ..)", self.key, self.keys)
    }
}

impl<T> fmt::Display for KeyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}: the board has {} keys, from 0 on", self.key, self.keys)
    }
}

impl<T> Error for KeyError<T> {}
