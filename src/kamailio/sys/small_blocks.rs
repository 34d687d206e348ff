//! The allocator: freed small blocks are kept for the next allocation of their size.
//!
//! A message needs some forty small blocks for a short time: texts, vectors, boxed values. The system's allocator needs
//! about 150 instructions to give out a block and to take it back; a step on a list needs 40. Blocks come from the system's
//! allocator, each with the size of its class, so any thread may free them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::{NonNull, null_mut};

/// The sizes of the classes are multiples of this, and so are the addresses of the blocks.
const STEP: usize = 16;

/// Number of classes: blocks of up to 1024 octets.
const CLASSES: usize = 64;

/// The largest number of blocks kept of one class. The rest goes back to the system's allocator.
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

/// The layout of a block of this class, as the system's allocator is asked for it.
const fn layout_of(class: usize) -> Layout {
    match Layout::from_size_align((class + 1) * STEP, STEP) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

impl Free {
    fn take(&self) -> Option<NonNull<u8>> {
        let first = NonNull::new(self.first.get())?;
        // SAFETY: a block on the list is free, so nobody else uses it; `dealloc` has written its `next`.
        self.first.set(unsafe { first.as_ref() }.next);
        self.count.set(self.count.get() - 1);
        Some(first.cast())
    }

    /// Puts a block in front of the list. Gives the block that was there before, to be written into the new one; none if
    /// there are enough of them.
    fn put(&self, block: *mut Block) -> Option<*mut Block> {
        let count = self.count.get();
        if count == MOST {
            return None;
        }
        self.count.set(count + 1);
        Some(self.first.replace(block))
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
        let free = block.cast::<Block>();
        if let Some(class) = class(layout)
            && let Some(next) = FREE.with(|lists| lists[class].put(free))
        {
            // SAFETY: the caller's promise: the block is nobody's now. It has at least 16 octets, at a multiple of 16.
            unsafe { free.write(Block { next }) };
            return;
        }
        // SAFETY: the block came from there, when it was asked for with this layout.
        unsafe { System.dealloc(block, asked(layout)) };
    }
}
