//! The allocator: freed small blocks are kept for the next allocation of their size.
//!
//! A message needs some forty small blocks for an instant each: texts, vectors, boxed values. The system's allocator needs
//! about 130 instructions to give one out and to take it back. Here that is a step on a list. Blocks come from the system's allocator, each with
//! the size of its class, so a block may be freed by any thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::{NonNull, null_mut};

/// The sizes of the classes are multiples of this, and so are the addresses of the blocks.
const STEP: usize = 16;

/// Number of classes: blocks of up to 1024 octets.
const CLASSES: usize = 64;

/// Most blocks kept of one class. The rest goes back to the system's allocator.
const MOST: u32 = 32;

// Debug builds have the system's allocator alone: so valgrind sees each block, and tests count them.
#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: SmallBlocks = SmallBlocks;

/// The allocator of the module.
pub(crate) struct SmallBlocks;

/// The free blocks of one class: a list that goes through the blocks themselves.
struct Free {
    first: Cell<*mut Block>,
    count: Cell<u32>,
}

/// A free block.
struct Block {
    next: *mut Block,
}

thread_local! {
    /// The free blocks of this thread. There is nothing to drop: a thread that ends leaves them, a process gives them back with its end.
    static FREE: [Free; CLASSES] = const {
        [const { Free { first: Cell::new(null_mut()), count: Cell::new(0) } }; CLASSES]
    };
}

/// The class of a block; nothing for a large one.
const fn class(layout: Layout) -> Option<usize> {
    let class = layout.size().wrapping_sub(1) / STEP;
    if class < CLASSES && layout.align() <= STEP {
        Some(class)
    } else {
        None
    }
}

/// What the system's allocator is asked for: a block of this class.
const fn layout_of(class: usize) -> Layout {
    match Layout::from_size_align((class + 1) * STEP, STEP) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

impl Free {
    fn take(&self) -> Option<NonNull<u8>> {
        let first = NonNull::new(self.first.get())?;
        // SAFETY: a block on the list is free, so nobody else uses it; `keep` has written its `next`.
        self.first.set(unsafe { first.as_ref() }.next);
        self.count.set(self.count.get() - 1);
        Some(first.cast())
    }

    /// False: there are enough of them.
    ///
    /// # Safety
    /// The block has the size of the class and is nobody's.
    unsafe fn keep(&self, block: *mut u8) -> bool {
        let count = self.count.get();
        if count == MOST {
            return false;
        }
        let block = block.cast::<Block>();
        let next = self.first.replace(block);
        // SAFETY: nobody's, at least 16 octets, at a multiple of 16.
        unsafe { block.write(Block { next }) };
        self.count.set(count + 1);
        true
    }
}

// SAFETY: a block is on one list, or its owner has it: `take` takes it off the list. It is as large and as aligned as its
// class, which the layout alone tells: so it is found again when it is freed.
unsafe impl GlobalAlloc for SmallBlocks {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        };
        match FREE.with(|free| free[class].take()) {
            Some(block) => block.as_ptr(),
            // SAFETY: the size is not 0.
            None => unsafe { System.alloc(layout_of(class)) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else {
            // SAFETY: the caller's promise; a large block came from there with this layout.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: the caller's promise: the block was given out with this layout, and is nobody's now.
        if !FREE.with(|free| unsafe { free[class].keep(block) }) {
            // SAFETY: it came from there with this layout.
            unsafe { System.dealloc(block, layout_of(class)) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size, rounded up to the alignment, is no overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(new)) {
            // SAFETY: the caller's promise; both are large.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (old, wanted) if old == wanted => block,
            _ => {
                // SAFETY: the size is not 0, by the caller's promise.
                let moved = unsafe { self.alloc(new) };
                if !moved.is_null() {
                    let octets = layout.size().min(size);
                    // SAFETY: two blocks, each at least so large.
                    unsafe { block.copy_to_nonoverlapping(moved, octets) };
                    // SAFETY: the caller's promise; its contents have moved.
                    unsafe { self.dealloc(block, layout) };
                }
                moved
            }
        }
    }
}
