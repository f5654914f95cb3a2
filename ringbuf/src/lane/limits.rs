//! What a lane or an ingress may be, and why it takes no envelope.

use std::alloc::Layout;
use std::error::Error;
use std::fmt;

use crate::envelope::envelope_bytes;
use crate::lines::LINE_BYTES;

/// The smallest lane, in bytes.
pub const MIN_LANE_BYTES: usize = 512;
/// The largest lane, in bytes.
pub const MAX_LANE_BYTES: usize = 1 << 30;

/// The largest envelope that a lane or an ingress of `bytes` bytes takes, header and padding included: an empty one
/// has room for it wherever the lap stands. 0 for less than [`MIN_LANE_BYTES`].
#[must_use]
pub const fn max_envelope_bytes(bytes: usize) -> usize {
    bytes.saturating_sub(4 * LINE_BYTES as usize) / 2
}

/// A capacity that no lane and no ingress can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityError {
    /// The capacity that was asked for, in bytes.
    pub bytes: usize,
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes } = self;
        write!(f, "capacity of {bytes} bytes: a power of two from {MIN_LANE_BYTES} to {MAX_LANE_BYTES} is allowed")
    }
}

impl Error for CapacityError {}

pub(crate) fn check_capacity(bytes: usize) -> Result<(), CapacityError> {
    if bytes.is_power_of_two() && (MIN_LANE_BYTES..=MAX_LANE_BYTES).contains(&bytes) {
        Ok(())
    } else {
        Err(CapacityError { bytes })
    }
}

/// Why an envelope was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// There is no room now; there will be when the consumer has read what was published and released it.
    Full,
    /// The consumer has gone.
    Closed,
    /// The envelope is larger than the ring ever takes; see [`max_envelope_bytes`].
    TooLarge {
        /// What the envelope can take, in bytes, header and padding included.
        bytes: usize,
        /// The most that is allowed, in bytes.
        limit: usize,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("no room for the envelope now"),
            Self::Closed => f.write_str("the consumer has gone"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "envelope of {bytes} bytes: at most {limit} are allowed in a ring of this capacity")
            }
        }
    }
}

impl Error for Refused {}

/// Refuses an envelope of `layout` that a ring of `capacity` bytes can never take.
pub(crate) fn check_size(layout: Layout, capacity: usize) -> Result<(), Refused> {
    let (bytes, limit) = (envelope_bytes(layout), max_envelope_bytes(capacity));
    if bytes <= limit { Ok(()) } else { Err(Refused::TooLarge { bytes, limit }) }
}
