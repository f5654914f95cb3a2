//! A global allocator that counts what is allocated while something runs.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static COUNTS_HERE: Cell<bool> = const { Cell::new(false) };
    static ALLOCATIONS_HERE: Cell<u64> = const { Cell::new(0) };
}

fn note() {
    if COUNTS.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
    if COUNTS_HERE.get() {
        ALLOCATIONS_HERE.set(ALLOCATIONS_HERE.get() + 1);
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What all threads of the process allocate meanwhile. One at a time.
pub(crate) fn allocations_of_all(run: impl FnOnce()) -> u64 {
    ALLOCATIONS.store(0, Ordering::SeqCst);
    COUNTS.store(true, Ordering::SeqCst);
    run();
    COUNTS.store(false, Ordering::SeqCst);
    ALLOCATIONS.load(Ordering::SeqCst)
}

/// What this thread allocates meanwhile.
pub(crate) fn allocations_here(run: impl FnOnce()) -> u64 {
    ALLOCATIONS_HERE.set(0);
    COUNTS_HERE.set(true);
    run();
    COUNTS_HERE.set(false);
    ALLOCATIONS_HERE.get()
}
