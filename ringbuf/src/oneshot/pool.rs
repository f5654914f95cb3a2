//! Blocks of memory for cells, in classes of sizes, recycled through bounded lock-free lists.

use super::cell::Link;
use super::{Receiver, Sender};
use crate::sync::{alloc, dealloc};
use crossbeam_queue::ArrayQueue;
use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;
// The reference count and the statistics are no part of a protocol that is modelled, so they are always the standard
// library's. (A method cannot take `&Arc<Self>` of the checker's `Arc` either.)
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SMALLEST_BYTES: usize = 64;
const LARGEST_BYTES: usize = 4096;
const LARGEST_ALIGN_BYTES: usize = 128;
const CLASSES: usize = (LARGEST_BYTES / SMALLEST_BYTES).ilog2() as usize + 1;

/// Whether free blocks are kept. The model checker cannot see into the lists, so under it every cell is a block of its
/// own, whose release it checks.
const RECYCLES: bool = cfg!(not(loom));

/// The memory that a type of cell takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slab {
    layout: Layout,
    /// `None`: too large, or aligned too strictly, to be recycled.
    class: Option<usize>,
}

impl Slab {
    /// What a cell of this layout takes. Blocks of one class are alike, whatever is in them.
    pub(super) const fn of(cell: Layout) -> Self {
        if cell.size() > LARGEST_BYTES || cell.align() > LARGEST_ALIGN_BYTES {
            return Self { layout: cell, class: None };
        }
        let mut class = 0;
        while SMALLEST_BYTES << class < cell.size() {
            class += 1;
        }
        Self { layout: Self::of_class(class), class: Some(class) }
    }

    /// A size is a multiple of its alignment, so a block that is aligned to its own size, up to the largest alignment
    /// that there is, suits every cell that fits in.
    const fn of_class(class: usize) -> Layout {
        let size = SMALLEST_BYTES << class;
        let align = if size < LARGEST_ALIGN_BYTES { size } else { LARGEST_ALIGN_BYTES };
        match Layout::from_size_align(size, align) {
            Ok(layout) => layout,
            Err(_) => panic!("a class is a small power of two, and so is its alignment"),
        }
    }
}

/// A block that is in no use.
struct FreeBlock(NonNull<u8>);

// SAFETY: nobody else has a pointer to a free block; it is plain memory, whose last user handed it in through the
// list.
unsafe impl Send for FreeBlock {}

/// The free blocks of one class; `None` keeps none.
struct FreeList(Option<ArrayQueue<FreeBlock>>);

impl FreeList {
    fn new(capacity: usize) -> Self {
        Self((RECYCLES && capacity > 0).then(|| ArrayQueue::new(capacity)))
    }

    fn pop(&self) -> Option<NonNull<u8>> {
        self.0.as_ref()?.pop().map(|FreeBlock(block)| block)
    }

    /// Keeps the block, or gives it back where there is no room.
    fn push(&self, block: NonNull<u8>) -> Result<(), NonNull<u8>> {
        match &self.0 {
            Some(list) => list.push(FreeBlock(block)).map_err(|FreeBlock(block)| block),
            None => Err(block),
        }
    }

    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, ArrayQueue::len)
    }
}

/// Where the cells of channels come from and go back to.
///
/// Cells have seven sizes, the powers of two from 64 to 4,096 bytes, and each size has its own list of free cells. A
/// channel takes a free cell or, where there is none, allocates one; so a pool that has seen its peak allocates no
/// more. A cell that is given back to a full list is freed. Cells in use keep their pool alive.
pub struct Pool {
    free: [FreeList; CLASSES],
    allocated: AtomicU64,
    freed: AtomicU64,
}

/// What a [`Pool`] has done so far; from [`Pool::counts`].
///
/// Neither of the first two moves in the steady state. `allocated - freed - free` cells are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Cells that were taken from the allocator, as no free one was there or none could be (too large a value).
    pub allocated: u64,
    /// Cells that were given back to the allocator, as there was no room in the list of free ones.
    pub freed: u64,
    /// Cells that wait to be used again.
    pub free: u64,
}

