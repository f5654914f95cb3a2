//! The memory of a lane or an ingress: cache lines, of which the first word may be a *stamp*.
//!
//! A stamp is an atomic word that shares its line with what it announces, so that a reader who polls it gets the news
//! and the data by one transfer of a line. Words that are not stamps at the moment hold bytes of messages. Under the
//! model checker, which sees no raw memory, the stamps are atomics of their own, a checked cell per line stands for
//! its bytes, and overwriting a stamp's place with a message is played by storing a misleading value there.

pub(crate) use self::chosen::Lines;
use crate::sync::Ordering;

/// Bytes of a line: what one stamp announces at least.
pub(crate) const LINE_BYTES: u64 = 64;

/// Bytes of a stamp.
pub(crate) const STAMP_BYTES: u64 = 8;

/// The line boundary at or above `position`.
#[inline(always)]
pub(crate) fn line_up(position: u64) -> u64 {
    (position + (LINE_BYTES - 1)) & !(LINE_BYTES - 1)
}

/// The line boundary at or below `position`.
#[inline(always)]
pub(crate) fn line_down(position: u64) -> u64 {
    position & !(LINE_BYTES - 1)
}

impl Lines {
    /// Clears the stamp of the line that begins at `position`, so that no message's bytes are taken for one. The line
    /// must be nobody else's, like one in which a message is written.
    #[inline(always)]
    pub(crate) fn clear_stamp(&self, position: u64) {
        self.owns(position);
        // Relaxed: the reader comes here only after an acquire of what its ring publishes after this.
        self.stamp(position).store(0, Ordering::Relaxed);
    }
}

#[cfg(not(loom))]
mod chosen {
    use crate::memory::Memory;
    use crate::sync::AtomicU64;

    /// Lines of plain memory. Positions are counted in bytes without end and wrap by a mask.
    #[derive(Debug)]
    pub(crate) struct Lines {
        memory: Memory,
        mask: u64,
    }

    impl Lines {
        pub(crate) fn new(bytes: usize) -> Self {
            debug_assert!(bytes.is_power_of_two());
            Self { memory: Memory::zeroed(bytes), mask: bytes as u64 - 1 }
        }

        pub(crate) fn bytes(&self) -> u64 {
            self.mask + 1
        }

        /// The address of `position`.
        #[inline(always)]
        pub(crate) fn at(&self, position: u64) -> *mut u8 {
            self.memory.base().wrapping_add((position & self.mask) as usize)
        }

        /// The address of the first line.
        #[inline(always)]
        pub(crate) fn base(&self) -> *mut u8 {
            self.memory.base()
        }

        /// The stamp of the line that begins at `position`. While it is polled, nobody writes that word but through
        /// this: the rings' protocols keep messages away from it.
        #[inline(always)]
        pub(crate) fn stamp(&self, position: u64) -> &AtomicU64 {
            debug_assert!(position.is_multiple_of(super::LINE_BYTES));
            // SAFETY: the word lies within the block, is aligned, was initialised with zero, and lives as long as
            // `self`.
            unsafe { AtomicU64::from_ptr(self.at(position).cast()) }
        }

        /// The line that begins at `position` is nobody else's.
        #[inline(always)]
        pub(super) fn owns(&self, _position: u64) {}

        /// The bytes from `start` to `end` are being written.
        #[inline(always)]
        pub(crate) fn writes(&self, _start: u64, _end: u64) {}

        /// The bytes from `start` to `end` are being read.
        #[inline(always)]
        pub(crate) fn reads(&self, _start: u64, _end: u64) {}
    }
}

#[cfg(loom)]
mod chosen {
    use super::{LINE_BYTES, line_down, line_up};
    use crate::memory::Memory;
    use crate::sync::{AtomicU64, Ordering, UnsafeCell};

    #[derive(Debug)]
    pub(crate) struct Lines {
        memory: Memory,
        mask: u64,
        stamps: Box<[AtomicU64]>,
        bytes: Box<[UnsafeCell<()>]>,
    }

    // SAFETY: the cells are only marks of accesses to the memory, which is `Sync`.
    unsafe impl Sync for Lines {}

    impl Lines {
        pub(crate) fn new(bytes: usize) -> Self {
            let lines = bytes / LINE_BYTES as usize;
            Self {
                memory: Memory::zeroed(bytes),
                mask: bytes as u64 - 1,
                stamps: (0..lines).map(|_| AtomicU64::new(0)).collect(),
                bytes: (0..lines).map(|_| UnsafeCell::new(())).collect(),
            }
        }

        pub(crate) fn bytes(&self) -> u64 {
            self.mask + 1
        }

        pub(crate) fn at(&self, position: u64) -> *mut u8 {
            self.memory.base().wrapping_add((position & self.mask) as usize)
        }

        pub(crate) fn base(&self) -> *mut u8 {
            self.memory.base()
        }

        pub(crate) fn stamp(&self, position: u64) -> &AtomicU64 {
            &self.stamps[self.line(position)]
        }

        pub(super) fn owns(&self, position: u64) {
            self.bytes[self.line(position)].with_mut(|_| ());
        }

        fn line(&self, position: u64) -> usize {
            ((position & self.mask) / LINE_BYTES) as usize
        }

        pub(crate) fn writes(&self, start: u64, end: u64) {
            for line in (line_down(start)..line_up(end)).step_by(LINE_BYTES as usize) {
                self.bytes[self.line(line)].with_mut(|_| ());
                if start <= line {
                    // The message's bytes lie where the stamp is: let them look like one that was never published.
                    self.stamps[self.line(line)].store(u64::MAX / 2, Ordering::Relaxed);
                }
            }
        }

        pub(crate) fn reads(&self, start: u64, end: u64) {
            assert!(end - start <= self.bytes(), "{end} was never stamped");
            for line in (line_down(start)..line_up(end)).step_by(LINE_BYTES as usize) {
                self.bytes[self.line(line)].with(|_| ());
            }
        }
    }
}
