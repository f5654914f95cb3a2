//! Zeroed, cache-line aligned memory that is touched by the thread that allocates it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Two cache lines: what prefetchers of today's x86 fetch in pairs.
const ALIGN_BYTES: usize = 128;

/// What is done with a block of memory between its allocation and its first touch: advice for the operating system.
pub type MemoryAdvice = fn(&[MaybeUninit<u8>]);

thread_local! {
    static ADVICE: Cell<Option<MemoryAdvice>> = const { Cell::new(None) };
}

/// Builds rings on this thread whose memory is given to `advice` before it is touched: for huge pages, say.
///
/// # Examples
/// ```
/// use hippodrome_ringbuf::{LocalRing, PlainKind, with_memory_advice};
///
/// let ring: LocalRing<PlainKind> =
///     with_memory_advice(|block| println!("{} bytes", block.len()), || LocalRing::new(64 * 1024, 64 * 1024));
/// # drop(ring);
/// ```
pub fn with_memory_advice<R>(advice: MemoryAdvice, build: impl FnOnce() -> R) -> R {
    /// Takes the advice back, also when `build` panics.
    struct Reset(Option<MemoryAdvice>);
    impl Drop for Reset {
        fn drop(&mut self) {
            ADVICE.set(self.0);
        }
    }
    let _reset = Reset(ADVICE.replace(Some(advice)));
    build()
}

/// An owned block of bytes. It says nothing of who may touch them when: that is its ring's protocol.
#[derive(Debug)]
pub(crate) struct Memory {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the block is plain memory, owned by this value alone; it may be freed by any thread.
unsafe impl Send for Memory {}
// SAFETY: a shared `Memory` gives out nothing but its address and its size.
unsafe impl Sync for Memory {}

impl Memory {
    /// Allocates `bytes` and writes zeros to all of them, so that the pages are this thread's node's.
    ///
    /// # Panics
    /// If `bytes` is 0 or over `isize::MAX`: the rings check their capacities before.
    pub(crate) fn zeroed(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes, ALIGN_BYTES).expect("a ring's capacity was checked");
        assert!(bytes > 0, "a ring's capacity was checked");
        // SAFETY: the layout's size is not zero.
        let base = unsafe { alloc(layout) };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(layout) };
        if let Some(advice) = ADVICE.get() {
            // SAFETY: the block was just allocated with this size, nobody else knows it, and it need not be initialised.
            advice(unsafe { std::slice::from_raw_parts(base.as_ptr().cast(), bytes) });
        }
        // SAFETY: the block was just allocated with this size. Written, not `alloc_zeroed`: untouched pages would be
        // given to the node of whoever writes first.
        unsafe { base.write_bytes(0, bytes) };
        Self { base, layout }
    }

    #[inline(always)]
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` with this layout, and freed only here.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}