impl Pool {
    /// A pool that keeps up to `cells_per_class` free cells of each size; with 0 it keeps none and recycles nothing.
    ///
    /// Cost: the lists are allocated here, 16 bytes for each place of each of the seven sizes; the cells are not.
    pub fn new(cells_per_class: usize) -> Arc<Self> {
        Arc::new(Self {
            free: std::array::from_fn(|_| FreeList::new(cells_per_class)),
            allocated: AtomicU64::new(0),
            freed: AtomicU64::new(0),
        })
    }

    /// A new channel of one value.
    ///
    /// Cost: a free cell taken off its list and one more count of the pool's references; an allocation where no free
    /// cell is there, or where the cell (the value and up to 32 bytes) is over 4,096 bytes or aligned to over 128.
    ///
    /// ```
    /// use hippodrome_ringbuf::oneshot::Pool;
    ///
    /// let pool = Pool::new(16);
    /// let (sender, mut receiver) = pool.channel();
    /// assert_eq!(receiver.try_take(), None);
    /// assert_eq!(sender.send("done"), Ok(()));
    /// assert_eq!(receiver.try_take(), Some(Ok("done")));
    /// assert_eq!((pool.counts().allocated, pool.counts().free), (1, 1));
    /// ```
    pub fn channel<T: Send>(self: &Arc<Self>) -> (Sender<T>, Receiver<T>) {
        let link = Link::new(Arc::clone(self));
        (Sender::new(link), Receiver::new(link))
    }

    /// What the pool has done so far. While channels are in use on other threads, the three figures need not belong to
    /// one moment.
    pub fn counts(&self) -> Counts {
        Counts {
            allocated: self.allocated.load(Ordering::Relaxed),
            freed: self.freed.load(Ordering::Relaxed),
            free: self.free.iter().map(|list| list.len() as u64).sum(),
        }
    }

    /// A block for a cell, not initialized.
    pub(super) fn take(&self, slab: Slab) -> NonNull<u8> {
        if let Some(block) = slab.class.and_then(|class| self.free[class].pop()) {
            return block;
        }
        self.allocated.fetch_add(1, Ordering::Relaxed);
        // SAFETY: a cell holds at least its state, so no slab is of size zero.
        let block = unsafe { alloc(slab.layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(slab.layout))
    }

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// `block` came from [`Pool::take`] of this pool with the same `slab`, and is in no use any more.
    pub(super) unsafe fn put(&self, block: NonNull<u8>, slab: Slab) {
        let refused = match slab.class {
            Some(class) => self.free[class].push(block),
            None => Err(block),
        };
        if let Err(block) = refused {
            self.freed.fetch_add(1, Ordering::Relaxed);
            // SAFETY: `take` allocated the block with this layout, and the caller says that it is in no use.
            unsafe { dealloc(block.as_ptr(), slab.layout) };
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for (class, list) in self.free.iter().enumerate() {
            while let Some(block) = list.pop() {
                // SAFETY: the blocks of a list were allocated with the layout of its class, and are in no use.
                unsafe { dealloc(block.as_ptr(), Slab::of_class(class)) };
            }
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_slab_fits_its_cell() {
        for align in [1, 2, 4, 8, 16, 32, 64, 128] {
            for size in (align..=LARGEST_BYTES).step_by(align) {
                let cell = Layout::from_size_align(size, align).unwrap();
                let slab = Slab::of(cell);
                assert!(slab.class.is_some_and(|class| class < CLASSES));
                assert!(slab.layout.size() >= size && slab.layout.align() >= align, "{cell:?} in {slab:?}");
                assert!(slab.layout.size() < 2 * size.max(SMALLEST_BYTES), "{slab:?} wastes room on {cell:?}");
            }
        }
    }

    #[test]
    fn what_fits_no_class_is_exact() {
        for (size, align) in [(LARGEST_BYTES + 8, 8), (256, 256), (1 << 20, 128)] {
            let cell = Layout::from_size_align(size, align).unwrap();
            let slab = Slab::of(cell);
            assert_eq!((slab.layout, slab.class), (cell, None));
        }
    }
}
