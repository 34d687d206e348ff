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

/// The block that the system's allocator is asked for.
const fn asked(layout: Layout) -> Layout {
    match class(layout) {
        Some(class) => layout_of(class),
        None => layout,
    }
}

// SAFETY: a block is on one list, or its owner has it: `take` takes it off the list. It is as large and as aligned as its
// class, which the layout alone tells: so it is found again when it is freed.
unsafe impl GlobalAlloc for SmallBlocks {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(class) = class(layout)
            && let Some(block) = FREE.with(|free| free[class].take())
        {
            return block.as_ptr();
        }
        // SAFETY: the caller's promise: the size is not 0.
        unsafe { System.alloc(asked(layout)) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(class) = class(layout) {
            // SAFETY: the caller's promise: the block was given out with this layout, and is nobody's now.
            if FREE.with(|free| unsafe { free[class].keep(block) }) {
                return;
            }
        }
        // SAFETY: the block came from there, when it was asked for with this layout.
        unsafe { System.dealloc(block, asked(layout)) };
    }
}
