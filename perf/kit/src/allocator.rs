//! The allocator of the whole program: `mimalloc`, which on demand counts the bytes that are in use.
//!
//! Counting is off while anything is timed. It then costs each call one load of a word that nobody writes.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use mimalloc::MiMalloc;

/// `mimalloc`, and a count of what it hands out.
pub struct Counting;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// How many bytes more are in use after `work` than before, on all threads, with the allocator's own rounding.
///
/// One call at a time: the program measures one thing after the other.
pub fn bytes_kept<T>(work: impl FnOnce() -> T) -> (T, i64) {
    let before = LIVE_BYTES.load(Ordering::SeqCst);
    IS_COUNTING.store(true, Ordering::SeqCst);
    let result = work();
    IS_COUNTING.store(false, Ordering::SeqCst);
    (result, LIVE_BYTES.load(Ordering::SeqCst) - before)
}

impl Counting {
    /// Adds the block at `block` to the count, or takes it off.
    #[inline(always)]
    fn count(block: *mut u8, sign: i64) {
        // Relaxed: `bytes_kept` is called by the thread that waits for whatever it counts.
        if IS_COUNTING.load(Ordering::Relaxed) && !block.is_null() {
            // SAFETY: the callers pass a block of this allocator that is in use.
            let bytes = unsafe { MiMalloc.usable_size(block) };
            LIVE_BYTES.fetch_add(sign * bytes as i64, Ordering::Relaxed);
        }
    }
}

// SAFETY: everything is done by `MiMalloc`, with the arguments as they come.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let block = unsafe { MiMalloc.alloc(layout) };
        Self::count(block, 1);
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let block = unsafe { MiMalloc.alloc_zeroed(layout) };
        Self::count(block, 1);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Self::count(block, -1);
        // SAFETY: the caller's contract.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        Self::count(block, -1);
        // SAFETY: the caller's contract.
        let moved = unsafe { MiMalloc.realloc(block, layout, bytes) };
        // Where there is no memory the old block stays.
        Self::count(if moved.is_null() { block } else { moved }, 1);
        moved
    }
}
